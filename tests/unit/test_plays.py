import json

import pytest

from core.money import NANO_PER_CENT, Nano
from execution.rehearsal import my_dashboard, plays
from execution.rehearsal.playbook import Answer, Play, Refusal
from execution.rehearsal.pricing import price_of, tokens_for

MODEL = "claude-sonnet-5-5"
ORDINARY = [play for play in plays.REHEARSAL_PLAYS if play.steps] + [plays.generic_play("x")]


def cost(play: Play) -> Nano:
    answers = [step for step in play.steps if isinstance(step, Answer)]
    return Nano(sum(price_of(MODEL, tokens_for(MODEL, answer.spends)) for answer in answers))


@pytest.mark.parametrize("play", ORDINARY, ids=lambda play: play.name)
def test_an_ordinary_play_costs_between_five_and_thirty_cents(play: Play) -> None:
    assert 5 * NANO_PER_CENT <= cost(play) <= 30 * NANO_PER_CENT


@pytest.mark.parametrize("play", ORDINARY, ids=lambda play: play.name)
def test_the_documented_price_is_the_price(play: Play) -> None:
    [row] = [
        line
        for line in (plays.__doc__ or "").splitlines()
        if line.startswith(f"| {play.phrase or '(anything else)'} ")
    ]
    assert row.split("|")[-2].strip() == f"{cost(play) / 1e9:.5f}"


def test_every_play_that_ends_well_ends_with_words_alone() -> None:
    endings = [play.steps[-1] for play in ORDINARY if play is not plays.DRIVER_UPGRADE]
    assert all(isinstance(end, Answer) and end.text and not end.tools for end in endings)


def test_the_failing_play_is_refused_for_good_after_real_work() -> None:
    *worked, refusal = plays.DRIVER_UPGRADE.steps
    assert all(isinstance(step, Answer) for step in worked)
    assert isinstance(refusal, Refusal)


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5"])
@pytest.mark.parametrize("nano", [1_000_000, 120_000_000, 123_456_700, 5_000_000_000])
def test_an_amount_costs_the_same_on_every_model(model: str, nano: int) -> None:
    a_cached_token = 500
    assert 0 <= nano - price_of(model, tokens_for(model, Nano(nano))) < a_cached_token


def test_the_package_file_is_json() -> None:
    assert json.loads(my_dashboard.PACKAGE_JSON)["name"] == "my-dashboard"


def test_a_task_of_any_text_gets_a_file_name() -> None:
    for text in ("../../etc/passwd", "", "日本語", "x" * 500):
        [_, written] = plays.generic_play(text).steps[0].tools  # type: ignore[union-attr]
        path = str(written.arguments["file_path"])
        assert path.startswith("notes/")
        assert path.count("/") == 1
        assert len(path) < 60
