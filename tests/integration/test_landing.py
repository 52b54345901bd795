"""Landing with real git: once, whole, or not at all, wherever a kill may fall."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from execution.landing import Conflict, Landed, NothingToLand, land, landed_as
from execution.underway import Phase, Underway
from execution.workspaces import Workspace, Workspaces
from fixtures_git import content, files, git, keep, subjects, work, write


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspaces(tmp_path / "workspace").open(1, "my-app")


def test_a_branch_lands_as_one_merge_with_its_facts(workspace: Workspace) -> None:
    start = workspace.begin(7, "Add a login page")
    write(workspace, "a", "1\n")
    keep(workspace, 7, 12)
    write(workspace, "a", "2\n")
    kept = keep(workspace, 7, 12)
    landing = land(workspace, start.branch, 7, 12, "Add a login page", {"Cost": "$0.10"})

    assert isinstance(landing, Landed)
    assert not landing.main_taken_back
    assert subjects(workspace) == ["Begin", "Add a login page"]
    assert git(workspace.path, "rev-parse", "main^1", "main^2").split() == [start.base_sha, kept]
    newest = workspace.log(1)[0]
    assert newest.sha == landing.merge_sha
    assert newest.trailers == {"Task-Id": "7", "Run-Id": "12", "Cost": "$0.10"}
    assert git(workspace.path, "branch", "--show-current") == "main"
    assert git(workspace.path, "status", "--porcelain") == ""
    assert git(workspace.path, "rev-parse", start.branch) == kept


def test_one_revert_undoes_one_task(workspace: Workspace) -> None:
    work(workspace, 1, "one", a="1\n")
    work(workspace, 2, "two", b="2\n")
    git(workspace.path, "revert", "--no-edit", "-m", "1", "main~1")
    assert files(workspace, "main") == {"b"}


def test_the_subject_is_one_line_whatever_the_text(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "a\n")
    keep(workspace)
    land(workspace, start.branch, 1, 1, "Do\nthis\x00 and\n\nRun-Id: 99 " + "x" * 99, {})
    assert subjects(workspace)[-1] == ("Do this and Run-Id: 99 " + "x" * 99)[:71] + "…"
    assert landed_as(workspace, 99) is None


def test_a_branch_without_changes_lands_nothing(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    assert land(workspace, start.branch, 1, 1, "x", {}) == NothingToLand()
    assert subjects(workspace) == ["Begin"]
    assert git(workspace.path, "branch", "--show-current") == "main"


def test_a_change_that_was_taken_back_lands_nothing(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "a\n")
    keep(workspace)
    (workspace.path / "a").unlink()
    keep(workspace)
    assert land(workspace, start.branch, 1, 1, "x", {}) == NothingToLand()


def test_a_conflict_names_the_files_and_leaves_branch_and_main_alone(workspace: Workspace) -> None:
    first = workspace.begin(1, "x")
    write(workspace, "a b\n", "mine\n")
    kept = keep(workspace)
    workspace.leave()
    work(workspace, 2, "Other", **{"a b\n": "theirs\n"})
    main = git(workspace.path, "rev-parse", "main")
    assert land(workspace, first.branch, 1, 1, "x", {}) == Conflict(("a b\n",))
    assert git(workspace.path, "rev-parse", "main", first.branch).split() == [main, kept]
    assert git(workspace.path, "branch", "--show-current") == "main"
    assert git(workspace.path, "status", "--porcelain") == ""


def test_work_beside_other_work_lands_merged(workspace: Workspace) -> None:
    first = workspace.begin(1, "x")
    write(workspace, "mine", "m\n")
    keep(workspace)
    workspace.leave()
    work(workspace, 2, "Other", other="o\n")
    assert isinstance(land(workspace, first.branch, 1, 1, "x", {}), Landed)
    assert files(workspace, "main") == {"mine", "other"}
    assert (workspace.path / "mine").exists()


def test_landing_a_run_again_answers_with_the_merge_that_is_there(workspace: Workspace) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "a\n")
    keep(workspace)
    first = land(workspace, start.branch, 1, 1, "x", {})
    assert isinstance(first, Landed)
    assert land(workspace, start.branch, 1, 1, "x", {}) == first
    assert landed_as(workspace, 1) == first.merge_sha
    assert landed_as(workspace, 11) is None
    assert subjects(workspace) == ["Begin", "x"]


def test_a_commit_that_only_says_it_landed_does_not_count(workspace: Workspace) -> None:
    start = workspace.begin(1, "Run-Id: 5")
    write(workspace, "a", "a\n")
    workspace.keep("Run-Id: 5", {"Run-Id": "5"})
    land(workspace, start.branch, 1, 1, "Run-Id: 5", {})
    assert landed_as(workspace, 5) is None


def test_what_the_checks_left_in_the_tree_does_not_land_and_is_not_lost(
    workspace: Workspace,
) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "a\n")
    keep(workspace)
    write(workspace, "a", "rewritten by the checks\n")
    write(workspace, "report.xml", "r\n")
    land(workspace, start.branch, 1, 1, "x", {})
    assert files(workspace, "main") == {"a"}
    assert (workspace.path / "a").read_text() == "a\n"
    assert content(workspace, start.branch, "report.xml") == "r"
    assert git(workspace.path, "status", "--porcelain") == ""


@pytest.mark.parametrize("before_keeping", [True, False])
def test_main_that_the_agent_moved_is_taken_back_and_its_commits_are_kept(
    workspace: Workspace, *, before_keeping: bool
) -> None:
    start = workspace.begin(1, "x")
    write(workspace, "a", "a\n")
    if not before_keeping:
        keep(workspace)
    git(workspace.path, "commit", "-q", "--allow-empty", "-m", "by the agent")
    moved = git(workspace.path, "rev-parse", "HEAD")
    git(workspace.path, "branch", "-f", "main", moved)
    git(workspace.path, "reset", "-q", "--soft", start.base_sha)
    keep(workspace)
    landing = land(workspace, start.branch, 1, 1, "x", {})
    assert isinstance(landing, Landed)
    assert landing.main_taken_back
    assert subjects(workspace) == ["Begin", "x"]
    keeper = git(workspace.path, "branch", "--contains", moved).split()[0]
    assert keeper == f"kept/main-{moved[:12]}"


def test_sixteen_workspaces_land_at_once(tmp_path: Path) -> None:
    def run(number: int) -> Workspace:
        workspace = Workspaces(tmp_path).open(number, None)
        with workspace.occupied():
            work(workspace, number, f"task {number}", a=f"{number}\n")
        return workspace

    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(run, range(1, 17)))
    assert [subjects(each)[1:] for each in done] == [[f"task {n}"] for n in range(1, 17)]


# --- kill -9 ---------------------------------------------------------------------------------

RUN = """
import os, sys
from pathlib import Path
from execution.landing import land
from execution.workspaces import Workspaces

def run(root, shim):
    os.environ["PATH"] = shim + ":" + os.environ["PATH"]
    sys.stdout = open(os.devnull, "w")
    workspace = Workspaces(Path(root)).open(1, "my-app")
    with workspace.occupied():
        start = workspace.begin(1, "x")
        (workspace.path / "a").write_text("a\\n")
        workspace.keep("Work", {"Run-Id": "1"})
        land(workspace, start.branch, 1, 1, "x", {})

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(*line.split())
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

SHIM = """#!/bin/sh
n=$(($(cat {count}) + 1))
echo $n > {count}
[ $n = {at} ] && kill -9 $PPID {then}
exec {git} "$@"
"""


class Killer:
    """Runs a whole run in a process that is killed at its n-th call of git."""

    def __init__(self, place: Path, pipes: tuple[IO[str], IO[str]]) -> None:
        self.place, (self.orders, self.answers) = place, pipes

    def run(self, root: Path, at: int, *, orphan: bool) -> int:
        shim = self.place / f"shim-{at}-{orphan}"
        shim.mkdir()
        count = shim / "count"
        count.write_text("0")
        then = "" if orphan else "&& exit 1"
        program = shim / "git"
        program.write_text(SHIM.format(count=count, at=at, then=then, git=shutil.which("git")))
        program.chmod(0o755)
        self.orders.write(f"{root} {shim}\n")
        self.orders.flush()
        return int(self.answers.readline())


@pytest.fixture
def killer(tmp_path: Path) -> Iterator[Killer]:
    with subprocess.Popen(
        [sys.executable, "-c", RUN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Killer(tmp_path, (process.stdin, process.stdout))
        process.stdin.close()


@pytest.mark.parametrize("orphan", [True, False])
def test_a_kill_at_any_call_of_git_leaves_a_run_landed_or_not_and_nothing_lost(
    killer: Killer, tmp_path: Path, *, orphan: bool
) -> None:
    """`orphan`: the git that was being called goes on after its daemon died."""
    killed = landed = at = 0
    while True:
        at += 1
        root = tmp_path / f"root-{at}"
        workspace = Workspaces(root).open(1, "my-app")
        write(workspace, "found", "by a person\n")
        if killer.run(root, at, orphan=orphan) == 0:
            break
        killed += 1
        landed += landed_as(workspace, 1) is not None
        recover(workspace)
    assert killed > 12
    assert landed > 0


def recover(workspace: Workspace) -> None:
    """What the next start does; afterwards a kill has made no difference."""
    with workspace.occupied():
        landed = landed_as(workspace, 1)
        start = workspace.begin(1, "x")
        if not (workspace.path / "a").exists():
            write(workspace, "a", "a\n")
        keep(workspace)
        again = land(workspace, start.branch, 1, 1, "x", {})
    assert isinstance(again, Landed)
    assert landed in (None, again.merge_sha)
    assert subjects(workspace) == ["Begin", "Found in the workspace before task 1", "x"]
    assert content(workspace, "main", "a") == "a"
    assert (workspace.path / "found").read_text() == "by a person\n"
    assert git(workspace.path, "branch", "--show-current") == "main"
    assert git(workspace.path, "status", "--porcelain") == ""
    assert git(workspace.path, "fsck", "--strict", "--no-dangling") == ""
    assert workspace.underway.read() is None


def test_a_tree_that_was_killed_half_way_between_branches_reverts_nothing(
    workspace: Workspace,
) -> None:
    """As it lies when git dies in the middle of a checkout."""
    first = workspace.begin(1, "x")
    write(workspace, "a", "a\n")
    write(workspace, "b", "b\n")
    kept = keep(workspace)
    workspace.leave()
    main = git(workspace.path, "rev-parse", "main")
    workspace.underway.write(Underway(1, first.branch, main, Phase.MOVING))
    write(workspace, "a", "a\n")
    (workspace.git_dir / "index.lock").touch()
    again = workspace.begin(1, "x")
    assert git(workspace.path, "rev-parse", first.branch) == kept
    assert files(workspace, "kept/task-1") == {"a"}
    assert again.interrupted == git(workspace.path, "rev-parse", "kept/task-1")
    assert (workspace.path / "b").read_text() == "b\n"


def test_the_killed_process_really_dies_by_the_signal(killer: Killer, tmp_path: Path) -> None:
    Workspaces(tmp_path / "root").open(1, "my-app")
    assert killer.run(tmp_path / "root", 1, orphan=False) == -signal.SIGKILL
