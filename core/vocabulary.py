"""The words of the field, as the database stores them and people read them."""

from enum import StrEnum


class TaskPriority(StrEnum):
    RANDOM = "random"  # a thought: when nothing serious waits
    SERIOUS = "serious"  # wanted: before every random one


class TaskStatus(StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    IN_REVIEW = "in_review"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class WaitReason(StrEnum):
    """Why a pending task is not started now."""

    BUDGET = "budget"
    WINDOW = "window"
    DEPENDENCY = "dependency"
    NOT_BEFORE = "not_before"
    PROJECT_BUSY = "project_busy"
    PROJECT_PAUSED = "project_paused"
    LIMIT_REACHED = "limit_reached"
    BACKEND_DOWN = "backend_down"


class RunPhase(StrEnum):
    """How far an open run has come; written before the step begins, so a crash says where."""

    CLAIMED = "claimed"
    PREPARING = "preparing"
    WORKING = "working"
    VERIFYING = "verifying"
    LANDING = "landing"
    SETTLING = "settling"


class RunOutcome(StrEnum):
    COMPLETED = "completed"
    FAILED = "failed"
    REFUTED = "refuted"  # the verify command said no
    CONFLICTED = "conflicted"  # main moved under it
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    CAPPED = "capped"  # the task's own --max-cost
    OUT_OF_BUDGET = "out_of_budget"  # the hold could not grow; continues when there is money
    LIMITED = "limited"  # the provider's usage limit; continues when it resets
    DRAINED = "drained"  # the daemon shut down; continues at the next start
    TRANSIENT = "transient"  # overload, lost connection; tried again after a pause
    CRASHED = "crashed"  # the daemon or the agent died; resumed at the next start


class HoldState(StrEnum):
    HELD = "held"
    SETTLED = "settled"
    RELEASED = "released"


class EntryKind(StrEnum):
    HOLD = "hold"
    GROW = "grow"
    RELEASE = "release"
    CHARGE = "charge"


class CostSource(StrEnum):
    """Where a charge's figure comes from, best first (docs/budget.md, rule 7)."""

    REPORTED = "reported"  # the agent's own total, or the difference on a resumed session
    METERED = "metered"  # the sum of the calls seen in its stream
    HOLD = "hold"  # nothing else is known: what was set aside
    NONE = "none"  # no agent program was started
    IMPORTED = "imported"  # taken over from an older database


class ProjectStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


class MessageKind(StrEnum):
    """What a message in a conversation is for."""

    CARD = "card"  # a task as it stands, edited in place
    RESULT = "result"  # done, and what came of it
    FAILURE = "failure"
    NEEDS_YOU = "needs_you"
    REPLY = "reply"  # to what somebody said
    FILE = "file"  # a log or a diff
    DIGEST = "digest"
    ALERT = "alert"


class MessageState(StrEnum):
    DUE = "due"
    SENDING = "sending"  # it may have arrived; looked for before it is sent again
    SENT = "sent"
    GIVEN_UP = "given_up"  # refused for good; `error` says why


#: every kind of word that the database stores and checks
ALL: tuple[type[StrEnum], ...] = (
    TaskPriority,
    TaskStatus,
    WaitReason,
    RunPhase,
    RunOutcome,
    HoldState,
    EntryKind,
    CostSource,
    ProjectStatus,
    MessageKind,
    MessageState,
)
