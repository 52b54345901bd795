"""Reads what a rehearsal left in git, by git itself; changes nothing."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAIN: Final = "refs/heads/main"
#: neither the user's nor the machine's configuration has a say
_QUIET: Final = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Merge:
    sha: str
    subject: str


@dataclass(frozen=True, slots=True)
class Repository:
    """Its git directory lies outside of the tree that agents write."""

    git_dir: Path

    @classmethod
    def of_project(cls, workspace: Path, project: str) -> "Repository":
        return cls(workspace / ".sleepless" / "git" / f"project_{project}.git")

    def merges(self) -> tuple[Merge, ...]:
        """What landed on main, the newest first; the commit it began with is none."""
        lines = self._read("log", "--first-parent", "--merges", "--format=%H %s", MAIN)
        return tuple(Merge(*line.split(" ", 1)) for line in lines)

    def files(self, revision: str) -> frozenset[str]:
        return frozenset(self._read("ls-tree", "-r", "--name-only", "--end-of-options", revision))

    def _read(self, *words: str) -> list[str]:
        """Empty where git has no answer: what is missing is for the promises to find."""
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        command = ["git", f"--git-dir={self.git_dir}", "--no-pager", *words]
        try:
            said = subprocess.run(
                command, check=False, capture_output=True, text=True, env=environment | _QUIET
            )
        except FileNotFoundError:  # there is no git at all, and the daemon has said so
            return []
        return said.stdout.splitlines() if said.returncode == 0 else []
