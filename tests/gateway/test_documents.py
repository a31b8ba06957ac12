"""Documents and pairs through the API: upload, progress, search, limits of paging."""

import aiohttp
import pytest

from domain.kit.slots import slot_of
from tests.gateway.running import Account, Gateway


async def upload(account: Account, text: str, name: str = "returns.md", **fields: str) -> dict[str, object]:
    """A document."""
    form = aiohttp.FormData(fields)
    form.add_field("file", text.encode(), filename=name)
    document: dict[str, object] = await account.ok("POST", "/api/documents", data=form)
    return document


async def test_an_upload_is_queued_for_its_tenants_slot(gateway: Gateway) -> None:
    account = await gateway.register()
    document = await upload(account, "# Returns\n\nWithin 30 days.", title="Our returns")
    assert document["title"] == "Our returns"
    assert document["state"] == "queued"
    assert document["progress"] == 0
    async with gateway.services.db.tenant_tx(account.tenant_id) as conn:
        [job] = await conn.fetch("SELECT kind, slot FROM jobs WHERE tenant_id = $1", account.tenant_id)
    assert job["kind"] == "knowledge.ingest"
    assert job["slot"] == slot_of(account.tenant_id)
    again = await account.call("POST", f"/api/documents/{document['id']}/reindex")
    assert again.status == 202
    await account.ok("DELETE", f"/api/documents/{document['id']}")
    assert (await account.call("GET", f"/api/documents/{document['id']}")).status == 404


@pytest.mark.parametrize(("data", "name"), [("", "a.txt"), ("\x00\x01\x02\x03", "a.bin")])
async def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(gateway: Gateway, data: str, name: str) -> None:
    account = await gateway.register()
    form = aiohttp.FormData()
    form.add_field("file", data.encode(), filename=name)
    answer = await account.call("POST", "/api/documents", data=form)
    assert answer.status == 422
    assert answer.json["detail"].endswith(".")


async def test_pairs_are_added_changed_and_found(gateway: Gateway) -> None:
    account = await gateway.register()
    assistant_id = await account.assistant()
    body = {"question": "How do I return an item?", "answer": "Send it back within 30 days."}
    pair = await account.ok("POST", "/api/qa", json=body)
    changed = await account.ok("PATCH", f"/api/qa/{pair['id']}", json={"answer": "Within 60 days."})
    assert (changed["question"], changed["answer"]) == (body["question"], "Within 60 days.")
    search = {"question": "How do I return an item?", "assistant_id": assistant_id}
    found = await account.ok("POST", "/api/documents/search", json=search)
    assert found["embedded"] is False
    assert found["pair"]["answer"] == "Within 60 days."
    assert (await account.call("POST", "/api/qa", json={"question": "?", "answer": "x"})).status == 422


async def test_lists_are_read_page_by_page(gateway: Gateway) -> None:
    account = await gateway.register()
    made = [await account.assistant(name=f"A{number}") for number in range(5)]
    seen: list[str] = []
    path = "/api/assistants?limit=2"
    while True:
        page = await account.ok("GET", path)
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        path = f"/api/assistants?limit=2&cursor={page['next_cursor']}"
    assert seen == made[::-1]


async def test_an_assistant_in_use_is_not_deleted(gateway: Gateway) -> None:
    account = await gateway.register()
    site = await account.site()
    answer = await account.call("DELETE", f"/api/assistants/{site['assistant_id']}")
    assert answer.status == 409
    assert "site" in answer.json["detail"]
    await account.ok("DELETE", f"/api/sites/{site['id']}")
    assert (await account.call("DELETE", f"/api/assistants/{site['assistant_id']}")).status == 204


async def test_a_patch_changes_only_what_it_names(gateway: Gateway) -> None:
    account = await gateway.register()
    assistant_id = await account.assistant(instructions="Be brief.", model="m", temperature=0.2, greeting={"en": "Hi"})
    changed = await account.ok("PATCH", f"/api/assistants/{assistant_id}", json={"model": None})
    assert (changed["name"], changed["instructions"], changed["model"]) == ("Mia", "Be brief.", None)
    assert changed["greeting"] == {"en": "Hi"}
    assert changed["temperature"] == 0.2
    answer = await account.call("PATCH", f"/api/assistants/{assistant_id}", json={"greeting": {"english": "Hi"}})
    assert answer.status == 422
    assert "language codes" in answer.json["detail"]
