# ruff: noqa: RUF001 - phones type these quotes and dashes
"""Where flags stand in what somebody typed. Pure; knows their names and nothing of their meaning.

Phones turn `--` into a long dash and straight quotes into curly ones; both are read as meant. What
stands in backticks, in a code block or behind a lone `--` is text, whatever it looks like.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

TAKES_VALUE: Final = frozenset({"project", "priority", "max-cost", "model", "after", "at"})
NAMES: Final = (*sorted(TAKES_VALUE), "random", "serious")
#: what other tools call it, ours in a shell among them
_MEANT: Final = {
    "not-before": "at",
    "when": "at",
    "start": "at",
    "budget": "max-cost",
    "cost": "max-cost",
    "prio": "priority",
    "proj": "project",
    "repo": "project",
}
DASHES: Final = "—–"
#: any closer of its family ends a value; a single quote inside a word is an apostrophe
QUOTES: Final = {
    **dict.fromkeys('"“”„‟', re.compile('["“”„‟]')),
    **dict.fromkeys("'‘’‚‛", re.compile(r"['‘’‚‛](?!\w)")),
    **dict.fromkeys("«»", re.compile("[«»]")),
    "`": re.compile("`"),
}
#: programs with a -p of their own: `mkdir -p out` at the end of a text names no project
_HAVE_A_P: Final = re.compile(
    "cp|curl|diff|docker|git|grep|install|iptables|journalctl|kill|less|lsof|make|"
    "mkdir|mysql|nc|netstat|nmap|npm|npx|patch|perl|pgrep|pip|pnpm|podman|prove|ps|"
    "psql|pytest|python|python3|rsync|scp|sed|sftp|ss|ssh|sudo|tar|tmux|touch|unzip|"
    "uvicorn|xargs|zip"
)

_CODE: Final = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_WORD: Final = re.compile(r"(?<!\S)\S+")
_FLAG: Final = re.compile(r"(?P<dashes>--|[—–]-?)(?P<name>[^\W\d_][\w-]*)(?P<rest>\S*)")
_P: Final = re.compile(r"-p(?:=.*)?\Z")
_GUARDED_P: Final = re.compile(r"(?<!\S)-p[\s=]")
_LINE: Final = re.compile(r"[^\n]*")
#: stands behind a word without a gap; so it does when a flag between them is cut out
_CLINGS: Final = tuple(".,;:!?")
_BLANKS: Final = re.compile(r"[^\S\r\n]*")
_BARE: Final = re.compile(r"\S*")
_BARE_OF: Final = {
    "after": re.compile(r"[#\d]+(?:[ \t]*,[ \t]*[#\d]+)*(?!\S)"),
    "at": re.compile(r"\d{4}-\d{2}-\d{2}[ \t]+\d{1,2}:\d{2}(?!\S)"),
}
_NOTHING: Final = re.compile(r"--(?!\S)|\s|\Z")
_PLAUSIBLE: Final = re.compile(r"(?!\d+$)\w[\w.-]*")


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag from `start` up to `end`; `name` is the one it is or nearly is, if there is one."""

    start: int
    end: int
    typed: str
    name: str | None
    value: str | None = None
    quoted: bool = False
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Typed:
    """`marker` is where the lone `--` stands, if one sets flags and text apart."""

    text: str
    flags: tuple[Flag, ...]
    marker: tuple[int, int] | None = None

    def without(self, flags: tuple[Flag, ...]) -> str:
        """The text as it was typed, `flags` and the marker cut out."""
        cuts = [(flag.start, flag.end) for flag in flags]
        if self.marker:
            cuts.append(self.marker)
        kept, at = "", 0
        for start, end in sorted(cuts):
            kept, at = _joined(kept, self.text[at:start]), end
        return trimmed(_joined(kept, self.text[at:]))


def trimmed(text: str) -> str:
    """Without white space around it, and without the invisible marks that come with pasting."""
    return text.strip().strip("\u200b\ufeff\u2060").strip()


def _joined(left: str, right: str) -> str:
    """One gap where two met; the one with more line breaks, so that lists and blocks stay."""
    if not left.strip():
        return right
    head, tail = left.rstrip(), right.lstrip()
    before, after = left[len(head) :], right[: len(right) - len(tail)]
    if not after and tail[:1] in _CLINGS:
        return head + tail
    gap = before if before.count("\n") > after.count("\n") else after or before
    return head + gap + tail


def find_flags(text: str) -> Typed:
    found = _scan(text)
    head = Typed(text[: found.stop], found.flags)
    short = _short_flags(head, found.code, at_end=found.stop == len(text))
    flags = tuple(sorted((*found.flags, *short), key=lambda flag: flag.start))
    return Typed(text, flags, _marker(Typed(text[: found.stop], flags), text[found.stop :]))


@dataclass(frozen=True, slots=True)
class _Scan:
    """The long flags, the code, and where the lone `--` stands behind which all is text."""

    flags: tuple[Flag, ...]
    code: tuple[tuple[int, int], ...]
    stop: int


def _scan(text: str) -> _Scan:
    flags: list[Flag] = []
    code: list[tuple[int, int]] = []
    at, only_flags, stop = 0, True, len(text)
    span = _CODE.search(text)
    while word := _WORD.search(text, at):
        if span and span.start() < at:  # it began in a value: a backtick there opens nothing
            span = _CODE.search(text, at)
        free = span is None or word.start() < span.start()
        if free and (word[0] == "--" or (only_flags and word[0] in DASHES)):
            stop = word.start()
            break
        if free and (match := _looks_like_flag(text, word.start())):
            flags.append(_flag(text, match))
            at = flags[-1].end
            continue
        at, only_flags = word.end(), False
        if span and span.start() < word.end():
            code.append(span.span())
            at = span.end()
    return _Scan(tuple(flags), tuple(code), stop)


def _holding(spans: Sequence[tuple[int, int]], at: int) -> tuple[int, int] | None:
    before = spans[: bisect_right(spans, at, key=lambda span: span[0])][-1:]
    return before[0] if before and at < before[0][1] else None


def _looks_like_flag(text: str, at: int) -> re.Match[str] | None:
    """A word with `--`; one with a long dash only if it is one of ours: dashes are prose, too."""
    match = _FLAG.match(text, at)
    if match is None or match["dashes"] == "--":
        return match
    ours = match["name"].lower() in NAMES and match["rest"][:1] in ("", "=")
    return match if ours else None


def _flag(text: str, match: re.Match[str]) -> Flag:
    name, rest = _nearest(match["name"].lower()), match["rest"]
    typed = f"--{match['name']}" + ("" if rest.startswith("=") else rest)
    bare = Flag(match.start(), match.end(), typed, name)
    if name is None:
        return bare
    if rest[:1] in ("=", ":"):
        return _valued(text, bare, match.end("name") + 1)
    at = _end(_BLANKS, text, match.end())
    if name not in TAKES_VALUE or rest or at == match.end() or _no_value(text, at):
        return bare
    return _valued(text, bare, at)


def _nearest(name: str) -> str | None:
    known = _MEANT.get(name, name)
    if known in NAMES:
        return known
    return next(iter(get_close_matches(known[:40], NAMES, 1, 0.7)), None)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a match that begins at `at` ends; `at` if there is none."""
    match = pattern.match(text, at)
    return match.end() if match else at


def _no_value(text: str, at: int) -> bool:
    return bool(_NOTHING.match(text, at) or _looks_like_flag(text, at))


def _valued(text: str, flag: Flag, at: int) -> Flag:
    """With the value that begins at `at`: in quotes, or up to the next blank."""
    closer = QUOTES.get(text[at : at + 1])
    if closer is None:
        end = max(_end(_BARE, text, at), _end(_BARE_OF.get(flag.name or "", _BARE), text, at))
        return replace(flag, end=end, value=text[at:end])
    line_end = _end(_LINE, text, at)
    if found := closer.search(text, at + 1, line_end):
        return replace(flag, end=found.end(), value=text[at + 1 : found.start()], quoted=True)
    end = _where_it_should_close(text, flag, at, line_end)
    return replace(flag, end=end, value=text[at + 1 : end], quoted=True, closed=False)


def _where_it_should_close(text: str, flag: Flag, at: int, line_end: int) -> int:
    """A name behind the text may have several words; before the text, and others: one."""
    if flag.name == "project" and trimmed(text[: flag.start]):
        later = (word.start() for word in _WORD.finditer(text, at + 1, line_end))
        return next((start for start in later if _no_value(text, start)), line_end)
    return _end(_BARE, text, at)


def _short_flags(head: Typed, code: Sequence[tuple[int, int]], *, at_end: bool) -> Iterator[Flag]:
    """`-p NAME` counts as the first two words of the text or as the last two, never inside it."""
    taken = [(flag.start, flag.end) for flag in head.flags]
    words = [word for word in _WORD.finditer(head.text) if not _holding(taken, word.start())]
    dashed = [i for i, word in enumerate(words) if _P.match(word[0])]
    dashed = [i for i in dashed if not _holding(code, words[i].start())]
    if dashed[:1] == [0] and (first := _short_flag(head, words[0])):
        yield first
    if dashed[-1:] in ([], [0]) or not at_end or _of_a_program(words[: dashed[-1]]):
        return
    last = _short_flag(head, words[dashed[-1]])
    if last and last.end >= words[-1].end():
        yield last


def _short_flag(head: Typed, word: re.Match[str]) -> Flag | None:
    bare = Flag(word.start(), word.end(), "-p", "project")
    at = word.start() + 3 if word[0] != "-p" else _end(_BLANKS, head.text, word.end())
    if _no_value(head.text, at):
        return None
    flag = _valued(head.text, bare, at)
    crossed = any(flag.start < other.start < flag.end for other in head.flags)
    named = flag.quoted or _PLAUSIBLE.fullmatch(flag.value or "")
    return flag if named and not crossed else None


def _of_a_program(before: list[re.Match[str]]) -> bool:
    near = [word[0].strip("\"'“”‘’`(").lower() for word in before[-3:]]
    return near[-1].startswith("-") or any(map(_HAVE_A_P.fullmatch, near))


def _marker(head: Typed, tail: str) -> tuple[int, int] | None:
    """A lone `--` is cut out when it does something: behind it stands what would be a flag, or
    before it nothing but flags. Else it is a dash in a sentence.
    """
    dashes = _end(_BARE, tail, 0)
    behind = tail[dashes:]
    guards = _scan(behind).flags or _GUARDED_P.search(behind)
    if not tail or (head.without(head.flags) and not guards):
        return None
    return len(head.text), len(head.text) + dashes
