"""What an agent is given for one run: a tree, a conversation, words, and terms."""

from collections.abc import Sequence
from dataclasses import dataclass

from core import admission
from core.database import Database
from core.models import Run, Task
from core.money import ZERO, Nano
from core.settings import Settings
from execution import brief
from execution.agent import AgentBackend, Session, Terms
from execution.record import RunRecord
from execution.work import Plan
from execution.workspaces import Workspace, Workspaces


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
class Assignment:
    text: str
    terms: Terms
    plan: Plan


async def session_for(crew: Crew, record: RunRecord, task: Task) -> Session | None:
    """The task's own conversation when it is tried again, else the project's if it is to be
    continued.
    """
    session_id = task.session_id
    continues = crew.settings.agent.resume == "session"
    if session_id is None and task.project_id is not None and continues:
        session_id = await record.project_session(task.project_id)
    if session_id is None:
        return None
    return Session(session_id, await record.session_total(session_id))


def assign(
    crew: Crew, database: Database, prepared: Prepared, said: Sequence[str] = ()
) -> Assignment:
    """`said`: all that people said to the task since it was queued. Blocking: it reads what went
    before.
    """
    task, run, agent = prepared.task, prepared.run, crew.settings.agent
    text = brief.request(task, brief.last_run(database, task.id, run.id), said)
    with_digest = brief.brief(task.project_name, _digest(crew, database, prepared))
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
    return Assignment(text, terms, Plan(_cap(database, task), text, with_digest))


def _digest(crew: Crew, database: Database, prepared: Prepared) -> list[brief.Earlier]:
    project_id, agent = prepared.task.project_id, crew.settings.agent
    if project_id is None or agent.resume == "none":
        return []
    return brief.earlier_runs(database, project_id, prepared.run.id, agent.digest_runs)


def _cap(database: Database, task: Task) -> Nano | None:
    """What is left of the task's own cap."""
    if task.max_cost_nano is None:
        return None
    with database.read() as session:
        return Nano(max(0, task.max_cost_nano - admission.spent_on(session, task.id)))
