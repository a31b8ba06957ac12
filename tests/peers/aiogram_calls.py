"""aiogram's Bot making the calls it is told: `aiogram_calls.py API_URL TOKEN`, see `outcome.obey`."""

import asyncio
import sys

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import AiogramError
from outcome import obey


async def main(url: str, token: str) -> None:
    async with Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(url))) as bot:
        calls = {
            "me": bot.get_me,
            "send": bot.send_message,
            "edit": lambda chat, message, text: bot.edit_message_text(text, chat_id=chat, message_id=message),
            "updates": lambda timeout: bot.get_updates(timeout=timeout),
            "draft": lambda chat, draft, text: bot.send_message_draft(chat_id=chat, draft_id=draft, text=text),
        }
        await obey(calls, AiogramError)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
