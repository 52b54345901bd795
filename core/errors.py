"""One family of errors. A class's docstring is its message: one sentence for reader and user.

`{name}` in the docstring is filled from the keyword attributes of the error. Every message says
what happened, with the value, and what to do next; all of them are under test.
"""

from datetime import datetime
from typing import Any, ClassVar


class SleeplessError(Exception):
    """Something went wrong that Sleepless foresaw."""

    code: ClassVar[str] = "error"
    #: the exit code of the command line (design.md §10)
    exit_code: ClassVar[int] = 1

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.message)

    @property
    def message(self) -> str:
        template = " ".join((type(self).__doc__ or "").split())
        return template.format(**self.facts)

    def __str__(self) -> str:
        return self.message


class NaiveTime(SleeplessError, ValueError):
    """The time {moment} has no zone; give one, for example 2026-11-21T20:00:00+00:00."""

    code = "naive_time"

    def __init__(self, moment: datetime) -> None:
        super().__init__(moment=moment.isoformat())


class ConfigError(SleeplessError, ValueError):
    """Configuration: {where} is {value!r}: {problem}"""

    code = "config"
    exit_code = 2


class BadAmount(SleeplessError, ValueError):
    """{value!r} is not an amount of money: {problem}"""

    code = "bad_amount"
    exit_code = 2


class BadTask(SleeplessError, ValueError):
    """This task cannot be queued: {problem}"""

    code = "bad_task"
    exit_code = 2


class BadProjectName(SleeplessError, ValueError):
    """{name!r} is not a usable project name: {problem}"""

    code = "bad_project"
    exit_code = 2


class BadMoment(SleeplessError, ValueError):
    """{text!r} is not a time; give 2026-11-21T20:00, 20:00 (the next one) or +2h30m."""

    code = "bad_moment"
    exit_code = 2


class TaskNotFound(SleeplessError, LookupError):
    """There is no task {task_id}; `sleepless tasks` lists those that exist."""

    code = "task_not_found"
    exit_code = 3


class ProjectNotFound(SleeplessError, LookupError):
    """There is no project {project_id!r}; `sleepless costs --by project` lists those that exist."""

    code = "project_not_found"
    exit_code = 3


class NoLog(SleeplessError, LookupError):
    """Task {task_id} has no log: {problem}"""

    code = "no_log"
    exit_code = 3


class NoDiff(SleeplessError, LookupError):
    """Task {task_id} has no changes to show: {problem}"""

    code = "no_diff"
    exit_code = 3


class QueryFailed(SleeplessError):
    """The query failed: {problem}"""

    code = "query_failed"


class QueryRefused(SleeplessError):
    """This query is refused, because `sleepless sql` only reads: {problem}"""

    code = "query_refused"
    exit_code = 4


class NotPossible(SleeplessError):
    """Task {task_id} is {status}: {problem}"""

    code = "not_possible"
    exit_code = 4


class MovedOn(SleeplessError):
    """Task {task_id} is {status} by now; nothing was changed, look at it again."""

    code = "moved_on"
    exit_code = 4


class NotYours(SleeplessError):
    """You may not change task {task_id}: {problem}"""

    code = "not_yours"
    exit_code = 4


class LeaseLost(SleeplessError):
    """Run {run_id} of task {task_id} belongs to somebody else by now; this one stops quietly."""

    code = "lease_lost"


class DaemonAlreadyRunning(SleeplessError):
    """The database {database} belongs to the daemon {owner}; stop that one first, or give this one
    another database.url and workspace.root.
    """

    code = "daemon_running"
    exit_code = 4


class DatabaseError(SleeplessError):
    """The database {database} cannot be used: {problem}"""

    code = "database"


class WorkspaceError(SleeplessError):
    """The workspace {path} cannot be used: {problem}"""

    code = "workspace"


class GitFailed(WorkspaceError):
    """git {command} failed in {path}: {stderr}"""

    code = "git"


class GitMissing(SleeplessError):
    """git 2.38 or newer is needed on the PATH, and {found}; install one."""

    code = "git_missing"


class AgentUnavailable(SleeplessError):
    """The agent program cannot be started: {problem}"""

    code = "agent_unavailable"


class UnknownPrice(SleeplessError, LookupError):
    """The model {model!r} has no known price, so nothing may be spent on it; choose another
    agent.model.
    """

    code = "unknown_price"
    exit_code = 4


class BadDirective(SleeplessError, ValueError):
    """The rehearsal cannot follow [rehearse: {directive}]: {problem}"""

    code = "bad_directive"
    exit_code = 2


class UnitDiffers(SleeplessError):
    """There is another {path} already; compare it with `sleepless service print`, then replace it
    with --force.
    """

    code = "unit_differs"
    exit_code = 4


class ServiceNotInstalled(SleeplessError):
    """{path} cannot be written ({problem}); use sudo, or --user for a service of your own."""

    code = "service_not_installed"


class RehearsalFolderTaken(SleeplessError):
    """A rehearsal cannot take place in {path} ({problem}); name an empty folder, or none."""

    code = "rehearsal_folder"
    exit_code = 4
