import os
import signal
import subprocess
import sys

from core import failpoints
from source_tree import ROOT

REACH = "from core import failpoints; failpoints.reached('here'); print('went on')"


def reach(armed: str | None) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    if armed is not None:
        environ["SLEEPLESS_FAILPOINT"] = armed
    command = [sys.executable, "-c", REACH]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=30, check=False
    )


def test_an_armed_point_ends_the_process_as_a_power_cut_would() -> None:
    ended = reach("here")
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, "")


def test_another_point_or_none_armed_means_nothing() -> None:
    assert reach("elsewhere").stdout == "went on\n"
    assert reach(None).stdout == "went on\n"
    failpoints.reached("here")
