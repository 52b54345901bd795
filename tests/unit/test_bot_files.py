"""Logs and diffs go into a task's thread."""

from pathlib import Path

from execution.run_log import RunLog, log_path
from fixtures_bot import BOB, Talk, talk
from interfaces.bot import Action, Outcome

__all__ = ["talk"]


def put_log(talk: Talk, run_id: int, *words: str) -> None:
    log = RunLog(log_path(Path(talk.settings.workspace.root), run_id), talk.world.clock)
    for word in words:
        log.write("said", text=word)
    log.close()


def test_a_log_goes_below_the_card_once(talk: Talk) -> None:
    talk.says("/task Fix it --project=my-app")
    card = talk.put_card(1)
    put_log(talk, talk.world.start().run_id, "I will fix it.")
    for _ in range(2):
        reply = talk.by(BOB).presses(Action.LOG, talk.sees(1), key="trigger:log")
        assert reply.text == "Log of task 1: Fix it is on its way into its thread."
    [letter] = talk.files()
    assert (letter.key, letter.channel, letter.parent_id) == ("log:trigger:log", "C9", card)
    assert letter.payload == {
        "text": "Log of task 1: Fix it",
        "file": {
            "name": "task-1.log",
            "title": "Log of task 1: Fix it",
            "content": "Run 1 (open)\n12:00:00  I will fix it.",
            "snippet_type": "text",
        },
    }


def test_a_long_log_is_its_end(talk: Talk) -> None:
    talk.says("/task Fix it")
    put_log(talk, talk.world.start().run_id, *(f"word {n} {'x' * 2000}" for n in range(150)))
    talk.presses(Action.LOG, talk.sees(1))
    [letter] = talk.files()
    assert letter.payload
    content = letter.payload["file"]["content"]
    assert content.startswith("… what was before is left out\n12:00:00  word ")
    assert "word 149" in content
    assert len(content.encode()) < 200_100
    assert (letter.channel, letter.parent_id) == ("C1", None)


def test_a_diff_is_the_newest_runs(talk: Talk) -> None:
    talk.finished()
    talk.diff_of = lambda run: f"diff of run {run.number}"
    assert talk.presses(Action.DIFF, talk.sees(1)).outcome is Outcome.DONE
    [letter] = talk.files()
    assert letter.payload
    assert letter.payload["file"]["content"] == "diff of run 1"
    assert letter.payload["file"]["snippet_type"] == "diff"


def test_an_endless_diff_is_cut(talk: Talk) -> None:
    talk.finished()
    talk.diff_of = lambda _: "é" * 600_000
    talk.presses(Action.DIFF, talk.sees(1))
    [letter] = talk.files()
    assert letter.payload
    assert "… 400,000 more bytes are left out" in letter.payload["file"]["content"]


def test_without_a_log_or_a_change_nothing_is_sent(talk: Talk) -> None:
    talk.says("/task Fix it")
    assert "it has not run yet" in talk.presses(Action.LOG, talk.sees(1)).text
    assert "it has not run yet" in talk.presses(Action.DIFF, talk.sees(1)).text
    talk.world.finish(talk.world.start(), "0.01")
    assert "nothing of its runs was kept" in talk.presses(Action.LOG, talk.sees(1)).text
    assert "nothing has been changed" in talk.presses(Action.DIFF, talk.sees(1)).text
    assert talk.files() == []
