"""The messages. Wire format: JSON with the class's tag in `k`; unknown tags and fields are ignored (two versions of
the code run together during a roll)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args
from uuid import UUID

import orjson

from domain.kit.ids import json_id
from domain.kit.records import record


@record(frozen=True, slots=True)
class Bell:
    """bell channel: look at what is due in this slot. `what` says where to look first.

    `owed`: an arrival that is in its dialog already waits for its answer again.
    """

    tag: ClassVar[str] = "bell"
    slot: int
    what: Literal["inbox", "owed", "outbox", "jobs"]

    def fields(self) -> dict[str, Any]:
        """The wire fields."""
        return {"s": self.slot, "w": self.what}

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "Bell":
        """From the wire."""
        return cls(slot=int(fields["s"]), what=fields["w"])


@record(frozen=True, slots=True)
class Bells:
    """bells channel: something arrived in the inbox of these slots. One message where many are rung at once."""

    tag: ClassVar[str] = "bells"
    slots: tuple[int, ...]

    def fields(self) -> dict[str, Any]:
        """The wire fields."""
        return {"s": self.slots}

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "Bells":
        """From the wire."""
        return cls(slots=tuple(int(slot) for slot in fields["s"]))


@dataclass(frozen=True, slots=True)
class Listening:
    """bell channel: a gateway has begun to listen to the events of this slot; until now nobody did."""

    tag: ClassVar[str] = "listening"
    slot: int

    def fields(self) -> dict[str, Any]:
        """The wire fields."""
        return {"s": self.slot}

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "Listening":
        """From the wire."""
        return cls(slot=int(fields["s"]))


@dataclass(frozen=True, slots=True)
class BotChanged:
    """bell channel of the bot's slot: its row was added, changed, paused or removed; read it again."""

    tag: ClassVar[str] = "bot"
    bot_id: int

    def fields(self) -> dict[str, Any]:
        """The wire fields."""
        return {"b": self.bot_id}

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "BotChanged":
        """From the wire."""
        return cls(bot_id=int(fields["b"]))


@dataclass(frozen=True, slots=True)
class LookAtBot:
    """bell channel of the bot's slot: somebody reads its health; ask Telegram how it is."""

    tag: ClassVar[str] = "look"
    bot_id: int

    def fields(self) -> dict[str, Any]:
        """The wire fields."""
        return {"b": self.bot_id}

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "LookAtBot":
        """From the wire."""
        return cls(bot_id=int(fields["b"]))


@dataclass(frozen=True, slots=True)
class MembersChanged:
    """members channel: a shard joined, left or was declared dead; look at the members again."""

    tag: ClassVar[str] = "members"
    member_id: str
    change: Literal["joined", "left", "died", "slots"]

    def fields(self) -> dict[str, Any]:
        """The wire fields."""
        return {"m": self.member_id, "c": self.change}

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "MembersChanged":
        """From the wire."""
        return cls(member_id=fields["m"], change=fields["c"])


@record(frozen=True, slots=True)
class DialogEvent:
    """events channel: a durable change of a dialog, published after its commit, with its payload for speed.

    kind "message" | "mode" | "delivery"; `data` is what SSE sends (docs/api.md).
    """

    tag: ClassVar[str] = "event"
    tenant_id: UUID
    dialog_id: UUID
    seq: int
    kind: str
    data: dict[str, Any]

    def fields(self) -> dict[str, Any]:
        """The wire fields."""
        return {"t": self.tenant_id, "d": self.dialog_id, "n": self.seq, "e": self.kind, "p": self.data}

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "DialogEvent":
        """From the wire."""
        return cls(UUID(fields["t"]), UUID(fields["d"]), int(fields["n"]), fields["e"], fields["p"])


@dataclass(frozen=True, slots=True)
class Delta:
    """events channel, ephemeral: more text of a running turn. `offset` counts code points before `text`."""

    tag: ClassVar[str] = "delta"
    dialog_id: UUID
    turn_id: UUID
    offset: int
    text: str

    def fields(self) -> dict[str, Any]:
        """The wire fields."""
        return {"d": self.dialog_id, "u": self.turn_id, "o": self.offset, "x": self.text}

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "Delta":
        """From the wire."""
        return cls(UUID(fields["d"]), UUID(fields["u"]), int(fields["o"]), fields["x"])


@dataclass(frozen=True, slots=True)
class TurnState:
    """events channel, ephemeral: a turn started, ended, or was aborted (its deltas are void)."""

    tag: ClassVar[str] = "turn"
    dialog_id: UUID
    turn_id: UUID
    state: Literal["started", "aborted", "done"]

    def fields(self) -> dict[str, Any]:
        """The wire fields."""
        return {"d": self.dialog_id, "u": self.turn_id, "c": self.state}

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "TurnState":
        """From the wire."""
        return cls(UUID(fields["d"]), UUID(fields["u"]), fields["c"])


@dataclass(frozen=True, slots=True)
class Typing:
    """events channel, ephemeral: an operator is typing."""

    tag: ClassVar[str] = "typing"
    dialog_id: UUID
    name: str

    def fields(self) -> dict[str, Any]:
        """The wire fields."""
        return {"d": self.dialog_id, "a": self.name}

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "Typing":
        """From the wire."""
        return cls(UUID(fields["d"]), fields["a"])


@dataclass(frozen=True, slots=True)
class ShowTyping:
    """bell channel of the bot's slot, ephemeral: a person types in a Telegram dialog; `address` is the dialog's."""

    tag: ClassVar[str] = "show"
    bot_id: int
    address: str

    def fields(self) -> dict[str, Any]:
        """The wire fields."""
        return {"b": self.bot_id, "a": self.address}

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "ShowTyping":
        """From the wire."""
        return cls(int(fields["b"]), fields["a"])


Signal = (
    Bell
    | Bells
    | Listening
    | BotChanged
    | LookAtBot
    | ShowTyping
    | MembersChanged
    | DialogEvent
    | Delta
    | TurnState
    | Typing
)
_KINDS = get_args(Signal)
_BY_TAG: dict[str, type[Signal]] = {kind.tag: kind for kind in _KINDS}


def encode(signal: Signal) -> bytes:
    """To the wire."""
    return orjson.dumps({"k": signal.tag, **signal.fields()}, default=json_id)


def decode(data: bytes) -> Signal | None:
    """From the wire; None for what this version does not know or cannot read."""
    try:
        fields = orjson.loads(data)
        kind = _BY_TAG.get(fields["k"])
        return kind.parse(fields) if kind else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
