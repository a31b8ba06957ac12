"""The table of methods: lower-case name to name and handler."""

from collections.abc import Awaitable, Callable

from simulators.telegram.core import Call

Handler = Callable[[Call], Awaitable[object]]

METHODS: dict[str, tuple[str, Handler]] = {}


def method(name: str) -> Callable[[Handler], Handler]:
    """Register a handler; names are matched in any case."""

    def register(handler: Handler) -> Handler:
        METHODS[name.lower()] = (name, handler)
        return handler

    return register
