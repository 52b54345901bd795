"""Slack's limits, kept for any order in which things want to be said."""

from hypothesis import given
from hypothesis import strategies as st

from interfaces.slack.outgoing.pace import (
    BURST,
    CARD_GAP,
    EDITS,
    MINUTE,
    Closed,
    EditPace,
    Haste,
    Patience,
    PostPace,
)

wishes = st.lists(
    st.tuples(st.integers(1, 4), st.floats(0, 2), st.sampled_from(list(Haste))), max_size=200
)


def most_within(times: list[float], seconds: float) -> int:
    return max(
        (sum(start <= time < start + seconds for time in times) for start in times), default=0
    )


@given(wishes)
def test_no_minute_sees_more_edits_than_forty(asked: list[tuple[int, float, Haste]]) -> None:
    pace, now, made = EditPace(), 0.0, []
    for card, later, haste in asked:
        now += later
        if not pace.wait(card, now, haste):
            pace.note(card, now, haste)
            made.append(now)
    assert most_within(made, MINUTE - 1e-6) <= EDITS


@given(wishes)
def test_whoever_waits_as_told_may_go(asked: list[tuple[int, float, Haste]]) -> None:
    pace, now = EditPace(), 0.0
    for card, later, haste in asked:
        now += later
        now += pace.wait(card, now, haste) + 1e-6
        assert pace.wait(card, now, haste) == 0
        pace.note(card, now, haste)


def test_growing_figures_leave_room_for_new_states() -> None:
    pace, now, figures = EditPace(), 0.0, 0
    for _ in range(600):
        for card in range(12):
            if not pace.wait(card, now, Haste.FIGURES):
                pace.note(card, now, Haste.FIGURES)
                figures += 1
        now += 0.1
    assert 30 <= figures <= 36
    assert pace.wait(99, now, Haste.STATE) == 0


def test_a_card_is_edited_every_three_seconds_at_most_unless_its_state_changes() -> None:
    pace = EditPace()
    pace.note(1, 100.0, Haste.STATE)
    assert pace.wait(1, 101.0, Haste.NEWS) == CARD_GAP - 1
    assert pace.wait(1, 101.0, Haste.FIGURES) == CARD_GAP - 1
    assert pace.wait(1, 101.0, Haste.STATE) == 0
    assert pace.wait(2, 101.0, Haste.NEWS) == 0


def test_a_conversation_takes_a_burst_and_then_one_message_a_second() -> None:
    pace, posted = PostPace(), []
    for tenth in range(100):
        now = tenth / 10
        if not pace.wait("C1", now):
            pace.note("C1", now)
            posted.append(now)
    assert posted[:BURST] == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert len(posted) <= BURST + 10
    assert pace.wait("C2", 9.9) == 0


def test_a_thousand_quiet_conversations_are_not_remembered() -> None:
    pace = PostPace()
    for number in range(1000):
        pace.note(f"C{number}", float(number))
    assert len(pace._channels) <= 500


def test_a_method_slack_closed_opens_again_when_it_said() -> None:
    closed = Closed()
    closed.close("chat.update", 30, 100.0)
    closed.close("chat.update", 5, 101.0)
    assert closed.wait("chat.update", 110.0) == 20
    assert closed.wait("chat.update", 130.0) == 0
    assert closed.wait("chat.postMessage", 110.0) == 0


def test_pauses_double_until_somebody_answers() -> None:
    patience = Patience()
    assert [patience.lost(0.0, 0.5) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert patience.wait(10.0) == 50
    patience.answered()
    assert patience.wait(10.0) == 0
    assert patience.lost(0.0, 0.0) == 0.75
