"""A Telegram dialog with an answer of the assistant, and what became of its sends, as a shard would have left them."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from domain.bots import service as bots
from domain.bots.service import Identity
from domain.dialogs import DialogLog, MessageDraft, Opening
from domain.dialogs.opening import lock_or_open
from domain.kit.db import Database
from domain.kit.ids import uuid7
from domain.kit.slots import slot_of_bot
from domain.outbox import OutboxDraft
from domain.outbox import service as outbox
from tests.gateway.running import Account


@dataclass
class TelegramDialog:
    """A dialog of a bot; `answer` is the assistant's message, seq 2."""

    account: Account
    bot_id: int
    id: UUID
    answer: UUID

    @property
    def path(self) -> str:
        """The answer, over REST."""
        return f"/api/dialogs/{self.id}/messages/2"

    async def outbox(self) -> list[tuple[str, int, bool]]:
        """(state, resends, dismissed) of every send, in order."""
        async with self.account.gateway.services.db.tenant_tx(self.account.tenant_id) as conn:
            rows = await conn.fetch("SELECT state, resends, dismissed_at FROM outbox ORDER BY id")
        return [(row["state"], row["resends"], row["dismissed_at"] is not None) for row in rows]

    async def delivery(self) -> str:
        """Of the answer."""
        [answer] = (await self.account.ok("GET", f"/api/dialogs/{self.id}/messages?after=1"))["items"]
        return str(answer["delivery"])


async def telegram_dialog(account: Account, *, states: tuple[str, ...]) -> TelegramDialog:
    """A dialog whose answer has one send a state ("failed", "uncertain", "sent", "ready")."""
    services, bot_id = account.gateway.services, uuid4().int % 10**9 + 1
    assistant_id, answer = UUID(await account.assistant()), uuid7()
    worst = next((state for state in ("failed", "uncertain", "ready") if state in states), "sent")
    async with services.db.tenant_tx(account.tenant_id) as conn:
        await bots.add(
            conn,
            services.keyring,
            tenant_id=account.tenant_id,
            assistant_id=assistant_id,
            token=f"{bot_id}:secret",
            me=Identity(bot_id, "shop_bot", "Shop"),
            mode="polling",
        )
        opening = Opening(
            account.tenant_id, "telegram", str(bot_id), "7", uuid7(), slot_of_bot(bot_id), assistant_id, "7", "Ivan"
        )
        locked = (await lock_or_open(conn, [opening]))[opening.key]
        log = DialogLog(conn)
        log.adopt([locked])
        log.append(locked, MessageDraft(id=uuid7(), role="customer", text="hi"))
        delivery = "queued" if worst == "ready" else worst
        log.append(locked, MessageDraft(id=answer, role="assistant", text="Hello.", delivery=delivery))  # type: ignore[arg-type]
        await log.flush()
        drafts = [
            OutboxDraft(account.tenant_id, slot_of_bot(bot_id), bot_id, locked.id, answer, 7, part, len(states),
                        "sendMessage", {"chat_id": 7, "text": f"Hello {part}\x1b[31m"})
            for part in range(len(states))
        ]  # fmt: skip
        rows = await outbox.enqueue(conn, drafts)
    dialog = TelegramDialog(account, bot_id, locked.id, answer)
    await _judged(dialog, {row.id: state for row, state in zip(rows, states, strict=True)})
    return dialog


async def _judged(dialog: TelegramDialog, states: dict[int, str]) -> None:
    """Outcomes are the shards' to write: the gateway's role may not."""
    db = await Database.open(dialog.account.gateway.services.settings, worker=1, name="test")
    try:
        async with db.worker_tx() as conn:
            for row_id, state in states.items():
                if state != "ready":
                    await conn.execute(
                        "UPDATE outbox SET state = $2, error = 'Bad Request: x', finished_at = now() WHERE id = $1",
                        row_id,
                        state,
                    )
    finally:
        await db.close()
