"""SQL of previews. Runs inside a transaction that has fenced the slots."""

# A preview is to be sent. Nobody is told of one that fails (`dismissed_at`), and none whose outcome is unknown is sent
# again (`resends`). A dialog has one at a time.
INSERT = """
INSERT INTO outbox (tenant_id, slot, bot_id, dialog_id, message_id, chat_id, method, payload, resends, dismissed_at,
    preview_of)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, now(), $9)
ON CONFLICT (tenant_id, dialog_id) WHERE preview_of IS NOT NULL AND NOT preview_over DO NOTHING
RETURNING id
"""

_PREVIEW = (
    "o.id, o.tenant_id, o.dialog_id, o.bot_id, o.chat_id, o.state, o.telegram_message_id, o.preview_of AS inbox_id"
)

# The preview of a dialog whose turn has not ended.
FETCH = f"""
SELECT {_PREVIEW} FROM outbox o
WHERE tenant_id = $1 AND dialog_id = $2 AND preview_of IS NOT NULL AND NOT preview_over
"""

_END = """
    WHERE {whose} AND preview_of IS NOT NULL AND NOT preview_over ORDER BY id FOR NO KEY UPDATE)
UPDATE outbox o SET preview_over = true, state = CASE o.state WHEN 'ready' THEN 'failed' ELSE o.state END,
    finished_at = CASE o.state WHEN 'ready' THEN now() ELSE o.finished_at END
FROM found f WHERE o.id = f.id
"""

# The turns of these dialogs end: a preview that was not begun never will be; one on the wire is judged by SETTLE.
END = f"""
WITH found AS (
    SELECT id FROM outbox
    {_END.format(whose="(tenant_id, dialog_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))")}
RETURNING {_PREVIEW}
"""

# The same for a row of the inbox that gets no answer.
END_OF_ROW = f"""
WITH found AS (
    SELECT id FROM outbox
    {_END.format(whose="tenant_id = $1 AND preview_of = $2")}
RETURNING {_PREVIEW}
"""

# What became of these is known, but not in time: one that would be tried again is not.
SETTLE = """
UPDATE outbox SET state = 'failed', finished_at = now()
WHERE tenant_id = ANY($1::uuid[]) AND id = ANY($2::bigint[]) AND preview_over AND state || '' = 'ready'
"""

# Previews without a use, as far as it is known how Telegram calls them, are deleted there.
REMOVE = """
INSERT INTO outbox (tenant_id, slot, bot_id, dialog_id, message_id, chat_id, method, payload, dismissed_at)
SELECT tenant_id, slot, bot_id, dialog_id, message_id, chat_id, 'deleteMessage',
    jsonb_build_object('chat_id', chat_id, 'message_id', telegram_message_id), now()
FROM outbox WHERE tenant_id = ANY($1::uuid[]) AND id = ANY($2::bigint[]) AND preview_over AND state = 'sent'
    AND telegram_message_id IS NOT NULL
ORDER BY id
"""
