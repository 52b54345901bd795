import asyncio
import select
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

import pytest
from sqlalchemy import text

from core.database import Database
from core.notify_listener import NotifyListener
from core.wakeup import Bell, DatagramListener, socket_path
from fixtures_postgres import postgres, postgres_server, postgres_url
from fixtures_storage import Program, Programs, programs

__all__ = ["postgres", "postgres_server", "postgres_url", "programs"]

RING_WHEN_TOLD = """
import sys, time
from core.database import Database

with Database(sys.argv[1]) as database:
    print("ready", flush=True)
    for _ in sys.stdin:
        before = time.monotonic()
        with database.write(wakes=True):
            pass
        print(before, flush=True)
"""
ROUNDS = 20


class Heard:
    """When the bell was heard."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.at = 0.0

    def __call__(self) -> None:
        self.at = time.monotonic()
        self.event.set()

    async def wait(self) -> float:
        await asyncio.wait_for(self.event.wait(), 20)
        self.event.clear()
        return self.at


@pytest.fixture
async def heard(database: Database) -> AsyncIterator[Heard]:
    assert database.path
    heard = Heard()
    listener = DatagramListener(database.path, heard)
    await listener.start()
    yield heard
    await listener.stop()


async def latencies(program: Program, heard: Heard) -> list[float]:
    """Seconds from the start of a write in another process to the call in this one."""
    assert program.says() == "ready"
    found = []
    for _ in range(ROUNDS):
        program.tell("go")
        at = await heard.wait()
        found.append(at - float(await asyncio.to_thread(program.says)))
    return found


async def test_a_write_in_another_process_is_heard_within_milliseconds(
    database: Database, heard: Heard, programs: Programs
) -> None:
    program = programs.start(RING_WHEN_TOLD, database.url.render_as_string())

    found = await latencies(program, heard)

    assert median(found) < 0.05  # 1 ms on an idle machine; this one may be busy


async def test_a_write_in_another_process_is_heard_on_postgresql(
    postgres: Database, programs: Programs
) -> None:
    heard = Heard()
    url = postgres.url.render_as_string(hide_password=False)
    listener = NotifyListener(url, heard)
    await listener.start()
    try:
        found = await latencies(programs.start(RING_WHEN_TOLD, url), heard)
    finally:
        await listener.stop()

    assert median(found) < 0.1


def readable(listener: DatagramListener) -> bool:
    assert listener._socket
    return bool(select.select([listener._socket], [], [], 0)[0])


async def test_a_write_that_fails_or_has_no_news_wakes_nobody(database: Database) -> None:
    assert database.path
    listener = DatagramListener(database.path, lambda: None)
    await listener.start()

    with pytest.raises(ZeroDivisionError), database.write(wakes=True):
        _ = 1 / 0
    with database.write():
        pass
    assert not readable(listener)
    with database.write(wakes=True):
        pass
    assert readable(listener)

    await listener.stop()


async def test_many_rings_are_one_look(database: Database) -> None:
    assert database.path
    looks: list[None] = []
    first = asyncio.Event()

    def look() -> None:
        looks.append(None)
        first.set()

    listener = DatagramListener(database.path, look)
    await listener.start()
    for _ in range(5):
        Bell(database.path).ring()
    await first.wait()

    assert looks == [None]
    assert not readable(listener)
    await listener.stop()


async def test_a_database_deep_down_is_heard_too(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60) / "sleepless_agent.db"
    deep.parent.mkdir(parents=True)
    heard = Heard()
    listener = DatagramListener(deep, heard)
    await listener.start()

    Bell(deep).ring()
    await heard.wait()

    assert socket_path(deep).exists()
    await listener.stop()
    assert not socket_path(deep).exists()


async def test_the_socket_of_a_killed_daemon_is_replaced(database: Database) -> None:
    assert database.path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left_behind:
        left_behind.bind(str(socket_path(database.path)))
    heard = Heard()
    listener = DatagramListener(database.path, heard)
    await listener.start()

    Bell(database.path).ring()
    await heard.wait()

    await listener.stop()
    await listener.stop()


def test_ringing_without_a_daemon_does_nothing(tmp_path: Path) -> None:
    Bell(tmp_path / "none.db").ring()


def test_a_bell_that_nobody_answers_does_not_stop_the_writer(tmp_path: Path) -> None:
    """A daemon that hangs leaves its queue of datagrams full."""
    file = tmp_path / "a.db"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hanging:
        hanging.bind(str(socket_path(file)))
        for _ in range(5000):
            Bell(file).ring()


async def test_a_server_that_closes_the_line_does_not_end_the_daemon(postgres: Database) -> None:
    listener = NotifyListener(postgres.url.render_as_string(hide_password=False), lambda: None)
    await listener.start()
    reader = listener._reader
    assert reader

    with postgres.write() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query = 'LISTEN sleepless'"
            )
        )
    await asyncio.wait_for(reader, 20)

    await listener.stop()
    await listener.stop()
