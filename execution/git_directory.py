"""The git directory of a workspace: outside the tree, born whole, put right when touched.

An agent in a sandbox sees it read-only. One without a sandbox could write a filter, a hook or
another directory's path into it; so the daemon knows what it looked like at birth.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil
import structlog

from core.errors import WorkspaceError
from execution.git import Git

log = structlog.get_logger(__name__)

#: bytes go in and come out as they are; a planted .gitattributes starts no filter, and cannot
#: make `git add` die over an encoding (info/attributes wins over files in the tree)
ATTRIBUTES = "* -text !filter !ident !working-tree-encoding\n"

#: what tools leave behind and can make again; it stays in the tree, unkept
EXCLUDED = """\
__pycache__/
*.pyc
.pytest_cache/
.mypy_cache/
.ruff_cache/
.venv/
node_modules/
.DS_Store
.claude/.cc-writes
"""

#: of merges and rebases that somebody began in the tree; the plumbing here needs none of it
HALF_DONE = (
    *("MERGE_HEAD", "MERGE_MODE", "MERGE_MSG", "AUTO_MERGE", "CHERRY_PICK_HEAD", "REVERT_HEAD"),
    *("rebase-merge", "rebase-apply", "sequencer", "BISECT_START", "BISECT_LOG"),
)

#: seconds for a git that outlived its daemon to finish what it writes
WRITER_PATIENCE = 10.0


def bear(git_dir: Path) -> None:
    """On `main`, with an empty first commit and no remote; appears under its name when it is
    complete, so a kill in the middle leaves nothing behind that looks like one.
    """
    git_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    nursery = Path(tempfile.mkdtemp(prefix=".born-", dir=git_dir.parent))
    try:
        unborn = nursery / ".git"
        git = Git(unborn, nursery)
        git.run("init", "--quiet", "--initial-branch=main", "--template=")
        _write_own_files(unborn)
        empty = git.run("write-tree").text
        first = git.commit(empty, (), "Begin\n")
        git.move("main", first, old=None, why="begin")
        _config_at_birth(git_dir).write_bytes((unborn / "config").read_bytes())
        _publish(unborn, git_dir)
    finally:
        shutil.rmtree(nursery)


def _publish(unborn: Path, git_dir: Path) -> None:
    try:
        unborn.rename(git_dir)
    except OSError:
        if not git_dir.is_dir():  # else another process was first, and its work is as good
            raise


def _write_own_files(git_dir: Path) -> None:
    info = git_dir / "info"
    info.mkdir()
    (info / "attributes").write_text(ATTRIBUTES)
    (info / "exclude").write_text(EXCLUDED)


def _config_at_birth(git_dir: Path) -> Path:
    return git_dir.with_suffix(".config")


def restore(git_dir: Path) -> None:
    """Undo what could make git start programs of somebody else's choice."""
    _restore_file(git_dir / "config", _config_at_birth(git_dir).read_bytes())
    _restore_file(git_dir / "info" / "attributes", ATTRIBUTES.encode())
    common = git_dir / "commondir"  # would bring in another directory's configuration
    if os.path.lexists(common):
        common.rename(free_name(git_dir / "commondir.replaced"))


def _restore_file(path: Path, expected: bytes) -> None:
    if _is_plain(path) and path.read_bytes() == expected:
        return
    if os.path.lexists(path):
        kept = free_name(path.with_name(f"{path.name}.replaced"))
        path.rename(kept)
        log.warning("workspace.git_file_restored", path=str(path), kept=str(kept))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(expected)


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def link(tree: Path, git_dir: Path, aside: Path) -> None:
    """Let people run git inside the tree. The daemon never reads this file; whatever stands in
    its place (an agent's own repository, say) is moved aside, not followed and not deleted.
    """
    dot_git, expected = tree / ".git", f"gitdir: {git_dir}\n"
    if _is_plain(dot_git) and dot_git.read_bytes() == expected.encode():
        return
    if os.path.lexists(dot_git):
        aside.mkdir(parents=True, exist_ok=True)
        kept = free_name(aside / "dot-git")
        dot_git.rename(kept)
        log.warning("workspace.git_link_restored", path=str(dot_git), kept=str(kept))
    dot_git.write_text(expected)


def remove_stale_locks(git: Git, branches: Iterable[str]) -> None:
    """Of a git that was killed; one that still writes is waited for."""
    heads = git.git_dir / "refs" / "heads"
    places = [*git.git_dir.glob("*.lock"), *(heads / f"{name}.lock" for name in branches)]
    stale = [lock for lock in places if os.path.lexists(lock)]
    if stale:
        _wait_for_writers(git)
    for lock in stale:
        lock.unlink(missing_ok=True)
        log.warning("workspace.stale_lock_removed", path=str(lock))


def _wait_for_writers(git: Git) -> None:
    processes = psutil.process_iter(["name", "cmdline", "cwd"])
    writers = [process for process in processes if _may_write(process.info, git)]
    _, alive = psutil.wait_procs(writers, timeout=WRITER_PATIENCE)
    if alive:
        pids = ", ".join(str(process.pid) for process in alive)
        raise WorkspaceError(path=git.tree, problem=f"git is at work in it (process {pids})")


def _may_write(process: dict[str, Any], git: Git) -> bool:
    """One of ours that outlived its daemon, or a person's own inside the tree."""
    ours = f"--git-dir={git.git_dir}" in (process["cmdline"] or ())
    inside = process["name"] == "git" and Path(process["cwd"] or "/").is_relative_to(git.tree)
    return ours or inside


def forget_half_done(git_dir: Path) -> None:
    for name in HALF_DONE:
        path = git_dir / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def free_name(path: Path) -> Path:
    """The path itself, or the first of path.1, path.2 … that is not taken."""
    number, free = 0, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free
