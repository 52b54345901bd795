"""Money, health and how well it went, in figures."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from core.credit_detail import credit_detail
from core.credits import credit_status
from core.health import ChatState, Health
from core.money import shown_exactly
from core.performance import Performance, performance
from core.projects import slug_of_known
from core.spending import By, Share, Spending, spending
from core.task_view import REHEARSAL
from core.windows import Period
from interfaces.bot_values import Outcome, Reply, Request, Surroundings
from interfaces.bot_words import counted, lasted, said
from interfaces.credits_text import credits_text, detail_text
from interfaces.moments import say_moment
from interfaces.plain import one_line

_LONGEST: Final = 15
_NOBODY: Final = {By.PROJECT: "(no project)"}
_MEGABYTE: Final = 1_000_000
_SPANS: Final = (("Last 24 hours", timedelta(hours=24)), ("Last 7 days", timedelta(days=7)))


def credits_(given: Surroundings, *, detail: bool) -> Reply:
    """S2's reply to the byte; what else there is to say is the detail's."""
    status = credit_status(given.queue, given.policy, given.slots)
    found = credit_detail(given.queue, status)
    text = credits_text(status)
    if detail:
        text = f"{text}\n\n{detail_text(found)}"
    return Reply(Outcome.DONE, text, rehearsal=found.rehearsed)


def costs(given: Surroundings, project: str | None) -> Reply:
    """Raises BadProjectName and ProjectNotFound."""
    return _costs(given) if project is None else _costs_of(given, project)


def _costs(given: Surroundings) -> Reply:
    with given.queue.database.read() as session:
        found = spending(session, By.PROJECT)
    lines = ["Spent by project:", *_shares(found, By.PROJECT), *_totals(found)]
    return Reply(Outcome.DONE, "\n".join(lines), rehearsal=found.rehearsed > 0)


def _costs_of(given: Surroundings, name: str) -> Reply:
    with given.queue.database.read() as session:
        slug = slug_of_known(session, name)
        days, models = spending(session, By.DAY, slug), spending(session, By.MODEL, slug)
    lines = [
        f"Spent on {slug}, by day (UTC):",
        *_shares(days, By.DAY),
        "By model:",
        *_shares(models, By.MODEL),
        *_totals(days),
    ]
    return Reply(Outcome.DONE, "\n".join(lines), rehearsal=days.rehearsed > 0)


def health(given: Surroundings, request: Request) -> Reply:
    found = given.health()
    up = lasted(round((found.now - found.started_at).total_seconds()) * 1000)
    rehearsal = found.backend == REHEARSAL
    mark = " — REHEARSAL: its model is a script and no money is spent" if rehearsal else ""
    lines = [
        f"Sleepless {found.version}, up for {up}",
        f"Running: {found.running} of {counted(found.slots, 'slot')}",
        f"Agent: {found.backend}, {found.model}{mark}",
        *([f"Nothing is started now: {found.idle_because}"] if found.idle_because else []),
        _chat(found, request),
        "Queue: " + ", ".join(f"{count:,} {said(each)}" for each, count in found.counts.items()),
        f"Database: {found.database}, {found.database_size / _MEGABYTE:.1f} MB",
        _window(found, request),
    ]
    return Reply(Outcome.DONE, "\n".join(lines), rehearsal=rehearsal)


def metrics(given: Surroundings) -> Reply:
    now = given.queue.clock.now()
    with given.queue.database.read() as session:
        found = [(name, performance(session, now - span)) for name, span in _SPANS]
    lines = [line for name, each in found for line in (name, *_performance(each))]
    rehearsal = any(each.rehearsed for _, each in found)
    return Reply(Outcome.DONE, "\n".join(lines), rehearsal=rehearsal)


def _shares(found: Spending, by: By) -> Iterator[str]:
    if not found.shares:
        yield "• nothing yet"
    for share in found.shares[:_LONGEST]:
        yield _share(share, by)
    if len(found.shares) > _LONGEST:
        yield f"… and {len(found.shares) - _LONGEST} more"


def _share(share: Share, by: By) -> str:
    key = _NOBODY.get(by, "(unknown)") if share.key is None else one_line(share.key)
    mark = " — REHEARSAL" if share.rehearsal else ""
    tasks = counted(share.tasks, "task")
    return f"• {key}: {shown_exactly(share.cost)} ({tasks}){mark}"


def _totals(found: Spending) -> Iterator[str]:
    yield f"Total: {shown_exactly(found.total)}"
    if found.rehearsed:
        yield f"REHEARSAL: {shown_exactly(found.rehearsed)} more, never paid"
    if found.unread:
        yield f"{counted(found.unread, 'charge')} with no readable cost: they count as nothing here"


def _chat(found: Health, request: Request) -> str:
    since = f" since {say_moment(found.chat.since, request.zone)}" if found.chat.since else ""
    match found.chat.state:
        case ChatState.CONNECTED:
            return f"Slack: connected{since}"
        case ChatState.LOST:
            return f"Slack: connection lost{since}; it is tried again"
    return "Slack: off"


def _window(found: Health, request: Request) -> str:
    name = {Period.NIGHT: "night", Period.DAYTIME: "day"}[found.window.period]
    return f"Window: {name}, until {say_moment(found.window.ends_at, request.zone)}"


def _performance(found: Performance) -> Iterator[str]:
    rate = found.success_rate
    success = "" if rate is None else f" — {rate:.0%} of what was tried to its end succeeded"
    yield (
        f"• Tasks: {found.completed:,} completed, {found.failed:,} failed,"
        f" {found.cancelled:,} cancelled{success}"
    )
    yield f"• Runs: {found.runs:,}{_durations(found)}"
    each = found.cost_per_completed
    per_task = "" if each is None else f", {shown_exactly(each)} per completed task"
    yield f"• Spent: {shown_exactly(found.spent)}{per_task}"
    if found.rehearsed:
        yield (
            f"• REHEARSAL: {counted(found.rehearsed, 'run')} of these rehearsed,"
            f" {shown_exactly(found.spent_in_rehearsal)} never paid"
        )


def _durations(found: Performance) -> str:
    if found.median_ms is None or found.p90_ms is None:
        return ""
    turns = found.turns / found.runs
    return (
        f", half of them within {lasted(found.median_ms)}, nine in ten within"
        f" {lasted(found.p90_ms)}, {turns:.1f} turns each"
    )
