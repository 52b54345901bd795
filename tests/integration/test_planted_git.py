"""Nothing that an agent does with git, by mistake or on purpose, is executed or loses work."""

import os
import subprocess
from pathlib import Path

import pytest

from execution.landing import Landed, land
from execution.workspaces import Workspace, Workspaces
from fixtures_git import content, files, git, keep, subjects, work, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return Workspaces(root).open(1, "my-app")


# --- repositories inside the tree ------------------------------------------------------------


def nested(place: Path, *, commits: bool) -> None:
    place.mkdir(parents=True)
    git(place, "init", "-q")
    (place / "f").write_text("inside\n")
    if commits:
        git(place, "add", "-A")
        git(place, "commit", "-qm", "inner")


@pytest.mark.parametrize("commits", [True, False])
def test_a_repository_inside_the_tree_is_kept_as_files(
    workspace: Workspace, *, commits: bool
) -> None:
    start = workspace.begin(1, "x")
    nested(workspace.path / "sub", commits=commits)
    nested(workspace.path / "sub" / "er", commits=commits)
    write(workspace, "sub/.gitignore", "junk\n")
    write(workspace, "sub/junk", "j\n")
    keep(workspace)
    assert files(workspace, start.branch) == {"sub/f", "sub/er/f", "sub/.gitignore"}
    assert keep(workspace) is None
    land(workspace, start.branch, 1, 1, "x", {})
    assert content(workspace, "main", "sub/er/f") == "inside"
    assert (workspace.path / "sub" / ".git").is_dir()  # its own history stays where it is


def test_a_repository_that_the_agent_linked_is_kept_as_files(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    nested(workspace.path / "sub", commits=True)
    git(workspace.path, "add", "-A")
    git(workspace.path, "commit", "-qm", "a link")
    keep(workspace)
    assert files(workspace, start.branch) == {"sub/f"}
    assert content(workspace, start.branch, "sub/f") == "inside"


@pytest.mark.parametrize("commits", [True, False])
def test_a_nested_repository_in_place_of_a_file_is_kept_as_files(
    workspace: Workspace, *, commits: bool
) -> None:
    work(workspace, 1, "one", sub="a file\n")
    start = workspace.begin(2, "two")
    (workspace.path / "sub").unlink()
    nested(workspace.path / "sub", commits=commits)
    keep(workspace, 2, 2)
    assert files(workspace, start.branch) == {"sub/f"}


# --- nothing planted is executed -------------------------------------------------------------


def plant(place: Path, trap: Path) -> None:
    """Everything in a git directory that could make git run a program."""
    script = place / "trap.sh"
    script.write_text(f"#!/bin/sh\necho $0 $* >> {trap}\ncat\n")
    script.chmod(0o755)
    hooks = place / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "pre-commit"):
        (hooks / hook).write_text(script.read_text())
        (hooks / hook).chmod(0o755)
    with (place / "config").open("a") as config:
        config.write(
            f"[core]\n fsmonitor = {script}\n hooksPath = {hooks}\n sshCommand = {script}\n"
            f" alternateRefsCommand = {script}\n pager = {script}\n editor = {script}\n"
            f'[filter "evil"]\n clean = {script}\n smudge = {script}\n required = true\n'
            f'[merge "evil"]\n driver = {script}\n'
            f'[diff "evil"]\n textconv = {script}\n command = {script}\n'
            f"[diff]\n external = {script}\n[gpg]\n program = {script}\n"
            f"[commit]\n gpgsign = true\n[uploadpack]\n packObjectsHook = {script}\n"
        )


def a_whole_run(workspace: Workspace) -> None:
    write(workspace, ".gitattributes", "* filter=evil merge=evil diff=evil\n")
    write(workspace, "a", "mine\n")
    sha = keep(workspace)
    start = workspace.git.tip("main")
    workspace.diff(str(start), str(sha))
    workspace.log(5)
    land(workspace, "task/1-x", 1, 1, "x", {})
    again = workspace.begin(2, "y")
    write(workspace, "a", "again\n")
    keep(workspace, 2, 2)
    land(workspace, again.branch, 2, 2, "y", {})


def test_a_planted_git_directory_in_the_tree_is_moved_aside_and_executes_nothing(
    workspace: Workspace, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    workspace.begin(1, "x")
    (workspace.path / ".git").unlink()
    git(workspace.path, "init", "-q")
    plant(workspace.path / ".git", trap)
    a_whole_run(workspace)
    assert not trap.exists()
    assert subjects(workspace) == ["Begin", "x", "y"]
    assert (workspace.beside("aside") / "dot-git" / "trap.sh").exists()
    assert (workspace.path / ".git").read_text() == f"gitdir: {workspace.git_dir}\n"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_replaced_git_file_is_not_followed(
    workspace: Workspace, tmp_path: Path, kind: str
) -> None:
    trap, other = tmp_path / "trap", tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    plant(other / ".git", trap)
    workspace.begin(1, "x")
    dot_git = workspace.path / ".git"
    dot_git.unlink()
    if kind == "file":
        dot_git.write_text(f"gitdir: {other / '.git'}\n")
    else:
        dot_git.symlink_to(other / ".git")
    a_whole_run(workspace)
    assert not trap.exists()
    assert subjects(workspace) == ["Begin", "x", "y"]
    assert not dot_git.is_symlink()
    assert git(other, "for-each-ref") == ""


def test_what_is_planted_in_the_real_git_directory_executes_nothing(
    workspace: Workspace, tmp_path: Path
) -> None:
    """An agent without a sandbox can write there."""
    trap = tmp_path / "trap"
    workspace.begin(1, "x")
    plant(workspace.git_dir, trap)
    (workspace.git_dir / "info" / "attributes").write_text("* filter=evil\n")
    a_whole_run(workspace)
    assert not trap.exists()
    assert subjects(workspace) == ["Begin", "x", "y"]
    assert "evil" in (workspace.git_dir / "config.replaced").read_text()


def test_a_planted_common_directory_is_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    trap, other = tmp_path / "trap", tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    plant(other / ".git", trap)
    workspace.begin(1, "x")
    (workspace.git_dir / "commondir").write_text(f"{other / '.git'}\n")
    a_whole_run(workspace)
    assert not trap.exists()


def test_what_is_planted_in_a_nested_repository_executes_nothing(
    workspace: Workspace, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    workspace.begin(1, "x")
    nested(workspace.path / "sub", commits=True)
    git(workspace.path, "add", "-A")
    plant(workspace.path / "sub" / ".git", trap)
    write(workspace, "sub/.gitattributes", "* filter=evil\n")
    write(workspace, "sub/f", "changed\n")
    a_whole_run(workspace)
    assert not trap.exists()
    assert content(workspace, "main", "sub/f") == "changed"


def test_attributes_cannot_make_keeping_fail(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(
        workspace, ".gitattributes", "* working-tree-encoding=nonsense\n*.t text eol=crlf ident\n"
    )
    write(workspace, "a", "$Id$\r\n")
    write(workspace, "b.t", "x\r\ny\n")
    keep(workspace)
    assert git(workspace.path, "cat-file", "-s", f"{start.branch}:a") == "6"
    assert git(workspace.path, "cat-file", "-s", f"{start.branch}:b.t") == "5"


def test_a_file_that_is_no_file_is_left_where_it_is(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    os.mkfifo(workspace.path / "pipe")
    write(workspace, "a", "a\n")
    keep(workspace)
    assert files(workspace, start.branch) == {"a"}


# --- an agent that uses git itself -----------------------------------------------------------


def test_commits_of_the_agent_on_its_branch_are_part_of_the_work(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "a\n")
    git(workspace.path, "add", "-A")
    git(workspace.path, "commit", "-qm", "by the agent")
    assert keep(workspace) is None
    assert isinstance(land(workspace, start.branch, 1, 1, "x", {}), Landed)
    assert subjects(workspace) == ["Begin", "x"]
    assert content(workspace, "main", "a") == "a"


@pytest.mark.parametrize("dirty", [True, False])
@pytest.mark.parametrize("where", ["-bfeature", "--detach", "main"])
def test_work_that_the_agent_did_elsewhere_comes_back_to_its_branch(
    workspace: Workspace, where: str, *, dirty: bool
) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "before", "b\n")
    keep(workspace)
    git(workspace.path, "checkout", "-q", where)
    write(workspace, "a", "a\n")
    git(workspace.path, "add", "-A")
    git(workspace.path, "commit", "-qm", "elsewhere")
    if dirty:
        write(workspace, "c", "c\n")
    assert keep(workspace) is not None
    assert files(workspace, start.branch) == {"before", "a"} | ({"c"} if dirty else set())
    assert git(workspace.path, "branch", "--show-current") == start.branch
    assert git(workspace.path, "rev-parse", "main") == start.base_sha


def test_an_agent_that_only_looked_at_main_reverts_nothing(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "a\n")
    kept = keep(workspace)
    git(workspace.path, "checkout", "-q", "main")
    assert keep(workspace) is None
    assert git(workspace.path, "rev-parse", start.branch) == kept
    assert (workspace.path / "a").read_text() == "a\n"


def test_a_branch_that_the_agent_deleted_is_made_again(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "a\n")
    git(workspace.path, "update-ref", "-d", f"refs/heads/{start.branch}")
    assert keep(workspace) is not None
    assert isinstance(land(workspace, start.branch, 1, 1, "x", {}), Landed)
    assert subjects(workspace) == ["Begin", "x"]


def test_a_merge_that_the_agent_left_half_done_is_kept_as_it_lies(workspace: Workspace) -> None:
    work(workspace, 1, "one", a="1\n")
    start = workspace.begin(2, "two")
    git(workspace.path, "checkout", "-q", "-b", "side")
    write(workspace, "a", "side\n")
    git(workspace.path, "commit", "-qam", "side")
    git(workspace.path, "checkout", "-q", start.branch)
    write(workspace, "a", "mine\n")
    git(workspace.path, "commit", "-qam", "mine")
    with pytest.raises(subprocess.CalledProcessError):
        git(workspace.path, "merge", "side")
    assert keep(workspace, 2, 2) is not None
    assert "<<<<<<<" in content(workspace, start.branch, "a")
    workspace.leave()
    assert "Unmerged" not in git(workspace.path, "status")
    assert git(workspace.path, "branch", "--show-current") == "main"
