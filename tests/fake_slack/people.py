"""What people do in the workspace; each of it reaches the app and answers with its Ack."""

from html import escape as entities
from typing import Any

from fake_slack import rendering
from fake_slack.blocks import view_problems
from fake_slack.chat_methods import refuse_blocks
from fake_slack.envelopes import new_envelope_id
from fake_slack.events import Events
from fake_slack.forms import filled, find_element, state_values, used
from fake_slack.response_urls import ResponseUrls
from fake_slack.values import Ack, Blocks, Channel, Ephemeral, Json, Refused, SlackMessage, User
from fake_slack.view_methods import add, replace


class People(Events):
    """Commands, buttons, modals and shortcuts; `Events` has what they say."""

    urls: ResponseUrls

    async def command(
        self,
        command: str,
        text: str = "",
        user: str = "U1",
        channel: str = "C1",
        *,
        escape: bool = False,
    ) -> Ack:
        """`escape` writes & < > as entities, as Slack does for apps that ask for it."""
        who, where = self.user(user), self.where(channel)
        payload = self._origin() | {
            "team_domain": "home",
            "team_id": who.team_id,
            "channel_id": where.id,
            "channel_name": "privategroup" if where.type == "group" else where.name,
            "user_id": who.id,
            "user_name": who.name,
            "command": command,
            "text": entities(text, quote=False) if escape else text,
            "is_enterprise_install": "false",
            "response_url": self.urls.offer(where.id, who.id),
            "trigger_id": self.new_trigger(who.id),
        }
        ack = await self._bring("slash_commands", payload)
        self._show_answer(ack, where)
        return ack

    def _show_answer(self, ack: Ack, where: Channel) -> None:
        """An answer in the acknowledgement obeys the same rules as any message."""
        if not ack.payload:
            return
        try:
            refuse_blocks(ack.blocks)
        except Refused as refused:
            message = f"Slack would not show this answer: {refused.facts['errors']}"
            raise AssertionError(message) from None
        if ack.payload.get("response_type") == "in_channel":
            self.speak(where.id, ack.text, ack.blocks, None)

    async def click(
        self,
        message: SlackMessage | Ephemeral | Ack,
        action_id: str,
        user: str = "U1",
        value: str | None = None,
    ) -> Ack:
        """Use whatever has that action: a button, a menu (`value` chooses), a date picker."""
        if isinstance(message, SlackMessage):
            found = self.find(message.channel, message.ts)
            assert found, f"nobody sees the message {message.ts} any more"
            place = self._in_message(message)
        else:
            place = self._in_ephemeral(message, user)
        blocks = rendering.with_ids(message.blocks)
        shown = message if isinstance(message, SlackMessage) else None
        url = self.urls.offer(place["channel"]["id"], user, shown)
        given = place | {"response_url": url, "state": {"values": state_values(blocks)}}
        return await self._act(blocks, action_id, value, user, given)

    async def click_home(
        self, user: str = "U1", action_id: str = "", value: str | None = None
    ) -> Ack:
        home = self.home(user)
        assert home, f"nothing was published for {user}'s App Home"
        return await self._use(home, user, action_id, value)

    async def click_view(
        self, view: Json, action_id: str, user: str = "U1", value: str | None = None
    ) -> Ack:
        """Something in an open modal."""
        return await self._use(view, user, action_id, value)

    async def _use(self, view: Json, user: str, action_id: str, value: str | None) -> Ack:
        container = {"type": "view", "view_id": view["id"]}
        given = {"container": container, "view": rendering.view(view)}
        return await self._act(view["blocks"], action_id, value, user, given)

    async def _act(
        self, blocks: Blocks, action_id: str, value: str | None, user: str, place: Json
    ) -> Ack:
        block, element = find_element(blocks, action_id, value)
        action = used(block, element, value, self.new_ts())
        payload = self._interaction("block_actions", self.user(user)) | place
        return await self._bring("interactive", payload | {"actions": [action]})

    def _in_message(self, message: SlackMessage) -> Json:
        where = self.where(message.channel)
        container = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": where.id,
            "is_ephemeral": False,
        }
        if message.is_reply:
            container["thread_ts"] = message.root
        return {
            "container": container,
            "channel": {"id": where.id, "name": where.name},
            "message": rendering.message(self, message, metadata=True),
        }

    def _in_ephemeral(self, shown: Ephemeral | Ack, user: str) -> Json:
        """Slack does not tell what an ephemeral message said."""
        if isinstance(shown, Ack):
            channel, seen_by = shown.request["channel_id"], shown.request["user_id"]
        else:
            channel, seen_by = shown.channel, shown.user
        assert seen_by == user, f"only {seen_by} sees that, not {user}"
        where = self.where(channel)
        container = {"type": "message", "channel_id": where.id, "is_ephemeral": True}
        container["message_ts"] = self.new_ts()
        return {"container": container, "channel": {"id": where.id, "name": where.name}}

    async def submit(
        self, view: Json, values: dict[str, dict[str, Any]] | None = None, user: str = "U1"
    ) -> Ack:
        """Send a modal off, filled in. A field takes a whole state value or just what it holds."""
        state = {"values": filled(view, values or {})}
        sent = rendering.view(view) | {"state": state}
        given = {"view": sent, "response_urls": []}
        payload = self._interaction("view_submission", self.user(user)) | given
        ack = await self._bring("interactive", payload)
        self._obey(ack, view, user)
        return ack

    def _obey(self, ack: Ack, view: Json, user: str) -> None:
        """What the acknowledgement does to the modal; without a word it closes."""
        answer = ack.payload or {}
        match answer.get("response_action"):
            case None:
                self.views.pop(view["id"], None)
            case "clear":
                root = view["root_view_id"]
                kept = {k: v for k, v in self.views.items() if v["root_view_id"] != root}
                self.views = kept
            case "errors":
                inputs = {b["block_id"] for b in view["blocks"] if b["type"] == "input"}
                wrong = set(ack.errors) - inputs
                assert ack.errors, "Slack wants to know which input is wrong"
                assert not wrong, f"Slack has no input {wrong} to show errors at"
            case "update":
                replace(self, view, _sound(answer["view"]))
            case "push":
                add(self, _sound(answer["view"]), user, view)
            case other:
                raise AssertionError(f"Slack knows no response_action {other!r}")
        self.changed()

    async def close_view(self, view: Json, user: str = "U1") -> Ack | None:
        """Cancel a modal; the app hears of it only if it asked to."""
        self.views.pop(view["id"], None)
        self.changed()
        if not view["notify_on_close"]:
            return None
        given = {"view": rendering.view(view), "is_cleared": False}
        payload = self._interaction("view_closed", self.user(user))
        return await self._bring("interactive", payload | given)

    async def shortcut(
        self, callback_id: str, message: SlackMessage | None = None, user: str = "U1"
    ) -> Ack:
        """On a message, or a global one."""
        payload = self._interaction("message_action" if message else "shortcut", self.user(user))
        payload |= {"callback_id": callback_id, "action_ts": self.new_ts()}
        if message:
            where = self.where(message.channel)
            payload |= {
                "channel": {"id": where.id, "name": where.name},
                "message": rendering.message(self, message),
                "message_ts": message.ts,
                "response_url": self.urls.offer(where.id, user, message),
            }
        return await self._bring("interactive", payload)

    async def answer(self, ack: Ack) -> Json:
        """The first thing that came through the response_url which this offered."""

        def answers() -> list[Json]:
            return [body for envelope, body in self.responses if envelope == ack.envelope_id]

        return (await self.until(answers, f"an answer to {ack.envelope_id} by response_url"))[0]

    # --- envelopes ---------------------------------------------------------------------------

    def _interaction(self, type_: str, who: User) -> Json:
        return self._origin() | {
            "type": type_,
            "user": {
                "id": who.id,
                "username": who.name,
                "name": who.name,
                "team_id": who.team_id,
            },
            "team": {"id": self.team_id, "domain": "home"},
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": self.new_trigger(who.id),
        }

    async def _bring(self, kind: str, payload: Json) -> Ack:
        ack = Ack(new_envelope_id(), kind, payload)
        if "response_url" in payload:
            self.urls.belongs(payload["response_url"], ack.envelope_id)
        return await self.envelopes.deliver(ack, accepts=True)


def _sound(view: Json) -> Json:
    problems = view_problems(view, "modal")
    assert not problems, f"Slack would not show this modal: {problems}"
    return view
