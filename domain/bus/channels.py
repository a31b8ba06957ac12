"""Names in Redis. Channels are sharded pub/sub (SPUBLISH): on a cluster only the slot's node carries them."""

from uuid import UUID

SNAPSHOT_TTL = 120  # seconds a running turn's partial text outlives its last delta


def bell_channel(slot: int) -> str:
    """Who owns the slot listens: something is in its inbox, outbox or jobs, or one of its bots changed."""
    return f"{{s:{slot:04d}}}:bell"


def bells_channel() -> str:
    """Every shard listens: many slots are rung at once."""
    return "{cluster}:bells"


def events_channel(slot: int) -> str:
    """Gateways with a client on a dialog of this slot listen: durable events and live deltas."""
    return f"{{s:{slot:04d}}}:events"


EVENTS_SUFFIX = ":events"
EVENTS_PATTERN = "{s:????}:events"  # every events_channel


def members_channel() -> str:
    """Every shard listens: somebody joined, left, or was declared dead."""
    return "{cluster}:members"


def snapshot_key(slot: int, dialog_id: UUID) -> str:
    """The partial text of a running turn, so that a reload continues mid-answer."""
    return f"{{s:{slot:04d}}}:turn:{dialog_id}"


def rate_limits_key() -> str:
    """A hash: what each shard's bots do within Telegram's limits, a field a member (JSON)."""
    return "{cluster}:telegram-limits"
