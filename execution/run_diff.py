"""What a run changed, for people who want to read it."""

from core.models import Run
from execution.workspaces import Workspaces


def diff_of(workspaces: Workspaces, run: Run) -> str | None:
    """Unified, what landed or what is on its branch, cut after a megabyte; None: it changed
    nothing. Blocking.
    """
    if run.base_sha is None or run.branch is None:
        return None
    workspace = workspaces.open(run.task_id, run.project_id)
    if run.merge_sha is not None:
        return workspace.diff(f"{run.merge_sha}^1", run.merge_sha) or None
    head = run.head_sha or workspace.git.tip(run.branch)
    return None if head is None else workspace.diff(run.base_sha, head) or None
