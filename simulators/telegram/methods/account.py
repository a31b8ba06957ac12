"""The bot itself: getMe, logOut, close, its names, descriptions and commands."""

from collections.abc import Awaitable, Callable
from typing import Any

from simulators.telegram.core import Call
from simulators.telegram.errors import bad_request
from simulators.telegram.methods.registry import method

Json = dict[str, Any]


@method("getMe")
async def get_me(call: Call) -> object:
    """The bot as a user, with its abilities."""
    bot = call.bot
    return {
        **bot.as_user(),
        "can_join_groups": bot.can_join_groups,
        "can_read_all_group_messages": bot.reads_all_group_messages,
        "supports_inline_queries": False,
        "can_connect_to_business": True,
        "has_main_web_app": False,
    }


@method("getMyStarBalance")
async def get_my_star_balance(call: Call) -> object:
    """The bot's Telegram Stars."""
    return {"amount": int(call.bot.stars)}


@method("logOut")
async def log_out(call: Call) -> object:
    """Leave the cloud server; further calls are refused."""
    call.core.webhooks.remove(call.bot)
    call.bot.closed = "Logged out"
    return True


@method("close")
async def close(call: Call) -> object:
    """Close the instance; further calls are refused until the bot is created again. 429 in its first ten minutes."""
    call.core.admission.check_close(call.bot)
    call.core.webhooks.remove(call.bot)
    call.bot.closed = "Bad Request: the bot has already been closed"
    return True


@method("setMyCommands")
async def set_my_commands(call: Call) -> object:
    """Keep the list of commands."""
    listed = call.params.json("commands", "can't parse commands JSON object")
    if not isinstance(listed, list):
        raise bad_request("can't parse commands JSON object: expected an Array of BotCommand")
    for command in listed:
        name = command.get("command") if isinstance(command, dict) else None
        if not isinstance(name, str) or not 1 <= len(name.lstrip("/")) <= 32:
            raise bad_request("BOT_COMMAND_INVALID")
    call.bot.stored[_commands_key(call)] = listed
    return True


def _commands_key(call: Call) -> str:
    return f"commands {call.params.text('scope')} {call.params.text('language_code')}"


@method("getMyCommands")
async def get_my_commands(call: Call) -> object:
    """The commands kept for this scope and language."""
    return call.bot.stored.get(_commands_key(call), [])


@method("deleteMyCommands")
async def delete_my_commands(call: Call) -> object:
    """Forget the commands of this scope and language."""
    call.bot.stored.pop(_commands_key(call), None)
    return True


def _keep(setter: str, getter: str, parameter: str, limit: int) -> None:
    """Register a pair of methods that keep one text per language."""

    async def keep(call: Call) -> object:
        value = call.params.text(parameter)
        if len(value) > limit:
            raise bad_request(f"{parameter} is too long")
        call.bot.stored[f"{parameter} {call.params.text('language_code')}"] = value
        if parameter == "name" and value and not call.params.has("language_code"):
            call.bot.first_name = value
        return True

    async def show(call: Call) -> object:
        default = call.bot.first_name if parameter == "name" else ""
        return {parameter: call.bot.stored.get(f"{parameter} {call.params.text('language_code')}", default)}

    method(setter)(keep)
    method(getter)(show)


_keep("setMyName", "getMyName", "name", 64)
_keep("setMyDescription", "getMyDescription", "description", 512)
_keep("setMyShortDescription", "getMyShortDescription", "short_description", 120)


def _accept(*names: str) -> None:
    """Register methods that are accepted and have no effect here."""

    def accepting() -> Callable[[Call], Awaitable[object]]:
        async def accept(_call: Call) -> object:
            return True

        return accept

    for name in names:
        method(name)(accepting())


_accept("setChatMenuButton", "setMyDefaultAdministratorRights", "setMessageReaction", "pinChatMessage")
