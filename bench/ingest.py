"""Webhooks persisted by one gateway, against a bare handler: `python -m bench.ingest [--seconds S] [--json]`.

200 connections bring updates of 1,000 bots as fast as each is acknowledged. The gateway checks both secrets and answers
when the update is on disk (fsync on); the bare aiohttp handler reads the body and answers. No shard runs. Both sides of
the comparison share the machine with the load; the gateway also with its Postgres.
"""

from bench.echo import BOTS
from bench.installation import child, cpu, installation, running_sink
from bench.report import options, report

CONNECTIONS = 200
PEER = "aiohttp 3.14 on uvloop, one process: reads the body, stores nothing"


def main() -> None:
    """Both, one after the other."""
    chosen = options(__doc__, seconds=8)
    with (
        running_sink() as sink,
        installation(f"http://127.0.0.1:{sink.port}", count=BOTS, mode="webhook", shards=0) as found,
    ):
        found.wait_for_gateway()
        sink.do("hooks", connections=CONNECTIONS, **found.hooks(BOTS))
        sink.do("store", bots=BOTS, seconds=2)
        before = cpu(found.ours)
        ours = sink.do("store", bots=BOTS, seconds=chosen.seconds)
        used = cpu(found.ours) - before
    with running_sink() as sink, child("bench.bare", pipes=True) as bare:
        assert bare.stdout is not None
        port = int(bare.stdout.readline())
        sink.do("hooks", connections=CONNECTIONS, urls=["/hook"] * BOTS, secrets=["-"] * BOTS, port=port)
        sink.do("store", bots=BOTS, seconds=1)
        before = cpu([bare.pid])
        theirs = sink.do("store", bots=BOTS, seconds=chosen.seconds)
        used_bare = cpu([bare.pid]) - before
    figures = {
        "persisted/s": ours["per second"],
        "p50 ms": ours["p50"],
        "p99 ms": ours["p99"],
        "refused": ours["refused"],
        "CPU us / update": used / (ours["per second"] * chosen.seconds) * 1e6,
        "bare handler/s": theirs["per second"],
        "bare p99 ms": theirs["p99"],
        "bare CPU us / update": used_bare / (theirs["per second"] * chosen.seconds) * 1e6,
        "ratio": ours["per second"] / theirs["per second"],
    }
    report("ingest", figures, only_json=chosen.json, peer=PEER)


if __name__ == "__main__":
    main()
