"""Echo by getUpdates, durable, against aiogram: `python -m bench.polling_echo [--seconds S] [--json]`.

1,000 bots with 10 chats each in one shard, which polls for all of them; aiogram's start_polling with the same bots in
one process has the same load and no database.
"""

from bench.echo import BOTS, aiogram, compared, peer, receiving, replyx
from bench.installation import installation, running_sink
from bench.report import options, report

PEER = "aiogram 3.31, start_polling of 1,000 bots, tasks in the background, uvloop, 4000 connections, no database"


def main() -> None:
    """Both, one after the other, each on a Bot API of its own, so that no poll of the first is left."""
    chosen = options(__doc__, seconds=10)
    with (
        running_sink() as sink,
        installation(f"http://127.0.0.1:{sink.port}", count=BOTS, mode="polling", gateways=0) as found,
    ):
        receiving(sink, "poll")
        ours = replyx(sink, found, "poll", chosen.seconds)
    with running_sink() as sink, aiogram(sink, "poll") as (pid, _):
        receiving(sink, "poll")
        theirs = peer(sink, pid, "poll", chosen.seconds)
    report("polling_echo", compared(ours, theirs), only_json=chosen.json, peer=PEER)


if __name__ == "__main__":
    main()
