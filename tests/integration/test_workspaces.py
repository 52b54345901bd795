"""The way of a run through its workspace, with real git."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import WorkspaceError
from execution.landing import land
from execution.workspaces import Start, Workspace, Workspaces, branch_name
from fixtures_git import content, files, git, keep, subjects, work, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return Workspaces(root).open(1, "my-app")


# --- whose is which --------------------------------------------------------------------------


def test_tasks_of_a_project_share_files_and_history_in_order(root: Path) -> None:
    first = Workspaces(root).open(1, "my-app")
    work(first, 1, "Add the model", model="m\n")
    second = Workspaces(root).open(2, "my-app")
    start = second.begin(2, "Add the view")
    assert (second.path / "model").read_text() == "m\n"
    write(second, "view", "v\n")
    keep(second, 2, 2)
    land(second, start.branch, 2, 2, "Add the view", {})

    assert second.path == root.resolve() / "project_my-app"
    assert subjects(second) == ["Begin", "Add the model", "Add the view"]
    assert [entry.trailers["Task-Id"] for entry in second.log(2)] == ["2", "1"]


def test_tasks_without_a_project_never_share(root: Path) -> None:
    seventh, eighth = Workspaces(root).open(7, None), Workspaces(root).open(8, None)
    work(seventh, 7, "Write", a="a\n")
    assert seventh.path == root.resolve() / "task_7"
    assert not (eighth.path / "a").exists()
    assert subjects(eighth) == ["Begin"]
    assert seventh.git_dir != eighth.git_dir


def test_projects_whose_names_differ_in_case_are_two(root: Path) -> None:
    opened = [Workspaces(root).open(1, name).path.name for name in ("a", "A")]
    assert opened == ["project_a", "project_A"]


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", ".hidden", "-rf", "a\n", "x" * 101])
def test_a_project_id_that_could_leave_the_root_is_refused(root: Path, name: str) -> None:
    with pytest.raises(WorkspaceError, match="cannot be used"):
        Workspaces(root).open(1, name)
    assert not root.exists()


def test_a_workspace_that_is_a_link_is_refused(root: Path, tmp_path: Path) -> None:
    root.mkdir()
    (root / "project_evil").symlink_to(tmp_path)
    with pytest.raises(WorkspaceError, match="is a link"):
        Workspaces(root).open(1, "evil")


def test_a_workspace_that_became_a_link_during_a_run_is_refused(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.begin(1, "x")
    workspace.path.rename(tmp_path / "moved")
    workspace.path.symlink_to(tmp_path / "moved")
    with pytest.raises(WorkspaceError, match="is a link"):
        keep(workspace)


def test_somebody_elses_repository_is_not_taken_over(root: Path) -> None:
    (root / "project_mine").mkdir(parents=True)
    git(root / "project_mine", "init", "-q")
    with pytest.raises(WorkspaceError, match="Sleepless did not make"):
        Workspaces(root).open(1, "mine")


def test_the_log_says_which_project_workspace_is_used(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Workspaces(root).open(1, "my-project")
    assert "Using project workspace 'my-project'" in capsys.readouterr().out


# --- birth -----------------------------------------------------------------------------------


def test_a_workspace_is_born_on_main_with_one_commit_and_no_remote(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where the machine's git would say master, sign, and run hooks from a template."""
    home = tmp_path / "home"
    template = home / "template" / "hooks"
    template.mkdir(parents=True)
    (template / "post-commit").write_text("#!/bin/sh\ntouch $HOME/ran\n")
    (template / "post-commit").chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[init]\n defaultBranch = master\n templateDir = {home / 'template'}\n"
        "[commit]\n gpgsign = true\n[core]\n autocrlf = true\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    workspace = Workspaces(root).open(1, "my-app")
    work(workspace, 1, "Write", a="a\r\n")
    assert git(workspace.path, "branch", "--format=%(refname:short)").split() == [
        "main",
        "task/1-write",
    ]
    assert git(workspace.path, "remote") == ""
    assert content(workspace, "main", "a") == "a"  # stripped by the reader, not by git
    assert git(workspace.path, "cat-file", "-s", "main:a") == "3"
    assert not (home / "ran").exists()


def test_the_git_directory_lies_outside_the_tree(workspace: Workspace) -> None:
    assert not workspace.git_dir.is_relative_to(workspace.path)
    assert not workspace.session_dir.is_relative_to(workspace.path)
    assert (workspace.path / ".git").is_file()
    assert git(workspace.path, "status", "--porcelain") == ""
    assert git(workspace.path, "fsck", "--strict") == ""


def test_files_that_were_there_first_are_taken_over(root: Path) -> None:
    (root / "project_old").mkdir(parents=True)
    (root / "project_old" / "a").write_text("old\n")
    workspace = Workspaces(root).open(1, "old")
    start = workspace.begin(1, "x")
    assert content(workspace, "main", "a") == "old"
    assert start.found == start.base_sha


def test_a_tree_that_was_removed_comes_back_from_its_history(
    root: Path, workspace: Workspace
) -> None:
    work(workspace, 1, "Write", a="a\n")
    subprocess.run(["rm", "-rf", "--", str(workspace.path)], check=True)
    again = Workspaces(root).open(2, "my-app")
    assert again.begin(2, "y").found is None
    assert (again.path / "a").read_text() == "a\n"


def test_one_workspace_is_born_once_when_four_processes_open_it_together(root: Path) -> None:
    script = "import sys; from pathlib import Path; from execution.workspaces import Workspaces; "
    script += "Workspaces(Path(sys.argv[1])).open(1, 'my-app')"
    command = [sys.executable, "-c", script, str(root)]
    started = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait() for process in started] == [0] * 4
    assert subjects(Workspaces(root).open(1, "my-app")) == ["Begin"]
    assert [p.name for p in (root / ".sleepless" / "git").glob(".born-*")] == []


# --- begin, keep, leave ----------------------------------------------------------------------


def test_a_run_begins_on_a_branch_of_its_own(workspace: Workspace) -> None:
    start = workspace.begin(7, "Implement user authentication, please!")
    main = git(workspace.path, "rev-parse", "main")
    assert start == Start("task/7-implement-user-authentication-please", main)
    assert git(workspace.path, "branch", "--show-current") == start.branch


def test_a_text_without_latin_letters_still_names_a_branch(workspace: Workspace) -> None:
    assert branch_name(7, "🎉 !!!") == "task/7-task"
    assert branch_name(7, "--upload-pack=x; rm -rf ../..").startswith("task/7-upload-pack")
    assert workspace.begin(7, "日本語").branch.startswith("task/7-")


def test_keeping_commits_everything_and_nothing_when_nothing_changed(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    assert keep(workspace) is None
    write(workspace, "deep/er/a", "a\n")
    sha = keep(workspace)
    assert sha == git(workspace.path, "rev-parse", start.branch)
    assert keep(workspace) is None
    assert workspace.changed_files(start.base_sha, str(sha)) == ("deep/er/a",)
    assert git(
        workspace.path, "log", "-1", "--format=%an <%ae>|%(trailers:key=Run-Id)"
    ).strip() == ("Sleepless <sleepless@localhost>|Run-Id: 1")


def test_leaving_takes_the_tree_to_main_and_loses_nothing(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "a\n")
    keep(workspace)
    write(workspace, "late", "l\n")
    workspace.leave()
    assert git(workspace.path, "branch", "--show-current") == "main"
    assert git(workspace.path, "status", "--porcelain") == ""
    assert not (workspace.path / "a").exists()
    assert content(workspace, start.branch, "late") == "l"


def test_what_people_changed_between_runs_is_committed_on_main_first(workspace: Workspace) -> None:
    work(workspace, 1, "Write", a="a\n")
    write(workspace, "a", "edited\n")
    write(workspace, "new", "n\n")
    start = workspace.begin(2, "y")
    assert subjects(workspace)[-1] == "Found in the workspace before task 2"
    assert start.found == start.base_sha == git(workspace.path, "rev-parse", "main")
    assert content(workspace, "main", "a") == "edited"
    assert content(workspace, "main", "new") == "n"


def test_what_a_person_left_on_no_branch_is_kept_on_one(workspace: Workspace) -> None:
    git(workspace.path, "checkout", "-q", "--detach")
    write(workspace, "a", "a\n")
    start = workspace.begin(2, "y")
    assert not (workspace.path / "a").exists()
    assert git(workspace.path, "branch", "--contains", str(start.found)).strip().startswith("kept/")


def test_a_continued_task_finds_its_work_and_what_main_got_since(workspace: Workspace) -> None:
    first = workspace.begin(1, "x")
    write(workspace, "mine", "m\n")
    keep(workspace)
    workspace.leave()
    work(workspace, 2, "Other", other="o\n")
    again = workspace.begin(1, "x")
    assert again.branch == first.branch
    assert again.continued
    assert again.conflicts == ()
    assert (workspace.path / "mine").read_text() == "m\n"
    assert (workspace.path / "other").read_text() == "o\n"


def test_a_continued_task_whose_work_no_longer_merges_says_where(workspace: Workspace) -> None:
    first = workspace.begin(1, "x")
    write(workspace, "a", "mine\n")
    kept = keep(workspace)
    workspace.leave()
    work(workspace, 2, "Other", a="theirs\n")
    again = workspace.begin(1, "x")
    assert again.conflicts == ("a",)
    assert git(workspace.path, "rev-parse", first.branch) == kept
    assert (workspace.path / "a").read_text() == "mine\n"


def test_ignored_files_stay_in_the_tree_untouched(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, ".gitignore", "out/\n")
    write(workspace, "out/big", "b\n")
    write(workspace, "node_modules/x/index.js", "n\n")
    keep(workspace)
    workspace.leave()
    assert (workspace.path / "node_modules/x/index.js").read_text() == "n\n"
    assert (workspace.path / "out/big").read_text() == "b\n"
    assert files(workspace, start.branch) == {".gitignore"}


def test_an_ignored_file_in_the_way_of_a_branch_is_moved_aside(workspace: Workspace) -> None:
    first = workspace.begin(1, "x")
    write(workspace, "dist/out", "built\n")
    keep(workspace)
    workspace.leave()
    work(workspace, 2, "Ignore", **{".gitignore": "dist\n"})
    write(workspace, "dist/out", "precious\n")
    assert workspace.begin(1, "x").branch == first.branch
    assert (workspace.path / "dist/out").read_text() == "built\n"
    aside = list(workspace.beside("aside").rglob("out"))
    assert [place.read_text() for place in aside] == ["precious\n"]


NAMES = ["-rf", "--help", "new\nline", "tab\tname", " ", '"', "git~1", ":(top)x", "*", "ä", "\\"]


@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"no\xfftext")])
def test_odd_file_names_are_kept_like_all_others(workspace: Workspace, name: str) -> None:
    start = workspace.begin(1, "x")
    write(workspace, name, "odd\n")
    sha = keep(workspace)
    shown = "no\\xfftext" if "text" in name else name
    assert workspace.changed_files(start.base_sha, str(sha)) == (shown,)
    assert "+odd" in workspace.diff(start.base_sha, str(sha))
    land(workspace, start.branch, 1, 1, "x", {})
    assert (workspace.path / name).read_text() == "odd\n"


def test_files_links_and_folders_may_become_one_another(workspace: Workspace) -> None:
    work(workspace, 1, "one", **{"a": "file\n", "d/f": "in folder\n", "l": "x\n"})
    workspace.begin(2, "two")
    (workspace.path / "a").unlink()
    write(workspace, "a/b", "now a folder\n")
    (workspace.path / "d/f").unlink()
    (workspace.path / "d").rmdir()
    (workspace.path / "d").symlink_to("/etc")
    (workspace.path / "l").chmod(0o755)
    keep(workspace, 2, 2)
    listing = git(workspace.path, "ls-tree", "-r", "--format=%(objectmode) %(path)", "HEAD")
    assert listing.split("\n") == ["100644 a/b", "120000 d", "100755 l"]
    workspace.leave()
    assert (workspace.path / "d/f").read_text() == "in folder\n"


def test_a_diff_is_cut_where_it_gets_too_long(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "line\n" * 1000)
    sha = str(keep(workspace))
    assert workspace.diff(start.base_sha, sha, limit=100).endswith("\n… cut after 100 bytes\n")
    assert "cut after" not in workspace.diff(start.base_sha, sha)
