"""SQL of messages that are sent again."""

# A message by its place in the dialog.
FETCH_ID = "SELECT id FROM messages WHERE tenant_id = $1 AND dialog_id = $2 AND seq = $3"

# What became of a message, under the dialog's lock.
FETCH_DELIVERY = "SELECT delivery FROM messages WHERE tenant_id = $1 AND dialog_id = $2 AND id = $3"
