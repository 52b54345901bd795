"""Text between people and Slack: what was typed, and what may be shown. Pure.

Slack's own markup stands in `<…>`; in a message `&`, `<` and `>` of people's own are entities. What
models and people write must never become markup that pings. Lengths are in characters.
"""

import re
import unicodedata
from datetime import datetime
from typing import Final, NamedTuple

from core.clock import as_utc
from interfaces.moments import say_moment

_MARKUP: Final = re.compile(r"<([^<>|\s][^<>\n]*)>")
_ENTITY: Final = re.compile(r"&(amp|lt|gt);")
_CHARACTERS: Final = {"amp": "&", "lt": "<", "gt": ">"}
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
#: invisible, and enough that Slack does not take what follows for a mention
_QUIET: Final = "\u200b"
_BROADCAST: Final = "channel|here|everyone|group"
_PING: Final = re.compile(rf"<(?=@\w|!(?:{_BROADCAST}|subteam))", re.IGNORECASE)
_AT_ALL: Final = re.compile(rf"(?<!\w)@(?=(?:{_BROADCAST})(?!\w))", re.IGNORECASE)
_HUSHED: Final = re.compile(rf"@{_QUIET}(?=(?:{_BROADCAST})(?!\w))", re.IGNORECASE)
#: a mark of three to eight, and the language behind it
_FENCE_LINE: Final = re.compile(
    r"^ {0,3}(?P<mark>`{3,8}(?!`)|~{3,8}(?!~))[ \t]*(?P<language>[^\s`]*)(?P<rest>[^`\n]*)$",
    re.MULTILINE,
)
_CLOSING_ROOM: Final = 1 + 8
#: below this there is no room for closing a fence and opening it again
_ROOM_FOR_FENCES: Final = 120
_LONGEST_LANGUAGE: Final = 20
_JOINER: Final = "\u200d"
#: a family of emoji with skins is eleven; more is mischief, and cut
_LONGEST_CLUSTER: Final = 16


def unescape(text: str) -> str:
    """Slack's wire text → what the person typed; entities last, and once."""
    plain = _ENTITY.sub(lambda found: _CHARACTERS[found[1]], _MARKUP.sub(_as_typed, text))
    return _HUSHED.sub("@", plain)


def _as_typed(markup: re.Match[str]) -> str:
    target, _, label = markup[1].partition("|")
    match target[0], target[1:]:
        case "@" | "#" as sign, name:
            return sign + (label or name).lstrip(sign)
        case "!", name if name.startswith("date^"):
            return label or target
        case "!", name:
            return "@" + (label or name.removeprefix("subteam^")).lstrip("@")
        case _:
            return _link_as_typed(target, label)


def _link_as_typed(url: str, label: str) -> str:
    """Slack makes links of what looks like one (`README.md`): the label is what was typed."""
    if not label or label == url:
        return url
    if url.partition(":")[2].removeprefix("//").rstrip("/") == label.rstrip("/"):
        return label
    return f"{label} ({url})"


def escape(text: str) -> str:
    """Plain text for a mrkdwn field: it cannot ping, and no `<…>` of it is markup."""
    return _AT_ALL.sub(f"@{_QUIET}", text).translate(_ENTITIES)


def neutralise(text: str) -> str:
    """A model's Markdown for a `markdown` block: whatever it mentions pings nobody.

    Nothing visible changes, so code stays readable.
    """
    return _AT_ALL.sub(f"@{_QUIET}", _PING.sub(f"<{_QUIET}", text))


def moment(at: datetime, form: str = "{date_short_pretty} {time}") -> str:
    """Slack shows it in each reader's own zone; UTC where it cannot."""
    return f"<!date^{int(as_utc(at).timestamp())}^{form}|{say_moment(at)}>"


def without_mention(text: str, bot_user: str) -> str:
    """Wire text without the bot's own mention(s) in front."""
    return re.sub(rf"\A(?:\s*<@{re.escape(bot_user)}(?:\|[^<>]*)?>[\s,:]*)+", "", text)


def clipped(text: str, limit: int) -> str:
    """At most `limit` characters: cut at a line or a word, "…" behind, code blocks closed."""
    if len(text) <= limit:
        return text
    head = _head(text, limit - 1)
    if _closing(head) and limit > _CLOSING_ROOM + 1:
        head = _head(text, limit - 1 - _CLOSING_ROOM)
        return f"{head}…{_closing(head)}"
    return f"{head}…"[: max(limit, 0)]


def _head(text: str, room: int) -> str:
    head = text[: _cut(text, room)].rstrip()
    fence = _open_fence(head)
    return head if fence.begins < len(head) else head[: fence.start].rstrip()


def _closing(head: str) -> str:
    """What closes the code at the end of `head`; Slack knows blocks inside a line, too."""
    if mark := _open_fence(head).mark:
        return f"\n{mark}"
    return "```" if head.count("```") % 2 else ""


def split(text: str, limit: int = 12_000) -> list[str]:
    """Parts of at most `limit` characters, cut between paragraphs, lines or words.

    A code block that is cut is closed and opened again. But for that the parts joined are the
    text; a part of nothing but white space is left out.
    """
    parts: list[str] = []
    while len(text) > max(limit, 1):
        part, text = _first_part(text, max(limit, 1))
        parts.append(part)
    return [part for part in (*parts, text) if part.strip()]


def _first_part(text: str, limit: int) -> tuple[str, str]:
    cut = _cut(text, limit)
    fence = _open_fence(text[:cut])
    if not fence.mark or limit < _ROOM_FOR_FENCES:
        return text[:cut], text[cut:]
    if fence.start >= limit // 2:  # the block may fit into the next part as a whole
        return text[: fence.start], text[fence.start :]
    return _part_of_block(text, limit - _CLOSING_ROOM)


def _part_of_block(text: str, room: int) -> tuple[str, str]:
    """Cut where a code block is open; late enough, for the next part begins with its fence."""
    cut = _cut(text, room)
    cut = cut if cut >= room // 2 else _unbroken(text, room)
    part, rest = text[:cut], text[cut:]
    fence = _open_fence(part)
    if not fence.mark:
        return part, rest
    ended = "\n" if not part.endswith("\n") else ""
    closer = _FENCE_LINE.match(rest.removeprefix(ended))
    if rest.startswith(ended) and closer and _closes(closer, fence):
        return f"{part}{ended}{fence.mark}", rest.removeprefix(ended)[closer.end() :]
    return f"{part}{ended}{fence.mark}", f"{fence.again}\n{rest.removeprefix(ended)}"


class _Fence(NamedTuple):
    """An open code block: what closes it, what opens it again, from where on it and its lines."""

    mark: str = ""
    again: str = ""
    start: int = 0
    begins: int = -1


def _open_fence(text: str) -> _Fence:
    """The code block that is open where `text` ends, if one is."""
    fence = _Fence()
    for line in _FENCE_LINE.finditer(text):
        if not fence.mark:
            mark, language = line["mark"], line["language"]
            again = mark + language if len(language) <= _LONGEST_LANGUAGE else mark
            fence = _Fence(mark, again, line.start(), line.end())
        elif _closes(line, fence):
            fence = _Fence()
    return fence


def _closes(line: re.Match[str], fence: _Fence) -> bool:
    return line["mark"].startswith(fence.mark) and not (line["language"] or line["rest"].strip())


def _cut(text: str, room: int) -> int:
    """Where to cut so that at most `room` characters stand before: the best place not too early."""
    for sign, share in (("\n\n", 2), ("\n", 4)):
        at = text.rfind(sign, 0, room)
        if at > 0 and at >= room // share:
            return at + len(sign)
    at = max(text.rfind(blank, 0, room + 1) for blank in " \t\n") if room > 0 else 0
    return min(at + 1, room) if at > room // 8 else _unbroken(text, room)


def _unbroken(text: str, at: int) -> int:
    """`at`, or a little before it, so that no character people see as one is cut in two."""
    for place in range(at, max(at - _LONGEST_CLUSTER, 0), -1):
        if not _one_character(text[place - 1], text[place]):
            return place
    return max(at, 0)


def _one_character(left: str, right: str) -> bool:
    halves = "\ud800" <= left <= "\udbff" and "\udc00" <= right <= "\udfff"
    joined = left == _JOINER or right in (_JOINER, "\ufe0f", "\u20e3")
    toned = "\U0001f3fb" <= right <= "\U0001f3ff"
    return halves or joined or toned or bool(unicodedata.combining(right))
