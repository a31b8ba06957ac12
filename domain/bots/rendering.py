"""An answer as Bot API sends: Markdown to entities, sources, safe splitting. Pure.

Entities cannot fail by escaping. telegramify's convert() drops raw HTML, so `<` outside code is escaped first
(TELEGRAM section 4); if words are lost all the same, the text goes out plain.
"""

import html
import re
from collections import Counter
from typing import Any
from uuid import UUID

from telegramify_markdown import MessageEntity, RenderConfig, convert

from domain.bots.addresses import Address
from domain.bots.splitting import Part, split
from domain.outbox.model import OutboxDraft

MAX_UNITS = 4096  # UTF-16; Telegram counts code points, so this is always safe
SILENT = "..."  # what is sent of a text in which nothing can be seen
HEADING_SEPARATOR = " › "  # between the levels of a citation's heading, as knowledge writes it
_CODE = re.compile(r"(```.*?(?:```|$)|`[^`\n]*`)", re.DOTALL)
_MARKUP = re.compile(r"[*_`\[\]<>#~|\\&$]|^\s*(?:[-+]|\d+[.)])\s|^(?: {4}|\t)|^\s*[-=]{2,}\s*$", re.MULTILINE)
_SOURCES = {"ru": "Источники:", "en": "Sources:"}
_PAGE = {"ru": "с.", "en": "p."}
_WORD = re.compile(r"[^\W_]+")
# Words of Markdown that are no words of its text: addresses of links, languages of code, check marks, definitions.
_NO_TEXT = re.compile(
    r"\]\([^)\n]*\)|^\s*(?:```|~~~)[^\n`]*|^\s*[-*+]\s+\[[xX ]\]|^\s*\[[^\]\n]+\]:[^\n]*|\]\[[^\]\n]*\]", re.MULTILINE
)
_LINK = re.compile(r"(?:https?|tg|mailto|tel):", re.IGNORECASE)
# Only what an entity cannot show has a sign of its own: headings are bold, no pictures before them.
_STYLE = RenderConfig.isolated()
for _level in range(1, 7):
    setattr(_STYLE.markdown_symbol, f"heading_level_{_level}", "")
_STYLE.markdown_symbol.image = ""
_STYLE.markdown_symbol.unordered_list_item = "•"


def to_entities(markdown: str) -> tuple[str, list[MessageEntity]]:
    """Plain text and its entities; no word of the text is lost."""
    if _MARKUP.search(markdown) is None:
        return markdown, []
    pieces = _CODE.split(markdown)
    escaped = "".join(piece if index % 2 else piece.replace("<", "&lt;") for index, piece in enumerate(pieces))
    text, entities = convert(escaped, latex_escape=False, config=_STYLE)
    if _lost(markdown, text):
        return markdown, []
    return text, [entity for entity in entities if entity.url is None or _LINK.match(entity.url)]


def with_sources(text: str, citations: list[dict[str, Any]], language: str) -> str:
    """The text with its sources listed under it."""
    if not citations:
        return text
    lines = [f"[{c['n']}] {_title(c, language)}" for c in citations]
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
    reply_to: int | None = None,
) -> list[OutboxDraft]:
    """The sends of one message, in order; each only after the previous one was answered. In a group the first one is a
    reply to Telegram's message `reply_to`, if that is still there."""
    place = Address.parse(address)
    parts = _parts(with_sources(text, citations, language))
    drafts = []
    for number, (part, marks) in enumerate(parts):
        payload: dict[str, Any] = {**place.fields(), "text": part, "link_preview_options": {"is_disabled": True}}
        if marks:
            payload["entities"] = [mark.to_dict() for mark in marks]
        if reply_to and place.is_group and number == 0:
            payload["reply_parameters"] = {"message_id": reply_to, "allow_sending_without_reply": True}
        drafts.append(
            OutboxDraft(
                tenant_id=tenant_id,
                slot=slot,
                bot_id=bot_id,
                dialog_id=dialog_id,
                message_id=message_id,
                chat_id=place.chat_id,
                part=number,
                parts=len(parts),
                method="sendMessage",
                payload=payload,
            )
        )
    return drafts


def _parts(markdown: str) -> list[Part]:
    """At least one, for a message without a send would wait for its delivery for ever."""
    body, entities = to_entities(markdown)
    return split(body, entities, MAX_UNITS) or [(SILENT, [])]


def _title(citation: dict[str, Any], language: str) -> str:
    """Where a source is; a heading path that begins with the title does not repeat it."""
    title, heading = citation["title"], citation.get("heading") or ""
    levels = heading.split(HEADING_SEPARATOR)
    if levels[0].strip().casefold() == title.strip().casefold():
        heading = HEADING_SEPARATOR.join(levels[1:])
    where = [title, *([heading] if heading else [])]
    if citation.get("page"):
        where.append(f"{_PAGE.get(language, _PAGE['en'])} {citation['page']}")
    return " - ".join(where)


def _lost(markdown: str, text: str) -> bool:
    """Whether a word of the Markdown's text is not in the text."""
    written = Counter(_WORD.findall(html.unescape(_NO_TEXT.sub(" ", markdown))))
    return bool(written - Counter(_WORD.findall(text)))
