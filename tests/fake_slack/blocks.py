"""Block Kit as Slack checks it: every problem as "what is wrong [json-pointer:/where]"."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from fake_slack.shapes import (
    BLOCKS,
    BLOCKS_PER_MESSAGE,
    BLOCKS_PER_VIEW,
    CONFIRM,
    ELEMENTS,
    HOLDS,
    ID_MAX,
    IN_INPUT,
    IN_SECTION,
    MARKDOWN_MAX,
    MESSAGE_ONLY,
    OPTION_DESCRIPTION_MAX,
    OPTION_TEXT_MAX,
    OPTION_VALUE_MAX,
    TABLE_COLUMNS,
    TABLE_ROWS,
    VIEW_BLOCKS,
    Shape,
    block_keys,
    element_keys,
)

Problems = Iterator[str]


def message_problems(blocks: Any) -> list[str]:
    return [*_all_blocks(blocks, "/blocks", BLOCKS_PER_MESSAGE, None)]


def text_length(thing: Any) -> int:
    """Of every text in there, however deep."""
    if isinstance(thing, list):
        return sum(text_length(each) for each in thing)
    if not isinstance(thing, dict):
        return 0
    text = thing.get("text")
    own = len(text) if isinstance(text, str) else 0
    return own + sum(text_length(each) for each in thing.values())


def view_problems(view: Any, type_: str) -> list[str]:
    if not isinstance(view, dict):
        return ["must provide an object [json-pointer:/view]"]
    return [*_view(view, type_)]


def _view(view: Any, type_: str) -> Problems:
    if view.get("type") != type_:
        yield f"must be {type_} [json-pointer:/view/type]"
    if type_ == "modal":
        yield from _modal(view)
    yield from _string(view.get("private_metadata", ""), 3000, "/view/private_metadata", fewest=0)
    yield from _string(view.get("callback_id", ""), ID_MAX, "/view/callback_id", fewest=0)
    yield from _all_blocks(view.get("blocks"), "/view/blocks", BLOCKS_PER_VIEW, VIEW_BLOCKS)


def _modal(view: Any) -> Problems:
    shape = Shape({"title": 24, "submit": 24, "close": 24}, required=("title",))
    yield from _shape(view, shape, "/view")
    blocks = view.get("blocks")
    inputs = isinstance(blocks, list) and any(_type(block) == "input" for block in blocks)
    if inputs and not view.get("submit"):
        yield "submit is required when an input is in blocks [json-pointer:/view/submit]"


def _all_blocks(blocks: Any, at: str, most: int, allowed: set[str] | None) -> Problems:
    if not isinstance(blocks, list):
        yield f"must be an array [json-pointer:{at}]"
        return
    if len(blocks) > most:
        yield f"no more than {most} items allowed [json-pointer:{at}]"
    for number, block in enumerate(blocks):
        yield from _block(block, f"{at}/{number}", allowed)
    yield from _twice(blocks, "block_id", at)
    markdown = sum(len(str(b.get("text"))) for b in blocks if _type(b) == "markdown")
    if markdown > MARKDOWN_MAX:
        yield f"markdown must be less than {MARKDOWN_MAX + 1} characters altogether [{at}]"


def _type(thing: Any) -> str:
    return str(thing.get("type")) if isinstance(thing, dict) else ""


def _twice(things: list[Any], name: str, at: str) -> Problems:
    given = Counter(thing[name] for thing in things if isinstance(thing, dict) and name in thing)
    for value, times in given.items():
        if times > 1:
            yield f"{name} {value!r} is not unique [json-pointer:{at}]"


def _block(block: Any, at: str, allowed: set[str] | None) -> Problems:
    type_ = _type(block)
    keys = block_keys(type_)
    if keys is None or (allowed is not None and type_ not in allowed):
        yield f"unsupported type: {type_} [json-pointer:{at}/type]"
        return
    yield from _keys(block, keys, at)
    yield from _string(block.get("block_id", "x"), ID_MAX, f"{at}/block_id")
    yield from _shape(block, BLOCKS.get(type_, Shape()), at)
    yield from _inside(block, type_, at)
    yield from _as_the_sdk_sees_it(block, at)


def _inside(block: Any, type_: str, at: str) -> Problems:
    match type_:
        case "section":
            yield from _section(block, at)
        case "input" if "element" in block:
            yield from _element(block["element"], IN_INPUT, f"{at}/element")
        case "actions" | "context" | "context_actions":
            yield from _elements(block, type_, at)
        case "container":
            children = {*VIEW_BLOCKS, *MESSAGE_ONLY} - {"input"}
            yield from _all_blocks(block.get("child_blocks"), f"{at}/child_blocks", 10, children)
        case "plan":
            for number, task in enumerate(block.get("tasks") or []):
                yield from _block(task, f"{at}/tasks/{number}", {"task_card"})
        case "table":
            yield from _table(block.get("rows"), f"{at}/rows")


def _section(block: Any, at: str) -> Problems:
    if not block.get("text") and not block.get("fields"):
        yield f"must provide text or fields [json-pointer:{at}]"
    fields = block.get("fields") or []
    if len(fields) > 10:
        yield f"no more than 10 items allowed [json-pointer:{at}/fields]"
    for number, each in enumerate(fields):
        yield from _text(each, 2000, f"{at}/fields/{number}")
    if "accessory" in block:
        yield from _element(block["accessory"], IN_SECTION, f"{at}/accessory")


def _elements(block: Any, type_: str, at: str) -> Problems:
    allowed, fewest, most = HOLDS[type_]
    elements = block.get("elements") or []
    if not fewest <= len(elements) <= most:
        yield f"must have {fewest} to {most} items [json-pointer:{at}/elements]"
    for number, element in enumerate(elements):
        yield from _element(element, allowed, f"{at}/elements/{number}")
    yield from _twice(elements, "action_id", f"{at}/elements")


def _table(rows: Any, at: str) -> Problems:
    if not isinstance(rows, list) or not 1 <= len(rows) <= TABLE_ROWS:
        yield f"must have 1 to {TABLE_ROWS} items [json-pointer:{at}]"
        return
    for number, row in enumerate(rows):
        if not 1 <= len(row) <= TABLE_COLUMNS:
            yield f"must have 1 to {TABLE_COLUMNS} items [json-pointer:{at}/{number}]"


def _element(element: Any, allowed: set[str], at: str) -> Problems:
    type_ = _type(element)
    if type_ not in allowed:
        yield f"unsupported type: {type_} [json-pointer:{at}/type]"
        return
    if type_ in {"plain_text", "mrkdwn"}:
        yield from _text(element, 3000, at)
        return
    yield from _keys(element, element_keys(type_) or frozenset(), at)
    shape = ELEMENTS.get(type_, Shape())
    yield from _string(element.get("action_id", "x"), ID_MAX, f"{at}/action_id")
    yield from _shape(element, shape, at)
    if element.get("style", "primary") not in {"primary", "danger"}:
        yield f"style must be primary or danger [json-pointer:{at}/style]"
    if shape.options and not element.get("option_groups"):
        yield from _options(element, shape.options, at)
    if "confirm" in element:
        yield from _shape(element["confirm"], CONFIRM, f"{at}/confirm")


def _options(element: Any, range_: tuple[int, int], at: str) -> Problems:
    options = element.get("options") or []
    if not range_[0] <= len(options) <= range_[1]:
        yield f"must have {range_[0]} to {range_[1]} items [json-pointer:{at}/options]"
    plain = element["type"] in {"overflow", "static_select", "multi_static_select"}
    for number, option in enumerate(options):
        here = f"{at}/options/{number}"
        yield from _text(option.get("text"), OPTION_TEXT_MAX, f"{here}/text", plain=plain)
        yield from _string(option.get("value"), OPTION_VALUE_MAX, f"{here}/value")
        if "description" in option:
            most, place = OPTION_DESCRIPTION_MAX, f"{here}/description"
            yield from _text(option["description"], most, place, plain=plain)
    yield from _twice(options, "value", f"{at}/options")
    initial = element.get("initial_option")
    if initial is not None and initial not in options:
        yield f"initial_option must be one of the options [json-pointer:{at}/initial_option]"


def _shape(thing: Any, shape: Shape, at: str) -> Problems:
    for name in shape.required:
        if thing.get(name) is None:
            yield f"missing required field: {name} [json-pointer:{at}]"
    for name, most in shape.plain.items():
        if thing.get(name) is not None:
            yield from _text(thing[name], most, f"{at}/{name}", plain=True)
    for name, most in shape.rich.items():
        if thing.get(name) is not None:
            yield from _text(thing[name], most, f"{at}/{name}")
    for name, most in shape.strings.items():
        if thing.get(name) is not None:
            yield from _string(thing[name], most, f"{at}/{name}")


def _text(text: Any, most: int, at: str, *, plain: bool = False) -> Problems:
    type_ = _type(text)
    if type_ not in ({"plain_text"} if plain else {"plain_text", "mrkdwn"}):
        yield f"must be {'plain_text' if plain else 'a text object'} [json-pointer:{at}]"
        return
    known = {"type", "text", "emoji" if type_ == "plain_text" else "verbatim"}
    yield from _keys(text, frozenset(known), at)
    yield from _string(text.get("text"), most, f"{at}/text")


def _string(value: Any, most: int, at: str, fewest: int = 1) -> Problems:
    if not isinstance(value, str):
        yield f"must be a string [json-pointer:{at}]"
    elif len(value) < fewest:
        yield f"must be more than {fewest - 1} characters [json-pointer:{at}]"
    elif len(value) > most:
        yield f"must be less than {most + 1} characters [json-pointer:{at}]"


def _keys(thing: Any, known: frozenset[str], at: str) -> Problems:
    for name in thing.keys() - known:
        yield f"invalid additional property: {name} [json-pointer:{at}]"


def _as_the_sdk_sees_it(block: Any, at: str) -> Problems:
    """Its classes know limits of their own for the rarer blocks."""
    if _type(block) in BLOCKS.keys() - {"alert", "container", "plan", "task_card"}:
        return
    try:
        parsed = Block.parse(block)
        if parsed:
            parsed.to_dict()
    except (SlackObjectFormationError, TypeError) as wrong:
        yield f"{wrong} [json-pointer:{at}]"
