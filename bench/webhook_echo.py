"""Echo by webhook, durable, against aiogram: `python -m bench.webhook_echo [--seconds S] [--json]`.

1,000 bots with 10 chats each. Updates go through the real gateway into Postgres (fsync on), a shard answers them in
`echo` mode, the replies go to a minimal Bot API. aiogram's multi-bot webhook handler has the same load and no database.
"""

from bench.echo import BOTS, CONNECTIONS, aiogram, compared, peer, receiving, replyx, tokens
from bench.installation import installation, running_sink
from bench.report import options, report

PEER = "aiogram 3.31, TokenBasedRequestHandler, handle_in_background, uvloop, 4000 connections, no database"


def main() -> None:
    """Both, one after the other, on the same Bot API."""
    chosen = options(__doc__, seconds=10)
    with running_sink() as sink:
        with installation(f"http://127.0.0.1:{sink.port}", count=BOTS, mode="webhook") as found:
            receiving(sink, "hook")
            sink.do("hooks", connections=CONNECTIONS, **found.hooks(BOTS))
            ours = replyx(sink, found, "hook", chosen.seconds)
        with aiogram(sink, "webhook") as (pid, port):
            hooks = {"urls": [f"/hook/{token}" for token in tokens(BOTS)], "secrets": ["-"] * BOTS, "port": port}
            sink.do("hooks", connections=CONNECTIONS, **hooks)
            theirs = peer(sink, pid, "hook", chosen.seconds)
    report("webhook_echo", compared(ours, theirs), only_json=chosen.json, peer=PEER)


if __name__ == "__main__":
    main()
