"""One run: prepare → work → verify → land → settle.

Each verb is entered in the run's row before it begins and answers with a value. A run that was
cut off after its work was done is taken up again at the verb it had reached.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from core import failpoints
from core.errors import SleeplessError
from core.leases import Claim
from core.models import Run, RunOutcome, RunPhase, Task
from core.money import shown_exactly, to_nano
from core.settlement import Settled, Settlement
from execution import landing
from execution.agent import StopReason, StopSignal
from execution.assignment import Crew, Prepared, assign, session_for
from execution.landing import Conflict, Landed
from execution.record import RunRecord
from execution.result import Result, announce_end, result_of, usage_so_far, worked_before
from execution.run_log import RunLog, log_path
from execution.strays import MARKER, marker
from execution.verify import Refuted, Verdict, Verified, VerifyTimedOut, verify
from execution.work import STOPPED_AS, Work, Worked
from execution.workspaces import Workspace


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
        worked = worked_before(run)
        prepared = Prepared(task, run, workspace, run.branch or "", None)
        with workspace.occupied():
            match run.phase:
                case RunPhase.SETTLING:
                    known = {"merge_sha": run.merge_sha, "files_changed": run.files_changed}
                    return await self._settle(result_of(worked).told(**known))
                case RunPhase.LANDING:
                    return await self._settle(await self._land(prepared, result_of(worked)))
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
            result_of(Worked(outcome, usage, run.output or "", run.session_id, code, text))
        )

    async def _finish(self, prepared: Prepared, worked: Worked) -> Settled:
        result = result_of(worked)
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
        session = await session_for(self._crew, self._record, task)
        return Prepared(task, run, workspace, start.branch, session)

    # --- work --------------------------------------------------------------------------------

    async def _work(self, prepared: Prepared) -> Worked:
        store = self._record.store
        said = await self._record.all_instructions()
        given = await asyncio.to_thread(assign, self._crew, store.database, prepared, said)
        await self._record.enter(RunPhase.WORKING)
        root = self._crew.settings.workspace.root
        run_log = RunLog(log_path(root, prepared.run.id), store.clock)
        try:
            work = Work(self._crew.backend, self._record, run_log, self._stop)
            worked = await work.do(prepared.task, given.text, given.terms, given.plan)
            run_log.write("ended", outcome=worked.outcome.value, error=worked.error)
        finally:
            run_log.close()
        failpoints.reached("run.worked")
        return worked

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
