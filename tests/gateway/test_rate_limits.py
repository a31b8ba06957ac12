"""What the shards say of their bots' limits, merged."""

from datetime import UTC, datetime, timedelta

from domain.bus import Publisher
from domain.kit.redis import connect
from domain.kit.settings import Settings
from shards.figures import publish_figures
from tests.gateway.running import Gateway
from tests.shards.lane import Bench, row


async def test_every_shard_says_what_its_bots_do(gateway: Gateway, settings: Settings) -> None:
    held, busy = Bench(), Bench(rate=2)
    held.flood = lambda _: 40.0
    held.lane.add([row(1, 1), row(2, 2)])
    await held.run(0.2)
    busy.lane.add(row(number, number + 1) for number in range(5))
    await busy.run(0.1)
    redis, now = connect(settings.redis_dsn), datetime.now(UTC)
    publisher = Publisher(redis)
    await publish_figures(publisher, "host:shard-00:one", now, {11: busy.lane.figures()})
    await publish_figures(publisher, "host:shard-01:two", now, {12: held.lane.figures()})
    await publish_figures(publisher, "host:shard-02:old", now - timedelta(minutes=1), {13: busy.lane.figures()})
    answer = await gateway.call("GET", "/metrics/telegram-rate-limit")
    assert answer.status == 200
    ours = {bot["bot_id"]: bot for bot in answer.json["bots"] if bot["bot_id"] in {11, 12, 13}}
    assert list(ours) == [12, 11]
    assert (ours[11]["shard"], ours[11]["rate"], ours[11]["tokens"], ours[11]["queue"]) == ("host:shard-00", 2, 0, 3)
    assert ours[12]["held_for"] > 39
    assert (ours[12]["floods_hour"], ours[12]["chats_held"]) == (2, 2)
    far = await gateway.call("GET", "/metrics/telegram-rate-limit", headers={"X-Forwarded-For": "203.0.113.9"})
    assert far.status == 403
    await held.stop()
    await busy.stop()
    await redis.aclose()
