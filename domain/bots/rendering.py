"""An answer as Bot API sends: Markdown to entities, sources, safe splitting. Pure.

Entities cannot fail by escaping. telegramify's convert() drops raw HTML, so `<` outside code is escaped first
(TELEGRAM section 4); if words are lost all the same, the text goes out plain.
"""

import re
from typing import Any
from uuid import UUID

from telegramify_markdown import MessageEntity, convert, split_entities

from domain.outbox.model import OutboxDraft

MAX_UNITS = 4096  # UTF-16; Telegram counts code points, so this is always safe
_CODE = re.compile(r"(```.*?(?:```|$)|`[^`\n]*`)", re.DOTALL)
_SOURCES = {"ru": "Источники:", "en": "Sources:"}


def to_entities(markdown: str) -> tuple[str, list[MessageEntity]]:
    """Plain text and its entities."""
    pieces = _CODE.split(markdown)
    escaped = "".join(piece if index % 2 else piece.replace("<", "&lt;") for index, piece in enumerate(pieces))
    text, entities = convert(escaped, latex_escape=False)
    if _words(text) < _words(markdown) * 0.8:
        return markdown, []
    return text, entities


def with_sources(text: str, citations: list[dict[str, Any]], language: str) -> str:
    """The text with its sources listed under it."""
    if not citations:
        return text
    lines = [f"[{c['n']}] {_title(c)}" for c in citations]
    return f"{text}\n\n{_SOURCES.get(language, _SOURCES['en'])}\n" + "\n".join(lines)


def sends(
    *,
    tenant_id: UUID,
    slot: int,
    bot_id: int,
    dialog_id: UUID,
    message_id: UUID,
    address: str,
    text: str,
    citations: list[dict[str, Any]],
    language: str,
) -> list[OutboxDraft]:
    """The sends of one message, in order; each only after the previous one was answered."""
    chat, _, topic = address.partition("/")
    body, entities = to_entities(with_sources(text, citations, language))
    parts = split_entities(body, entities, MAX_UNITS)
    drafts = []
    for number, (part, marks) in enumerate(parts):
        payload: dict[str, Any] = {"chat_id": int(chat), "text": part, "link_preview_options": {"is_disabled": True}}
        if marks:
            payload["entities"] = [mark.to_dict() for mark in marks]
        if topic:
            payload["message_thread_id"] = int(topic)
        drafts.append(
            OutboxDraft(
                tenant_id=tenant_id,
                slot=slot,
                bot_id=bot_id,
                dialog_id=dialog_id,
                message_id=message_id,
                chat_id=int(chat),
                part=number,
                parts=len(parts),
                method="sendMessage",
                payload=payload,
            )
        )
    return drafts


def _title(citation: dict[str, Any]) -> str:
    where = [citation["title"]]
    if citation.get("heading"):
        where.append(citation["heading"])
    if citation.get("page"):
        where.append(f"p. {citation['page']}")
    return " - ".join(where)


def _words(text: str) -> int:
    return len(re.findall(r"\w+", text))
