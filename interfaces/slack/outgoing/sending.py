"""The lane of the letters: each is taken, posted and noted as sent, so that it stands once.

Taken means written down that it may have arrived. Whatever happens then (a lost answer, a kill), it
is looked for before it is posted again. A letter that its place refuses goes to the task's
requester instead, with a word why; nothing is given up while Slack may only be away.
"""

import random
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from core import outbox
from core.failpoints import reached
from core.models import Message, MessageKind, MessageState
from core.outbox import GRACE, Letter, Standing
from interfaces.slack.outgoing.drawing import content_of, digest
from interfaces.slack.outgoing.equipment import Equipment, Permit
from interfaces.slack.outgoing.pace import Closed, Patience, PostPace
from interfaces.slack.outgoing.posting import Content, Posting, Stands, file_id_of
from interfaces.slack.outgoing.trouble import Meaning, Trouble
from interfaces.slack.outgoing.uploading import Uploading

log = structlog.get_logger(__name__)

#: letters looked at in one go
MANY: Final = 200
#: refused for a reason that may pass: tried again at growing intervals, for a day
LONGEST_PAUSE: Final = timedelta(minutes=10)
#: while Slack is away, or stumbles over one letter: soon enough once it is back
AWAY_PAUSE: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=1)
#: seconds until another look when this daemon does not deliver, or something broke inside
_LATER: Final = 5.0
_BROKEN: Final = timedelta(minutes=1)
_PEOPLE: Final = ("U", "W")
_DIRECT: Final = ("D", *_PEOPLE)


class Sender:
    def __init__(self, equipment: Equipment, owner: str, permit: Permit) -> None:
        self._with = equipment
        self._owner = owner
        self._permit = permit
        self._posting = Posting(equipment.client)
        self._uploading = Uploading(equipment.client)
        self._pace, self._closed, self._patience = PostPace(), Closed(), Patience()

    async def deliver(self) -> float | None:
        """Send what may go now; answers the seconds until the next may, None: nothing waits."""
        while self._permit.holds():
            letters = await self._with.read(outbox.due, self._with.now(), MANY)
            waits = [await self._carry(letter) for letter in letters if self._permit.holds()]
            if all(waits):
                return min(waits, default=None)
        return None

    async def _carry(self, letter: Message) -> float:
        """Seconds that it has to wait; zero: something was done about it."""
        if wait := self._wait(letter):
            return wait
        try:
            return await self._handle(letter)
        except Exception as error:
            log.exception("slack.letter_stumbled", key=letter.key)
            until = self._with.now() + _BROKEN
            await self._with.write(outbox.rest, letter.id, until, type(error).__name__)
            return 0.0

    def _wait(self, letter: Message) -> float:
        now = self._with.clock.monotonic()
        closed = self._closed.wait(_method(letter), now)
        # one whose thread decides where it goes is paced once that is known
        return max(self._patience.wait(now), closed, self._pace.wait(letter.channel, now))

    async def _handle(self, letter: Message) -> float:
        if letter.channel.startswith(_PEOPLE) and letter.parent_id is None:
            return await self._find_address(letter)
        if letter.state is MessageState.SENDING and await self._is_settled(letter):
            return 0.0
        content = await self._with.threads.in_thread(self._content, letter)
        taken = await self._with.write(self._take, letter.id)
        if taken is None:
            return _LATER
        reached("chat.taken")
        self._pace.note(taken.channel, self._with.clock.monotonic())
        outcome = await self._send(taken, content)
        reached("chat.posted")
        await self._note(taken, outcome, digest(content))
        return 0.0

    async def _find_address(self, letter: Message) -> float:
        match await self._posting.open_direct(letter.channel):
            case Trouble() as trouble:
                await self._trouble(letter, trouble, has_left=False)
            case channel:
                await self._with.write(outbox.address, letter.id, channel)
        return 0.0

    async def _is_settled(self, letter: Message) -> bool:
        """Whether it stands, or nobody can tell now."""
        unshared = _is_file(letter) and not file_id_of(letter)
        found = None if unshared else await self._posting.find(letter)
        if isinstance(found, Trouble):
            # still unknown: neither refusal nor success of this question says anything of it
            await self._look_later(letter, found)
        elif found is not None:
            log.info("slack.found", key=letter.key)
            await self._note(letter, found, None)
        return found is not None

    def _content(self, letter: Message) -> Content:
        drawn = letter.payload is None and letter.task_id is not None
        return content_of(letter, self._with.view_of(letter.task_id or 0) if drawn else None)

    def _take(self, connection: Connection, message_id: int) -> Message | None:
        """With its place settled, so that a search after a crash looks where it went."""
        letter = outbox.by_id(connection, message_id)
        if letter.parent_id is not None and letter.state is MessageState.DUE:
            channel, thread_ts = thread_of(letter, outbox.by_id(connection, letter.parent_id))
            outbox.place(connection, message_id, channel, thread_ts)
        return outbox.take(connection, message_id, self._owner, self._with.now())

    async def _send(self, letter: Message, content: Content) -> Stands | Trouble:
        file = (letter.payload or {}).get("file")
        if not file:
            return await self._posting.post(letter, content)
        file_id = await self._uploading.upload(file)
        if isinstance(file_id, Trouble):
            return file_id
        letter.payload = {**(letter.payload or {}), "file": {**file, "id": file_id}}
        await self._with.write(outbox.note_payload, letter.id, letter.payload)
        return await self._uploading.share(letter)

    async def _note(self, letter: Message, outcome: Stands | Trouble, shown: str | None) -> None:
        if isinstance(outcome, Trouble):
            await self._trouble(letter, outcome, has_left=True)
            return
        self._patience.answered()
        card = letter.kind is MessageKind.CARD
        where = Standing(outcome.channel, letter.thread_ts, outcome.ts, shown if card else None)
        await self._with.write(outbox.sent, letter.id, where, self._with.now())
        reached("chat.sent")
        log.info("slack.sent", key=letter.key, channel=outcome.channel)

    async def _trouble(self, letter: Message, trouble: Trouble, *, has_left: bool) -> None:
        """It did not arrive, or nobody knows; `has_left`: it was on its way at all."""
        log.warning("slack.refused_letter", key=letter.key, error=trouble.word)
        match trouble.meaning:
            case Meaning.UNKNOWN if has_left:
                await self._look_later(letter, trouble)
            case Meaning.UNKNOWN | Meaning.UNREACHED | Meaning.TOO_FAST:
                await self._postpone(letter, self._pause(letter, trouble), trouble.word)
            case Meaning.TOKEN:
                await self._postpone(letter, timedelta(), trouble.word)
                self._permit.withdraw(trouble.word)
            case Meaning.NO_PLACE:
                await self._with.write(self._send_elsewhere, letter, trouble.word)
            case Meaning.NO_THREAD if letter.thread_ts:
                await self._with.write(self._leave_thread, letter, trouble.word)
            case _:
                await self._try_for_a_day(letter, trouble)

    async def _look_later(self, letter: Message, trouble: Trouble) -> None:
        if trouble.meaning is Meaning.TOKEN:
            self._permit.withdraw(trouble.word)
        until = self._with.now() + max(GRACE, self._pause(letter, trouble))
        await self._with.write(outbox.look_later, letter.id, until, trouble.word)

    def _pause(self, letter: Message, trouble: Trouble) -> timedelta:
        now = self._with.clock.monotonic()
        if trouble.meaning is Meaning.TOO_FAST:
            self._closed.close(_method(letter), trouble.wait, now)
            return timedelta(seconds=trouble.wait)
        pause = self._patience.lost(now, random.random())  # noqa: S311 - jitter, not a secret
        return max(timedelta(seconds=pause), _growing(letter.attempts, AWAY_PAUSE))

    async def _postpone(self, letter: Message, pause: timedelta, error: str) -> None:
        until = self._with.now() + pause
        await self._with.write(outbox.put_off, letter.id, until, error)

    async def _try_for_a_day(self, letter: Message, trouble: Trouble) -> None:
        if self._with.now() - letter.created_at < LONGEST:
            await self._postpone(letter, _growing(letter.attempts + 1, LONGEST_PAUSE), trouble.word)
            return
        log.error("slack.given_up", key=letter.key, error=trouble.word)
        await self._with.write(outbox.give_up, letter.id, trouble.word)

    def _leave_thread(self, connection: Connection, letter: Message, word: str) -> None:
        """The thread is gone: into its conversation, as an ordinary message."""
        now = self._with.now()
        outbox.move(connection, letter.id, letter.channel)
        outbox.put_off(connection, letter.id, now, word)

    def _send_elsewhere(self, connection: Connection, letter: Message, word: str) -> None:
        """To the requester, once, saying why; a direct message that is refused has no elsewhere."""
        place = outbox.place_of(connection, letter.task_id) if letter.task_id else None
        requester = (place and place.requester) or ""
        if letter.channel.startswith(_DIRECT) or not requester.startswith(_PEOPLE):
            log.error("slack.given_up", key=letter.key, error=word)
            outbox.give_up(connection, letter.id, word)
            return
        now = self._with.now()
        outbox.move(connection, letter.id, requester)
        outbox.put_off(connection, letter.id, now, word)
        outbox.put(connection, _why_here(letter, requester, word), now)


def thread_of(letter: Message, parent: Message) -> tuple[str, str | None]:
    """Where a letter goes that belongs to another: to the thread it roots or stands in.

    A parent that never stood, or that somebody deleted, has no thread of its own: then its
    conversation has to do, because an ending must be seen by somebody.
    """
    gone = parent.state is MessageState.GIVEN_UP and parent.error == "message_not_found"
    own = None if gone else parent.ts
    channel = letter.channel if parent.state is MessageState.GIVEN_UP else parent.channel
    return channel, parent.thread_ts or own


def _method(letter: Message) -> str:
    return "files" if _is_file(letter) else "chat.postMessage"


def _is_file(letter: Message) -> bool:
    return "file" in (letter.payload or {})


def _growing(attempts: int, most: timedelta) -> timedelta:
    return min(timedelta(seconds=2 ** min(attempts, 12)), most)


def _why_here(letter: Message, requester: str, word: str) -> Letter:
    text = (
        f"I was to post this into <#{letter.channel}>, but Slack answers `{word}` there, so you"
        " have it here. Invite me into the channel to have the next one there."
    )
    payload = {"text": text}
    key = f"moved:{letter.id}"
    return Letter(key, MessageKind.REPLY, requester, letter.task_id, letter.id, payload=payload)
