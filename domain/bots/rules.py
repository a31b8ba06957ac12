"""What can be wrong with a bot, in sentences its tenant understands. Pure."""

from urllib.parse import urlsplit

REVOKED = "Telegram does not accept this bot's token any more. Get a new one from @BotFather and enter it here."
OTHER_KEY = "The token was sealed with another key. Check SECRET_KEY_FILE, or enter the token again."
POLLED_ELSEWHERE = (
    "Another program receives this bot's messages too (it calls getUpdates with the same token), so some are answered "
    "there. Stop it, or revoke the token in @BotFather and enter the new one here."
)
WEBHOOK_ELSEWHERE = (
    "Another program keeps setting a webhook for this bot, which is polled here; it is removed each time. Stop it "
    "there, or revoke the token in @BotFather and enter the new one here."
)
POLLED_MEANWHILE = "Until that is changed the bot is polled instead."
_WORDS_MAX = 200  # characters of Telegram's own words


def webhook_taken(url: str) -> str:
    """Somebody else keeps setting the bot's webhook, to `url` ("" for nowhere)."""
    host = urlsplit(url).hostname
    where = f"it was sent to {host}" if host else "it was removed"
    return (
        f"Another program keeps changing this bot's webhook (last, {where}); it is set back each time. Stop it there, "
        "or revoke the token in @BotFather and enter the new one here."
    )


def unreachable(words: str, base_url: str) -> str:
    """Why Telegram's calls of our webhook fail (`last_error_message` of getWebhookInfo)."""
    host, hint, words = urlsplit(base_url).netloc, words.lower(), words[:_WORDS_MAX]
    if "certificate" in hint or "ssl" in hint:
        reason = (
            f"Telegram does not trust the certificate of {host}: it must be valid, for this name, and be sent with its "
            "intermediate certificates"
        )
    elif "resolve" in hint:
        reason = f"Telegram cannot find {host}: check PUBLIC_URL and its DNS"
    elif "wrong response" in hint and any(code in hint for code in ("401", "403", "404", "405", "30")):
        reason = f"Something in front of ReplyX at {host} answers instead of it: let /telegram/ through"
    elif "wrong response" in hint:
        reason = f"ReplyX at {host} answers Telegram with an error: see its logs"
    else:
        reason = f"Telegram cannot reach {host}: open it to 149.154.160.0/20 and 91.108.4.0/22"
    return f"{reason}. Telegram says: {words}"


def webhook_refused(words: str, base_url: str) -> str:
    """Why setWebhook was refused (the description of the error)."""
    hint = words.lower()
    if "https" in hint:
        return f"Telegram sends webhooks only to https addresses, and PUBLIC_URL is {base_url}."
    if "port" in hint:
        return f"Telegram sends webhooks only to the ports 80, 88, 443 and 8443, and PUBLIC_URL is {base_url}."
    if any(word in hint for word in ("reserved", "ipv6", "resolve", "invalid webhook url")):
        return f"Telegram cannot reach PUBLIC_URL, {base_url}, from the internet."
    return f"Telegram refused the webhook: {words[:_WORDS_MAX]}"
