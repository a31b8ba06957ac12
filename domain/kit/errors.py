"""The error tree. The gateway maps a class to an HTTP status in one table; nothing else decides on statuses."""


class ReplyxError(Exception):
    """A failure a caller can understand. `detail` is one sentence for a person: what happened and what to do."""

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class NotFound(ReplyxError):
    """No such thing for this tenant (another tenant's thing does not exist either)."""


class Conflict(ReplyxError):
    """The state or a unique name does not allow it now."""


class Unauthorized(ReplyxError):
    """Nobody is signed in, or the token is wrong or expired."""


class Forbidden(ReplyxError):
    """Signed in, but the role does not allow it."""


class Invalid(ReplyxError):
    """The input itself is wrong; sending it again will not help."""


def bad_cursor() -> Invalid:
    """The error of every list for a cursor that it did not give out."""
    return Invalid("The cursor is not one of ours; use next_cursor of the previous answer.")


class TooLarge(Invalid):
    """The input is over a size limit that the detail names."""


class Quota(ReplyxError):
    """A limit of use is reached; `retry_after` (seconds) says when it may work again."""


class Unavailable(ReplyxError):
    """Something we depend on did not answer; the same call may work later."""


class LostOwnership(ReplyxError):
    """The slot moved to another worker: whatever was being done must stop and change nothing."""
