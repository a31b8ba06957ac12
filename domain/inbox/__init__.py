"""What arrived, as bytes, exactly once. Owns the tables `inbox` and `inbox_keys`.

Written by the gateway (webhooks, widget) and by polling shards through `InboxWriter`; read and finished by the owner of
the slot. States: ready -> accepted (its message is in the dialog) -> running (a turn works on it) -> done | dead.

model.py    Arrival (going in), InboxRow and AcceptedRow (coming out)       queries.py  the SQL
service.py  InboxWriter and the steps of a row's life       rules.py    what rows die of
"""

from domain.inbox.model import AcceptedRow, Arrival, InboxRow
from domain.inbox.service import InboxWriter

__all__ = ["AcceptedRow", "Arrival", "InboxRow", "InboxWriter"]
