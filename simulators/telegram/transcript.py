"""A chat as a person or a test reads it."""

from typing import Any

from simulators.telegram.model import Chat
from simulators.telegram.world import World

Json = dict[str, Any]

PREVIEW_LIFETIME = 30.0
ACTION_LIFETIME = 5.0


def chat_summary(world: World, chat: Chat) -> Json:
    """The chat without its messages."""
    last = next(reversed(chat.messages.values()), None)
    return {
        "chat": world.chat_json(chat),
        "bot_id": chat.bot_id,
        "members": sorted(chat.members),
        "blocked": chat.blocked,
        "started": chat.started,
        "migrated_to": chat.migrated_to or None,
        "last_message": last.message if last else None,
    }


def transcript(world: World, chat: Chat) -> Json:
    """Messages with their earlier versions, previews ever shown, the live preview and the live action."""
    now = world.clock.now()
    draft = chat.draft
    if draft is not None and now - draft.at > PREVIEW_LIFETIME:
        draft = None
    action = chat.actions[-1] if chat.actions and now - chat.actions[-1]["at"] <= ACTION_LIFETIME else None
    return {
        **chat_summary(world, chat),
        "messages": [
            {
                "message": stored.message,
                "outgoing": stored.outgoing,
                "edits": stored.edits,
                "deleted": stored.deleted_at is not None,
            }
            for stored in chat.messages.values()
        ],
        "drafts": list(chat.drafts),
        "draft": {
            "draft_id": draft.draft_id,
            "text": draft.text,
            "entities": draft.entities,
            "can_stop": draft.can_stop,
        }
        if draft
        else None,
        "action": action,
        "actions": list(chat.actions),
    }
