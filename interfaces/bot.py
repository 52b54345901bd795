"""The bot: what a person says or presses in a chat becomes a change in the queue and a reply.

It knows nothing of the chat service, waits for nobody, and belongs in a thread: every method is a
few short transactions. All its texts are plain; who shows them escapes them.
"""

from typing import TYPE_CHECKING

from interfaces.bot_values import Action, Outcome, Reply, Request, Seen, Surroundings

if TYPE_CHECKING:
    from interfaces.grammar import Order, Verb

__all__ = ["Action", "Bot", "Outcome", "Reply", "Request", "Seen", "Surroundings"]


class Bot:
    def __init__(self, surroundings: Surroundings) -> None:
        self._given = surroundings

    def command(self, verb: "Verb", text: str, request: Request) -> Reply:
        """A slash command."""
        del verb, text, request
        return Reply(Outcome.DONE, self.help())

    def said(self, text: str, request: Request) -> Reply:
        """A mention, or a direct message."""
        del text, request
        return Reply(Outcome.DONE, self.help())

    def submit(self, order: "Order", request: Request) -> Reply:
        """The form."""
        del order, request
        return Reply(Outcome.DONE, self.help())

    def instruct(self, task_id: int, text: str, request: Request) -> Reply:
        """A reply in a task's thread."""
        del task_id, text, request
        return Reply(Outcome.DONE, self.help())

    def press(self, action: Action, seen: Seen, request: Request) -> Reply:
        """A button."""
        del action, seen, request
        return Reply(Outcome.DONE, self.help())

    def help(self) -> str:
        return ""
