"""Rows of the inbox, going in and coming out."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from domain.kit.records import record

Channel = Literal["telegram", "web"]


@record(frozen=True, slots=True)
class Arrival:
    """Something to accept. (channel, source, source_id) is unique: (telegram, bot id, update_id) or
    (web, dialog id, the client's message id). `raw` is the body as it came."""

    tenant_id: UUID
    slot: int
    channel: Channel
    source: str
    source_id: str
    raw: bytes


@record(frozen=True, slots=True)
class InboxRow:
    """A row on its way through a shard. `dialog_id` and `message_seq` are set once it is accepted. The fields are in
    the order of the columns that queries.py reads."""

    tenant_id: UUID
    id: int
    slot: int
    channel: Channel
    source: str
    source_id: str
    raw: bytes
    state: str
    attempts: int
    epoch: int
    dialog_id: UUID | None
    message_seq: int | None
    received_at: datetime


class AcceptedRow(NamedTuple):
    """A row whose message is in its dialog. `state` "accepted", or "done" where no turn follows; dialog and seq are
    None where there was nothing to append; `answer_id` names an answer that was committed with it."""

    tenant_id: UUID
    id: int
    dialog_id: UUID | None
    seq: int | None
    state: str
    answer_id: UUID | None = None
