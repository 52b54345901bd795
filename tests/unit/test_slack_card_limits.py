"""Whatever stands in a task, Slack takes its messages, and nobody is pinged who was not meant."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from core.models import Run, RunOutcome, RunPhase, Task, TaskPriority, TaskStatus, WaitReason
from core.money import Nano
from core.pictures import picture
from core.task_view import TaskView
from core.why import Why
from interfaces.slack.rendering.blocks import units
from interfaces.slack.rendering.card import Rendered, card, failure, result
from slack_scenes import ADA

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ESTABLISHED = {"section", "context", "actions", "markdown"}
OURS = re.compile(r"<!date\^\d+\^[{}a-z_ ]+\|[^<>|]*>")
PINGS = re.compile(
    r"<@\w|<!(channel|here|everyone|group|subteam)|(?<!\w)@(channel|here|everyone)\b"
)

LOUD = [
    *("<!channel>", "<!here>", "<!everyone|x>", "<!subteam^S123>", "<@U0ADA0ADA>", "<@W1|ada>"),
    *("@channel", "@here", "@everyone", "<#C1|general>", "<!date^1^{time}|x>", "<https://x|y>"),
    *("<\u202e!channel>", "<\x00!channel>", "<\ud800!here>", "&lt;!channel&gt;", "<\n!channel>"),
    *("`", "``", "```", "````", "*", "_", "~", ">", "\n", "\r\n", "\t", "\u2028", "\u0085"),
    *("\ud83d", "\udc00", "\x00", "\x1b[31m", "\u202e", "\u200b", "😀", "👩\u200d💻", "é", "שלום"),
    *("# head", "| a | b |", "- ", "~~~", "&", "&amp;", '"', "x" * 5000, "&" * 5000, "😀" * 9000),
    *("\n" * 300, "line\n" * 400, "```\n" * 300, " "),
]
TEXTS = st.lists(st.one_of(st.sampled_from(LOUD), st.text(max_size=30)), max_size=8).map("".join)
MAYBE = st.none() | TEXTS
TIMES = st.integers(0, 10**9).map(lambda seconds: NOON + timedelta(seconds=seconds))
AMOUNTS = st.integers(0, 10**15)

TASKS = st.fixed_dictionaries(
    {
        "id": st.integers(1, 2**53),
        "description": TEXTS,
        "priority": st.sampled_from(TaskPriority),
        "status": st.sampled_from(TaskStatus),
        "attempt_count": st.integers(0, 10**6),
        "crash_count": st.integers(0, 10**6),
        "error_class": MAYBE,
        "error_message": MAYBE,
        "assigned_to": st.sampled_from([None, ADA, "U1> <!channel", "W", "", "ada"]) | TEXTS,
        "project_id": st.none() | st.just("my-app"),
        "project_name": MAYBE,
        "max_cost_nano": st.none() | st.integers(1, 10**15),
        "completed_at": st.none() | TIMES,
        "cancel_requested_by": MAYBE,
        "lease_epoch": st.integers(0, 10**9),
    }
)
RUNS = st.fixed_dictionaries(
    {
        "number": st.integers(1, 10**6),
        "phase": st.sampled_from(RunPhase),
        "outcome": st.none() | st.sampled_from(RunOutcome),
        "foreseen_outcome": st.none() | st.sampled_from(RunOutcome),
        "pid": st.none() | st.just(4711),
        "num_turns": st.integers(0, 10**6),
        "branch": MAYBE,
        "base_sha": st.none() | st.just("aaaaaaaaaa"),
        "head_sha": MAYBE,
        "merge_sha": MAYBE,
        "output": MAYBE,
        "verified": st.none() | st.booleans(),
        "verify_output": MAYBE,
        "files_changed": st.none() | st.lists(TEXTS, max_size=6),
        "started_at": TIMES,
        "ended_at": st.none() | TIMES,
    }
)


@st.composite
def views(draw: st.DrawFn) -> TaskView:
    task, run = picture(Task, draw(TASKS)), draw(st.none() | RUNS)
    reason = draw(st.none() | st.sampled_from(WaitReason))
    why = Why(task.status, reason, draw(TEXTS), draw(st.none() | TIMES))
    return TaskView(
        task=task,
        run=picture(Run, run) if run else None,
        run_count=run["number"] if run else 0,
        spent=Nano(draw(AMOUNTS)),
        why=why if task.status is TaskStatus.PENDING else None,
        instructions=draw(st.integers(0, 10**6)),
        rehearsal=draw(st.booleans()),
        now=NOON,
    )


def texts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every text object, wherever it stands."""
    match value:
        case {"type": "mrkdwn" | "plain_text"}:
            yield value
        case Mapping():
            for inner in value.values():
                yield from texts(inner)
        case list() | tuple():
            for inner in value:
                yield from texts(inner)


def require_that_slack_takes_it(rendered: Rendered) -> None:
    json.dumps(rendered.blocks, ensure_ascii=False).encode()  # no half of a character
    for block, known in zip(rendered.blocks, Block.parse_all(rendered.blocks), strict=True):
        assert known is not None
        assert known.to_dict() == block  # Slack's own library checks its limits here
    assert {block["type"] for block in rendered.blocks} <= ESTABLISHED
    identities = [block["block_id"] for block in rendered.blocks]
    assert len(set(identities)) == len(identities)
    assert rendered.text.strip()
    assert rendered.text.splitlines() == [rendered.text]
    assert units(rendered.text) <= 1000
    for given_text in texts(rendered.blocks):
        assert given_text["text"].strip()
        assert units(given_text["text"]) <= 3000
        assert given_text.get("verbatim", True) is True
    _require_limits_that_the_library_does_not_know(rendered.blocks)


def _require_limits_that_the_library_does_not_know(blocks: Sequence[dict[str, Any]]) -> None:
    said = [block["text"] for block in blocks if block["type"] == "markdown"]
    assert sum(map(units, said)) <= 12_000
    assert all(each.strip() for each in said)
    for block in blocks:
        if block["type"] == "context":
            assert all(units(element["text"]) <= 2000 for element in block["elements"])
        if block["type"] == "actions":
            assert 1 <= len(block["elements"]) <= 5
            assert len({element["action_id"] for element in block["elements"]}) == len(
                block["elements"]
            )


def require_that_nobody_else_is_pinged(rendered: Rendered, task: Task) -> None:
    """Once what we said ourselves is taken out, no `<` is left that Slack would read."""
    mentions = 0
    for said in [rendered.text, *(each["text"] for each in texts(rendered.blocks))]:
        rest = OURS.sub("", said)
        if said is not rendered.text:
            mentions += rest.count(f"<@{ADA}>")
        if task.assigned_to == ADA:
            rest = rest.replace(f"<@{ADA}>", "", 1)
        assert "<" not in rest
        assert not PINGS.search(rest)
    assert mentions <= 1
    for block in rendered.blocks:
        if block["type"] == "markdown":
            assert not PINGS.search(block["text"])


@given(views())
def test_slack_takes_every_card_result_and_failure(view: TaskView) -> None:
    for render in (card, result, failure):
        rendered = render(view)
        require_that_slack_takes_it(rendered)
        require_that_nobody_else_is_pinged(rendered, view.task)
        assert render(view) == rendered
    assert len(card(view).blocks) <= 4


@pytest.mark.parametrize("filling", ["&", "😀", "<", "`", "*", "@here ", "\u200b", "<@U1>\n"])
@pytest.mark.parametrize("status", TaskStatus)
@pytest.mark.parametrize("verified", [None, False, True])
def test_slack_takes_a_task_that_is_filled_to_the_brim(
    filling: str, status: TaskStatus, verified: object
) -> None:
    much = filling * 20_000
    row: dict[str, Any] = dict.fromkeys(Task.__table__.columns.keys(), much)
    row |= {"id": 2**53, "status": status}
    figures = {"attempt_count": 10**6, "crash_count": 10**6, "lease_epoch": 10**6}
    row |= figures | {"priority": TaskPriority.RANDOM, "max_cost_nano": 1, "completed_at": NOON}
    run: dict[str, Any] = dict.fromkeys(Run.__table__.columns.keys(), much)
    run |= {"files_changed": [much] * 9}
    run |= {"phase": RunPhase.SETTLING, "outcome": RunOutcome.REFUTED, "verified": verified}
    run |= {"started_at": NOON, "ended_at": NOON, "num_turns": 10**6}
    why = Why(status, WaitReason.PROJECT_PAUSED, much, NOON)
    view = TaskView(picture(Task, row), picture(Run, run), 9, Nano(10**15), why, 9, True, NOON)
    for render in (card, result, failure):
        require_that_slack_takes_it(render(view))
        require_that_nobody_else_is_pinged(render(view), view.task)


@given(TEXTS)
def test_what_a_program_printed_never_leaves_its_fence(printed: str) -> None:
    task = {"id": 1, "description": "x", "priority": TaskPriority.RANDOM, "assigned_to": None}
    error = {"status": TaskStatus.FAILED, "error_class": None, "error_message": f"a\n{printed}"}
    rest = {"project_id": None, "project_name": None, "max_cost_nano": None, "attempt_count": 1}
    given_task = picture(Task, task | error | rest | {"crash_count": 0})
    view = TaskView(given_task, None, 0, Nano(0), None, 0, False, NOON)
    fences = [
        block["text"]["text"]
        for block in failure(view).blocks
        if block["block_id"] == "task:output"
    ]
    for fence in fences:
        assert fence.startswith("```\n")
        assert fence.endswith("\n```")
        assert "```" not in fence[3:-3]


@pytest.mark.parametrize("loud", ["<!channel>", "<@U0ADA0ADA>", "@here", "<!subteam^S1|x>"])
@pytest.mark.parametrize("render", [card, result, failure])
def test_the_rule_that_nobody_is_pinged_finds_a_planted_ping(loud: str, render: Any) -> None:
    task = {"id": 1, "description": "x", "priority": TaskPriority.RANDOM, "assigned_to": "ada"}
    end = {"status": TaskStatus.CANCELLED, "error_class": None, "error_message": None}
    rest = {"project_id": None, "project_name": None, "max_cost_nano": None, "attempt_count": 1}
    more = {"crash_count": 0, "completed_at": None, "lease_epoch": 0}
    given_task = picture(Task, task | end | rest | more)
    rendered = render(TaskView(given_task, None, 0, Nano(0), None, 0, False, NOON))
    require_that_nobody_else_is_pinged(rendered, given_task)
    rendered.blocks[0]["text"]["text"] += f" {loud}"
    with pytest.raises(AssertionError):
        require_that_nobody_else_is_pinged(rendered, given_task)
