"""The two channels (Telegram bots, web sites) and the conversations on them."""

from alembic import op

from migrations.rls import grant, tenant_table

revision = "0003"
down_revision = "0002"
phase = "pre"
min_compatible = "0001"

CHANNELS = """
CREATE TABLE bots (
    tenant_id       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id              bigint NOT NULL,                       -- Telegram's own id
    assistant_id    uuid NOT NULL,
    username        text NOT NULL,
    name            text NOT NULL,
    slot            smallint NOT NULL,
    token_sealed    bytea NOT NULL,                        -- place: bots.token|<tenant>|<bot id>
    mode            text NOT NULL DEFAULT 'polling' CHECK (mode IN ('webhook', 'polling')),
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'revoked')),
    rate            integer NOT NULL DEFAULT 30 CHECK (rate BETWEEN 1 AND 1000),   -- messages a second
    last_error      text,
    last_update_at  timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, assistant_id) REFERENCES assistants
);
CREATE INDEX bots_slot ON bots (slot);

CREATE TABLE sites (
    tenant_id        uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id               uuid NOT NULL,
    assistant_id     uuid NOT NULL,
    name             text NOT NULL,
    site_key         text NOT NULL,
    allowed_origins  text[] NOT NULL DEFAULT '{}',         -- 'https://shop.example'; '*' allows every site
    theme            jsonb NOT NULL DEFAULT '{}',          -- {"accent": "#4f46e5", "position": "right"}
    state            text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, assistant_id) REFERENCES assistants
);

-- The directory: global uniqueness, and the way from a public key to its tenant. No secrets, hashes only.
CREATE SCHEMA directory;
CREATE TABLE directory.bots (
    bot_id       bigint PRIMARY KEY,                       -- the same bot in two tenants is refused
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    path_hash    bytea NOT NULL UNIQUE,                    -- sha256 of the webhook's path secret
    state        text NOT NULL
);
CREATE TABLE directory.sites (
    site_key   text PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    site_id    uuid NOT NULL
);
"""

DIALOGS = """
CREATE TABLE contacts (
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id           uuid NOT NULL,
    channel      text NOT NULL CHECK (channel IN ('telegram', 'web')),
    source       text NOT NULL,                            -- bot id or site id
    external_id  text NOT NULL,                            -- Telegram user id or visitor id
    name         text NOT NULL DEFAULT '',
    username     text,
    language     text,
    attributes   jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, channel, source, external_id)
);

CREATE TABLE dialogs (
    tenant_id        uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id               uuid NOT NULL,
    channel          text NOT NULL CHECK (channel IN ('telegram', 'web')),
    source           text NOT NULL,                        -- bot id or site id
    address          text NOT NULL,                        -- Telegram "chat" or "chat/topic", or the dialog's own id
    contact_id       uuid NOT NULL,
    assistant_id     uuid NOT NULL,
    slot             smallint NOT NULL,                    -- moves when the dialog moves to another channel
    mode             text NOT NULL DEFAULT 'ai' CHECK (mode IN ('ai', 'requested', 'assigned', 'active')),
    status           text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
    blocked_at       timestamptz,                          -- the customer blocked the bot
    last_seq         bigint NOT NULL DEFAULT 0,
    last_text        text NOT NULL DEFAULT '',
    last_message_at  timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, channel, source, address),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts
) WITH (fillfactor = 80);
CREATE INDEX dialogs_recent ON dialogs (tenant_id, status, last_message_at DESC);

CREATE TABLE messages (
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    dialog_id    uuid NOT NULL,
    seq          bigint NOT NULL,                          -- one gapless sequence per dialog, shared with dialog_events
    id           uuid NOT NULL,
    role         text NOT NULL CHECK (role IN ('customer', 'assistant', 'operator', 'system')),
    text         text NOT NULL,
    citations    jsonb NOT NULL DEFAULT '[]',
    client_id    text,                                     -- the sender's own id (web), or Telegram's message id
    turn_id      uuid,
    delivery     text NOT NULL DEFAULT 'none' CHECK (delivery IN ('none', 'queued', 'sent', 'failed', 'uncertain')),
    verified     boolean NOT NULL DEFAULT false,           -- a Q&A pair answered, not the model
    author       text,                                     -- an operator's name
    receipt      jsonb,                                    -- passages with scores, model, latency, tokens, reason
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, dialog_id, seq),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, dialog_id) REFERENCES dialogs ON DELETE CASCADE
);

-- Every other durable change of a dialog: mode, delivery. Together with messages it is the dialog's event log.
CREATE TABLE dialog_events (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    dialog_id   uuid NOT NULL,
    seq         bigint NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('mode', 'delivery')),
    payload     jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, dialog_id, seq),
    FOREIGN KEY (tenant_id, dialog_id) REFERENCES dialogs ON DELETE CASCADE
);

CREATE TABLE handoffs (
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id           uuid NOT NULL,
    dialog_id    uuid NOT NULL,
    reason       text NOT NULL,                            -- asked | unknown | model_failed
    summary      text NOT NULL DEFAULT '',
    state        text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'active', 'resolved')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    resolved_at  timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, dialog_id) REFERENCES dialogs ON DELETE CASCADE
);
CREATE UNIQUE INDEX handoffs_open ON handoffs (tenant_id, dialog_id) WHERE state <> 'resolved';
"""


def upgrade() -> None:
    op.execute(CHANNELS)
    op.execute(DIALOGS)
    for table in ("bots", "sites", "contacts", "dialogs", "messages", "dialog_events", "handoffs"):
        tenant_table(table)
    op.execute("GRANT USAGE ON SCHEMA directory TO replyx_app, replyx_worker")
    grant("directory.bots", app="SELECT, INSERT, UPDATE, DELETE", worker="SELECT, UPDATE")
    grant("directory.sites", app="SELECT, INSERT, UPDATE, DELETE", worker="SELECT")
