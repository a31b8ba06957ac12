"""What acts of people and groups share: the error of an impossible act, and the update a bot gets about itself."""

from typing import Any

from simulators.telegram.core import Core
from simulators.telegram.model import Bot, Chat

Json = dict[str, Any]


class ActError(Exception):
    """A person cannot do that; the text says why."""


def membership(core: Core, bot: Bot, chat: Chat, actor: Json, change: tuple[str, str]) -> None:
    """my_chat_member: what became of the bot in a chat; `change` is its old and its new status."""

    def member(status: str) -> Json:
        return {"user": bot.as_user(), "status": status, **({"until_date": 0} if status == "kicked" else {})}

    payload = {
        "chat": core.world.chat_json(chat),
        "from": actor,
        "date": int(core.clock.now()),
        "old_chat_member": member(change[0]),
        "new_chat_member": member(change[1]),
    }
    core.world.push(bot, "my_chat_member", payload)
