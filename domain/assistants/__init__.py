"""Who answers: name, instructions, model, greeting, suggestions. Owns the table `assistants`.

Called by the gateway's routes, by sites and bots (each has one), and by shards, which read it for every turn.

model.py    Assistant               rules.py    Draft: what a person may set; which language greets
queries.py  the SQL                 service.py  add, get, list, change, delete
"""

from domain.assistants.model import Assistant

__all__ = ["Assistant"]
