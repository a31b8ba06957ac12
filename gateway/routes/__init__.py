"""The operations, one file a noun. Each ends in ROUTES, its part of the table; `ALL` is the whole of it."""

from gateway.routes import (
    assistants,
    auth,
    bot_import,
    bots,
    broadcasts,
    deadletters,
    dialogs,
    docs,
    documents,
    events,
    handoffs,
    jobs,
    pages,
    qa,
    rate_limits,
    resending,
    sites,
    system,
    telegram,
    widget,
    workspace,
)
from gateway.routing import Route

ALL: tuple[Route, ...] = (
    *auth.ROUTES,
    *workspace.ROUTES,
    *assistants.ROUTES,
    *documents.ROUTES,
    *qa.ROUTES,
    *bot_import.ROUTES,
    *jobs.ROUTES,
    *broadcasts.ROUTES,
    *bots.ROUTES,
    *sites.ROUTES,
    *dialogs.ROUTES,
    *resending.ROUTES,
    *deadletters.ROUTES,
    *handoffs.ROUTES,
    *events.ROUTES,
    *widget.ROUTES,
    *pages.ROUTES,
    *telegram.ROUTES,
    *system.ROUTES,
    *rate_limits.ROUTES,
    *docs.ROUTES,
)

__all__ = ["ALL"]
