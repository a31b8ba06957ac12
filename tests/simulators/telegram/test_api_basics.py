"""The HTTP face: tokens, methods, ways to pass parameters, exact words."""

import pytest
from aiohttp import FormData

from simulators.telegram.params import Params
from tests.simulators.telegram.client import Stage


async def test_tokens_and_methods(stage: Stage) -> None:
    url = stage.sim.url
    for path, status, description in [
        ("bot123:unknown-token/getMe", 401, "Unauthorized"),
        ("botrubbish/getMe", 404, "Not Found"),
        ("bot:abc/getMe", 404, "Not Found"),
        (f"bot{stage.bot.token}/noSuchMethod", 404, "Not Found: method not found"),
    ]:
        async with stage.http.get(f"{url}/{path}") as response:
            assert response.status == status
            assert await response.json() == {"ok": False, "error_code": status, "description": description}
            assert (await response.text()).startswith('{"ok":false,"error_code":')


async def test_every_way_to_pass_parameters(stage: Stage) -> None:
    stage.start()
    url = f"{stage.sim.url}/bot{stage.bot.token}/SENDmessage"
    fields = {"chat_id": str(stage.user), "text": "привет"}
    multipart = FormData({**fields, "disable_notification": "true"}, default_to_multipart=True)
    for request in [
        stage.http.get(url, params=fields),
        stage.http.post(url, data=fields),
        stage.http.post(url, json={**fields, "chat_id": stage.user}),
        stage.http.post(url, data=multipart),
    ]:
        async with request as response:
            data = await response.json()
            assert data["ok"], data
            assert data["result"]["text"] == "привет"
    async with stage.http.post(url, data=b"{bad", headers={"Content-Type": "application/json"}) as response:
        assert (await response.json())["description"] == "Bad Request: can't parse JSON object"


async def test_integers_are_forgiving(stage: Stage) -> None:
    assert await stage.refusal("sendMessage", chat_id="abc", text="x") == "Bad Request: chat not found"
    assert await stage.refusal("sendMessage", text="x") == "Bad Request: chat_id is empty"
    stage.start()
    assert await stage.result("getUpdates", offset="seven", limit="-5", timeout=0) == []


@pytest.mark.parametrize(
    ("given", "small", "large"),
    [
        ("7", 7, 7),
        (" -7x", -7, -7),
        ("seven", 0, 0),
        ("", 5, 5),
        ("99999999999999999999", 2**31 - 1, 2**63 - 1),
        ("-99999999999999999999", -(2**31), -(2**63)),
        ("3000000000", 2**31 - 1, 3_000_000_000),
    ],
)
def test_wrong_integers_are_zero_and_large_ones_are_clamped(given: str, small: int, large: int) -> None:
    params = Params({"n": given})
    assert (params.integer("n", 5), params.long("n", 5)) == (small, large)


async def test_who_am_i_and_small_settings(stage: Stage) -> None:
    me = await stage.result("getMe")
    assert me["username"] == "echo_bot"
    assert me["is_bot"] is True
    assert me["can_read_all_group_messages"] is False
    commands = [{"command": "start", "description": "Begin"}]
    assert await stage.result("setMyCommands", commands=commands) is True
    assert await stage.result("getMyCommands") == commands
    assert await stage.result("setMyName", name="Helper") is True
    assert (await stage.result("getMyName"))["name"] == "Helper"
    assert await stage.result("logOut") is True
    assert await stage.refusal("getMe") == "Logged out"


async def test_refusals_by_chat_state(stage: Stage) -> None:
    sim, bot, user = stage.sim, stage.bot, stage.user

    async def refusal(chat_id: int) -> str:
        return await stage.refusal("sendMessage", chat_id=chat_id, text="x")

    assert await refusal(123_456) == "Bad Request: chat not found"
    assert await refusal(user) == "Forbidden: bot can't initiate conversation with a user"
    assert await refusal(sim.add_bot().id) == "Forbidden: the bot can't send messages to the bot"
    stage.start()
    sim.people.block(bot, user)
    assert await refusal(user) == "Forbidden: bot was blocked by the user"
    sim.people.unblock(bot, user)
    statuses = [u["my_chat_member"]["new_chat_member"]["status"] for u in await stage.result("getUpdates")]
    assert statuses == ["kicked", "member"]
    assert (await stage.result("sendMessage", chat_id=user, text="x"))["text"] == "x"
    sim.world.deactivated.add(user)
    assert await refusal(user) == "Forbidden: user is deactivated"


async def test_groups(stage: Stage) -> None:
    bot, user = stage.bot, stage.user
    group = await stage.control("groups", {"title": "Shop", "type": "group", "members": [user], "bots": [bot.id]})
    chat_id = group["chat"]["id"]
    sent = await stage.result("sendMessage", chat_id=chat_id, text="hello")
    assert sent["chat"] == {"id": chat_id, "title": "Shop", "type": "group"}
    await stage.control("say", {"bot": bot.id, "user": user, "chat": chat_id, "text": "not for bots"})
    for text, extra in [("/help", {}), ("@echo_bot hi", {}), ("yes", {"reply_to": sent["message_id"]})]:
        await stage.control("say", {"bot": bot.id, "user": user, "chat": chat_id, "text": text, **extra})
    await stage.control("say", {"bot": bot.id, "user": user, "chat": chat_id, "text": "/help@other_bot"})
    updates = await stage.result("getUpdates")
    assert [u["message"]["text"] for u in updates if "message" in u] == ["/help", "@echo_bot hi", "yes"]
    moved = await stage.control(f"groups/{chat_id}/migrate", {})
    answer = await stage.call("sendMessage", chat_id=chat_id, text="x")
    assert answer["description"] == "Bad Request: group chat was upgraded to a supergroup chat"
    assert answer["parameters"] == {"migrate_to_chat_id": moved["chat"]["id"]}
    await stage.control(f"groups/{moved['chat']['id']}/restrict", {"types": ["text"]})
    wanted = "Bad Request: not enough rights to send text messages to the chat"
    assert await stage.refusal("sendMessage", chat_id=moved["chat"]["id"], text="x") == wanted
    await stage.control(f"groups/{moved['chat']['id']}/kick", {"bot": bot.id})
    wanted = "Forbidden: bot was kicked from the supergroup chat"
    assert await stage.refusal("sendMessage", chat_id=moved["chat"]["id"], text="x") == wanted


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("[]", "object expected as reply markup"),
        ({"inline_keyboard": [[{"text": "x", "callback_data": "я" * 33}]]}, "BUTTON_DATA_INVALID"),
        ({"inline_keyboard": [[{"text": "x", "url": "not a link"}]]}, "BUTTON_URL_INVALID"),
        ({"inline_keyboard": [[{"text": "x" * 11_000, "callback_data": "x"}]]}, "reply markup is too long"),
    ],
)
async def test_bad_keyboards(stage: Stage, markup: object, words: str) -> None:
    stage.start()
    refused = await stage.refusal("sendMessage", chat_id=stage.user, text="x", reply_markup=markup)
    assert refused == f"Bad Request: {words}"


async def test_a_deleted_bot_is_unauthorized(stage: Stage) -> None:
    async with stage.http.delete(f"{stage.sim.url}/control/bots/{stage.bot.id}") as response:
        assert response.status == 200
    assert await stage.refusal("getMe") == "Unauthorized"
