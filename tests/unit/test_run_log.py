import json
import stat
from pathlib import Path

from conftest import StoppedClock
from core.charges import ModelUsage
from core.money import Nano
from core.redaction import redact
from execution.agent import CallMetered, Said, ToolUsed
from execution.run_log import RunLog, log_path

SECRET = "sk-ant-api03-run-log-0123456789abcdef"


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_events_stand_there_as_soon_as_they_are_told(tmp_path: Path, clock: StoppedClock) -> None:
    log = RunLog(log_path(tmp_path, 7), clock)
    log.event(ToolUsed("Write", "a.txt"))
    at = clock.now().isoformat()
    assert lines(log.path) == [{"at": at, "kind": "tool", "name": "Write", "target": "a.txt"}]
    usage = ModelUsage("claude-sonnet-5-5", Nano(5))
    log.event(CallMetered(usage, Nano(5)))
    assert lines(log.path)[1]["spent"] == 5
    log.close()


def test_a_second_life_appends(tmp_path: Path, clock: StoppedClock) -> None:
    for word in ("one", "two"):
        log = RunLog(log_path(tmp_path, 7), clock)
        log.event(Said(word))
        log.close()
    assert [line["text"] for line in lines(log_path(tmp_path, 7))] == ["one", "two"]


def test_only_its_owner_may_read_it(tmp_path: Path, clock: StoppedClock) -> None:
    log = RunLog(log_path(tmp_path, 7), clock)
    log.close()
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_half_a_character_and_line_feeds_stay_in_their_line(
    tmp_path: Path, clock: StoppedClock
) -> None:
    log = RunLog(log_path(tmp_path, 7), clock)
    log.event(Said("half \ud83d\nand more"))
    log.close()
    assert len(log.path.read_text(encoding="utf-8").splitlines()) == 1


def test_a_secret_is_blotted_out(tmp_path: Path, clock: StoppedClock) -> None:
    redact(SECRET)
    log = RunLog(log_path(tmp_path, 7), clock)
    log.event(Said(f"the key is {SECRET}"))
    log.close()
    assert SECRET not in log.path.read_text(encoding="utf-8")
