"""SQL of the outbox. The owner's statements run inside a transaction that has fenced the slots."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from domain.kit.db import Conn, Row
from domain.outbox.model import OutboxDraft, OutboxRow

# In the order of OutboxRow's fields.
_COLUMNS = """id, tenant_id, slot, bot_id, dialog_id, message_id, chat_id, part, parts, method, payload, priority,
    state, attempts, resends, epoch, created_at, greatest(0, extract(epoch FROM not_before - now()))::float8 AS wait,
    preview_of IS NOT NULL AS preview"""

# Adds sends with the messages they carry.
INSERT_MANY = f"""
INSERT INTO outbox (tenant_id, slot, bot_id, dialog_id, message_id, chat_id, part, parts, method, payload, priority)
SELECT t.* FROM unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::uuid[], $5::uuid[], $6::bigint[], $7::smallint[],
    $8::smallint[], $9::text[], $10::jsonb[], $11::smallint[]) AS t
RETURNING {_COLUMNS}
"""

# What waits to be sent in the owned slots, without what its reader has already: of each bot the first few replies ($4
# false) or sends of broadcasts ($4 true), oldest first. The bots are found by hopping through the index from one to the
# next, so a bot with 100,000 rows costs no more than one with a few; a row is compared with its own bot's known ones.
FETCH_READY = f"""
WITH RECURSIVE waiting AS (
    (SELECT slot, bot_id FROM outbox WHERE state = 'ready' ORDER BY slot, bot_id LIMIT 1)
    UNION ALL
    SELECT n.slot, n.bot_id FROM waiting w CROSS JOIN LATERAL (
        SELECT o.slot, o.bot_id FROM outbox o WHERE o.state = 'ready' AND (o.slot, o.bot_id) > (w.slot, w.bot_id)
        ORDER BY o.slot, o.bot_id LIMIT 1) n),
known AS MATERIALIZED (
    SELECT t.bot_id, array_agg(t.id) AS ids FROM unnest($2::bigint[], $6::bigint[]) AS t (bot_id, id) GROUP BY 1)
SELECT x.* FROM waiting w LEFT JOIN known k ON k.bot_id = w.bot_id CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM outbox o
    WHERE o.state = 'ready' AND o.slot = w.slot AND o.bot_id = w.bot_id AND (o.priority >= 9) = $4
        AND o.id <> ALL(coalesce(k.ids, ARRAY[]::bigint[]))
    ORDER BY o.priority, o.id LIMIT $5) x
WHERE w.slot = ANY($1::smallint[]) AND w.bot_id <> ALL($3::bigint[])
ORDER BY x.id
"""

# What was being sent under an epoch that is over: its outcome is unknown.
FETCH_ORPHANS = f"""
SELECT {_COLUMNS} FROM outbox x WHERE slot = ANY($1::smallint[]) AND state = 'sending'
    AND epoch < (SELECT s.epoch FROM slot_owners s WHERE s.slot = x.slot) ORDER BY id
"""

# In the marks, `state || ''` keeps the planner from the index of open rows, which it takes for small: that begins with
# the slot, and would be read as a whole for each row of the batch.

# Committed before the socket write: whoever finds it afterwards knows that it may have been sent. Rows are locked in
# the order of their ids.
MARK_SENDING = """
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS t (tenant_id, id, epoch)),
locked AS (
    SELECT o.id, g.epoch FROM outbox o JOIN given g ON o.tenant_id = g.tenant_id AND o.id = g.id
    WHERE o.state || '' = 'ready' ORDER BY o.id FOR NO KEY UPDATE OF o)
UPDATE outbox o SET state = 'sending', attempts = least(o.attempts + 1, 32000), epoch = l.epoch, sending_at = now()
FROM locked l WHERE o.id = l.id
RETURNING o.id, o.attempts
"""

# The outcome of a send. Only the epoch that marked it may say so; an orphan is judged by the new owner's.
MARK_OUTCOME = """
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::smallint[], $7::float8[])
        AS t (tenant_id, id, state, telegram_message_id, error, resends, delay)),
locked AS (
    SELECT o.id AS row_id, g.* FROM outbox o JOIN given g ON o.tenant_id = g.tenant_id AND o.id = g.id
    WHERE o.state || '' = 'sending' ORDER BY o.id FOR NO KEY UPDATE OF o)
UPDATE outbox o SET state = l.state, telegram_message_id = l.telegram_message_id, error = l.error, resends = l.resends,
    not_before = now() + make_interval(secs => l.delay),
    finished_at = CASE WHEN l.state <> 'ready' THEN now() END
FROM locked l WHERE o.id = l.row_id
RETURNING o.id
"""

# The parts behind a part that failed are not sent either.
FAIL_REST = """
UPDATE outbox SET state = 'failed', error = $3, finished_at = now()
WHERE tenant_id = $1 AND message_id = ANY($2::uuid[]) AND state = 'ready'
RETURNING id
"""

# The chat has a new id (a group became a supergroup): what waits goes there.
MOVE_CHAT = """
UPDATE outbox SET chat_id = $4, payload = jsonb_set(payload, '{chat_id}', to_jsonb($4::bigint))
WHERE tenant_id = $1 AND bot_id = $2 AND chat_id = $3 AND state IN ('ready', 'sending')
"""

# A send that is tried again in another way (without entities, as a new message) is changed first.
CHANGE_SEND = "UPDATE outbox SET method = $3, payload = $4 WHERE tenant_id = $1 AND id = $2"

# The sends that the limits still remember, a minute's in groups, a second's or three in private: a new owner rebuilds
# its windows from them.
FETCH_RECENT = """
SELECT bot_id, chat_id, extract(epoch FROM clock_timestamp() - sending_at)::float8 AS age
FROM outbox WHERE slot = ANY($1::smallint[]) AND state IN ('sending', 'sent', 'uncertain')
    AND sending_at > now() - interval '61 seconds' AND (chat_id < 0 OR sending_at > now() - interval '4 seconds')
"""

# Whether any send of a message is still open or went wrong: the message's delivery is the worst of its parts.
DELIVERY_OF = """
SELECT message_id, bool_and(state = 'sent') AS sent, bool_or(state = 'failed') AS failed,
    bool_or(state = 'uncertain') AS uncertain, bool_or(state IN ('ready', 'sending')) AS open,
    max(resends) AS resends, max(error) AS error
FROM outbox WHERE tenant_id = ANY($1::uuid[]) AND message_id = ANY($2::uuid[]) AND dismissed_at IS NULL
GROUP BY message_id
"""


# The sends of a paused broadcast: no sender sees them, and none can mark them `sending`, in whose memory they may be.
# What a person sends again is a reply, here and below, and goes.
PAUSE = """
UPDATE outbox SET state = 'paused' WHERE id IN (
    SELECT id FROM outbox WHERE tenant_id = $1 AND message_id = ANY($2::uuid[]) AND priority >= 9
        AND state = 'ready'
    ORDER BY id FOR NO KEY UPDATE)
"""

# And back.
RESUME = """
UPDATE outbox SET state = 'ready' WHERE id IN (
    SELECT id FROM outbox WHERE tenant_id = $1 AND message_id = ANY($2::uuid[]) AND state = 'paused'
    ORDER BY id FOR NO KEY UPDATE)
"""

# Which of these messages have sends that have not begun.
FETCH_NOT_BEGUN = """
SELECT message_id FROM outbox
WHERE tenant_id = $1 AND message_id = ANY($2::uuid[]) AND priority >= 9
    AND state IN ('ready', 'paused') LIMIT $3
"""

# Sends that have not begun never will: their message says so, and no record is left for anybody to send again.
WITHDRAW = """
DELETE FROM outbox WHERE id IN (
    SELECT id FROM outbox WHERE tenant_id = $1 AND message_id = ANY($2::uuid[]) AND priority >= 9
        AND state IN ('ready', 'paused')
    ORDER BY id FOR UPDATE)
RETURNING message_id
"""

# How many of these messages' sends may still happen by themselves.
COUNT_OPEN = """
SELECT count(*) FROM outbox
WHERE tenant_id = $1 AND message_id = ANY($2::uuid[]) AND state IN ('ready', 'sending')
"""
# Which of these messages Telegram calls so; sends are kept three days.
FIND_MESSAGE = """
SELECT message_id FROM outbox WHERE tenant_id = $1 AND message_id = ANY($2::uuid[]) AND telegram_message_id = $3 LIMIT 1
"""

# Settled sends that nobody needs any more: the message keeps its delivery. A reply that went wrong is a dead letter,
# and stays longer (domain.deadletters); a broadcast has its own record.
DELETE_OLD = """
DELETE FROM outbox WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM outbox WHERE state IN ('sent', 'failed', 'uncertain')
        AND (state = 'sent' OR dismissed_at IS NOT NULL OR priority >= 9)
        AND finished_at < now() - interval '3 days'
    LIMIT $1))
"""


class OutcomeRow(NamedTuple):
    """One judged send; `delay` (seconds) matters for state ready."""

    tenant_id: UUID
    id: int
    state: str
    telegram_message_id: int | None
    error: str | None
    resends: int
    delay: float


async def insert_many(conn: Conn, drafts: Sequence[OutboxDraft]) -> list[OutboxRow]:
    """Insert sends; returns them as rows."""
    rows = await conn.fetch(
        INSERT_MANY,
        [d.tenant_id for d in drafts],
        [d.slot for d in drafts],
        [d.bot_id for d in drafts],
        [d.dialog_id for d in drafts],
        [d.message_id for d in drafts],
        [d.chat_id for d in drafts],
        [d.part for d in drafts],
        [d.parts for d in drafts],
        [d.method for d in drafts],
        [d.payload for d in drafts],
        [d.priority for d in drafts],
    )
    return [_row(row) for row in rows]


async def fetch_ready(
    conn: Conn,
    *,
    slots: Sequence[int],
    known: Sequence[tuple[int, int]],
    without: Sequence[int],
    bulk: bool,
    limit: int,
) -> list[OutboxRow]:
    """Rows waiting to be sent, at most `limit` a bot; not those `known` as (bot, id), and of the bots `without`."""
    bots, ids = [bot_id for bot_id, _ in known], [row_id for _, row_id in known]
    return [_row(row) for row in await conn.fetch(FETCH_READY, slots, bots, without, bulk, limit, ids)]


async def fetch_orphans(conn: Conn, *, slots: Sequence[int]) -> list[OutboxRow]:
    """Rows somebody was sending when they lost the slot."""
    return [_row(row) for row in await conn.fetch(FETCH_ORPHANS, slots)]


async def mark_sending(conn: Conn, rows: Iterable[tuple[UUID, int, int]]) -> dict[int, int]:
    """(tenant, id, epoch) rows are about to be written to the socket; returns id -> attempts, this one counted."""
    given = list(rows)
    found = await conn.fetch(MARK_SENDING, *(list(column) for column in zip(*given, strict=True)))
    return {row["id"]: row["attempts"] for row in found}


async def mark_outcomes(conn: Conn, outcomes: Sequence[OutcomeRow]) -> set[int]:
    """Write verdicts; returns the ids that really changed."""
    columns = [list(column) for column in zip(*outcomes, strict=True)]
    return {row["id"] for row in await conn.fetch(MARK_OUTCOME, *columns)}


class RecentSend(NamedTuple):
    """A send of the last minute, `age` seconds ago."""

    bot_id: int
    chat_id: int
    age: float


async def fetch_recent(conn: Conn, *, slots: Sequence[int]) -> list[RecentSend]:
    """Sends of the last 60 s."""
    return [RecentSend(row["bot_id"], row["chat_id"], row["age"]) for row in await conn.fetch(FETCH_RECENT, slots)]


def _row(row: Row) -> OutboxRow:
    return OutboxRow(*row)
