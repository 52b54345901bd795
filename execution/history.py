"""Reading a workspace's history: what a run changed, and main as the list of tasks."""

import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from execution.git import PATIENCE, Git, end, shown

#: bytes of a diff that are worth showing; an agent may well commit a disk image
DIFF_BYTES = 1_000_000
#: no external program, no conversion, and renames as what they are on disk
PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color")

_FIELDS = "%H%x00%ct%x00%s%x00%(trailers:only,unfold)"


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    committed_at: datetime
    subject: str
    trailers: dict[str, str]


def changed_files(git: Git, base: str, head: str) -> tuple[str, ...]:
    """For people and databases: names that are no UTF-8 are spelled out."""
    return tuple(map(shown, _names(git, base, head)))


def added_names(git: Git, base: str, head: str) -> tuple[str, ...]:
    """For the file system: names as the operating system takes them."""
    return tuple(map(os.fsdecode, _names(git, base, head, "--diff-filter=A")))


def _names(git: Git, base: str, head: str, *options: str) -> list[bytes]:
    answer = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", *options, base, head)
    return [name for name in answer.out.split(b"\0") if name]


def diff(git: Git, base: str, head: str, *, limit: int = DIFF_BYTES) -> str:
    """Unified; cut, saying so, after `limit` bytes, and never more than that in memory."""
    command = ("diff", *PLAIN, "--find-renames", "--end-of-options", base, head, "--")
    with git.start(*command) as process:
        overdue = threading.Timer(PATIENCE, end, (process,))
        overdue.start()
        try:
            assert process.stdout is not None  # noqa: S101 - piped by start()
            assert process.stderr is not None  # noqa: S101 - piped by start()
            text = process.stdout.read(limit + 1)
            if len(text) <= limit and process.wait() != 0:
                raise git.failed(command, process.stderr.read().decode("utf-8", "replace"))
        finally:
            overdue.cancel()
            end(process)
    cut = f"\n… cut after {limit} bytes\n" if len(text) > limit else ""
    return text[:limit].decode("utf-8", "replace") + cut


def first_parents(git: Git, branch: str, count: int) -> tuple[Commit, ...]:
    answer = git.run(
        *("log", "--first-parent", "-z", f"--max-count={count}", f"--format={_FIELDS}"),
        f"refs/heads/{branch}",
        "--",
    )
    fields = answer.out.decode("utf-8", "replace").split("\0")
    return tuple(_commit(*fields[start : start + 4]) for start in range(0, len(fields) - 3, 4))


def landed(git: Git, branch: str, run_id: int) -> str | None:
    """The merge on the branch's first-parent line whose trailers name the run. Only trailers
    count: a task's text is a subject, which `--grep` would find as well.
    """
    answer = git.run(
        *("log", "--first-parent", "--merges", f"--grep=^Run-Id: {int(run_id)}$"),
        "--format=%H %(trailers:key=Run-Id,valueonly,separator=%x2C)",
        f"refs/heads/{branch}",
        "--",
    )
    for line in answer.text.splitlines():
        sha, _, runs = line.partition(" ")
        if runs.split(",") == [str(run_id)]:
            return sha
    return None


def _commit(sha: str, seconds: str, subject: str, trailers: str) -> Commit:
    pairs = (line.partition(": ") for line in trailers.splitlines())
    facts = {key: value for key, colon, value in pairs if colon}
    return Commit(sha.strip(), datetime.fromtimestamp(int(seconds), UTC), subject, facts)
