"""What the home page, the digest and the alerts say."""

from dataclasses import replace

import pytest

from core.admission import Limit
from core.alerts import Gauge
from core.home_view import Reader
from core.models import Person, TaskStatus, WaitReason
from core.night_report import Spent, Tally
from core.quiet_night import Obstacle
from core.why import Why
from fixtures_heart import at, nano
from fixtures_slack_pages import (
    DAYTIME,
    HABITS,
    elements,
    homepage,
    listed,
    report,
    require_that_slack_takes_it,
    said,
    standing,
    view,
    warning,
)
from interfaces.slack.rendering.bulletins import alert, digest
from interfaces.slack.rendering.pages import bar, home

# --- the home page --------------------------------------------------------------------------------


def test_the_home_page_shows_the_night_the_money_and_the_queue_in_this_order() -> None:
    page = home(
        homepage(
            needs_you=listed(view(TaskStatus.IN_REVIEW, "Look at me", id=1)),
            running=listed(view(TaskStatus.IN_PROGRESS, "I run", id=2)),
            queued=listed(view(text="I wait", id=3)),
            ended=listed(view(TaskStatus.COMPLETED, "I am done", id=4, verified=True)),
        )
    )
    require_that_slack_takes_it(page)
    shown = said(page)
    places = [
        shown.index(word)
        for word in (
            "The night is open",
            "$2.33 used  ·  $0.50 on hold  ·  $6.17 left of $9.00",
            "Look at me",
            "I run",
            "$0.42  ·  12 turns",
            "I wait",
            "I am done",
            "Your settings",
        )
    ]
    assert places == sorted(places)


def test_by_day_the_page_says_when_the_night_opens_and_with_how_much() -> None:
    page = home(homepage(standing=standing(DAYTIME, quota="1", charged="0.10", held="0")))
    assert "*Daytime.* The night opens <!date^1773172800^" in said(page)
    assert "with $9.00" in said(page)


def test_no_text_of_the_page_depends_on_the_clock() -> None:
    early, late = (replace(view(), now=at(wall)) for wall in ("21:00", "23:59"))
    assert home(homepage(queued=listed(early))) == home(homepage(queued=listed(late)))


def test_a_task_that_waits_says_why_and_until_when_if_that_is_known() -> None:
    budget = Why(TaskStatus.PENDING, WaitReason.BUDGET, "No money.", at("20:00"))
    turn = Why(TaskStatus.PENDING, None, "Nothing keeps it.", at("21:00"))
    assert "\nNo money. Earliest start: <!date^" in said(
        home(homepage(queued=listed(view(why=budget))))
    )
    assert "\nNothing keeps it.\n" in said(home(homepage(queued=listed(view(why=turn))))) + "\n"


def test_ones_own_tasks_have_buttons_and_those_of_others_only_for_admins() -> None:
    tasks = {"queued": listed(view(), view(by="U2", id=43))}
    mine = [each for each in elements(home(homepage(**tasks))) if each["action_id"][:5] == "task:"]
    assert [(each["action_id"], each["value"]) for each in mine] == [
        ("task:start_now", "42:pending:3"),
        ("task:cancel", "42:pending:3"),
    ]
    admin = homepage(reader=Reader("U9", True, None, HABITS), **tasks)
    assert sum(each["action_id"] == "task:cancel" for each in elements(home(admin))) == 2


def test_looks_that_the_page_has_no_place_for_are_not_offered() -> None:
    running = homepage(running=listed(view(TaskStatus.IN_PROGRESS)))
    offered = {each["action_id"] for each in elements(home(running))}
    assert "task:stop" in offered
    assert not offered & {"task:log", "task:diff"}


def test_settings_show_what_is_chosen_in_the_persons_zone() -> None:
    person = Person(
        user_id="U1",
        timezone="Asia/Tokyo",
        digest_at="06:30",
        digest_wanted=False,
        default_project="web",
    )
    reader = Reader("U1", False, person, HABITS)
    page = home(homepage(reader=reader, projects=[("web", "Web"), ("api", "API")]))
    require_that_slack_takes_it(page)
    menu, hour, button = elements(page)
    assert menu["initial_option"]["value"] == "web"
    assert [each["value"] for each in menu["options"]] == ["-", "web", "api"]
    assert (hour["initial_time"], hour["timezone"]) == ("06:30", "Asia/Tokyo")
    assert (button["text"]["text"], button["value"]) == ("Turn the digest on", "on")


def test_who_has_chosen_nothing_finds_the_defaults() -> None:
    menu, hour, button = elements(home(homepage()))
    assert menu["initial_option"]["value"] == "-"
    assert (hour["initial_time"], hour["timezone"]) == ("08:00", "Europe/Berlin")
    assert button["value"] == "off"


def test_rehearsed_figures_are_called_so() -> None:
    assert "REHEARSAL" not in said(home(homepage()))
    assert "*REHEARSAL*" in said(home(homepage(standing_rehearsed=True)))
    assert "*REHEARSAL*" in said(
        home(homepage(running=listed(view(TaskStatus.IN_PROGRESS, rehearsal=True))))
    )


def test_a_daemon_that_starts_nothing_says_why_first() -> None:
    page = home(homepage(idle_because="ANTHROPIC_API_KEY is not set"))
    assert said(page).index("ANTHROPIC_API_KEY is not set") < said(page).index("The night is open")


def test_where_the_daily_cap_leaves_less_it_is_said() -> None:
    capped = standing(daily="10", today="8", held_anywhere="0.50")
    assert "The daily cap of $10.00 leaves $1.50 until" in said(home(homepage(standing=capped)))
    assert "daily cap" not in said(home(homepage()))


@pytest.mark.parametrize(
    ("used", "held", "drawn"),
    [
        (0, 0, "░" * 20),
        (50, 0, "█" * 10 + "░" * 10),
        (1, 1, "█▒" + "░" * 18),
        (99, 0, "█" * 20),
        (99, 1, "█" * 19 + "▒"),
        (50, 25, "█" * 10 + "▒" * 5 + "░" * 5),
        (300, 0, "█" * 20),
    ],
)
def test_the_bar_shows_no_money_that_is_not_free(used: int, held: int, drawn: str) -> None:
    assert bar(used, held, 100) == drawn


def test_a_window_without_money_has_no_bar() -> None:
    broke = homepage(standing=standing(DAYTIME, quota="0", charged="0", held="0"))
    assert "The daytime has no money of its own." in said(home(broke))


# --- the digest -----------------------------------------------------------------------------------


def test_the_digest_says_what_ended_how_and_what_it_cost() -> None:
    rendered = digest(
        report(
            done=listed(
                view(TaskStatus.COMPLETED, "Add a login", verified=True),
                view(TaskStatus.COMPLETED, "Add a logout", id=43),
                total=15,
            ),
            needs_you=listed(view(TaskStatus.IN_REVIEW, "Look", id=44)),
            failed=listed(view(TaskStatus.FAILED, "Break", id=45, error="pytest says no\nat all")),
            cost=Spent(nano("1.20"), nano("0")),
            others=Tally(3, 0, 1, 2, Spent(nano("4"), nano("0"))),
        )
    )
    require_that_slack_takes_it(rendered)
    assert rendered["text"] == "Good morning: 1 needs you, 1 failed, 15 done"
    shown = said(rendered)
    assert "✅ *Add a login*  ·  #42  ·  `my-app`  ·  $0.42  ·  verified" in shown
    assert "☑️ *Add a logout*  ·  #43  ·  `my-app`  ·  $0.42  ·  not verified" in shown
    assert "and 13 more" in shown
    assert "❌ *Break*  ·  #45  ·  `my-app`  ·  $0.42\npytest says no at all" in shown
    assert "*Cost*  $1.20" in shown
    assert "$0.90 of $1.00 in the daytime, until <!date^" in shown
    assert "*Others*  1 failed, 3 done, 2 waiting, $4.00" in shown
    assert "`/results 44`" in shown


def test_the_digest_of_an_empty_night_says_why() -> None:
    why = [Obstacle("The queue is empty."), Obstacle("It was off.", at("07:00", day=1))]
    rendered = digest(report(why_nothing=why))
    assert rendered["text"] == "Good morning: nothing ran"
    assert "*Why nothing ran*\n•  The queue is empty.\n•  It was off. Until <!date^" in said(
        rendered
    )
    assert digest(report())["text"] == "Good morning: nothing new of yours"


def test_rehearsed_money_stands_apart_in_the_digest() -> None:
    rendered = digest(report(cost=Spent(nano("1"), nano("0.40"))))
    assert rendered["text"].startswith("REHEARSAL: ")
    assert "*Cost*  $1.00 and $0.40 *REHEARSAL*" in said(rendered)
    assert "*Cost*  $0.40 *REHEARSAL*" in said(digest(report(cost=Spent(nano("0"), nano("0.40")))))


# --- alerts ---------------------------------------------------------------------------------------


def test_an_alert_says_how_much_of_how_much_and_what_is_left_until_when() -> None:
    rendered = alert(warning())
    require_that_slack_takes_it(rendered)
    assert rendered["text"] == "80 % of the night budget is spent"
    assert "$7.20 of $9.00 are spent. $1.80 is left until <!date^1773216000^" in said(rendered)
    assert "3 tasks waiting." in said(rendered)


def test_an_alert_of_a_limit_that_is_reached_says_until_when_nothing_starts() -> None:
    gauge = Gauge(Limit.DAILY_CAP, "2026-03-10", nano("10"), nano("10"), at("00:00", day=1))
    stuck = {"stuck": True, "gauge": gauge, "waiting": 0, "rehearsal": True}
    rendered = alert(warning(100, money_returns_at=at("00:00", day=1), **stuck))
    require_that_slack_takes_it(rendered)
    assert rendered["text"] == "REHEARSAL: The daily cap is used up"
    assert "nothing more starts until <!date^1773187200^" in said(rendered)
    assert "No task waits." in said(rendered)
    dry = warning(100, stuck=True)
    assert alert(dry)["text"] == "The night budget has no room for another task"
    assert "no window in sight pays one" in said(alert(dry))
