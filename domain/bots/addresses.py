"""Where a Telegram dialog is, within its bot. Pure.

"77" is a chat, "-100500/7" a topic of one, "77@CONNECTION" a business account's chat with a customer: the same person's
chat with the bot itself is another dialog.
"""

from typing import Any, NamedTuple, Self


class Address(NamedTuple):
    """A chat, and the topic or the business connection in which it is answered."""

    chat_id: int
    topic_id: int | None = None
    connection_id: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reverse of str(). Raises ValueError."""
        place, _, connection = text.partition("@")
        chat, _, topic = place.partition("/")
        return cls(int(chat), int(topic) if topic else None, connection or None)

    def __str__(self) -> str:
        text = f"{self.chat_id}/{self.topic_id}" if self.topic_id else str(self.chat_id)
        return f"{text}@{self.connection_id}" if self.connection_id else text

    @property
    def is_group(self) -> bool:
        """Groups, supergroups and channels have negative ids."""
        return self.chat_id < 0

    def fields(self) -> dict[str, Any]:
        """The parameters that bring a send there."""
        fields: dict[str, Any] = {"chat_id": self.chat_id}
        if self.topic_id:
            fields["message_thread_id"] = self.topic_id
        if self.connection_id:
            fields["business_connection_id"] = self.connection_id
        return fields
