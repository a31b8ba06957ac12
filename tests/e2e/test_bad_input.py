"""What cannot be taken is refused: the right status, one clear sentence, and nothing else is lost."""

import asyncio
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.knowledge.files import blank_pdf, encrypted_pdf, pdf
from tests.product import Telegram, Tenant, Visitor
from tests.product.tenant import Reply


def sentence_of(reply: Reply, status: int) -> str:
    """The detail of a problem, which is one sentence or two for people."""
    assert (reply.status, reply.content_type) == (status, "application/problem+json"), reply
    detail = str(reply.body["detail"])
    assert 15 < len(detail) < 220
    assert detail[-1] in ".!"
    assert not any(word in detail for word in ("Traceback", "Exception", "pydantic", "None", "errno"))
    return detail


async def test_messages_of_the_widget(tenants: tuple[Tenant, Tenant], http: aiohttp.ClientSession) -> None:
    for shop in tenants:
        visitor = await Visitor.open(http, shop.url, shop.site_key)
        status, body = await visitor.post("я" * 20_000)
        assert status == 422
        assert body["detail"].startswith("The message is too long: it has 20000 characters, and at most 4000 fit.")
        status, body = await visitor.post(" \n ")
        assert status == 422
        assert body["detail"] == "The message is empty: write something first."
        assert await visitor.transcript() == []
        wordless = await visitor.ask("🙂🎉👍")
        assert wordless["text"].startswith("I am not sure what you mean yet.")
        assert wordless["citations"] == []
        assert len(await visitor.transcript()) == 2


async def test_a_third_language_is_answered(tenants: tuple[Tenant, Tenant], http: aiohttp.ClientSession) -> None:
    demo, boats = tenants
    german = await Visitor.open(http, demo.url, demo.site_key, locale="de")
    answer = await german.ask("Wie kann ich einen Artikel zurückgeben?")
    assert answer["citations"][0]["title"] == "Returns and exchanges"
    visitor = await Visitor.open(http, boats.url, boats.site_key)
    unknown = await visitor.ask("明日の天気はどうですか？")
    assert unknown["text"].startswith("I honestly do not know the answer to that.")
    assert unknown["citations"] == []


async def test_messages_of_telegram(tenants: tuple[Tenant, Tenant], telegram: Telegram) -> None:
    _, boats = tenants
    token = await telegram.new_bot("patient_bot")
    bot = await boats.add_bot(token)
    person = await telegram.person(token)
    assert (await person.ask("🙂🙂🙂")).startswith("I am not sure what you mean yet.")
    long = "How do I return a boat? " + "Please tell me more. " * 1_000
    update = {"message": {**(await person.chat())["messages"][0]["message"], "message_id": 900, "text": long[:20_000]}}
    await telegram.control("update", {"bot": token, "update": update})
    assert "77" in await person.ask("How do I return a boat?")
    await boats.ok("DELETE", f"/api/bots/{bot['id']}")


async def test_bodies(tenants: tuple[Tenant, Tenant]) -> None:
    for tenant in tenants:
        as_json = {"Content-Type": "application/json"}
        for body in (b'{"name": ', b"\xff\xfe", b""):
            reply = await tenant.call("POST", "/api/assistants", data=body, headers=as_json)
            assert "not valid JSON" in sentence_of(reply, 400)
        assert sentence_of(await tenant.call("POST", "/api/assistants", json=[1, 2]), 422)
        assert sentence_of(await tenant.call("POST", "/api/assistants", data=b"name=x"), 415)
        assert sentence_of(await tenant.call("GET", "/api/nothing"), 404)
        assert sentence_of(await tenant.call("DELETE", "/api/assistants"), 405)


async def test_a_wrong_bot_token(tenants: tuple[Tenant, Tenant]) -> None:
    for tenant in tenants:
        for token in ("not a token", "123456:AAFakeFakeFakeFakeFakeFakeFakeFakeFake"):
            body = {"token": token, "assistant_id": tenant.assistant_id}
            assert "token" in sentence_of(await tenant.call("POST", "/api/bots", json=body), 422).lower()


async def test_a_hundred_megabytes(tenants: tuple[Tenant, Tenant]) -> None:
    reply = await tenants[1].upload("huge.txt", bytes(100 << 20))
    assert sentence_of(reply, 413).startswith("The file is too large: a document may have at most 25 MB.")
    assert b"The file is too large" in await _endless_upload(tenants[1])


async def _endless_upload(tenant: Tenant) -> bytes:
    """The answer to a form that does not say how long it is, and of which at most 100 MB are sent."""
    address = urlsplit(tenant.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"POST /api/documents HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {tenant.token}\r\n"
    head += "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n"
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    writer.write(head.encode() + b"%x\r\n%s\r\n" % (len(part), part))
    answer = asyncio.create_task(reader.readuntil(b"}"))
    sent = 0
    while not answer.done() and sent < 100:
        writer.write(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
        await writer.drain()
        sent += 1
    said = await answer
    assert sent < 60  # it is told long before the end
    writer.transport.abort()
    return said


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("photo.exe", b"MZ\x90\x00", "not supported"),
        ("empty.pdf", b"", "empty"),
        ("blank.pdf", blank_pdf(), "text"),
        ("secret.pdf", encrypted_pdf("hidden"), "password"),
        ("broken.pdf", pdf(("Rules", "A text."))[:400], "damaged"),
        ("torn.docx", b"PK\x03\x04 torn", "upload a pdf"),
    ],
)
async def test_bad_documents(tenants: tuple[Tenant, Tenant], name: str, data: bytes, words: str) -> None:
    """Refused at once, or taken and then marked as failed with the reason."""
    _, boats = tenants
    reply = await boats.upload(name, data)
    if reply.status == 201:
        document = await boats.read(reply.body["id"])
        assert document["state"] == "failed"
        said = str(document["error"])
        assert 15 < len(said) < 220
        await boats.ok("DELETE", f"/api/documents/{document['id']}")
    else:
        said = sentence_of(reply, reply.status)
        assert reply.status in {415, 422}
    assert words in said.lower()
