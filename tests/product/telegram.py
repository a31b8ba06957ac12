"""People in the Telegram simulator, through its control API."""

from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.ops.waiting import until


@dataclass
class Telegram:
    """The simulator."""

    http: aiohttp.ClientSession
    url: str

    async def control(self, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        """POST with a body, else GET."""
        method = "GET" if body is None else "POST"
        async with self.http.request(method, f"{self.url}/control/{path}", json=body, params=query) as response:
            data = await response.json()
            assert response.status == 200, data
            return data

    async def new_bot(self, username: str) -> str:
        """A bot of BotFather's; its token."""
        return str((await self.control("bots", {"username": username}))["token"])

    async def person(self, bot: str, **fields: Any) -> "Person":
        """A new person who will talk to `bot` (a username, id or token)."""
        user = await self.control("users", {"first_name": "Ann", "language_code": "en", **fields})
        return Person(self, bot, user["id"])

    async def pending(self, bot: str) -> int:
        """Updates the bot has not taken yet."""
        return int((await self.control("queue", bot=bot))["pending"])


@dataclass
class Person:
    """Somebody in a chat with one bot: a private one, unless `chat_id` is a group's."""

    telegram: Telegram
    bot: str
    user_id: int
    chat_id: int = 0

    async def say(self, text: str) -> None:
        """Write."""
        body: dict[str, Any] = {"bot": self.bot, "user": self.user_id, "text": text}
        await self.telegram.control("say", body | ({"chat": self.chat_id} if self.chat_id else {}))

    async def chat(self) -> Any:
        """The transcript, or None before the first word."""
        return await self.telegram.control("chat", bot=self.bot, chat=self.chat_id or self.user_id, lenient=1)

    async def heard(self) -> list[str]:
        """The bot's messages so far."""
        chat = await self.chat()
        messages = chat["messages"] if chat else []
        return [entry["message"]["text"] for entry in messages if entry["outgoing"] and "text" in entry["message"]]

    async def ask(self, text: str, *, seconds: float = 60) -> str:
        """The bot's first message after this one."""
        before = len(await self.heard())
        await self.say(text)

        async def answered() -> bool:
            return len(await self.heard()) > before

        await until(answered, seconds=seconds)
        return (await self.heard())[before]


async def answers(person: Person, count: int, *, seconds: float = 60) -> list[str]:
    """What the bot has said, once it is this many messages."""

    async def enough() -> bool:
        return len(await person.heard()) >= count

    await until(enough, seconds=seconds)
    return await person.heard()
