"""The Bot API's methods, by group; importing this package registers them all.

`registry` holds the table; `updates` getUpdates, `webhooks` setWebhook and its kin, `account` getMe, logOut, names and
commands, `messages` text, edits, deletes, `drafts`, `media` files and albums, `content` places, contacts, forwards,
`chats` chats, members, actions and callbacks; `targets` finds the chat of a call and refuses as Telegram would,
`markup` checks keyboards.
"""

from simulators.telegram.methods import account, chats, content, drafts, media, messages, updates, webhooks

__all__ = ["account", "chats", "content", "drafts", "media", "messages", "updates", "webhooks"]
