"""Finds and kills what agents of this installation left running.

Every process of a run carries `SLEEPLESS_RUN=<run id>:<instance>` in its environment, and hands it
down to each tool it starts. The warden lets none survive; this is for the day the warden itself was
killed, or the machine's memory ran out.
"""

import os
from typing import Final

import psutil

MARKER: Final = "SLEEPLESS_RUN"


def marker(run_id: int, instance: str) -> str:
    return f"{run_id}:{instance}"


def kill_strays(instance: str, run_id: int | None = None) -> list[int]:
    """Kill every process of this instance (of this one run, if given); the ids of those killed.

    The calling process is spared, whatever it carries. Takes about 10 ms for 100 processes.
    """
    found = strays(instance, run_id)
    for process in found:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    return [process.pid for process in found]


def strays(instance: str, run_id: int | None = None) -> list[psutil.Process]:
    """The living processes that carry the marker, and all below them."""
    marked = [process for process in psutil.process_iter() if _carries(process, instance, run_id)]
    found = {process.pid: process for process in marked}
    for process in marked:
        try:
            below = process.children(recursive=True)
        except psutil.Error:
            continue
        found |= {child.pid: child for child in below}
    found.pop(os.getpid(), None)
    return list(found.values())


def _carries(process: psutil.Process, instance: str, run_id: int | None) -> bool:
    try:
        run, _, owner = process.environ().get(MARKER, "").partition(":")
        alive = process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False
    return alive and owner == instance and run_id in (None, _number(run))


def _number(run: str) -> int | None:
    return int(run) if run.isdecimal() else None
