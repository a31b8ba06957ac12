"""python-telegram-bot's ExtBot making the calls it is told: `ptb_calls.py API_URL TOKEN [RETRIES]`, see `outcome.obey`.

With RETRIES the library's own AIORateLimiter paces the calls and retries so often after a RetryAfter.
"""

import asyncio
import sys
from typing import Any

from outcome import obey
from telegram.error import TelegramError
from telegram.ext import AIORateLimiter, Application


async def main(url: str, token: str, retries: str = "") -> None:
    builder = Application.builder().token(token).base_url(f"{url}/bot").base_file_url(f"{url}/file/bot")
    builder = builder.connection_pool_size(64)
    if retries:
        builder = builder.rate_limiter(AIORateLimiter(max_retries=int(retries)))
    application: Application[Any, Any, Any, Any, Any, Any] = builder.build()
    bot = application.bot
    async with bot:
        calls = {
            "me": bot.get_me,
            "send": bot.send_message,
            "edit": lambda chat, message, text: bot.edit_message_text(text, chat_id=chat, message_id=message),
            "updates": lambda timeout: bot.get_updates(timeout=timeout),
            "draft": lambda chat, draft, text: bot.send_message_draft(chat_id=chat, draft_id=draft, text=text),
        }
        await obey(calls, TelegramError)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
