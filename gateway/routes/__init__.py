"""The operations, one file a noun. Each ends in ROUTES, its part of the table; `ALL` is the whole of it."""

from gateway.routes import (
    assistants,
    auth,
    bots,
    deadletters,
    dialogs,
    docs,
    documents,
    events,
    handoffs,
    pages,
    qa,
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
    *docs.ROUTES,
)

__all__ = ["ALL"]
