"""Use cases of bots. Whoever changes one publishes BotChanged on its slot's bell after the commit."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from domain.bots import queries
from domain.bots.model import Bot, BotMode, BotSecrets, BotState
from domain.bots.updates import Connection
from domain.clients.telegram import Done, Refused, TelegramClient
from domain.kit.db import Conn, Row
from domain.kit.errors import Conflict, Invalid, NotFound, Unavailable
from domain.kit.sealing import KeyRing
from domain.kit.slots import slot_of_bot


class Identity(NamedTuple):
    """What getMe says of a token."""

    id: int
    username: str
    name: str


class LimitReached(Conflict):
    """A tenant has as many bots as it may have."""


class Flooded(Unavailable):
    """Telegram is there and asks to wait `retry_after` seconds."""


class WebhookTarget(NamedTuple):
    """Whose webhook a path is."""

    bot_id: int
    tenant_id: UUID


def secrets_of(keyring: KeyRing, bot_id: int) -> BotSecrets:
    """The webhook's path and header secrets, derived from the master key."""
    return BotSecrets(
        path=keyring.mac("telegram-path", str(bot_id)), header=keyring.mac("telegram-header", str(bot_id))
    )


def path_hash(path: str) -> bytes:
    """How the directory stores a webhook's path."""
    return hashlib.sha256(path.encode()).digest()


def token_place(tenant_id: UUID, bot_id: int) -> str:
    """Where a sealed token belongs."""
    return f"bots.token|{tenant_id}|{bot_id}"


def looks_like_a_token(text: str) -> bool:
    """Whether it is worth asking Telegram: a number, a colon, and letters."""
    number, _, secret = text.partition(":")
    return text.isascii() and number.isdigit() and len(number) < 19 and len(text) <= 100 and secret.isprintable()


async def identify(client: TelegramClient, token: str) -> Identity:
    """Ask Telegram whose token this is. Raises Invalid for a wrong one, Unavailable when Telegram is away,
    Flooded when it asks to wait."""
    if not looks_like_a_token(token):
        raise Invalid("This is not a bot token. Copy it from @BotFather: it looks like 123456789:AAE4...")
    outcome = await client.call(token, "getMe", seconds=10)
    if isinstance(outcome, Done):
        me = outcome.result
        return Identity(int(me["id"]), str(me.get("username", "")), str(me.get("first_name", "")))
    if isinstance(outcome, Refused) and outcome.code in {401, 404}:
        raise Invalid("Telegram does not know this token. Check it in @BotFather, or make a new one there.")
    if isinstance(outcome, Refused) and outcome.retry_after:
        wait = outcome.retry_after
        raise Flooded(f"Telegram asks to wait {wait:.0f} seconds before it is asked again.", retry_after=wait)
    raise Unavailable("Telegram does not answer now; try again in a minute.", retry_after=30)


async def add(
    conn: Conn,
    keyring: KeyRing,
    *,
    tenant_id: UUID,
    assistant_id: UUID,
    token: str,
    me: Identity,
    mode: BotMode,
    limit: int | None = None,
) -> Bot:
    """Connect an identified bot. Raises Conflict if any tenant has it, or this one has `limit` bots; NotFound for a
    foreign assistant."""
    if limit is not None:
        await _make_sure_of_room(conn, tenant_id, limit)
    try:
        await conn.execute(queries.INSERT_DIRECTORY, me.id, tenant_id, path_hash(secrets_of(keyring, me.id).path))
        row = await conn.fetchrow(
            queries.INSERT,
            tenant_id,
            me.id,
            assistant_id,
            me.username,
            me.name,
            slot_of_bot(me.id),
            keyring.seal(token, place=token_place(tenant_id, me.id)),
            mode,
        )
    except asyncpg.UniqueViolationError as error:
        raise Conflict(f"The bot @{me.username} is connected already. Remove it there first.") from error
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound("There is no such assistant.") from error
    return queries.bot(_found(row))


async def _make_sure_of_room(conn: Conn, tenant_id: UUID, limit: int) -> None:
    await conn.execute(queries.LOCK_TENANT, tenant_id)
    if await conn.fetchval(queries.COUNT, tenant_id) >= limit:
        raise LimitReached(f"This workspace has {limit} bots, which is its limit: remove one, or raise BOTS_MAX.")


async def list_bots(conn: Conn, *, tenant_id: UUID, after: int = 0, limit: int = 50) -> list[Bot]:
    """A page of bots with id > after."""
    return [queries.bot(row) for row in await conn.fetch(queries.LIST, tenant_id, after, limit)]


async def get(conn: Conn, *, tenant_id: UUID, bot_id: int) -> Bot:
    """One bot. Raises NotFound."""
    return queries.bot(_found(await conn.fetchrow(queries.GET, tenant_id, bot_id)))


async def update(
    conn: Conn,
    *,
    tenant_id: UUID,
    bot_id: int,
    assistant_id: UUID | None = None,
    mode: BotMode | None = None,
    state: BotState | None = None,
    rate: int | None = None,
    token_sealed: bytes | None = None,
) -> Bot:
    """Change what is given. Raises NotFound."""
    try:
        row = await conn.fetchrow(queries.UPDATE, tenant_id, bot_id, assistant_id, mode, state, rate, token_sealed)
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound("There is no such assistant.") from error
    bot = queries.bot(_found(row))
    await conn.execute(queries.UPDATE_DIRECTORY, tenant_id, bot_id, bot.state)
    return bot


async def delete(conn: Conn, *, tenant_id: UUID, bot_id: int) -> int:
    """Disconnect a bot; returns its slot. Raises NotFound."""
    slot: int = _found(await conn.fetchrow(queries.DELETE, tenant_id, bot_id))["slot"]
    await conn.execute(queries.DELETE_DIRECTORY, tenant_id, bot_id)
    return slot


async def find_by_path(conn: Conn, *, path: str) -> WebhookTarget | None:
    """Whose webhook this path is, if anyone's."""
    row = await conn.fetchrow(queries.FIND_BY_PATH, path_hash(path))
    return WebhookTarget(row["bot_id"], row["tenant_id"]) if row else None


async def list_by_slots(conn: Conn, *, slots: Sequence[int]) -> list[Bot]:
    """All bots of the slots, for their owner."""
    return [queries.bot(row) for row in await conn.fetch(queries.LIST_BY_SLOTS, slots)]


async def find(conn: Conn, *, bot_id: int) -> Bot | None:
    """One bot for the owner of its slot; None when it was removed."""
    row = await conn.fetchrow(queries.GET_BY_ID, bot_id)
    return queries.bot(row) if row else None


async def note_seen(conn: Conn, bots: Sequence[tuple[UUID, int]]) -> None:
    """Updates of these (tenant, bot) pairs arrived."""
    await conn.execute(queries.NOTE_SEEN, [tenant for tenant, _ in bots], [bot for _, bot in bots])


async def save_connection(conn: Conn, *, tenant_id: UUID, bot_id: int, connection: Connection) -> None:
    """A business account connected, changed its rights, or left."""
    await conn.execute(
        queries.SAVE_CONNECTION, tenant_id, bot_id, connection.id, connection.user_id, connection.can_reply
    )


async def muted_connections(
    conn: Conn, connections: Sequence[tuple[UUID, int, str]]
) -> frozenset[tuple[UUID, int, str]]:
    """Those (tenant, bot, connection) in which the bot may not reply; of an unknown one Telegram itself says so."""
    columns = [list(column) for column in zip(*connections, strict=True)]
    rows = await conn.fetch(queries.MUTED_CONNECTIONS, *columns)
    return frozenset((row["tenant_id"], row["bot_id"], row["id"]) for row in rows)


async def list_versions(conn: Conn, *, slots: Sequence[int]) -> dict[int, datetime]:
    """Bot -> when it was changed last, for all bots of the slots."""
    return {row["id"]: row["updated_at"] for row in await conn.fetch(queries.LIST_VERSIONS, slots)}


async def note_error(conn: Conn, *, tenant_id: UUID, bot_id: int, error: str | None) -> None:
    """Keep what went wrong for the tenant to see (None: it is over)."""
    await conn.execute(queries.NOTE_ERROR, tenant_id, bot_id, error)


async def withdraw_error(conn: Conn, *, tenant_id: UUID, bot_id: int, error: str) -> None:
    """This trouble is over, if it is still what the tenant reads."""
    await conn.execute(queries.WITHDRAW_ERROR, tenant_id, bot_id, error)


async def revoke(conn: Conn, bot: Bot, *, reason: str) -> bool:
    """Telegram refused the token of this bot, as it was read: stop it until it gets another one. False if it has one
    already."""
    revoked = await conn.fetchval(queries.REVOKE, bot.tenant_id, bot.id, bot.token_sealed, reason)
    if revoked is not None:
        await conn.execute(queries.UPDATE_DIRECTORY, bot.tenant_id, bot.id, "revoked")
    return revoked is not None


def _found(row: Row | None) -> Row:
    if row is None:
        raise NotFound("There is no such bot.")
    return row
