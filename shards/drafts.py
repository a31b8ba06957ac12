"""Answers that grow in Telegram: sendMessageDraft in private chats, else a message that is edited, else "typing".

A draft is a preview of 30 s that any real message removes: repeating one is harmless, so it needs no outbox row. Drafts
take their place in the bot's window only when it is free, and never wait: the answer comes first. Where no draft is
taken (groups; some business chats) an answer that takes long grows in a real message (previews.py).
"""

import asyncio
from typing import Protocol

from domain.bots.addresses import Address
from domain.clients.telegram import Outcome, Refused
from domain.kit.clock import Clock
from domain.kit.errors import LostOwnership, Unavailable
from domain.kit.tasks import Tasks
from shards.previews import PreviewMessage

DRAFT_EVERY = 0.35  # seconds; Telegram animates between two
TYPING_EVERY = 4.0  # seconds; an action is shown for five
DRAFT_MAX = 4000  # UTF-16 units shown of a growing text
PREVIEW_AFTER = 1.5  # seconds an answer has been growing before it gets a message to grow in
EDIT_EVERY = 2.0  # seconds; a group may be sent 20 messages and edits a minute
SETTLE = 2.0  # seconds the answer waits for an edit that is under way: arriving after it, it would undo it


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
        preview: PreviewMessage | None = None,
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
        self._preview = preview
        self._editing: asyncio.Task[None] | None = None
        self._growing_since: float | None = None
        self._edited_at = -1e9

    def thinking(self) -> None:
        """Show that something is coming; the first words need not wait for their turn after it."""
        self._typing()
        if self._drafts:
            self._shown_at = -1e9

    def show(self, text: str) -> None:
        """Show the text so far, if it is time to."""
        now = self._clock.monotonic()
        if self._growing_since is None:
            self._growing_since = now
        if self._drafts:
            if now - self._shown_at >= DRAFT_EVERY:
                payload = {**self._chat, "draft_id": self._draft_id, "text": _beginning(text), "can_stop": True}
                self._send("sendMessageDraft", payload)
        elif self._preview is not None and not self._preview.over and now - self._growing_since >= PREVIEW_AFTER:
            self._edit(self._preview, text, now)
        elif now - self._shown_at >= TYPING_EVERY:
            self._typing()

    def stop(self) -> None:
        """Show nothing more: the message itself follows."""
        self._stopped = True

    async def settle(self) -> bool:
        """Show nothing more, and wait shortly for an edit that is under way; False if it may still arrive."""
        self._stopped = True
        if self._editing is not None:
            await asyncio.wait([self._editing], timeout=SETTLE)
            if not self._editing.done():
                return False
        return self._preview is None or not self._preview.doubtful

    def _edit(self, preview: PreviewMessage, text: str, now: float) -> None:
        due = now - self._edited_at >= EDIT_EVERY and (self._editing is None or self._editing.done())
        if due and text.strip() and not self._stopped:
            self._edited_at = now
            self._editing = self._tasks.short("preview", self._show(preview, _beginning(text)))

    def _typing(self) -> None:
        self._send("sendChatAction", {**self._chat, "action": "typing"})

    def _send(self, method: str, payload: dict[str, object]) -> None:
        if self._busy or self._stopped:
            return
        self._busy = True
        self._shown_at = self._clock.monotonic()
        self._tasks.short(method, self._call(method, payload))

    async def _show(self, preview: PreviewMessage, text: str) -> None:
        try:
            await preview.show(text)
        except (LostOwnership, Unavailable):
            return  # nothing that has to be shown

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
                self._drafts = False  # TEXTDRAFT_PEER_INVALID, an old server: a preview does, or typing


def _beginning(text: str) -> str:
    """What fits of a text, cut between characters."""
    return text.encode("utf-16-le")[: 2 * DRAFT_MAX].decode("utf-16-le", "ignore")
