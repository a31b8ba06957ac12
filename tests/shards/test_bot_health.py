"""What can be wrong with a bot, each told in its sentence and withdrawn when it is over; with the strict simulator."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from domain.bothealth import Health
from domain.bothealth import service as bothealth
from domain.bots import rules
from domain.bots import service as bots
from domain.bots.service import Identity
from domain.bus import BotChanged, LookAtBot, Publisher, bell_channel
from domain.kit.db import Database
from domain.kit.redis import connect
from domain.kit.sealing import KeyRing
from domain.kit.settings import Settings
from domain.kit.slots import slot_of_bot
from shards import bots as registry
from shards import health as bot_health
from shards import polling, webhooks
from simulators.telegram import Options, RunningSimulator, running_simulator
from simulators.telegram.model import Bot
from tests.shards.world import Tenant, World, open_world, running_worker, until


@pytest.fixture
def options() -> Options:
    """How strict the simulator is; a test may want otherwise."""
    return Options()


@pytest.fixture
async def telegram(options: Options) -> AsyncIterator[RunningSimulator]:
    async with running_simulator(options) as found:
        yield found


@pytest.fixture
def shard_settings(settings: Settings, telegram: RunningSimulator) -> Settings:
    """Telegram is the simulator; our own address is nobody's."""
    return settings.model_copy(update={"telegram_api_url": telegram.url, "public_url": "http://127.0.0.1:9"})


@pytest.fixture
async def world(db: Database, shard_settings: Settings) -> AsyncIterator[World]:
    async with open_world(db, shard_settings) as found:
        yield found


async def connected(world: World, bot: Bot, *, mode: str = "polling", token: str | None = None) -> Tenant:
    """A tenant with this bot."""
    tenant = await world.add_tenant()
    async with world.db.tenant_tx(tenant.id) as conn:
        me = Identity(bot.id, bot.username, "Bot")
        await bots.add(
            conn,
            world.keyring,
            tenant_id=tenant.id,
            assistant_id=tenant.assistant_id,
            token=token or bot.token,
            me=me,
            mode=mode,  # type: ignore[arg-type]
        )
    return tenant


async def told(tenant: Tenant, expected: str | None, *, state: str = "active") -> None:
    """Wait for the sentence on the bot's row."""

    async def so() -> bool:
        [row] = await tenant.rows("SELECT state, last_error FROM bots WHERE tenant_id = $1", tenant.id)
        return (row["state"], row["last_error"]) == (state, expected)

    await until(so, f"the bot to be {state} with {expected!r}")


async def health(tenant: Tenant, bot: Bot) -> Health:
    """As the API reads it: as the tenant."""
    async with tenant.world.db.tenant_tx(tenant.id) as conn:
        return await bothealth.fetch_health(conn, tenant_id=tenant.id, bot_id=bot.id, slot=slot_of_bot(bot.id))


async def ring(world: World, signal: BotChanged | LookAtBot) -> None:
    """A doorbell on the bot's slot."""
    redis = connect(world.settings.redis_dsn)
    await Publisher(redis).publish([(bell_channel(slot_of_bot(signal.bot_id)), signal)])
    await redis.aclose()


async def rotate(telegram: RunningSimulator, bot: Bot) -> str:
    """What @BotFather's /revoke does; the new token."""
    old = bot.token
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{telegram.url}/control/revoke", json={"bot": bot.id}) as response,
    ):
        token = str((await response.json())["token"])
    assert token != old
    return token


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Webhooks are looked at all the time."""
    monkeypatch.setattr(webhooks, "CHECK_EVERY", 0.05)
    monkeypatch.setattr(webhooks, "RETRY_EVERY", 0.05)


async def test_a_token_is_rotated_without_losing_an_update(
    world: World, shard_settings: Settings, telegram: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "LONG_POLL", 1)
    bot = telegram.add_bot(username="echo_bot")
    user = telegram.add_user(first_name="Ann")
    tenant = await connected(world, bot)
    async with running_worker(shard_settings):
        telegram.say(bot, user, "before")
        await telegram.wait_for(lambda: telegram.answers(bot, user) == ["before"])
        token = await rotate(telegram, bot)
        bot = telegram.world.bots[bot.id]
        await told(tenant, rules.REVOKED, state="revoked")
        telegram.say(bot, user, "between")

        sealed = world.keyring.seal(token, place=bots.token_place(tenant.id, bot.id))
        async with world.db.tenant_tx(tenant.id) as conn:
            old = await bots.get(conn, tenant_id=tenant.id, bot_id=bot.id)
            await bots.update(conn, tenant_id=tenant.id, bot_id=bot.id, token_sealed=sealed)
        async with world.db.worker_tx() as conn:
            # The refusal of a call that was made with the old token comes in late: it is the old token's.
            assert not await bots.revoke(conn, old, reason="late")
        await ring(world, BotChanged(bot.id))
        telegram.say(bot, user, "after")
        await telegram.wait_for(lambda: "after" in telegram.answers(bot, user)[-1])
        await told(tenant, None)
    lines = "\n".join(telegram.answers(bot, user)).split("\n")
    assert lines == ["before", "between", "after"]


async def test_a_paused_bot_stays_paused_with_its_new_token(world: World, telegram: RunningSimulator) -> None:
    bot = telegram.add_bot(username="echo_bot")
    tenant = await connected(world, bot)
    async with world.db.tenant_tx(tenant.id) as conn:
        await bots.update(conn, tenant_id=tenant.id, bot_id=bot.id, state="paused")
        changed = await bots.update(conn, tenant_id=tenant.id, bot_id=bot.id, token_sealed=b"new")
    assert changed.state == "paused"


async def test_another_program_that_polls(
    world: World, shard_settings: Settings, telegram: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_health, "CLASHES", 1)
    monkeypatch.setattr(bot_health, "CLASH_SECONDS", 1.0)
    monkeypatch.setattr(registry, "LOOK_EVERY", 0.1)
    bot = telegram.add_bot(username="echo_bot")
    tenant = await connected(world, bot)
    async with running_worker(shard_settings), aiohttp.ClientSession() as http:

        async def rival() -> None:
            while True:
                async with http.post(f"{telegram.url}/bot{bot.token}/getUpdates", json={"timeout": 5}):
                    await asyncio.sleep(0.1)

        async with asyncio.TaskGroup() as group:
            polling = group.create_task(rival())
            await told(tenant, rules.POLLED_ELSEWHERE)
            polling.cancel()
        await told(tenant, None)


async def test_another_program_that_sets_the_webhook_of_a_polled_bot(
    world: World, shard_settings: Settings, telegram: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "LOOK_EVERY", 0.1)
    bot = telegram.add_bot(username="echo_bot")
    tenant = await connected(world, bot)
    async with running_worker(shard_settings), aiohttp.ClientSession() as http:
        await until(lambda: _set(http, telegram, bot), "the first webhook")
        await telegram.wait_for(lambda: bot.webhook is None)
        await told(tenant, None)
        await until(lambda: _set(http, telegram, bot), "the second webhook")
        await told(tenant, rules.WEBHOOK_ELSEWHERE)


async def _set(http: aiohttp.ClientSession, telegram: RunningSimulator, bot: Bot) -> bool:
    """What the other program does; Telegram lets it once a second."""
    url = f"{telegram.url}/bot{bot.token}/setWebhook"
    async with http.post(url, json={"url": "https://rival.example/x"}) as response:
        return response.status == 200


@pytest.mark.usefixtures("hurried")
async def test_another_program_that_sets_its_webhook(
    world: World, shard_settings: Settings, telegram: RunningSimulator
) -> None:
    bot = telegram.add_bot(username="echo_bot")
    tenant = await connected(world, bot, mode="webhook")
    async with running_worker(shard_settings), aiohttp.ClientSession() as http:
        for _ in range(2):
            await telegram.wait_for(lambda: bot.webhook is not None and "127.0.0.1:9" in bot.webhook.url)
            await until(lambda: _set(http, telegram, bot), "the other webhook")
        await told(tenant, rules.webhook_taken("https://rival.example/x"))
        await telegram.wait_for(lambda: bot.webhook is not None and "127.0.0.1:9" in bot.webhook.url)


@pytest.mark.usefixtures("hurried")
async def test_a_webhook_that_is_unreachable(
    world: World, shard_settings: Settings, telegram: RunningSimulator
) -> None:
    bot = telegram.add_bot(username="echo_bot")
    user = telegram.add_user(first_name="Ann")
    tenant = await connected(world, bot, mode="webhook")
    async with running_worker(shard_settings):
        await telegram.wait_for(lambda: bot.webhook is not None)
        telegram.say(bot, user, "hello")

        async def complained() -> Any:
            [row] = await tenant.rows("SELECT last_error FROM bots WHERE tenant_id = $1", tenant.id)
            return row["last_error"]

        sentence = await until(complained, "the complaint")
        assert sentence.startswith("Telegram cannot reach 127.0.0.1:9: open it to 149.154.160.0/20")
        seen = await health(tenant, bot)
        assert (seen.receiving, seen.pending) == ("webhook", 1)
        assert seen.webhook_error
        assert seen.webhook_error_at


class TestStrict:
    """Against a server that takes https only, as api.telegram.org does."""

    @pytest.fixture
    def options(self) -> Options:
        return Options(local=False)

    async def test_a_bot_without_https_is_polled_and_says_so(
        self, world: World, shard_settings: Settings, telegram: RunningSimulator
    ) -> None:
        bot = telegram.add_bot(username="echo_bot")
        user = telegram.add_user(first_name="Ann")
        tenant = await connected(world, bot, mode="webhook")
        async with running_worker(shard_settings):
            telegram.say(bot, user, "hello")
            await telegram.wait_for(lambda: telegram.answers(bot, user) == ["hello"])
            refused = rules.webhook_refused("bad webhook: An HTTPS URL must be provided", "http://127.0.0.1:9")
            await told(tenant, f"{refused} {rules.POLLED_MEANWHILE}")
            await ring(world, LookAtBot(bot.id))

            async def checked() -> bool:
                return (await health(tenant, bot)).receiving == "polling"

            await until(checked, "Telegram to be asked")


async def test_a_token_that_was_sealed_with_another_key(
    world: World, shard_settings: Settings, telegram: RunningSimulator
) -> None:
    bot = telegram.add_bot(username="echo_bot")
    tenant = await connected(world, bot)
    short = await connected(world, telegram.add_bot(username="short_bot"))
    other = KeyRing(b"k" * 32).seal(bot.token, place=bots.token_place(tenant.id, bot.id))
    for one, sealed in ((tenant, other), (short, b"short")):
        await one.rows("UPDATE bots SET token_sealed = $2 WHERE tenant_id = $1 RETURNING id", one.id, sealed)
    async with running_worker(shard_settings):
        await told(short, rules.OTHER_KEY)
        await told(tenant, rules.OTHER_KEY)


async def test_floods_uncertain_sends_queue_and_blocked_share(
    world: World, shard_settings: Settings, telegram: RunningSimulator
) -> None:
    bot = telegram.add_bot(username="echo_bot")
    ann, bob = telegram.add_user(first_name="Ann"), telegram.add_user(first_name="Bob")
    tenant, other = await connected(world, bot), await world.add_tenant()
    telegram.fault("sendMessage", "429", times=1, retry_after=1)
    telegram.fault("sendMessage", "502", times=1)
    async with running_worker(shard_settings):
        telegram.say(bot, ann, "hello")
        await telegram.wait_for(lambda: telegram.answers(bot, ann) == ["hello"])
        telegram.say(bot, bob, "hello")
        await telegram.wait_for(lambda: telegram.answers(bot, bob) == ["hello"])
        telegram.people.block(bot, bob)

        async def seen() -> bool:
            found = await health(tenant, bot)
            counts = (found.floods, found.flood_seconds, found.uncertain, found.dialogs, found.blocked, found.waiting)
            return counts == (1, 1.0, 1, 2, 1, 0)

        await until(seen, "the health to be written")
    async with world.db.tenant_tx(other.id) as conn:
        foreign = await bothealth.fetch_health(conn, tenant_id=tenant.id, bot_id=bot.id, slot=slot_of_bot(bot.id))
    assert (foreign.floods, foreign.dialogs, foreign.checked_at) == (0, 0, None)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("SSL error {error:0A000086:SSL routines::certificate verify failed}", "does not trust the certificate"),
        ("Failed to resolve host: Name or service not known", "check PUBLIC_URL and its DNS"),
        ("Wrong response from the webhook: 404 Not Found", "let /telegram/ through"),
        ("Wrong response from the webhook: 502 Bad Gateway", "answers Telegram with an error"),
        ("Read timeout expired", "Telegram cannot reach shop.example"),
    ],
)
def test_sentences_for_webhook_errors(words: str, part: str) -> None:
    sentence = rules.unreachable(words, "https://shop.example")
    assert part in sentence
    assert sentence.endswith(words)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("Bad Request: bad webhook: An HTTPS URL must be provided for webhook", "only to https"),
        ("Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443", "only to the ports"),
        ("Bad Request: bad webhook: IP address 10.0.0.1 is reserved", "from the internet"),
        ("Bad Request: bad webhook: Failed to resolve host: x", "from the internet"),
        ("Conflict: terminated by other setWebhook request", "refused the webhook: Conflict"),
    ],
)
def test_sentences_for_refused_webhooks(words: str, part: str) -> None:
    assert part in rules.webhook_refused(words, "http://10.0.0.1")
