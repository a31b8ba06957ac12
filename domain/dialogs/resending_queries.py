"""SQL of messages that are sent again."""

# A message by its place in the dialog.
FETCH_ID = "SELECT id FROM messages WHERE tenant_id = $1 AND dialog_id = $2 AND seq = $3"

# What was said last of the delivery of messages: why it failed, that it may have arrived twice.
FETCH_DETAILS = """
SELECT DISTINCT ON (payload->>'message_id') payload->>'message_id' AS message_id, payload->>'detail' AS detail
FROM dialog_events
WHERE tenant_id = $1 AND dialog_id = $2 AND kind = 'delivery' AND payload->>'message_id' = ANY($3::text[])
ORDER BY payload->>'message_id', seq DESC
"""

# What became of a message, under the dialog's lock.
FETCH_DELIVERY = "SELECT delivery FROM messages WHERE tenant_id = $1 AND dialog_id = $2 AND id = $3"
