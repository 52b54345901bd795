"""The words of `/credits`, the same bytes in a shell and in Slack."""

from zoneinfo import ZoneInfo

from core.admission import Limit
from core.credit_detail import CreditDetail, OpenHold
from core.credits import CreditStatus
from core.ledger import Standing
from core.models import TaskStatus
from core.money import shown, shown_exactly
from core.windows import Period, Window
from interfaces.moments import say_moment

HEADERS = {Period.NIGHT: "🌙 Night Budget", Period.DAYTIME: "☀️ Daytime Budget"}


_KNOBS = ("budget.daily_budget_usd", "budget.night_quota_percent", "budget.estimated_cost_usd")


def credits_text(status: CreditStatus) -> str:
    """S2's reply, and one more line when something else than the shown money keeps tasks from
    starting (docs/budget.md, rule 10). No line feed at the end.
    """
    where, counts = status.standing, status.counts
    blocked = [_blocked(status)] if status.blocked else []
    return "\n".join(
        [
            "💳 Usage & Budget Status",
            "",
            HEADERS[where.window.period],
            f"Remaining: {shown(where.remaining)} / {shown(where.quota)}",
            f"Today Total: {shown(where.today)}",
            *blocked,
            "",
            "⏱️ Credit Window",
            f"Time Remaining: {status.minutes_left}m",
            f"Tasks Executed: {status.tasks_executed}",
            "",
            "📋 Queue:",
            f"Pending: {counts[TaskStatus.PENDING]}",
            f"In Progress: {counts[TaskStatus.IN_PROGRESS]}",
            f"Completed: {counts[TaskStatus.COMPLETED]}",
            f"Failed: {counts[TaskStatus.FAILED]}",
            "",
            f"⚙️ Capacity: {status.slots_free}/{status.slots} slots available",
        ]
    )


def limit_name(limit: Limit, where: Standing) -> str:
    if limit is Limit.WINDOW:
        return f"{where.window.period.value} quota"
    return limit.value


def _blocked(status: CreditStatus) -> str:
    """`Waiting: the daily cap leaves $0.33 until 2026-03-11 00:00 UTC`"""
    where, blocked = status.standing, status.blocked
    assert blocked is not None  # noqa: S101 - for the type checker
    line = f"Waiting: the {limit_name(blocked.limit, where)} leaves {shown(where.headroom)}"
    until = [say_moment(blocked.until)] if blocked.until else []
    if where.spendable >= status.policy.estimate:  # only holds are in the way, and they end sooner
        line += f" beside {shown(where.held_anywhere)} on hold"
        until.insert(0, "a run ends")
    return f"{line} until {' or '.join(until)}" if until else line


def detail_text(detail: CreditDetail) -> str:
    """What lies behind the reply: limits, when they change, who holds money, and the knobs."""
    status, zone = detail.status, detail.status.policy.hours.zone
    where = status.standing
    return "\n".join(
        [
            "🔍 Detail",
            f"Headroom: {shown(where.headroom)} ({_binding(detail, zone)})",
            f"Estimate: {shown(status.policy.estimate)} is put aside when a task starts",
            *_held(detail),
            *_cap(detail, zone),
            _window("Now", where.window, zone) + f", quota {shown(where.quota)}",
            _window("Next", detail.next_window, zone) + f", quota {shown(detail.next_quota)}",
            *(_starved(detail)),
            f"Settings: {', '.join(_KNOBS)}",
            *(["REHEARSAL: these figures count rehearsed usage."] if detail.rehearsed else []),
        ]
    )


def _binding(detail: CreditDetail, zone: ZoneInfo) -> str:
    where = detail.status.standing
    name = limit_name(detail.binding, where)
    if where.headroom >= detail.status.policy.estimate:
        return f"the {name} binds; the next task can start"
    if detail.money_returns_at is None:
        return f"the {name} binds; no window in sight could pay a task"
    return f"the {name} binds until {say_moment(detail.money_returns_at, zone)}"


def _held(detail: CreditDetail) -> list[str]:
    total = detail.status.standing.held_anywhere
    if not detail.holds:
        return ["On hold: nothing"]
    runs = "1 run" if len(detail.holds) == 1 else f"{len(detail.holds)} runs"
    return [f"On hold: {shown(total)} for {runs}", *map(_hold, detail.holds)]


def _hold(hold: OpenHold) -> str:
    project = f", {hold.project_id}" if hold.project_id else ""
    used = f"{shown_exactly(hold.metered)} of {shown_exactly(hold.held)} used"
    return f"  run {hold.run_id} (task {hold.task_id}{project}): {used}, {hold.phase.value}"


def _cap(detail: CreditDetail, zone: ZoneInfo) -> list[str]:
    where = detail.status.standing
    if where.daily is None:
        return ["Daily cap: none"]
    resets = say_moment(detail.day_ends_at, zone)
    return [f"Daily cap: {shown(where.daily)}, {shown(where.today)} used, resets {resets}"]


def _window(name: str, window: Window, zone: ZoneInfo) -> str:
    starts, ends = say_moment(window.starts_at, zone), say_moment(window.ends_at, zone)
    return f"{name}: {window.period.value}, {starts} to {ends}"


def _starved(detail: CreditDetail) -> list[str]:
    return [
        f"Warning: the {period.value} quota of {shown(detail.status.policy.quota(period))} is below"
        " the estimate, so no task can start in it."
        for period in detail.starved
    ]
