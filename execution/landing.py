"""Landing: a verified branch becomes one merge on main, so that main's first-parent line is the
list of tasks and one revert undoes one task.

The merge is made in the object store; moving main is one compare-and-swap. Before it nothing has
landed, after it everything has, and a kill at any instruction leaves one of the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from execution import history
from execution.git import Conflicted, one_line, with_trailers
from execution.underway import Underway
from execution.workspaces import MAIN, Workspace

log = structlog.get_logger(__name__)

SUBJECT_CHARS = 72


@dataclass(frozen=True, slots=True)
class Landed:
    merge_sha: str
    #: somebody (the agent) had moved main during the run; those commits are on kept/main-…
    main_taken_back: bool = False


@dataclass(frozen=True, slots=True)
class NothingToLand:
    """The branch changes nothing on main."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Main holds other work in these files; the branch is kept as it is."""

    files: tuple[str, ...]


Landing = Landed | NothingToLand | Conflict


def land(
    workspace: Workspace,
    branch: str,
    task_id: int,
    run_id: int,
    title: str,
    trailers: Mapping[str, str],
) -> Landing:
    """Afterwards the tree is on main and clean, the branch is kept. Landing a run again answers
    with the merge that is there. Blocking.
    """
    underway = workspace.take_back_main(workspace.enter(task_id, branch))
    facts = {"Task-Id": str(task_id), "Run-Id": str(run_id)} | dict(trailers)
    message = with_trailers(one_line(title, SUBJECT_CHARS) or f"Task {task_id}", facts)
    earlier = landed_as(workspace, run_id)
    landing = Landed(earlier) if earlier else _merge(workspace, underway, message)
    workspace.leave()
    log.info(
        "landing.finished", run_id=run_id, workspace=workspace.name, outcome=type(landing).__name__
    )
    return landing


def landed_as(workspace: Workspace, run_id: int) -> str | None:
    """The merge that brought this run's work to main, if it is there."""
    return history.landed(workspace.git, MAIN, run_id)


def _merge(workspace: Workspace, underway: Underway, message: str) -> Landing:
    git = workspace.git
    main, tip = underway.base_sha, git.tip(underway.branch)
    if tip is None:
        return NothingToLand()
    merged = git.merge(main, tip)
    if isinstance(merged, Conflicted):
        return Conflict(merged.files)
    if not merged.changes:
        return NothingToLand()
    sha = git.commit(merged.tree, (main, tip), message)
    # what main is about to become is on disk first: a later start knows it for ours
    workspace.underway.change(underway, landing=sha)
    git.move(MAIN, sha, old=main, why=message.splitlines()[0])
    return Landed(sha, main_taken_back=underway.taken_back is not None)
