"""One run on a real tree and a real database; only the agent's legs are played by a script."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from core.credits import credit_status
from core.errors import LeaseLost, WorkspaceError
from core.leases import Claim
from core.models import CostSource, Run, RunOutcome, RunPhase, Task, TaskStatus
from execution.agent import (
    AgentOutcome,
    Ending,
    LimitReported,
    StopReason,
    StopSignal,
    Terms,
    Watch,
)
from execution.record import storable
from execution.run import RunInProgress
from execution.run_diff import diff_of
from fixtures_heart import World, nano
from fixtures_run import STARTED, Leg, ScriptedBackend, called, crew_of, leg, record_of

WRITES = leg(Ending.FINISHED, STARTED, *called("0.10"), files="made.txt")


class Stage:
    """A claimed task of a project, and all it takes to run it."""

    def __init__(self, world: World, place: Path, *legs: Leg, **sections: Any) -> None:
        self.world = world
        self.backend = ScriptedBackend(list(legs))
        self.crew = crew_of(self.backend, place / "workspace", **sections)
        self.stop = StopSignal()
        self.task_id = world.add("Make it", project="app").id
        self.claim: Claim = world.start()

    @property
    def task(self) -> Task:
        return self.world.queue.get_task(self.task_id)

    @property
    def row(self) -> Run:
        return self.world.queue.runs_of(self.task_id)[-1]

    @property
    def run(self) -> RunInProgress:
        return RunInProgress(self.crew, record_of(self.world, self.claim), self.stop)

    def again(self, *legs: Leg) -> RunInProgress:
        """The same task, claimed anew."""
        self.backend.legs += legs
        self.claim = self.world.start()
        self.stop = StopSignal()
        return self.run

    def on(self, branch: str) -> list[str]:
        workspace = self.crew.workspaces.open(self.task_id, "app")
        return workspace.git.run("ls-tree", "-r", "--name-only", branch).text.split()


async def test_a_run_that_goes_well_lands_and_is_charged(
    sqlite_world: World, tmp_path: Path
) -> None:
    stage = Stage(sqlite_world, tmp_path, WRITES)
    settled = await stage.run.go()
    assert (stage.task.status, settled.charge.cost) == (TaskStatus.COMPLETED, nano("0.10"))
    assert stage.on("main") == ["made.txt"]
    row = stage.row
    assert (row.outcome, row.files_changed, row.verified) == (
        RunOutcome.COMPLETED,
        ["made.txt"],
        None,
    )
    assert row.merge_sha
    assert sqlite_world.open_holds() == []


async def test_an_agent_that_changed_nothing_has_nothing_to_land(
    sqlite_world: World, tmp_path: Path
) -> None:
    stage = Stage(sqlite_world, tmp_path, leg(Ending.FINISHED, STARTED))
    await stage.run.go()
    assert stage.task.status is TaskStatus.COMPLETED
    assert (stage.row.merge_sha, stage.row.files_changed) == (None, [])


async def test_a_task_tried_again_goes_on_in_its_own_session_whatever_projects_do(
    sqlite_world: World, tmp_path: Path
) -> None:
    legs = [leg(Ending.LIMIT, STARTED, *called("0.10")), WRITES]
    stage = Stage(sqlite_world, tmp_path, *legs, agent={"resume": "none"})
    await stage.run.go()
    sqlite_world.clock.advance(hours=1)
    await stage.again().go()
    first, second = stage.backend.terms
    assert first.session is None
    assert second.session is not None
    assert second.session.id == "session-1"
    assert stage.backend.texts[1].startswith("You were interrupted")


async def test_a_projects_next_task_begins_anew_unless_sessions_are_to_be_resumed(
    sqlite_world: World, tmp_path: Path
) -> None:
    for resume, continued in (("session", True), ("digest", False)):
        place = tmp_path / resume
        stage = Stage(sqlite_world, place, WRITES, WRITES, agent={"resume": resume})
        await stage.run.go()
        stage.task_id = sqlite_world.add("And then", project="app").id
        await stage.again().go()
        assert (stage.backend.terms[-1].session is not None) is continued
        assert ("Make it" in stage.backend.terms[-1].brief) is not continued


async def test_a_conflict_with_main_keeps_the_work_and_says_where(
    sqlite_world: World, tmp_path: Path
) -> None:
    async def while_main_moves(terms: Terms, watch: Watch) -> AgentOutcome:
        answer = await WRITES(terms, watch)
        workspace = stage.crew.workspaces.open(stage.task_id, "app")
        git = workspace.git
        main = git.tip("main") or ""
        blob = git.run("hash-object", "-w", "--stdin", stdin=b"theirs\n").text
        tree = git.run("mktree", stdin=f"100644 blob {blob}\tmade.txt\n".encode()).text
        git.move("main", git.commit(tree, [main], "theirs"), old=main, why="a person")
        underway = workspace.underway.read()
        assert underway
        workspace.underway.change(underway, base_sha=git.tip("main"))
        return answer

    stage = Stage(sqlite_world, tmp_path, while_main_moves)
    await stage.run.go()
    assert (stage.row.outcome, stage.task.status) == (RunOutcome.CONFLICTED, TaskStatus.FAILED)
    assert "made.txt" in (stage.task.error_message or "")
    assert stage.on(stage.row.branch or "") == ["made.txt"]


async def test_a_check_is_stopped_with_its_run(sqlite_world: World, tmp_path: Path) -> None:
    async def then_a_person_asks(terms: Terms, watch: Watch) -> AgentOutcome:
        answer = await WRITES(terms, watch)
        watch.stop.ask(StopReason.CANCELLED)
        return answer

    verify = {"command": "exec sleep 600"}
    stage = Stage(sqlite_world, tmp_path, then_a_person_asks, verify=verify)
    await stage.run.go()
    assert (stage.row.outcome, stage.task.status) == (RunOutcome.CANCELLED, TaskStatus.CANCELLED)
    assert "stopped while its work was checked" in (stage.row.error_message or "")
    assert stage.on("main") == []


async def test_an_agent_that_finished_although_stopped_for_money_is_checked_like_any_other(
    sqlite_world: World, tmp_path: Path
) -> None:
    async def just_about_to(terms: Terms, watch: Watch) -> AgentOutcome:
        watch.stop.ask(StopReason.BUDGET)
        return await leg(Ending.FINISHED, files="made.txt")(terms, watch)

    stage = Stage(sqlite_world, tmp_path, just_about_to, verify={"command": "test -f made.txt"})
    await stage.run.go()
    assert (stage.row.outcome, stage.row.verified) == (RunOutcome.COMPLETED, True)


async def test_what_a_check_prints_is_kept_without_what_no_database_takes(
    sqlite_world: World, tmp_path: Path
) -> None:
    stage = Stage(sqlite_world, tmp_path, WRITES, verify={"command": r"printf 'a\000b'"})
    await stage.run.go()
    assert stage.row.verify_output == "ab"
    assert storable("half \ud83d") == "half ?"
    assert storable(7) == 7


async def test_a_foreseen_trouble_fails_the_task_and_costs_nothing(
    sqlite_world: World, tmp_path: Path
) -> None:
    stage = Stage(sqlite_world, tmp_path)
    trouble = WorkspaceError(path="here", problem="it is full")
    settled = await stage.run.give_up(trouble)
    assert (stage.task.status, settled.charge.source) == (TaskStatus.FAILED, CostSource.NONE)
    assert stage.task.error_class == "workspace"
    assert "it is full" in (stage.task.error_message or "")


async def test_an_unforeseen_trouble_after_the_work_charges_what_the_agent_reported(
    sqlite_world: World, tmp_path: Path
) -> None:
    stage = Stage(sqlite_world, tmp_path)
    record = record_of(sqlite_world, stage.claim)
    known = {"pid": 1, "session_id": "session-1", "metered_nano": nano("0.10")}
    await record.enter(RunPhase.VERIFYING, reported_total_nano=nano("0.12"), **known)
    settled = await stage.run.give_up(ZeroDivisionError("odd"))
    assert (settled.charge.cost, settled.charge.source) == (nano("0.12"), CostSource.REPORTED)
    assert stage.task.status is TaskStatus.PENDING
    assert "ZeroDivisionError: odd" in (stage.task.error_message or "")


async def test_a_tree_another_process_works_in_is_left_alone(
    sqlite_world: World, tmp_path: Path
) -> None:
    stage = Stage(sqlite_world, tmp_path, WRITES)
    with stage.crew.workspaces.open(stage.task_id, "app").occupied():
        with pytest.raises(WorkspaceError, match=str(os.getpid())) as refused:
            await stage.run.go()
        await stage.run.give_up(refused.value)
    assert stage.task.status is TaskStatus.FAILED
    assert stage.backend.terms == []


async def test_a_run_taken_over_by_somebody_else_writes_nothing_more(
    sqlite_world: World, tmp_path: Path
) -> None:
    async def lost(terms: Terms, watch: Watch) -> AgentOutcome:
        sqlite_world.finish(stage.claim, "0.20")
        return await WRITES(terms, watch)

    stage = Stage(sqlite_world, tmp_path, lost)
    with pytest.raises(LeaseLost):
        await stage.run.go()
    assert sqlite_world.charged() == nano("0.20")
    assert stage.on("main") == []


async def cut_off_at(stage: Stage, phase: RunPhase, **facts: Any) -> None:
    """The work is done and kept, and then the daemon dies."""
    workspace = stage.crew.workspaces.open(stage.task_id, "app")
    start = workspace.begin(stage.task_id, "Make it")
    (workspace.path / "made.txt").write_text("made\n")
    workspace.keep("Made it", {})
    known = {"branch": start.branch, "pid": 1, "session_id": "session-1", "output": "Done."}
    worked = {"foreseen_outcome": RunOutcome.COMPLETED, "metered_nano": nano("0.10")}
    await record_of(stage.world, stage.claim).enter(phase, **(known | worked | facts))


@pytest.mark.parametrize("phase", [RunPhase.VERIFYING, RunPhase.LANDING])
async def test_a_run_cut_off_after_its_work_is_brought_to_its_end_without_an_agent(
    sqlite_world: World, tmp_path: Path, phase: RunPhase
) -> None:
    stage = Stage(sqlite_world, tmp_path)
    await cut_off_at(stage, phase)
    settled = await stage.run.take_up()
    assert (stage.row.outcome, settled.charge.cost) == (RunOutcome.COMPLETED, nano("0.10"))
    assert stage.on("main") == ["made.txt"]
    assert stage.backend.terms == []


async def test_a_run_cut_off_in_its_settlement_is_only_settled(
    sqlite_world: World, tmp_path: Path
) -> None:
    stage = Stage(sqlite_world, tmp_path)
    refuted = {"foreseen_outcome": RunOutcome.REFUTED, "error_message": "it says no"}
    await cut_off_at(stage, RunPhase.SETTLING, **refuted)
    await stage.run.take_up()
    assert (stage.row.outcome, stage.task.error_message) == (RunOutcome.REFUTED, "it says no")
    assert stage.on("main") == []


@pytest.mark.parametrize(
    ("command", "words"),
    [("exit 3", "says no (exit 3)"), ("exec sleep 600", "no answer in 1 s")],
)
async def test_work_that_is_refuted_or_never_judged_stays_on_its_branch(
    sqlite_world: World, tmp_path: Path, command: str, words: str
) -> None:
    verify = {"command": command, "timeout_seconds": 1}
    stage = Stage(sqlite_world, tmp_path, WRITES, verify=verify)
    await stage.run.go()
    assert (stage.row.outcome, stage.row.verified) == (RunOutcome.REFUTED, False)
    assert words in (stage.task.error_message or "")
    assert (stage.on("main"), stage.on(stage.row.branch or "")) == ([], ["made.txt"])


async def test_a_cap_leaves_what_earlier_runs_did_not_spend(
    sqlite_world: World, tmp_path: Path
) -> None:
    stage = Stage(sqlite_world, tmp_path, leg(Ending.LIMIT, STARTED, *called("0.10")), WRITES)
    with sqlite_world.database.write() as connection:
        connection.execute(update(Task).values(max_cost_nano=nano("0.30")))
    await stage.run.go()
    sqlite_world.clock.advance(hours=1)
    await stage.again().go()
    assert stage.backend.terms[1].max_cost == nano("0.20")


async def test_the_provider_says_when_its_usage_window_ends(
    sqlite_world: World, tmp_path: Path
) -> None:
    resets_at = sqlite_world.clock.now() + timedelta(minutes=235)
    limits = [
        LimitReported("five_hour", "allowed", resets_at, 0.4),
        LimitReported("seven_day", "allowed", resets_at + timedelta(days=3), 0.1),
    ]
    stage = Stage(sqlite_world, tmp_path, leg(Ending.FINISHED, STARTED, *limits))
    await stage.run.go()
    scheduler = sqlite_world.scheduler
    status = credit_status(sqlite_world.queue, scheduler.budget_manager.policy, slots=3)
    assert (status.minutes_left, status.tasks_executed) == (235, 1)


async def test_what_a_run_changed_can_be_read_landed_or_on_its_branch(
    sqlite_world: World, tmp_path: Path
) -> None:
    refuses = {"verify": {"command": "false"}}
    for sections in ({}, refuses):
        stage = Stage(sqlite_world, tmp_path / str(len(sections)), WRITES, **sections)
        before = stage.row
        assert diff_of(stage.crew.workspaces, before) is None
        await stage.run.go()
        diff = diff_of(stage.crew.workspaces, stage.row) or ""
        assert "+++ b/made.txt" in diff
        assert "+made by a leg" in diff


async def test_a_run_that_changed_nothing_has_no_diff(sqlite_world: World, tmp_path: Path) -> None:
    stage = Stage(sqlite_world, tmp_path, leg(Ending.FINISHED, STARTED, *called("0.10")))
    await stage.run.go()
    assert diff_of(stage.crew.workspaces, stage.row) is None
