"""An echo bot on unmodified python-telegram-bot: `ptb_echo.py API_URL TOKEN poll | webhook PORT`.

Prints "ready" when it is up, and what `outcome.told` makes of the error when sending fails. The library's own webhook
server needs tornado; a webhook bot with a server of its own, as its manual shows, is what runs here.
"""

import asyncio
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from outcome import told
from telegram import Update
from telegram.error import TelegramError
from telegram.ext import Application, ContextTypes, MessageHandler, filters

SECRET = "ptb-secret"


async def echo(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    if update.message is None:
        return
    try:
        await update.message.reply_text(f"ptb: {update.message.text}")
    except TelegramError as error:
        print(told(error), flush=True)


def hook(
    application: Application[Any, Any, Any, Any, Any, Any], loop: asyncio.AbstractEventLoop
) -> ThreadingHTTPServer:
    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("X-Telegram-Bot-Api-Secret-Token") != SECRET:
                self.send_response(403)
            else:
                update = Update.de_json(json.loads(body), application.bot)
                asyncio.run_coroutine_threadsafe(application.update_queue.put(update), loop).result()
                self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the output for the test."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Hook)


async def main(url: str, token: str, mode: str) -> None:
    application = Application.builder().token(token).base_url(f"{url}/bot").base_file_url(f"{url}/file/bot").build()
    application.add_handler(MessageHandler(filters.TEXT, echo))
    async with application:
        await application.start()
        if mode == "webhook":
            server = hook(application, asyncio.get_running_loop())
            Thread(target=server.serve_forever, daemon=True).start()
            await application.bot.set_webhook(f"http://127.0.0.1:{server.server_port}/hook", secret_token=SECRET)
        elif application.updater is not None:
            await application.updater.start_polling()
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
