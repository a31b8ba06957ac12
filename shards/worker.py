"""The shard worker: its parts, how they are wired, and the phases of its start and its end."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from domain.answering.model import Answer
from domain.answering.service import Answering
from domain.assistants.model import Assistant
from domain.bots.addresses import Address
from domain.bus import (
    AttentivePublisher,
    Bell,
    Bells,
    BotChanged,
    Listening,
    LookAtBot,
    MembersChanged,
    ShowTyping,
    Signal,
    events_channel,
)
from domain.clients.embeddings import HttpEmbedder
from domain.clients.telegram import TelegramClient
from domain.inbox import InboxWriter
from domain.kit.clock import Clock
from domain.kit.db import Database
from domain.kit.errors import Unavailable
from domain.kit.line import Line
from domain.kit.log import logger
from domain.kit.sealing import KeyRing
from domain.kit.settings import Settings
from domain.kit.tasks import Tasks
from domain.knowledge.retrieval import Knowledge
from shards.bots import BotRegistry
from shards.commits import TurnCommits
from shards.conversations import Conversations, DialogRef, Pending
from shards.delivery import DeliveryMarks
from shards.directory import Directory
from shards.drafts import DraftSender, show_typing
from shards.handlers import cancelled_handlers, job_handlers
from shards.intake import Intake
from shards.jobs import JobRunner
from shards.lease import Lease, LeaseLost
from shards.noting import Noting
from shards.outbox import Sender
from shards.ownership import Ownership
from shards.polling import Poller
from shards.previews import PreviewMessage, growing_in
from shards.recovery import Recovery
from shards.sending import SENDS
from shards.streaming import TurnStream
from shards.turn import Turn, TurnParts, draft_id_of
from shards.upkeep import Upkeep
from shards.vitals import Rate, total
from shards.webhooks import WebhookKeeper

if TYPE_CHECKING:
    from domain.clients.llm import LlmClient

log = logger(__name__)


# The phases of the end with their deadlines in seconds; supervisord's stopwaitsecs is longer than their sum.
DRAIN_SECONDS = 15.0
COMPONENTS_SECONDS = 3.0
SHUTDOWN_SECONDS = DRAIN_SECONDS + COMPONENTS_SECONDS


@dataclass(frozen=True)
class Clients:
    """What a worker talks to."""

    db: Database
    publisher: AttentivePublisher
    telegram: TelegramClient
    embedder: HttpEmbedder | None
    llm: "LlmClient | None"
    keyring: KeyRing
    clock: Clock


class Worker:
    """One shard."""

    def __init__(self, settings: Settings, clients: Clients, *, program: str) -> None:
        self._settings = settings
        self._clients = clients
        self.tasks = Tasks(program)
        db, clock, publisher = clients.db, clients.clock, clients.publisher
        self.lease = Lease(Line(settings.worker_dsn, name=f"{program} lease"), clock, program=program)
        self.ownership = Ownership(db, publisher, clock, self.lease)
        self._writer = InboxWriter(db.worker_tx, publisher)
        self._directory = Directory(db, clock)
        self.bots = self._make_bots()
        self._marks = DeliveryMarks(db, publisher)
        self.sender = self._make_sender()
        self._commits = TurnCommits(db, publisher, self.sender.push, self.sender.doubt)
        self.conversations = Conversations(self._make_turn)
        self.recovery = Recovery(db, self.ownership, self.bots, self.conversations)
        self.intake = Intake(
            db=db,
            publisher=publisher,
            ownership=self.ownership,
            conversations=self.conversations,
            find_bot=self.bots.receive,
            find_assistant=self._directory.assistant,
            known_assistant=self._directory.known_assistant,
            instant=self._instant,
            on_sends=self.sender.push,
            on_doubt=self.sender.doubt,
            recover=self.recovery.recover,
            noting=self._make_noting(),
            clock=clock,
        )
        self.jobs = self._make_jobs()
        self._upkeep = Upkeep(
            db=db, ownership=self.ownership, publisher=publisher, embedder=clients.embedder, clock=clock
        )
        self._turn_parts = self._make_turn_parts()
        # Bots first: everyone after them asks for them. Recovery before intake: older rows come first in their queues.
        for user in (self.bots, self.sender, self.recovery, self.intake, self.jobs):
            self.ownership.add_user(user)
        self._updates = Rate(clock, lambda: self.intake.accepted)
        self._sends = Rate(clock, lambda: total(SENDS))
        self.lease.stats = self._stats

    def on_signal(self, channel: str, received: Signal) -> None:
        """A doorbell."""
        del channel
        match received:
            case Bell(slot=slot, what="inbox"):
                self.intake.ring(slot)
            case Bell(what="owed"):
                self.recovery.ring()
            case Bells(slots=slots):
                self.intake.ring_all(slots)
            case Listening(slot=slot):
                self._clients.publisher.joined(events_channel(slot))
            case Bell(what="outbox"):
                self.sender.ring()
            case Bell(what="jobs"):
                self.jobs.ring()
            case BotChanged(bot_id=bot_id):
                self.bots.changed(bot_id)
            case LookAtBot(bot_id=bot_id):
                self.bots.look(bot_id)
            case ShowTyping(bot_id=bot_id, address=address):
                self.tasks.short("typing", show_typing(self.sender, bot_id, address))
            case MembersChanged():
                self.ownership.look()

    async def start(self) -> None:
        """Join, and begin to work in whatever slots we get. Raises Unavailable."""
        for batch in (self._writer, self._marks, self._commits):
            batch.start()
        await self.ownership.join()
        self.tasks.eternal("lease", self.lease.run())
        self.tasks.eternal("loop", self.lease.watch_loop())
        self.tasks.eternal("ownership", self.ownership.run())
        self.tasks.eternal("listeners", self._clients.publisher.listen_for_listeners())
        self.tasks.eternal("intake", self.intake.run())
        self.tasks.eternal("recovery", self.recovery.run())
        self.tasks.eternal("outbox", self.sender.run())
        self.tasks.eternal("jobs", self.jobs.run())
        self.tasks.eternal("bots", self.bots.run())
        self.tasks.eternal("upkeep", self._upkeep.run())

    async def run_until(self, stop: asyncio.Event) -> None:
        """Work until `stop`. Raises TaskEnded when a part dies or the lease is lost."""
        await self.tasks.run_until(stop)

    async def drain(self) -> None:
        """The planned end, phase by phase; whatever misses its deadline is left to the next owner's recovery."""
        # 1. Take nothing new, release idle slots at once, settle the busy ones, leave.
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self.ownership.drain()
        except (TimeoutError, Unavailable, LeaseLost) as error:
            log.warning("worker.drain_incomplete", error=repr(error))

    async def close(self) -> None:
        """Stop the parts; nothing is committed after a lost lease, because every commit is fenced."""
        # 2. Stop loops and what they started.
        await self.tasks.stop()
        for part in (self.ownership, self.bots, self.conversations, self.sender, self.jobs):
            await part.stop()
        # 3. Flush what was handed to the batches.
        try:
            async with asyncio.timeout(COMPONENTS_SECONDS):
                for batch in (self._commits, self._marks, self._writer):
                    await batch.close()
        except (TimeoutError, Unavailable) as error:
            log.warning("worker.close_incomplete", error=repr(error))

    def _make_bots(self) -> BotRegistry:
        clients = self._clients
        poller = Poller(clients.telegram, self._writer, clients.clock)
        webhooks = WebhookKeeper(
            client=clients.telegram,
            keyring=clients.keyring,
            base_url=self._settings.base_url,
            db=clients.db,
            clock=clients.clock,
        )
        registry = BotRegistry(
            db=clients.db,
            client=clients.telegram,
            keyring=clients.keyring,
            ownership=self.ownership,
            poller=poller,
            webhooks=webhooks,
            clock=clients.clock,
        )
        poller.token_died = webhooks.token_died = registry.token_died
        return registry

    def _make_noting(self) -> Noting:
        return Noting(
            db=self._clients.db,
            publisher=self._clients.publisher,
            conversations=self.conversations,
            find_bot=self.bots.find,
            call=self.bots.call,
            tasks=self.tasks,
        )

    def _make_sender(self) -> Sender:
        return Sender(
            db=self._clients.db,
            publisher=self._clients.publisher,
            ownership=self.ownership,
            marks=self._marks,
            call=self.bots.call,
            find_bot=self.bots.find,
            known_bot=self.bots.known,
            policy=self._directory.policy,
            token_died=self.bots.token_died,
            clock=self._clients.clock,
        )

    def _make_turn_parts(self) -> TurnParts:
        clients = self._clients
        knowledge = Knowledge(clients.db, clients.embedder, clients.clock)
        return TurnParts(
            db=clients.db,
            ownership=self.ownership,
            commits=self._commits,
            answering=Answering(knowledge, clients.llm, clients.clock),
            find_assistant=self._directory.assistant,
            stream=self._make_stream,
            clock=clients.clock,
            tasks=self.tasks,
        )

    def _instant(self, assistant: Assistant, text: str) -> Answer | None:
        return self._turn_parts.answering.instant(assistant, text)

    def _make_turn(self, dialog: DialogRef, items: list[Pending]) -> Turn:
        return Turn(self._turn_parts, dialog, items)

    def _make_stream(self, dialog: DialogRef, turn_id: UUID, item: Pending) -> TurnStream:
        drafts = None
        if dialog.channel == "telegram":
            place = Address.parse(dialog.address)
            drafts = DraftSender(
                self.sender,
                self.tasks,
                self._clients.clock,
                bot_id=int(dialog.source),
                chat_id=place.chat_id,
                topic_id=place.topic_id,
                draft_id=draft_id_of(turn_id),
                private=item.private,
                connection_id=place.connection_id,
                preview=PreviewMessage(self._clients.db, self.sender, growing_in(dialog, item, place)),
            )
        return TurnStream(
            publisher=self._clients.publisher,
            clock=self._clients.clock,
            dialog_id=dialog.id,
            slot=dialog.slot,
            turn_id=turn_id,
            drafts=drafts,
        )

    def _make_jobs(self) -> JobRunner:
        clients = self._clients
        handlers = job_handlers(
            publisher=clients.publisher, telegram=clients.telegram, keyring=clients.keyring, embedder=clients.embedder
        )
        return JobRunner(clients.db, self.ownership, handlers, clients.clock, cancelled_handlers())

    def _stats(self) -> dict[str, float]:
        return {
            "bots": len(self.bots),
            "conversations": len(self.conversations),
            "updates": self._updates.per_second(),
            "sends": self._sends.per_second(),
        }
