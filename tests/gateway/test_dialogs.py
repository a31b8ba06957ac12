"""People and dialogs: read, answer, take over, close; and what streams and the outbox get of it."""

import asyncio
from uuid import UUID, uuid4

import pytest

from domain.bots import service as bots
from domain.bots.service import Identity
from domain.dialogs import DialogLog, MessageDraft, Opening
from domain.dialogs.opening import lock_or_open
from domain.handoff import service as handoff
from domain.kit.ids import uuid7
from domain.kit.slots import slot_of_bot
from gateway.tokens import Member
from tests.gateway.conversation import Visit, visit
from tests.gateway.running import Account, Gateway


async def owner_of(visitor: Visit) -> Account:
    """A person of the visitor's workspace, with an account of their own."""
    person = await visitor.gateway.register("olga")
    services = visitor.gateway.services
    user_id = services.tokens.read_access(person.token).user_id
    async with services.db.tenant_tx(visitor.dialog.tenant_id) as conn:
        await conn.execute(
            "INSERT INTO memberships (tenant_id, user_id, role) VALUES ($1, $2, 'operator')",
            visitor.dialog.tenant_id,
            user_id,
        )
    token = services.tokens.access(Member(user_id, visitor.dialog.tenant_id, "operator"))
    return Account(visitor.gateway, person.email, token, visitor.dialog.tenant_id)


async def test_a_persons_answer_reaches_the_visitor_at_once(gateway: Gateway, second_gateway: Gateway) -> None:
    visitor = await visit(gateway)
    await visitor.dialog.say("I want a person")
    await ask_for_a_person(visitor)
    person = await owner_of(visitor)
    [waiting] = (await person.ok("GET", "/api/handoffs"))["items"]
    assert (waiting["dialog_id"], waiting["state"]) == (visitor.session["dialog_id"], "requested")
    path = f"/api/dialogs/{visitor.session['dialog_id']}"
    async with visitor.follow(gateway=second_gateway) as stream:
        await stream.until("ready")
        answer = await person.call("POST", f"{path}/messages", json={"text": " Hello, I am Olga. "})
        assert answer.status == 201
        assert (await stream.until("mode")).data["mode"] == "active"
        message = (await stream.until("message")).data
        assert (message["role"], message["text"], message["author"]) == ("operator", "Hello, I am Olga.", "Olga")
    assert (await person.ok("GET", "/api/handoffs"))["items"][0]["state"] == "active"
    closed = await person.ok("PATCH", path, json={"status": "closed"})
    assert (closed["status"], closed["mode"]) == ("closed", "ai")
    assert (await person.ok("GET", "/api/handoffs"))["items"] == []


async def ask_for_a_person(visitor: Visit) -> bool:
    """As a shard does it; whether that opened a request."""
    async with visitor.gateway.services.db.tenant_tx(visitor.dialog.tenant_id) as conn:
        return await handoff.request(
            conn, tenant_id=visitor.dialog.tenant_id, dialog_id=visitor.dialog.dialog_id, reason="asked"
        )


@pytest.mark.parametrize("taken", [{"text": "I am here."}, {"mode": "active"}])
@pytest.mark.parametrize("given_back", [{"mode": "ai"}, {"status": "closed"}, {"status": "closed", "mode": "ai"}])
async def test_a_request_is_taken_ended_and_can_be_made_again(
    gateway: Gateway, taken: dict[str, str], given_back: dict[str, str]
) -> None:
    visitor = await visit(gateway)
    await visitor.dialog.say("I want a person")
    person = await owner_of(visitor)
    path = f"/api/dialogs/{visitor.session['dialog_id']}"

    async def states() -> list[str]:
        return [request["state"] for request in (await person.ok("GET", "/api/handoffs"))["items"]]

    for _ in range(2):
        assert await ask_for_a_person(visitor)
        assert not await ask_for_a_person(visitor)
        assert await states() == ["requested"]
        if "text" in taken:
            await person.ok("POST", f"{path}/messages", json=taken)
        else:
            await person.ok("PATCH", path, json=taken)
        assert await states() == ["active"]
        assert (await person.ok("GET", path))["mode"] == "active"
        await person.ok("PATCH", path, json=given_back)
        assert await states() == []
        assert (await person.ok("GET", path))["mode"] == "ai"


async def test_a_dialog_is_not_closed_and_taken_at_once(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    await visitor.dialog.say("hi")
    person = await owner_of(visitor)
    path = f"/api/dialogs/{visitor.session['dialog_id']}"
    assert (await person.call("PATCH", path, json={"status": "closed", "mode": "active"})).status == 422
    assert (await person.ok("GET", path))["status"] == "open"


async def test_an_answer_sent_again_is_said_once(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    await visitor.dialog.say("hi", client_id=str(uuid4()))
    person = await owner_of(visitor)
    path = f"/api/dialogs/{visitor.session['dialog_id']}"
    body = {"text": "Hello.", "client_id": str(uuid4())}
    answers = await asyncio.gather(*(person.ok("POST", f"{path}/messages", json=body) for _ in range(5)))
    assert len({event["id"] for answer in answers for event in answer["events"] if event["kind"] == "message"}) == 1
    await person.ok("PATCH", path, json={"mode": "ai"})
    await ask_for_a_person(visitor)
    again = await person.ok("POST", f"{path}/messages", json={**body, "text": "Hello again."})
    assert [(event["text"], event["client_id"]) for event in again["events"]] == [("Hello.", body["client_id"])]
    assert (await person.ok("GET", path))["mode"] == "ai"
    assert (await person.ok("GET", "/api/handoffs"))["items"][0]["state"] == "requested"
    await person.ok("POST", f"{path}/messages", json={"text": "Hello.", "client_id": str(uuid4())})
    await person.ok("POST", f"{path}/messages", json={"text": "Hello."})
    messages = (await person.ok("GET", f"{path}/messages"))["items"]
    assert [message["text"] for message in messages if message["role"] == "operator"] == ["Hello."] * 3
    assert (await person.call("POST", f"{path}/messages", json={"text": "x", "client_id": "no id"})).status == 422


async def test_lists_filter_search_and_page(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    await visitor.dialog.say("where is my 100% parcel_x")
    person = await owner_of(visitor)

    async def found(query: str) -> int:
        return len((await person.ok("GET", f"/api/dialogs?{query}"))["items"])

    assert await found("status=open&mode=ai") == 1
    assert await found("status=closed") == 0
    assert await found("search=100%25") == 1
    assert await found("search=100%25%25") == 0
    assert await found("search=parcel_x") == 1
    assert await found("search=parcelyx") == 0
    assert (await person.call("GET", "/api/dialogs?mode=nobody")).status == 422


async def test_messages_are_paged_by_seq_and_carry_receipts(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    for number in range(5):
        await visitor.dialog.say(str(number), role="assistant", receipt={"model": "m"})
    person = await owner_of(visitor)
    path = f"/api/dialogs/{visitor.session['dialog_id']}/messages?limit=3"
    first = await person.ok("GET", path)
    assert [message["text"] for message in first["items"]] == ["0", "1", "2"]
    assert first["items"][0]["receipt"] == {"model": "m"}
    rest = await person.ok("GET", f"{path}&cursor={first['next_cursor']}")
    assert [message["text"] for message in rest["items"]] == ["3", "4"]
    assert rest["next_cursor"] is None
    session = {"visitor_token": visitor.token}
    seen = await gateway.ok("POST", f"/api/widget/{visitor.site['site_key']}/sessions", json=session)
    assert "receipt" not in seen["messages"][0], "how an answer came about is the workspace's own"


async def test_blank_and_long_answers_are_refused(gateway: Gateway) -> None:
    visitor = await visit(gateway)
    await visitor.dialog.say("hi")
    person = await owner_of(visitor)
    path = f"/api/dialogs/{visitor.session['dialog_id']}/messages"
    for text in ("  ", "x" * 4001):
        answer = await person.call("POST", path, json={"text": text})
        assert answer.status == 422
        assert answer.json["detail"].endswith(".")


async def test_an_answer_on_telegram_is_queued_in_the_same_transaction(gateway: Gateway) -> None:
    account = await gateway.register("olga")
    assistant_id, bot_id, services = UUID(await account.assistant()), uuid4().int % 10**9 + 1, gateway.services
    async with services.db.tenant_tx(account.tenant_id) as conn:
        await bots.add(
            conn,
            services.keyring,
            tenant_id=account.tenant_id,
            assistant_id=assistant_id,
            token=f"{bot_id}:secret",
            me=Identity(bot_id, "shop_bot", "Shop"),
            mode="polling",
        )
        opening = Opening(
            tenant_id=account.tenant_id,
            channel="telegram",
            source=str(bot_id),
            address="7",
            dialog_id=uuid7(),
            slot=slot_of_bot(bot_id),
            assistant_id=assistant_id,
            external_id="7",
            name="Ivan",
        )
        locked = (await lock_or_open(conn, [opening]))[opening.key]
        log = DialogLog(conn)
        log.adopt([locked])
        log.append(locked, MessageDraft(id=uuid7(), role="customer", text="hi"))
        await log.flush()
    body = {"text": "Hello, Ivan.", "client_id": str(uuid4())}
    for _ in range(2):
        await account.ok("POST", f"/api/dialogs/{locked.id}/messages", json=body)
    async with services.db.tenant_tx(account.tenant_id) as conn:
        [row] = await conn.fetch("SELECT bot_id, chat_id, state FROM outbox WHERE tenant_id = $1", account.tenant_id)
    assert (row["bot_id"], row["chat_id"], row["state"]) == (bot_id, 7, "ready")
    [message] = (await account.ok("GET", f"/api/dialogs/{locked.id}/messages?after=1"))["items"]
    assert message["delivery"] == "queued"
