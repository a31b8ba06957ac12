"""SQL of the inbox. The owner's statements run inside a transaction that has fenced the slots."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from domain.inbox.model import AcceptedRow, Arrival, InboxRow
from domain.kit.db import Conn, Row

# Accepts a batch: only arrivals whose key is new become rows. Keys are inserted in order, so two gateways with
# overlapping batches do not deadlock.
ACCEPT = """
WITH incoming AS (
    SELECT DISTINCT ON (channel, source, source_id) *
    FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::bytea[])
        WITH ORDINALITY AS t (tenant_id, slot, channel, source, source_id, raw, position)
    ORDER BY channel, source, source_id, position
), fresh AS (
    INSERT INTO inbox_keys (channel, source, source_id)
    SELECT channel, source, source_id FROM incoming ORDER BY channel, source, source_id
    ON CONFLICT DO NOTHING RETURNING channel, source, source_id
), added AS (
    INSERT INTO inbox (tenant_id, slot, channel, source, source_id, raw)
    SELECT i.tenant_id, i.slot, i.channel, i.source, i.source_id, i.raw
    FROM incoming i JOIN fresh USING (channel, source, source_id) ORDER BY i.position
)
SELECT channel, source, source_id FROM fresh
"""

_COLUMNS = """i.tenant_id, i.id, i.slot, i.channel, i.source, i.source_id, i.raw, i.state, i.attempts, i.epoch,
    i.dialog_id, i.message_seq, i.received_at"""

# What has arrived in these slots and is not in its dialog yet: so many rows of each slot, oldest first, so that a bot
# that is flooded does not keep the others waiting. A look into the index for each slot: no plan can go wrong there.
FETCH_READY = f"""
SELECT {_COLUMNS} FROM unnest($1::smallint[]) AS s (slot) CROSS JOIN LATERAL (
    SELECT * FROM inbox WHERE slot = s.slot AND state = 'ready' ORDER BY id LIMIT $2) i
ORDER BY i.id LIMIT $3
"""

# Accepted rows, and rows that were running when their owner was lost, with id > $2, oldest first.
FETCH_UNANSWERED = f"""
SELECT {_COLUMNS} FROM unnest($1::smallint[]) AS s (slot) CROSS JOIN LATERAL (
    SELECT * FROM inbox WHERE slot = s.slot AND state IN ('accepted', 'running') AND id > $2 ORDER BY id LIMIT $3) i
ORDER BY i.id LIMIT $3
"""

# The last row of each slot that is not in its dialog yet; `tenant_id` comes with the rows when they are read.
NEWEST_READY = """
SELECT s.slot, i.id FROM unnest($1::smallint[]) AS s (slot) CROSS JOIN LATERAL (
    SELECT id FROM inbox WHERE slot = s.slot AND state = 'ready' ORDER BY id DESC LIMIT 1) i
"""

# Where answers are owed, without the rows' bytes; `tenant_id` comes with the rows when they are read.
FETCH_OWED = """
SELECT slot, id FROM inbox WHERE slot = ANY($1::smallint[]) AND state IN ('accepted', 'running') ORDER BY id
"""

# In the marks, `state || ''` keeps the planner from the index of open rows, which it takes for small: that begins with
# the slot, and would be read as a whole for each row of the batch.

# Rows that an earlier owner may have died of are about to be read. Under one epoch that is one attempt, however often:
# its owner is alive.
COUNT_READING = """
UPDATE inbox i SET epoch = t.epoch, attempts = i.attempts + (i.epoch <> t.epoch)::int
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS t (tenant_id, id, epoch)
WHERE i.tenant_id = t.tenant_id AND i.id = t.id AND i.state || '' = 'ready'
RETURNING i.id, i.attempts
"""

# The message of each row is in its dialog now, and reading it has killed nobody; rows that need no turn, or have their
# answer already, are done at once. A row that is not ready any more is not in the result.
MARK_ACCEPTED = """
UPDATE inbox i SET state = t.state, dialog_id = t.dialog_id, message_seq = t.seq, answer_id = t.answer_id,
    attempts = 0, done_at = CASE WHEN t.state = 'done' THEN now() END
FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::bigint[], $5::text[], $6::uuid[])
    AS t (tenant_id, id, dialog_id, seq, state, answer_id)
WHERE i.tenant_id = t.tenant_id AND i.id = t.id AND i.state || '' = 'ready'
RETURNING i.id
"""

# A turn starts: the attempt counts from here, before any work. Beginning again under the same epoch is the same
# attempt: its owner is alive, so the row did not kill it.
MARK_RUNNING = """
UPDATE inbox i SET state = 'running', epoch = t.epoch,
    attempts = i.attempts + (i.state = 'accepted' OR i.epoch <> t.epoch)::int
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS t (tenant_id, id, epoch)
WHERE i.tenant_id = t.tenant_id AND i.id = t.id AND i.state || '' IN ('accepted', 'running')
RETURNING i.id, i.attempts
"""

# Whether a turn still works on a row; if so, its commit waits for this transaction.
HOLD_RUNNING = """
SELECT id FROM inbox WHERE tenant_id = $1 AND id = $2 AND state || '' = 'running' AND epoch = $3 FOR SHARE
"""

# A turn is committed: each row has its one answer. A row that is not running any more is not counted.
MARK_DONE = """
UPDATE inbox i SET state = 'done', answer_id = t.answer_id, done_at = now()
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[]) AS t (tenant_id, id, epoch, answer_id)
WHERE i.tenant_id = t.tenant_id AND i.id = t.id AND i.state || '' = 'running' AND i.epoch = t.epoch
RETURNING i.id
"""

# The customer changed the message of an unanswered row: another row asks what it says now, and this one is over. A turn
# that runs on it finds it done, and commits no answer to the old words.
SUPERSEDE = """
UPDATE inbox SET state = 'done', done_at = now()
WHERE tenant_id = $1 AND slot = $2 AND state IN ('accepted', 'running') AND dialog_id = $3 AND message_seq = $4
RETURNING id
"""

# A turn was given up by drain or lease loss: the attempt does not count.
GIVE_BACK = """
UPDATE inbox i SET state = 'accepted', attempts = greatest(i.attempts - 1, 0)
FROM unnest($1::uuid[], $2::bigint[]) AS t (tenant_id, id)
WHERE i.tenant_id = t.tenant_id AND i.id = t.id AND i.state || '' = 'running'
"""

# Dead letter, with its reason.
MARK_DEAD = """
UPDATE inbox SET state = 'dead', error = $3, done_at = now()
WHERE tenant_id = $1 AND id = ANY($2::bigint[]) AND state <> 'done'
"""

# Keys older than any redelivery, and rows that are settled; a batch at a time, so that no statement grows with time.
DELETE_OLD_KEYS = """
DELETE FROM inbox_keys WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM inbox_keys WHERE created_at < now() - interval '3 days' LIMIT $1))
"""
DELETE_OLD_ROWS = """
DELETE FROM inbox WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM inbox WHERE state = 'done' AND done_at < now() - interval '3 days' LIMIT $1))
"""


async def insert_arrivals(conn: Conn, arrivals: Sequence[Arrival]) -> set[tuple[str, str, str]]:
    """Insert a batch; returns the keys that were new."""
    rows = await conn.fetch(
        ACCEPT,
        [a.tenant_id for a in arrivals],
        [a.slot for a in arrivals],
        [a.channel for a in arrivals],
        [a.source for a in arrivals],
        [a.source_id for a in arrivals],
        [a.raw for a in arrivals],
    )
    return {(row["channel"], row["source"], row["source_id"]) for row in rows}


async def fetch_ready(conn: Conn, *, slots: Sequence[int], share: int, limit: int) -> list[InboxRow]:
    """Rows that are not in their dialog yet, oldest first: at most `share` of each slot, and `limit` in all."""
    return [_row(row) for row in await conn.fetch(FETCH_READY, slots, share, limit)]


async def fetch_unanswered(conn: Conn, *, slots: Sequence[int], after: int, limit: int) -> list[InboxRow]:
    """Accepted rows, and rows that were running when their owner was lost, with id > after: what a new owner must
    answer."""
    return [_row(row) for row in await conn.fetch(FETCH_UNANSWERED, slots, after, limit)]


async def newest_ready(conn: Conn, *, slots: Sequence[int]) -> dict[int, int]:
    """slot -> id of its last row that is not in its dialog yet; slots without one are missing."""
    return {row["slot"]: row["id"] for row in await conn.fetch(NEWEST_READY, slots)}


async def count_reading(conn: Conn, rows: Iterable[tuple[UUID, int, int]]) -> dict[int, int]:
    """(tenant, id, epoch) rows are about to be read; returns id -> attempts, this one counted.

    A row that is missing from the result is not ready any more.
    """
    tenants, ids, epochs = _columns(rows, 3)
    return {row["id"]: row["attempts"] for row in await conn.fetch(COUNT_READING, tenants, ids, epochs)}


async def mark_accepted(conn: Conn, rows: Iterable[AcceptedRow]) -> int:
    """The messages of these rows are in their dialogs; returns how many rows were still ready, as all should be."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return len(await conn.fetch(MARK_ACCEPTED, *columns))


async def fetch_owed(conn: Conn, *, slots: Sequence[int]) -> list[tuple[int, int]]:
    """(slot, row id) of every row that was accepted and is not answered."""
    return [(row["slot"], row["id"]) for row in await conn.fetch(FETCH_OWED, slots)]


async def mark_running(conn: Conn, rows: Iterable[tuple[UUID, int, int]]) -> dict[int, int]:
    """(tenant, id, epoch) rows begin their turn; returns id -> attempts, this one counted.

    A row that is missing from the result was answered or buried already.
    """
    tenants, ids, epochs = _columns(rows, 3)
    return {row["id"]: row["attempts"] for row in await conn.fetch(MARK_RUNNING, tenants, ids, epochs)}


async def mark_done(conn: Conn, rows: Iterable[tuple[UUID, int, int, UUID | None]]) -> set[int]:
    """(tenant, id, epoch, answer) rows are answered; returns the ids that really changed."""
    tenants, ids, epochs, answers = _columns(rows, 4)
    return {row["id"] for row in await conn.fetch(MARK_DONE, tenants, ids, epochs, answers)}


async def give_back(conn: Conn, rows: Iterable[tuple[UUID, int]]) -> None:
    """(tenant, id) rows were interrupted and wait again."""
    tenants, ids = _columns(rows, 2)
    await conn.execute(GIVE_BACK, tenants, ids)


def _columns(rows: Iterable[tuple[object, ...]], width: int) -> tuple[list[object], ...]:
    columns: tuple[list[object], ...] = tuple([] for _ in range(width))
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return columns


def _row(row: Row) -> InboxRow:
    return InboxRow(*row.values())
