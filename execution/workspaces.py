"""Where agents work: one tree a project (or one a task without a project), one git history each.

A run begins on a branch of its own, keeps its work there, and leaves the tree on main. Nothing
anybody wrote is ever lost: no stash, no clean, no reset of a dirty tree; what is in the way is
committed or moved aside.
"""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import structlog
from slugify import slugify

from core.errors import WorkspaceError
from execution import git_directory, history
from execution.git import Git, with_trailers
from execution.history import Commit
from execution.underway import Phase, Underway, UnderwayFile
from execution.work_tree import WorkTree

log = structlog.get_logger(__name__)

MAIN = "main"
#: starts with a letter or digit, so it can be no `..`, no hidden file and no option
PROJECT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
BRANCH_SLUG_CHARS = 40


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run stands when its tree is ready."""

    branch: str
    #: main at this moment
    base_sha: str
    #: the branch had work of an earlier run on it
    continued: bool = False
    #: main moved on since then and these files would not merge: the branch is as it was left
    conflicts: tuple[str, ...] = ()
    #: the commit on main with what people had changed between runs
    found: str | None = None
    #: the commit with what a killed run had left in the tree, on that run's branch
    interrupted: str | None = None
    #: after a kill, main was not where that run had begun: those commits are on kept/main-…
    main_taken_back: bool = False


@dataclass(frozen=True)
class Workspace:
    """All verbs that change something want `occupied()` around them; all of them block."""

    path: Path
    git_dir: Path
    name: str

    @property
    def session_dir(self) -> Path:
        """Where the agent program keeps its conversations; outside the tree."""
        return self.beside("sessions")

    # --- the way of a run --------------------------------------------------------------------

    def begin(self, task_id: int, description: str) -> Start:
        """Afterwards the tree is clean and on the task's branch, which contains main unless
        `conflicts` says otherwise.
        """
        self.put_right()
        interrupted, taken_back = self._finish_interrupted()
        found = self._commit_found(task_id)
        branch = branch_name(task_id, description)
        git_directory.remove_stale_locks(self.git, (branch,))
        underway = self.set_out(task_id, branch)
        continued = self.git.tip(branch) is not None
        conflicts = self.work_tree.join(branch, underway.base_sha, "Merge main")
        self._arrive(underway)
        return Start(
            branch, underway.base_sha, continued, conflicts, found, interrupted, taken_back
        )

    def keep(self, message: str, trailers: Mapping[str, str]) -> str | None:
        """Commit everything in the tree on the run's branch; None when nothing had changed.

        Commits that an agent made elsewhere (on main, on a branch of its own, on no branch)
        become part of the run's branch.
        """
        self.put_right()
        underway, message = self.underway.read(), with_trailers(message, trailers)
        if underway is None:
            return self.work_tree.commit_as(self._branch_here(), message, base=None)
        kept = self._keep_on_branch(underway, message)
        self.take_back_main(underway)
        return kept

    def leave(self) -> None:
        """Put the tree back to main; what came after the last keep is committed first."""
        self.put_right()
        underway = self.underway.read()
        if underway is None:
            self._commit_found(None)
            return self.work_tree.switch(MAIN)
        if underway.phase is Phase.WORKING and self._holds_more_than(underway.branch):
            self._keep_on_branch(underway, f"Left behind by task {underway.task_id}\n")
        self.underway.change(self.take_back_main(underway), phase=Phase.MOVING)
        self.work_tree.switch(MAIN)
        return self.underway.clear()

    def _holds_more_than(self, branch: str) -> bool:
        return self.git.head() != branch or self.git.is_dirty()

    # --- reading -----------------------------------------------------------------------------

    def changed_files(self, base: str, head: str) -> tuple[str, ...]:
        return history.changed_files(self.git, base, head)

    def diff(self, base: str, head: str, *, limit: int = history.DIFF_BYTES) -> str:
        return history.diff(self.git, base, head, limit=limit)

    def log(self, count: int) -> tuple[Commit, ...]:
        """Main's first parents, newest first: the list of tasks."""
        return history.first_parents(self.git, MAIN, count)

    # --- one run at a time -------------------------------------------------------------------

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Held by this process until it leaves or dies; a second one is refused."""
        place = self.beside("locks").with_name(f"{self.name}.lock")
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("a+") as lock:
            self._lock(lock.fileno(), place)
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    def _lock(self, descriptor: int, place: Path) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = place.read_text().strip() or "unknown"
            problem = f"process {holder} is working in it; wait for it or stop it"
            raise WorkspaceError(path=self.path, problem=problem) from None

    # --- for landing -------------------------------------------------------------------------

    @cached_property
    def git(self) -> Git:
        return Git(self.git_dir, self.path)

    @cached_property
    def work_tree(self) -> WorkTree:
        return WorkTree(self.git, self.beside("aside"))

    @cached_property
    def underway(self) -> UnderwayFile:
        return UnderwayFile(self.beside("underway").with_name(f"{self.name}.json"))

    def put_right(self) -> None:
        """Undo what an agent or a kill may have left in the places git trusts."""
        _refuse_foreign(self.path)
        git_directory.restore(self.git_dir)
        git_directory.link(self.path, self.git_dir, self.beside("aside"))
        underway = self.underway.read()
        branches = (MAIN, underway.branch) if underway else (MAIN,)
        git_directory.remove_stale_locks(self.git, branches)

    def set_out(self, task_id: int, branch: str) -> Underway:
        base = self.git.tip(MAIN)
        if base is None:
            problem = f"its branch main is gone; `git branch main COMMIT` in {self.path} mends it"
            raise WorkspaceError(path=self.path, problem=problem)
        return self.underway.write(Underway(task_id, branch, base, Phase.MOVING))

    def enter(self, task_id: int, branch: str) -> Underway:
        """Take the tree to a branch that exists, whatever it was in the middle of."""
        self.put_right()
        underway = self.underway.read()
        if underway and underway.branch == branch and underway.phase is Phase.WORKING:
            return underway
        self._finish_interrupted()
        self._commit_found(task_id)
        return self._arrive(self.set_out(task_id, branch))

    def take_back_main(self, underway: Underway) -> Underway:
        """Only landing moves main. Whoever else did: their commits stay on a branch of their
        own, main returns to where the run began.
        """
        git = self.git
        now, landing = git.tip(MAIN), underway.landing
        if now in {underway.base_sha, landing} - {None}:
            return underway
        rightful = underway.base_sha
        if landing and now and git.is_ancestor(landing, now):
            rightful = landing
        if now:
            kept = self.work_tree.free_branch(f"kept/main-{now[:12]}")
            git.move(kept, now, old=None, why="main was moved during a run")
        git.move(MAIN, rightful, old=now, why="taken back")
        log.warning("workspace.main_taken_back", workspace=self.name, was=now, now=rightful)
        return self.underway.change(underway, taken_back=now or "nowhere")

    # --- how ---------------------------------------------------------------------------------

    def _keep_on_branch(self, underway: Underway, message: str) -> str | None:
        branch, base = underway.branch, underway.base_sha
        if self.git.head() == branch or self.git.tip(branch) is None:
            return self.work_tree.commit_as(branch, message, base=base)
        return self._adopt(underway, message)

    def _adopt(self, underway: Underway, message: str) -> str | None:
        """An agent left the run's branch for another one: what it did there comes back."""
        tree, git, branch = self.work_tree, self.git, underway.branch
        tip, here = git.tip(branch), git.head_commit()
        if not (tip and here and git.is_ancestor(here, tip) and not git.is_dirty()):
            stray = tree.free_branch(f"kept/task-{underway.task_id}")
            tree.commit_as(stray, message, base=underway.base_sha)
            conflicts = tree.join(branch, git.tip(stray) or underway.base_sha, f"Adopt {stray}")
            log.warning("workspace.strays_adopted", branch=stray, conflicts=conflicts)
        tree.switch(branch)
        return git.tip(branch) if git.tip(branch) != tip else None

    def _finish_interrupted(self) -> tuple[str | None, bool]:
        """The commit with what a killed run left behind, and whether main was elsewhere."""
        underway = self.underway.read()
        if underway is None:
            return None, False
        working = underway.phase is Phase.WORKING and self.git.head() == underway.branch
        kept = None
        if self.git.is_dirty():
            # else no work of the run, but a way half gone, or what people did after the kill
            aside = self.work_tree.free_branch(f"kept/task-{underway.task_id}")
            kept = self._commit_interrupted(underway, underway.branch if working else aside)
        underway = self.take_back_main(underway)
        self.work_tree.switch(MAIN)
        self.underway.clear()
        return kept, underway.taken_back is not None

    def _commit_interrupted(self, underway: Underway, branch: str) -> str | None:
        message = f"Kept from an interrupted run of task {underway.task_id}"
        text = with_trailers(message, {"Task-Id": str(underway.task_id)})
        return self.work_tree.commit_as(branch, text, base=underway.base_sha)

    def _commit_found(self, task_id: int | None) -> str | None:
        """What people changed between runs, on the branch that they left checked out."""
        git = self.git
        here = None if git.head() else git.head_commit()
        if not git.is_dirty() and (here is None or git.is_on_a_branch(here)):
            return None
        before = f" before task {task_id}" if task_id else ""
        message = f"Found in the workspace{before}\n"
        return self.work_tree.commit_as(self._branch_here(), message, base=git.tip(MAIN))

    def _branch_here(self) -> str:
        here = self.git.head_commit() or "nothing"
        return self.git.head() or self.work_tree.free_branch(f"kept/{here[:12]}")

    def _arrive(self, underway: Underway) -> Underway:
        self.work_tree.switch(underway.branch)
        return self.underway.change(underway, phase=Phase.WORKING)

    def beside(self, kind: str) -> Path:
        return self.path.parent / ".sleepless" / kind / self.name


class Workspaces:
    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def open(self, task_id: int, project_id: str | None) -> Workspace:
        """Created at first use. A folder with files but no git is taken over as it is: the first
        run commits what it finds.
        """
        name = f"task_{int(task_id)}" if project_id is None else f"project_{_checked(project_id)}"
        if project_id is not None:
            log.info(f"Using project workspace '{project_id}'")  # noqa: G004 - S2 greps for it
        root = self._root.resolve()
        git_dir = root / ".sleepless" / "git" / f"{name}.git"
        workspace = Workspace(root / name, git_dir, name)
        self._make(workspace)
        return workspace

    def _make(self, workspace: Workspace) -> None:
        _refuse_foreign(workspace.path)
        _refuse_foreign(workspace.git_dir)
        born = workspace.git_dir.is_dir()
        if not born:
            _refuse_other_repository(workspace.path)
            git_directory.bear(workspace.git_dir)
        if not workspace.path.is_dir():
            workspace.path.mkdir(parents=True)
            if born:  # somebody removed the folder: its files come back from the history
                workspace.git.run("read-tree", "--reset", "-u", "HEAD")
        git_directory.link(workspace.path, workspace.git_dir, workspace.beside("aside"))
        workspace.session_dir.mkdir(parents=True, exist_ok=True, mode=0o700)


def branch_name(task_id: int, description: str) -> str:
    """`task/7-add-a-login-page`; `task/7-task` when the text has no letters git could take."""
    slug = slugify(description[:500], max_length=BRANCH_SLUG_CHARS, word_boundary=True)
    return f"task/{task_id}-{slug or 'task'}"


def _checked(project_id: str) -> str:
    if PROJECT_ID.fullmatch(project_id):
        return project_id
    problem = "a project id is letters, digits, dots, dashes and underscores, 100 at most"
    raise WorkspaceError(path=f"project_{project_id!r}", problem=problem)


def _refuse_foreign(path: Path) -> None:
    if path.is_symlink():
        raise WorkspaceError(path=path, problem=f"it is a link to {path.readlink()}; remove it")


def _refuse_other_repository(path: Path) -> None:
    if os.path.lexists(path / ".git"):
        problem = "it holds a git repository that Sleepless did not make; move .git elsewhere"
        raise WorkspaceError(path=path, problem=problem)
