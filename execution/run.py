"""One run: prepare → work → verify → land → settle.

Each verb is entered in the run's row before it begins and answers with a value. A run that was
cut off after its work was done is taken up again at the verb it had reached.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from core import admission, failpoints
from core.database import Database
from core.errors import SleeplessError
from core.leases import Claim
from core.models import Run, RunOutcome, RunPhase, Task
from core.money import ZERO, Nano, canonical, shown_exactly, to_nano, usd
from core.settings import Settings
from core.settlement import ModelCharge, Settled, Settlement, Usage
from execution import brief, landing
from execution.agent import AgentBackend, Session, StopReason, StopSignal, Terms
from execution.landing import Conflict, Landed
from execution.record import RunRecord
from execution.run_log import RunLog, log_path
from execution.strays import MARKER, marker
from execution.verify import Refuted, Verdict, Verified, VerifyTimedOut, verify
from execution.work import STOPPED_AS, Plan, Work, Worked
from execution.workspaces import Workspace, Workspaces

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Crew:
    """What all runs of a daemon share."""

    settings: Settings
    workspaces: Workspaces
    backend: AgentBackend
    #: marks every process of this installation, so that strays can be told from strangers
    instance: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A tree to work in, on the task's branch."""

    task: Task
    run: Run
    workspace: Workspace
    branch: str
    session: Session | None


@dataclass(frozen=True, slots=True)
class Result:
    """What is known when it comes to settling; grows from verb to verb."""

    outcome: RunOutcome
    worked: Worked
    error_class: str | None = None
    error: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def failed(self, outcome: RunOutcome, error: str, **facts: Any) -> "Result":
        return replace(
            self,
            outcome=outcome,
            error_class=outcome.value,
            error=error,
            facts={**self.facts, **facts},
        )

    def told(self, **facts: Any) -> "Result":
        return replace(self, facts={**self.facts, **facts})


class RunInProgress:
    """One run, from its claim to its settlement. Raises LeaseLost when it is no longer ours."""

    def __init__(self, crew: Crew, record: RunRecord, stop: StopSignal) -> None:
        self._crew = crew
        self._record = record
        self._stop = stop
        self._claim: Claim = record.claim

    async def go(self) -> Settled:
        """The whole way."""
        task, run = await self._record.read()
        await self._record.enter(RunPhase.PREPARING)
        failpoints.reached("run.preparing")
        workspace = await self._open(task)
        with workspace.occupied():
            prepared = await self._prepare(task, run, workspace)
            worked = await self._work(prepared)
            await self._keep(prepared, worked)
            return await self._finish(prepared, worked)

    async def take_up(self) -> Settled:
        """From the verb at which a run was cut off after its work was done."""
        task, run = await self._record.read()
        workspace = await self._open(task)
        worked = _worked_before(run)
        prepared = Prepared(task, run, workspace, run.branch or "", None)
        with workspace.occupied():
            match run.phase:
                case RunPhase.SETTLING:
                    known = {"merge_sha": run.merge_sha, "files_changed": run.files_changed}
                    return await self._settle(_result(worked).told(**known))
                case RunPhase.LANDING:
                    return await self._settle(await self._land(prepared, _result(worked)))
                case _:
                    await asyncio.to_thread(workspace.enter, task.id, prepared.branch)
                    return await self._finish(prepared, worked)

    async def give_up(self, error: Exception) -> Settled:
        """Something nobody foresaw: charge what is known, keep what is there, try again later."""
        task, run = await self._record.read()
        usage = usage_so_far(run)
        known = isinstance(error, SleeplessError)
        outcome = RunOutcome.FAILED if known else RunOutcome.CRASHED
        with suppress(SleeplessError):
            workspace = await self._open(task)
            with workspace.occupied():
                await asyncio.to_thread(workspace.leave)
        code = error.code if isinstance(error, SleeplessError) else outcome.value
        text = str(error) if known else f"{type(error).__name__}: {error}"
        return await self._settle(
            _result(Worked(outcome, usage, run.output or "", run.session_id, code, text))
        )

    async def _finish(self, prepared: Prepared, worked: Worked) -> Settled:
        result = _result(worked)
        if result.outcome is RunOutcome.COMPLETED:
            result = await self._verify(prepared, result)
        if result.outcome is RunOutcome.COMPLETED:
            result = await self._land(prepared, result)
        else:
            await asyncio.to_thread(prepared.workspace.leave)
        return await self._settle(result)

    # --- prepare -----------------------------------------------------------------------------

    async def _open(self, task: Task) -> Workspace:
        return await asyncio.to_thread(self._crew.workspaces.open, task.id, task.project_id)

    async def _prepare(self, task: Task, run: Run, workspace: Workspace) -> Prepared:
        start = await asyncio.to_thread(workspace.begin, task.id, task.description)
        await self._record.note(
            branch=start.branch, base_sha=start.base_sha, workspace_path=str(workspace.path)
        )
        return Prepared(task, run, workspace, start.branch, await self._session(task))

    async def _session(self, task: Task) -> Session | None:
        """The task's own conversation when it is tried again, else the project's if it is to be
        continued.
        """
        session_id = task.session_id
        continues = self._crew.settings.agent.resume == "session"
        if session_id is None and task.project_id is not None and continues:
            session_id = await self._record.project_session(task.project_id)
        if session_id is None:
            return None
        return Session(session_id, await self._record.session_total(session_id))

    # --- work --------------------------------------------------------------------------------

    async def _work(self, prepared: Prepared) -> Worked:
        task, run = prepared.task, prepared.run
        plan, terms, text = await asyncio.to_thread(self._plan, prepared)
        await self._record.enter(RunPhase.WORKING)
        run_log = RunLog(log_path(self._root, run.id), self._record.store.clock)
        try:
            worked = await Work(self._crew.backend, self._record, run_log, self._stop).do(
                task, text, terms, plan
            )
            run_log.write("ended", outcome=worked.outcome.value, error=worked.error)
        finally:
            run_log.close()
        failpoints.reached("run.worked")
        return worked

    def _plan(self, prepared: Prepared) -> tuple[Plan, Terms, str]:
        task, run, agent = prepared.task, prepared.run, self._crew.settings.agent
        database = self._record.store.database
        text = brief.request(task, brief.last_run(database, task.id, run.id))
        with_digest = brief.brief(task.project_name, self._digest(database, task, run))
        without_digest = brief.brief(task.project_name, ())
        terms = Terms(
            cwd=prepared.workspace.path,
            session_dir=prepared.workspace.session_dir,
            model=run.model,
            max_cost=ZERO,  # set for every leg from what is held
            max_turns=agent.max_turns,
            timeout_seconds=agent.timeout_seconds,
            idle_seconds=agent.idle_timeout_seconds,
            brief=without_digest if prepared.session else with_digest,
            session=prepared.session,
            run_id=run.id,
        )
        return Plan(self._cap(database, task), text, with_digest), terms, text

    def _digest(self, database: Database, task: Task, run: Run) -> list[brief.Earlier]:
        agent = self._crew.settings.agent
        if task.project_id is None or agent.resume == "none":
            return []
        return brief.earlier_runs(database, task.project_id, run.id, agent.digest_runs)

    def _cap(self, database: Database, task: Task) -> Nano | None:
        if task.max_cost_nano is None:
            return None
        with database.read() as session:
            return Nano(max(0, task.max_cost_nano - admission.spent_on(session, task.id)))

    async def _keep(self, prepared: Prepared, worked: Worked) -> None:
        """Commit what the agent left on the task's branch, and write down what it cost, so that
        from here on a crash can lose neither.
        """
        task = prepared.task
        message = f"{task.description.splitlines()[0][:72]}\n\n{worked.text[:2000]}"
        trailers = {"Task-Id": str(task.id), "Run-Id": str(self._claim.run_id)}
        head = await asyncio.to_thread(prepared.workspace.keep, message, trailers)
        usage = worked.usage
        total = usage.session_total_usd
        await self._record.enter(
            RunPhase.VERIFYING,
            foreseen_outcome=worked.outcome,
            head_sha=head,
            output=worked.text,
            session_id=worked.session_id,
            metered_nano=usage.metered,
            reported_total_nano=None if total is None else to_nano(total),
            num_turns=usage.num_turns,
            duration_ms=usage.duration_ms,
            duration_api_ms=usage.duration_api_ms,
            models=[asdict(model) for model in usage.models],
            error_class=worked.error_class,
            error_message=worked.error,
        )
        failpoints.reached("run.kept")

    # --- verify ------------------------------------------------------------------------------

    async def _verify(self, prepared: Prepared, result: Result) -> Result:
        check = self._crew.settings.verify_for(prepared.task.project_id)
        if check.command is None:
            return result.told(verified=None)
        failpoints.reached("run.verifying")
        checking = verify(
            check.command,
            prepared.workspace.path,
            timeout_seconds=check.timeout_seconds,
            env={MARKER: marker(self._claim.run_id, self._crew.instance)},
        )
        match await _unless_stopped(checking, self._stop):
            case StopReason() as reason:
                error = "It was stopped while its work was checked; the work is kept."
                return result.failed(STOPPED_AS[reason], error)
            case Verified(output):
                return result.told(verified=True, verify_output=output)
            case Refuted(code, output):
                error = f"`{check.command}` says no (exit {code}); the work is kept on its branch."
                facts = {"verified": False, "verify_output": output}
                return result.failed(RunOutcome.REFUTED, error, **facts)
            case VerifyTimedOut(seconds, output):
                error = f"`{check.command}` gave no answer in {seconds:g} s; the work is kept."
                facts = {"verified": False, "verify_output": output}
                return result.failed(RunOutcome.REFUTED, error, **facts)

    # --- land --------------------------------------------------------------------------------

    async def _land(self, prepared: Prepared, result: Result) -> Result:
        await self._record.enter(RunPhase.LANDING, **result.facts)
        failpoints.reached("run.landing")
        charge = await self._record.quote(result.worked.usage)
        landed = await asyncio.to_thread(
            landing.land,
            prepared.workspace,
            prepared.branch,
            prepared.task.id,
            self._claim.run_id,
            prepared.task.description,
            {"Cost": shown_exactly(charge.cost)},
        )
        failpoints.reached("run.landed")
        match landed:
            case Landed(merge_sha):
                files = await asyncio.to_thread(
                    prepared.workspace.changed_files, f"{merge_sha}^1", merge_sha
                )
                return result.told(merge_sha=merge_sha, files_changed=list(files))
            case Conflict(files):
                error = f"Main has changed in {', '.join(files[:5])}; the work is on its branch."
                return result.failed(RunOutcome.CONFLICTED, error)
            case _:
                return result.told(files_changed=[])

    # --- settle ------------------------------------------------------------------------------

    async def _settle(self, result: Result) -> Settled:
        await self._record.enter(
            RunPhase.SETTLING,
            foreseen_outcome=result.outcome,
            error_class=result.error_class,
            error_message=result.error,
            **result.facts,
        )
        failpoints.reached("run.settling")
        settled = await self._record.settle(
            Settlement(
                outcome=result.outcome,
                usage=result.worked.usage,
                error_class=result.error_class,
                error_message=result.error,
                session_id=result.worked.session_id,
                resets_at=result.worked.resets_at,
            )
        )
        worked, facts = result.worked, result.facts
        announce_end(result.outcome, worked.usage, settled, error=result.error, **facts)
        return settled

    @property
    def _root(self) -> Path:
        return self._crew.settings.workspace.root


def announce_end(
    outcome: RunOutcome, usage: Usage, settled: Settled, *, error: str | None, **facts: Any
) -> None:
    """The canonical line: one a run, with everything about it."""
    log.info(
        "run.finished",
        outcome=outcome.value,
        status=settled.consequence.status.value,
        cost=canonical(settled.charge.cost),
        cost_source=settled.charge.source.value,
        turns=usage.num_turns,
        seconds=round(usage.duration_ms / 1000, 1),
        files=len(facts.get("files_changed") or ()),
        merge=facts.get("merge_sha"),
        error=error,
    )


async def _unless_stopped(
    checking: Coroutine[Any, Any, Verdict], stop: StopSignal
) -> Verdict | StopReason:
    """The verdict, or who wants it no longer. An agent stopped for its budget that came to its end
    all the same is checked like any other.
    """
    if stop.reason is StopReason.BUDGET:
        return await checking
    verdict = asyncio.create_task(checking, name="verify")
    asked = asyncio.create_task(stop.asked())
    try:
        await asyncio.wait({verdict, asked}, return_when=asyncio.FIRST_COMPLETED)
        return verdict.result() if verdict.done() else asked.result()
    finally:
        verdict.cancel()
        asked.cancel()
        await asyncio.gather(verdict, asked, return_exceptions=True)


def usage_so_far(run: Run) -> Usage:
    """What the run's row knows of its cost; rule 7 says what is charged for what is missing."""
    total = run.reported_total_nano
    return Usage(
        session_total_usd=None if total is None else usd(total),
        session_id=run.session_id,
        metered=Nano(run.metered_nano),
        agent_started=run.pid is not None,
        duration_ms=run.duration_ms,
        duration_api_ms=run.duration_api_ms,
        num_turns=run.num_turns,
        models=tuple(ModelCharge(**model) for model in run.models or ()),
        rehearsal=run.backend == "rehearsal",
    )


def _worked_before(run: Run) -> Worked:
    """The work as the run's row tells of it."""
    return Worked(
        run.foreseen_outcome or RunOutcome.CRASHED,
        usage_so_far(run),
        run.output or "",
        run.session_id,
        run.error_class,
        run.error_message,
    )


def _result(worked: Worked) -> Result:
    return Result(worked.outcome, worked, worked.error_class, worked.error)
