"""Texts that are not ours, made fit to be shown: nothing in them may move a cursor, colour a
terminal or turn the direction of writing.
"""

import re
from typing import Final

#: control characters but line feeds and tabs, and those that turn the direction of writing
_HARMFUL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
#: a cell is a glance
_WIDEST_CELL: Final = 60


def harmless(text: str) -> str:
    """`text` with everything that a terminal would obey written out."""
    return _HARMFUL.sub(lambda found: ascii(found.group())[1:-1], text)


def one_line(text: str, width: int = _WIDEST_CELL) -> str:
    line = harmless(" ".join(text.split()))
    return line if len(line) <= width else f"{line[: width - 1]}…"
