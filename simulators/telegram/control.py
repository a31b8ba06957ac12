"""The control API: JSON over /control, for tests, benches and the chat page. Routes are documented in the package."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web

from simulators.telegram.acts import ActError
from simulators.telegram.core import Core
from simulators.telegram.errors import ApiError
from simulators.telegram.model import Bot
from simulators.telegram.people import People
from simulators.telegram.transcript import chat_summary, transcript

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlError(Exception):
    """A request that makes no sense; answered with 400 (404 for something that does not exist)."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def reply(data: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=orjson.dumps(data), content_type="application/json", status=status)


def guarded(handler: Handler) -> Handler:
    """Turn the expected errors of a handler into {"error": ...}."""

    async def run(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ControlError as error:
            return reply({"error": str(error)}, error.status)
        except (ActError, ApiError) as error:
            return reply({"error": str(error)}, 409)
        except (KeyError, TypeError, ValueError) as error:
            return reply({"error": f"{type(error).__name__}: {error}"}, 400)

    return run


async def body_of(request: web.Request) -> Json:
    """The JSON object of a request; an empty body is an empty object."""
    raw = await request.read()
    try:
        data = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError as error:
        raise ControlError("the body must be a JSON object") from error
    if not isinstance(data, dict):
        raise ControlError("the body must be a JSON object")
    return data


class Control:
    """Handlers over one simulated Telegram."""

    def __init__(self, core: Core, people: People) -> None:
        self.core = core
        self.people = people

    def bot(self, reference: Any) -> Bot:
        """A bot by id, token or @username. ControlError 404."""
        world = self.core.world
        text = str(reference or "")
        if text in world.tokens:
            return world.tokens[text]
        if text.isdigit() and int(text) in world.bots:
            return world.bots[int(text)]
        for bot in world.bots.values():
            if bot.username.lower() == text.lower().lstrip("@"):
                return bot
        raise ControlError(f"there is no bot {text!r}", 404)

    async def state(self, _request: web.Request) -> web.Response:
        """Everything a page needs to start."""
        world = self.core.world
        groups = [chat for (_, chat_id), chat in world.chats.items() if chat_id < 0]
        return reply(
            {
                "bots": [bot_json(bot) for bot in world.bots.values()],
                "users": list(world.users.values()),
                "groups": [chat_summary(world, chat) for chat in groups],
                "limits": asdict(self.core.limits.settings),
            }
        )

    async def create_bot(self, request: web.Request) -> web.Response:
        """Create a bot; answers with its token."""
        data = await body_of(request)
        bot = self.core.world.add_bot(
            data.get("token", ""), username=data.get("username", ""), first_name=data.get("first_name", "")
        )
        bot.closed = ""
        bot.stars = float(data.get("stars", bot.stars))
        bot.can_join_groups = bool(data.get("can_join_groups", True))
        bot.reads_all_group_messages = bool(data.get("can_read_all_group_messages", False))
        return reply(bot_json(bot))

    async def delete_bot(self, request: web.Request) -> web.Response:
        """Delete a bot (its token gets 401)."""
        bot = self.bot(request.match_info["id"])
        self.core.webhooks.remove(bot)
        self.core.world.remove_bot(bot)
        return reply({"deleted": bot.id})

    async def create_user(self, request: web.Request) -> web.Response:
        """Create or change a person."""
        data = await body_of(request)
        return reply(self.core.world.add_user(int(data.pop("id", 0) or 0), **data))

    async def deactivate(self, request: web.Request) -> web.Response:
        """Delete a person's account."""
        data = await body_of(request)
        self.core.world.deactivated.add(int(data["user"]))
        return reply({"deactivated": int(data["user"])})

    async def revoke(self, request: web.Request) -> web.Response:
        """Give a bot a new token, as BotFather's /revoke does: the old one gets 401. The bot with its new token."""
        data = await body_of(request)
        bot = self.bot(data.get("bot"))
        secret = str(data.get("secret") or "".join(self.core.rng.choices("ABCDEFabcdef0123456789_-", k=35)))
        return reply(bot_json(self.core.world.add_bot(f"{bot.id}:{secret}")))

    async def update(self, request: web.Request) -> web.Response:
        """Inject a raw update; only its update_id is replaced."""
        data = await body_of(request)
        fields = {key: value for key, value in data["update"].items() if key != "update_id"}
        world = self.core.world
        expires_at = None if data.get("expires") else self.core.clock.now() + 86_400
        bot = self.bot(data.get("bot"))
        if data.get("filtered") and not bot.wants(next(iter(fields), "")):
            return reply({"update_id": None})
        return reply({"update_id": world.push_raw(bot, fields, expires_at=expires_at)})

    async def redeliver(self, request: web.Request) -> web.Response:
        """Deliver the last acknowledged updates to the webhook once more."""
        data = await body_of(request)
        return reply({"update_ids": self.core.webhooks.repeat(self.bot(data["bot"]), int(data.get("count", 1)))})

    async def chat(self, request: web.Request) -> web.Response:
        """The transcript of a chat."""
        bot = self.bot(request.query["bot"])
        chat = self.core.world.chat(bot, int(request.query["chat"]))
        if chat is None and request.query.get("lenient"):
            return reply(None)
        if chat is None:
            raise ControlError("there is no such chat", 404)
        return reply(transcript(self.core.world, chat))

    async def chats(self, request: web.Request) -> web.Response:
        """The chats of a bot, or the one it has with `user`."""
        bot = self.bot(request.query["bot"])
        world = self.core.world
        if "user" in request.query:
            own = world.chats.get((bot.id, int(request.query["user"])))
            return reply([chat_summary(world, own)] if own else [])
        found = [c for (owner, _), c in world.chats.items() if owner == bot.id or bot.id in c.members]
        return reply([chat_summary(world, chat) for chat in found])

    async def queue(self, request: web.Request) -> web.Response:
        """How many updates wait for a bot, and how many were lost."""
        bot = self.bot(request.query["bot"])
        return reply({"pending": len(bot.queue), "lost": bot.queue.lost, "next_update_id": bot.queue.next_id})

    async def reset(self, _request: web.Request) -> web.Response:
        """Forget people, chats, faults and calls; bots and webhooks stay."""
        self.core.world.reset()
        self.core.faults.clear()
        self.core.calls.clear()
        return reply({"reset": True})


def bot_json(bot: Bot) -> Json:
    """A bot as the control API shows it, token included."""
    return {
        **bot.as_user(),
        "token": bot.token,
        "webhook_url": bot.webhook.url if bot.webhook else "",
        "pending": len(bot.queue),
    }


def control_routes(control: Control) -> list[web.RouteDef]:
    """The routes of this module."""
    table: list[tuple[str, str, Handler]] = [
        ("GET", "state", control.state),
        ("POST", "bots", control.create_bot),
        ("DELETE", "bots/{id}", control.delete_bot),
        ("POST", "users", control.create_user),
        ("POST", "deactivate", control.deactivate),
        ("POST", "revoke", control.revoke),
        ("POST", "update", control.update),
        ("POST", "redeliver", control.redeliver),
        ("GET", "chat", control.chat),
        ("GET", "chats", control.chats),
        ("GET", "queue", control.queue),
        ("POST", "reset", control.reset),
    ]
    return [web.route(verb, f"/control/{path}", guarded(handler)) for verb, path, handler in table]
