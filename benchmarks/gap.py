"""How long the real daemon pauses between two queued tasks of one project.

    python benchmarks/gap.py [--full | --smallest] [--json]

From the end of one run (runs.ended_at: charged, its hold released) to the start of the next one
(runs.started_at), by the daemon's own clock. The agent is the real program with a scripted model.
Target: 50 ms.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from bench.rehearsal import CHORE, daemon
from bench.report import Figure, median, options, quiet, report
from core.models import Run

PEER = "6,200 ms"


def main() -> None:
    asked = options(__doc__, "60 tasks instead of 10").parse_args()
    quiet()
    report(figures(60 if asked.full else 2 if asked.smallest else 10), as_json=asked.json)


def figures(tasks: int) -> Iterator[Figure]:
    runs = run_one_after_the_other(tasks)
    gaps = [milliseconds(later.started_at - ended(run)) for run, later in pairwise(runs)]
    yield Figure(f"gap between {tasks} queued tasks: median", median(gaps), "ms", 50, peer=PEER)
    yield Figure("gap: worst", max(gaps), "ms", 50)
    lengths = [milliseconds(ended(run) - run.started_at) for run in runs]
    yield Figure("a whole run of one model call: median", median(lengths), "ms")


def run_one_after_the_other(tasks: int) -> Sequence[Run]:
    with daemon() as running:
        queued = [running.queue.add_task(CHORE, project_id="garden").id for _ in range(tasks)]
        for task_id in queued:
            running.said("run.finished", task_id=task_id)
        return [running.queue.runs_of(task_id)[0] for task_id in queued]


def ended(run: Run) -> datetime:
    assert run.ended_at
    return run.ended_at


def milliseconds(span: timedelta) -> float:
    return span.total_seconds() * 1000


if __name__ == "__main__":
    main()
