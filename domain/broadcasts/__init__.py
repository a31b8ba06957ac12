"""One message to many customers of a bot, each at most once, never ahead of replies.

Owns the tables `broadcasts` and `broadcast_recipients`. Called by the gateway (draft, start, pause, resume, cancel,
progress) and run by the job "broadcast.run" of the tenant's slot: it collects the recipients in pages, keeps a few
seconds' worth of sends in the outbox (priority 9), and settles recipients as their messages' delivery is known.
The audience and the outcome are read from dialogs, contacts, messages and dialog_events by join; nobody else writes
there for a broadcast but DialogLog.

Lock order: slots, broadcast, dialogs, outbox.

model.py    Broadcast, Audience, Button, Recipient      rules.py    what may be written; when; how much at a time
queries.py  the SQL                                     service.py  use cases of the gateway
jobs.py     the job: collect, feed, settle, withdraw
"""

from domain.broadcasts.model import Audience, Broadcast, Button, Recipient

__all__ = ["Audience", "Broadcast", "Button", "Recipient"]
