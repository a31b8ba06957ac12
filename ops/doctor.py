"""`replyx doctor`: every part that must work, a line each, with what to do about the one that does not."""

import shutil
from collections.abc import Callable, Iterator
from itertools import chain

import psycopg

from domain.kit.sealing import load_keyring
from domain.kit.settings import Settings, SettingsError
from ops.embedded import is_free
from ops.environment import TELEGRAM, Host
from ops.probes import probe_http, probe_postgres, probe_redis
from ops.progress import say
from ops.refusal import FAILED, Refusal

Check = tuple[str, Callable[[], str]]

_LOW_DISK = 1_000_000_000  # bytes; Postgres stops writing when there is none


def doctor(host: Host) -> None:
    """Run all checks. Raises Refusal when one failed, after printing them all."""
    failed = 0
    for name, check in chain(_local(host), _databases(host.settings), _providers(host.settings)):
        try:
            say(f"ok    {name:<12} {check()}")
        except Refusal as refusal:
            failed += 1
            say(f"FAIL  {name:<12} {' '.join(refusal.lines)}")
    if failed:
        raise Refusal(f"{failed} check(s) failed.", code=FAILED)


def _local(host: Host) -> Iterator[Check]:
    yield "settings", lambda: "every variable is well-formed"
    yield "programs", _programs
    yield "disk", lambda: _disk(host)
    yield "secret key", lambda: _key(host.settings)
    yield "port", lambda: _port(host.settings)


def _databases(settings: Settings) -> Iterator[Check]:
    yield "postgres", lambda: _postgres(settings)
    yield "roles", lambda: _roles(settings)
    yield "redis", lambda: _redis(settings)


def _providers(settings: Settings) -> Iterator[Check]:
    yield "embeddings", lambda: _embeddings(settings)
    yield "model", lambda: _model(settings)
    yield "telegram", lambda: _telegram(settings)


def _programs() -> str:
    missing = [name for name in ("setpriv", "nice") if shutil.which(name) is None]
    if missing:
        raise Refusal(f"{' and '.join(missing)} not found: install util-linux and coreutils.")
    return "setpriv and nice are there"


def _disk(host: Host) -> str:
    host.data_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(host.data_dir).free
    if free < _LOW_DISK:
        raise Refusal(f"only {free / 1e6:.0f} MB are free for {host.data_dir}: make room before Postgres stops.")
    return f"{free / 1e9:.1f} GB free for {host.data_dir}"


def _key(settings: Settings) -> str:
    if not settings.key_file.exists() and settings.secret_key_file is None:
        return f"none yet: `replyx up` makes {settings.key_file}"
    try:
        load_keyring(settings.key_file)
    except (OSError, ValueError) as error:
        raise Refusal(f"{error}.") from error
    return str(settings.key_file)


def _port(settings: Settings) -> str:
    if is_free(settings.port, "0.0.0.0"):  # noqa: S104  # the address that the gateway listens on
        return f"{settings.port} is free; ReplyX does not run on it"
    if probe_http(f"http://127.0.0.1:{settings.port}/health") != 200:
        raise Refusal(f"somebody else answers on {settings.port}, or ReplyX is not healthy: see /health there.")
    return f"ReplyX answers on {settings.port}"


def _postgres(settings: Settings) -> str:
    if settings.database_url is None:
        return "embedded; it runs with `replyx up`"
    probe_postgres(settings.database_url)
    with psycopg.connect(settings.database_url) as conn:
        found = conn.execute("SELECT current_setting('server_version'), to_regclass('alembic_version')").fetchone()
    if found is None or found[1] is None:
        raise Refusal("the database is empty: run `replyx migrate`.")
    return f"PostgreSQL {found[0]}, migrated"


def _roles(settings: Settings) -> str:
    if settings.database_url is None:
        return "made with the embedded Postgres"
    try:
        logins = {"DATABASE_APP_URL": settings.app_dsn, "DATABASE_WORKER_URL": settings.worker_dsn}
    except SettingsError as error:
        raise Refusal(*error.problems) from error
    for variable, dsn in logins.items():
        probe_postgres(dsn, f"{variable}, run `replyx migrate`")
    return "replyx_app and replyx_worker may log in"


def _redis(settings: Settings) -> str:
    if settings.redis_url is None:
        return "embedded; it runs with `replyx up`"
    probe_redis(settings.redis_url)
    return "answers"


def _embeddings(settings: Settings) -> str:
    if settings.embeddings_url is None:
        return "local; they run with `replyx up`"
    return _provider(settings.embeddings_url, "EMBEDDINGS_URL")


def _model(settings: Settings) -> str:
    if settings.openai_base_url is None and settings.openai_api_key is None:
        return "none: answers are extracts of the documents (set OPENAI_API_KEY or OPENAI_BASE_URL for more)"
    return _provider(settings.openai_base_url or "https://api.openai.com/v1", "OPENAI_BASE_URL")


def _telegram(settings: Settings) -> str:
    return _provider(settings.telegram_api_url, "TELEGRAM_API_URL", known=TELEGRAM)


def _provider(url: str, variable: str, known: str = "") -> str:
    """Whether anybody answers there; which status does not matter, for we send no key."""
    try:
        status = probe_http(url)
    except Refusal as refusal:
        raise Refusal(f"{' '.join(refusal.lines)} Check {variable} and the network.") from refusal
    if status >= 500:
        raise Refusal(f"{url} answers {status}: it is broken for now, or {variable} names another server.")
    return f"{url} answers" + ("" if url != known else " (the real Telegram)")
