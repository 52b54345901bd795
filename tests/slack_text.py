"""Slack's two ways of writing, mrkdwn and Markdown, read into runs of styled text."""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a line in one style."""

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    link: bool = False
    mention: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    runs: tuple[Run, ...]
    fenced: bool = False
    #: how far its text is moved in, in steps
    indent: int = 0
    quote: bool = False
    heading: bool = False


_FENCE = re.compile(r"```(?:\w*\n)?(.*?)\n?```", re.DOTALL)
_MRKDWN = re.compile(
    r"`(?P<code>[^`\n]+)`|<(?P<token>[^<>\n]+)>"
    r"|(?<!\w)\*(?P<bold>[^*\n]+)\*(?!\w)|(?<!\w)_(?P<italic>[^_\n]+)_(?!\w)"
    r"|(?<!\w)~(?P<strike>[^~\n]+)~(?!\w)"
)
_MARKDOWN = re.compile(
    r"`(?P<code>[^`\n]+)`|\[(?P<label>[^\]\n]+)\]\([^)\n]+\)"
    r"|\*\*(?P<bold>.+?)\*\*|(?<![\w*])[*_](?P<italic>[^*_\n]+)[*_](?![\w*])"
    r"|~~(?P<strike>[^~\n]+)~~"
)
_DATE = re.compile(r"!date\^(\d+)\^([^|^]*)(?:\^[^|]*)?\|(.*)", re.DOTALL)
_BULLET = re.compile(r"(\s*)(?:[-*•]|(\d+)[.)])\s+(.*)")


def mrkdwn(text: str, people: Mapping[str, str] | None = None) -> list[Line]:
    """`people` are the names that IDs stand for."""
    return [
        Line((Run(html.unescape(line)),), fenced=True) if fenced else _quoted(line, people or {})
        for fenced, line in _lines(text)
    ]


def markdown(text: str) -> list[Line]:
    return [
        Line((Run(line),), fenced=True) if fenced else _markdown_line(line)
        for fenced, line in _lines(text)
    ]


def plain(text: str) -> list[Line]:
    return [Line((Run(line),)) for line in text.split("\n")]


def _lines(text: str) -> Iterator[tuple[bool, str]]:
    """Every line, and whether it stands in a fence."""
    for number, part in enumerate(_FENCE.split(text)):
        fenced = number % 2 == 1
        if fenced or part.strip("\n"):
            yield from ((fenced, line) for line in part.strip("\n").split("\n"))


def _quoted(line: str, people: Mapping[str, str]) -> Line:
    quote = line.startswith("&gt;")
    rest = line.removeprefix("&gt;").lstrip() if quote else line
    return Line(tuple(_runs(rest, _MRKDWN, Run(""), people)), quote=quote)


def _markdown_line(line: str) -> Line:
    if heading := re.fullmatch(r"#{1,6}\s+(.*)", line):
        runs = _runs(heading[1], _MARKDOWN, Run("", bold=True), {})
        return Line(tuple(runs), heading=True)
    if bullet := _BULLET.fullmatch(line):
        sign = f"{bullet[2]}." if bullet[2] else "•"
        runs = _runs(f"{sign} {bullet[3]}", _MARKDOWN, Run(""), {})
        return Line(tuple(runs), indent=1 + len(bullet[1]) // 2)
    quote = line.startswith(">")
    text = line.lstrip("> ") if quote else line
    return Line(tuple(_runs(text, _MARKDOWN, Run(""), {})), quote=quote)


def _runs(
    text: str, pattern: re.Pattern[str], style: Run, people: Mapping[str, str]
) -> Iterator[Run]:
    end = 0
    for found in pattern.finditer(text):
        if before := text[end : found.start()]:
            yield replace(style, text=_shown(before, pattern))
        yield from _piece(found, pattern, style, people)
        end = found.end()
    if rest := text[end:]:
        yield replace(style, text=_shown(rest, pattern))


def _piece(
    found: re.Match[str], pattern: re.Pattern[str], style: Run, people: Mapping[str, str]
) -> Iterator[Run]:
    kind, inner = found.lastgroup, found[found.lastgroup or 0]
    match kind:
        case "code":
            yield replace(style, text=_shown(inner, pattern), code=True)
        case "token":
            yield _token(inner, style, people)
        case "label":
            yield replace(style, text=inner, link=True)
        case "bold":
            yield from _runs(inner, pattern, replace(style, bold=True), people)
        case "italic":
            yield from _runs(inner, pattern, replace(style, italic=True), people)
        case _:
            yield from _runs(inner, pattern, replace(style, strike=True), people)


def _shown(text: str, pattern: re.Pattern[str]) -> str:
    return html.unescape(text) if pattern is _MRKDWN else text


def _token(inner: str, style: Run, people: Mapping[str, str]) -> Run:
    """What stands between < and >: a person, a channel, a date or a link."""
    if date := _DATE.fullmatch(inner):
        return replace(style, text=_date(int(date[1]), date[2]))
    target, _, label = inner.partition("|")
    if target.startswith("@"):
        return replace(style, text=f"@{people.get(target[1:], label or target[1:])}", mention=True)
    if target.startswith("#"):
        return replace(style, text=f"#{label or target[1:]}", mention=True)
    if target.startswith("!"):
        return replace(style, text=f"@{target[1:]}", mention=True)
    return replace(style, text=html.unescape(label or target), link=True)


def _date(stamp: int, form: str) -> str:
    """As Slack shows it to somebody in UTC who looks days later."""
    at = datetime.fromtimestamp(stamp, UTC)
    hour = f"{at.hour % 12 or 12}:{at:%M} {'AM' if at.hour < 12 else 'PM'}"
    day = f"{at:%b} {at.day}"
    known = {
        "{time}": hour,
        "{time_secs}": hour,
        "{date_num}": f"{at:%Y-%m-%d}",
        "{date_short}": f"{day}, {at.year}",
        "{date_short_pretty}": day,
        "{date}": f"{at:%B} {at.day}",
        "{date_pretty}": f"{at:%B} {at.day}",
        "{date_long}": f"{at:%A}, {at:%B} {at.day}",
        "{date_long_pretty}": f"{at:%A}, {at:%B} {at.day}",
    }
    return re.sub(r"\{\w+\}", lambda found: known.get(found[0], found[0]), form)


# --- how wide it is -------------------------------------------------------------------------------

#: of a character of the sans serif that everybody has, in thousandths of its height
_WIDTHS = {
    191: "'",
    222: "ijl",
    278: " !,./:;ftI[]\\\xa0",
    260: "|",
    333: "()-r`",
    350: "•",
    355: '"',
    389: "*",
    500: "cksvxyzJ",
    584: "+<=>~\u2217",
    611: "FTZ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "mM",
    889: "%",
    944: "W",
    1000: "…—",
    1015: "@",
}
_WIDTH_OF = {each: width for width, characters in _WIDTHS.items() for each in characters}
#: code is set a little smaller than what surrounds it
_OTHER, _SYMBOL, _EMOJI, _MONO = 556, 850, 1250, 530
_BOLD = 1.08
_NO_WIDTH = re.compile("[\u200b-\u200d\ufe00-\ufe0f\u0300-\u036f\u2060]")

#: what the reader's machine takes from another font, as wide as that font has it
SYMBOL = re.compile("[\u2190-\u2bff\U0001f300-\U0001faff]\ufe0f?")
_EMOJI_LIKE = re.compile("[\u231a-\u23ff\u2600-\u26ff\u2705\u274c\u2b50\U0001f300-\U0001faff]")


def width(run: Run, size: float) -> float:
    """In pixels, near enough; where it matters the drawing sets the width itself."""
    thousandths = sum(_MONO if run.code else _width_of(each) for each in run.text)
    return thousandths / 1000 * size * (_BOLD if run.bold and not run.code else 1)


def _width_of(character: str) -> int:
    if _NO_WIDTH.fullmatch(character):
        return 0
    if _EMOJI_LIKE.match(character):
        return _EMOJI
    if character in _WIDTH_OF:
        return _WIDTH_OF[character]
    return _SYMBOL if ord(character) > 0x2100 else _OTHER
