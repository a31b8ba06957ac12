"""Dead letters over REST: listed, looked at safely, retried once however often it is clicked, discarded."""

import asyncio
import base64
from typing import Any

import pytest

from domain.deadletters.rules import cause_of, parse_id, safe_text
from domain.kit.errors import NotFound
from tests.gateway.running import Account, Gateway
from tests.gateway.telegram_dialog import telegram_dialog

POISON = b'{"update_id": 1, "message": "\xff\xfe\x1b[2J <script>\xe2\x80\xae"}'


async def bury(account: Account, *, raw: bytes = POISON, reason: str = "not JSON", source: str = "5") -> str:
    """An arrival that died before it became a message; its letter's id."""
    async with account.gateway.services.db.tenant_tx(account.tenant_id) as conn:
        row_id = await conn.fetchval(
            "INSERT INTO inbox (tenant_id, slot, channel, source, source_id, raw, state, error, done_at, attempts)"
            " VALUES ($1, 7, 'telegram', $4, md5(random()::text), $2, 'dead', $3, now(), 2) RETURNING id",
            account.tenant_id, raw, reason, source,
        )  # fmt: skip
    return f"inbox-{row_id}"


async def inbox_states(account: Account) -> list[tuple[str, int]]:
    """(state, attempts) of the tenant's arrivals."""
    async with account.gateway.services.db.tenant_tx(account.tenant_id) as conn:
        rows = await conn.fetch("SELECT state, attempts FROM inbox ORDER BY id")
    return [(row["state"], row["attempts"]) for row in rows]


async def test_an_arrival_is_looked_at_and_retried_once(gateway: Gateway) -> None:
    ann, bob = await gateway.register(), await gateway.register("bob")
    letter = await bury(ann)
    [listed] = (await ann.ok("GET", "/api/deadletters"))["items"]
    assert (listed["id"], listed["cause"], listed["reason"], listed["source"]) == (letter, "poison", "not JSON", "5")
    assert listed["size"] == len(POISON)
    seen = await ann.ok("GET", f"/api/deadletters/{letter}")
    assert seen["raw"] == r'{"update_id": 1, "message": "\xff\xfe\x1b[2J <script>\u202e"}'
    assert seen["truncated"] is False

    for method, path in (("GET", ""), ("POST", "/retry"), ("DELETE", "")):
        assert (await bob.call(method, f"/api/deadletters/{letter}{path}")).status == 404
    assert (await bob.ok("GET", "/api/deadletters"))["items"] == []

    answers = await asyncio.gather(*(ann.call("POST", f"/api/deadletters/{letter}/retry") for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 404, 404, 404]
    assert await inbox_states(ann) == [("ready", 0)]
    assert (await ann.ok("GET", "/api/deadletters"))["items"] == []


async def test_a_huge_letter_is_cut_and_a_discarded_one_is_gone(gateway: Gateway) -> None:
    ann = await gateway.register()
    letter = await bury(ann, raw=b"x" * 100_000)
    seen = await ann.ok("GET", f"/api/deadletters/{letter}")
    assert (len(seen["raw"]), seen["size"], seen["truncated"], len(seen["preview"])) == (64 << 10, 100_000, True, 200)
    await ann.call("DELETE", f"/api/deadletters/{letter}")
    assert (await ann.call("DELETE", f"/api/deadletters/{letter}")).status == 404
    assert await inbox_states(ann) == []


async def test_pages_and_filters(gateway: Gateway) -> None:
    ann = await gateway.register()
    dialog = await telegram_dialog(ann, states=("sent", "failed", "uncertain"))
    ids = [await bury(ann, source=str(dialog.bot_id) if n == 0 else "5") for n in range(3)]
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await ann.ok("GET", f"/api/deadletters?limit=2{cursor}")
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len({letter["id"] for letter in seen}) == 5
    assert {letter["id"] for letter in seen if letter["kind"] == "inbox"} == set(ids)
    assert {letter["cause"] for letter in seen if letter["kind"] == "outbox"} == {"refused", "uncertain"}
    assert all("\x1b" not in letter["preview"] for letter in seen)
    assert [x["at"] for x in seen] == sorted((x["at"] for x in seen), reverse=True)
    of_bot = (await ann.ok("GET", f"/api/deadletters?bot_id={dialog.bot_id}"))["items"]
    assert len(of_bot) == 3
    assert len((await ann.ok("GET", "/api/deadletters?kind=outbox"))["items"]) == 2
    odd = ("0001-01-01T00:00:00+14:00|inbox|5", "9999-12-31|outbox|-5", "x|inbox|5")
    cursors = [base64.urlsafe_b64encode(text.encode()).decode() for text in odd]
    for query in ("kind=lost", "cursor=x", "cursor=fHx8", "bot_id=0", *(f"cursor={cursor}" for cursor in cursors)):
        assert (await ann.call("GET", f"/api/deadletters?{query}")).status == 422


async def test_a_failed_message_is_sent_again_from_the_list(gateway: Gateway) -> None:
    ann = await gateway.register()
    dialog = await telegram_dialog(ann, states=("failed", "failed"))
    [first, second] = (await ann.ok("GET", "/api/deadletters"))["items"]
    assert first["message_id"] == str(dialog.answer)
    retried = await ann.ok("POST", f"/api/deadletters/{first['id']}/retry")
    assert retried["dialog_id"] == str(dialog.id)
    assert (await ann.call("POST", f"/api/deadletters/{second['id']}/retry")).status == 404  # its parts go together
    assert await dialog.outbox() == [("failed", 0, True)] * 2 + [("ready", 0, False)] * 2
    assert await dialog.delivery() == "queued"


def test_ids_and_causes() -> None:
    assert parse_id("outbox-17") == ("outbox", 17)
    assert parse_id("inbox-" + "0" * 17 + "5") == ("inbox", 5)
    for text in (
        "inbox-" + "0" * 20 + "9" * 20,
        "",
        "17",
        "inbox-",
        "inbox-x",
        "inbox--1",
        "mail-1",
        "inbox-99999999999999999999",
        "inbox-²",
    ):
        with pytest.raises(NotFound):
            parse_id(text)
    assert cause_of("dead", "the worker died 3 times while answering it") == "killed_worker"
    assert cause_of("dead", "could not be accepted: ValueError()") == "unacceptable"
    assert cause_of("dead", "its dialog was removed") == "homeless"
    assert cause_of("dead", "unexpected shape: KeyError('chat')") == "poison"
    assert cause_of("failed", "given up after 8 attempts: x") == "given_up"
    assert cause_of("failed", "The bot was disconnected.") == "disconnected"
    assert cause_of("uncertain", "x") == "uncertain"
    assert safe_text(b"a\nb\t\x00\xf0\x9f\x98\x80\xed\xa0\x80", lines=True) == "a\nb\\t\\x00😀\\xed\\xa0\\x80"
    assert "\n" not in safe_text(b"a\nb")
