"""Control routes for what goes wrong or slowly, and for what was sent: limits, holds, faults, calls, history."""

from dataclasses import asdict

from aiohttp import web

from simulators.telegram.call_log import COLUMNS, Filter
from simulators.telegram.control import Control, Handler, body_of, guarded, reply
from simulators.telegram.faults import Fault
from simulators.telegram.windows import summary


class LimitRoutes:
    """Handlers over limits, faults and logs."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._core = control.core

    async def calls(self, request: web.Request) -> web.Response:
        """The call log; DELETE empties it and the history."""
        if request.method == "DELETE":
            self._core.calls.clear()
            return reply([])
        query = request.query
        bot_id = self._control.bot(query["bot"]).id if "bot" in query else 0
        found = self._core.calls.select(
            bot_id=bot_id,
            method=query.get("method", ""),
            since_id=int(query.get("since", 0)),
            limit=int(query.get("limit", 1_000)),
        )
        return reply([asdict(call) for call in found])

    def _filter(self, request: web.Request) -> Filter:
        query = request.query
        return Filter(
            bot_id=self._control.bot(query["bot"]).id if "bot" in query else 0,
            chat_id=int(query.get("chat", 0)),
            method=query.get("method", ""),
            outcome=query.get("outcome", ""),
            contains=query.get("contains", ""),
            since_id=int(query.get("since_id", 0)),
            since=float(query.get("since", 0)),
            until=float(query.get("until", "inf")),
        )

    async def history(self, request: web.Request) -> web.Response:
        """Sends as rows."""
        log = self._core.calls
        limit = int(request.query.get("limit", 0))
        rows = [send.row() for send in log.sends(self._filter(request))]
        return reply({"columns": COLUMNS, "rows": rows[-limit:] if limit else rows, "dropped": log.dropped})

    async def summary(self, request: web.Request) -> web.Response:
        """Counts and fullest windows of the sends that fit; without an `outcome`, of all that reached the server."""
        settings = self._core.limits.settings
        found = summary(
            list(self._core.calls.sends(self._filter(request))),
            bot_limit=int(request.query.get("bot_limit", settings.bot_per_second)),
            private_limit=int(request.query.get("private_limit", settings.private_burst)),
            group_limit=int(request.query.get("group_limit", settings.group_per_minute)),
        )
        return reply({**found, "dropped": self._core.calls.dropped})

    async def faults(self, request: web.Request) -> web.Response:
        """List, add or clear scripted faults (DELETE ?id= one of them)."""
        if request.method == "DELETE":
            self._core.faults.clear(int(request.query.get("id", 0)))
        elif request.method == "POST":
            data = await body_of(request)
            bot = data.pop("bot", None)
            self._core.faults.add(Fault(**data, bot_id=self._control.bot(bot).id if bot else 0))
        return reply(self._core.faults.listed())

    async def limits(self, request: web.Request) -> web.Response:
        """Show or change the limits."""
        if request.method == "POST":
            self._core.limits.change(**await body_of(request))
        return reply(asdict(self._core.limits.settings))

    async def holds(self, request: web.Request) -> web.Response:
        """Close a bot or one of its chats for some seconds (0 opens it); what is closed."""
        if request.method == "POST":
            data = await body_of(request)
            bot = self._control.bot(data["bot"])
            self._core.limits.hold(bot.id, int(data.get("chat", 0) or 0), float(data["retry_after"]))
        return reply(self._core.limits.held())


def limit_routes(routes: LimitRoutes) -> list[web.RouteDef]:
    """The routes of this module."""
    table: list[tuple[str, str, Handler]] = [
        ("GET", "calls", routes.calls),
        ("DELETE", "calls", routes.calls),
        ("GET", "history", routes.history),
        ("GET", "history/summary", routes.summary),
        ("GET", "faults", routes.faults),
        ("POST", "faults", routes.faults),
        ("DELETE", "faults", routes.faults),
        ("GET", "limits", routes.limits),
        ("POST", "limits", routes.limits),
        ("GET", "holds", routes.holds),
        ("POST", "holds", routes.holds),
    ]
    return [web.route(verb, f"/control/{path}", guarded(handler)) for verb, path, handler in table]
