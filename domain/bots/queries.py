"""SQL of the bots."""

from domain.bots.model import Bot
from domain.kit.db import Row

_COLUMNS = """tenant_id, id, assistant_id, username, name, slot, token_sealed, mode, state, rate, last_error,
    last_update_at, created_at, updated_at"""

# A bot belongs to one tenant on the whole deployment; the directory's primary key refuses a second.
INSERT_DIRECTORY = "INSERT INTO directory.bots (bot_id, tenant_id, path_hash, state) VALUES ($1, $2, $3, 'active')"

# Adds a bot to a tenant.
INSERT = f"""
INSERT INTO bots (tenant_id, id, assistant_id, username, name, slot, token_sealed, mode)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {_COLUMNS}
"""

# A page of a tenant's bots, by id.
LIST = f"SELECT {_COLUMNS} FROM bots WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3"

# One bot.
GET = f"SELECT {_COLUMNS} FROM bots WHERE tenant_id = $1 AND id = $2"

# How many a tenant has; its row is locked first, or two that are added at once would both find room for one.
LOCK_TENANT = "SELECT id AS tenant_id FROM tenants WHERE id = $1 FOR NO KEY UPDATE"
COUNT = "SELECT count(*) FROM bots WHERE tenant_id = $1"

# Changes what is given and keeps the rest; a new token brings a revoked bot back, and leaves a paused one paused.
UPDATE = f"""
UPDATE bots SET assistant_id = coalesce($3, assistant_id), mode = coalesce($4, mode),
    state = coalesce($5, CASE WHEN $7::bytea IS NOT NULL AND state = 'revoked' THEN 'active' ELSE state END),
    rate = coalesce($6, rate), token_sealed = coalesce($7, token_sealed), last_error = NULL, updated_at = now()
WHERE tenant_id = $1 AND id = $2 RETURNING {_COLUMNS}
"""

# Keeps the directory's view of the state.
UPDATE_DIRECTORY = "UPDATE directory.bots SET state = $3 WHERE tenant_id = $1 AND bot_id = $2"

# Removes a bot; its dialogs stay.
DELETE = "DELETE FROM bots WHERE tenant_id = $1 AND id = $2 RETURNING slot"
DELETE_DIRECTORY = "DELETE FROM directory.bots WHERE tenant_id = $1 AND bot_id = $2"

# From the path of a webhook to its bot.
FIND_BY_PATH = "SELECT bot_id, tenant_id FROM directory.bots WHERE path_hash = $1"

# The bots of slots, for their owner, who serves every tenant: `tenant_id` comes back with each.
LIST_BY_SLOTS = f"SELECT {_COLUMNS} FROM bots WHERE slot = ANY($1::smallint[]) ORDER BY id"

# One bot, for the owner of its slot; `tenant_id` comes back with it.
GET_BY_ID = f"SELECT {_COLUMNS} FROM bots WHERE id = $1"

# What the owner saw of the bot.
NOTE_SEEN = """
UPDATE bots SET last_update_at = now()
WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::bigint[]))
"""
NOTE_ERROR = "UPDATE bots SET last_error = $3 WHERE tenant_id = $1 AND id = $2"

# A complaint is withdrawn; another one, written meanwhile, stays.
WITHDRAW_ERROR = "UPDATE bots SET last_error = NULL WHERE tenant_id = $1 AND id = $2 AND last_error = $3"

# Telegram refused a token: it stops the bot only while it is the bot's token. A refusal of the old one may come in
# after the tenant has entered the new one.
REVOKE = """
UPDATE bots SET state = 'revoked', last_error = $4, updated_at = now()
WHERE tenant_id = $1 AND id = $2 AND token_sealed = $3 AND state <> 'revoked' RETURNING id
"""

# A business account connected, changed what the bot may do, or left.
SAVE_CONNECTION = """
INSERT INTO business_connections (tenant_id, bot_id, id, user_id, can_reply) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, bot_id, id) DO UPDATE SET can_reply = excluded.can_reply, updated_at = now()
"""

# In which of these connections (tenant, bot, id) the bot may not reply.
MUTED_CONNECTIONS = """
SELECT tenant_id, bot_id, id FROM business_connections
WHERE (tenant_id, bot_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[])) AND NOT can_reply
"""

# What changed when, of the bots of slots: the safety poll behind the doorbell. `tenant_id` comes back with each.
LIST_VERSIONS = "SELECT tenant_id, id, updated_at FROM bots WHERE slot = ANY($1::smallint[])"


def bot(row: Row) -> Bot:
    """A row as a Bot."""
    return Bot(**{name: row[name] for name in Bot.__slots__})
