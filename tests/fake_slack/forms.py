"""What stands in the fields of a view, and filling it in as a person does."""

import copy
from collections.abc import Iterator
from typing import Any

from fake_slack.values import Blocks, Json

#: element → where its state is kept
HELD_IN = {
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "rich_text_input": "rich_text_value",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "checkboxes": "selected_options",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
}


def elements(blocks: Blocks) -> Iterator[tuple[Json, Json]]:
    """Whatever may be used, each with the block it is in."""
    for block in blocks:
        inside = [block.get("element"), block.get("accessory"), *(block.get("elements") or [])]
        yield from ((block, each) for each in inside if isinstance(each, dict))
        yield from elements(block.get("child_blocks") or [])
        for card in (block, *(block.get("elements") or [])):
            actions = card.get("actions") if isinstance(card, dict) else None
            yield from ((block, each) for each in actions or [])


def state_values(blocks: Blocks) -> Json:
    """As it is shown at first."""
    values: Json = {}
    for block, element in elements(blocks):
        held = HELD_IN.get(element.get("type", ""))
        if held and "action_id" in element:
            state = {"type": element["type"], held: _initial(element, held)}
            values.setdefault(block["block_id"], {})[element["action_id"]] = state
    return values


def _initial(element: Json, held: str) -> Any:
    empty: Any = [] if held.endswith("s") else None
    return element.get(held.replace("selected_", "initial_"), element.get("initial_value", empty))


def filled(view: Json, values: Json) -> Json:
    """The state once a person has typed and chosen that; it must be in the form."""
    state = copy.deepcopy(view["state"]["values"])
    found = {
        (block["block_id"], element.get("action_id")): element
        for block, element in elements(view["blocks"])
    }
    for block_id, actions in values.items():
        for action_id, given in actions.items():
            element = found.get((block_id, action_id))
            assert element, f"there is no field {block_id}/{action_id} among {sorted(state)}"
            state[block_id][action_id] = entered(element, given)
    refuse_unfilled(view, state)
    return dict(state)


def refuse_unfilled(view: Json, state: Json) -> None:
    """Slack does not let such a form go."""
    for block in view["blocks"]:
        if block["type"] == "input" and not block.get("optional"):
            action = block["element"].get("action_id")
            entry = state.get(block["block_id"], {}).get(action, {})
            assert any(value for key, value in entry.items() if key != "type"), (
                f"Slack asks for {block['block_id']}/{action} before it lets the form go"
            )


def entered(element: Json, given: Any) -> Json:
    """A whole state value, or just what it holds: text, a date, the value of an option."""
    if isinstance(given, dict) and given.get("type") == element["type"]:
        return given
    held = HELD_IN[element["type"]]
    value: Any = given
    if held == "selected_option" and given is not None:
        value = option(element, given)
    elif held == "selected_options":
        value = [option(element, each) for each in given]
    return {"type": element["type"], held: value}


def option(element: Json, value: Any) -> Json:
    """The choice with that value."""
    choices = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        choices += group["options"]
    found = [choice for choice in choices if value in (choice["value"], choice)]
    if not choices and isinstance(value, dict):  # an external select asks the app
        return value
    offered = [choice["value"] for choice in choices]
    assert found, f"{element.get('action_id')} offers {offered}, not {value!r}"
    return dict(found[0])


def find_element(blocks: Blocks, action_id: str, value: str | None) -> tuple[Json, Json]:
    """What has that action, with its block; several buttons may share one: then by value."""
    found = [pair for pair in elements(blocks) if pair[1].get("action_id") == action_id]
    offered = [element.get("action_id") for _, element in elements(blocks)]
    assert found, f"nothing here has the action {action_id!r}, only {offered}"
    exact = [pair for pair in found if value is not None and pair[1].get("value") == value]
    return (exact or found)[0]


def used(block: Json, element: Json, value: str | None, at: str) -> Json:
    """The entry in `actions` of a payload."""
    action = {
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "type": element["type"],
        "action_ts": at,
    }
    if element["type"] == "button":
        given = element.get("value") if value is None else value
        action |= {"text": element["text"]} | ({"value": given} if given is not None else {})
        return action | ({"style": element["style"]} if "style" in element else {})
    if element["type"] == "overflow":
        return action | {"selected_option": option(element, value)}
    if element["type"] in HELD_IN:
        return action | entered(element, value)
    return action | {"value": value}
