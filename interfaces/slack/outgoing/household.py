"""What the morning digest and the home page are given."""

from collections.abc import Callable
from dataclasses import dataclass

from core.clock import Clock
from core.database import Database
from core.people import Habits
from core.quiet_night import Conditions
from interfaces.slack.outgoing.equipment import Threads


@dataclass(frozen=True, slots=True)
class Household:
    database: Database
    clock: Clock
    #: where work runs that waits for the database; the desk
    threads: Threads
    #: under which tasks stand now; called in a thread
    conditions: Callable[[], Conditions]
    habits: Habits
    #: who may look; the admins are among them
    users: frozenset[str]
    admins: frozenset[str]
