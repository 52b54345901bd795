"""The table of docs/budget.md, row by row: history, now → what the budget says.

$10 a day, 90 % by night, $0.50 asked for, UTC. `+1` is the next day; `flying` is a task that runs.
"""

import pytest

from core.admission import Admitted
from core.money import shown
from fixtures_heart import World, at, nano

TABLE = """
history                                | now             | window  | quota | shown | today | held | headroom | admit
nothing                                | 00:00           | night   | 9.00  | 9.00  | 0.00  | 0.00 | 9.00     | yes
nothing                                | 07:59:59.999999 | night   | 9.00  | 9.00  | 0.00  | 0.00 | 9.00     | yes
nothing                                | 08:00           | daytime | 1.00  | 1.00  | 0.00  | 0.00 | 1.00     | yes
nothing                                | 19:59:59.999999 | daytime | 1.00  | 1.00  | 0.00  | 0.00 | 1.00     | yes
03:00 $0.78, 10:00 $1.00, 20:30 $0.55  | 21:05           | night   | 9.00  | 8.45  | 2.33  | 0.00 | 7.67     | yes
03:00 $0.78, 10:00 $1.00, 20:30 $0.55  | 00:01 +1        | night   | 9.00  | 8.45  | 0.00  | 0.00 | 8.45     | yes
02:00 $0.98, 11:00 $0.70, 21:00 $1.77  | 22:00           | night   | 9.00  | 7.23  | 3.45  | 0.00 | 6.55     | yes
09:00 $1.00                            | 09:30           | daytime | 1.00  | 0.00  | 1.00  | 0.00 | 0.00     | no
09:00 $1.00                            | 19:59:59        | daytime | 1.00  | 0.00  | 1.00  | 0.00 | 0.00     | no
09:00 $1.00                            | 20:00           | night   | 9.00  | 9.00  | 1.00  | 0.00 | 9.00     | yes
22:00 $9.00                            | 23:59           | night   | 9.00  | 0.00  | 9.00  | 0.00 | 0.00     | no
22:00 $9.00                            | 00:01 +1        | night   | 9.00  | 0.00  | 0.00  | 0.00 | 0.00     | no
22:00 $9.00                            | 07:59 +1        | night   | 9.00  | 0.00  | 0.00  | 0.00 | 0.00     | no
22:00 $5.00                            | 00:01 +1        | night   | 9.00  | 4.00  | 0.00  | 0.00 | 4.00     | yes
09:00 $0.50                            | 09:00:01        | daytime | 1.00  | 0.50  | 0.50  | 0.00 | 0.50     | yes
09:00 $0.500000001                     | 09:00:01        | daytime | 1.00  | 0.49  | 0.50  | 0.00 | 0.49     | no
09:00 $1.28                            | 20:00           | night   | 9.00  | 9.00  | 1.28  | 0.00 | 8.72     | yes
09:00 flying                           | 09:10           | daytime | 1.00  | 1.00  | 0.00  | 0.50 | 0.50     | yes
"""  # noqa: E501 - a table


def rows() -> list[dict[str, str]]:
    heads, *lines = ([cell.strip() for cell in line.split("|")] for line in TABLE.split("\n")[1:-1])
    return [dict(zip(heads, line, strict=True)) for line in lines]


def go_through(world: World, history: str) -> None:
    for charge in history.split(", ") if history != "nothing" else []:
        wall, dollars = charge.split(" ")
        if dollars == "flying":
            world.clock.set(at(wall))
            world.add()
            world.start()
        else:
            world.spend(at(wall), dollars.removeprefix("$"))


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['history']} at {row['now']}")
def test_the_budget_stands_as_the_table_says(world: World, row: dict[str, str]) -> None:
    go_through(world, row["history"])
    wall, _, day = row["now"].partition(" +")
    world.clock.set(at(wall, int(day or 0)))

    where = world.standing()
    world.add()
    admitted = isinstance(world.admit(), Admitted)

    assert row == {
        "history": row["history"],
        "now": row["now"],
        "window": where.window.period.value,
        "quota": shown(where.quota).removeprefix("$"),
        "shown": shown(where.remaining).removeprefix("$"),
        "today": shown(where.today).removeprefix("$"),
        "held": shown(where.held_anywhere).removeprefix("$"),
        "headroom": shown(where.headroom).removeprefix("$"),
        "admit": "yes" if admitted else "no",
    }


def test_three_tasks_three_slots_and_money_for_one_start_exactly_one(world: World) -> None:
    world.spend(at("09:00"), "0.50")
    world.clock.set(at("12:00"))
    for _ in range(3):
        world.add()

    started = world.scheduler.get_next_tasks()

    assert len(started) == 1
    assert world.open_holds() == [nano("0.50")]
    assert world.scheduler.get_next_tasks() == []
