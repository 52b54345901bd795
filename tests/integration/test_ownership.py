import os
from pathlib import Path

import pytest

from conftest import StoppedClock
from core.database import Database
from core.errors import DaemonAlreadyRunning
from core.ownership import Owner, Ownership, database_lock, who_owns, workspace_lock
from fixtures_postgres import postgres_server, postgres_url
from fixtures_storage import Programs, programs

__all__ = ["postgres_server", "postgres_url", "programs"]

OWN = """
import sys
from pathlib import Path
from core.database import Database
from core.errors import DaemonAlreadyRunning
from core.ownership import Ownership
try:
    with Database(f"sqlite:///{sys.argv[1]}") as database, Ownership(database, Path(sys.argv[2])):
        print("owns", flush=True)
        sys.stdin.read()
except DaemonAlreadyRunning as refusal:
    print(refusal, flush=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sleepless_agent.db"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


def test_a_second_daemon_is_refused_and_told_who_the_first_is(
    database: Database, file: Path, root: Path, programs: Programs, clock: StoppedClock
) -> None:
    with Ownership(database, root, clock):
        second = programs.start(OWN, file, root)

        assert second.says().startswith(
            f"The database {file} belongs to the daemon pid {os.getpid()} on "
            f"{os.uname().nodename} since 2026-03-10 12:00:00 UTC; stop that one first"
        )


def test_a_killed_daemon_owns_nothing_any_more(
    database: Database, file: Path, root: Path, programs: Programs
) -> None:
    first = programs.start(OWN, file, root)
    assert first.says() == "owns"
    with pytest.raises(DaemonAlreadyRunning, match=f"pid {first.pid} "):
        Ownership(database, root).acquire()

    first.kill()

    with Ownership(database, root):
        owner = who_owns(database_lock(file))
    assert owner
    assert owner.pid == os.getpid()


def test_a_workspace_is_not_shared_by_daemons_of_two_databases(
    database: Database, file: Path, root: Path
) -> None:
    with (
        Database(f"sqlite:///{file.with_name('other.db')}") as other,
        Ownership(database, root),
        pytest.raises(DaemonAlreadyRunning, match=str(file)),
    ):
        Ownership(other, root).acquire()


def test_a_refused_daemon_holds_neither_lock(database: Database, file: Path, root: Path) -> None:
    with Database(f"sqlite:///{file.with_name('other.db')}") as other:
        with Ownership(database, root), pytest.raises(DaemonAlreadyRunning):
            Ownership(other, root).acquire()

        assert who_owns(file.with_name("other.db.daemon.lock")) is None


def test_another_path_to_the_same_database_is_the_same_database(
    database: Database, file: Path, root: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(file)

    with (
        Ownership(database, root),
        Database(f"sqlite:///{link}") as linked,
        pytest.raises(DaemonAlreadyRunning),
    ):
        Ownership(linked, tmp_path / "another workspace").acquire()


def test_daemons_on_postgresql_share_the_database_but_not_a_workspace(
    postgres_url: str, tmp_path: Path
) -> None:
    with (
        Database(postgres_url) as database,
        Ownership(database, tmp_path / "a"),
        Ownership(database, tmp_path / "b"),
        pytest.raises(DaemonAlreadyRunning, match=r"postgres:\*\*\*@|postgres@"),
    ):
        Ownership(database, tmp_path / "a").acquire()


def test_acquiring_and_releasing_twice_is_acquiring_and_releasing(
    database: Database, file: Path, root: Path
) -> None:
    ownership = Ownership(database, root)
    ownership.release()
    ownership.acquire()
    ownership.acquire()
    assert who_owns(database_lock(file))

    ownership.release()
    ownership.release()

    assert who_owns(database_lock(file)) is None
    assert who_owns(workspace_lock(root)) is None


def test_asking_who_owns_names_pid_host_time_and_database(
    database: Database, file: Path, root: Path, clock: StoppedClock
) -> None:
    with Ownership(database, root, clock):
        wanted = Owner(os.getpid(), os.uname().nodename, clock.now(), str(file))
        assert who_owns(database_lock(file)) == wanted
        assert who_owns(workspace_lock(root)) == wanted


def test_asking_about_a_lock_that_was_never_taken_creates_nothing(root: Path) -> None:
    assert who_owns(workspace_lock(root)) is None
    assert not root.exists()


def test_the_files_stay_so_that_two_daemons_never_lock_two_files(
    database: Database, file: Path, root: Path
) -> None:
    with Ownership(database, root):
        pass

    assert database_lock(file).exists()
    assert workspace_lock(root).exists()


def test_an_owner_that_wrote_nonsense_still_owns(
    database: Database, file: Path, root: Path
) -> None:
    with Ownership(database, root):
        database_lock(file).write_text("???")

        with pytest.raises(DaemonAlreadyRunning, match=r"that holds .*daemon\.lock"):
            Ownership(database, root).acquire()


def test_a_lock_does_not_pass_to_the_programs_that_the_owner_starts(
    database: Database, file: Path, root: Path, programs: Programs
) -> None:
    """An agent that outlives its daemon must not keep the next daemon out."""
    with Ownership(database, root):
        child = programs.start("import sys; print('up', flush=True); sys.stdin.read()")
        assert child.says() == "up"

    assert who_owns(database_lock(file)) is None
