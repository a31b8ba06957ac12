"""Two tenants on one system: documents, dialogs, bots, sites and streams of the one do not exist for the other."""

import aiohttp

from tests.product import Tenant, Visitor


async def test_knowledge_stays_at_home(tenants: tuple[Tenant, Tenant], http: aiohttp.ClientSession) -> None:
    demo, boats = tenants
    for shop, question, foreign in (
        (demo, "Within how many days may I return a boat? How do I wash the hull?", "77"),
        (boats, "How do I return an item? Where do I get the return code?", "code that starts"),
    ):
        visitor = await Visitor.open(http, shop.url, shop.site_key)
        answer = await visitor.ask(question)
        assert foreign not in answer["text"]
        mine = {document["id"] for document in (await shop.ok("GET", "/api/documents?limit=100"))["items"]}
        assert {citation["document_id"] for citation in answer["citations"]} <= mine | {None}


async def test_ids_of_the_other_do_not_exist(tenants: tuple[Tenant, Tenant], http: aiohttp.ClientSession) -> None:
    visitors = [await Visitor.open(http, shop.url, shop.site_key) for shop in tenants]
    for visitor in visitors:
        await visitor.ask("How do I return it?")
    for me, you, visitor in zip(tenants, reversed(tenants), reversed(visitors), strict=True):
        documents = (await you.ok("GET", "/api/documents"))["items"]
        paths = [f"/api/dialogs/{visitor.dialog_id}", f"/api/dialogs/{visitor.dialog_id}/messages"]
        paths += [f"/api/assistants/{you.assistant_id}", f"/api/documents/{documents[0]['id']}"]
        paths += [f"/events?dialog={visitor.dialog_id}"]
        paths += [f"/api/sites/{site['id']}" for site in (await you.ok("GET", "/api/sites"))["items"]]
        paths += [f"/api/bots/{bot['id']}" for bot in (await you.ok("GET", "/api/bots"))["items"]]
        for path in paths:
            reply = await me.call("GET", path)
            assert (path, reply.status, reply.content_type) == (path, 404, "application/problem+json")
        assert (await me.call("DELETE", f"/api/documents/{documents[0]['id']}")).status == 404
        search = {"question": "return", "assistant_id": you.assistant_id}
        assert (await me.call("POST", "/api/documents/search", json=search)).status == 404
        body = {"name": "mine", "assistant_id": you.assistant_id, "allowed_origins": ["*"]}
        assert (await me.call("POST", "/api/sites", json=body)).status in {404, 422}
        dialogs = (await me.ok("GET", "/api/dialogs?limit=100"))["items"]
        assert visitor.dialog_id not in {dialog["id"] for dialog in dialogs}


async def test_a_visitors_token_opens_one_dialog(tenants: tuple[Tenant, Tenant], http: aiohttp.ClientSession) -> None:
    mine, theirs = [await Visitor.open(http, shop.url, shop.site_key) for shop in tenants]
    neighbour = await Visitor.open(http, mine.url, mine.site_key)
    await neighbour.ask("How do I return an item?")
    for other in (theirs, neighbour):
        async with http.get(f"{mine.url}/events", params={"dialog": other.dialog_id}, headers=mine.headers) as response:
            assert response.status == 404
    async with http.post(
        f"{mine.url}/api/widget/{theirs.site_key}/messages",
        json={"client_id": "4e5b9ee1-9c5a-4b0c-9a43-4bb2bd0d3f0e", "text": "Let me in"},
        headers=mine.headers,
    ) as response:
        assert response.status == 401
    async with http.get(f"{mine.url}/api/dialogs", headers=mine.headers) as response:
        assert response.status in {401, 403}
    stranger = await Visitor.open(http, theirs.url, theirs.site_key, token=mine.session["visitor_token"])
    assert stranger.dialog_id not in {mine.dialog_id, theirs.dialog_id}
    assert stranger.session["messages"] == []
