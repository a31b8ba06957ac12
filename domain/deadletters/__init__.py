"""What could not be done and waits for a person: arrivals that are `dead`, sends that are `failed` or `uncertain`.

Owns no table: one list over the `inbox` and the `outbox`, which keep these rows for 30 days. A retry puts an arrival
back into its slot's normal flow, and sends a message again as a new row of the outbox. Called by the gateway for one
tenant, and by `replyx deadletters` for all.

model.py    Letter, Position, Retried     rules.py    ids, causes, safe text
queries.py  the SQL                       service.py  list, read, retry, discard, forget
"""

from domain.deadletters.model import Letter

__all__ = ["Letter"]
