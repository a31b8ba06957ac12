"""Run the simulator as a process of its own: `python -m simulators.llm --port N`."""

import argparse
import logging

from aiohttp import web

from simulators.llm.server import create_app


def main() -> None:
    """Serve until a signal. `--key` may be given several times; without it every key is accepted."""
    parser = argparse.ArgumentParser(prog="python -m simulators.llm", description="An OpenAI-compatible simulator.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--key", action="append", default=[], help="an API key to accept; all are, when none is given")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    app = create_app(keys=args.key)
    web.run_app(app, host=args.host, port=args.port, access_log=None, handler_cancellation=True, shutdown_timeout=2)


if __name__ == "__main__":
    main()
