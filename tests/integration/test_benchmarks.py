"""Every benchmark runs and speaks the same JSON; how fast things are is not asked here."""

import json
import math
import os
import subprocess
import sys

import pytest

from source_tree import ROOT

#: the figures that a script is there for, by the words they begin with
PROMISED = {
    "claim_latency": ("claim and hold, ", "budget check, ", "add to a project with "),
    "claim_race": ("claims of ", "claimed twice", "lost updates", "wait for the lock: longest"),
    "gap": ("gap between ", "gap: worst"),
    "queue_rates": ("bare sqlite3", "add_task as a share of bare sqlite3"),
    "slack_answers": ("20 commands at once: slowest answer", "queued → its card"),
    "start_up": ("python -c pass", "sleepless --help", "sleepless credits"),
    "wake_up": ("add_task → claimed by ", "add_task → runs.started_at ", "idle daemon "),
}
#: these hold on the slowest machine
EXACT = {"claimed twice": 0, "lost updates": 0, "the same: lost or doubled": 0}


def run(name: str, *options: str) -> str:
    finished = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize("name", PROMISED)
def test_a_benchmark_in_its_smallest_form_tells_its_figures_as_json(name: str) -> None:
    told = json.loads(run(name, "--smallest", "--json"))

    assert {"system", "cores", "python", "sqlite"} <= told["machine"].keys()
    for figure in told["figures"]:
        assert figure["value"] == EXACT.get(figure["what"], figure["value"])
        assert math.isfinite(figure["value"])
        targets = figure["at_most"], figure["at_least"]
        assert (figure["met"] is None) == (targets == (None, None))
    names = [figure["what"] for figure in told["figures"]]
    for promised in PROMISED[name]:
        assert any(what.startswith(promised) for what in names), names


def test_as_a_table_it_names_machine_target_and_what_others_need() -> None:
    machine, head, *rows = run("queue_rates", "--smallest").splitlines()

    assert "sqlite" in machine
    assert head.split() == ["measured", "target", "peers"]
    assert any("744/s" in row for row in rows)
    assert any("≥ 0.5" in row for row in rows)


def test_every_script_is_tried() -> None:
    scripts = {file.stem for file in (ROOT / "benchmarks").glob("*.py")}

    assert scripts == {*PROMISED, "git_step"}
