"""One simulated Telegram: its state and its moving parts, handed to every method."""

import random
from dataclasses import dataclass, field

from simulators.telegram.admission import Admission
from simulators.telegram.call_log import SENDS_KEPT, CallLog
from simulators.telegram.clock import Clock, SystemClock
from simulators.telegram.connections import Wires
from simulators.telegram.events import EventHub
from simulators.telegram.faults import Faults
from simulators.telegram.files import FileStore
from simulators.telegram.limits import Limits, LimitSettings
from simulators.telegram.model import Bot
from simulators.telegram.params import Params
from simulators.telegram.waiting import Waits
from simulators.telegram.webhook import WebhookCenter
from simulators.telegram.world import World


@dataclass(frozen=True)
class Options:
    """`local`: webhooks may be http, on any port and address (strict rules otherwise).

    `open`: a well-formed token that nobody created becomes a bot at its first call. `token_filter` (remainder,
    modulus): only bots whose id leaves that remainder are served here, others get 421. `webhook_check_seconds`: how
    long setWebhook takes to look at an address. `sends_kept`: length of the history of sends.
    """

    local: bool = True
    open: bool = False
    seed: int | None = None
    token_filter: tuple[int, int] | None = None
    webhook_check_seconds: float = 0.0
    sends_kept: int = SENDS_KEPT
    limits: LimitSettings = field(default_factory=LimitSettings)


class Core:
    """Everything the methods and the control API work on."""

    def __init__(self, options: Options, clock: Clock | None = None) -> None:
        self.options = options
        self.clock: Clock = clock or SystemClock()
        self.rng = random.Random(options.seed)
        self.hub = EventHub()
        self.world = World(self.clock, self.rng, self.hub)
        self.waits = Waits(self.clock)
        self.limits = Limits(self.clock, self.waits, options.limits)
        self.admission = Admission(self.clock, self.waits, self.rng)
        self.faults = Faults(self.rng)
        self.wires = Wires(self.clock)
        self.wires.accept_delay = self.faults.accept_delay
        self.calls = CallLog(options.sends_kept)
        self.files = FileStore(self.rng)
        self.webhooks = WebhookCenter(self.clock, self.rng)
        self.webhooks.on_change = self.hub.touch
        self.world.on_update = self.update_arrived

    def update_arrived(self, bot: Bot) -> None:
        """Wake whoever delivers the bot's updates."""
        waiter = bot.poll.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        self.webhooks.wake(bot)
        self.hub.touch()


@dataclass
class Call:
    """One call of a method by a bot."""

    core: Core
    bot: Bot
    params: Params
    via: str = "http"


@dataclass(frozen=True)
class Described:
    """A result that comes with a description beside it (setWebhook)."""

    result: object
    description: str
