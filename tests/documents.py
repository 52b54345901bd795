"""The pages, for the tests that read them: sections, tables, code."""

import re
from pathlib import Path

from source_tree import ROOT

#: everything a reader may come across
PAGES = tuple(sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]))

_RULE = re.compile(r"\|[-| :]+\|")
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}$\n(.*)", page, re.DOTALL | re.MULTILINE)
    assert found, f"there is no heading {heading!r}"
    return re.split(rf"^#{{1,{len(found[1])}}} ", found[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[tuple[str, ...]]:
    """The rows of all tables in a text, without their heads."""
    found: list[tuple[str, ...]] = []
    for line in map(str.strip, text.splitlines()):
        if _RULE.fullmatch(line):
            found.pop()  # the head
        elif line.startswith("|"):
            found.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
    return found


def table(text: str) -> dict[str, tuple[str, ...]]:
    """Rows by their first cell, without its backticks."""
    return {first.strip("`"): tuple(rest) for first, *rest in rows(text)}


def blocks(text: str, language: str) -> list[str]:
    """What stands in the fences of a language."""
    return [code for tongue, code in _FENCE.findall(text) if tongue == language]


def code_spans(text: str) -> list[str]:
    """What stands in single backticks, line breaks undone; fences left out."""
    spans = re.findall(r"`([^`]+)`", _FENCE.sub("", text))
    return [" ".join(span.split()) for span in spans]


def headings(page: Path) -> set[str]:
    """As they are named in links."""
    titles = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
