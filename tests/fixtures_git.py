"""Real git beside the code under test, to look with other eyes and to play the agent."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from execution.landing import Landed, land
from execution.workspaces import Workspace

AGENT = {
    "GIT_AUTHOR_NAME": "Agent",
    "GIT_AUTHOR_EMAIL": "agent@example.org",
    "GIT_COMMITTER_NAME": "Agent",
    "GIT_COMMITTER_EMAIL": "agent@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": os.environ["PATH"],
}


def git(place: Path, *args: str, env: Mapping[str, str] = AGENT) -> str:
    """As an agent or a person inside the tree would."""
    done = subprocess.run(
        ["git", *args], cwd=place, env=dict(env), capture_output=True, check=True, text=True
    )
    return done.stdout.strip()


def subjects(workspace: Workspace, branch: str = "main") -> list[str]:
    """Oldest first."""
    return git(workspace.path, "log", "--first-parent", "--reverse", "--format=%s", branch).split(
        "\n"
    )


def content(workspace: Workspace, revision: str, name: str) -> str:
    return git(workspace.path, "show", f"{revision}:{name}")


def files(workspace: Workspace, revision: str) -> set[str]:
    listing = git(workspace.path, "ls-tree", "-r", "-z", "--name-only", revision)
    return {name for name in listing.split("\0") if name}


def write(workspace: Workspace, name: str, text: str) -> None:
    place = workspace.path / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def keep(workspace: Workspace, task_id: int = 1, run_id: int = 1) -> str | None:
    return workspace.keep("Work", {"Task-Id": str(task_id), "Run-Id": str(run_id)})


def work(workspace: Workspace, task_id: int, text: str, **made: str) -> None:
    """A whole run."""
    start = workspace.begin(task_id, text)
    for name, words in made.items():
        write(workspace, name, words)
    keep(workspace, task_id, task_id)
    assert isinstance(land(workspace, start.branch, task_id, task_id, text, {}), Landed)
