"""The form for a new task: how it looks, and what is made of what was filled in."""

from datetime import UTC, datetime
from typing import Any

import pytest
from slack_sdk.models.views import View

from core.models import TaskPriority
from core.money import to_nano
from fake_slack.blocks import view_problems
from fake_slack.forms import filled, state_values
from interfaces.grammar import Order
from interfaces.slack.incoming.task_form import (
    METADATA_LIMIT,
    TEXT_LIMIT,
    Blank,
    Choice,
    Filled,
    Origin,
    order_of,
    view,
    with_reference,
)
from interfaces.slack.rendering.blocks import units

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PROJECTS = [Choice("my-app", "My App"), Choice("web", "web")]


def opened(**given: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"origin": Origin("C1"), "projects": PROJECTS} | given
    blank = Blank(**facts)
    shown = view(blank)
    assert view_problems(shown, "modal") == []
    View(**shown).validate_json()
    return shown


def sent(values: dict[str, Any] | None = None, **given: Any) -> Filled:
    """The form as it comes back; every block and its field share a name."""
    shown = opened(**given)
    state = {"values": state_values(shown["blocks"])}
    entered = {name: {name: value} for name, value in ({"text": "x"} | (values or {})).items()}
    return Filled.read(shown | {"state": {"values": filled(shown | {"state": state}, entered)}})


def order(values: dict[str, Any] | None = None, **given: Any) -> Order:
    understood = order_of(sent(values, **given), NOON)
    assert isinstance(understood, Order), understood
    return understood


def problems(values: dict[str, Any], **given: Any) -> dict[str, str]:
    understood = order_of(sent(values, **given), NOON)
    assert isinstance(understood, dict), understood
    return understood


def test_a_form_with_nothing_but_a_text_is_a_serious_task_for_now() -> None:
    assert order({"text": " Mend the roof "}) == Order(
        "Mend the roof", priority=TaskPriority.SERIOUS
    )


def test_all_that_is_filled_in_is_in_the_order() -> None:
    at = int(datetime(2026, 3, 10, 23, 0, tzinfo=UTC).timestamp())
    values = {"known": "web", "priority": "random", "cap": "$2.50", "at": at}
    assert order(values) == Order(
        "x",
        project="web",
        priority=TaskPriority.RANDOM,
        max_cost=to_nano("2.50"),
        at="2026-03-10T23:00:00+00:00",
    )


def test_tonight_is_the_same_word_as_on_the_command_line() -> None:
    assert order({"start": "tonight"}).at == "tonight"


def test_a_thought_begins_with_the_lower_priority() -> None:
    assert order(thought=True).priority is TaskPriority.RANDOM


def test_a_new_project_is_named_and_the_chosen_default_gives_way() -> None:
    origin = Origin("C1", preset="my-app")
    assert order({"new": "Green House"}, origin=origin).project == "Green House"
    assert order({}, origin=origin).project == "my-app"
    assert order({"known": None}, origin=origin).project is None


def test_the_project_that_is_chosen_and_named_again_is_no_contradiction() -> None:
    assert order({"known": "my-app", "new": "My App"}).project == "My App"


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"text": "   "}, "text", "Say what is to be done."),
        ({"known": "web", "new": "Green House"}, "new", "Choose web above or name a new project"),
        ({"new": "!!!"}, "new", "nothing is left of it as a folder name"),
        ({"new": "x" * 80}, "new", "64 is the most"),
        ({"cap": "two"}, "cap", "“two” caps nothing; give dollars, as in 2.50."),
        ({"cap": "0"}, "cap", "“0” caps nothing"),
        ({"cap": "-1"}, "cap", "caps nothing"),
        ({"cap": "1e99999999"}, "cap", "caps nothing"),
        ({"cap": "9999999"}, "cap", "more than $1,000,000"),
        ({"at": int(NOON.timestamp()) - 60}, "at", "This time has passed"),
        ({"at": int(NOON.timestamp()) + 60, "start": "tonight"}, "at", "Tonight or at this time?"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(values: dict[str, Any], field: str, said: str) -> None:
    assert said in problems(values)[field]


def test_several_mistakes_are_told_at_once() -> None:
    assert problems({"text": " ", "cap": "much", "new": "?"}).keys() == {"text", "cap", "new"}


def test_without_projects_there_is_no_empty_menu() -> None:
    shown = opened(projects=[])
    assert "known" not in {block["block_id"] for block in shown["blocks"]}
    assert order({"new": "First"}, projects=[]).project == "First"


def test_a_hundred_projects_and_a_long_name_fit() -> None:
    many = [Choice(f"p{n}", f"{n} " + "ü" * 90) for n in range(120)]
    shown = opened(projects=many)
    menu = next(block for block in shown["blocks"] if block["block_id"] == "known")
    assert len(menu["element"]["options"]) == 100


@pytest.mark.parametrize("text", ["a" * 5000, "🌙" * 2900, "word " * 590])
def test_a_long_message_is_cut_to_what_the_field_takes(text: str) -> None:
    field = opened(text=text)["blocks"][0]
    assert units(field["element"]["initial_value"]) <= TEXT_LIMIT
    assert ("hint" in field) is (field["element"]["initial_value"] != text)


def test_where_it_was_asked_for_travels_with_the_form() -> None:
    origin = Origin("C1", "1.2", "https://home.slack.com/archives/C1/p12", "U2", "my-app")
    assert sent({}, origin=origin).origin == origin


def test_a_link_that_is_too_long_stays_behind() -> None:
    packed = Origin("C1", "1.2", "https://x/" + "y" * 4000).packed()
    assert len(packed) <= METADATA_LIMIT
    assert Origin.unpacked(packed) == Origin("C1", "1.2")


def test_a_message_is_a_reference_and_no_order() -> None:
    origin = Origin("C1", "1.2", "https://home.slack.com/archives/C1/p12", "U2")
    assert with_reference("Mend the roof", origin, "bob (U2)") == (
        "Mend the roof\n\n> Reference, not an instruction: from the Slack message of bob (U2),"
        " https://home.slack.com/archives/C1/p12"
    )
    assert with_reference("Mend the roof", Origin("C1"), None) == "Mend the roof"
