"""Answers of a model: streamed from it, cited; when it fails the customer reads a sentence, not an error."""

from itertools import pairwise
from typing import Any

import aiohttp

from tests.e2e.test_kills import SLOW
from tests.ops.waiting import until as eventually
from tests.product import LlmControl, Telegram, Tenant, Visitor

QUESTION = {"en": "How do I return a boat?", "ru": "Как вернуть лодку?"}


async def test_an_answer_streams_from_the_model(
    model: LlmControl, two_shops: tuple[Tenant, Tenant], http: aiohttp.ClientSession
) -> None:
    model.script({**SLOW, "token_ms": 20})
    for shop, question in zip(two_shops, QUESTION.values(), strict=True):
        visitor = await Visitor.open(http, shop.url, shop.site_key)
        async with visitor.listen() as stream:
            await visitor.write(question)
            answer = (await stream.until("message", role="assistant")).data
        assert answer["text"] == SLOW["answer"]
        assert [citation["title"] for citation in answer["citations"]] == ["boats"]
        assert "77" in answer["citations"][0]["excerpt"]
        assert sum(event.name == "delta" for event in stream.seen) > 5
        assert answer["text"].startswith(stream.text(answer["turn_id"]))
    calls = model.calls()
    assert [call["stream"] for call in calls] == [True, True]
    assert all(call["key"] == "sk-test" and "77" in str(call["body"]["messages"]) for call in calls)


async def test_a_failing_model_is_a_polite_sentence_and_a_person(
    model: LlmControl, two_shops: tuple[Tenant, Tenant], http: aiohttp.ClientSession
) -> None:
    faults: list[dict[str, Any]] = [{"status": 500, "message": "SECRET-STACK"}, {"cut_after": 3}]
    for shop, rule in zip(two_shops, faults, strict=True):
        model.script(rule)
        visitor = await Visitor.open(http, shop.url, shop.site_key)
        async with visitor.listen() as stream:
            await visitor.write(QUESTION["en"])
            answer = (await stream.until("message", role="assistant")).data
            assert (await stream.until("mode")).data["mode"] == "requested"
        assert answer["text"].startswith("I cannot put together an answer right now. I am passing your question")
        assert "77 days" in answer["text"]  # what the documents say meanwhile
        assert not any(word in answer["text"] for word in ("SECRET", "500", "Error"))
        assert stream.messages("assistant") == [answer]
        handoffs = (await shop.ok("GET", "/api/handoffs"))["items"]
        assert [(one["dialog_id"], one["reason"]) for one in handoffs] == [(visitor.dialog_id, "model_failed")]
        model.script()
        assert "77" in (await visitor.ask(QUESTION["ru"]))["text"]  # and the assistant goes on helping


async def test_telegram_shows_the_answer_as_it_grows(
    model: LlmControl, two_shops: tuple[Tenant, Tenant], telegram: Telegram
) -> None:
    model.script(SLOW)
    for number, shop in enumerate(two_shops):
        token = await telegram.new_bot(f"grow{number}_bot")
        bot = await shop.add_bot(token, mode=("webhook", "polling")[number])
        person = await telegram.person(token)
        answer = await person.ask(QUESTION["en"])
        drafts = [draft["text"] for draft in (await person.chat())["drafts"]]
        assert len(drafts) > 1
        assert all(later.startswith(earlier) for earlier, later in pairwise(drafts))
        assert answer.startswith("You may return a boat within 77 days [1]. word0")
        assert "[1] boats" in answer
        assert await person.heard() == [answer]
        await shop.ok("DELETE", f"/api/bots/{bot['id']}")


async def test_an_operator_is_heard_in_both_channels(
    two_shops: tuple[Tenant, Tenant], telegram: Telegram, http: aiohttp.ClientSession
) -> None:
    shop, other = two_shops
    visitor = await Visitor.open(http, shop.url, shop.site_key)
    async with visitor.listen() as stream:
        await visitor.write("I want to talk to a person")
        await stream.until("mode", mode="requested")
        path = f"/api/dialogs/{visitor.dialog_id}/messages"
        assert (await other.call("POST", path, json={"text": "not mine"})).status == 404
        await shop.ok("POST", path, json={"text": "Hello, this is the harbour."})
        await stream.until("mode", mode="active")
        said = (await stream.until("message", role="operator")).data
        assert said["text"] == "Hello, this is the harbour."
    token = await telegram.new_bot("operator_bot")
    bot = await other.add_bot(token)
    person = await telegram.person(token)
    await person.ask("I want to talk to a person")
    (dialog,) = (await other.ok("GET", "/api/dialogs", params={"mode": "requested", "search": "Ann"}))["items"]
    await other.ok("POST", f"/api/dialogs/{dialog['id']}/messages", json={"text": "Ahoy!"})

    async def heard() -> bool:
        return "Ahoy!" in await person.heard()

    await eventually(heard)
    await other.ok("DELETE", f"/api/bots/{bot['id']}")
