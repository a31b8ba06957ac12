"""Telegram bots of the tenants. Owns the tables `bots` and `directory.bots`.

The gateway creates and changes them and looks webhooks up; the owner of a bot's slot receives, sends and repairs.

model.py      Bot                                updates/      an Update's bytes -> what it means to us (pure)
queries.py    the SQL                            rendering.py  an answer -> Bot API sends (pure), with splitting.py
addresses.py  where a dialog is within its bot
service.py    use cases                          importing.py  many tokens at once
rules.py      what can be wrong with a bot, in sentences (pure)
"""

from domain.bots.model import Bot, BotSecrets

__all__ = ["Bot", "BotSecrets"]
