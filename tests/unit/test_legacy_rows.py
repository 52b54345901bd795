from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import legacy_rows
from core.legacy_rows import cost_of, priority_of, stored, usable_slug
from core.vocabulary import TaskPriority, TaskStatus

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)

anything = st.none() | st.integers() | st.floats() | st.text() | st.binary()


def slug(original: object) -> str | None:
    return usable_slug(str(original)) if original else None


@given(
    st.fixed_dictionaries(
        {"id": st.integers(1)},
        optional=dict.fromkeys(
            (
                "description",
                "priority",
                "status",
                "created_at",
                "started_at",
                "completed_at",
                "attempt_count",
                "result_id",
            ),
            anything,
        ),
    )
)
def test_whatever_a_task_holds_it_becomes_a_task(old: dict[str, object]) -> None:
    task = legacy_rows.task(old, slug, NOON)

    assert task["id"] == old["id"]
    assert task["description"].strip(" ")
    assert task["status"] in {*TaskStatus} - {TaskStatus.IN_PROGRESS}
    assert task["priority"] in {*TaskPriority}
    assert len(task["created_at"]) == len(stored(NOON))
    assert -(2**63) <= task["attempt_count"] < 2**63


@given(anything)
def test_whatever_a_cost_says_it_is_exact_or_kept_as_it_was(written: object) -> None:
    charge = legacy_rows.usage({"id": 1, "task_id": 1, "total_cost_usd": written}, slug, NOON)

    if charge["cost_nano"] is None:
        assert charge["unread_cost"] is written
        assert charge["total_cost_usd"] is None
    else:
        assert Decimal(charge["total_cost_usd"]) * 10**9 == charge["cost_nano"]


@pytest.mark.parametrize(
    ("written", "nano"),
    [("0.0721", 72_100_000), ("1e-05", 10_000), (" 2.5 ", 2_500_000_000), (0.1, 100_000_000)],
)
def test_amounts_are_read_as_they_were_written(written: object, nano: int) -> None:
    assert cost_of(written) == nano


@pytest.mark.parametrize("written", ["", "abc", "NaN", "-1", "inf", "$1", None, b"1"])
def test_what_is_no_amount_is_not_guessed(written: object) -> None:
    assert cost_of(written) is None


@pytest.mark.parametrize("word", ["SERIOUS", "serious", " Serious "])
def test_serious_in_any_spelling_is_serious(word: str) -> None:
    assert priority_of(word) == "serious"


@given(st.text(min_size=1))
def test_every_name_gives_a_slug_that_is_a_folder_name(original: str) -> None:
    found = usable_slug(original)

    assert 0 < len(found) <= 64
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not found.startswith("-")


def test_a_slug_stays_what_it_is() -> None:
    assert usable_slug("my-app") == "my-app"


def test_times_are_stored_as_sqlite_keeps_them() -> None:
    assert stored(NOON) == "2026-03-10 12:00:00.000000"
