"""Messages and pages of the chat as pictures: Block Kit in, one self-contained SVG out.

A block that is not drawn here is a KeyError: a picture leaves nothing out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drawing_sheet import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    MARGIN,
    MONO,
    RED,
    SMALL,
    TEXT,
    WIDTH,
    Sheet,
)
from slack_text import Line, Run, markdown, mrkdwn, plain, width

Block = dict[str, Any]

_LEADING = 1.47


@dataclass(frozen=True, slots=True)
class Message:
    blocks: Sequence[Block]
    #: as a clock on the wall shows it
    at: str
    sender: str = "Sleepless"
    app: bool = True
    thread: tuple["Message", ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A page such as the App Home: blocks under a title, and nobody who says them."""

    blocks: Sequence[Block]
    title: str = "Sleepless"


def draw(
    items: Sequence[Message | Page],
    title: str = "Sleepless in Slack",
    people: Mapping[str, str] | None = None,
) -> str:
    """`people` are the names that stand for IDs; `title` is what a screen reader reads."""
    sheet = Sheet(people or {})
    for item in items:
        if isinstance(item, Page):
            _page(sheet, item)
        else:
            _message(sheet, item, MARGIN, 36)
    return sheet.finished(title)


# --- messages and pages ---------------------------------------------------------------------------


def _page(sheet: Sheet, page: Page) -> None:
    sheet.y += 18
    sheet.runs([Run(page.title, bold=True)], MARGIN, 18)
    sheet.y += 12
    _blocks(sheet, page.blocks, MARGIN)


def _message(sheet: Sheet, message: Message, x: float, avatar: float) -> None:
    top = sheet.y
    _avatar(sheet, message, x, avatar)
    left = x + avatar + 10
    sheet.y += 14
    end = sheet.runs([Run(message.sender, bold=True)], left, TEXT) + 6
    if message.app:
        sheet.box(end, sheet.y - 11, (28, 14), rx=2, fill="#e8e8e8")
        sheet.runs([Run("APP", bold=True)], end + 4, 9.5, GREY)
        end += 36
    sheet.runs([Run(message.at)], end, 12, GREY)
    sheet.y += 4
    _blocks(sheet, message.blocks, left)
    sheet.y = max(sheet.y, top + avatar) + 6
    if message.thread:
        _thread(sheet, message.thread, left)


def _avatar(sheet: Sheet, message: Message, x: float, size: float) -> None:
    """A moon for the app, an initial for a person."""
    sheet.box(x, sheet.y, (size, size), rx=size / 6, fill="#2b2350" if message.app else "#3f7d58")
    middle, down = x + size / 2, sheet.y + size / 2
    if message.app:
        sheet.put("circle", cx=middle, cy=down, r=size * 0.29, fill="#ffd76a")
        sheet.put(
            "circle", cx=middle + size * 0.13, cy=down - size * 0.09, r=size * 0.25, fill="#2b2350"
        )
        return
    initial = message.sender[:1].upper()
    look = {"font_size": size / 2, "font_weight": "bold", "fill": "#ffffff"}
    sheet.put("text", initial, x=middle, y=down + size / 6, text_anchor="middle", **look)


def _thread(sheet: Sheet, replies: Sequence[Message], x: float) -> None:
    sheet.y += SMALL
    count = f"{len(replies)} {'reply' if len(replies) == 1 else 'replies'}"
    sheet.runs([Run(count, bold=True)], x, SMALL, BLUE)
    sheet.y += 12
    top = sheet.y
    for reply in replies:
        _message(sheet, reply, x + 14, 24)
    sheet.box(x, top, (3, sheet.y - top), rx=1.5, fill=FAINT)


def _blocks(sheet: Sheet, blocks: Sequence[Block], x: float) -> None:
    for block in blocks:
        _DRAWN[block["type"]](sheet, block, x)


# --- blocks ---------------------------------------------------------------------------------------


def _section(sheet: Sheet, block: Block, x: float) -> None:
    top, room = sheet.y, WIDTH - MARGIN - x
    beside = block.get("accessory")
    if "text" in block:
        taken = _wide(beside) + 16 if beside else 0
        _lines(sheet, _read(sheet, block["text"]), x, room - taken)
    if beside:
        _element(sheet, beside, WIDTH - MARGIN - _wide(beside), top + 4)
        sheet.y = max(sheet.y, top + 38)
    fields = block.get("fields", [])
    for pair in (fields[start : start + 2] for start in range(0, len(fields), 2)):
        top, bottoms = sheet.y, []
        for column, given in enumerate(pair):
            sheet.y = top
            _lines(sheet, _read(sheet, given), x + column * room / 2, room / 2 - 12)
            bottoms.append(sheet.y)
        sheet.y = max(bottoms)
    sheet.y += 4


def _context(sheet: Sheet, block: Block, x: float) -> None:
    lines = [line for given in block["elements"] for line in _read(sheet, given)]
    _lines(sheet, lines, x, WIDTH - MARGIN - x, SMALL, GREY)
    sheet.y += 3


def _header(sheet: Sheet, block: Block, x: float) -> None:
    sheet.y += 4
    lines = [Line((Run(block["text"]["text"], bold=True),))]
    _lines(sheet, lines, x, WIDTH - MARGIN - x, 18.0)
    sheet.y += 4


def _divider(sheet: Sheet, block: Block, x: float) -> None:
    sheet.y += 8
    sheet.box(x, sheet.y, (WIDTH - MARGIN - x, 1), fill=FAINT)
    sheet.y += 9


def _markdown(sheet: Sheet, block: Block, x: float) -> None:
    _lines(sheet, markdown(block["text"]), x, WIDTH - MARGIN - x)
    sheet.y += 4


def _actions(sheet: Sheet, block: Block, x: float) -> None:
    at = x
    sheet.y += 6
    for element in block["elements"]:
        if at > x and at + _wide(element) > WIDTH - MARGIN:
            at = x
            sheet.y += 36
        _element(sheet, element, at, sheet.y)
        at += _wide(element) + 8
    sheet.y += 36


_DRAWN: dict[str, Callable[[Sheet, Block, float], None]] = {
    "section": _section,
    "context": _context,
    "header": _header,
    "divider": _divider,
    "markdown": _markdown,
    "actions": _actions,
}


def _label(element: Block) -> Run:
    given = element.get("text") or element.get("initial_option", {}).get("text")
    text = given or element.get("placeholder") or {"text": element.get("initial_time", "⋯")}
    return Run(text["text"], bold=True)


def _wide(element: Block) -> float:
    arrow = 20 if element["type"].endswith("select") else 0
    return round(width(_label(element), SMALL)) + 24.0 + arrow


def _element(sheet: Sheet, element: Block, x: float, top: float) -> None:
    """A button; or a choice, closed, with its arrow."""
    fill = {"primary": GREEN, "danger": RED}.get(element.get("style", ""), "#ffffff")
    light = fill == "#ffffff"
    wide, y = _wide(element), sheet.y
    look = {"rx": 4, "fill": fill, "stroke": "#bbbabb" if light else fill}
    sheet.box(x + 0.5, top + 0.5, (wide - 1, 28), **look)
    sheet.y = top + 19
    sheet.runs([_label(element)], x + 12, SMALL, INK if light else "#ffffff")
    if element["type"].endswith("select"):
        at = x + wide - 20
        sheet.put("path", d=f"M{at:.1f} {top + 12:.1f}l4 4l4 -4", fill="none", stroke=GREY)
    sheet.y = y


# --- lines ----------------------------------------------------------------------------------------


def _read(sheet: Sheet, given: Block) -> list[Line]:
    if given["type"] == "mrkdwn":
        return mrkdwn(given["text"], sheet.people)
    return plain(given["text"])


def _lines(
    sheet: Sheet,
    lines: Sequence[Line],
    x: float,
    room: float,
    size: float = TEXT,
    color: str = INK,
) -> None:
    fenced: list[Line] = []
    for line in [*lines, None]:
        if line is not None and line.fenced:
            fenced.append(line)
            continue
        if fenced:
            _fence(sheet, fenced, x, room)
            fenced = []
        if line is not None:
            _line(sheet, line, x, room, (size, color))


def _line(sheet: Sheet, line: Line, x: float, room: float, look: tuple[float, str]) -> None:
    size, color = look
    if not "".join(run.text for run in line.runs).strip():
        sheet.y += size * 0.6
        return
    size = size + 2 if line.heading else size
    moved = 16.0 * line.indent + (12 if line.quote else 0)
    top = sheet.y
    for row in _wrapped(line.runs, room - moved, size):
        sheet.y += size * _LEADING
        foot, sheet.y = sheet.y, sheet.y - size * 0.28
        sheet.runs(row, x + moved, size, color)
        sheet.y = foot
    if line.quote:
        sheet.box(x, top + 3, (4, sheet.y - top - 3), rx=2, fill=FAINT)


def _fence(sheet: Sheet, lines: Sequence[Line], x: float, room: float) -> None:
    """A code block: lines that are too long for it are wrapped, as Slack does."""
    size, step = 12.0, 17.5
    fits = int((room - 18) / (0.6 * size))
    rows = [
        line.runs[0].text[start : start + fits]
        for line in lines
        for start in range(0, max(1, len(line.runs[0].text)), fits)
    ]
    sheet.y += 5
    shape = {"rx": 4, "fill": "#f8f8f8", "stroke": FAINT}
    sheet.box(x + 0.5, sheet.y, (room - 1, step * len(rows) + 12), **shape)
    for number, row in enumerate(rows, start=1):
        if row.strip():
            look = {"font_size": size, "font_family": MONO, "fill": INK}
            told = {"textLength": 0.6 * size * len(row), "lengthAdjust": "spacingAndGlyphs"}
            sheet.put("text", row, x=x + 9, y=sheet.y + step * number + 1, **look, **told)
    sheet.y += step * len(rows) + 18


def _wrapped(runs: Sequence[Run], room: float, size: float) -> list[list[Run]]:
    """Rows that fit, broken between words; one word that is too long is broken anywhere."""
    rows: list[list[Run]] = [[]]
    used = 0.0
    for run in runs:
        for word in _words_of(run, room, size):
            wide = width(word, size) + (6 if word.code else 0)
            if used and used + wide > room and word.text.strip():
                rows.append([])
                used = 0.0
            if used or word.text.strip():
                _join(rows[-1], word)
                used += wide
    return rows


def _words_of(run: Run, room: float, size: float) -> list[Run]:
    fits = max(8, int(room / size))
    words = []
    for word in [run.text] if run.code else run.text.replace(" ", " \0").split("\0"):
        pieces = [word[start : start + fits] for start in range(0, len(word), fits)]
        whole = width(Run(word, run.bold, code=run.code), size) <= room
        words += [word] if whole else pieces
    return [_styled(run, word) for word in words]


def _styled(run: Run, text: str) -> Run:
    return Run(text, run.bold, run.italic, run.strike, run.code, run.link, run.mention)


def _join(row: list[Run], word: Run) -> None:
    """To the run before it, if it looks the same: one piece of text is easier to read."""
    if row and _styled(row[-1], word.text) == word and not word.code:
        row[-1] = _styled(row[-1], row[-1].text + word.text)
    else:
        row.append(word)
