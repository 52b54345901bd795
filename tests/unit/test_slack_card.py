"""What a card says and offers in each state of a task, and what its thread is told at the end."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.admission import Worker
from core.models import Run, RunOutcome, RunPhase, Task, TaskStatus, WaitReason
from core.money import to_nano
from core.task_view import TaskView
from interfaces.bot import Seen
from interfaces.slack.rendering.card import Rendered, card, failure, result
from interfaces.slack.rendering.facts import dollars, span_of
from interfaces.slack.rendering.states import steps_of
from slack_scenes import ADA, LAST_WORDS, PYTEST_SAYS, WORKING, Stage, stage

PING = f"<@{ADA}>"


@pytest.fixture
def played() -> Iterator[Stage]:
    with stage() as made:
        yield made


def text_of(rendered: Rendered) -> str:
    """All that is to be read, block by block."""
    lines = []
    for block in rendered.blocks:
        match block["type"]:
            case "section":
                lines.append(block["text"]["text"])
            case "context":
                lines += [element["text"] for element in block["elements"]]
            case "markdown":
                lines.append(block["text"])
    return "\n".join(lines)


def buttons(rendered: Rendered) -> list[dict[str, Any]]:
    found = [block for block in rendered.blocks if block["type"] == "actions"]
    return found[0]["elements"] if found else []


def labels(rendered: Rendered) -> list[str]:
    return [button["text"]["text"] for button in buttons(rendered)]


def queued(stage: Stage) -> Task:
    return stage.add("Fix *all* of <it> & more\n\nLong story.", max_cost=to_nano("2.00"))


def running(stage: Stage) -> Task:
    task = queued(stage)
    stage.note(stage.start(), **WORKING, metered_nano=to_nano("0.07"), num_turns=12)
    return task


def ended(stage: Stage, outcome: RunOutcome, **how: Any) -> Task:
    task = queued(stage)
    claim = stage.start()
    stage.note(claim, **WORKING)
    stage.clock.advance(minutes=4, seconds=12)
    shas = {"base_sha": "aaaaaaaaaa", "head_sha": "bbbbbbbbbb"}
    facts = shas | how.pop("facts", {})
    stage.end(claim, outcome, "0.0721", turns=12, facts=facts, **how)
    return task


def done(stage: Stage, **facts: Any) -> Task:
    landed = {"merge_sha": "1234567890", "files_changed": ["a.py"], "output": LAST_WORDS}
    return ended(stage, RunOutcome.COMPLETED, facts=landed | {"verified": True} | facts)


def failed(stage: Stage, **facts: Any) -> Task:
    words = {"error_class": "refuted", "error_message": "`pytest -q` says no\n(exit 1)"}
    found = {"verified": False, "verify_output": PYTEST_SAYS}
    return ended(stage, RunOutcome.REFUTED, facts=found | facts, **words)


def cancelled(stage: Stage) -> Task:
    task = queued(stage)
    stage.queue.cancel_task(task.id, by=ADA)
    return task


STATES: list[tuple[Callable[[Stage], Task], str, list[str]]] = [
    (
        queued,
        "⏳ *Fix \u2217all\u2217 of &lt;it&gt; &amp; more*\n*Queued*",
        ["Start now", "Cancel"],
    ),
    (running, "⚙️ *Fix \u2217all\u2217 of", ["Stop", "View log"]),
    (done, "✅ *Fix \u2217all\u2217 of", ["View diff", "View log"]),
    (failed, "❌ *Fix \u2217all\u2217 of", ["Retry", "View log", "View diff"]),
    (cancelled, "🚫 *Fix \u2217all\u2217 of", ["Retry"]),
]


@pytest.mark.parametrize(("make", "start", "offered"), STATES)
def test_a_card_says_its_state_and_offers_what_fits_it(
    played: Stage, make: Callable[[Stage], Task], start: str, offered: list[str]
) -> None:
    task = make(played)
    shown = card(played.look(task.id))
    assert text_of(shown).startswith(start)
    assert labels(shown) == offered
    assert len(shown.blocks) <= 4
    seen = Seen.of(played.queue.get_task(task.id))
    assert {Seen.read(button["value"]) for button in buttons(shown)} == {seen}
    assert all(button["action_id"].startswith("task:") for button in buttons(shown))


@pytest.mark.parametrize("make", [make for make, _, _ in STATES])
def test_the_same_state_makes_the_same_bytes_at_any_time(
    played: Stage, make: Callable[[Stage], Task]
) -> None:
    task = make(played)
    earlier = played.look(task.id)
    played.clock.advance(minutes=7)
    later = played.look(task.id)
    assert earlier.now != later.now
    for render in (card, result, failure):
        assert json.dumps(render(earlier).blocks) == json.dumps(render(later).blocks)
        assert render(earlier).text == render(later).text


def test_what_destroys_asks_first(played: Stage) -> None:
    stop = buttons(card(played.look(running(played).id)))[0]
    assert stop["style"] == "danger"
    assert stop["confirm"]["style"] == "danger"
    cancel = buttons(card(played.look(played.add("next").id)))[1]
    assert cancel["confirm"]["confirm"]["text"] == "Cancel the task"


def test_a_running_task_shows_cost_against_cap_turns_steps_and_since_when(played: Stage) -> None:
    task = running(played)
    played.say(task.id, "in English, please")
    text = text_of(card(played.look(task.id)))
    assert "*Running* since <!date^1773180000^{time}|2026-03-10 22:00 UTC>" in text
    assert "✓ prepare  ·  ● work  ·  ○ verify  ·  ○ land" in text
    assert "$0.07 of at most $2.00  ·  12 turns  ·  1 instruction waiting" in text
    assert f"#{task.id}  ·  `my-app`  ·  {PING}  ·  serious" in text


def test_a_task_that_is_being_stopped_says_so_and_cannot_be_stopped_again(played: Stage) -> None:
    task = running(played)
    played.queue.cancel_task(task.id, by=ADA)
    shown = card(played.look(task.id))
    assert "*Stopping*" in text_of(shown)
    assert labels(shown) == ["View log"]


def test_a_task_that_waits_says_why_and_when_it_can_start_at_the_earliest(played: Stage) -> None:
    when = played.clock.now() + timedelta(hours=3)
    shown = card(played.look(played.add("later", not_before=when).id))
    assert "⏸️ *later*\n*Waiting for its time*" in text_of(shown)
    assert "Earliest start: <!date^1773190800^{date_short_pretty} {time}|" in text_of(shown)


def test_every_reason_to_wait_has_its_words(played: Stage) -> None:
    view = played.look(played.add("later").id)
    assert view.why is not None
    for reason in WaitReason:
        waiting = replace(view, why=replace(view.why, reason=reason))
        assert "*Waiting for" in text_of(card(waiting))


def test_a_task_that_is_done_shows_what_came_of_it(played: Stage) -> None:
    files = ["a.py", "b`.py", "<c>.py", "d.py", "e.py"]
    text = text_of(card(played.look(done(played, files_changed=files).id)))
    assert "*Done*  ·  4 min 12 s  ·  5 files: `a.py`, `b'.py`, `&lt;c&gt;.py` and 2 more" in text
    assert "landed as `1234567`" in text
    assert "✓ prepare  ·  ✓ work  ·  ✓ verify  ·  ✓ land" in text


@pytest.mark.parametrize("verified", [None, False])
def test_nothing_is_done_that_was_not_verified(played: Stage, verified: object) -> None:
    shown = card(played.look(done(played, verified=verified).id))
    assert "☑️" in text_of(shown)
    assert "*Done, not verified*" in text_of(shown)
    assert "Done, not verified:" in shown.text


def test_work_that_changed_nothing_had_nothing_to_land(played: Stage) -> None:
    nothing: dict[str, Any] = {
        "verified": None,
        "merge_sha": None,
        "files_changed": [],
        "head_sha": "aaaaaaaaaa",
    }
    shown = card(played.look(done(played, **nothing).id))
    assert "✓ prepare  ·  ✓ work  ·  \u2013 verify  ·  \u2013 land" in text_of(shown)
    assert "no file changed" in text_of(shown)
    assert labels(shown) == ["View log"]


def test_a_task_in_review_waits_for_a_person_and_can_be_looked_at(played: Stage) -> None:
    task = done(played)
    played.change(Task, task.id, status=TaskStatus.IN_REVIEW)
    shown = card(played.look(task.id))
    assert "👀" in text_of(shown)
    assert "*In review*" in text_of(shown)
    assert labels(shown) == ["View diff", "View log"]


def test_a_task_that_failed_says_what_and_how_often_it_was_tried(played: Stage) -> None:
    task = failed(played)
    played.change(Task, task.id, attempt_count=3, crash_count=1)
    text = text_of(card(played.look(task.id)))
    assert "*Failed*  ·  refuted: `pytest -q` says no (exit 1)" in text
    assert "✓ prepare  ·  ✓ work  ·  ✗ verify  ·  ○ land" in text
    assert "3 attempts  ·  1 crash" in text


def test_every_figure_of_a_rehearsal_says_so(played: Stage) -> None:
    task = queued(played)
    claim = played.start(Worker("w", timedelta(minutes=1), "rehearsal", "m"))
    played.end(claim, RunOutcome.COMPLETED, "0.10")
    view = played.look(task.id)
    for render in (card, result, failure):
        assert "*REHEARSAL*" in text_of(render(view))
        assert "REHEARSAL" in render(view).text


def test_who_asked_in_a_shell_is_a_name_and_pings_nobody(played: Stage) -> None:
    view = played.look(played.add("work", by="ada <U1>").id)
    assert "ada &lt;U1&gt;" in text_of(card(view))
    assert "<@" not in text_of(result(view)) + result(view).text


def test_the_result_pings_who_asked_once_and_lets_the_agent_speak(played: Stage) -> None:
    told = result(played.look(done(played).id))
    assert told.text.startswith(f"{PING} ✅ Done: Fix")
    assert text_of(told).startswith(f"{PING} ✅ *Fix")
    assert text_of(told).count(PING) == 1
    assert [block["type"] for block in told.blocks] == ["section", "markdown", "context"]
    assert told.blocks[1]["text"] == LAST_WORDS.strip()
    assert "$0.07 of at most $2.00  ·  12 turns" in text_of(told)


def test_a_result_that_is_too_long_says_where_the_rest_is(played: Stage) -> None:
    told = result(played.look(done(played, output="One line of many.\n" * 2000).id))
    assert "*View log* shows all of it" in text_of(told)
    assert told.blocks[1]["text"].endswith("One line of many. …")


def test_a_result_without_words_is_a_result_all_the_same(played: Stage) -> None:
    told = result(played.look(done(played, output=" \n ").id))
    assert [block["type"] for block in told.blocks] == ["section", "context"]


def test_the_words_of_an_agent_ping_nobody(played: Stage) -> None:
    loud = "<!channel> <!here> <!subteam^S1> <@U1> @everyone"
    said = text_of(result(played.look(done(played, output=loud).id))).removeprefix(PING)
    assert not [ping for ping in ("<!", "<@", " @everyone") if ping in said]


def test_a_failure_shows_the_end_of_what_was_printed_and_what_to_do(played: Stage) -> None:
    task = failed(played, verify_output="first line\n" * 40 + "E  assert 1 == <2>")
    told = failure(played.look(task.id))
    assert told.text.startswith(f"{PING} ❌ Failed: Fix")
    fence = told.blocks[1]["text"]["text"]
    assert fence.startswith("```\nfirst line\n")
    assert fence.endswith("\nE  assert 1 == &lt;2&gt;\n```")
    assert len(fence.splitlines()) == 22
    assert "*Retry* on the card goes on from there" in text_of(told)
    assert f"`/results {task.id}`" in text_of(told)


def test_what_was_printed_cannot_close_its_fence(played: Stage) -> None:
    task = failed(played, verify_output="```\n<!channel> *now*\n````` end")
    fence = failure(played.look(task.id)).blocks[1]["text"]["text"]
    assert fence.removeprefix("```").removesuffix("```").count("```") == 0


def test_a_failure_of_many_lines_that_no_check_printed_is_shown_too(played: Stage) -> None:
    error = "the agent died\nTraceback:\n  the reason"
    task = ended(played, RunOutcome.FAILED, error_class="crash", error_message=error)
    told = failure(played.look(task.id))
    assert told.blocks[1]["text"]["text"] == f"```\n{error}\n```"


def test_a_failure_that_used_up_its_cap_says_how_to_give_more(played: Stage) -> None:
    task = failed(played)
    played.change(Task, task.id, max_cost_nano=to_nano("0.07"))
    told = text_of(failure(played.look(task.id)))
    assert f"`sleepless tasks retry {task.id} --max-cost USD` gives it more" in told


@pytest.mark.parametrize(
    ("run", "marks"),
    [
        ({"phase": RunPhase.CLAIMED}, "●○○○"),
        ({"phase": RunPhase.VERIFYING, "foreseen_outcome": RunOutcome.COMPLETED}, "✓✓●○"),
        ({"phase": RunPhase.VERIFYING, "foreseen_outcome": RunOutcome.FAILED, "pid": 1}, "✓✗○○"),
        ({"phase": RunPhase.LANDING, "verified": True}, "✓✓✓●"),
        ({"phase": RunPhase.LANDING}, "✓✓\u2013●"),
        ({"phase": RunPhase.SETTLING, "outcome": RunOutcome.CONFLICTED, "verified": True}, "✓✓✓✗"),
        ({"phase": RunPhase.SETTLING, "outcome": RunOutcome.OUT_OF_BUDGET, "pid": 1}, "✓◐○○"),
        ({"phase": RunPhase.SETTLING, "outcome": RunOutcome.FAILED}, "✗○○○"),
        ({"phase": RunPhase.LANDING, "outcome": RunOutcome.CRASHED, "verified": True}, "✓✓✓✗"),
    ],
)
def test_the_four_steps_follow_the_run(run: dict[str, Any], marks: str) -> None:
    known = {"outcome": None, "foreseen_outcome": None, "pid": None, "verified": None}
    steps = steps_of(Run(**known | {"merge_sha": None} | run))
    assert "".join(mark for _, mark in steps) == marks
    assert [name for name, _ in steps] == ["prepare", "work", "verify", "land"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (42, "42 s"), (252, "4 min 12 s"), (3900, "1 h 05 min"), (-5, "0 s")],
)
def test_a_span_is_said_in_the_units_that_matter(seconds: float, said: str) -> None:
    assert span_of(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("amount", "said"), [("0", "$0.00"), ("0.0721", "$0.07"), ("0.0042", "$0.0042"), ("2", "$2.00")]
)
def test_money_is_said_in_cents_and_below_a_cent_exactly(amount: str, said: str) -> None:
    assert dollars(to_nano(amount)) == said


def test_a_view_from_an_older_database_without_runs_can_be_shown(played: Stage) -> None:
    task = queued(played)
    played.change(Task, task.id, status=TaskStatus.COMPLETED, completed_at=played.clock.now())
    view: TaskView = played.look(task.id)
    assert "*Done, not verified*" in text_of(card(view))
    assert labels(card(view)) == []
