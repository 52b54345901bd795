"""What was typed arrives as it was typed, and what is shown pings nobody and breaks nowhere."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from core.errors import NaiveTime
from interfaces.slack.rendering.words import (
    clipped,
    escape,
    moment,
    neutralise,
    split,
    unescape,
    without_mention,
)

QUIET = "\u200b"


@pytest.mark.parametrize(
    ("wire", "typed"),
    [
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("&amp;lt;b&amp;gt; &quot;", "&lt;b&gt; &quot;"),
        ("&lt;@U123&gt;", "<@U123>"),
        ("ask <@U123>", "ask @U123"),
        ("ask <@U123|ada>", "ask @ada"),
        ("in <#C1|general> and <#C2> and <#C3|>", "in #general and #C2 and #C3"),
        ("<!here> <!here|here> <!channel|@channel>", "@here @here @channel"),
        ("<!subteam^S1|@team> <!subteam^S2>", "@team @S2"),
        ("<!date^123^{time}|at noon> <!date^123>", "at noon !date^123"),
        ("see <https://x.io/a?b=1&amp;c=2>", "see https://x.io/a?b=1&c=2"),
        ("see <https://x.io|https://x.io>", "see https://x.io"),
        ("see <https://x.io|the page>", "see the page (https://x.io)"),
        ("fix <http://README.md|README.md>", "fix README.md"),
        ("<https://x.io/|x.io>", "x.io"),
        ("mail <mailto:a@b.io|a@b.io>", "mail a@b.io"),
        ("mail <mailto:a@b.io|Ada>", "mail Ada (mailto:a@b.io)"),
        ("call <tel:+123|+123>", "call +123"),
        ("1 < 2 > 0, <> and <|x>", "1 < 2 > 0, <> and <|x>"),
    ],
)
def test_what_was_typed_is_told_from_what_slack_made_of_it(wire: str, typed: str) -> None:
    assert unescape(wire) == typed


@pytest.mark.parametrize(
    ("plain", "wire"),
    [
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("<!channel>", "&lt;!channel&gt;"),
        ("<https://x|y>", "&lt;https://x|y&gt;"),
        ("@Here! me@here.io", f"@{QUIET}Here! me@here.io"),
        ("@channels", "@channels"),
    ],
)
def test_plain_text_is_never_markup(plain: str, wire: str) -> None:
    assert escape(plain) == wire


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<!channel> <!here|here>", f"<{QUIET}!channel> <{QUIET}!here|here>"),
        ("<!Everyone> <!subteam^S1|@x>", f"<{QUIET}!Everyone> <{QUIET}!subteam^S1|@x>"),
        ("`<@U123>`", f"`<{QUIET}@U123>`"),
        ("@channel, @HERE and a@here.io", f"@{QUIET}channel, @{QUIET}HERE and a@here.io"),
        ("<!-- a comment --> <!DOCTYPE html>", "<!-- a comment --> <!DOCTYPE html>"),
        ("```py\n@property\na <b> c\n```", "```py\n@property\na <b> c\n```"),
    ],
)
def test_what_a_model_mentions_pings_nobody_and_its_code_is_kept(written: str, shown: str) -> None:
    assert neutralise(written) == shown


def test_a_moment_is_shown_in_the_readers_zone_and_else_in_utc() -> None:
    at = datetime(2026, 3, 10, 13, 0, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert moment(at) == ("<!date^1773144030^{date_short_pretty} {time}|2026-03-10 12:00 UTC>")
    assert moment(at.astimezone(UTC), "{time}") == "<!date^1773144030^{time}|2026-03-10 12:00 UTC>"
    with pytest.raises(NaiveTime):
        moment(at.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("wire", "rest"),
    [
        ("<@UBOT> status", "status"),
        (" <@UBOT|sleepless>: fix it", "fix it"),
        ("<@UBOT><@UBOT>, fix\nit ", "fix\nit "),
        ("<@UBOT>", ""),
        ("ask <@UBOT> too", "ask <@UBOT> too"),
        ("<@UBOTTER> hi", "<@UBOTTER> hi"),
    ],
)
def test_the_bots_own_mention_is_cut_off_the_front_alone(wire: str, rest: str) -> None:
    assert without_mention(wire, "UBOT") == rest


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("short", 5, "short"),
        ("one two three", 9, "one two…"),
        ("one two three", 8, "one two…"),
        ("first line\nsecond line", 15, "first line…"),
        ("x" * 20, 5, "xxxx…"),
        ("anything", 1, "…"),
        ("anything", 0, ""),
        ("anything", -3, ""),
        ("see\n```py\ncode = 1\n" + "more = 2\n" * 9, 40, "see\n```py\ncode = 1\nmore = 2…\n```"),
        ("see\n```py\ncode = 1\n" + "more = 2\n" * 9, 22, "see…"),
        ("see\n~~~~\ncode\nmore code here\n~~~~", 25, "see\n~~~~\ncode…\n~~~~"),
        ("```\n" + "x" * 90, 60, "```\n" + "x" * 46 + "…\n```"),
        ("see ```code and more code``` too", 24, "see ```code…```"),
        ("``` " + "x" * 20, 8, "…"),
        ("wow 👨‍👩‍👧 yes", 6, "wow…"),
        ("ab👍🏽cd", 4, "ab…"),
        ("e\u0301e\u0301e\u0301", 4, "e\u0301…"),
        ("ab\ud83d\ude00cd", 4, "ab…"),
        ("a" + "\u0301" * 40, 20, "a" + "\u0301" * 18 + "…"),
    ],
)
def test_a_text_is_clipped_where_it_hurts_least(text: str, limit: int, shown: str) -> None:
    assert clipped(text, limit) == shown
    assert len(shown) <= max(limit, 0)


def test_a_text_that_fits_is_one_part_and_none_is_no_part() -> None:
    assert split("a\n\nb") == ["a\n\nb"]
    assert split("") == []
    assert split(" \n") == []
    assert split("abc", 0) == ["a", "b", "c"]


def test_parts_end_with_a_paragraph_else_a_line_else_a_word() -> None:
    assert split("aaaa aa\n\nbbbb bb", 12) == ["aaaa aa\n\n", "bbbb bb"]
    assert split("aaaa aa\nbbbb bb", 12) == ["aaaa aa\n", "bbbb bb"]
    assert split("aaaa aa bbbb bb", 12) == ["aaaa aa bbbb", " bb"]
    assert split("aaaa aabbbbbb", 8) == ["aaaa ", "aabbbbbb"]
    assert split("x" * 10, 4) == ["xxxx", "xxxx", "xx"]


def test_a_code_block_that_is_cut_is_closed_and_opened_again() -> None:
    lines = "".join(f"line {number:03d}\n" for number in range(40))
    first, second, *_ = split(f"```python\n{lines}```\nthe end", 200)
    assert first.startswith("```python\nline 000\n")
    assert first.endswith("\n```")
    assert second.startswith("```python\nline ")


def test_a_code_block_that_fits_the_next_part_is_not_cut() -> None:
    words, code = "word " * 30, "```\n" + "code\n" * 20 + "```\n"
    assert split(words + "\n" + code, 200) == [words + "\n", code]


def test_a_cut_just_before_the_end_of_a_block_opens_no_empty_one() -> None:
    block, rest = f"```\n{'x' * 80}\n\n```", "\n" + "and more " * 10
    assert split(block + rest, 120) == [block, rest]


def test_a_paragraph_before_a_block_ends_the_part() -> None:
    words, code = "y" * 55 + "\n\n", "```\n" + "z" * 80 + "\n```"
    assert split(words + code, 120) == [words, code]


def test_a_block_whose_line_never_ends_is_cut_all_the_same() -> None:
    first, *_, last = split("~~~ a-language-with-a-long-name\n" + "x" * 500, 120)
    assert first.endswith("x\n~~~")
    assert last.startswith("~~~\nx")


@given(st.text())
@example("@here &amp; <@U1>")
def test_what_is_escaped_is_read_as_it_was(text: str) -> None:
    assume(not re.search("@\u200b", text))
    assert unescape(escape(text)) == text


MENTIONS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(
                    "<!channel>",
                    "<!here|here>",
                    "<!everyone>",
                    "<!subteam^S1|@x>",
                    "<@U1>",
                    "<@W1|w>",
                ),
                *(
                    "@channel",
                    "@here",
                    "@Everyone",
                    "<",
                    "!",
                    "@",
                    "here",
                    "channel",
                    "`",
                    "&lt;",
                    ">",
                ),
            ]
        ),
        st.text(max_size=3),
    )
).map("".join)
PING = re.compile(
    r"<!(channel|here|everyone|group|subteam)|<@\w|(?<!\w)@(channel|here|everyone)\b", re.IGNORECASE
)


@given(MENTIONS)
def test_no_ping_is_left_and_nothing_that_can_be_seen_is_changed(text: str) -> None:
    quiet = neutralise(text)
    assert not PING.search(quiet)
    assert quiet.replace(QUIET, "") == text.replace(QUIET, "")
    assert neutralise(quiet) == quiet
    assert not PING.search(escape(text))
    assert not re.search("[<>]", escape(text))


@given(MENTIONS)
def test_whatever_slack_sends_can_be_read(text: str) -> None:
    assert isinstance(unescape(without_mention(text, "U1")), str)


PROSE = st.lists(st.sampled_from(["word", "longer-word", " ", "\n", "\n\n", "é", "日本"])).map(
    "".join
)
LINES = st.lists(
    st.sampled_from(
        [
            "```",
            "```py",
            "````",
            "~~~",
            "  ```js title=x",
            "code = 1",
            "x" * 150,
            "",
            "a word",
            "`x`",
        ]
    ),
    max_size=40,
).map("\n".join)


@given(PROSE, st.integers(1, 60))
def test_the_parts_of_prose_are_the_text(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(0 < len(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@given(st.text(st.characters(exclude_categories=["Z", "C"], exclude_characters="`~")))
def test_the_parts_of_what_has_no_blanks_are_the_text_to_the_letter(text: str) -> None:
    assert "".join(split(text, 7)) == text


@given(LINES, st.integers(120, 400))
def test_parts_keep_the_limit_and_every_line_of_code_and_leave_no_block_open(
    text: str, limit: int
) -> None:
    parts = split(text, limit)
    assert all(len(part) <= limit for part in parts)
    assert "".join(map(bare, parts)) == bare(text)
    assert not any(map(left_open, parts[:-1]))


def left_open(text: str) -> bool:
    mark = ""
    for line in text.splitlines():
        fence = re.match(r" {0,3}(```+|~~~+)(.*)", line)
        if fence and not mark:
            mark = fence[1]
        elif fence and fence[1].startswith(mark) and not fence[2].strip():
            mark = ""
    return bool(mark)


def bare(text: str) -> str:
    """Without fences and white space."""
    lines = [line for line in text.splitlines() if not re.match(r" {0,3}(```|~~~)", line)]
    return "".join("".join(lines).split())


@given(st.one_of(PROSE, LINES), st.integers(-1, 200))
def test_a_clipped_text_keeps_the_limit_and_says_that_it_was_cut(text: str, limit: int) -> None:
    shown = clipped(text, limit)
    assert len(shown) <= max(limit, 0)
    assert shown == text if len(text) <= limit else "…" in shown or limit < 1
