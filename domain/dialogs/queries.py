"""SQL of dialogs, contacts, messages and events."""

from datetime import datetime
from typing import Any

from domain.dialogs.model import Dialog, Event, LockedDialog
from domain.kit.db import Row

_DIALOG = """d.tenant_id, d.id, d.channel, d.source, d.address, d.slot, d.contact_id, c.name AS contact_name,
    c.language AS contact_language, c.attributes AS contact_attributes, d.assistant_id, d.mode, d.status, d.blocked_at,
    d.last_seq, d.last_text, d.last_message_at, d.created_at"""

_LOCKED = """d.tenant_id, d.id, d.channel, d.source, d.address, d.slot, d.contact_id, c.language AS contact_language,
    d.assistant_id, d.mode, d.status, d.last_seq, d.last_text, d.blocked_at IS NOT NULL AS blocked"""

# A dialog's contact, looked up for each dialog. OFFSET 0 keeps the planner from joining contacts first: by tenant
# alone, before the first ANALYZE of a table that fills, that took 830 ms for 20 of 360 dialogs.
_CONTACT = """CROSS JOIN LATERAL (
    SELECT name, language, attributes FROM contacts WHERE tenant_id = d.tenant_id AND id = d.contact_id OFFSET 0) c"""

# Locks dialogs by id, in key order.
LOCK_BY_ID = f"""
SELECT {_LOCKED} FROM dialogs d {_CONTACT}
WHERE (d.tenant_id, d.id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
ORDER BY d.tenant_id, d.id FOR NO KEY UPDATE OF d
"""

# Locks dialogs by where they are, in key order.
LOCK_BY_ADDRESS = f"""
SELECT {_LOCKED} FROM dialogs d {_CONTACT}
WHERE (d.tenant_id, d.channel, d.source, d.address)
    IN (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]))
ORDER BY d.tenant_id, d.id FOR NO KEY UPDATE OF d
"""

# Adds the contacts of a batch, or refreshes their names.
UPSERT_CONTACTS = """
INSERT INTO contacts AS c (tenant_id, id, channel, source, external_id, name, username, language)
SELECT DISTINCT ON (tenant_id, channel, source, external_id) *
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
    AS t (tenant_id, id, channel, source, external_id, name, username, language)
ORDER BY tenant_id, channel, source, external_id
ON CONFLICT (tenant_id, channel, source, external_id)
    DO UPDATE SET name = excluded.name, username = excluded.username,
        language = coalesce(excluded.language, c.language)
RETURNING c.tenant_id, c.channel, c.source, c.external_id, c.id
"""

# Opens dialogs; one that another arrival opened meanwhile stays as it is.
INSERT_DIALOGS = """
INSERT INTO dialogs (tenant_id, id, channel, source, address, contact_id, assistant_id, slot)
SELECT DISTINCT ON (tenant_id, channel, source, address) *
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::smallint[])
    AS t (tenant_id, id, channel, source, address, contact_id, assistant_id, slot)
ORDER BY tenant_id, channel, source, address
ON CONFLICT DO NOTHING
"""

# Appends messages whose seq was taken under the dialogs' locks; all have the transaction's time.
INSERT_MESSAGES = """
INSERT INTO messages (tenant_id, dialog_id, seq, id, role, text, citations, client_id, turn_id, delivery, verified,
    author, receipt, attachments, context)
SELECT tenant_id, dialog_id, seq, id, role, text, citations::jsonb, client_id, turn_id, delivery, verified, author,
    receipt, attachments::jsonb, context
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::uuid[], $10::text[], $11::boolean[], $12::text[], $13::jsonb[], $14::text[], $15::jsonb[])
    AS t (tenant_id, dialog_id, seq, id, role, text, citations, client_id, turn_id, delivery, verified, author, receipt,
        attachments, context)
RETURNING created_at
"""

# Appends every other event.
INSERT_EVENTS = """
INSERT INTO dialog_events (tenant_id, dialog_id, seq, kind, payload)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::jsonb[])
"""

# Writes back what the transaction changed of its locked dialogs. Only what is said moves a dialog in the list: what is
# told of it (a message was delivered) changes no index.
SAVE_DIALOGS = """
UPDATE dialogs d SET last_seq = t.last_seq, last_text = t.last_text, mode = t.mode, status = t.status,
    last_message_at = CASE WHEN t.spoken THEN now() ELSE d.last_message_at END,
    blocked_at = CASE WHEN t.blocked THEN coalesce(d.blocked_at, now()) END
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::boolean[])
    AS t (tenant_id, id, last_seq, last_text, mode, status, blocked, spoken)
WHERE d.tenant_id = t.tenant_id AND d.id = t.id
"""

# The delivery of messages, beside the event that announces it; returns those that changed.
SET_DELIVERY = """
UPDATE messages m SET delivery = t.delivery
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS t (tenant_id, id, delivery)
WHERE m.tenant_id = t.tenant_id AND m.id = t.id
"""

# The last messages of a dialog, newest first, for the model's context: all but the asked ones ($3) and what customers
# wrote after the last of them. An answer may stand between two messages of a burst, or even behind the last one.
RECENT_MESSAGES = """
SELECT role, text FROM messages WHERE tenant_id = $1 AND dialog_id = $2 AND seq <> ALL($3::bigint[])
    AND (role <> 'customer' OR seq < (SELECT max(asked) FROM unnest($3::bigint[]) AS asked))
ORDER BY seq DESC LIMIT $4
"""

# A person's answer by the id that their client gave it, under the dialog's lock.
FETCH_REPLY = """
SELECT seq, id, role, text, citations, client_id, turn_id, delivery, verified, author, created_at, attachments, context,
    edited_at
FROM messages WHERE tenant_id = $1 AND dialog_id = $2 AND role = 'operator' AND client_id = $3
"""

# A customer's message by Telegram's id of it (the newest, should an id return), under the dialog's lock; `last` says
# that the customer has written nothing since, `age` is in seconds. Only what has a seq above $4 is read.
FIND_SAID = """
SELECT m.seq, m.id, m.text, m.attachments, extract(epoch FROM now() - m.created_at)::float8 AS age,
    NOT EXISTS (SELECT 1 FROM messages l WHERE l.tenant_id = k.tenant_id AND l.dialog_id = k.dialog_id
        AND l.seq > m.seq AND l.role = 'customer') AS last
FROM unnest(ARRAY[$1::uuid], ARRAY[$2::uuid], ARRAY[$4::bigint]) AS k (tenant_id, dialog_id, after)
JOIN messages m ON m.tenant_id = k.tenant_id AND m.dialog_id = k.dialog_id AND m.seq > k.after
    AND m.role = 'customer' AND m.client_id = $3
ORDER BY m.seq DESC LIMIT 1
"""

# What a customer's message says now.
EDIT_MESSAGE = """
UPDATE messages SET text = $3, attachments = $4::text::jsonb, context = $5, edited_at = now()
WHERE tenant_id = $1 AND id = $2 RETURNING edited_at
"""

# The newest messages that were said to a customer, for finding the one that Telegram means.
LAST_ANSWERS = """
SELECT id FROM messages WHERE tenant_id = $1 AND dialog_id = $2 AND role <> 'customer' ORDER BY seq DESC LIMIT 100
"""

# The customer's last message, for an answer in a group to point at.
LAST_SAID = """
SELECT client_id FROM messages WHERE tenant_id = $1 AND dialog_id = $2 AND role = 'customer' ORDER BY seq DESC LIMIT 1
"""

# The dialogs of a Telegram chat with its topics, without business accounts' chats. Topics have an index of their own,
# by bytes ('0' comes after '/'): a bot may have a hundred thousand other dialogs. The arrays keep the planner from the
# index of all dialogs of the bot.
CHAT_DIALOGS = """
SELECT d.id FROM unnest(ARRAY[$1::uuid], ARRAY['telegram'], ARRAY[$2::text], ARRAY[$3::text])
    AS t (tenant_id, channel, source, address)
JOIN dialogs d ON d.tenant_id = t.tenant_id AND d.channel = t.channel AND d.source = t.source AND d.address = t.address
UNION ALL
SELECT id FROM dialogs WHERE tenant_id = $1 AND source = $2 AND channel = 'telegram' AND position('/' IN address) > 0
    AND address ~>=~ ($3 || '/') AND address ~<~ ($3 || '0') AND position('@' IN address) = 0
"""

# A group has a new id: its dialogs go there, except those that the new chat has already.
MOVE_ADDRESS = """
UPDATE dialogs d SET address = $4 || substr(d.address, length($3) + 1)
WHERE d.tenant_id = $1 AND d.channel = 'telegram' AND d.source = $2 AND d.id = ANY($5::uuid[])
    AND NOT EXISTS (SELECT 1 FROM dialogs n WHERE n.tenant_id = $1 AND n.channel = 'telegram' AND n.source = $2
        AND n.address = $4 || substr(d.address, length($3) + 1))
"""

# How the customer first came here: a deep link's payload stays with the contact.
NOTE_START = """
UPDATE contacts SET attributes = attributes || jsonb_build_object('start', $3::text)
WHERE tenant_id = $1 AND id = $2
"""

# The attachments of a message, by its id or by its place in a dialog.
GET_ATTACHMENTS = "SELECT dialog_id, attachments FROM messages WHERE tenant_id = $1 AND id = $2"
FIND_ATTACHMENTS = "SELECT id, attachments FROM messages WHERE tenant_id = $1 AND dialog_id = $2 AND seq = $3"

# What became of an attachment's bytes.
SET_ATTACHMENTS = "UPDATE messages SET attachments = $3::text::jsonb WHERE tenant_id = $1 AND id = $2"

# The bytes of an attachment are in a blob.
INSERT_FILE = """
INSERT INTO message_files (tenant_id, message_id, n, blob_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""

# Where the bytes of an attachment are.
GET_FILE = "SELECT blob_id FROM message_files WHERE tenant_id = $1 AND message_id = $2 AND n = $3"

# A page of messages after a seq.
LIST_MESSAGES = """
SELECT seq, id, role, text, citations, client_id, turn_id, delivery, verified, author, receipt, created_at, attachments,
    context, edited_at
FROM messages WHERE tenant_id = $1 AND dialog_id = $2 AND seq > $3 ORDER BY seq LIMIT $4
"""

# The newest messages, newest first.
LATEST_MESSAGES = """
SELECT seq, id, role, text, citations, client_id, turn_id, delivery, verified, author, receipt, created_at, attachments,
    context, edited_at
FROM messages WHERE tenant_id = $1 AND dialog_id = $2 ORDER BY seq DESC LIMIT $3
"""

# A page of the whole log after a seq. One statement, so one snapshot: two would let an event be seen whose predecessor
# is not.
LIST_LOG = """
(SELECT seq, 'message' AS kind, NULL::jsonb AS payload, id, role, text, citations, client_id, turn_id, delivery,
    verified, author, created_at, attachments, context, edited_at
 FROM messages WHERE tenant_id = $1 AND dialog_id = $2 AND seq > $3 ORDER BY seq LIMIT $4)
UNION ALL
(SELECT seq, kind, payload, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
 FROM dialog_events WHERE tenant_id = $1 AND dialog_id = $2 AND seq > $3 ORDER BY seq LIMIT $4)
ORDER BY seq LIMIT $4
"""

# One dialog, by its key whatever the planner knows.
GET_DIALOG = f"""
SELECT {_DIALOG} FROM dialogs d {_CONTACT}
WHERE (d.tenant_id, d.id) IN (SELECT * FROM unnest(ARRAY[$1::uuid], ARRAY[$2::uuid]))
"""

# How far the logs of dialogs are, for streams that may have missed something.
LAST_SEQS = "SELECT id, last_seq FROM dialogs WHERE tenant_id = $1 AND id = ANY($2::uuid[])"

# Several dialogs, of any tenants, for the owner of their slots.
GET_DIALOGS = f"""
SELECT {_DIALOG} FROM dialogs d {_CONTACT}
WHERE (d.tenant_id, d.id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
"""

# A page of dialogs, most recent first, before a cursor (time, id).
LIST_DIALOGS = f"""
SELECT {_DIALOG} FROM dialogs d JOIN contacts c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
WHERE d.tenant_id = $1 AND ($2::text IS NULL OR d.status = $2) AND ($3::text IS NULL OR d.mode = $3)
    AND ($4::text IS NULL OR c.name ILIKE '%' || $4 || '%' OR d.last_text ILIKE '%' || $4 || '%')
    AND ($5::timestamptz IS NULL OR (d.last_message_at, d.id) < ($5, $6::uuid))
ORDER BY d.last_message_at DESC, d.id DESC LIMIT $7
"""


def message_json(row: Row) -> dict[str, Any]:
    """A row of `messages` in the shape of the API and of SSE (the receipt is the operators')."""
    return {
        "seq": row["seq"],
        "id": str(row["id"]),
        "role": row["role"],
        "text": row["text"],
        "citations": row["citations"],
        "client_id": row["client_id"],
        "turn_id": str(row["turn_id"]) if row["turn_id"] else None,
        "delivery": row["delivery"],
        "verified": row["verified"],
        "author": row["author"],
        "attachments": [public(attachment) for attachment in row["attachments"]],
        "context": row["context"],
        "edited_at": stamp(row["edited_at"]) if row["edited_at"] else None,
        "created_at": stamp(row["created_at"]),
    }


_INTERNAL = {"file_id", "unique_id"}


def public(attachment: dict[str, Any]) -> dict[str, Any]:
    """An attachment as clients see it: Telegram's own ids of the file are none of their business."""
    return {name: value for name, value in attachment.items() if name not in _INTERNAL}


def stamp(at: datetime) -> str:
    """A time as the API writes it."""
    return at.isoformat().replace("+00:00", "Z")


def event(row: Row) -> Event:
    """A row of LIST_LOG as an entry of the dialog's log."""
    seq = row["seq"]
    data = message_json(row) if row["kind"] == "message" else {"seq": seq, **row["payload"]}
    return Event(seq, row["kind"], data)


def dialog(row: Row) -> Dialog:
    """A row as a Dialog."""
    return Dialog(**{name: row[name] for name in Dialog.__slots__})


_OURS = {"touched", "spoken"}  # what the transaction itself knows of a locked dialog


def locked(row: Row) -> LockedDialog:
    """A row as a LockedDialog."""
    return LockedDialog(**{name: row[name] for name in LockedDialog.__slots__ if name not in _OURS})
