"""Who may, from where, and how often."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import StoppedClock
from core.settings import SlackSettings
from interfaces.slack.connecting.identity import Identity
from interfaces.slack.incoming.access import Access, Allowed, Caller, Pace, Reason, Refused, Seldom

HOME = Identity("T0HOME", "home", "U0BOT", "B0BOT", None, None)
LISTED = SlackSettings(allowed_users=("U0ADA",), allowed_channels=("C0BUILDS",), admins=("U0ROOT",))
ADA = Caller("U0ADA", "C0BUILDS", frozenset({"T0HOME"}))


def decide(caller: Caller, settings: SlackSettings = LISTED) -> Allowed | Refused:
    return Access.of(settings, HOME).decide(caller)


def reason(caller: Caller, settings: SlackSettings = LISTED) -> Reason:
    decision = decide(caller, settings)
    assert isinstance(decision, Refused)
    assert decision.advice
    return decision.reason


def test_a_listed_person_may_in_a_listed_channel() -> None:
    assert decide(ADA) == Allowed("U0ADA")


def test_an_admin_may_without_being_listed_twice() -> None:
    assert decide(replace(ADA, user="U0ROOT")) == Allowed("U0ROOT")


@pytest.mark.parametrize("channel", ["D0ADA", None])
def test_a_direct_message_and_a_form_need_no_listed_channel(channel: str | None) -> None:
    assert decide(replace(ADA, channel=channel)) == Allowed("U0ADA")


def test_a_listed_person_may_not_elsewhere_and_is_told_which_channel_to_list() -> None:
    decision = decide(replace(ADA, channel="C0OTHER"))
    assert isinstance(decision, Refused)
    assert decision.reason is Reason.CHANNEL
    assert "C0OTHER" in decision.advice
    assert "slack.allowed_channels" in decision.advice


def test_a_stranger_is_told_which_id_to_list() -> None:
    decision = decide(replace(ADA, user="U0EVE"))
    assert isinstance(decision, Refused)
    assert decision.reason is Reason.NOT_LISTED
    assert "U0EVE" in decision.advice
    assert "slack.allowed_users" in decision.advice


@pytest.mark.parametrize(
    "teams", [frozenset(), frozenset({"T0OTHER"}), frozenset({"T0HOME", "T0OTHER"})]
)
def test_only_our_own_team_may_and_nobody_without_one(teams: frozenset[str]) -> None:
    assert reason(replace(ADA, teams=teams)) is Reason.OTHER_TEAM


def test_no_app_may_not_even_ourselves() -> None:
    assert reason(replace(ADA, is_bot=True)) is Reason.BOT
    everyone = SlackSettings(allowed_users=("U0BOT",), allowed_channels=("C0BUILDS",))
    assert reason(replace(ADA, user="U0BOT"), everyone) is Reason.BOT


@pytest.mark.parametrize("user", [None, ""])
def test_nobody_may_not(user: str | None) -> None:
    assert reason(replace(ADA, user=user)) is Reason.NOBODY


def test_an_empty_list_lets_nobody_in() -> None:
    assert reason(ADA, SlackSettings()) is Reason.NOT_LISTED


@given(
    user=st.none() | st.text(max_size=12),
    channel=st.none() | st.text(max_size=12),
    teams=st.frozensets(st.sampled_from(["T0HOME", "T0OTHER", ""])),
    is_bot=st.booleans(),
)
def test_whoever_is_let_in_is_listed(
    user: str | None, channel: str | None, teams: frozenset[str], *, is_bot: bool
) -> None:
    match decide(Caller(user, channel, teams, is_bot)):
        case Allowed(allowed):
            assert allowed in {"U0ADA", "U0ROOT"}
            assert teams == {"T0HOME"}
            assert not is_bot
            assert channel is None or channel == "C0BUILDS" or channel.startswith("D")


def test_a_person_may_so_often_a_minute_and_is_told_when_to_go_on(clock: StoppedClock) -> None:
    pace = Pace(3, clock)
    assert [pace.take("U0ADA") for _ in range(3)] == [None] * 3
    refused = pace.take("U0ADA")
    assert refused is not None
    assert refused.reason is Reason.TOO_FAST
    assert "3 requests a minute" in refused.advice
    assert "in 20 s" in refused.advice
    clock.advance(seconds=20)
    assert pace.take("U0ADA") is None
    assert pace.take("U0ADA") is not None


def test_one_person_s_haste_is_not_another_s(clock: StoppedClock) -> None:
    pace = Pace(1, clock)
    assert pace.take("U0ADA") is None
    assert pace.take("U0ADA") is not None
    assert pace.take("U0BEN") is None


def test_who_has_waited_long_may_not_save_up(clock: StoppedClock) -> None:
    pace = Pace(2, clock)
    pace.take("U0ADA")
    clock.advance(hours=9)
    assert [pace.take("U0ADA") is None for _ in range(3)] == [True, True, False]


def test_what_was_told_is_not_told_again_before_its_time(clock: StoppedClock) -> None:
    seldom = Seldom(clock)
    assert seldom.may_tell("U0EVE", 3600)
    clock.advance(minutes=59)
    assert not seldom.may_tell("U0EVE", 3600)
    assert seldom.may_tell("U0MAL", 3600)
    clock.advance(minutes=1)
    assert seldom.may_tell("U0EVE", 3600)
