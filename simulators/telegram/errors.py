"""Refusals, with the status and the exact words Telegram uses."""

from typing import Any


class ApiError(Exception):
    """An answer with `ok: false`. `description` is sent as it stands."""

    def __init__(self, code: int, description: str, parameters: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.parameters = parameters


def bad_request(reason: str, parameters: dict[str, Any] | None = None) -> ApiError:
    """400. The first letter is lower-cased unless the second is a capital or an underscore, as the server does."""
    if len(reason) > 1 and not (reason[1].isupper() or reason[1] == "_"):
        reason = reason[0].lower() + reason[1:]
    return ApiError(400, f"Bad Request: {reason}", parameters)


def core_error(code: int, text: str) -> ApiError:
    """How the Bot API server words an error of Telegram's core: 403 in capitals and unknown codes become 400."""
    if code == 403 and text.isupper():
        code = 400
    names = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}
    names |= {429: "Too Many Requests", 500: "Internal Server Error"}
    if code not in names:
        code = 400
    if len(text) > 1 and not (text[1].isupper() or text[1] == "_"):
        text = text[0].lower() + text[1:]
    return ApiError(code, f"{names[code]}: {text}" if text.lower() != names[code].lower() else names[code])


def forbidden(reason: str) -> ApiError:
    """403: the bot may not write there."""
    return ApiError(403, f"Forbidden: {reason}")


def conflict(reason: str) -> ApiError:
    """409: another poller or a webhook owns the updates."""
    return ApiError(409, f"Conflict: {reason}")


def too_many_requests(retry_after: int) -> ApiError:
    """429; the HTTP layer adds the Retry-After header from `parameters`."""
    return ApiError(429, f"Too Many Requests: retry after {retry_after}", {"retry_after": retry_after})
