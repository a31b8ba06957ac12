"""The aiohttp application: middleware, every route, and the components that need the running loop."""

from collections.abc import AsyncIterator

from aiohttp import web

from domain.kit.tasks import Tasks
from gateway.bodies import JSON_MAX
from gateway.middleware import add_headers, explain, observe
from gateway.openapi import document
from gateway.peer import TRUSTED
from gateway.routes import ALL
from gateway.routes.docs import OPENAPI
from gateway.routing import mount
from gateway.services import SERVICES, Services

TASKS = web.AppKey("tasks", Tasks)


def create_app(services: Services) -> web.Application:
    """The application over open services; whoever opened them closes them."""
    app = web.Application(middlewares=[observe, explain], client_max_size=JSON_MAX)
    app[SERVICES] = services
    app[TASKS] = Tasks("gateway")
    app[TRUSTED] = services.settings.proxy_networks
    app[OPENAPI] = document(ALL, server=services.settings.base_url)
    app.on_response_prepare.append(_prepare)
    app.cleanup_ctx.append(_running)
    mount(app, ALL)
    return app


async def _prepare(request: web.Request, response: web.StreamResponse) -> None:
    add_headers(request, response)


async def _running(app: web.Application) -> AsyncIterator[None]:
    """The inbox writer and the fanout, while requests are served; at the end the writer commits what waits."""
    services = app[SERVICES]
    services.inbox.start()
    services.fanout.start(app[TASKS])
    yield
    await services.inbox.close()
    await app[TASKS].stop()
