"""A dialog's log: gapless, ordered, the same for whoever was away; and what people do with dialogs."""

import asyncio
import random
from typing import Any, Literal
from uuid import UUID

import pytest

from domain.bus import DialogEvent
from domain.dialogs import Dialog, DialogLog, MessageDraft, Opening
from domain.dialogs import service as dialogs
from domain.dialogs.opening import lock_or_open
from domain.kit.db import Database
from domain.kit.errors import Conflict, Invalid, NotFound
from domain.kit.ids import uuid7
from domain.kit.slots import slot_of

Channel = Literal["web", "telegram"]


class Desk:
    """One tenant and what its people and machines do."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.id = uuid7()
        self.assistant = uuid7()

    async def open(self) -> None:
        async with self.db.tenant_tx(self.id) as conn:
            await conn.execute("INSERT INTO tenants (id, name) VALUES ($1, 'T')", self.id)
            q = "INSERT INTO assistants (tenant_id, id, name) VALUES ($1, $2, 'A')"
            await conn.execute(q, self.id, self.assistant)

    async def arrive(self, dialog: UUID, text: str, *, name: str = "Anna", channel: Channel = "web") -> UUID:
        """As intake does it; returns the dialog's id."""
        address = str(dialog) if channel == "web" else str(dialog.int % 10**9)
        opening = Opening(
            self.id, channel, "1001", address, dialog, slot_of(dialog), self.assistant, address, name, None, "en"
        )
        async with self.db.worker_tx() as conn:
            found = (await lock_or_open(conn, [opening]))[opening.key]
            log = DialogLog(conn)
            log.adopt([found])
            log.append(found, MessageDraft(id=uuid7(), role="customer", text=text))
            await log.flush()
        return found.id

    async def deliver(self, dialog: UUID, message: UUID) -> None:
        """As the outbox does it."""
        async with self.db.worker_tx() as conn:
            log = DialogLog(conn)
            found = await log.lock([(self.id, dialog)])
            log.set_delivery(found[dialog], message, "sent", None)
            await log.flush()

    async def reply(self, dialog: UUID, text: str) -> list[DialogEvent]:
        async with self.db.tenant_tx(self.id) as conn:
            return await dialogs.reply_as_operator(conn, tenant_id=self.id, dialog_id=dialog, text=text, author="Ivan")

    async def events(self, dialog: UUID, after: int = 0, limit: int = 500) -> list[tuple[int, str, dict[str, Any]]]:
        async with self.db.tenant_tx(self.id) as conn:
            found = await dialogs.events_since(conn, tenant_id=self.id, dialog_id=dialog, after=after, limit=limit)
        return [(event.seq, event.kind, event.data) for event in found]

    async def get(self, dialog: UUID) -> Dialog:
        async with self.db.tenant_tx(self.id) as conn:
            return await dialogs.get_dialog(conn, tenant_id=self.id, dialog_id=dialog)


@pytest.fixture
async def desk(db: Database) -> Desk:
    """A tenant."""
    found = Desk(db)
    await found.open()
    return found


async def test_twenty_writers_leave_no_gap(desk: Desk) -> None:
    dialog = await desk.arrive(uuid7(), "first")
    [first] = await desk.events(dialog)

    async def write(number: int) -> None:
        for _ in range(3):
            if number % 3 == 0:
                await desk.arrive(dialog, f"customer {number}")
            elif number % 3 == 1:
                await desk.reply(dialog, f"operator {number}")
            else:
                await desk.deliver(dialog, UUID(first[2]["id"]))

    await asyncio.gather(*(write(number) for number in range(20)))
    events = await desk.events(dialog)
    assert [seq for seq, _, _ in events] == list(range(1, 63))  # 1 + 60, and one change of mode
    assert [kind for _, kind, _ in events].count("mode") == 1
    assert (await desk.get(dialog)).last_seq == 62


async def test_a_reader_during_the_writing_never_sees_an_event_without_its_predecessor(desk: Desk) -> None:
    dialog = await desk.arrive(uuid7(), "first")
    [first] = await desk.events(dialog)
    seen = [first]

    async def write() -> None:
        for number in range(25):
            await desk.arrive(dialog, str(number))
            await desk.deliver(dialog, UUID(first[2]["id"]))

    writing = asyncio.ensure_future(write())
    while not writing.done() or len(seen) < 51:
        new = await desk.events(dialog, after=seen[-1][0], limit=7)
        assert [seq for seq, _, _ in new] == list(range(seen[-1][0] + 1, seen[-1][0] + 1 + len(new)))
        seen += new
    await writing


async def test_what_was_missed_added_to_what_was_seen_is_the_transcript(desk: Desk) -> None:
    dialog = await desk.arrive(uuid7(), "q1", channel="telegram")
    await desk.reply(dialog, "a1")
    await desk.arrive(dialog, "q2", channel="telegram")
    whole = await desk.events(dialog)
    random.seed(7)
    for _ in range(20):
        cut, limit = random.randint(0, len(whole)), random.randint(1, 3)
        seen = whole[:cut]
        while new := await desk.events(dialog, after=seen[-1][0] if seen else 0, limit=limit):
            seen += new
        assert seen == whole
    async with desk.db.tenant_tx(desk.id) as conn:
        listed = await dialogs.list_messages(conn, tenant_id=desk.id, dialog_id=dialog)
    assert [data for _, kind, data in whole if kind == "message"] == listed


async def test_what_is_published_is_what_is_read_later(desk: Desk) -> None:
    dialog = await desk.arrive(uuid7(), "hello")
    published = await desk.reply(dialog, "hi")
    read = await desk.events(dialog, after=1)
    times = [data.pop("created_at", None) for _, _, data in read]
    assert [(e.seq, e.kind, {k: v for k, v in e.data.items() if k != "created_at"}) for e in published] == read
    assert times[0] is None
    assert times[1] is not None


async def test_an_operators_reply_takes_the_dialog_over_and_is_queued_for_telegram(desk: Desk) -> None:
    dialog = await desk.arrive(uuid7(), "hello", channel="telegram")
    events = await desk.reply(dialog, " I am here. ")
    assert [(event.kind, event.seq) for event in events] == [("mode", 2), ("message", 3)]
    assert events[1].data["text"] == "I am here."
    assert events[1].data["delivery"] == "queued"
    found = await desk.get(dialog)
    assert (found.mode, found.last_text) == ("active", "I am here.")
    async with desk.db.worker_tx() as conn:
        [row] = await conn.fetch("SELECT payload, state, message_id FROM outbox WHERE tenant_id = $1", desk.id)
    assert (row["payload"]["text"], row["state"], str(row["message_id"])) == (
        "I am here.",
        "ready",
        events[1].data["id"],
    )


@pytest.mark.parametrize("text", ["", "   ", "x" * 4001])
async def test_a_reply_that_cannot_be_sent_says_why(desk: Desk, text: str) -> None:
    dialog = await desk.arrive(uuid7(), "hello")
    with pytest.raises(Invalid):
        await desk.reply(dialog, text)
    assert (await desk.get(dialog)).last_seq == 1


async def test_nobody_writes_to_a_customer_who_blocked_the_bot(desk: Desk) -> None:
    dialog = await desk.arrive(uuid7(), "hello", channel="telegram")
    async with desk.db.worker_tx() as conn:
        log = DialogLog(conn)
        log.set_blocked((await log.lock([(desk.id, dialog)]))[dialog], True)
        await log.flush()
    with pytest.raises(Conflict, match="blocked the bot"):
        await desk.reply(dialog, "are you there?")


async def test_a_closed_dialog_goes_back_to_the_assistant_and_is_reopened_by_its_customer(desk: Desk) -> None:
    dialog = await desk.arrive(uuid7(), "hello")
    await desk.reply(dialog, "hi")
    async with desk.db.tenant_tx(desk.id) as conn:
        events = await dialogs.set_status(conn, tenant_id=desk.id, dialog_id=dialog, status="closed")
    assert [(e.kind, e.data["mode"]) for e in events] == [("mode", "ai")]
    assert (await desk.get(dialog)).status == "closed"
    await desk.arrive(dialog, "one more thing")
    found = await desk.get(dialog)
    assert (found.status, found.mode) == ("open", "ai")


async def test_the_mode_that_is_there_already_is_no_event(desk: Desk) -> None:
    dialog = await desk.arrive(uuid7(), "hello")
    async with desk.db.tenant_tx(desk.id) as conn:
        assert await dialogs.set_mode(conn, tenant_id=desk.id, dialog_id=dialog, mode="ai", reason="x") == []
        [event] = await dialogs.set_mode(conn, tenant_id=desk.id, dialog_id=dialog, mode="active", reason="x")
    assert (event.seq, event.data["mode"]) == (2, "active")


async def test_dialogs_are_found_by_name_by_text_and_by_mode_in_pages(desk: Desk) -> None:
    made = [await desk.arrive(uuid7(), f"order 10{n}%", name=f"Person {n}") for n in range(5)]
    await desk.reply(made[2], "hi")

    async def find(**options: Any) -> list[UUID]:
        async with desk.db.tenant_tx(desk.id) as conn:
            return [d.id for d in await dialogs.list_dialogs(conn, tenant_id=desk.id, **options)]

    assert await find(search="person 3") == [made[3]]
    assert await find(search="order 104%") == [made[4]]
    assert await find(search="order 1__%") == []  # wildcards are text
    assert await find(mode="active") == [made[2]]
    assert await find(status="closed") == []
    first = await find(limit=2)
    async with desk.db.tenant_tx(desk.id) as conn:
        last = await dialogs.get_dialog(conn, tenant_id=desk.id, dialog_id=first[-1])
    rest = await find(before=(last.last_message_at, last.id))
    assert [*first, *rest] == [made[2], made[4], made[3], made[1], made[0]]


async def test_only_what_is_said_between_two_moves_a_dialog_in_the_list(desk: Desk) -> None:
    first, second = await desk.arrive(uuid7(), "one"), await desk.arrive(uuid7(), "two")
    [said] = [event for event in await desk.reply(first, "hi") if event.kind == "message"]
    before = await desk.get(first)
    await desk.reply(second, "ho")

    async with desk.db.worker_tx() as conn:
        log = DialogLog(conn)
        found = await log.lock([(desk.id, first)])
        log.append(found[first], MessageDraft(id=uuid7(), role="assistant", text="20% off for everybody", quiet=True))
        await log.flush()
    await desk.deliver(first, UUID(said.data["id"]))

    after = await desk.get(first)
    assert (after.last_text, after.last_message_at) == ("hi", before.last_message_at)
    assert after.last_seq > before.last_seq
    async with desk.db.tenant_tx(desk.id) as conn:
        assert [d.id for d in await dialogs.list_dialogs(conn, tenant_id=desk.id)] == [second, first]


async def test_another_tenants_dialog_does_not_exist(desk: Desk, db: Database) -> None:
    other = Desk(db)
    await other.open()
    dialog = await desk.arrive(uuid7(), "secret")
    assert await other.events(dialog) == []
    for work in (other.get(dialog), other.reply(dialog, "hi")):
        with pytest.raises(NotFound):
            await work


async def test_twenty_arrivals_open_one_dialog(desk: Desk) -> None:
    chat = uuid7()
    found = await asyncio.gather(*(desk.arrive(chat, str(n), channel="telegram") for n in range(20)))
    assert len(set(found)) == 1
    assert len(await desk.events(found[0])) == 20
