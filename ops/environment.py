"""The settings of this host: the user's, completed by the embedded services where he named none of his own."""

from dataclasses import dataclass, field
from pathlib import Path

from domain.kit.settings import Settings, SettingsError, load_settings
from ops.embedded import (
    Account,
    EmbeddedPostgres,
    EmbeddedValkey,
    current_account,
    is_free,
    known_ports,
    remembered_ports,
)
from ops.refusal import BAD_SETTINGS, PORT_IN_USE, SERVICE_DOWN, Refusal

TELEGRAM = "https://api.telegram.org"
_SOCKET_PATH_LIMIT = 98  # sun_path holds 107 bytes, and supervisord binds to "<name>.<pid>" first


@dataclass(frozen=True)
class Host:
    """What runs here: the completed settings and the embedded services (None: the user's own are used)."""

    settings: Settings
    overrides: dict[str, str]
    postgres: EmbeddedPostgres | None = None
    valkey: EmbeddedValkey | None = None
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def program_environment(self) -> dict[str, str]:
        """What supervisord, and so every program, gets: the two login roles, and not the owner of the schema.

        Empty, not absent: it goes before a DATABASE_URL in our own environment and in REPLYX_SECRETS_DIR.
        supervisor.conf takes the worker's login from the gateways. Raises SettingsError when a login cannot be derived.
        """
        logins = {"DATABASE_APP_URL": self.settings.app_dsn, "DATABASE_WORKER_URL": self.settings.worker_dsn}
        return {**self.overrides, **logins, "DATABASE_URL": ""}

    @property
    def data_dir(self) -> Path:
        """REPLYX_DATA_DIR, absolute."""
        return self.settings.replyx_data_dir

    def port(self, service: str) -> int | None:
        """The port of an embedded or demo service that runs here; None when it does not."""
        return self.ports.get(service)


def read_settings(port: int | None = None) -> Settings:
    """The user's settings with an absolute data folder. Raises Refusal with one line a problem."""
    try:
        settings = load_settings(**({} if port is None else {"port": port}))
    except SettingsError as error:
        raise Refusal(*error.problems, code=BAD_SETTINGS) from None
    return settings.model_copy(update={"replyx_data_dir": settings.replyx_data_dir.absolute()})


def host_to_start(settings: Settings, *, embedded: bool, demo: bool) -> Host:
    """Decide what `replyx up` runs; picks ports and checks that ours is free. Raises Refusal."""
    if not embedded:
        _need_addresses(settings)
    if not is_free(settings.port, "0.0.0.0"):  # noqa: S104  # the address that supervisord will listen on
        raise Refusal(
            f"Port {settings.port} is in use by another program: stop it, or choose another with PORT or --port.",
            code=PORT_IN_USE,
        )
    ports = remembered_ports(settings.replyx_data_dir / "ports.json", _wishes(settings, embedded=embedded, demo=demo))
    account = current_account() if ports.keys() & {"postgres", "valkey"} else None
    return _complete(settings, ports, account)


def running_host(settings: Settings) -> Host:
    """The host as `replyx up` left or runs it, for the other commands: addresses, without starting anything."""
    data_dir = settings.replyx_data_dir
    # A service runs here if the last `replyx up` made it a program; the file of ports remembers older ones too.
    ports = {
        name: port
        for name, port in known_ports(data_dir / "ports.json").items()
        if (data_dir / "supervisor" / f"{name}.conf").exists()
    }
    if settings.database_url:
        ports.pop("postgres", None)
    if settings.redis_url:
        ports.pop("valkey", None)
    account = current_account() if ports.keys() & {"postgres", "valkey"} else None
    return _complete(settings, ports, account)


def running_settings() -> Settings:
    """The completed settings for a command that needs Postgres. Raises Refusal when the embedded one is down."""
    host = running_host(read_settings())
    if host.settings.database_url is None:
        raise Refusal(
            "DATABASE_URL is not set, and no embedded Postgres was made yet: start `replyx up`.", code=SERVICE_DOWN
        )
    if host.postgres is not None and is_free(host.postgres.port):
        raise Refusal("The embedded Postgres does not run: start `replyx up` first.", code=SERVICE_DOWN)
    return host.settings


def _wishes(settings: Settings, *, embedded: bool, demo: bool) -> dict[str, int]:
    """The services to run here, each with the port it would like (0: any)."""
    wishes: dict[str, int] = {}
    if embedded and settings.database_url is None:
        wishes["postgres"] = 0
    if embedded and settings.redis_url is None:
        wishes["valkey"] = 0
    if settings.embeddings_url is None:
        wishes |= {"embeddings-query": 0, "embeddings-ingest": 0}
    if demo:
        wishes["demo-shop"] = settings.port + 2
        if settings.telegram_api_url == TELEGRAM:
            wishes["sim-telegram"] = settings.port + 1
    return wishes


def _complete(settings: Settings, ports: dict[str, int], account: Account | None) -> Host:
    data_dir = settings.replyx_data_dir
    postgres = valkey = None
    found: dict[str, str] = {}
    if account and "postgres" in ports:
        postgres = EmbeddedPostgres(data_dir / "postgres", ports["postgres"], account)
        found["DATABASE_URL"] = postgres.dsn()
    if account and "valkey" in ports:
        valkey = EmbeddedValkey(data_dir / "valkey", ports["valkey"], account)
        found["REDIS_URL"] = valkey.url()
    if "embeddings-query" in ports and settings.embeddings_url is None:
        found["EMBEDDINGS_URL"] = f"http://127.0.0.1:{ports['embeddings-query']}/v1"
        if settings.embeddings_ingest_url is None:
            found["EMBEDDINGS_INGEST_URL"] = f"http://127.0.0.1:{ports['embeddings-ingest']}/v1"
    if "sim-telegram" in ports and settings.telegram_api_url == TELEGRAM:
        found["TELEGRAM_API_URL"] = f"http://127.0.0.1:{ports['sim-telegram']}"
    completed = settings.model_copy(update={name.lower(): value for name, value in found.items()})
    overrides = {
        **found,
        "PORT": str(settings.port),
        "REPLYX_DATA_DIR": str(data_dir),
        "REPLYX_GATEWAYS": str(settings.replyx_gateways),
        "PROMETHEUS_MULTIPROC_DIR": str(data_dir / "metrics"),  # read by prometheus_client itself, at import
    }
    for path in ("replyx_secrets_dir", "secret_key_file"):
        if given := getattr(settings, path):  # relative to where we were called, and the programs run elsewhere
            overrides[path.upper()] = str(given.absolute())
    return Host(completed, overrides, postgres, valkey, ports)


def _need_addresses(settings: Settings) -> None:
    missing = [name for name in ("database_url", "redis_url") if getattr(settings, name) is None]
    if missing:
        raise Refusal(
            *(f"{name.upper()} is not set: with --no-embedded, point it at a server of your own." for name in missing),
            code=BAD_SETTINGS,
        )


def make_data_dir(settings: Settings) -> Path:
    """Make the data folder when it is missing. Raises Refusal when we cannot work in it."""
    data_dir = settings.replyx_data_dir
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / ".writable").touch()
        (data_dir / ".writable").unlink()
    except OSError as error:
        raise Refusal(
            f"REPLYX_DATA_DIR: {data_dir} cannot be written ({error.strerror}).", code=BAD_SETTINGS
        ) from error
    socket_path = str(data_dir / "supervisor.sock")
    if len(socket_path.encode()) > _SOCKET_PATH_LIMIT:
        raise Refusal(
            f"REPLYX_DATA_DIR: {data_dir} is too long for a Unix socket in it "
            f"({len(socket_path.encode())} bytes, at most {_SOCKET_PATH_LIMIT}): choose a shorter folder.",
            code=BAD_SETTINGS,
        )
    return data_dir
