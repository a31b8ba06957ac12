"""The configuration: one frozen model, loaded once in a process's main and passed down.

Every field may also be a file of the same name in REPLYX_SECRETS_DIR. `docs/settings.md` lists them (a test compares).
"""

import hashlib
import hmac
import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Network = IPv4Network | IPv6Network


class SettingsError(Exception):
    """The configuration is wrong. `problems` has one sentence a setting, each naming the variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """Field names are the environment variables in lower case."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    replyx_env: Literal["dev", "prod"] = Field(
        "dev", description="`prod` refuses unsafe defaults: it wants https in PUBLIC_URL and a key file of your own."
    )
    database_url: str | None = Field(
        None,
        description="Postgres, as the owner of the schema: only for the `replyx` command, which keeps it from gateways "
        "and shards. Unset: an embedded Postgres under REPLYX_DATA_DIR.",
    )
    database_app_url: str | None = Field(
        None,
        description="Postgres as `replyx_app` (row-level security applies), for gateways and shards. Unset: derived "
        "from DATABASE_URL and its password.",
    )
    database_worker_url: str | None = Field(
        None,
        description="Postgres as `replyx_worker`, for shards. Unset: derived from DATABASE_URL and its password.",
    )
    redis_url: str | None = Field(None, description="Redis or Valkey, database 0. Unset: an embedded Valkey.")
    port: int = Field(8080, ge=1, le=65535, description="The gateway's HTTP port.")
    public_url: str = Field(
        "", description="How customers and Telegram reach the gateway. Unset: http://localhost:PORT."
    )
    replyx_shards: int = Field(
        2, ge=1, le=64, description="Shard workers on this host, until `replyx shards scale` says otherwise."
    )
    replyx_gateways: int = Field(
        2, ge=1, le=64, description="Gateway processes on this host; with two, a restart of one refuses nobody."
    )
    replyx_data_dir: Path = Field(Path("var"), description="Embedded databases, logs, generated files.")
    replyx_secrets_dir: Path | None = Field(None, description="Folder with settings as files, one a variable.")
    replyx_instance: str = Field("", description="This process's name, set by supervisord (`gateway-00`, `shard-01`).")
    replyx_crash_point: str = Field(
        "", description="Only for tests: dies at this named point of the code, `name[:nth][:stop]`. Never with `prod`."
    )
    telegram_api_url: str = Field("https://api.telegram.org", description="The Bot API server.")
    openai_api_key: str | None = Field(
        None, description="Key of the model provider. Unset, with no base URL: answers are extracts."
    )
    openai_base_url: str | None = Field(None, description="Any OpenAI-compatible endpoint, with its /v1.")
    openai_model: str = Field("gpt-4o-mini", description="The model of assistants that name none.")
    embeddings_url: str | None = Field(
        None, description="OpenAI-compatible embeddings for questions, with /v1. Unset: a local multilingual model."
    )
    embeddings_ingest_url: str | None = Field(None, description="The same for documents. Unset: EMBEDDINGS_URL.")
    embeddings_model: str = Field("multilingual-e5-small", description="Its model name; a change re-embeds everything.")
    embeddings_api_key: str | None = Field(None, description="Its key. Unset: OPENAI_API_KEY, where one is needed.")
    secret_key_file: Path | None = Field(
        None,
        description="32 random bytes in base64; seals tokens, signs sessions. Unset in dev: made in the data folder.",
    )
    metrics_token: str | None = Field(
        None, description="Bearer token for /metrics and /health details from elsewhere than loopback."
    )
    trusted_proxies: str = Field(
        "127.0.0.0/8,::1/128",
        description="Addresses and networks (CIDR) of proxies whose X-Forwarded-For is believed, separated by commas.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least important log level written."
    )
    bots_max: int = Field(5000, ge=1, le=100_000, description="Most Telegram bots of one workspace.")
    upload_max_mb: int = Field(25, ge=1, le=200, description="Largest document a tenant may upload, in megabytes.")

    @field_validator("database_url", "database_app_url", "database_worker_url")
    @classmethod
    def _postgres(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in {"postgres", "postgresql"}:
            raise ValueError("must look like postgresql://user:password@host:5432/name")
        return value or None

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        try:
            _parse_networks(value)
        except ValueError as error:
            raise ValueError("must be addresses or networks such as 10.0.0.7, 10.1.0.0/16") from error
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("must look like redis://host:6379/0")
        return value or None

    @field_validator("public_url", "telegram_api_url", "openai_base_url", "embeddings_url", "embeddings_ingest_url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc):
            raise ValueError("must be an http:// or https:// address")
        return value.rstrip("/") if value else value

    @property
    def base_url(self) -> str:
        """Our own public address, without a slash at the end."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """TRUSTED_PROXIES, parsed."""
        return _parse_networks(self.trusted_proxies)

    @property
    def key_file(self) -> Path:
        """Where the master key is."""
        return self.secret_key_file or self.replyx_data_dir / "secret.key"

    @property
    def app_dsn(self) -> str:
        """Postgres as the role of the gateway, under row-level security."""
        return self.database_app_url or self._role_dsn("replyx_app")

    @property
    def worker_dsn(self) -> str:
        """Postgres as the role of the shards."""
        return self.database_worker_url or self._role_dsn("replyx_worker")

    def role_password(self, role: str) -> str:
        """The derived password of a login role: an HMAC of its name under the owner's password.

        Raises SettingsError when that is not in DATABASE_URL: whatever else is in it, others know or can guess.
        """
        secret = urlsplit(self.owner_dsn).password
        if not secret:
            raise SettingsError(
                [
                    "DATABASE_URL has no password to derive the logins of replyx_app and replyx_worker from: "
                    "set DATABASE_APP_URL and DATABASE_WORKER_URL."
                ]
            )
        return hmac.new(secret.encode(), role.encode(), hashlib.sha256).hexdigest()

    @property
    def owner_dsn(self) -> str:
        """Postgres as the owner. Raises SettingsError when it is not set."""
        if not self.database_url:
            raise SettingsError(["DATABASE_URL is not set: start with `replyx up`, or point it at your Postgres."])
        return self.database_url

    @property
    def redis_dsn(self) -> str:
        """Redis. Raises SettingsError when it is not set."""
        if not self.redis_url:
            raise SettingsError(["REDIS_URL is not set: start with `replyx up`, or point it at your Redis or Valkey."])
        return self.redis_url

    def _role_dsn(self, role: str) -> str:
        parts = urlsplit(self.owner_dsn)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{role}:{quote(self.role_password(role))}@{host}"))

    def checked(self) -> Self:
        """The settings themselves, after the rules that span several. Raises SettingsError with all problems."""
        problems: list[str] = []
        if self.replyx_env == "prod":
            if self.replyx_crash_point:
                problems.append("REPLYX_CRASH_POINT: only tests may let a process die, and never in production.")
            if not self.public_url.startswith("https://"):
                problems.append("PUBLIC_URL: production needs an https:// address.")
            if self.secret_key_file is None:
                problems.append("SECRET_KEY_FILE: production needs a key file of your own (32 random bytes in base64).")
        if self.secret_key_file is not None and not self.secret_key_file.is_file():
            problems.append(f"SECRET_KEY_FILE: {self.secret_key_file} does not exist.")
        if problems:
            raise SettingsError(problems)
        return self


def _parse_networks(text: str) -> tuple[Network, ...]:
    """Raises ValueError, also for a network with host bits set: 10.0.0.7/8 may mean either."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def load_settings(**overrides: Any) -> Settings:
    """Read environment and secret files. Raises SettingsError naming every wrong variable at once."""
    folder = os.environ.get("REPLYX_SECRETS_DIR")
    if folder and not Path(folder).is_dir():
        raise SettingsError([f"REPLYX_SECRETS_DIR: {folder} is not a folder."])
    try:
        return Settings(_secrets_dir=folder, **overrides).checked()  # type: ignore[call-arg]  # pydantic-settings' own keyword
    except ValidationError as error:
        raise SettingsError(
            [_sentence(item["loc"], item["msg"], item.get("input")) for item in error.errors()]
        ) from None


def _sentence(location: tuple[int | str, ...], message: str, given: object) -> str:
    name = str(location[0]).upper() if location else "settings"
    message = message.removeprefix("Value error, ")
    secret = any(word in name for word in ("KEY", "TOKEN", "DATABASE", "REDIS"))
    return f"{name}: {message}" + ("." if secret else f" (it is {given!r}).")
