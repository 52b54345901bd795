"""The daemon's own git, deaf to whatever an agent plants in its tree.

Every call names its git directory and work tree, knows no configuration but the directory's own
(see git_directory.py), runs no hook, monitor, filter or pager, and gets an environment of five
facts. GitPython reads refs in this process, where that costs no program start; commands go
through `Git.run`, because GitPython's own hand the daemon's whole environment to git.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core.errors import GitFailed, GitMissing

# else importing it fails, in several lines, where there is no git; `require_git` says it in one
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

from git import Repo, SymbolicReference

#: known to every git without being stored
EMPTY_FILE = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
#: in the listing of `ls-files -t --stage --others`, where only untracked names are tagged `?`
OTHER_FOLDER = re.compile(rb"\? .*/", re.DOTALL)
GITLINK = re.compile(rb"[^?] 160000 [0-9a-f]+ \d\t(.*)", re.DOTALL)
#: `merge-tree --write-tree` came with this release
OLDEST_GIT = (2, 38)
#: seconds; the first commit of a large tree is the longest thing asked for
PATIENCE = 600.0
#: how much of git's complaint an error carries
STDERR_CHARS = 2000

SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.symlinks=true",
    "core.pager=cat",
    # durable by the time the database says landed; one flush a command
    "core.fsync=committed,reference",
    "core.fsyncMethod=batch",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgsign=false",
    "log.showSignature=false",
    "protocol.allow=never",
    "submodule.recurse=false",
    "diff.ignoreSubmodules=all",
    "advice.addEmbeddedRepo=false",
)
#: names like `git~1` are harmless on Linux, and refusing them would leave work unkept
LINUX_SETTINGS = ("core.protectNTFS=false", "core.protectHFS=false")

AUTHOR = {
    f"GIT_{role}_{fact}": value
    for role in ("AUTHOR", "COMMITTER")
    for fact, value in (("NAME", "Sleepless"), ("EMAIL", "sleepless@localhost"))
}


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "backslashreplace").strip()


@dataclass(frozen=True, slots=True)
class Merged:
    tree: str
    #: whether it differs from what `ours` held
    changes: bool


@dataclass(frozen=True, slots=True)
class Conflicted:
    files: tuple[str, ...]


@dataclass(frozen=True)
class Git:
    """Blocking; callers on an event loop go through asyncio.to_thread."""

    git_dir: Path
    tree: Path

    # --- one command -------------------------------------------------------------------------

    def run(self, *args: str, stdin: bytes = b"", ok: Sequence[int] = (0,)) -> Answer:
        with self.start(*args) as process:
            try:
                out, err = process.communicate(stdin, timeout=PATIENCE)
            except BaseException:
                end(process)
                raise
        answer = Answer(process.returncode, out, err.decode("utf-8", "replace").strip())
        if answer.code not in ok:
            raise self.failed(args, answer.err or f"exit code {answer.code}")
        return answer

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """In a session of its own: a ^C for the daemon must not break a commit in two."""
        try:
            return subprocess.Popen(
                [*self._command, *args],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.tree,
                env=environment(self.git_dir),
                start_new_session=True,
            )
        except OSError as error:
            raise self.failed(args, str(error)) from error

    def failed(self, args: Sequence[str], stderr: str) -> GitFailed:
        return GitFailed(command=" ".join(args[:2]), path=self.tree, stderr=stderr[-STDERR_CHARS:])

    @cached_property
    def _command(self) -> tuple[str, ...]:
        settings = SETTINGS + (LINUX_SETTINGS if sys.platform == "linux" else ())
        options = [part for setting in settings for part in ("-c", setting)]
        return ("git", f"--git-dir={self.git_dir}", f"--work-tree={self.tree}", *options)

    # --- refs, read without starting a program -----------------------------------------------

    @cached_property
    def _repo(self) -> Repo:
        return Repo(self.git_dir, expand_vars=False)

    def head(self) -> str | None:
        """The branch that is checked out, born or not; None when HEAD is detached."""
        with suppress(TypeError, ValueError):
            return self._repo.head.reference.path.removeprefix("refs/heads/")
        return None

    def tip(self, branch: str) -> str | None:
        return self._resolve(f"refs/heads/{branch}")

    def head_commit(self) -> str | None:
        return self._resolve("HEAD")

    def _resolve(self, ref: str) -> str | None:
        with suppress(ValueError):
            return str(SymbolicReference.dereference_recursive(self._repo, ref))
        return None

    def is_on_a_branch(self, commit: str) -> bool:
        return bool(self.run("for-each-ref", "--count=1", "--contains", commit, "refs/heads/").out)

    # --- refs, written -----------------------------------------------------------------------

    def move(self, branch: str, new: str, *, old: str | None, why: str) -> None:
        """Compare and swap: fails when the branch is not at `old` (None: it must not exist)."""
        expected = old or "0" * 40
        self.run("update-ref", "--create-reflog", "-m", why, f"refs/heads/{branch}", new, expected)

    def point_head(self, branch: str) -> None:
        if self.head() != branch:
            self.run("symbolic-ref", "HEAD", f"refs/heads/{branch}")

    # --- commits -----------------------------------------------------------------------------

    def commit(self, tree: str, parents: Sequence[str], message: str) -> str:
        options = [part for parent in parents for part in ("-p", parent)]
        text = message.replace("\0", " ").encode("utf-8", "replace")
        return self.run("commit-tree", tree, *options, stdin=text).text

    def trees(self, *commits: str) -> tuple[str, ...]:
        answer = self.run("rev-parse", *(f"{commit}^{{tree}}" for commit in commits))
        return tuple(answer.text.split())

    def is_ancestor(self, old: str, new: str) -> bool:
        return self.run("merge-base", "--is-ancestor", old, new, ok=(0, 1)).code == 0

    def merge(self, ours: str, theirs: str) -> Merged | Conflicted:
        """In the object store alone: no work tree, no index, no lock to leave behind."""
        before, after = self.trees(ours, theirs)
        if self.is_ancestor(ours, theirs):
            return Merged(after, changes=after != before)
        answer = self.run(
            *("merge-tree", "--write-tree", "--allow-unrelated-histories"),
            *("--name-only", "--no-messages", "-z", ours, theirs),
            ok=(0, 1),
        )
        tree, *files = filter(None, answer.out.split(b"\0"))
        if answer.code:
            return Conflicted(tuple(map(shown, files)))
        return Merged(tree.decode(), changes=tree.decode() != before)

    # --- the work tree -----------------------------------------------------------------------

    def is_dirty(self) -> bool:
        return bool(self.run("status", "--porcelain", "-z", "--ignore-submodules=all").out)

    def write_everything(self) -> tuple[str, str]:
        """The whole work tree but what is ignored, as a tree object; and git's complaints about
        files that it could not read.
        """
        added = self._add()
        # a repository that took the place of a file shows only now
        if added.code or self._links():
            added = self._add()
        return self.run("write-tree").text, added.err if added.code else ""

    def _add(self) -> Answer:
        self._open_nested()
        return self.run("add", "--all", "--ignore-errors", ok=(0, 1))

    def checkout(self, branch: str) -> Answer:
        """Of a clean tree; refuses, with code 1, to overwrite so much as an ignored file."""
        return self.run("checkout", "--quiet", "--no-overwrite-ignore", branch, "--", ok=(0, 1))

    def _open_nested(self) -> None:
        """A repository inside the tree is content, not a link: seen from outside, a link is a
        commit that nobody has, and git would start programs named in the nested configuration.
        Git looks into a nested folder once the index knows a file there, so it is given one;
        `add --all` removes it again.
        """
        while nested := self._nested():
            entries = b"".join(_unlink(path) + _seed(path) for path in nested)
            self.run("update-index", "-z", "--index-info", stdin=entries)

    def _nested(self) -> list[bytes]:
        listing = self.run("ls-files", "-z", "-t", "--stage", "--others", "--exclude-standard").out
        # a file's name never ends in a slash: that is how git shows a folder it will not enter
        others = [entry[2:-1] for entry in listing.split(b"\0") if OTHER_FOLDER.fullmatch(entry)]
        return [*others, *self._links_in(listing)]

    def _links(self) -> list[bytes]:
        return self._links_in(self.run("ls-files", "-z", "-t", "--stage").out)

    def _links_in(self, listing: bytes) -> list[bytes]:
        links = [link[1] for entry in listing.split(b"\0") if (link := GITLINK.fullmatch(entry))]
        return [path for path in dict.fromkeys(links) if self._is_populated(path)]

    def _is_populated(self, path: bytes) -> bool:
        """An empty gitlink is a submodule that nobody fetched: nothing of it can get lost."""
        folder = os.path.join(os.fsencode(self.tree), path)  # noqa: PTH118 - a name in bytes
        return os.path.lexists(os.path.join(folder, b".git"))  # noqa: PTH118 - as above


def environment(git_dir: Path) -> dict[str, str]:
    return AUTHOR | {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        # file names are names, never patterns; objects are themselves, never their replacements
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        # whatever a planted `commondir` file says
        "GIT_COMMON_DIR": str(git_dir),
    }


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def shown(name: bytes) -> str:
    """A file name for people and databases: bytes that are no text are spelled out."""
    return name.decode("utf-8", "backslashreplace")


def one_line(text: str, limit: int) -> str:
    """Printable characters alone, single spaces, cut at `limit` characters."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(printable.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def with_trailers(message: str, trailers: Mapping[str, str]) -> str:
    """The trailers are the last paragraph, so nothing the message says can pass for one."""
    block = "\n".join(f"{key}: {one_line(value, 200)}" for key, value in trailers.items())
    return "\n\n".join(part for part in (message.strip() or "Work", block) if part) + "\n"


def require_git() -> None:
    """Raises GitMissing unless a git that can do what is asked here is on the PATH."""
    try:
        printed = subprocess.run(["git", "version"], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise GitMissing(found="there is none") from None
    numbers = re.findall(rb"\d+", printed)
    if tuple(int(number) for number in numbers[:2]) < OLDEST_GIT:
        raise GitMissing(found=f"this is {printed.decode().strip()}")


def _unlink(path: bytes) -> bytes:
    return b"0 %s\t%s\0" % (b"0" * 40, path)


def _seed(path: bytes) -> bytes:
    return b"100644 %s\t%s/.sleepless-seed\0" % (EMPTY_FILE.encode(), path)
