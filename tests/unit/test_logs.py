import io
import json
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
import structlog
from structlog.contextvars import bind_contextvars

from core.logs import (
    configure_logging,
    new_correlation_id,
    redact,
)
from core.settings import LoggingSettings

EXHAUSTED = "Budget exhausted for daytime period (remaining: $0.00). Skipping task scheduling."


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def logging_to(
    stream: io.StringIO,
    form: Literal["auto", "console", "json"] = "auto",
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO",
) -> Any:
    configure_logging(LoggingSettings(format=form, level=level), stream)
    return structlog.get_logger("core.scheduler")


def json_lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_where_nobody_looks_on() -> None:
    stream = io.StringIO()
    logging_to(stream).info("run.finished", run_id=7, level="mine", cost="$0.07 ü")
    (line,) = json_lines(stream)
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo == UTC
    assert line == {
        "level": "INFO",
        "event": "run.finished",
        "logger": "core.scheduler",
        "run_id": 7,
        "cost": "$0.07 ü",
    }


def test_a_terminal_gets_colour_and_a_plain_console_does_not() -> None:
    terminal, plain = Terminal(), io.StringIO()
    logging_to(terminal).info("run.finished")
    logging_to(plain, "console").info("run.finished", project="my app", run_id=7, error=None)
    assert "\x1b[32mINFO\x1b[0m: run.finished" in terminal.getvalue()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ INFO: run\.finished "
        r"project='my app' run_id=7 error=None\n",
        plain.getvalue(),
    )


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_may_decline_colour(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    terminal = Terminal()
    logging_to(terminal).info("run.finished")
    assert "\x1b" not in terminal.getvalue()


def test_the_warning_of_an_exhausted_budget_can_be_found_as_it_is_documented(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = io.StringIO()
    logging_to(stream, "console").warning(EXHAUSTED, window="daytime")
    assert f"WARNING: {EXHAUSTED}" in stream.getvalue()
    assert caplog.messages == [EXHAUSTED]
    logging_to(stream, "json").warning(EXHAUSTED)
    assert f'"event": "{EXHAUSTED}"' in stream.getvalue()


def test_what_is_bound_once_is_on_every_line_also_on_those_of_libraries() -> None:
    stream = io.StringIO()
    log = logging_to(stream)
    bind_contextvars(correlation_id="c", task_id=3)
    log.info("task.claimed")
    logging.getLogger("sqlalchemy.pool").warning("pool of %d is full", 5)
    ours, theirs = json_lines(stream)
    assert (ours["correlation_id"], ours["task_id"]) == ("c", 3)
    assert (theirs["correlation_id"], theirs["event"]) == ("c", "pool of 5 is full")


@pytest.mark.parametrize("library", ["sqlalchemy.engine", "apscheduler", "alembic", "asyncio"])
def test_libraries_speak_from_warning_up_in_the_same_form(library: str) -> None:
    stream = io.StringIO()
    logging_to(stream, level="DEBUG")
    logging.getLogger(library).info("chatter")
    logging.getLogger(library).warning("trouble")
    (line,) = json_lines(stream)
    assert (line["level"], line["logger"], line["event"]) == ("WARNING", library, "trouble")


def test_a_console_names_the_library_that_speaks() -> None:
    stream = io.StringIO()
    logging_to(stream, "console")
    logging.getLogger("alembic").warning("trouble")
    assert stream.getvalue().endswith("Z WARNING: trouble logger=alembic\n")


@pytest.mark.parametrize(
    ("level", "heard"),
    [("DEBUG", 4), ("INFO", 3), ("WARNING", 2), ("ERROR", 1)],
)
def test_the_level_holds(level: Literal["DEBUG", "INFO", "WARNING", "ERROR"], heard: int) -> None:
    stream = io.StringIO()
    log = logging_to(stream, level=level)
    log.debug("tick")
    log.info("done")
    log.warning("healed")
    log.error("act")
    assert len(json_lines(stream)) == heard


def test_the_last_configuration_holds_alone() -> None:
    first, second = io.StringIO(), io.StringIO()
    log = logging_to(first)
    log.info("one")
    logging_to(second)
    log.info("two")
    assert [line["event"] for line in json_lines(first)] == ["one"]
    assert [line["event"] for line in json_lines(second)] == ["two"]


def fail(message: str) -> None:
    raise ValueError(message)


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_secret_is_in_a_line_or_in_its_traceback(form: Literal["console", "json"]) -> None:
    stream = io.StringIO()
    log = logging_to(stream, form)
    known, shaped = "correct-horse", "sk-" + "ant-api03-abcDEF123"
    redact(known)
    try:
        fail(f"{known} and {shaped}")
    except ValueError as error:
        log.exception("run.failed", error=error, api_key="k-e-y", tokens_used=7, said=known)
        logging.getLogger("asyncio").exception("with %s", shaped)
    text = stream.getvalue()
    assert "Traceback (most recent call last)" in text
    assert [secret for secret in (known, shaped, "k-e-y") if secret in text] == []
    assert re.search(r'tokens_used"?[=:] ?7', text)


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_secret_is_found_inside_any_object(form: Literal["console", "json"]) -> None:
    stream = io.StringIO()
    redact('it"is\nquoted')
    several = ("first", "\nsk-" + "ant-api03-abcDEF123")
    log = logging_to(stream, form)
    log.info("run.failed", error=ValueError('it"is\nquoted'), several=ValueError(*several))
    assert "quoted" not in stream.getvalue()
    assert "api03" not in stream.getvalue()


def test_a_value_cannot_forge_a_line_or_steer_the_terminal() -> None:
    stream = io.StringIO()
    log = logging_to(stream, "console")
    log.info("task.added", text="a\n2026-01-01 00:00:00Z ERROR: forged \x1b[31m")
    logging.getLogger("aiohttp").warning("a\nb\x1b]0;title\x07\r")
    assert len(stream.getvalue().splitlines()) == 2
    assert not {"\x1b", "\r", "\x07"} & set(stream.getvalue())


def test_a_name_in_another_encoding_does_not_lose_the_line() -> None:
    stream = io.StringIO()
    logging_to(stream).info("file.found", path="caf\udce9", kind=datetime)
    (line,) = json_lines(stream)
    assert line["path"] == "caf\udce9"


def test_a_stack_is_shown_when_asked_for() -> None:
    stream = io.StringIO()
    log = logging_to(stream, "console")
    log.info("here", stack_info=True)
    logging.getLogger("asyncio").warning("there", stack_info=True)
    assert stream.getvalue().count("Stack (most recent call last)") == 2


def test_without_a_stream_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LoggingSettings(format="json"))
    structlog.get_logger("daemon").info("daemon.started")
    said = capsys.readouterr()
    assert said.out == ""
    assert json.loads(said.err)["event"] == "daemon.started"


class At:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0


def test_correlation_ids_are_short_sort_by_time_and_do_not_repeat() -> None:
    start = datetime(2026, 11, 21, 20, tzinfo=UTC)
    ids = [new_correlation_id(At(start + timedelta(milliseconds=n))) for n in range(1000)]
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"[0-9a-z]{19}", each) for each in ids)
    same_moment = {new_correlation_id(At(start)) for _ in range(1000)}
    assert len(same_moment) == 1000
    assert len(new_correlation_id()) == 19
