"""Every query of docs/sql.md on both databases, and every table and column it names."""

import re
import shutil
import subprocess
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.charges import ModelUsage, Usage
from core.models import Base, RunOutcome, TaskPriority
from core.money import Nano
from core.read_only_sql import query
from core.settlement import Settlement
from core.vocabulary import ALL
from documents import blocks, code_spans, section, table
from fixtures_heart import World, at
from source_tree import ROOT

PAGE = (ROOT / "docs" / "sql.md").read_text()
QUERIES = section(PAGE, "More")
TITLES = re.findall(r"^### (.+)$", QUERIES, re.MULTILINE)
TABLES = section(PAGE, "The tables")
#: the query whose answer must be empty
AUDIT = "The ledger against the charges"

EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "Last night": [
        (1, "shop", "completed", 0.072102, "Write a landing page"),
        (2, "blog", "refuted", 0.4, "Upgrade the driver"),
        (2, "blog", "out_of_budget", 0.25, "Upgrade the driver"),
        (2, "blog", "completed", 0.1, "Upgrade the driver"),
        (3, None, "crashed", 0.5, "Tidy up"),
        (3, None, None, None, "Tidy up"),
    ],
    "What landed": [
        ("2026-03-10 21:40:00", "blog", "c0ffee", "Upgrade the driver"),
        ("2026-03-10 20:30:00", "shop", "beef", "Write a landing page"),
    ],
    "Waiting tasks": [
        (5, "serious", "shop", "its turn, or money", None),
        (4, "random", "shop", "project_busy", None),
        (6, "random", None, "not_before", "2026-03-12 06:00:00"),
    ],
    "What failures cost": [("crashed", 1, 0.5), ("refuted", 1, 0.4), ("out_of_budget", 1, 0.25)],
    "Cost per project and week": [
        ("2026-03-09", "blog", 0.75),
        ("2026-03-09", None, 0.5),
        ("2026-03-09", "shop", 0.072102),
    ],
    "Models": [("claude-sonnet-5-5", 0.07, 900, 1770, 37800)],
    "Who holds money now": [(6, 3, "claimed", 0.5, 0.0, "2026-03-10 22:10:00")],
    "Windows and their limits": [("night", "2026-03-10 20:00:00", 9.0, 1.322102, None)],
    AUDIT: [],
    "Dearest tasks": [
        (2, 3, 0.75, "Upgrade the driver"),
        (3, 1, 0.5, "Tidy up"),
        (1, 1, 0.072102, "Write a landing page"),
    ],
    "Tasks that took more than one run": [
        (2, 3, 1, 0, "completed", "Upgrade the driver"),
        (3, 2, 0, 1, "in_progress", "Tidy up"),
    ],
    "Charges that are no report of the agent": [(5, "hold", 0.5, None)],
    "Slowest runs": [
        (2, 2, 90.0, 60.0, 7),
        (1, 1, 30.5, 20.0, 3),
        (2, 1, 0.0, 0.0, 0),
        (2, 3, 0.0, 0.0, 0),
        (3, 1, 0.0, 0.0, 0),
    ],
}


@pytest.fixture
def night(world: World) -> World:
    """A night with work that landed, work that did not, a crash, a run that goes on, a queue."""
    world.clock.set(at("20:00"))
    world.add("Write a landing page", project="shop")
    world.add("Upgrade the driver", project="blog")
    world.add("Tidy up")
    landing = world.start()
    world.clock.set(at("20:30"))
    landed(world, landing, "0.072102", "beef", duration=(30_500, 20_000, 3))
    world.finish(world.start(), "0.40", RunOutcome.REFUTED, session_id="b")
    world.queue.retry_task(2)
    interrupted = world.start()
    world.clock.set(at("21:30"))
    timed = {"duration_ms": 90_000, "duration_api_ms": 60_000, "num_turns": 7}
    facts = {**timed, "metered_nano": 250_000_000}
    ending = Usage("0.65", session_id="b")
    world.settle(interrupted, Settlement(RunOutcome.OUT_OF_BUDGET, ending, facts=facts))
    again = world.start()
    world.clock.set(at("21:40"))
    landed(world, again, "0.75", "c0ffee", session="b")
    world.clock.set(at("22:00"))
    world.finish(world.start(), None, RunOutcome.CRASHED)
    world.clock.set(at("22:10"))
    world.start()
    world.add("Later", project="shop")
    world.add("First", TaskPriority.SERIOUS, project="shop")
    world.add("Not yet", not_before=at("06:00", day=2))
    return world


def landed(
    world: World,
    claim: Any,
    total: str,
    sha: str,
    *,
    duration: tuple[int, int, int] = (0, 0, 0),
    session: str | None = None,
) -> None:
    spent = Usage(
        total,
        session_id=session,
        models=(ModelUsage("claude-sonnet-5-5", Nano(70_000_000), 900, 1770, 37_800, 19_800),)
        if session is None
        else (),
    )
    timed = dict(zip(("duration_ms", "duration_api_ms", "num_turns"), duration, strict=True))
    facts = {"merge_sha": sha, **timed}
    world.settle(claim, Settlement(RunOutcome.COMPLETED, spent, facts=facts))


def the_query(title: str, world: World) -> str:
    """The one for this database where the page gives two."""
    text_ = section(QUERIES, title)
    dialect = "sqlite" if world.database.is_sqlite else "postgresql"
    own = re.findall(rf"^```sql {dialect}\n(.*?)^```$", text_, re.DOTALL | re.MULTILINE)
    (found,) = own or blocks(text_, "sql")
    return str(found)


def plain(value: Any) -> Any:
    """One form for what the two databases answer."""
    match value:
        case Decimal() | float():
            return round(float(value), 9)
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case date():
            return value.isoformat()
        case str():
            return value.removesuffix(".000000")
        case _:
            return value


def ask(world: World, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(map(plain, row)) for row in query(world.database, sql).rows]


@pytest.mark.parametrize("title", TITLES)
def test_a_query_of_the_page_answers_what_it_promises(night: World, title: str) -> None:
    assert ask(night, the_query(title, night)) == EXPECTED[title]


def test_every_expected_answer_has_its_query() -> None:
    assert set(TITLES) == set(EXPECTED)
    assert len(TITLES) >= 10


def test_the_two_known_queries_answer_on_both_databases(night: World) -> None:
    by_project, by_day = blocks(section(PAGE, "The two everybody wants"), "sql")

    assert sorted(ask(night, by_project)) == [("blog", 0.75), ("shop", 0.072102)]
    assert ask(night, by_day) == [("2026-03-10", 1.322102)]


def test_a_wrong_charge_is_found_by_the_audit(night: World) -> None:
    with night.database.write() as connection:
        connection.execute(
            text("UPDATE budget_entries SET amount_nano = 1 WHERE kind = 'charge' AND run_id = 1")
        )

    assert ask(night, the_query(AUDIT, night)) == [(1, 1, 72_102_000)]


def test_the_sqlite3_program_runs_every_query(sqlite_world: World) -> None:
    program = shutil.which("sqlite3")
    assert program, "the sqlite3 program is needed; on Debian: apt-get install sqlite3"
    known = blocks(section(PAGE, "The two everybody wants"), "sql")
    for sql in [*known, *(the_query(title, sqlite_world) for title in TITLES)]:
        done = subprocess.run(
            [program, "-readonly", "-bail", str(sqlite_world.database.path), sql],
            check=False,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, ""), sql


# --- tables and columns ----------------------------------------------------------------------


def test_every_table_is_described() -> None:
    described = set(re.findall(r"^### `(\w+)`$", TABLES, re.MULTILINE))

    assert described == set(Base.metadata.tables)


@pytest.mark.parametrize("name", Base.metadata.tables)
def test_the_columns_of_a_table_are_described_and_no_others(name: str) -> None:
    cells = table(section(TABLES, f"`{name}`"))
    described = [column for cell in cells for column in re.findall(r"\w+", cell)]

    assert sorted(described) == sorted(Base.metadata.tables[name].columns.keys())


def test_every_word_that_is_named_as_a_value_is_stored() -> None:
    stored = {word.value for kind in ALL for word in kind}
    told = {"status", "priority", "state", "kind"}
    named = {
        word
        for heading in re.findall(r"^### (`\w+`)$", TABLES, re.MULTILINE)
        for column, (meaning, *_) in table(section(TABLES, heading)).items()
        if column in told
        for word in re.findall(r"`(\w+)`", meaning)
    }
    assert named
    assert named <= stored


def test_every_type_of_event_is_listed_and_no_other() -> None:
    source = "".join(file.read_text() for file in sorted((ROOT / "core").glob("*.py")))
    written = set(re.findall(r'(?:append|_tell)\(connection, "([a-z_.]+)"', source))
    types = section(TABLES, "`events`").partition("\nTypes: ")[2]

    assert set(code_spans(types)) == written
