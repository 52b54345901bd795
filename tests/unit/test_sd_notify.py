import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.sd_notify import notify, watchdog_seconds


@pytest.fixture
def place() -> Iterator[Path]:
    """Short: the path of a socket has a limit."""
    with tempfile.TemporaryDirectory(prefix="sd-") as folder:
        yield Path(folder) / "notify"


def listening(address: str) -> socket.socket:
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    ear.settimeout(5)
    ear.bind(address)
    return ear


def test_all_lines_arrive_in_one_datagram(place: Path) -> None:
    with listening(str(place)) as ear:
        assert notify("READY=1", "STATUS=ready", environ={"NOTIFY_SOCKET": str(place)})
        assert ear.recv(4096) == b"READY=1\nSTATUS=ready"


def test_an_at_sign_means_a_name_without_a_file() -> None:
    name = f"sleepless-test-{os.getpid()}"
    with listening(f"\0{name}") as ear:
        assert notify("WATCHDOG=1", environ={"NOTIFY_SOCKET": f"@{name}"})
        assert ear.recv(4096) == b"WATCHDOG=1"


def test_nobody_listening_is_no_error(place: Path) -> None:
    assert not notify("READY=1", environ={})
    assert not notify("READY=1", environ={"NOTIFY_SOCKET": ""})
    assert not notify("READY=1", environ={"NOTIFY_SOCKET": str(place)})


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_the_time_it_allows(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert watchdog_seconds(environ) == seconds
