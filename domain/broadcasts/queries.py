"""SQL of broadcasts and their recipients."""

from typing import Any
from uuid import UUID

from domain.broadcasts.model import Audience, Broadcast, Button, Content, Progress, Recipient
from domain.kit.db import Row

_COLUMNS = """b.tenant_id, b.id, b.bot_id, b.title, b.text, b.buttons, b.audience, b.state, b.scheduled_at, b.collected,
    b.total, b.sent, b.failed, b.blocked, b.uncertain, b.cancelled, b.note, b.created_at, b.started_at, b.finished_at"""

# What became of a queued message (of recipient r), as far as it is known. Looked up row by row on purpose, here and in
# the audience: joined, a plan that was made while the tables were small compares everything with everything later on.
_DELIVERY = "(SELECT m.delivery FROM messages m WHERE m.tenant_id = r.tenant_id AND m.id = r.message_id)"
_OUTCOME = f"""(SELECT CASE WHEN k.delivery IS NULL THEN 'failed' WHEN k.delivery = 'failed' AND (
        SELECT d.blocked_at FROM dialogs d WHERE d.tenant_id = r.tenant_id AND d.id = r.dialog_id) IS NOT NULL
        THEN 'blocked' WHEN k.delivery IN ('sent', 'failed', 'uncertain') THEN k.delivery END
    FROM (SELECT {_DELIVERY} AS delivery OFFSET 0) k)"""
_LIVE = f"""LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE o = 'sent') AS sent, count(*) FILTER (WHERE o = 'failed') AS failed,
        count(*) FILTER (WHERE o = 'blocked') AS blocked, count(*) FILTER (WHERE o = 'uncertain') AS uncertain
    FROM (SELECT {_OUTCOME} AS o FROM broadcast_recipients r
          WHERE r.tenant_id = b.tenant_id AND r.broadcast_id = b.id AND r.state = 'queued' OFFSET 0) outcomes
    ) q ON true"""
_COUNTED = f"""{_COLUMNS}, q.sent AS q_sent, q.failed AS q_failed, q.blocked AS q_blocked, q.uncertain AS q_uncertain"""
_REASON = """(SELECT e.payload ->> 'detail' FROM dialog_events e
    WHERE e.tenant_id = r.tenant_id AND e.dialog_id = r.dialog_id AND e.kind = 'delivery'
        AND e.payload ->> 'message_id' = r.message_id::text ORDER BY e.seq DESC LIMIT 1)"""

# The private chats of a bot that fulfil the conditions.
_AUDIENCE = """
FROM dialogs d
WHERE d.tenant_id = $1 AND d.channel = 'telegram' AND d.source = $2 AND d.address ~ '^[0-9]+$'
    AND ($3::text IS NULL OR (
        SELECT lower(c.language) = $3 OR starts_with(lower(c.language), $3 || '-') FROM contacts c
        WHERE c.tenant_id = d.tenant_id AND c.id = d.contact_id))
    AND ($4::integer IS NULL OR (d.last_message_at > now() - make_interval(days => $4) AND (
        SELECT max(w.created_at) FROM messages w WHERE w.tenant_id = d.tenant_id AND w.dialog_id = d.id
            AND w.role = 'customer') > now() - make_interval(days => $4)))
    AND ($5::text IS NULL OR (
        SELECT c.attributes ->> $5 FROM contacts c
        WHERE c.tenant_id = d.tenant_id AND c.id = d.contact_id) = $6::text)
    AND ($7::uuid[] IS NULL OR d.id = ANY($7))"""

# How many would get it, and how many of them have blocked the bot.
COUNT_AUDIENCE = f"""
SELECT count(*) FILTER (WHERE d.blocked_at IS NULL) AS reachable,
    count(*) FILTER (WHERE d.blocked_at IS NOT NULL) AS blocked {_AUDIENCE}
"""

# Adds a draft.
INSERT = """
INSERT INTO broadcasts (tenant_id, id, bot_id, title, text, buttons, audience, scheduled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

# One broadcast with its progress, exact at this moment.
GET = f"SELECT {_COUNTED} FROM broadcasts b {_LIVE} WHERE b.tenant_id = $1 AND b.id = $2"

# A page of broadcasts, newest first.
LIST = f"""
SELECT {_COUNTED} FROM broadcasts b {_LIVE}
WHERE b.tenant_id = $1 AND ($2::uuid IS NULL OR b.id < $2) AND ($3::text IS NULL OR b.state = $3)
    AND ($4::bigint IS NULL OR b.bot_id = $4)
ORDER BY b.id DESC LIMIT $5
"""

# Holds a broadcast; with how many of its bot's are running, and the seconds until it is due.
LOCK = """
SELECT id, bot_id, text, buttons, audience, title, state, scheduled_at, collected, collected_to, note,
    (SELECT count(*) FROM broadcasts o WHERE o.tenant_id = b.tenant_id AND o.bot_id = b.bot_id
        AND o.state = 'running') AS running,
    coalesce(extract(epoch FROM scheduled_at - now()), 0)::float8 AS due_in
FROM broadcasts b WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""

# Changes a draft.
UPDATE = """
UPDATE broadcasts SET title = $3, text = $4, buttons = $5, audience = $6, scheduled_at = $7, state = $8
WHERE tenant_id = $1 AND id = $2
"""

# The next state, with its time.
SET_STATE = """
UPDATE broadcasts SET state = $3, note = $4,
    started_at = CASE WHEN $3 = 'running' THEN coalesce(started_at, now()) ELSE started_at END,
    finished_at = CASE WHEN $5 THEN coalesce(finished_at, now()) END
WHERE tenant_id = $1 AND id = $2
"""

# A page of recipients, and how far it came. Each dialog is added once, whoever asks.
COLLECT = f"""
WITH page AS (
    SELECT d.id {_AUDIENCE} AND d.blocked_at IS NULL AND ($8::uuid IS NULL OR d.id > $8) ORDER BY d.id LIMIT $9),
added AS (
    INSERT INTO broadcast_recipients (tenant_id, broadcast_id, dialog_id) SELECT $1, $10, id FROM page
    ON CONFLICT DO NOTHING RETURNING 1)
UPDATE broadcasts b SET total = b.total + (SELECT count(*) FROM added),
    collected_to = coalesce((SELECT id FROM page ORDER BY id DESC LIMIT 1), b.collected_to),
    collected = (SELECT count(*) FROM page) < $9
WHERE b.tenant_id = $1 AND b.id = $10
"""

# What is known by now of the messages that were queued; null for those that are still on their way.
FETCH_KNOWN = f"""
SELECT k.dialog_id, k.state, CASE WHEN k.delivery IS NULL THEN 'The conversation was deleted.'
    WHEN k.state <> 'sent' THEN k.reason END AS reason
FROM (SELECT r.dialog_id, {_OUTCOME} AS state, {_DELIVERY} AS delivery,
          CASE WHEN {_DELIVERY} <> 'sent' THEN {_REASON} END AS reason
      FROM broadcast_recipients r
      WHERE r.tenant_id = $1 AND r.broadcast_id = $2 AND r.state = 'queued' OFFSET 0) k
WHERE k.state IS NOT NULL
"""

# The messages that are on their way, with their dialogs, in key order.
FETCH_QUEUED = """
SELECT dialog_id, message_id FROM broadcast_recipients
WHERE tenant_id = $1 AND broadcast_id = $2 AND state = 'queued' ORDER BY dialog_id
"""

# How many they are.
COUNT_QUEUED = """
SELECT count(*) FROM broadcast_recipients WHERE tenant_id = $1 AND broadcast_id = $2 AND state = 'queued'
"""

# Who comes next.
FETCH_WAITING = """
SELECT dialog_id FROM broadcast_recipients
WHERE tenant_id = $1 AND broadcast_id = $2 AND state = 'waiting' ORDER BY dialog_id LIMIT $3
"""

# What recipients came to, in their rows and in the sums. The dialogs are named twice: from the join alone the planner,
# who knows nothing yet of a table that has just been filled, would compare every recipient with each of them.
MARK = """
WITH marked AS (
    UPDATE broadcast_recipients r SET state = t.state, message_id = coalesce(t.message_id, r.message_id),
        reason = t.reason, settled_at = CASE WHEN t.state <> 'queued' THEN now() END
    FROM unnest($3::uuid[], $4::text[], $5::uuid[], $6::text[]) AS t (dialog_id, state, message_id, reason)
    WHERE r.tenant_id = $1 AND r.broadcast_id = $2 AND r.dialog_id = ANY($3::uuid[]) AND r.dialog_id = t.dialog_id
        AND r.state IN ('waiting', 'queued')
    RETURNING r.state)
UPDATE broadcasts b SET sent = b.sent + c.sent, failed = b.failed + c.failed, blocked = b.blocked + c.blocked,
    uncertain = b.uncertain + c.uncertain, cancelled = b.cancelled + c.cancelled
FROM (SELECT count(*) FILTER (WHERE state = 'sent') AS sent, count(*) FILTER (WHERE state = 'failed') AS failed,
          count(*) FILTER (WHERE state = 'blocked') AS blocked,
          count(*) FILTER (WHERE state = 'uncertain') AS uncertain,
          count(*) FILTER (WHERE state = 'cancelled') AS cancelled FROM marked) c
WHERE b.tenant_id = $1 AND b.id = $2
"""

# Of which broadcast a message is, if of any.
FIND_OF_MESSAGE = """
SELECT dialog_id, (receipt ->> 'broadcast_id')::uuid AS broadcast_id FROM messages
WHERE tenant_id = $1 AND id = $2 AND receipt ->> 'way' = 'broadcast'
"""

# A person sends a recipient's message again: it is on its way once more, in the sums too. Under the broadcast's lock.
REOPEN = """
WITH was AS (
    SELECT state FROM broadcast_recipients WHERE tenant_id = $1 AND broadcast_id = $2 AND dialog_id = $3
        AND message_id = $4 AND state IN ('failed', 'blocked', 'uncertain')),
opened AS (
    UPDATE broadcast_recipients SET state = 'queued', reason = NULL, settled_at = NULL
    WHERE tenant_id = $1 AND broadcast_id = $2 AND dialog_id = $3 AND EXISTS (SELECT 1 FROM was))
UPDATE broadcasts b SET failed = b.failed - (was.state = 'failed')::integer,
    blocked = b.blocked - (was.state = 'blocked')::integer, uncertain = b.uncertain - (was.state = 'uncertain')::integer
FROM was WHERE b.tenant_id = $1 AND b.id = $2
"""

# A page of recipients by dialog, with what became of each as of now.
LIST_RECIPIENTS = f"""
SELECT * FROM (
    SELECT r.dialog_id, r.message_id, r.settled_at,
        (SELECT c.name FROM dialogs d JOIN contacts c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
         WHERE d.tenant_id = r.tenant_id AND d.id = r.dialog_id) AS contact_name,
        CASE WHEN r.state = 'queued' THEN coalesce({_OUTCOME}, 'queued') ELSE r.state END AS state,
        CASE WHEN r.state = 'queued' AND {_OUTCOME} <> 'sent' THEN {_REASON} ELSE r.reason END AS reason
    FROM broadcast_recipients r
    WHERE r.tenant_id = $1 AND r.broadcast_id = $2 AND ($3::uuid IS NULL OR r.dialog_id > $3)) shown
WHERE $4::text IS NULL OR state = $4 ORDER BY dialog_id LIMIT $5
"""


def audience_arguments(tenant_id: UUID, bot_id: int, audience: Audience) -> tuple[object, ...]:
    """The first seven arguments of the statements over an audience."""
    name, value = audience.attribute or (None, None)
    dialogs = None if audience.dialog_ids is None else list(audience.dialog_ids)
    return (tenant_id, str(bot_id), audience.language, audience.active_days, name, value, dialogs)


def content(row: Row) -> Content:
    """What a row wants to send."""
    buttons: list[dict[str, Any]] = row["buttons"]
    made = tuple(Button(button["text"], button["url"]) for button in buttons)
    return Content(row["title"], row["text"], made, Audience.from_json(row["audience"]))


def broadcast(row: Row) -> Broadcast:
    """A row of GET or LIST."""
    return Broadcast(
        tenant_id=row["tenant_id"],
        id=row["id"],
        bot_id=row["bot_id"],
        content=content(row),
        state=row["state"],
        scheduled_at=row["scheduled_at"],
        note=row["note"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        progress=_progress(row),
    )


def recipient(row: Row) -> Recipient:
    """A row of LIST_RECIPIENTS."""
    return Recipient(**{name: row[name] for name in Recipient.__slots__})


def _progress(row: Row) -> Progress:
    known = {name: row[name] + row[f"q_{name}"] for name in ("sent", "failed", "blocked", "uncertain")}
    waiting = row["total"] - sum(known.values()) - row["cancelled"]
    return Progress(
        collected=row["collected"], total=row["total"], waiting=waiting, cancelled=row["cancelled"], **known
    )
