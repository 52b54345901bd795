"""Half, four fifths, all: told once each, of the window it happened in, to whom it concerns."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from core.admission import Limit
from core.alerts import Alert, BudgetAlerts
from core.models import Event, Message, MessageKind
from core.money import shown
from fixtures_heart import World, at, nano


class Reader:
    """Reads the events as the courier does: each once, in order."""

    def __init__(self, world: World, *readers: str) -> None:
        self.world, self.readers = world, readers or ("U1",)
        self.seen = 0
        self.alerts: list[Alert] = []

    def read(self) -> list[str]:
        """The keys of what was put since the last time."""
        before = {letter.key for letter in self.letters()}
        alerts = BudgetAlerts(self.world.policy, self.readers, self._payload)
        with self.world.database.write() as connection:
            fresh = select(Event.__table__).where(Event.seq > self.seen).order_by(Event.seq)
            for event in connection.execute(fresh).all():
                alerts.tell(connection, event, self.world.clock.now())
                self.seen = event.seq
        return [letter.key for letter in self.letters() if letter.key not in before]

    def letters(self) -> list[Message]:
        with self.world.database.read() as session:
            return list(session.scalars(select(Message).order_by(Message.id)))

    def _payload(self, alert: Alert) -> dict[str, Any]:
        self.alerts.append(alert)
        return {"text": f"{alert.threshold} % of {shown(alert.gauge.of)}"}


@pytest.fixture
def reader(world: World) -> Reader:
    return Reader(world)


def test_each_threshold_of_a_window_is_told_once(world: World, reader: Reader) -> None:
    told = []
    for minute, cost in enumerate(["0.40", "0.09", "0.01", "0.20", "0.10", "0.05", "0.15"]):
        world.configure(estimate=nano("0.01"))
        world.spend(at(f"09:{minute:02d}"), cost)
        told += reader.read()
    # 0.40 0.49 0.50! 0.70 0.80! 0.85 1.00!
    assert told == [f"alert:2026-03-10T08:00:{each}:U1" for each in (50, 80, 100)]


def test_of_several_thresholds_passed_at_once_the_highest_is_told(
    world: World, reader: Reader
) -> None:
    world.spend(at("21:00"), "7.50")
    assert reader.read() == ["alert:2026-03-10T20:00:80:U1"]
    world.spend(at("21:10"), "0.30")
    assert reader.read() == []


def test_an_alert_says_how_much_of_how_much_and_what_comes_next(
    world: World, reader: Reader
) -> None:
    world.clock.set(at("21:00"))
    world.add("this one has to wait")
    claim = world.start()
    world.add("so does this one")
    world.finish(claim, "8.75")
    reader.read()

    (alert,) = reader.alerts
    assert (alert.threshold, alert.gauge.limit) == (80, Limit.WINDOW)
    assert (alert.gauge.spent, alert.gauge.of) == (nano("8.75"), nano("9"))
    assert alert.gauge.resets_at == at("08:00", day=1)
    assert (alert.stuck, alert.money_returns_at) == (True, at("08:00", day=1))
    assert alert.waiting == 1
    (letter,) = reader.letters()
    assert (letter.kind, letter.channel) == (MessageKind.ALERT, "U1")
    assert letter.payload == {"text": "80 % of $9.00"}


def test_what_is_only_on_hold_is_not_spent(world: World, reader: Reader) -> None:
    world.clock.set(at("09:00"))
    for _ in range(2):
        world.add()
        world.start()
    assert world.standing().headroom == 0
    assert reader.read() == []


def test_a_window_that_has_run_dry_is_told_as_used_up_once(world: World, reader: Reader) -> None:
    world.spend(at("09:00"), "0.70")
    assert reader.read() == ["alert:2026-03-10T08:00:50:U1"]
    world.add()
    world.admit()  # $0.30 is left and $0.50 needed
    assert reader.read() == ["alert:2026-03-10T08:00:100:U1"]
    assert reader.alerts[-1].stuck
    world.clock.set(at("09:10"))
    world.admit()
    assert reader.read() == []


def test_the_daily_cap_speaks_where_it_leaves_less_than_the_window(
    world: World, reader: Reader
) -> None:
    world.spend(at("02:00"), "6.00")
    assert reader.read() == ["alert:2026-03-09T20:00:50:U1"]
    world.spend(at("21:00"), "2.50")  # 2.50 of the night's 9.00, and 8.50 of the day's 10.00
    assert reader.read() == ["alert:2026-03-10:80:U1"]
    assert reader.alerts[-1].gauge.limit is Limit.DAILY_CAP
    assert reader.alerts[-1].gauge.resets_at == at("00:00", day=1)


def test_a_charge_of_a_window_that_is_over_tells_nothing_of_the_new_one(
    world: World, reader: Reader
) -> None:
    world.clock.set(at("19:50"))
    world.add()
    claim = world.start()
    world.clock.set(at("20:05"))
    world.finish(claim, "0.95")  # of the day's 1.00
    assert reader.read() == []


def test_what_happened_long_ago_is_not_told(world: World, reader: Reader) -> None:
    world.spend(at("20:30"), "8.00")
    world.clock.set(at("21:31"))
    assert reader.read() == []
    world.spend(at("21:40"), "0.01")
    assert reader.read() == ["alert:2026-03-10T20:00:80:U1"]


@pytest.mark.parametrize("percent", [0, 100])
def test_a_quota_of_nothing_is_no_alarm(world: World, reader: Reader, percent: int) -> None:
    world.configure(night_percent=Decimal(percent))
    world.clock.set(at("09:00" if percent else "21:00"))
    world.add()
    world.admit()
    assert [event.type for event in world.events("budget.exhausted")] == ["budget.exhausted"]
    assert reader.read() == []


def test_a_quota_below_the_estimate_is_no_alarm_either(world: World, reader: Reader) -> None:
    world.configure(estimate=nano("2"))
    world.clock.set(at("09:00"))
    world.add()
    world.admit()
    assert reader.read() == []


def test_everybody_concerned_is_told_and_nobody_else(world: World) -> None:
    reader = Reader(world, "U1", "U2")
    world.spend(at("21:00"), "5.00")
    assert reader.read() == [f"alert:2026-03-10T20:00:50:{user}" for user in ("U1", "U2")]
    assert [letter.channel for letter in reader.letters()] == ["U1", "U2"]
    nobody = Reader(world)
    nobody.readers = ()
    assert nobody.read() == []


def test_a_raised_quota_does_not_start_the_thresholds_again(world: World, reader: Reader) -> None:
    world.spend(at("21:00"), "7.50")
    reader.read()
    world.configure(daily=nano("16"))
    world.spend(at("21:10"), "0.10")  # 7.60 of 14.40 is half of it
    assert reader.read() == []


def test_without_a_daily_cap_only_the_windows_speak(world: World, reader: Reader) -> None:
    world.configure(daily_cap=False)
    world.spend(at("02:00"), "9.00")
    world.spend(at("21:00"), "3.00")
    world.clock.set(at("21:00"))
    assert reader.read() == []


def test_rehearsed_money_is_called_by_its_name(world: World, reader: Reader) -> None:
    world.clock.set(at("21:00"))
    world.add()
    world.finish(world.start(), "5.00", rehearsal=True)
    reader.read()
    assert reader.alerts[0].rehearsal
