"""Conversations. Owns the tables `contacts`, `dialogs`, `messages`, `dialog_events`, `message_files`.

Every durable change of a dialog takes the next `seq` under its row lock, so the log of a dialog is gapless: messages
and dialog_events share the sequence, and a client that was away reads what it missed and ends with the same transcript.

model.py      Dialog, MessageDraft, Opening, Event     log.py      DialogLog: lock, append, flush (the only writer)
queries.py    the SQL                                  service.py  use cases of the gateway
opening.py    find or open the dialogs of a batch of arrivals
changes.py    edits, moved groups, reactions: what Telegram changes beside new messages
attachments.py  files in messages, fetched by jobs.py
web.py        a visitor's message as bytes of the inbox
resending.py  failed and uncertain messages: sent again, dismissed (with resending_queries.py)
"""

from domain.dialogs.log import DialogLog
from domain.dialogs.model import Dialog, Event, LockedDialog, MessageDraft, Opening

__all__ = ["Dialog", "DialogLog", "Event", "LockedDialog", "MessageDraft", "Opening"]
