"""How a bot is doing, for the people who run it. Owns the tables `bot_checks` and `bot_minutes`.

Written by the owner of the bot's slot: what Telegram said when it was asked last, and by the minute how long Telegram
made the bot wait and how many sends had no definite outcome. Read by the gateway, beside what queues and dialogs say.

model.py    Check, Minute, Health     queries.py  the SQL     service.py  note, read, forget
"""

from domain.bothealth.model import Check, Health, Minute

__all__ = ["Check", "Health", "Minute"]
