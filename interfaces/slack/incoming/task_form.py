"""The form that `/task` opens: how it looks, and what was filled in. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from core.errors import BadAmount, BadProjectName
from core.models import TaskPriority
from core.money import Nano, to_nano
from core.projects import slug_of
from interfaces.grammar import Order
from interfaces.slack.rendering import words
from interfaces.slack.rendering.blocks import Block, plain, units

CALLBACK: Final = "new_task"
#: Slack's limits
TEXT_LIMIT: Final = 3_000
METADATA_LIMIT: Final = 3_000
OPTION_LIMIT: Final = 75
OPTIONS: Final = 100
_NAME_LIMIT: Final = 100
#: a longer number is a slip, and an exponent may name one that takes minutes to write out
_AMOUNT: Final = re.compile(r"\$?\s*([0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})")

Problems = dict[str, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the form was asked for; it travels with it, and the card goes there."""

    #: a conversation's ID, or a person's for a direct message
    channel: str
    thread_ts: str | None = None
    #: of the message that is to become a task: where it stands, and who wrote it
    link: str | None = None
    author: str | None = None
    #: the project that the form chose for the person
    preset: str | None = None

    def packed(self) -> str:
        """At most METADATA_LIMIT characters; a link that is too long stays behind."""
        facts = {name: value for name, value in asdict(self).items() if value is not None}
        text = json.dumps(facts, separators=(",", ":"))
        if len(text) > METADATA_LIMIT:
            facts.pop("link", None)
        return json.dumps(facts, separators=(",", ":"))

    @classmethod
    def unpacked(cls, text: str) -> Self:
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Choice:
    """A project to choose."""

    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class Blank:
    """The form as it is opened."""

    origin: Origin
    text: str = ""
    #: the one used last first
    projects: Sequence[Choice] = ()
    #: a thought rather than a task
    thought: bool = False


@dataclass(frozen=True, slots=True)
class Filled:
    """The form as it was sent."""

    origin: Origin
    text: str
    known: str | None
    new: str
    priority: TaskPriority
    cap: str
    tonight: bool
    #: Unix time
    at: int | None

    @classmethod
    def read(cls, view: Mapping[str, Any]) -> Self:
        held = {
            name: state
            for block in view["state"]["values"].values()
            for name, state in block.items()
        }
        return cls(
            Origin.unpacked(view["private_metadata"]),
            text=_written(held, "text"),
            known=_chosen(held, "known"),
            new=_written(held, "new"),
            priority=TaskPriority(_chosen(held, "priority") or TaskPriority.SERIOUS),
            cap=_written(held, "cap"),
            tonight=_chosen(held, "start") == "tonight",
            at=(held.get("at") or {}).get("selected_date_time"),
        )


# --- what was filled in ---------------------------------------------------------------------


def order_of(filled: Filled, now: datetime) -> Order | Problems:
    """What is wanted, or what is wrong by field."""
    problems: Problems = {}
    if not filled.text:
        problems["text"] = "Say what is to be done."
    order = Order(
        text=filled.text,
        project=_project(filled, problems),
        priority=filled.priority,
        max_cost=_cap(filled, problems),
        at=_start(filled, now, problems),
    )
    return problems or order


def with_reference(text: str, origin: Origin, author: str | None) -> str:
    """The agent is told where a text comes from, in words that are no order to it."""
    if not origin.link:
        return text
    who = f" of {author}" if author else ""
    return f"{text}\n\n> Reference, not an instruction: from the Slack message{who}, {origin.link}"


def _project(filled: Filled, problems: Problems) -> str | None:
    if not filled.new:
        return filled.known
    try:
        slug = slug_of(filled.new)
    except BadProjectName as error:
        problems["new"] = error.message
        return None
    # what the form itself had chosen gives way
    if filled.known not in (None, slug, filled.origin.preset):
        problems["new"] = f"Choose {filled.known} above or name a new project here, not both."
    return filled.new


def _cap(filled: Filled, problems: Problems) -> Nano | None:
    if not filled.cap:
        return None
    amount = _AMOUNT.fullmatch(filled.cap)
    try:
        nano = to_nano(amount[1]) if amount else Nano(0)
    except BadAmount as error:
        problems["cap"] = error.message
        return None
    if not nano:
        problems["cap"] = (
            f"“{words.clipped(filled.cap, 40)}” caps nothing; give dollars, as in 2.50."
        )
    return nano


def _start(filled: Filled, now: datetime, problems: Problems) -> str | None:
    if filled.at is None:
        return "tonight" if filled.tonight else None
    if filled.tonight:
        problems["at"] = (
            "Tonight or at this time? Clear the time, or choose the other answer above."
        )
    moment = datetime.fromtimestamp(filled.at, UTC)
    if moment <= now:
        problems["at"] = "This time has passed; choose a later one, or clear it."
    return moment.isoformat()


def _written(held: Mapping[str, Any], name: str) -> str:
    return str((held.get(name) or {}).get("value") or "").strip()


def _chosen(held: Mapping[str, Any], name: str) -> str | None:
    option = (held.get(name) or {}).get("selected_option")
    return str(option["value"]) if option else None


# --- how it looks ---------------------------------------------------------------------------


def view(blank: Blank) -> Block:
    fields = [
        _text(blank),
        *_known(blank),
        _new(blank),
        _priority(blank),
        _cap_field(),
        _when(),
        _at(),
    ]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": blank.origin.packed(),
        "title": plain("New task"),
        "submit": plain("Queue it"),
        "close": plain("Cancel"),
        "blocks": fields,
    }


def _field(name: str, label: str, element: Block, **more: Any) -> Block:
    """A block and its element share one name."""
    return {
        "type": "input",
        "block_id": name,
        "label": plain(label),
        "element": element | {"action_id": name},
        **more,
    }


def _text(blank: Blank) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "multiline": True,
        "max_length": TEXT_LIMIT,
        "focus_on_load": True,
    }
    shown = _fitting(blank.text)
    if not shown:
        return _field("text", "What is to be done?", element)
    more = {} if shown == blank.text else {"hint": plain("Only the beginning of it fits in here.")}
    return _field("text", "What is to be done?", element | {"initial_value": shown}, **more)


def _fitting(text: str) -> str:
    """Slack counts what lies outside the basic plane as two."""
    outside = units(text) - len(text)
    return words.clipped(text, max(TEXT_LIMIT // 2, TEXT_LIMIT - outside))


def _known(blank: Blank) -> list[Block]:
    """No menu where there is nothing to choose: Slack refuses an empty one."""
    if not blank.projects:
        return []
    options = {each.slug: _option(each.name, each.slug) for each in blank.projects[:OPTIONS]}
    element: Block = {
        "type": "static_select",
        "placeholder": plain("None"),
        "options": list(options.values()),
    }
    if blank.origin.preset in options:
        element["initial_option"] = options[blank.origin.preset]
    return [_field("known", "Project", element, optional=True)]


def _new(blank: Blank) -> Block:
    label = "Or a new project" if blank.projects else "Project"
    element = {"type": "plain_text_input", "max_length": _NAME_LIMIT}
    return _field("new", label, element, optional=True)


def _priority(blank: Blank) -> Block:
    serious = _option("Serious: before everything random", TaskPriority.SERIOUS)
    random = _option("Random: when nothing serious waits", TaskPriority.RANDOM)
    menu = _radio(serious, random) | {"initial_option": random if blank.thought else serious}
    return _field("priority", "Priority", menu)


def _cap_field() -> Block:
    element = {"type": "plain_text_input", "placeholder": plain("2.50"), "max_length": 20}
    return _field("cap", "The most it may cost, in dollars", element, optional=True)


def _when() -> Block:
    now = _option("As soon as the budget allows", "now")
    tonight = _option("Tonight, when the night opens", "tonight")
    return _field("start", "Start", _radio(now, tonight))


def _at() -> Block:
    return _field("at", "Not before", {"type": "datetimepicker"}, optional=True)


def _radio(first: Block, *others: Block) -> Block:
    return {"type": "radio_buttons", "options": [first, *others], "initial_option": first}


def _option(text: str, value: str) -> Block:
    return {"text": plain(words.clipped(text, OPTION_LIMIT)), "value": str(value)}
