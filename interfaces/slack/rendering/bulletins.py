"""The morning digest and the alerts, from values to blocks. Pure; times are Slack's own dates."""

from collections.abc import Iterator
from typing import Any, Final

from core.admission import Limit
from core.alerts import Alert
from core.ledger import Standing
from core.money import shown
from core.night_report import NightReport, Tally
from core.quiet_night import Obstacle
from core.windows import Period
from interfaces.slack.rendering import words
from interfaces.slack.rendering.blocks import Block, context, plain, section
from interfaces.slack.rendering.facts import count_of, line_of
from interfaces.slack.rendering.task_lines import REHEARSAL, group, packed, spent

_SENTENCE_CHARS: Final = 300
ICONS: Final = {Period.NIGHT: "🌙", Period.DAYTIME: "☀️"}
_ALARM: Final = {100: "🔴", 80: "🟠", 50: "🟡"}


def digest(report: NightReport) -> dict[str, Any]:
    """A message's payload: `text` is the notification."""
    headline = _headline(report)
    blocks = [
        {"type": "header", "block_id": "digest:head", "text": plain(headline)},
        context(_period(report), "digest:period"),
        *_why_nothing(report),
        *group("Needs you", report.needs_you, "digest:needs_you"),
        *group("Failed", report.failed, "digest:failed"),
        *group("Done", report.done, "digest:done"),
        *group("Still waiting", report.waiting, "digest:waiting"),
        section("\n".join(_figures(report)), "digest:figures"),
        context(_further(report), "digest:further"),
    ]
    marker = "REHEARSAL: " if _is_rehearsed(report) else ""
    return {"text": f"{marker}{headline}", "blocks": blocks}


def _headline(report: NightReport) -> str:
    counts = [
        (report.needs_you.total, "needs you", "need you"),
        (report.failed.total, "failed", "failed"),
        (report.done.total, "done", "done"),
    ]
    told = [f"{count:,} {one if count == 1 else many}" for count, one, many in counts if count]
    if told:
        return f"Good morning: {', '.join(told)}"
    return (
        "Good morning: nothing ran" if report.why_nothing else "Good morning: nothing new of yours"
    )


def _is_rehearsed(report: NightReport) -> bool:
    return bool(report.cost.rehearsed or report.others.cost.rehearsed or report.standing_rehearsed)


def _period(report: NightReport) -> str:
    marker = f"{REHEARSAL}  ·  " if _is_rehearsed(report) else ""
    return f"{marker}{words.moment(report.since)} to {words.moment(report.until)}"


def _why_nothing(report: NightReport) -> Iterator[Block]:
    if report.why_nothing:
        lines = ["*Why nothing ran*", *map(_obstacle, report.why_nothing)]
        yield from packed(lines, "digest:why")


def _obstacle(obstacle: Obstacle) -> str:
    sentence = line_of(obstacle.sentence, _SENTENCE_CHARS)
    return f"•  {sentence}" + (f" Until {words.moment(obstacle.until)}." if obstacle.until else "")


def _figures(report: NightReport) -> Iterator[str]:
    yield f"*Cost*  {spent(report.cost)}"
    yield f"*Left*  {_left(report.standing)}" + (
        f"  ·  {REHEARSAL} counts in it" if report.standing_rehearsed else ""
    )
    if report.others.total or report.others.cost.real or report.others.cost.rehearsed:
        yield f"*Others*  {_others(report.others)}"


def _left(where: Standing) -> str:
    period = where.window.period
    of = f"{shown(where.remaining)} of {shown(where.quota)}"
    return f"{ICONS[period]} {of} in the {period.value}, until {words.moment(where.window.ends_at)}"


def _others(others: Tally) -> str:
    counts = (
        (others.needs_you, "in review"),
        (others.failed, "failed"),
        (others.done, "done"),
        (others.waiting, "waiting"),
    )
    told = [f"{count:,} {word}" for count, word in counts if count]
    return ", ".join([*told, spent(others.cost)])


def _further(report: NightReport) -> str:
    lists = (report.needs_you, report.failed, report.done)
    first = next((each.tasks[0].task.id for each in lists if each.tasks), None)
    looks = [f"`/results {first}` says more of a task"] if first else []
    return "  ·  ".join([*looks, "`/tasks` shows the queue", "`/credits` the money"])


def alert(alert: Alert) -> dict[str, Any]:
    """A message's payload: how much of how much, what that means, and until when."""
    headline = _alarm(alert)
    gauge = alert.gauge
    lines = [
        f"{_ALARM[alert.threshold]} *{headline}*",
        f"{shown(gauge.spent)} of {shown(gauge.of)} are spent. {_consequence(alert)}",
        _who_waits(alert),
    ]
    marker = f"{REHEARSAL}  ·  rehearsed charges count in these figures  ·  "
    hint = "`/credits detail` shows every limit"
    blocks = [
        section("\n".join(lines), "alert:what"),
        context((marker if alert.rehearsal else "") + hint, "alert:further"),
    ]
    return {"text": ("REHEARSAL: " if alert.rehearsal else "") + headline, "blocks": blocks}


def _name(alert: Alert) -> str:
    if alert.gauge.limit is Limit.DAILY_CAP:
        return "daily cap"
    return f"{alert.window.period.value} budget"


def _alarm(alert: Alert) -> str:
    if alert.threshold == max(_ALARM):
        state = "has no room for another task" if alert.gauge.left > 0 else "is used up"
        return f"The {_name(alert)} {state}"
    return f"{alert.threshold} % of the {_name(alert)} is spent"


def _consequence(alert: Alert) -> str:
    left, until = shown(max(0, alert.gauge.left)), words.moment(alert.gauge.resets_at)
    if not alert.stuck:
        return f"{left} is left until {until}."
    needs = f"a task needs {shown(alert.estimate)} to start"
    if alert.money_returns_at is None:
        return f"{left} is left and {needs}: no window in sight pays one."
    back = words.moment(alert.money_returns_at)
    return f"{left} is left and {needs}: nothing more starts until {back}."


def _who_waits(alert: Alert) -> str:
    return f"{count_of(alert.waiting, 'task')} waiting." if alert.waiting else "No task waits."
