"""SQL of sends that a person sends again, or dismisses. Runs under the dialog's lock, in the gateway's transaction."""

# What did not arrive, or may not have, is sent again as new rows; the old ones stay as a record, dismissed. Who sends
# twice what may have arrived says so: `resends` is 1, and there is no further automatic resend. Whatever it was, it
# goes out as a reply: a person waits for it.
SEND_AGAIN = """
WITH old AS (
    UPDATE outbox SET dismissed_at = now()
    WHERE tenant_id = $1 AND message_id = $2 AND state IN ('failed', 'uncertain') AND dismissed_at IS NULL
    RETURNING id, tenant_id, slot, bot_id, dialog_id, message_id, chat_id, part, parts, method, payload,
        CASE WHEN state = 'uncertain' THEN 1 ELSE resends END AS resends)
INSERT INTO outbox (tenant_id, slot, bot_id, dialog_id, message_id, chat_id, part, parts, method, payload, priority,
    resends)
SELECT tenant_id, slot, bot_id, dialog_id, message_id, chat_id, part, parts, method, payload, 0, resends
FROM old ORDER BY id
RETURNING slot
"""

# Nobody needs to look at these any more.
DISMISS = """
UPDATE outbox SET dismissed_at = now()
WHERE tenant_id = $1 AND message_id = $2 AND state IN ('failed', 'uncertain') AND dismissed_at IS NULL
RETURNING id
"""
