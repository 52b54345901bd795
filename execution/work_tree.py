"""The files of a workspace as git moves them: committed as they are, taken from branch to branch,
and never overwritten, not even where git ignores them.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import structlog

from core.errors import GitFailed
from execution import git_directory, history
from execution.git import Conflicted, Git

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class WorkTree:
    git: Git
    #: where files go that stand in the way
    aside: Path

    def commit_as(self, branch: str, message: str, *, base: str | None) -> str | None:
        """All files, on top of what is checked out, under this branch; None when they are what
        is checked out already. `base` is the parent where nothing is (an orphan branch).
        """
        git = self.git
        tip, parent = git.tip(branch), git.head_commit() or base
        tree = self._write()
        same = parent is not None and git.trees(parent) == (tree,)
        kept = parent if parent and same else git.commit(tree, [parent] if parent else [], message)
        if kept != tip:
            git.move(branch, kept, old=tip, why=message.splitlines()[0])
        git.point_head(branch)
        git_directory.forget_half_done(git.git_dir)
        return None if same else kept

    def _write(self) -> str:
        tree, complaints = self.git.write_everything()
        if complaints:
            log.warning("workspace.files_not_kept", path=str(self.git.tree), git=complaints)
        return tree

    def join(self, branch: str, other: str, message: str) -> tuple[str, ...]:
        """Bring another commit into a branch, in the object store alone; the files that would
        not merge, and then the branch is as it was.
        """
        git, tip = self.git, self.git.tip(branch)
        if tip is None or git.is_ancestor(tip, other):
            git.move(branch, other, old=tip, why=message)
        elif not git.is_ancestor(other, tip):
            merged = git.merge(tip, other)
            if isinstance(merged, Conflicted):
                return merged.files
            both = git.commit(merged.tree, (tip, other), f"{message}\n")
            git.move(branch, both, old=tip, why=message)
        return ()

    def switch(self, branch: str) -> None:
        """Of a tree whose work is committed."""
        git, here, there = self.git, self.git.head_commit(), self.git.tip(branch)
        if git.head() == branch:
            return
        if here and there and (here == there or len(set(git.trees(here, there))) == 1):
            git.point_head(branch)  # not a file differs
            return
        refused = git.checkout(branch)
        if refused.code and here and there:
            self._clear_the_way(here, there)
            refused = git.checkout(branch)
        if refused.code:
            raise GitFailed(command=f"checkout {branch}", path=git.tree, stderr=refused.err)

    def _clear_the_way(self, here: str, there: str) -> None:
        """Of ignored files that stand where the other branch has files of its own."""
        aside = git_directory.free_name(self.aside / there[:12])
        for name in history.added_names(self.git, here, there):
            blocker = _blocker(self.git.tree, name)
            if blocker:
                kept = aside / blocker.relative_to(self.git.tree)
                kept.parent.mkdir(parents=True, exist_ok=True)
                blocker.rename(kept)
                log.warning("workspace.moved_aside", path=str(blocker), kept=str(kept))

    def free_branch(self, wanted: str) -> str:
        number, free = 1, wanted
        while self.git.tip(free):
            number += 1
            free = f"{wanted}-{number}"
        return free


def _blocker(tree: Path, name: str) -> Path | None:
    """The first part of the path that is there and no folder, or the whole of it."""
    place = tree
    for part in Path(name).parts:
        place = place / part
        if place.is_symlink() or place.is_file():
            return place
    return place if os.path.lexists(place) else None
