"""Business accounts: a person lends an account to a bot, which then sees and answers that person's customers."""

from typing import Any

from simulators.telegram.acts import ActError
from simulators.telegram.core import Core
from simulators.telegram.formatting.detect import with_detected
from simulators.telegram.model import Bot, BusinessConnection, Chat

Json = dict[str, Any]


class Business:
    """Acts of business owners and their customers."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world

    def connect(self, bot: Bot, owner_id: int, *, can_reply: bool = True, enabled: bool = True, id: str = "") -> Json:
        """Connect an account to a bot, or change a connection. The BusinessConnection."""
        if owner_id not in self._world.users:
            raise ActError(f"there is no user {owner_id}")
        known = self._world.business.get(id)
        number = id or f"bc{self._core.rng.randint(10**14, 10**15)}"
        connection = known or BusinessConnection(number, bot.id, owner_id, int(self._core.clock.now()))
        connection.can_reply, connection.enabled = can_reply, enabled
        self._world.business[number] = connection
        shown = connection.as_json(self._world.users[owner_id])
        self._world.push(bot, "business_connection", shown)
        return shown

    def say(self, connection_id: str, customer_id: int, fields: Json, *, from_owner: bool = False) -> Json:
        """A customer writes to the business, or its owner by hand to a customer (`from_owner`). The message."""
        connection = self._connection(connection_id)
        chat = self._chat(connection, customer_id)
        author = self._world.users[connection.owner_id if from_owner else customer_id]
        if "text" in fields and "entities" not in fields:
            entities = with_detected(str(fields["text"]), [])
            fields = fields | ({"entities": entities} if entities else {})
        content = {"business_connection_id": connection.id, **fields}
        message = self._world.store(None, chat, author, content, outgoing=False)
        self._push(connection, "business_message", message)
        return message

    def edit(self, connection_id: str, customer_id: int, message_id: int, text: str) -> Json:
        """Somebody changes a message of the chat."""
        connection = self._connection(connection_id)
        stored = self._chat(connection, customer_id).messages.get(message_id)
        if stored is None:
            raise ActError(f"there is no message {message_id} in this chat")
        stored.message = {**stored.message, "text": text, "edit_date": int(self._core.clock.now())}
        self._push(connection, "edited_business_message", stored.message)
        return stored.message

    def delete(self, connection_id: str, customer_id: int, message_ids: list[int]) -> Json:
        """Messages of the chat are deleted. The BusinessMessagesDeleted."""
        connection = self._connection(connection_id)
        chat = self._chat(connection, customer_id)
        for message_id in message_ids:
            if message_id in chat.messages:
                chat.messages[message_id].deleted_at = self._core.clock.now()
        payload = {
            "business_connection_id": connection.id,
            "chat": self._world.chat_json(chat),
            "message_ids": message_ids,
        }
        self._push(connection, "deleted_business_messages", payload)
        return payload

    def _connection(self, connection_id: str) -> BusinessConnection:
        connection = self._world.business.get(connection_id)
        if connection is None:
            raise ActError(f"there is no business connection {connection_id!r}")
        return connection

    def _chat(self, connection: BusinessConnection, customer_id: int) -> Chat:
        if customer_id not in self._world.users:
            raise ActError(f"there is no user {customer_id}")
        chat = connection.chats.get(customer_id)
        if chat is None:
            chat = Chat(id=customer_id, type="private", bot_id=connection.bot_id, started=True, business=connection.id)
            connection.chats[customer_id] = chat
        return chat

    def _push(self, connection: BusinessConnection, kind: str, payload: Json) -> None:
        bot = self._world.bots.get(connection.bot_id)
        if bot is not None and connection.enabled:
            self._world.push(bot, kind, payload)
