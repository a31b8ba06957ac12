"""The running products. Each is started once for the package, and every test leaves it whole."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import pytest

from tests.product import LlmControl, Product, Telegram, Tenant, running_model, until

BOATS = """# Boats

## Returning a boat

You may return a boat within 77 days of the day you bought it. Wash the hull before you bring it to the harbour.

## Возврат лодки

Лодку можно вернуть в течение 77 дней со дня покупки. Вымойте корпус, прежде чем привезти её в гавань.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starting a product counts to the first test that asks for it."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="package")
def product() -> Iterator[Product]:
    """The demo, as `make run` starts it, without a model."""
    with TemporaryDirectory(prefix="replyx-e2e-", ignore_cleanup_errors=True) as name:
        product = Product(Path(name) / "var", "--demo")
        with product.running():
            until(product.whole)
            yield product


@pytest.fixture(scope="package")
def model() -> Iterator[LlmControl]:
    """The LLM simulator."""
    with running_model() as control:
        yield control


@pytest.fixture(scope="package")
def model_product(product: Product, model: LlmControl) -> Iterator[Product]:
    """A product that answers with a model; it shares the embeddings and the Telegram of the demo."""
    with TemporaryDirectory(prefix="replyx-e2e-", ignore_cleanup_errors=True) as name:
        settings = product.host.settings
        made = Product(
            Path(name) / "var",
            OPENAI_BASE_URL=f"{model.url}/v1",
            OPENAI_API_KEY="sk-test",
            EMBEDDINGS_URL=str(settings.embeddings_url),
            TELEGRAM_API_URL=settings.telegram_api_url,
        )
        with made.running():
            until(made.whole)
            yield made


@pytest.fixture(scope="package")
def demo_tenants(product: Product) -> tuple[Tenant, Tenant]:
    """The demo's tenant, and a shop for boats."""
    return _made(Tenant.demo, product), _made(_boats, product)


@pytest.fixture(scope="package")
def model_tenants(model_product: Product) -> tuple[Tenant, Tenant]:
    """Two shops for boats."""
    return _made(_boats, model_product), _made(_boats, model_product)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a limit of connections: streams stay open."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


@pytest.fixture
def tenants(demo_tenants: tuple[Tenant, Tenant], http: aiohttp.ClientSession) -> tuple[Tenant, Tenant]:
    """`demo_tenants` for this test."""
    return demo_tenants[0].on(http), demo_tenants[1].on(http)


@pytest.fixture
def two_shops(
    model_tenants: tuple[Tenant, Tenant], model: LlmControl, http: aiohttp.ClientSession
) -> tuple[Tenant, Tenant]:
    """`model_tenants` for this test, and a model that has forgotten earlier tests."""
    model.script()
    return model_tenants[0].on(http), model_tenants[1].on(http)


@pytest.fixture
def telegram(product: Product, http: aiohttp.ClientSession) -> Telegram:
    """The Telegram simulator of both products."""
    return Telegram(http, product.address("Telegram simulator"))


async def _boats(http: aiohttp.ClientSession, url: str) -> Tenant:
    tenant = await Tenant.register(http, url, "boats")
    await tenant.teach("boats.md", BOATS)
    return tenant


def _made(make: Callable[[aiohttp.ClientSession, str], Awaitable[Tenant]], product: Product) -> Tenant:
    async def run() -> Tenant:
        async with aiohttp.ClientSession() as session:
            return await make(session, product.url)

    return asyncio.run(run())
