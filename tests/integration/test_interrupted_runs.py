"""After a kill, and two at once."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from core.errors import WorkspaceError
from execution import git_directory
from execution.workspaces import Workspace, Workspaces
from fixtures_git import AGENT, content, git, keep, subjects, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return Workspaces(root).open(1, "my-app")


# --- after a kill ----------------------------------------------------------------------------


def test_what_a_killed_run_left_is_kept_on_its_branch(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "half\n")
    again = workspace.begin(2, "y")
    assert git(workspace.path, "rev-parse", start.branch) == again.interrupted
    assert subjects(workspace, start.branch)[-1] == "Kept from an interrupted run of task 1"
    assert content(workspace, start.branch, "a") == "half"
    assert again.base_sha == start.base_sha
    assert not (workspace.path / "a").exists()


def test_locks_that_a_kill_left_behind_are_removed(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "half\n")
    for name in (
        "index.lock",
        "HEAD.lock",
        "refs/heads/main.lock",
        f"refs/heads/{start.branch}.lock",
    ):
        (workspace.git_dir / name).write_bytes(b"")
    workspace.begin(1, "x")
    assert (workspace.path / "a").read_text() == "half\n"
    assert keep(workspace) is None


def writer(workspace: Workspace, feed: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """A git of ours that outlived its daemon."""
    command = ["git", f"--git-dir={workspace.git_dir}", "hash-object", "--stdin"]
    (workspace.git_dir / "index.lock").touch()
    return subprocess.Popen(command, stdin=feed, stdout=subprocess.DEVNULL, env=AGENT)


def test_a_lock_of_a_git_that_still_works_is_waited_for(workspace: Workspace) -> None:
    workspace.begin(1, "x")
    write(workspace, "a", "a\n")
    much = subprocess.Popen(["head", "-c", "100000000", "/dev/zero"], stdout=subprocess.PIPE)
    assert much.stdout is not None
    with much, writer(workspace, much.stdout) as slow:
        assert keep(workspace) is not None
        assert slow.poll() is not None


def test_a_git_that_does_not_end_is_named(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_directory, "WRITER_PATIENCE", 0.01)
    workspace.begin(1, "x")
    with writer(workspace, subprocess.PIPE) as stuck:
        with pytest.raises(WorkspaceError, match=rf"git is at work in it \(process {stuck.pid}\)"):
            keep(workspace)
        assert (workspace.git_dir / "index.lock").exists()
        stuck.kill()
    assert keep(workspace) is None


def test_people_who_looked_around_after_a_kill_revert_nothing(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "a\n")
    kept = keep(workspace)
    git(workspace.path, "checkout", "-q", "main")
    assert workspace.begin(2, "y").interrupted is None
    assert git(workspace.path, "rev-parse", start.branch) == kept


def test_main_that_moved_before_a_kill_is_taken_back_and_said(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "unverified\n")
    git(workspace.path, "add", "-A")
    git(workspace.path, "commit", "-qm", "by the agent")
    git(workspace.path, "branch", "-f", "main", "HEAD")
    again = workspace.begin(2, "y")
    assert again.main_taken_back
    assert again.base_sha == start.base_sha
    assert "kept/main-" in git(workspace.path, "branch", "--list", "kept/*")


def test_a_deleted_main_is_put_back_during_a_run_and_said_between_runs(
    workspace: Workspace,
) -> None:
    start = workspace.begin(1, "x")
    git(workspace.path, "branch", "-D", "main")
    keep(workspace)
    assert git(workspace.path, "rev-parse", "main") == start.base_sha
    workspace.leave()
    git(workspace.path, "checkout", "-q", "-b", "mine")
    git(workspace.path, "branch", "-D", "main")
    with pytest.raises(WorkspaceError, match="main is gone"):
        workspace.begin(2, "y")


# --- one at a time ---------------------------------------------------------------------------


def test_a_second_one_in_a_workspace_is_refused_and_told_who_is_first(
    root: Path, workspace: Workspace
) -> None:
    with workspace.occupied():
        other = Workspaces(root).open(2, "my-app")
        refused = pytest.raises(WorkspaceError, match=f"process {os.getpid()} is working in it")
        with refused, other.occupied():
            pass
        with Workspaces(root).open(2, "other").occupied():
            pass
    with workspace.occupied():
        pass


def test_a_killed_process_leaves_no_workspace_occupied(root: Path, workspace: Workspace) -> None:
    script = (
        "import os, sys; from pathlib import Path; from execution.workspaces import Workspaces\n"
        "with Workspaces(Path(sys.argv[1])).open(1, 'my-app').occupied():\n"
        "    print('in', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        while holder.stdout.readline() != b"in\n":
            pass
        refused = pytest.raises(WorkspaceError, match=f"process {holder.pid} is working in it")
        with refused, workspace.occupied():
            pass
        holder.kill()
    with workspace.occupied():
        pass
