"""The App Home, from what there is to blocks: at most a hundred of them, whatever it is. Pure."""

from collections.abc import Iterator
from typing import Final

from core.admission import Limit
from core.home_view import HomeView, Reader
from core.money import shown
from core.night_report import Listed
from core.people import hour_of, zone_of
from core.task_view import TaskView
from core.windows import Period
from interfaces.bot_values import Action
from interfaces.slack.rendering import words
from interfaces.slack.rendering.blocks import Block, actions, context, plain, section
from interfaces.slack.rendering.bulletins import ICONS
from interfaces.slack.rendering.buttons_of import buttons_of
from interfaces.slack.rendering.facts import line_of, readable
from interfaces.slack.rendering.task_lines import REHEARSAL, group
from interfaces.slack.rendering.task_lines import line_of as task_line

DEFAULT_PROJECT: Final = "home:default_project"
DIGEST_AT: Final = "home:digest_at"
DIGEST_WANTED: Final = "home:digest_wanted"
#: the value of "no project": no slug is empty of letters
NO_PROJECT: Final = "-"
ON, OFF = "on", "off"

_CELLS: Final = 20
_USED, _HELD, _FREE = "█", "▒", "░"
_OPTION_CHARS: Final = 35
_VALUE_CHARS: Final = 75
#: what has an answer only for the person who asked, and no place for it here
_LOOKS: Final = frozenset(f"task:{action.value}" for action in (Action.LOG, Action.DIFF))
_IDLE_CHARS: Final = 300


def home(view: HomeView) -> Block:
    """What `views.publish` takes."""
    return {"type": "home", "blocks": [*_tonight(view), *_tasks(view), *_settings(view)]}


# --- the night and its money --------------------------------------------------------------------


def _tonight(view: HomeView) -> Iterator[Block]:
    where = view.standing
    period = where.window.period
    yield {"type": "header", "block_id": "home:head", "text": plain(f"{ICONS[period]} Sleepless")}
    if view.idle_because:
        idle = line_of(view.idle_because, _IDLE_CHARS)
        yield section(f"⚠️ *Nothing is started*\n{idle}", "home:idle")
    yield section("\n".join([_window(view), *_money(view)]), "home:money")
    if view.standing_rehearsed:
        yield context(f"{REHEARSAL}  ·  rehearsed charges count in these figures", "home:rehearsal")


def _window(view: HomeView) -> str:
    now, tonight = view.standing.window, view.tonight
    if now.period is Period.NIGHT:
        return f"*The night is open* until {words.moment(now.ends_at)}"
    opens = f"{words.moment(tonight.starts_at)} with {shown(view.tonight_quota)}"
    return f"*Daytime.* The night opens {opens}, until {words.moment(tonight.ends_at)}"


def _money(view: HomeView) -> Iterator[str]:
    where = view.standing
    period = where.window.period.value
    if not where.quota:
        yield f"The {period} has no money of its own."
        return
    free = max(0, where.window_room)
    yield bar(where.charged, where.held, where.quota)
    parts = [f"{shown(where.charged)} used", f"{shown(free)} left of {shown(where.quota)}"]
    if where.held:
        parts.insert(1, f"{shown(where.held)} on hold")
    yield "  ·  ".join(parts)
    if where.day_binds and where.daily is not None and where.day_room is not None:
        yield (
            f"The {Limit.DAILY_CAP.value} of {shown(where.daily)} leaves"
            f" {shown(max(0, where.day_room))} until {words.moment(view.day_ends_at)}."
        )


def bar(used: int, held: int, whole: int) -> str:
    """Twenty cells; whatever is used or held shows, and nothing looks free that is not."""
    used_cells = min(_CELLS - bool(held), -(-used * _CELLS // whole))
    taken = min(_CELLS, max(used_cells + bool(held), -(-(used + held) * _CELLS // whole)))
    return _USED * used_cells + _HELD * (taken - used_cells) + _FREE * (_CELLS - taken)


# --- tasks --------------------------------------------------------------------------------------


def _tasks(view: HomeView) -> Iterator[Block]:
    yield from _group("Needs you", view.needs_you, view.reader, "home:needs_you")
    yield from _group("Running", view.running, view.reader, "home:running")
    yield from _group("Queued", view.queued, view.reader, "home:queued")
    if not (view.running.total or view.queued.total):
        yield section("*The queue is empty.* `/task` adds to it.", "home:empty")
    yield {"type": "divider", "block_id": "home:divider"}
    which = "This night" if view.last_night == view.tonight else "The last night"
    yield context(f"{which} began {words.moment(view.last_night.starts_at)}", "home:night")
    if view.ended.total:
        yield from group("What it brought", view.ended, "home:ended")
    else:
        yield section("Nothing has ended in it.", "home:ended")


def _group(title: str, listed: Listed, reader: Reader, block_id: str) -> Iterator[Block]:
    if not listed.total:
        return
    yield section(f"*{title}* ({listed.total:,})", block_id)
    for each in listed.tasks:
        yield from _task(each, reader, f"{block_id}:{each.task.id}")
    if listed.more > 0:
        yield context(f"and {listed.more:,} more: `/tasks` lists them", f"{block_id}:more")


def _task(view: TaskView, reader: Reader, block_id: str) -> Iterator[Block]:
    yield section(task_line(view), block_id)
    if reader.is_admin or view.task.assigned_to == reader.user:
        buttons = [each for each in buttons_of(view) if each["action_id"] not in _LOOKS]
        if buttons:
            yield actions(buttons, f"{block_id}:do")


# --- the reader's own choices -------------------------------------------------------------------


def _settings(view: HomeView) -> Iterator[Block]:
    yield {"type": "divider", "block_id": "home:divider:settings"}
    yield section("*Your settings*", "home:settings")
    yield _beside("Project of your tasks that name none", _project_menu(view), DEFAULT_PROJECT)
    zone = zone_of(view.reader.person, view.reader.habits.zone)
    yield _beside(f"Morning digest, {line_of(zone.key, 60)}", _hour(view.reader), DIGEST_AT)
    wanted = view.reader.person is None or view.reader.person.digest_wanted
    label, value = ("Turn the digest off", OFF) if wanted else ("Turn the digest on", ON)
    button = {"type": "button", "action_id": DIGEST_WANTED, "text": plain(label), "value": value}
    yield actions([button], f"{DIGEST_WANTED}:block")


def _beside(text: str, element: Block, block_id: str) -> Block:
    return {**section(text, f"{block_id}:block"), "accessory": element}


def _project_menu(view: HomeView) -> Block:
    none = _option("none", NO_PROJECT)
    named = [_option(name, slug) for slug, name in view.projects if len(slug) <= _VALUE_CHARS]
    chosen = view.reader.person.default_project if view.reader.person else None
    options = [none, *named]
    initial = next((each for each in options if each["value"] == chosen), none)
    return {
        "type": "static_select",
        "action_id": DEFAULT_PROJECT,
        "options": options,
        "initial_option": initial,
    }


def _option(name: str, value: str) -> Block:
    shown = " ".join(readable(name).split())
    return {
        "text": plain(words.clipped(shown, _OPTION_CHARS) or value[:_OPTION_CHARS]),
        "value": value,
    }


def _hour(reader: Reader) -> Block:
    """In the person's own zone, which Slack shows below it."""
    at = hour_of(reader.person, reader.habits) if reader.person else reader.habits.digest_at
    zone = zone_of(reader.person, reader.habits.zone)
    return {
        "type": "timepicker",
        "action_id": DIGEST_AT,
        "initial_time": f"{at:%H:%M}",
        "timezone": zone.key,
    }
