"""What must be sent to Telegram, and what became of it. Owns the table `outbox`.

Filled in the transaction that commits an answer; drained by the owner of the bot's slot.
States: ready -> sending (committed before the socket write) -> sent | failed | uncertain. `paused` is a ready row of a
paused broadcast, which no sender sees.

model.py    OutboxRow, Draft (a row to be)      rules.py    the verdict on an outcome, and repairs
queries.py  the SQL                             service.py  the steps of a row's life
again.py    what a person sends again, or dismisses (with again_queries.py)
previews.py messages that show an answer while it grows (with preview_queries.py)
"""

from domain.outbox.model import BULK, REPLY, OutboxDraft, OutboxRow

__all__ = ["BULK", "REPLY", "OutboxDraft", "OutboxRow"]
