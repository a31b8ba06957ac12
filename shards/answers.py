"""What an answer becomes in its dialog: a message, its sends, its usage, and a person where one is asked for.

Both ways to an answer end here: the commit of a turn (commits.py), and the acceptance of a message whose answer needs
no thought (intake.py). All of it runs in the owner's fenced transaction, on locked dialogs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from domain.answering.model import Answer
from domain.answering.sentences import sentence
from domain.assistants.model import Assistant
from domain.billing import service as billing
from domain.billing.model import UsageRecord
from domain.bus import DialogEvent
from domain.dialogs import DialogLog, LockedDialog, MessageDraft
from domain.dialogs.service import telegram_sends
from domain.handoff import service as handoff
from domain.handoff.model import HandoffRequest
from domain.kit.db import Conn
from domain.kit.records import record
from domain.outbox import OutboxDraft, OutboxRow
from domain.outbox import service as outbox


@record(frozen=True, slots=True)
class Spoken:
    """An answer that is to be committed in a locked dialog. `summary` is what an operator reads, if one is
    needed; `reply_to` is Telegram's id of the message it answers."""

    dialog: LockedDialog
    message_id: UUID
    turn_id: UUID
    answer: Answer
    summary: str = ""
    reply_to: int = 0


async def speak(
    conn: Conn, unit: DialogLog, spoken: Sequence[Spoken], previews: Mapping[UUID, int] | None = None
) -> tuple[list[DialogEvent], list[OutboxRow]]:
    """Append the answers, flush the log, and queue the sends; returns what to publish and to push after the commit.

    `previews`: what Telegram calls the message in which the answer of a dialog grew; it becomes the answer's first."""
    drafts = [(one.dialog, _append(unit, one)) for one in spoken]
    await _request_handoffs(conn, unit, spoken)
    events = await unit.flush()
    sends = [send for dialog, draft in drafts if draft.delivery == "queued" for send in telegram_sends(dialog, draft)]
    rows = await outbox.enqueue(conn, [_edited(send, previews or {}) for send in sends])
    await billing.record_usage_many(conn, [_usage(one) for one in spoken])
    return events, rows


def without_asking(
    assistant: Assistant, *, text: str, content: str, command: str | None, contact_language: str | None
) -> Answer | None:
    """What needs no knowledge: the greeting of /start, and content without words."""
    language = (contact_language or "en")[:2]
    if command == "start":
        greeting = assistant.greeting
        chosen = greeting.get(language) or greeting.get("en") or next(iter(greeting.values()), "")
        return Answer(chosen or sentence("greeting", language), receipt={"way": "greeting"})
    if not text and content != "text":
        return Answer(sentence("content", language), receipt={"way": "content"})
    return None


def _append(unit: DialogLog, spoken: Spoken) -> MessageDraft:
    dialog, answer = spoken.dialog, spoken.answer
    telegram = dialog.channel == "telegram"
    draft = MessageDraft(
        id=spoken.message_id,
        role="assistant",
        text=answer.text,
        citations=[citation.to_json() for citation in answer.citations],
        turn_id=spoken.turn_id,
        delivery=("failed" if dialog.blocked else "queued") if telegram else "none",
        verified=answer.verified,
        receipt=answer.receipt,
        reply_to=spoken.reply_to or None,
    )
    unit.append(dialog, draft)
    return draft


def _edited(send: OutboxDraft, previews: Mapping[UUID, int]) -> OutboxDraft:
    """A first part takes the place of a preview. It keeps what an edit has no use for (the topic, what it replies to):
    if the preview was deleted it is sent as a new message."""
    if send.part or send.dialog_id not in previews:
        return send
    return replace(send, method="editMessageText", payload={**send.payload, "message_id": previews[send.dialog_id]})


async def _request_handoffs(conn: Conn, unit: DialogLog, spoken: Sequence[Spoken]) -> None:
    wanted = [(one, one.answer.handoff, one.dialog) for one in spoken if one.answer.handoff]
    if not wanted:
        return
    opened = await handoff.request_many(
        conn, [HandoffRequest(dialog.tenant_id, dialog.id, reason, one.summary) for one, reason, dialog in wanted]
    )
    for (_, reason, dialog), is_new in zip(wanted, opened, strict=True):
        if is_new:
            unit.set_mode(dialog, "requested", reason=reason)


def _usage(spoken: Spoken) -> UsageRecord:
    usage = spoken.answer.usage
    return UsageRecord(
        tenant_id=spoken.dialog.tenant_id,
        dialog_id=spoken.dialog.id,
        message_id=spoken.message_id,
        model=usage.model,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
    )
