"""Cursors: opaque to clients, so that what is inside may change."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

from domain.kit.errors import bad_cursor

T = TypeVar("T")
S = TypeVar("S")


class Page(BaseModel, Generic[T]):
    """Part of a list; `next_cursor` asks for the rest, null at the end."""

    items: list[T]
    next_cursor: str | None


class PageQuery(BaseModel):
    """How much of a list, and from where."""

    limit: int = Field(50, ge=1, le=100, description="Most items in the answer.")
    cursor: str | None = Field(None, max_length=500, description="next_cursor of the previous answer.")

    @property
    def before(self) -> UUID | None:
        """The id to continue behind. Raises Invalid for a cursor that we did not give out."""
        return None if self.cursor is None else decode_id(self.cursor)


def page_of(rows: Sequence[S], query: PageQuery, show: Callable[[S], T], id_of: Callable[[S], UUID]) -> Page[T]:
    """A page from `limit + 1` rows: the one too many says that there is more."""
    items = [show(row) for row in rows[: query.limit]]
    more = len(rows) > query.limit
    return Page(items=items, next_cursor=encode_id(id_of(rows[query.limit - 1])) if more else None)


def decode_number(cursor: str) -> int:
    """A cursor that is a number of Telegram's or of ours, as bigint holds it. Raises Invalid."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise bad_cursor()
    return int(cursor)


def encode_id(value: UUID) -> str:
    """A cursor."""
    return base64.urlsafe_b64encode(value.bytes).rstrip(b"=").decode()


def decode_id(cursor: str) -> UUID:
    """Back again. Raises Invalid."""
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise bad_cursor() from error
