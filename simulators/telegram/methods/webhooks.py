"""setWebhook, deleteWebhook, getWebhookInfo."""

import asyncio
import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from simulators.telegram.core import Call, Described
from simulators.telegram.errors import bad_request, conflict, too_many_requests
from simulators.telegram.methods.registry import method
from simulators.telegram.methods.updates import end_poll, keep_allowed_updates
from simulators.telegram.model import Webhook

Json = dict[str, Any]

_PORTS = frozenset({80, 88, 443, 8443})
_SECRET = re.compile(r"[A-Za-z0-9_-]+")


@method("setWebhook")
async def set_webhook(call: Call) -> object:
    """Deliver updates to `url`; an empty url deletes the webhook."""
    if not call.params.has("url"):
        return await delete_webhook(call)
    bot, core = call.bot, call.core
    wanted = _checked_webhook(call)
    now = core.clock.now()
    if core.limits.settings.enabled and now < bot.next_set_webhook_at:
        raise too_many_requests(1)
    bot.next_set_webhook_at = now + 1.0
    await _take_time(call)
    keep_allowed_updates(call)
    dropping = call.params.flag("drop_pending_updates")
    if dropping:
        bot.queue.clear()
    if bot.webhook is not None and not dropping and _same(bot.webhook, wanted):
        return Described(True, "Webhook is already set")
    end_poll(bot, "terminated by setWebhook request")
    core.webhooks.set(bot, wanted)
    return Described(True, "Webhook was set")


async def _take_time(call: Call) -> None:
    """Look at the address. A setWebhook that is still looking is ended by a later one."""
    bot, seconds = call.bot, call.core.options.webhook_check_seconds
    earlier = bot.setting_webhook
    if earlier is not None and not earlier.done():
        earlier.set_exception(conflict("terminated by other setWebhook"))
    if seconds:
        bot.setting_webhook = asyncio.get_running_loop().create_future()
        await call.core.waits.until(bot.setting_webhook, seconds)


def _same(old: Webhook, new: Webhook) -> bool:
    return (old.url, old.secret, old.max_connections, old.ip_address, old.has_certificate) == (
        new.url,
        new.secret,
        new.max_connections,
        new.ip_address,
        new.has_certificate,
    )


def _checked_webhook(call: Call) -> Webhook:
    params, local = call.params, call.core.options.local
    url = params.text("url").strip()
    _check_url(url, local=local)
    secret = params.text("secret_token")
    if len(secret) > 256:
        raise bad_request("secret token is too long")
    if secret and not _SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    most = 100_000 if local else 100
    connections = params.integer("max_connections", 100 if local else 40)
    return Webhook(
        url,
        secret,
        min(max(connections, 1), most),
        params.text("ip_address"),
        "certificate" in params.files,
    )


def _check_url(url: str, *, local: bool) -> None:
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        port = parts.port
    except ValueError as error:
        raise bad_request("invalid webhook URL specified") from error
    host = parts.hostname or ""
    if not host or parts.scheme not in {"http", "https"}:
        raise bad_request("invalid webhook URL specified")
    if local:
        return
    if parts.scheme != "https":
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if (port or 443) not in _PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    _check_address(host)


def _check_address(host: str) -> None:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return
    if address.version != 4:
        raise bad_request("bad webhook: IPv6-only addresses are not allowed")
    if not address.is_global:
        raise bad_request(f"bad webhook: IP address {address} is reserved")


@method("deleteWebhook")
async def delete_webhook(call: Call) -> object:
    """Go back to getUpdates."""
    if call.params.flag("drop_pending_updates"):
        call.bot.queue.clear()
    if call.bot.webhook is None:
        return Described(True, "Webhook is already deleted")
    call.core.webhooks.remove(call.bot)
    return Described(True, "Webhook was deleted")


@method("getWebhookInfo")
async def get_webhook_info(call: Call) -> object:
    """The webhook and how it is doing."""
    bot, webhook = call.bot, call.bot.webhook
    info: Json = {
        "url": webhook.url if webhook else "",
        "has_custom_certificate": bool(webhook and webhook.has_certificate),
        "pending_update_count": len(bot.queue),
    }
    if webhook is not None:
        info["max_connections"] = webhook.max_connections
        if webhook.ip_address:
            info["ip_address"] = webhook.ip_address
        if webhook.last_error_date:
            info |= {"last_error_date": webhook.last_error_date, "last_error_message": webhook.last_error}
    if bot.allowed is not None:
        info["allowed_updates"] = sorted(bot.allowed)
    return info
