"""Cards as they look in Slack, made of real rows in a real database, with a clock that stands.

`python tests/slack_scenes.py` draws them into docs/; a test holds the files to what is drawn.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import update

from block_drawing import Message, Page, draw
from conftest import StoppedClock
from core import instructions, leases, people
from core.admission import Admitted, Worker, admit_next
from core.charges import Usage
from core.database import Database
from core.home_view import home_view, reader_of
from core.leases import Claim
from core.migrate import migrate
from core.models import Run, RunOutcome, RunPhase, Task, TaskPriority
from core.money import to_nano
from core.night_report import night_report
from core.people import Habits
from core.policy import BudgetPolicy
from core.quiet_night import Conditions
from core.settlement import Settlement, settle
from core.states import Patience
from core.task_queue import TaskQueue, Wishes
from core.task_view import TaskView, task_view
from interfaces.slack.rendering import bulletins, pages
from interfaces.slack.rendering.card import card, failure, result

DOCS = Path(__file__).parents[1] / "docs"
ADA = "U0ADA0ADA"
PEOPLE = {ADA: "ada"}
SLOTS = 3
#: ten dollars a day, nine of them for the night from 20:00 to 08:00
POLICY = BudgetPolicy.from_dollars(10.0, 90.0, (20, 8))
_WORKER = Worker("night-shift", timedelta(minutes=1), "claude", "claude-sonnet-5-5")

LAST_WORDS = """\
The login form now creates a session that survives a restart.

- `sessions.py` keeps sessions in the database, with an expiry of **14 days**
- `login.py` asks for the password once and sets a `Secure`, `HttpOnly` cookie
- 11 new tests, among them one for a session that has *just* expired

Not done: **password reset**. It needs a mail server, and the project has none yet.
"""
PYTEST_SAYS = """\
===================== test session starts ======================
collected 48 items

tests/test_export.py ....F.....                           [ 20%]
tests/test_import.py ...............................      [100%]

=========================== FAILURES ===========================
_____________ test_dates_are_written_as_iso_8601 _______________

>       assert export(EASTER)["date"] == "2026-04-05"
E       AssertionError: assert '05/04/2026' == '2026-04-05'
E         - 2026-04-05
E         + 05/04/2026

tests/test_export.py:31: AssertionError
=================== short test summary info ====================
FAILED tests/test_export.py::test_dates_are_written_as_iso_8601
================= 1 failed, 47 passed in 2.31s =================
"""


@dataclass
class Stage:
    """A database, and what happens to tasks in it."""

    database: Database
    clock: StoppedClock
    policy: BudgetPolicy = POLICY

    @property
    def queue(self) -> TaskQueue:
        return TaskQueue(self.database, self.clock)

    def add(self, text: str, project: str | None = "my-app", **wishes: Any) -> Task:
        asked = Wishes(requested_by=wishes.pop("by", ADA), **wishes)
        return self.queue.add_task(text, TaskPriority.SERIOUS, None, project, asked)

    def start(self, worker: Worker = _WORKER) -> Claim:
        """Whatever is next in line."""
        with self.database.write() as connection:
            admitted = admit_next(connection, self.policy, worker, self.clock.now())
        assert isinstance(admitted, Admitted), admitted
        return Claim(admitted.task_id, admitted.run_id, admitted.epoch)

    def note(self, claim: Claim, **progress: Any) -> None:
        with self.database.write() as connection:
            leases.advance(connection, claim, **progress)

    def end(self, claim: Claim, outcome: RunOutcome, dollars: str, **how: Any) -> None:
        facts = how.pop("facts", {})
        self.note(claim, phase=RunPhase.SETTLING, num_turns=how.pop("turns", 0), **facts)
        usage = Usage(session_total_usd=dollars, metered=to_nano(dollars))
        with self.database.write() as connection:
            now = self.clock.now()
            settle(connection, claim, Settlement(outcome, usage, **how), Patience(), now)

    def say(self, task_id: int, text: str) -> None:
        with self.database.write() as connection:
            instructions.say(connection, task_id, text, ADA, f"event:{text}", self.clock.now())

    def change(self, kind: type[Task] | type[Run], row_id: int, **values: Any) -> None:
        """What no verb of the core brings about in a test."""
        with self.database.write() as connection:
            connection.execute(update(kind).where(kind.id == row_id).values(**values))

    def look(self, task_id: int) -> TaskView:
        return task_view(self.queue, self.policy, SLOTS, task_id)


@contextmanager
def stage() -> Iterator[Stage]:
    """Ten in the evening."""
    clock = StoppedClock(datetime(2026, 3, 10, 22, 0, tzinfo=UTC))
    with TemporaryDirectory() as folder, Database(f"sqlite:///{folder}/scene.db") as database:
        migrate(database)
        yield Stage(database, clock)


LOGIN = "Implement user authentication"
WORKING = {"phase": RunPhase.WORKING, "pid": 4711, "branch": "task/1-user-authentication"}


def running(stage: Stage) -> list[Message]:
    task = stage.add(LOGIN, max_cost=to_nano("2.00"))
    stage.clock.advance(minutes=12)
    claim = stage.start()
    stage.note(claim, **WORKING, metered_nano=to_nano("0.4125"))
    stage.say(task.id, "Please keep the old login page until Friday.")
    return [Message(card(stage.look(task.id)).blocks, at="10:00 PM")]


def done(stage: Stage) -> list[Message]:
    task = stage.add(LOGIN, max_cost=to_nano("2.00"))
    stage.clock.advance(minutes=12)
    claim = stage.start()
    stage.note(claim, **WORKING)
    stage.clock.advance(minutes=6, seconds=41)
    files = ["app/login.py", "app/sessions.py", "tests/test_login.py", "tests/test_sessions.py"]
    shas = {"base_sha": "1f0c2de", "head_sha": "77aa0b1", "merge_sha": "9c41d7e2b06f"}
    found = {"verified": True, "output": LAST_WORDS, "files_changed": files, **shas}
    stage.end(claim, RunOutcome.COMPLETED, "0.7321", turns=23, facts=found)
    view = stage.look(task.id)
    reply = Message(result(view).blocks, at="10:18 PM")
    return [Message(card(view).blocks, at="10:00 PM", thread=(reply,))]


def waiting(stage: Stage) -> list[Message]:
    stage.clock.set(datetime(2026, 3, 10, 14, 30, tzinfo=UTC))
    stage.add("Bring the dependencies up to date", project="website")
    spent = stage.start()
    stage.end(spent, RunOutcome.COMPLETED, "0.8875", facts={"pid": 4711})
    task = stage.add("Fix the critical bug in the checkout\n\nOrders of $0.00 are charged.")
    return [Message(card(stage.look(task.id)).blocks, at="2:30 PM")]


def failed(stage: Stage) -> list[Message]:
    task = stage.add("Write dates in exports as ISO 8601", project="reports")
    claim = stage.start()
    stage.note(claim, **WORKING)
    stage.clock.advance(minutes=3, seconds=8)
    error = "`pytest -q` says no (exit 1); the work is kept on its branch."
    shas = {"branch": "task/1-write-dates", "base_sha": "1f0c2de", "head_sha": "77aa0b1"}
    found = {"verified": False, "verify_output": PYTEST_SAYS, **shas}
    words = {"error_class": "refuted", "error_message": error}
    stage.end(claim, RunOutcome.REFUTED, "0.2210", turns=9, facts=found, **words)
    view = stage.look(task.id)
    reply = Message(failure(view).blocks, at="10:03 PM")
    return [Message(card(view).blocks, at="10:00 PM", thread=(reply,))]


def a_night(stage: Stage) -> None:
    """From eight to eight: two done, one failed, one that waits, and somebody else's."""
    stage.clock.set(datetime(2026, 3, 10, 20, 5, tzinfo=UTC))
    for text, project, dollars, facts in (
        (LOGIN, "my-app", "0.7321", {"verified": True}),
        ("Bring the dependencies up to date", "website", "1.2048", {"verified": True}),
        ("Draw the architecture as a diagram", None, "0.1876", {}),
    ):
        stage.add(text, project)
        stage.clock.advance(minutes=21)
        stage.end(stage.start(), RunOutcome.COMPLETED, dollars, facts=facts)
    stage.add("Write dates in exports as ISO 8601", "reports")
    error = "`pytest -q` says no (exit 1); the work is kept on its branch."
    words = {"error_class": "refuted", "error_message": error}
    stage.end(stage.start(), RunOutcome.REFUTED, "0.2210", facts={"verified": False}, **words)
    stage.add("Translate the error messages", "shop", by="U0BEN0BEN")
    stage.end(stage.start(), RunOutcome.COMPLETED, "0.4102", facts={"verified": True})


def digest(stage: Stage) -> list[Message]:
    a_night(stage)
    stage.add("Renew the certificate", not_before=datetime(2026, 3, 12, 20, 0, tzinfo=UTC))
    stage.clock.set(datetime(2026, 3, 11, 8, 0, tzinfo=UTC))
    since, until = datetime(2026, 3, 10, 20, 0, tzinfo=UTC), stage.clock.now()
    with stage.database.read() as session:
        report = night_report(session, ADA, Conditions(stage.policy, SLOTS), since, until)
    return [Message(bulletins.digest(report)["blocks"], at="8:00 AM")]


def home(stage: Stage) -> list[Page]:
    a_night(stage)
    stage.add("Add a dark mode", "website")
    claim = stage.start()
    stage.note(claim, **WORKING, metered_nano=to_nano("0.3144"), num_turns=17)
    stage.add("Make the search find plurals", "my-app")
    stage.add("Shrink the images of the front page", "website")
    stage.clock.set(datetime(2026, 3, 10, 22, 40, tzinfo=UTC))
    habits, now = Habits(time(8), ZoneInfo("UTC")), stage.clock.now()
    with stage.database.write() as connection:
        people.remember(connection, ADA, "ada", "Europe/Berlin", now)
        people.choose_project(connection, ADA, "my-app", now)
    with stage.database.read() as session:
        reader = reader_of(session, ADA, (), habits)
        view = home_view(session, reader, Conditions(stage.policy, SLOTS), now)
    return [Page(pages.home(view)["blocks"], title="Home")]


@dataclass(frozen=True, slots=True)
class Scene:
    title: str
    played: Callable[[Stage], Sequence[Message | Page]]


#: the file in docs/, without its ending
SCENES = {
    "slack-card-running": Scene("The card of a task that runs", running),
    "slack-card-done": Scene("The card of a task that is done, and its result", done),
    "slack-card-waiting": Scene("The card of a task that waits for money", waiting),
    "slack-card-failed": Scene("The card of a task that failed, and what to do", failed),
    "slack-digest": Scene("The morning digest", digest),
    "slack-home": Scene("The app's home page", home),
}


def drawn(scene: Scene) -> str:
    with stage() as made:
        return draw(scene.played(made), scene.title, PEOPLE)


def draw_all(folder: str) -> None:
    for name, scene in SCENES.items():
        (Path(folder) / f"{name}.svg").write_text(drawn(scene))


if __name__ == "__main__":
    draw_all(str(DOCS))
