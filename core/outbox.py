"""What is to be said in conversations: letters are put in the transaction of what they tell, and
sent afterwards, each of them once.

A letter is due, then `sending` (it may have arrived), then sent. Only the daemon that holds the
lease of core/event_cursor.py takes letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Integer,
    Row,
    Select,
    Update,
    case,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session, aliased

from core.columns import UtcTime
from core.event_cursor import leads
from core.models import Message, MessageKind, MessageState, Task, TaskStatus
from core.pictures import picture

#: what a message that was taken may take to arrive; nobody looks for it sooner
GRACE = timedelta(seconds=3)

_UNSENT = text("chat_messages.state IN ('due', 'sending')")
_STALE = text("chat_messages.wanted_seq > chat_messages.shown_seq")
_OPEN = (TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.IN_REVIEW)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to stand in a conversation; `key` says what it is, once for ever."""

    key: str
    kind: MessageKind
    #: a conversation's or, for a direct message, a person's ID
    channel: str
    task_id: int | None = None
    #: in the thread of this message of ours, once it stands
    parent_id: int | None = None
    thread_ts: str | None = None
    #: None: made from the task's present state when it is sent
    payload: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Glance:
    """Whether there is anything to do, as one quick look shows."""

    unread: bool
    #: when the next letter falls due; None: there is none
    due_at: datetime | None
    stale: bool
    running: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a task was asked for, and by whom."""

    channel: str | None
    thread_ts: str | None
    requester: str | None


# what people and events have to say


def put(connection: Connection, letter: Letter, now: datetime) -> int | None:
    """Have a letter sent; answers its row's number, None when the key is known already."""
    known = select(Message.id).where(Message.key == letter.key)
    if connection.scalar(known) is not None:
        return None
    row = connection.execute(
        insert(Message).values(
            key=letter.key,
            kind=letter.kind,
            channel=letter.channel,
            task_id=letter.task_id,
            parent_id=letter.parent_id,
            thread_ts=letter.thread_ts,
            payload=letter.payload,
            due_at=now,
            created_at=now,
        )
    ).inserted_primary_key
    return int((row or (0,))[0])


def card_of(connection: Connection | Session, task_id: int) -> Message | None:
    found = connection.execute(
        select(Message.__table__)
        .where(Message.task_id == task_id, Message.kind == MessageKind.CARD)
        .order_by(Message.id.desc())
        .limit(1)
    ).one_or_none()
    return None if found is None else _message(found)


def task_of_thread(connection: Connection | Session, channel: str, thread_ts: str) -> int | None:
    """Whose thread this is: of the task whose message roots it, or else of the newest task whose
    card stands in it.
    """
    rooted = select(Message.task_id).where(
        Message.channel == channel, Message.ts == thread_ts, Message.task_id.is_not(None)
    )
    within = (
        select(Message.task_id)
        .where(Message.channel == channel, Message.thread_ts == thread_ts)
        .where(Message.kind == MessageKind.CARD)
        .order_by(Message.id.desc())
        .limit(1)
    )
    task_id = connection.scalar(rooted)
    return connection.scalar(within) if task_id is None else task_id


def mute(connection: Connection, task_id: int, muted: bool) -> bool:  # noqa: FBT001 - mute(…, True) reads well
    """Whether anything but the card itself is posted for a task. False: it has no card."""
    return _change(connection, _card(task_id).values(muted=muted)) > 0


def want(connection: Connection, task_id: int, seq: int) -> None:
    """The task's card, if it has one, is to show what event `seq` told."""
    connection.execute(_card(task_id).where(Message.wanted_seq < seq).values(wanted_seq=seq))


def place_of(connection: Connection, task_id: int) -> Place | None:
    columns = (Task.slack_channel, Task.slack_thread_ts, Task.assigned_to)
    found = connection.execute(select(*columns).where(Task.id == task_id)).one_or_none()
    return None if found is None else Place(*found)


# sending


def glance(session: Session) -> Glance:
    """One statement; on SQLite it costs less than a fifth of a millisecond."""
    found = session.execute(_GLANCE).one()
    return Glance(found.newest > found.seen, found.due_at, found.stale, found.running)


def next_due_at(session: Session, now: datetime) -> datetime | None:
    """When another letter falls due."""
    return session.scalar(select(func.min(Message.due_at)).where(_UNSENT, Message.due_at > now))


def due(session: Session, now: datetime, limit: int = 50) -> Sequence[Message]:
    """What may be sent now, oldest first. A letter for a thread waits until its parent stands or
    is given up. One that is `sending` has to be looked for before it is sent again.
    """
    parent = aliased(Message)
    waits = parent.state.in_((MessageState.DUE, MessageState.SENDING))
    found = session.execute(
        select(Message.__table__)
        .outerjoin(parent, parent.id == Message.parent_id)
        .where(_UNSENT, Message.state.in_((MessageState.DUE, MessageState.SENDING)))
        .where(Message.due_at <= now, or_(parent.id.is_(None), ~waits))
        .order_by(Message.id)
        .limit(limit)
    )
    return [_message(row) for row in found]


def by_id(connection: Connection | Session, message_id: int) -> Message:
    return _message(
        connection.execute(select(Message.__table__).where(Message.id == message_id)).one()
    )


def take(connection: Connection, message_id: int, owner: str, now: datetime) -> Message | None:
    """From here on it may have arrived. None: it is sent or given up, or another daemon delivers
    by now.
    """
    if not leads(connection, owner):
        return None
    sending = {"state": MessageState.SENDING, "due_at": now + GRACE}
    taken = _unsent(message_id).values(attempts=Message.attempts + 1, **sending)
    return by_id(connection, message_id) if _change(connection, taken) else None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a message stands now, and what it shows."""

    channel: str
    thread_ts: str | None
    ts: str | None
    #: of a card; None: nobody knows
    shown: str | None = None


def sent(connection: Connection, message_id: int, where: Standing, now: datetime) -> None:
    """A card stays stale: it is looked at once more, now that it can be edited."""
    connection.execute(
        _one(message_id).values(
            state=MessageState.SENT,
            channel=where.channel,
            thread_ts=where.thread_ts,
            ts=where.ts,
            shown=where.shown,
            shown_seq=case((Message.kind == MessageKind.CARD, -1), else_=Message.wanted_seq),
            sent_at=now,
        )
    )


def put_off(connection: Connection, message_id: int, until: datetime, error: str) -> None:
    """It was refused and did not arrive: tried again at `until`."""
    connection.execute(
        _unsent(message_id).values(state=MessageState.DUE, due_at=until, error=error)
    )


def look_later(connection: Connection, message_id: int, until: datetime, error: str) -> None:
    """Nobody knows whether it arrived: looked for at `until`."""
    connection.execute(
        _unsent(message_id).values(state=MessageState.SENDING, due_at=until, error=error)
    )


def rest(connection: Connection, message_id: int, until: datetime, error: str) -> None:
    """Something broke on our side: it stays what it is, due or perhaps arrived, until then."""
    connection.execute(_unsent(message_id).values(due_at=until, error=error))


def give_up(connection: Connection, message_id: int, error: str) -> None:
    connection.execute(_one(message_id).values(state=MessageState.GIVEN_UP, error=error))


def move(
    connection: Connection, message_id: int, channel: str, thread_ts: str | None = None
) -> None:
    """It goes to another conversation than it was put for, and to no thread of ours."""
    elsewhere = {"channel": channel, "thread_ts": thread_ts, "parent_id": None}
    connection.execute(_one(message_id).values(**elsewhere))


def place(connection: Connection, message_id: int, channel: str, thread_ts: str | None) -> None:
    """Where a letter that belongs to another one goes, now that the other one stands."""
    aim = {"channel": channel, "thread_ts": thread_ts}
    connection.execute(_one(message_id).values(**aim))


def address(connection: Connection, message_id: int, channel: str) -> None:
    """The conversation that a person's direct messages go to."""
    connection.execute(_one(message_id).values(channel=channel))


def note_payload(connection: Connection, message_id: int, payload: dict[str, Any]) -> None:
    connection.execute(_one(message_id).values(payload=payload))


# cards


def cards_to_draw(session: Session, further: Sequence[int], *, running: bool) -> Sequence[Message]:
    """Cards that stand and show less than they should; with `running`, those of running tasks as
    well; and those with these numbers.
    """
    found = _cards(session, _STANDING.where(_STALE).order_by(Message.id))
    if running:
        tasks = select(Task.id).where(Task.status == TaskStatus.IN_PROGRESS)
        found += _cards_of(session, session.scalars(tasks).all())
    if further:
        found += _cards(session, _STANDING.where(Message.id.in_(further)))
    return found


def open_cards(session: Session, after: int, limit: int) -> tuple[Sequence[Message], int]:
    """The cards of the next tasks that are not over, and the task's number to go on `after`; 0:
    that was the end.
    """
    chatty = (Task.status.in_(_OPEN), Task.slack_channel.is_not(None), Task.id > after)
    tasks = session.scalars(select(Task.id).where(*chatty).order_by(Task.id).limit(limit)).all()
    return _cards_of(session, tasks), tasks[-1] if len(tasks) == limit else 0


def shown(connection: Connection, message_id: int, digest: str | None, seq: int) -> None:
    """What a card shows now. A digest of None: nobody knows."""
    connection.execute(_one(message_id).values(shown=digest, shown_seq=seq))


def prune(connection: Connection, before: datetime) -> int:
    """Forget what long-sent messages said: it stands in the conversation."""
    old = text("state = 'sent' AND payload IS NOT NULL")
    forget = update(Message).where(old, Message.sent_at < before).values(payload=None)
    return _change(connection, forget)


def _cards(session: Session, query: Select[Any]) -> list[Message]:
    return [_message(row) for row in session.execute(query)]


def _cards_of(session: Session, tasks: Sequence[int]) -> list[Message]:
    """In two steps: with one, SQLite rather reads every message through than the few tasks."""
    return _cards(session, _STANDING.where(Message.task_id.in_(tasks))) if tasks else []


def _card(task_id: int) -> Update:
    return update(Message).where(Message.task_id == task_id, Message.kind == MessageKind.CARD)


def _one(message_id: int) -> Update:
    return update(Message).where(Message.id == message_id)


def _unsent(message_id: int) -> Update:
    unsent = Message.state.in_((MessageState.DUE, MessageState.SENDING))
    return _one(message_id).where(unsent)


def _change(connection: Connection, statement: Update) -> int:
    return connection.execute(statement).rowcount


def _message(row: Row[Any]) -> Message:
    return picture(Message, row._asdict())


_GLANCE = text(
    """SELECT coalesce((SELECT max(seq) FROM events), 0) AS newest,
        coalesce((SELECT last_seq FROM event_cursors WHERE consumer = 'slack'), 0) AS seen,
        (SELECT min(due_at) FROM chat_messages WHERE state IN ('due', 'sending')) AS due_at,
        EXISTS (SELECT 1 FROM chat_messages WHERE wanted_seq > shown_seq AND state = 'sent')
            AS stale,
        EXISTS (SELECT 1 FROM tasks JOIN chat_messages AS card
            ON card.task_id = tasks.id AND card.kind = 'card' AND card.state = 'sent'
            WHERE tasks.status = 'in_progress') AS running"""
).columns(
    newest=Integer(), seen=Integer(), due_at=UtcTime(), stale=Boolean(), running=Boolean()
)  # fmt: skip
_STANDING = select(Message.__table__).where(
    Message.kind == MessageKind.CARD, Message.state == MessageState.SENT
)
