"""An echo bot on unmodified aiogram 3: `aiogram_echo.py API_URL TOKEN poll | webhook PORT`.

Prints "ready" when it is up, and what `outcome.told` makes of the error when sending fails.
"""

import asyncio
import sys

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import AiogramError
from aiogram.types import Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web
from outcome import told

SECRET = "aiogram-secret"
dispatcher = Dispatcher()


@dispatcher.message()
async def echo(message: Message) -> None:
    try:
        await message.answer(f"aiogram: {message.text}")
    except AiogramError as error:
        print(told(error), flush=True)


@dispatcher.startup()
async def ready() -> None:
    print("ready", flush=True)


async def serve(bot: Bot, port: int) -> None:
    app = web.Application()
    SimpleRequestHandler(dispatcher, bot, secret_token=SECRET).register(app, path="/hook")
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    bound = runner.addresses[0][1]
    await bot.set_webhook(f"http://127.0.0.1:{bound}/hook", secret_token=SECRET)
    print("ready", flush=True)
    await asyncio.Event().wait()


async def main(url: str, token: str, mode: str, port: str = "0") -> None:
    bot = Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(url)))
    if mode == "webhook":
        await serve(bot, int(port))
    else:
        await dispatcher.start_polling(bot, handle_signals=False)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
