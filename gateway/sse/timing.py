"""Periods of a stream, in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """heartbeat       a comment this often: proxies and phones drop silent connections after 30-60 s.
    poll            Postgres is asked this often whether something was missed: the price of a Redis outage.
    write_deadline  a client that does not read for so long is cut off.
    max_age         a stream is ended after so long; the client reconnects, with a token that is still good.
    retry           what clients wait before they reconnect.
    """

    heartbeat: float = 15.0
    poll: float = 3.0
    write_deadline: float = 10.0
    max_age: float = 3600.0
    retry: float = 1.5
