"""Control routes for groups and business accounts."""

from aiohttp import web

from simulators.telegram.business import Business
from simulators.telegram.contents import sample_content
from simulators.telegram.control import Control, ControlError, Handler, Json, body_of, guarded, reply
from simulators.telegram.groups import Groups
from simulators.telegram.model import Chat
from simulators.telegram.transcript import chat_summary, transcript

TOPIC_ACTS = frozenset({"close", "reopen", "delete"})


class GroupRoutes:
    """Handlers over groups and business connections."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._world = control.core.world
        self._groups = Groups(control.core)
        self._business = Business(control.core)

    def group(self, request: web.Request) -> Chat:
        """The group of the path. ControlError 404."""
        chat = self._world.chats.get((0, int(request.match_info["id"])))
        if chat is None:
            raise ControlError("there is no such group", 404)
        return chat

    async def create(self, request: web.Request) -> web.Response:
        """Create a group with members and bots."""
        data = await body_of(request)
        chat = self._world.add_group(
            str(data.get("title", "Group")), str(data.get("type", "supergroup")), int(data.get("id", 0) or 0),
            str(data.get("username", "")),
        )  # fmt: skip
        chat.is_forum = bool(data.get("is_forum", False))
        chat.members |= {int(member) for member in data.get("members", [])}
        for reference in data.get("bots", []):
            self._groups.add(chat, self._control.bot(reference).id)
        for reference in data.get("admins", []):
            self._groups.promote(chat, self._control.bot(reference), admin=True)
        return reply(chat_summary(self._world, chat))

    async def change(self, request: web.Request) -> web.Response:
        """/control/groups/{id}/{act}."""
        chat, act = self.group(request), request.match_info["act"]
        data = await body_of(request)
        actor = int(data.get("actor", 0) or 0)
        if act == "add":
            member = self._control.bot(data["bot"]).id if "bot" in data else int(data["user"])
            self._groups.add(chat, member, actor)
        elif act == "leave":
            self._groups.leave(chat, int(data["user"]))
        elif act == "kick":
            self._groups.kick(chat, self._control.bot(data["bot"]), actor)
        elif act in {"promote", "demote"}:
            self._groups.promote(chat, self._control.bot(data["bot"]), admin=act == "promote", actor_id=actor)
        elif act == "migrate":
            return reply(chat_summary(self._world, self._groups.migrate(chat)))
        elif act == "topic":
            return reply(self._groups.open_topic(chat, str(data.get("name", "Topic")), actor))
        elif act == "join_request":
            self._groups.request_to_join(chat, int(data["user"]))
        else:
            self._set(chat, act, data, actor)
        return reply(chat_summary(self._world, chat))

    def _set(self, chat: Chat, act: str, data: Json, actor: int) -> None:
        if act == "delete":
            chat.deleted = True
        elif act == "restrict":
            chat.restricted = set(data["types"])
        elif act.removesuffix("_topic") in TOPIC_ACTS and act.endswith("_topic"):
            self._groups.change_topic(chat, int(data["thread"]), act.removesuffix("_topic"), actor)
        else:
            raise ControlError(f"unknown act {act!r}", 404)

    async def connect(self, request: web.Request) -> web.Response:
        """Connect a business account, or change a connection (by its id)."""
        data = await body_of(request)
        return reply(
            self._business.connect(
                self._control.bot(data["bot"]),
                int(data["user"]),
                can_reply=bool(data.get("can_reply", True)),
                enabled=bool(data.get("enabled", True)),
                id=str(data.get("id", "")),
            )
        )

    async def act(self, request: web.Request) -> web.Response:
        """/control/business/{id}/{say|edit|delete}: a customer (or the owner by hand) in a business chat."""
        data = await body_of(request)
        connection, act, user = request.match_info["id"], request.match_info["act"], int(data["user"])
        if act == "say":
            fields = dict(data.get("message") or {})
            if "kind" in data:
                fields |= sample_content(str(data["kind"]))
            if "text" in data:
                fields["text"] = str(data["text"])
            return reply(self._business.say(connection, user, fields, from_owner=bool(data.get("from_owner"))))
        if act == "edit":
            return reply(self._business.edit(connection, user, int(data["message_id"]), str(data["text"])))
        if act == "delete":
            return reply(self._business.delete(connection, user, [int(number) for number in data["message_ids"]]))
        raise ControlError(f"unknown act {act!r}", 404)

    async def chat(self, request: web.Request) -> web.Response:
        """The transcript of a business chat."""
        connection = self._world.business.get(request.match_info["id"])
        chat = connection.chats.get(int(request.query["user"])) if connection else None
        if chat is None:
            raise ControlError("there is no such chat", 404)
        return reply(transcript(self._world, chat))


def group_routes(routes: GroupRoutes) -> list[web.RouteDef]:
    """The routes of this module."""
    table: list[tuple[str, str, Handler]] = [
        ("POST", "groups", routes.create),
        ("POST", "groups/{id}/{act}", routes.change),
        ("POST", "business", routes.connect),
        ("GET", "business/{id}", routes.chat),
        ("POST", "business/{id}/{act}", routes.act),
    ]
    return [web.route(verb, f"/control/{path}", guarded(handler)) for verb, path, handler in table]
