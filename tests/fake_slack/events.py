"""What people say and do that reaches the app as events."""

import asyncio
import secrets
from typing import Any

from fake_slack import rendering
from fake_slack.envelopes import Envelopes, new_envelope_id
from fake_slack.values import Ack, Channel, Json, SlackMessage, User
from fake_slack.workspace import Workspace


class Events(Workspace):
    envelopes: Envelopes
    #: an app that hears messages and mentions hears of a mention twice, in two events
    mention_twice = True
    #: what the bot says in a conversation is an event for the app, too
    echo = False

    async def mention(
        self, text: str, user: str = "U1", channel: str = "C1", thread_ts: str | None = None
    ) -> Ack:
        """`<@BOT>` in the text becomes the bot; the message stays in the channel."""
        named = text.replace("<@BOT>", f"<@{self.bot_user}>")
        assert f"<@{self.bot_user}>" in named, f"nobody is mentioned in {text!r}: write <@BOT>"
        return await self._tell(self.say(named, user, channel, thread_ts))

    async def dm(self, text: str, user: str = "U1", thread_ts: str | None = None) -> Ack:
        return await self._tell(self.say(text, user, self.dm_channel(user), thread_ts))

    async def reply(self, message: SlackMessage, text: str, user: str = "U1") -> Ack:
        """In the message's thread."""
        named = text.replace("<@BOT>", f"<@{self.bot_user}>")
        return await self._tell(self.say(named, user, message.channel, message.root))

    async def edit(self, message: SlackMessage, text: str) -> Ack:
        """Somebody changes what they wrote."""
        where, before = self.where(message.channel), rendering.message(self, message)
        message.edits.append((message.text, message.blocks))
        message.text = text
        self.changed()
        return await self.event(
            {
                "type": "message",
                "subtype": "message_changed",
                "hidden": True,
                "channel": where.id,
                "channel_type": where.type,
                "message": rendering.message(self, message),
                "previous_message": before,
                "ts": (at := self.new_ts()),
                "event_ts": at,
            }
        )

    async def post(self, text: str, user: str = "U1", channel: str = "C1") -> Ack:
        """A message to the channel that mentions nobody."""
        return await self._tell(self.say(text, user, channel))

    def say(self, text: str, user: str, channel: str, thread_ts: str | None = None) -> SlackMessage:
        """Only in the channel; no event tells of it."""
        self.user(user)
        said = SlackMessage(self.new_ts(), self.where(channel).id, text, [], user)
        said.thread_ts = thread_ts
        return self.store(said)

    async def _tell(self, said: SlackMessage) -> Ack:
        where = self.where(said.channel)
        event = self._message_event(said, where)
        mentioned = f"<@{self.bot_user}>" in said.text and where.type != "im"
        if not mentioned:
            return await self.event(event)
        mention = {key: value for key, value in event.items() if key != "channel_type"}
        mention["type"] = "app_mention"
        if not self.mention_twice:
            return await self.event(mention)
        # nobody promises an order; whoever has no ear for messages never acknowledges that one
        other = self.envelopes.drop(self._event_envelope(event, None))
        ack, _ = await asyncio.gather(self.event(mention), other)
        return ack

    async def tell_of_own(self, channel: str, ts: str) -> None:
        """The event of a message that the bot itself has just sent."""
        said = self.find(channel, ts)
        if said:
            event = self._message_event(said, self.where(channel))
            await self.envelopes.drop(self._event_envelope(event, None))

    def _message_event(self, said: SlackMessage, where: Channel) -> Json:
        who = self.user(said.user)
        bot_id = said.bot_id or (f"B{who.id[1:]}" if who.is_bot else "")
        event: Json = {
            "type": "message",
            "user": who.id,
            "text": said.text,
            "ts": said.ts,
            "client_msg_id": secrets.token_hex(8),
            "team": who.team_id,
            "blocks": [_rich_text(said.text)],
            "channel": where.id,
            "channel_type": where.type,
            "event_ts": said.ts,
        }
        if bot_id:
            event["bot_id"] = bot_id
        if said.is_reply:
            parent = self.find(where.id, said.root)
            event |= {"thread_ts": said.root, "parent_user_id": parent.user if parent else ""}
        return event | self._foreign(who)

    def _foreign(self, who: User) -> Json:
        """Whoever writes from another workspace, in a shared channel."""
        if who.team_id == self.team_id:
            return {}
        return {"user_team": who.team_id, "source_team": who.team_id}

    async def open_home(self, user: str = "U1", tab: str = "home") -> Ack:
        at, home = self.new_ts(), self.home(user)
        event: Json = {
            "type": "app_home_opened",
            "user": self.user(user).id,
            "channel": self.dm_channel(user),
            "tab": tab,
            "event_ts": at,
        }
        if home and tab == "home":
            event["view"] = rendering.view(home)
        return await self.event(event)

    async def stop_session(self, channel: str, thread_ts: str | None, user: str = "U1") -> Ack:
        """The native Stop button; the session's status stays as it is."""
        return await self.event(
            {
                "type": "agent_session_stopped",
                "channel": self.where(channel).id,
                "thread_ts": thread_ts,
                "user": self.user(user).id,
                "streaming_message_ts": [],
                "event_ts": self.new_ts(),
            }
        )

    async def event(self, event: Json, event_id: str | None = None) -> Ack:
        return await self.envelopes.deliver(self._event_envelope(event, event_id), accepts=False)

    def _event_envelope(self, event: Json, event_id: str | None) -> Ack:
        return Ack(new_envelope_id(), "events_api", self._callback(event, event_id))

    def _callback(self, event: Json, event_id: str | None) -> Json:
        bot: dict[str, Any] = {"user_id": self.bot_user, "is_bot": True}
        installed = {"enterprise_id": None, "team_id": self.team_id, "is_enterprise_install": False}
        return self._origin() | {
            "team_id": self.team_id,
            "context_team_id": self.team_id,
            "context_enterprise_id": None,
            "type": "event_callback",
            "event": event,
            "event_id": event_id or f"Ev{secrets.token_hex(5).upper()}",
            "event_time": int(self.clock.now().timestamp()),
            "authorizations": [installed | bot],
            "is_ext_shared_channel": event.get("user_team", self.team_id) != self.team_id,
            "event_context": secrets.token_hex(8),
        }

    def _origin(self) -> Json:
        return {"token": "verification", "api_app_id": self.app_id}


def _rich_text(text: str) -> Json:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "block_id": "said", "elements": [section]}
