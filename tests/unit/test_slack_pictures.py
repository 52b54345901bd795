"""The pictures in docs/ are what is drawn from real views now, and a picture leaves nothing out."""

import html
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from block_drawing import Message, Page, draw
from interfaces.slack.rendering import blocks
from slack_scenes import DOCS, PEOPLE, SCENES, drawn, stage
from slack_text import Run as Piece
from slack_text import markdown, mrkdwn, width

SVG = "{http://www.w3.org/2000/svg}"


def parsed(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - we have drawn it ourselves


def words_of(picture: str) -> str:
    return " ".join(" ".join(parsed(picture).itertext()).split())


def section(text: str) -> dict[str, object]:
    return blocks.section(text, "x")


@pytest.mark.parametrize("name", SCENES)
def test_a_picture_in_the_docs_is_what_is_drawn_now(name: str) -> None:
    kept = (DOCS / f"{name}.svg").read_text()
    assert kept == drawn(SCENES[name]), "it is out of date: `make picture` draws it anew"


def test_the_pictures_are_drawn_by_the_script_that_make_picture_runs(tmp_path: Path) -> None:
    script = DOCS.parent / "tests" / "slack_scenes.py"
    assert f"tests/{script.name}" in (DOCS.parent / "Makefile").read_text()
    code = f"import slack_scenes; slack_scenes.draw_all({str(tmp_path)!r})"
    paths = {"PYTHONPATH": f"{script.parent}:{DOCS.parent}"}
    subprocess.run([sys.executable, "-c", code], check=True, env=paths, capture_output=True)
    assert {file.stem for file in tmp_path.iterdir()} == set(SCENES)


@pytest.mark.parametrize("name", SCENES)
def test_a_picture_needs_nothing_from_elsewhere(name: str) -> None:
    picture = drawn(SCENES[name])
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in picture
    assert "href" not in picture
    root = parsed(picture)
    assert root.findtext(f"{SVG}title") == SCENES[name].title


@pytest.mark.parametrize("name", [name for name in SCENES if name.startswith("slack-card")])
def test_every_word_of_every_block_is_in_its_picture(name: str) -> None:
    with stage() as made:
        messages = SCENES[name].played(made)
    seen = words_of(drawn(SCENES[name])).replace(" ", "")
    for message in messages:
        assert isinstance(message, Message)
        for said in (message, *message.thread):
            for word in re.findall(r"\w+", html.unescape(texts_of(said))):
                assert word in seen


def texts_of(message: Message) -> str:
    found = [each["text"] for block in message.blocks for each in texts_in(block)]
    return re.sub(r"<[^>]*>", "", "\n".join(found))


def texts_in(block: dict[str, Any]) -> list[dict[str, Any]]:
    match block["type"]:
        case "section":
            return [block["text"]]
        case "context":
            return list(block["elements"])
        case "actions":
            return [element["text"] for element in block["elements"]]
        case _:
            return [block]


def test_mrkdwn_is_read_as_slack_reads_it() -> None:
    text = "*bold _both_* a_b_c `co*de*` <@U1> &lt;b&gt; <https://x|here> ~old~"
    (line,) = mrkdwn(text, {"U1": "ada"})
    assert line.runs == (
        Piece("bold ", bold=True),
        Piece("both", bold=True, italic=True),
        Piece(" a_b_c "),
        Piece("co*de*", code=True),
        Piece(" "),
        Piece("@ada", mention=True),
        Piece(" <b> "),
        Piece("here", link=True),
        Piece(" "),
        Piece("old", strike=True),
    )


def test_a_date_is_shown_as_somebody_in_utc_sees_it() -> None:
    (line,) = mrkdwn("<!date^1773180000^{date_short_pretty} {time}|soon>")
    assert [run.text for run in line.runs] == ["Mar 10 10:00 PM"]


def test_markdown_is_read_with_headings_lists_quotes_and_fences() -> None:
    lines = markdown("# Head\n- **one**\n  - two\n1. three\n> said\n```py\nx < 1\n```\n[a](b)")
    assert [(line.heading, line.indent, line.quote, line.fenced) for line in lines] == [
        (True, 0, False, False),
        (False, 1, False, False),
        (False, 2, False, False),
        (False, 1, False, False),
        (False, 0, True, False),
        (False, 0, False, True),
        (False, 0, False, False),
    ]
    assert lines[1].runs[-1] == Piece("one", bold=True)
    assert lines[5].runs == (Piece("x < 1"),)
    assert lines[6].runs == (Piece("a", link=True),)


def test_text_is_wrapped_within_the_picture_however_long_a_word_is() -> None:
    picture = draw([Message([section("word " * 60 + "W" * 300)], at="8:00 AM")])
    for text in parsed(picture).iter(f"{SVG}text"):
        end = float(text.get("x", "0")) + float(text.get("textLength", "0"))
        assert end <= 680


def test_what_would_be_markup_of_the_picture_is_text_in_it() -> None:
    picture = draw([Message([section("a &lt;/text&gt;&amp; \"b\" 'c'")], at="<at>", sender="&")])
    assert "a </text>& \"b\" 'c'" in words_of(picture)


def test_a_block_that_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(KeyError, match="carousel"):
        draw([Message([{"type": "carousel"}], at="8:00 AM")])


def test_a_page_has_blocks_and_nobody_who_says_them() -> None:
    choice = {
        "type": "static_select",
        "placeholder": blocks.plain("Priority"),
    }
    page = Page(
        [
            {"type": "header", "text": blocks.plain("Tonight")},
            {"type": "divider"},
            section("*Left*") | {"accessory": choice},
            {"type": "section", "fields": [blocks.mrkdwn("a"), blocks.mrkdwn("b")]},
            blocks.context("small", "c"),
        ],
        title="Sleepless",
    )
    said = words_of(draw([page], "The App Home", PEOPLE))
    assert said == "The App Home Sleepless Tonight Left Priority a b small"


def test_a_thread_counts_its_replies() -> None:
    replies = tuple(Message([section(word)], at="8:01 AM") for word in ("one", "two"))
    person = Message([section("hi")], at="8:00 AM", sender="ada", app=False, thread=replies)
    said = words_of(draw([person]))
    assert "2 replies" in said
    assert said.count("APP") == 2


def test_bold_is_wider_and_code_is_even() -> None:
    assert width(Piece("word", bold=True), 15) > width(Piece("word"), 15)
    assert width(Piece("iiii", code=True), 15) == width(Piece("WWWW", code=True), 15)
    assert width(Piece("e\u0301\ufe0f\u200b"), 15) == width(Piece("e"), 15)
