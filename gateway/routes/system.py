"""system: health, metrics, and what this deployment can do."""

import asyncio
from contextlib import suppress
from typing import Literal

import aiohttp
from aiohttp import web
from pydantic import BaseModel, Field

from domain.fleet import service as fleet
from domain.kit.errors import Unavailable
from domain.kit.metrics import CONTENT_TYPE, exposition
from domain.kit.redis import DOWN
from gateway.call import Call, may_see_details
from gateway.routing import Route
from gateway.services import Services
from gateway.version import VERSION

_CHECK_SECONDS = 2.0
State = Literal["up", "down", "off"]


class HealthDetails(BaseModel):
    """Each part we depend on: up, down, or off (not configured)."""

    database: State
    redis: State
    embeddings: State
    model: State = Field(description="off: answers are extracts of the documents.")
    streams: int
    version: str


class HealthOut(BaseModel):
    """ok; degraded (something is slower or poorer, nothing is lost); down (503). Details only for this host, or with
    the METRICS_TOKEN."""

    status: Literal["ok", "degraded", "down"]
    details: HealthDetails | None = None


class SystemOut(BaseModel):
    """What the console needs to know of the deployment."""

    version: str
    answers: Literal["model", "extracts"]
    embeddings_model: str
    upload_max_mb: int
    public_url: str


class ShardOut(BaseModel):
    """A shard worker. Rates are a second, times are seconds, `loop_delay` is in milliseconds."""

    id: str
    program: str
    host: str
    pid: int
    state: Literal["live", "draining", "stalled", "dead"]
    uptime: float
    renewed: float = Field(description="Since it last renewed its lease.")
    slots: int = Field(description="Of the 1,024.")
    max_epoch: int
    bots: int
    conversations: int
    updates: float
    sends: float
    lag: float = Field(description="How long its oldest unanswered row has waited.")
    loop_delay: float


class ShardsOut(BaseModel):
    """All shards of the deployment."""

    shards: list[ShardOut]
    free: int = Field(description="Slots that nobody owns.")
    free_lag: float
    wishes: dict[str, int] = Field(description="Shards by host as scaled; '' for every host that is not named.")


async def health(call: Call) -> web.StreamResponse:
    """503 only when the database is away: without it nothing can be accepted."""
    database, redis, embeddings = await _checks(call.services)
    status: Literal["ok", "degraded", "down"] = "ok"
    if database == "down":
        status = "down"
    elif "down" in {redis, embeddings}:
        status = "degraded"
    details = None
    if may_see_details(call.request, call.services):
        details = HealthDetails(
            database=database,
            redis=redis,
            embeddings=embeddings,
            model=_model(call.services),
            streams=len(call.services.streams),
            version=VERSION,
        )
    body = HealthOut(status=status, details=details).model_dump_json(exclude_none=True)
    return web.Response(text=body, status=503 if status == "down" else 200, content_type="application/json")


async def metrics(_: Call) -> web.StreamResponse:
    """Reads the files of every process of this host, so it runs beside the loop."""
    return web.Response(body=await asyncio.to_thread(exposition), headers={"Content-Type": CONTENT_TYPE})


async def system(call: Call) -> SystemOut:
    """What can be done here."""
    settings = call.services.settings
    return SystemOut(
        version=VERSION,
        answers="model" if _model(call.services) == "up" else "extracts",
        embeddings_model=settings.embeddings_model,
        upload_max_mb=settings.upload_max_mb,
        public_url=settings.base_url,
    )


async def shards(call: Call) -> ShardsOut:
    """What `replyx shards --json` prints."""
    async with call.services.db.app_tx() as conn:
        return ShardsOut.model_validate((await fleet.look(conn)).as_dict())


async def _checks(services: Services) -> tuple[State, State, State]:
    async with asyncio.TaskGroup() as group:
        database = group.create_task(_database(services), name="health:database")
        redis = group.create_task(_redis(services), name="health:redis")
        embeddings = group.create_task(_embeddings(services), name="health:embeddings")
    return database.result(), redis.result(), embeddings.result()


async def _database(services: Services) -> State:
    with suppress(Unavailable, TimeoutError):
        async with asyncio.timeout(_CHECK_SECONDS), services.db.app_tx() as conn:
            await conn.execute("SELECT 1")
            return "up"
    return "down"


async def _redis(services: Services) -> State:
    with suppress(*DOWN):
        async with asyncio.timeout(_CHECK_SECONDS):
            await services.redis.ping()
            return "up"
    return "down"


async def _embeddings(services: Services) -> State:
    """Whether the embeddings server takes connections: a vector on every check would be work for nothing."""
    if services.settings.embeddings_url is None:
        return "off"
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with services.http.get(
            f"{services.settings.embeddings_url}/models", timeout=aiohttp.ClientTimeout(total=_CHECK_SECONDS)
        ):
            return "up"
    return "down"


def _model(services: Services) -> State:
    return "up" if services.settings.openai_api_key or services.settings.openai_base_url else "off"


_TAG = "system"
ROUTES = (
    Route("GET", "/health", health, "public", _TAG, "Whether the deployment works.", shows=HealthOut),
    Route("GET", "/metrics", metrics, "ops", _TAG, "Prometheus metrics.", media="text/plain"),
    Route("GET", "/api/system", system, "member", _TAG, "What this deployment can do."),
    Route("GET", "/api/system/shards", shards, "ops", _TAG, "Which shard owns how much, and how it does."),
)
