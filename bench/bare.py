"""A webhook handler that stores nothing, on aiohttp and uvloop: `python -m bench.bare`. Prints its port."""

import asyncio

import uvloop
from aiohttp import web


async def handle(request: web.Request) -> web.Response:
    """Read the body, and forget it."""
    await request.read()
    return web.Response()


async def main() -> None:
    """Serve on a free port for ever."""
    app = web.Application()
    app.router.add_post("/hook", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=2048).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
