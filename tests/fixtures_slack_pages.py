"""Views of tasks, nights and people as the pages of the chat take them, and what Slack refuses."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from core.admission import Limit
from core.alerts import Alert, Gauge
from core.home_view import HomeView, Reader
from core.ledger import Standing
from core.models import Run, RunPhase, Task, TaskPriority, TaskStatus
from core.night_report import Listed, NightReport, Spent, Tally
from core.people import Habits
from core.pictures import picture
from core.task_view import TaskView
from core.windows import Period, Window
from fake_slack.blocks import message_problems, view_problems
from fixtures_heart import at, nano
from interfaces.slack.rendering.blocks import units

Json = dict[str, Any]
NIGHT = Window(Period.NIGHT, at("20:00"), at("08:00", day=1))
DAYTIME = Window(Period.DAYTIME, at("08:00", day=1), at("20:00", day=1))
HABITS = Habits(time(8), ZoneInfo("Europe/Berlin"))
OURS = re.compile(r"<!date\^\d+\^[{}a-z_ ]+\|[^<>|]*>")
PINGS = re.compile(r"(?<!\w)@(channel|here|everyone)\b")


def view(
    status: TaskStatus = TaskStatus.PENDING, text: str = "Add a login", **more: Any
) -> TaskView:
    row = {"id": more.pop("id", 42), "description": text, "priority": TaskPriority.RANDOM}
    row |= {"status": status, "project_id": "my-app", "project_name": more.pop("project", "my-app")}
    row |= {"assigned_to": more.pop("by", "U1"), "error_message": more.pop("error", None)}
    row |= {"lease_epoch": 3, "max_cost_nano": None, "cancel_requested_by": None}
    run = {"number": 1, "phase": RunPhase.WORKING, "outcome": None, "num_turns": 12}
    run |= {"verified": more.pop("verified", None), "head_sha": None, "base_sha": None}
    run |= {"merge_sha": None, "started_at": at("21:00"), "ended_at": None}
    why = more.pop("why", None) if status is TaskStatus.PENDING else None
    ran = status is not TaskStatus.PENDING
    return TaskView(
        task=picture(Task, row),
        run=picture(Run, run) if ran else None,
        run_count=int(ran),
        spent=more.pop("spent", nano("0.42")),
        why=why,
        instructions=0,
        rehearsal=more.pop("rehearsal", False),
        now=at("22:00"),
    )


def listed(*views: TaskView, total: int | None = None) -> Listed:
    return Listed(views, len(views) if total is None else total)


def standing(window: Window = NIGHT, **amounts: str) -> Standing:
    sums = {"quota": "9", "charged": "2.33", "held": "0.50", "daily": "10", "today": "2.33"}
    sums |= {"held_anywhere": "0.50"} | amounts
    return Standing(window, **{name: nano(amount) for name, amount in sums.items()})


def homepage(**more: Any) -> HomeView:
    reader = Reader("U1", False, None, HABITS)
    facts: Json = {
        "reader": reader,
        "standing": standing(),
        "day_ends_at": at("00:00", day=1),
        "standing_rehearsed": False,
        "tonight": NIGHT,
        "tonight_quota": nano("9"),
        "idle_because": None,
        "needs_you": listed(),
        "running": listed(),
        "queued": listed(),
        "last_night": NIGHT,
        "ended": listed(),
        "projects": [],
    }
    return HomeView(**facts | more)


def report(**more: Any) -> NightReport:
    nothing = Spent(nano("0"), nano("0"))
    facts: Json = {
        "since": at("20:00"),
        "until": at("08:00", day=1),
        **dict.fromkeys(("done", "needs_you", "failed", "waiting"), listed()),
        "cost": nothing,
        "others": Tally(0, 0, 0, 0, nothing),
        "standing": standing(DAYTIME, quota="1", charged="0.10"),
        "standing_rehearsed": False,
        "why_nothing": (),
    }
    return NightReport(**facts | more)


def warning(threshold: int = 80, **more: Any) -> Alert:
    gauge = Gauge(Limit.WINDOW, "2026-03-10T20:00", nano("7.20"), nano("9"), NIGHT.ends_at)
    facts: Json = {"gauge": gauge, "window": NIGHT, "estimate": nano("0.50"), "stuck": False}
    facts |= {"money_returns_at": None, "waiting": 3, "rehearsal": False}
    return Alert(threshold, **facts | more)


def texts(value: Any, *kinds: str) -> Iterator[str]:
    """Every text, or those of a kind; in plain text Slack finds no mention."""
    match value:
        case {"type": str(kind), "text": str(text)}:
            if kind in (kinds or ("mrkdwn", "plain_text")):
                yield text
        case Mapping():
            for inner in value.values():
                yield from texts(inner, *kinds)
        case list():
            for inner in value:
                yield from texts(inner, *kinds)


def said(rendered: Json) -> str:
    return "\n".join(texts(rendered["blocks"]))


def elements(rendered: Json) -> list[Json]:
    beside = [block["accessory"] for block in rendered["blocks"] if "accessory" in block]
    return beside + [
        each
        for block in rendered["blocks"]
        if block["type"] == "actions"
        for each in block["elements"]
    ]


def require_that_slack_takes_it(rendered: Json) -> None:
    blocks = rendered["blocks"]
    json.dumps(rendered, ensure_ascii=False).encode()
    if rendered.get("type") == "home":
        assert view_problems(rendered, "home") == []
    else:
        assert message_problems(blocks) == []
        assert rendered["text"].strip()
    assert all(units(text) <= 3000 for text in texts(blocks))
    for text in texts(blocks, "mrkdwn"):
        rest = OURS.sub("", text)
        assert "<" not in rest
        assert not PINGS.search(rest)
