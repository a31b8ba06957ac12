"""Answers that grow in Telegram: sendMessageDraft in private chats, "typing" elsewhere.

A draft is a preview of 30 s that any real message removes: repeating one is harmless, so it needs no outbox row. Drafts
take their place in the bot's window only when it is free, and never wait: the answer comes first.
"""

from typing import Protocol

from domain.bots.addresses import Address
from domain.clients.telegram import Outcome, Refused
from domain.kit.clock import Clock
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.tasks import Tasks

DRAFT_EVERY = 0.35  # seconds; Telegram animates between two
TYPING_EVERY = 4.0  # seconds; an action is shown for five
DRAFT_MAX = 4000  # characters shown of a growing text


class EphemeralSender(Protocol):
    """Sends what may be lost, if the limits have room right now; None if they have not."""

    async def send_ephemeral(self, bot_id: int, method: str, payload: dict[str, object]) -> Outcome | None:
        """One call."""
        ...


async def show_typing(sender: EphemeralSender, bot_id: int, address: str) -> None:
    """A person types in a dialog: the customer sees it for five seconds, if the limits have room."""
    try:
        place = Address.parse(address).fields()
        await sender.send_ephemeral(bot_id, "sendChatAction", {**place, "action": "typing"})
    except (LostOwnership, Unavailable, ValueError):
        return  # nothing that has to be shown


class DraftSender:
    """Shows one turn's text in one chat."""

    def __init__(
        self,
        sender: EphemeralSender,
        tasks: Tasks,
        clock: Clock,
        *,
        bot_id: int,
        chat_id: int,
        topic_id: int | None,
        draft_id: int,
        private: bool,
        connection_id: str | None = None,
    ) -> None:
        self._sender = sender
        self._bot_id = bot_id
        self._tasks = tasks
        self._clock = clock
        self._chat: dict[str, object] = {"chat_id": chat_id}
        if topic_id is not None:
            self._chat["message_thread_id"] = topic_id
        if connection_id is not None:
            self._chat["business_connection_id"] = connection_id
        self._draft_id = draft_id
        self._drafts = private
        self._shown_at = -1e9
        self._busy = False
        self._stopped = False

    def thinking(self) -> None:
        """Show that something is coming; the first words need not wait for their turn after it."""
        self._typing()
        if self._drafts:
            self._shown_at = -1e9

    def show(self, text: str) -> None:
        """Show the text so far, if it is time to."""
        every = DRAFT_EVERY if self._drafts else TYPING_EVERY
        if self._clock.monotonic() - self._shown_at < every:
            return
        if self._drafts:
            payload = {**self._chat, "draft_id": self._draft_id, "text": text[:DRAFT_MAX], "can_stop": True}
            self._send("sendMessageDraft", payload)
        else:
            self._typing()

    def stop(self) -> None:
        """Show nothing more: the message itself follows."""
        self._stopped = True

    def _typing(self) -> None:
        self._send("sendChatAction", {**self._chat, "action": "typing"})

    def _send(self, method: str, payload: dict[str, object]) -> None:
        if self._busy or self._stopped:
            return
        self._busy = True
        self._shown_at = self._clock.monotonic()
        self._tasks.short(method, self._call(method, payload))

    async def _call(self, method: str, payload: dict[str, object]) -> None:
        try:
            outcome = await self._sender.send_ephemeral(self._bot_id, method, payload)
        except (LostOwnership, Unavailable):
            return  # nothing that has to be shown
        finally:
            self._busy = False
        if isinstance(outcome, Refused) and method == "sendMessageDraft":
            if outcome.code == 429:
                self._stopped = True
            else:
                self._drafts = False  # TEXTDRAFT_PEER_INVALID, an old server: typing does
