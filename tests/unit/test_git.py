import os
import subprocess
from pathlib import Path

import pytest

from core.errors import GitFailed, GitMissing
from execution.git import (
    EMPTY_FILE,
    OLDEST_GIT,
    Conflicted,
    Git,
    Merged,
    environment,
    one_line,
    require_git,
    shown,
    with_trailers,
)
from fixtures_git import git
from interfaces.cli.checks import GIT_FLOOR


@pytest.fixture
def repository(tmp_path: Path) -> Git:
    git(tmp_path, "init", "-q", "-b", "main")
    return Git(tmp_path / ".git", tmp_path)


def commit(repository: Git, branch: str, **files: str) -> str:
    for name, text in files.items():
        (repository.tree / name).write_text(text)
    tree, _ = repository.write_everything()
    tip = repository.tip(branch)
    sha = repository.commit(tree, [tip] if tip else [], "x\n")
    repository.move(branch, sha, old=tip, why="test")
    return sha


def test_git_gets_nothing_of_the_daemons_environment_but_path_and_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "evil")
    passed = environment(tmp_path)
    assert {name for name in passed if not name.startswith("GIT_")} == {"PATH", "HOME", "LC_ALL"}
    assert "GIT_DIR" not in passed
    assert "GIT_SSH_COMMAND" not in passed


def test_a_failed_command_says_which_where_and_why(repository: Git) -> None:
    with pytest.raises(GitFailed, match=r"git rev-parse nowhere failed in .*nowhere"):
        repository.run("rev-parse", "nowhere")


def test_a_missing_tree_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match="No such file"):
        Git(tmp_path / "x.git", tmp_path / "gone").run("status")


def test_an_unborn_branch_is_checked_out_but_has_no_commit(repository: Git) -> None:
    assert repository.head() == "main"
    assert repository.tip("main") is None
    assert repository.head_commit() is None


def test_a_detached_head_is_on_no_branch(repository: Git) -> None:
    sha = commit(repository, "main", a="a")
    git(repository.tree, "checkout", "-q", "--detach")
    assert repository.head() is None
    assert repository.head_commit() == sha


def test_refs_are_read_when_they_are_packed(repository: Git) -> None:
    sha = commit(repository, "main", a="a")
    git(repository.tree, "pack-refs", "--all")
    assert repository.tip("main") == sha


def test_a_branch_moves_only_from_where_it_was_seen(repository: Git) -> None:
    first = commit(repository, "main", a="a")
    second = commit(repository, "main", a="b")
    with pytest.raises(GitFailed):
        repository.move("main", first, old=first, why="late")
    assert repository.tip("main") == second


def test_a_branch_that_must_be_new_does_not_replace_one(repository: Git) -> None:
    sha = commit(repository, "main", a="a")
    with pytest.raises(GitFailed):
        repository.move("main", sha, old=None, why="new")


def test_merging_needs_no_tree_and_names_the_files_in_conflict(repository: Git) -> None:
    base = commit(repository, "main", a="1\n", b="1\n")
    repository.move("side", base, old=None, why="test")
    ours = commit(repository, "main", a="2\n")
    theirs = commit(repository, "side", a="3\n")
    assert repository.merge(ours, theirs) == Conflicted(("a",))
    assert repository.merge(base, ours) == Merged(repository.trees(ours)[0], changes=True)


def test_merging_histories_without_a_common_root_works(repository: Git) -> None:
    one = commit(repository, "main", a="1\n")
    tree = git(repository.tree, "mktree")
    other = repository.commit(tree, [], "orphan\n")
    assert repository.merge(one, other) == Merged(repository.trees(one)[0], changes=False)


def test_a_file_name_that_looks_like_an_index_entry_is_a_file_name(repository: Git) -> None:
    """Else a planted name could pass for a nested repository for ever."""
    (repository.tree / "sub").mkdir()
    git(repository.tree / "sub", "init", "-q")
    (repository.tree / "sub" / "f").write_text("f")
    (repository.tree / f"160000 {EMPTY_FILE} 0\tsub").write_text("x")
    tree, complaints = repository.write_everything()
    assert complaints == ""
    names = git(repository.tree, "ls-tree", "-r", "-z", "--name-only", tree).split("\0")
    assert "sub/f" in names


def test_the_empty_file_has_the_id_written_here(tmp_path: Path) -> None:
    assert git(tmp_path, "hash-object", "-t", "blob", os.devnull) == EMPTY_FILE


def test_a_subject_is_one_printable_line_of_the_given_length() -> None:
    assert one_line(" Add\n\ta \x00login\u202e ", 72) == "Add a login"
    assert one_line("x" * 80, 72) == "x" * 71 + "…"
    assert one_line("x" * 72, 72) == "x" * 72
    assert one_line("日本語", 72) == "日本語"


def test_trailers_are_a_paragraph_of_their_own_and_cannot_be_forged_from_a_value(
    tmp_path: Path,
) -> None:
    message = with_trailers("Subject\n\nRun-Id: 1", {"Run-Id": "2\nRun-Id: 3"})
    assert message == "Subject\n\nRun-Id: 1\n\nRun-Id: 2 Run-Id: 3\n"
    parsed = subprocess.run(
        ["git", "interpret-trailers", "--parse"],
        input=message,
        capture_output=True,
        check=True,
        text=True,
    )
    assert parsed.stdout == "Run-Id: 2 Run-Id: 3\n"


def test_a_message_is_never_empty() -> None:
    assert with_trailers(" \n", {}) == "Work\n"


def test_names_that_are_no_text_are_spelled_out() -> None:
    assert shown("ä\n".encode() + b"\xff") == "ä\n\\xff"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, version: str) -> None:
    (folder / "git").write_text(f"#!/bin/sh\necho '{version}'\n")
    (folder / "git").chmod(0o755)


def test_no_git_is_said_in_one_line(path: Path) -> None:
    assert not list(path.iterdir())
    with pytest.raises(GitMissing, match=r"needed on the PATH, and there is none; install one"):
        require_git()


@pytest.mark.parametrize("version", ["git version 2.37.9", "git version 1.9"])
def test_a_git_that_is_too_old_is_named(path: Path, version: str) -> None:
    program(path, version)
    with pytest.raises(GitMissing, match=version):
        require_git()


@pytest.mark.parametrize("version", ["git version 2.38.0", "git version 2.39.5 (Apple Git-154)"])
def test_a_git_that_is_new_enough_will_do(path: Path, version: str) -> None:
    program(path, version)
    require_git()


def test_the_doctor_asks_for_the_same_git_as_the_daemon() -> None:
    """The doctor may not import the daemon's git, so each says it; here they are held together."""
    assert GIT_FLOOR == OLDEST_GIT
    assert ".".join(map(str, OLDEST_GIT)) in str(GitMissing(found="there is none"))
