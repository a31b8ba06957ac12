"""Run the shop as a process of its own: `python -m simulators.shop --port N --gateway URL --site-key KEY`."""

import argparse

from aiohttp import web

from simulators.shop.server import create_app


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m simulators.shop", description="The demo shop, with the widget.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8092)
    parser.add_argument("--gateway", default="http://localhost:8080", help="where widget.js comes from")
    parser.add_argument("--site-key", required=True, help="the key of the site the widget belongs to")
    args = parser.parse_args()
    app = create_app(gateway=args.gateway, site_key=args.site_key)
    web.run_app(app, host=args.host, port=args.port, access_log=None, shutdown_timeout=1)


if __name__ == "__main__":
    main()
