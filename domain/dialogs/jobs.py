"""Background work of dialogs: the bytes of attachments, from Telegram into blobs."""

from typing import Any, NamedTuple
from uuid import UUID

from domain.bots import Bot
from domain.bots import service as bots
from domain.bus import Publisher, events_channel
from domain.clients.telegram import Done, Outcome, Refused, TelegramClient
from domain.dialogs import attachments
from domain.dialogs.attachments import MAX_BYTES, State
from domain.kit.errors import TooLarge, Unavailable
from domain.kit.jobs import MAX_ATTEMPTS, Handler, Job, JobContext
from domain.kit.log import logger
from domain.kit.sealing import KeyRing, SealBroken

log = logger(__name__)


class _Fetched(NamedTuple):
    """What became of a file."""

    state: State
    data: bytes | None = None


class NotYet(Exception):
    """Telegram cannot give the file now; the job is tried again, each time later."""


class _Gone(Exception):
    """Telegram knows no such file, and never will."""


def fetch_file_handler(client: TelegramClient, keyring: KeyRing, publisher: Publisher) -> Handler:
    """The handler of FETCH_FILE."""

    async def fetch_file(job: Job, context: JobContext) -> None:
        message_id, n = UUID(job.payload["message_id"]), int(job.payload["n"])
        async with context.tx() as conn:
            wanted = await attachments.find(conn, tenant_id=job.tenant_id, message_id=message_id, n=n)
            bot = await bots.find(conn, bot_id=int(job.payload["bot_id"]))
        if wanted is None or wanted["state"] != "pending":
            return
        fetched = await _fetch(client, keyring, job, bot, wanted)
        async with context.tx() as conn:
            events = await attachments.settle(
                conn,
                tenant_id=job.tenant_id,
                message_id=message_id,
                file_id=wanted["file_id"],
                n=n,
                state=fetched.state,
                data=fetched.data,
            )
        if bot is not None:
            await publisher.publish((events_channel(bot.slot), event) for event in events)

    return fetch_file


async def _fetch(
    client: TelegramClient, keyring: KeyRing, job: Job, bot: Bot | None, wanted: dict[str, Any]
) -> _Fetched:
    """Raises Unavailable when Telegram is away, NotYet when trying again may help; the last attempt's word is final."""
    if bot is None or bot.tenant_id != job.tenant_id:
        return _Fetched("failed")
    try:
        token = keyring.unseal(bot.token_sealed, place=bots.token_place(bot.tenant_id, bot.id))
        found = _result("getFile", await client.call(token, "getFile", {"file_id": wanted["file_id"]}, seconds=30))
        return _Fetched("stored", await _download(client, token, found))
    except TooLarge:
        return _Fetched("too_big")
    except _Gone as error:
        log.info("attachment.gone", job=job.id, reason=str(error))
        return _Fetched("failed")
    except (NotYet, SealBroken) as error:
        if job.attempts < MAX_ATTEMPTS:
            raise NotYet(str(error)) from error
        log.warning("attachment.failed", job=job.id, reason=str(error))
        return _Fetched("failed")


async def _download(client: TelegramClient, token: str, found: dict[str, Any]) -> bytes:
    if (found.get("file_size") or 0) > MAX_BYTES:
        raise TooLarge("The file is larger than what is kept.")
    path = found.get("file_path")
    if not path:
        raise NotYet("getFile named no path")
    data: bytes = _result("download", await client.download(token, str(path), max_bytes=MAX_BYTES, seconds=120))
    return data


def _result(what: str, outcome: Outcome) -> Any:
    """What Telegram gave. Raises TooLarge, _Gone, NotYet, Unavailable."""
    if isinstance(outcome, Done):
        return outcome.result
    if not isinstance(outcome, Refused) or outcome.code >= 500 or outcome.code == 429:
        reason = outcome.description if isinstance(outcome, Refused) else outcome.reason
        raise Unavailable(f"Telegram did not answer {what}: {reason}", retry_after=10)
    description = outcome.description.lower()
    if "too big" in description:
        raise TooLarge("Telegram gives bots no file of this size.")
    if outcome.code == 400 and "temporarily" not in description:
        raise _Gone(outcome.description)
    raise NotYet(f"{what}: {outcome.description}")
