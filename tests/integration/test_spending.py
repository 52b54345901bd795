"""Sums of charges on both databases."""

import pytest
from sqlalchemy import text

from core.charges import ModelUsage
from core.money import Nano
from core.spending import By, Share, Spending, spending
from fixtures_heart import World, at, nano


def spent(world: World, by: By, project: str | None = None) -> Spending:
    with world.database.read() as session:
        return spending(session, by, project)


@pytest.fixture
def charged(world: World) -> World:
    """Two models in one charge, a charge without models, a rehearsal."""
    models = (ModelUsage("opus", Nano(200_000_000)), ModelUsage("haiku", Nano(50_000_000)))
    for moment, project, cost, more in (
        (at("23:59:59"), "shop", "0.25", {"models": models}),
        (at("00:00", day=1), "blog", "0.000000001", {}),
        (at("00:01", day=1), "blog", "0.10", {"rehearsal": True}),
    ):
        world.clock.set(moment)
        world.add(project=project, requested_by="ann")
        world.finish(world.start(), cost, **more)
    return world


def test_nothing_spent_is_an_empty_answer(world: World) -> None:
    for by in By:
        assert spent(world, by) == Spending([])
    assert spent(world, By.DAY).total == 0


def test_projects_come_dearest_first_and_rehearsed_ones_last(charged: World) -> None:
    assert spent(charged, By.PROJECT).shares == [
        Share("shop", nano("0.25"), 1, 1, rehearsal=False, unread=0),
        Share("blog", Nano(1), 1, 1, rehearsal=False, unread=0),
        Share("blog", nano("0.10"), 1, 1, rehearsal=True, unread=0),
    ]


def test_models_sum_up_to_the_charges_and_the_rest_is_the_runs_own_model(charged: World) -> None:
    found = spent(charged, By.MODEL)
    assert [(share.key, share.cost) for share in found.shares if not share.rehearsal] == [
        ("opus", 200_000_000),
        ("haiku", 50_000_000),
        ("sonnet", 1),
    ]
    assert found.total == spent(charged, By.PROJECT).total


def test_days_are_utc_days_the_newest_first(charged: World) -> None:
    found = [(share.key, share.cost) for share in spent(charged, By.DAY).shares]
    assert found == [("2026-03-11", 1), ("2026-03-11", 100_000_000), ("2026-03-10", 250_000_000)]


def test_users_are_those_who_asked(charged: World) -> None:
    assert {share.key for share in spent(charged, By.USER).shares} == {"ann"}


@pytest.mark.parametrize("by", By)
def test_one_project_alone_has_its_own_sum_however_it_is_cut(charged: World, by: By) -> None:
    assert spent(charged, by, "shop").total == nano("0.25")
    assert spent(charged, by, "blog").rehearsed == nano("0.10")


@pytest.mark.parametrize("by", By)
def test_a_charge_without_a_readable_cost_counts_as_nothing_and_is_told(
    charged: World, by: By
) -> None:
    with charged.database.write() as connection:
        connection.execute(text("DELETE FROM usage_models"))
        connection.execute(
            text("UPDATE usage_metrics SET cost_nano = NULL, total_cost_usd = NULL WHERE id = 2")
        )
    found = spent(charged, by)
    assert (found.total, found.unread) == (nano("0.25"), 1)
