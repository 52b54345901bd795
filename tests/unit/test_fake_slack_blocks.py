"""Block Kit as the tests' own Slack checks it: what passes, and what is wrong where."""

from typing import Any

import pytest

from fake_slack.blocks import message_problems, view_problems
from fixtures_fake_slack import FORM, actions, button, field, home_view, modal, plain, section

Json = dict[str, Any]


def confirm(**more: Json) -> Json:
    texts = {"title": "Sure?", "text": "It stops.", "confirm": "Stop", "deny": "Back"}
    return {name: plain(text) for name, text in texts.items()} | more


def option(text: str, value: str) -> Json:
    return {"text": plain(text), "value": value}


def select(*options: Json, **more: Any) -> Json:
    return {"type": "static_select", "action_id": "s", "options": list(options)} | more


def context(*elements: Json) -> Json:
    return {"type": "context", "elements": list(elements)}


TASK = {"type": "task_card", "task_id": "1", "title": "Run", "status": "in_progress"}
GOOD: list[Json] = [
    {"type": "header", "text": plain("x" * 150)},
    section("x" * 3000),
    {"type": "section", "fields": [plain("a")] * 10},
    section("a", accessory=button("b", style="danger", confirm=confirm())),
    actions(*(button(f"b{n}", "x" * 2000) for n in range(25))),
    actions(select(*(option("x" * 75, str(n)) for n in range(100)))),
    actions({"type": "overflow", "action_id": "o", "options": [option("a", "1")]}),
    context(*[{"type": "mrkdwn", "text": "a"}] * 10),
    {"type": "divider"},
    {"type": "markdown", "text": "x" * 12_000},
    {"type": "plan", "title": "Steps", "tasks": [TASK]},
    {"type": "alert", "text": plain("careful"), "level": "warning"},
    {"type": "container", "title": plain("Diff"), "child_blocks": [section("a")]},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]},
    {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "a"}]}],
    },
    {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a"},
    field("typed", {"type": "plain_text_input"}),
]
WRONG: list[tuple[Json, str]] = [
    ({"type": "header", "text": plain("x" * 151)}, "less than 151"),
    ({"type": "header", "text": {"type": "mrkdwn", "text": "a"}}, "must be plain_text"),
    ({"type": "header"}, "missing required field: text"),
    (section("x" * 3001), "less than 3001"),
    (section(""), "must be more than 0"),
    ({"type": "section"}, "must provide text or fields"),
    ({"type": "section", "fields": [plain("a")] * 11}, "no more than 10"),
    (section("a", accessory={"type": "plain_text_input", "action_id": "a"}), "unsupported type"),
    (section("a", colour="red"), "invalid additional property: colour"),
    (actions(), "1 to 25"),
    (actions(*(button(f"b{n}") for n in range(26))), "1 to 25"),
    (actions(button("a"), button("a")), "action_id 'a' is not unique"),
    (actions(button("a", "x" * 2001)), "less than 2001"),
    (actions(button("a", text=plain("x" * 76))), "less than 76"),
    (actions(button("a", text={"type": "mrkdwn", "text": "a"})), "must be plain_text"),
    (actions(button("a", style="red")), "primary or danger"),
    (actions(button("a", confirm=confirm(confirm=plain("x" * 31)))), "less than 31"),
    (actions(button("x" * 256)), "less than 256"),
    (actions({"type": "knob", "action_id": "a"}), "unsupported type: knob"),
    (actions(select(*(option("a", str(n)) for n in range(101)))), "1 to 100"),
    (actions(select()), "1 to 100"),
    (actions(select(option("x" * 76, "1"))), "less than 76"),
    (actions(select(option("a", "x" * 151))), "less than 151"),
    (actions(select(option("a", "1"), initial_option=option("b", "2"))), "one of the options"),
    (context(*[plain("a")] * 11), "1 to 10"),
    (context(button("a")), "unsupported type: button"),
    ({"type": "markdown", "text": "x" * 12_001}, "less than 12001"),
    ({"type": "plan", "title": "Steps", "tasks": [TASK | {"status": "stuck"}]}, "status"),
    ({"type": "alert", "text": plain("a"), "level": "loud"}, "level"),
    ({"type": "container", "title": plain("a"), "child_blocks": [section("")]}, "child_blocks/0"),
    ({"type": "table", "rows": []}, "1 to 100"),
    ({"type": "poster"}, "unsupported type: poster"),
    ({"type": "divider", "block_id": "x" * 256}, "less than 256"),
    ({"type": "image", "image_url": "https://example.com/a.png"}, "alt_text"),
    ({"type": "image", "alt_text": 7}, "must be a string"),
]


@pytest.mark.parametrize("block", GOOD, ids=lambda block: block["type"])
def test_what_is_within_the_limits_passes(block: Json) -> None:
    assert message_problems([block]) == []


@pytest.mark.parametrize(("block", "problem"), WRONG, ids=[problem for _, problem in WRONG])
def test_what_is_wrong_is_said_with_its_place(block: Json, problem: str) -> None:
    found = message_problems([block])
    assert any(problem in each and "/blocks/0" in each for each in found), found


def test_a_message_has_at_most_fifty_blocks_with_ids_of_their_own() -> None:
    divider = {"type": "divider"}
    assert message_problems([divider] * 50) == []
    assert message_problems([divider] * 51) == [
        "no more than 50 items allowed [json-pointer:/blocks]"
    ]
    twice = message_problems([divider | {"block_id": "a"}] * 2)
    assert twice == ["block_id 'a' is not unique [json-pointer:/blocks]"]
    assert message_problems("blocks") == ["must be an array [json-pointer:/blocks]"]


def test_markdown_has_one_limit_for_all_its_blocks() -> None:
    found = message_problems([{"type": "markdown", "text": "x" * 7000}] * 2)
    assert any("altogether" in problem for problem in found)


def test_views_have_their_own_limits_and_blocks() -> None:
    assert view_problems(FORM, "modal") == []
    assert view_problems(home_view(*[{"type": "divider"}] * 100), "home") == []
    for view, problem in (
        (modal(*[{"type": "divider"}] * 101), "no more than 100"),
        (modal(section("a"), title=plain("x" * 25)), "less than 25"),
        (modal(section("a"), private_metadata="x" * 3001), "/view/private_metadata"),
        (modal(section("a"), callback_id="x" * 256), "/view/callback_id"),
        (modal(field("a", {"type": "plain_text_input"}), submit=None), "submit is required"),
        (modal({"type": "markdown", "text": "a"}), "unsupported type: markdown"),
        (home_view(section("a")), "must be modal"),
    ):
        found = view_problems(view, "modal")
        assert any(problem in each for each in found), found
    assert view_problems([], "home") == ["must provide an object [json-pointer:/view]"]
