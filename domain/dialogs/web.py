"""A visitor's message on its way through the inbox: the gateway writes the bytes, the slot's owner reads them.

Inbox key: channel "web", source = the dialog's id, source_id = the client's message id.
"""

from dataclasses import asdict, dataclass
from typing import Self
from uuid import UUID

import orjson


@dataclass(frozen=True, slots=True)
class WebMessage:
    """What the widget sent, and whom the gateway knows it to be from."""

    dialog_id: UUID
    site_id: UUID
    assistant_id: UUID
    visitor_id: str
    client_id: str
    text: str
    locale: str | None = None
    name: str = ""

    def to_bytes(self) -> bytes:
        """The inbox's raw bytes."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read them back. Raises ValueError, KeyError or TypeError for bytes that are something else."""
        fields = orjson.loads(raw)
        return cls(
            dialog_id=UUID(fields["dialog_id"]),
            site_id=UUID(fields["site_id"]),
            assistant_id=UUID(fields["assistant_id"]),
            visitor_id=str(fields["visitor_id"]),
            client_id=str(fields["client_id"]),
            text=str(fields["text"]),
            locale=fields.get("locale"),
            name=str(fields.get("name", "")),
        )
