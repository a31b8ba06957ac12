"""The Bot API: one POST, never repeated by the client, with an outcome that tells whether it may have arrived.

Telegram has no idempotency key; what to do with each outcome is the outbox's business.

outcomes.py   Done, Refused, NotSent, Unknown; a response read as one of them (pure)
responses.py  HTTP/1.1 responses out of bytes (pure)
wire.py       a connection: one request at a time
pool.py       connections to one server, retired before it closes them
client.py     TelegramClient: methods of any bot, files
"""

from domain.clients.telegram.client import Gate, TelegramClient, telegram_session
from domain.clients.telegram.outcomes import Done, NotSent, Outcome, Refused, Unknown
from domain.clients.telegram.pool import Session

__all__ = ["Done", "Gate", "NotSent", "Outcome", "Refused", "Session", "TelegramClient", "Unknown", "telegram_session"]
