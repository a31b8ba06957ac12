"""Every message that crosses a process, in one place. All of them are hints: what counts is in Postgres.

messages.py   the classes, with channel and wire format in each docstring
channels.py   names of channels and keys; one {hash tag} a name, so that they work on a Redis Cluster
transport.py  `Publisher` (never raises, never waits long), `AttentivePublisher` (leaves out events that nobody hears),
              `Subscriber` (reconnects for ever, says when it did)
"""

from domain.bus.channels import (
    bell_channel,
    bells_channel,
    events_channel,
    members_channel,
    rate_limits_key,
    snapshot_key,
)
from domain.bus.messages import (
    Bell,
    Bells,
    BotChanged,
    Delta,
    DialogEvent,
    Listening,
    LookAtBot,
    MembersChanged,
    ShowTyping,
    Signal,
    TurnState,
    Typing,
    decode,
)
from domain.bus.transport import AttentivePublisher, Publisher, Subscriber

__all__ = [
    "AttentivePublisher",
    "Bell",
    "Bells",
    "BotChanged",
    "Delta",
    "DialogEvent",
    "Listening",
    "LookAtBot",
    "MembersChanged",
    "Publisher",
    "ShowTyping",
    "Signal",
    "Subscriber",
    "TurnState",
    "Typing",
    "bell_channel",
    "bells_channel",
    "decode",
    "events_channel",
    "members_channel",
    "rate_limits_key",
    "snapshot_key",
]
