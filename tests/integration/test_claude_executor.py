"""The real Claude program, the scripted model behind it."""

from execution.agent import CallMetered, Ending, Said, Started, ToolUsed
from fixtures_claude import Bench, bench

__all__ = ["bench"]


async def test_finished_work_costs_what_the_model_served(bench: Bench) -> None:
    outcome = await bench.run("Chore [rehearse: write notes.txt hello] [rehearse: text All done.]")
    assert outcome.ending is Ending.FINISHED, outcome
    assert outcome.text == "All done."
    assert (bench.terms.cwd / "notes.txt").read_text() == "hello\n"
    assert outcome.reported_total == outcome.metered == bench.model.served_nano()
    assert [usage.cost for usage in outcome.models] == [bench.model.served_nano()]
    assert outcome.num_turns >= 2
    assert outcome.error == ""


async def test_what_happens_is_reported_in_its_order(bench: Bench) -> None:
    outcome = await bench.run("Chore [rehearse: bash echo hi] [rehearse: text Fine.]")
    started, *rest = bench.events
    assert isinstance(started, Started)
    assert started.session_id == outcome.session_id
    assert [type(event) for event in rest] == [Said, ToolUsed, CallMetered, Said, CallMetered]
    assert bench.seen(ToolUsed) == [ToolUsed("Bash", "echo hi")]
    assert bench.seen(CallMetered)[-1].spent == outcome.metered
