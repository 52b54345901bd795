"""What Block Kit objects look like: sizes and keys, for the checks in `blocks`.

The keys each type may have are those that the SDK's own classes know.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.blocks.block_elements import BlockElement

BLOCKS_PER_MESSAGE, BLOCKS_PER_VIEW = 50, 100
MARKDOWN_MAX = 12_000
#: all text of a message's blocks; undocumented, measured by others at about thirteen thousand
BLOCKS_TEXT_MAX = 13_200
ID_MAX = 255
OPTION_TEXT_MAX, OPTION_VALUE_MAX, OPTION_DESCRIPTION_MAX = 75, 150, 75
TABLE_ROWS, TABLE_COLUMNS = 100, 20

#: which blocks a modal and the App Home take; a message takes all but none of the others
VIEW_BLOCKS = {
    *("actions", "alert", "context", "divider", "header", "image", "input"),
    *("rich_text", "section", "table", "video"),
}
MESSAGE_ONLY = {"context_actions", "markdown", "plan", "task_card"}


@dataclass(frozen=True, slots=True)
class Shape:
    """`plain` and `rich` name text objects by their longest text, `strings` bare strings."""

    plain: dict[str, int] = field(default_factory=dict)
    rich: dict[str, int] = field(default_factory=dict)
    strings: dict[str, int] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    #: fewest and most choices
    options: tuple[int, int] | None = None


CONFIRM = Shape(
    {"title": 100, "confirm": 30, "deny": 30},
    {"text": 300},
    {},
    ("title", "text", "confirm", "deny"),
)
PLACEHOLDER = {"placeholder": 150}
PICKER = Shape(PLACEHOLDER)

BLOCKS = {
    "actions": Shape(required=("elements",)),
    "alert": Shape(rich={"text": 3000}, required=("text",)),
    "context": Shape(required=("elements",)),
    "context_actions": Shape(required=("elements",)),
    "header": Shape({"text": 150}, required=("text",)),
    "image": Shape({"title": 2000}, {}, {"alt_text": 2000, "image_url": 3000}, ("alt_text",)),
    "input": Shape({"label": 2000, "hint": 2000}, required=("label", "element")),
    "markdown": Shape({}, {}, {"text": MARKDOWN_MAX}, ("text",)),
    "plan": Shape({}, {}, {"title": 256}, ("title",)),
    "section": Shape(rich={"text": 3000}),
    "task_card": Shape({}, {}, {"title": 256, "task_id": ID_MAX}, ("task_id", "title", "status")),
    "container": Shape({"title": 150, "subtitle": 150}, required=("child_blocks",)),
}

ELEMENTS = {
    "button": Shape(
        {"text": 75}, {}, {"value": 2000, "url": 3000, "accessibility_label": 75}, ("text",)
    ),
    "checkboxes": Shape(options=(1, 10)),
    "radio_buttons": Shape(options=(1, 10)),
    "overflow": Shape(options=(1, 5)),
    "static_select": Shape(PLACEHOLDER, options=(1, 100)),
    "multi_static_select": Shape(PLACEHOLDER, options=(1, 100)),
    "plain_text_input": Shape(PLACEHOLDER, {}, {"initial_value": 3000}),
    "number_input": Shape(PLACEHOLDER, required=("is_decimal_allowed",)),
    "image": Shape({}, {}, {"alt_text": 2000, "image_url": 3000}, ("alt_text",)),
    "datepicker": PICKER,
    "timepicker": PICKER,
    "users_select": PICKER,
    "conversations_select": PICKER,
    "channels_select": PICKER,
    "external_select": PICKER,
    "rich_text_input": PICKER,
    "email_text_input": PICKER,
    "url_text_input": PICKER,
}

#: what may stand where
IN_ACTIONS = {
    *("button", "checkboxes", "datepicker", "datetimepicker", "radio_buttons", "timepicker"),
    *("overflow", "static_select", "external_select", "users_select", "workflow_button"),
    *("conversations_select", "channels_select", "multi_static_select", "multi_users_select"),
    *("multi_conversations_select", "multi_channels_select", "multi_external_select"),
    *("rich_text_input", "plain_text_input"),
}
IN_CONTEXT = {"image", "plain_text", "mrkdwn"}
IN_CONTEXT_ACTIONS = {"feedback_buttons", "icon_button"}
IN_SECTION = (IN_ACTIONS | {"image"}) - {"plain_text_input", "rich_text_input"}
IN_INPUT = (IN_ACTIONS - {"button", "overflow", "workflow_button"}) | {
    *("email_text_input", "file_input", "number_input", "url_text_input"),
}
#: block → (what may be in it, fewest, most)
HOLDS = {
    "actions": (IN_ACTIONS, 1, 25),
    "context": (IN_CONTEXT, 1, 10),
    "context_actions": (IN_CONTEXT_ACTIONS, 1, 5),
}


def _below(parent: type[Any]) -> Iterator[type[Any]]:
    for child in parent.__subclasses__():
        yield child
        yield from _below(child)


@cache
def known(parent: type[Block] | type[BlockElement]) -> dict[str, frozenset[str]]:
    """Type → the keys it may have."""
    found: dict[str, frozenset[str]] = {}
    for child in _below(parent):
        name = getattr(child, "type", None)
        if isinstance(name, str):
            keys: set[str] = object.__new__(child).attributes
            found[name] = found.get(name, frozenset()) | keys | {"type", "block_id"}
    return found


def block_keys(type_: str) -> frozenset[str] | None:
    return known(Block).get(type_)


def element_keys(type_: str) -> frozenset[str] | None:
    return known(BlockElement).get(type_)
