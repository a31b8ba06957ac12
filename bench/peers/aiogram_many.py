"""Many echo bots on unmodified aiogram 3 in one process: `aiogram_many.py API_URL FIRST_BOT BOTS poll | webhook`.

Its own multi-bot webhook handler or its own polling, uvloop, no database; updates are handled in background tasks (its
default, and its fastest: it answers the webhook before it has done anything), and the limit of its connections to the
Bot API is raised. Prints the port it listens on, or 0 when polling.
"""

import asyncio
import sys

import uvloop
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message
from aiogram.webhook.aiohttp_server import TokenBasedRequestHandler
from aiohttp import web

dispatcher = Dispatcher()


@dispatcher.message()
async def echo(message: Message) -> None:
    await message.answer(message.text or "")


async def main(url: str, first: str, bots: str, mode: str) -> None:
    session = AiohttpSession(api=TelegramAPIServer.from_base(url), limit=4000)
    if mode == "poll":
        print(0, flush=True)
        all_bots = [Bot(f"{int(first) + number}:{'A' * 35}", session=session) for number in range(int(bots))]
        await dispatcher.start_polling(*all_bots, handle_signals=False, polling_timeout=25)
        return
    app = web.Application()
    TokenBasedRequestHandler(dispatcher, bot_settings={"session": session}).register(app, path="/hook/{bot_token}")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=2048).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
