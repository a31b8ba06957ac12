"""The request for a person and its life: asked for once, taken by an operator, resolved, back to the assistant.

Owns the table `handoffs` (at most one open row a dialog). Called by the shards inside a turn's commit
(`request_many`) and by the gateway when an operator takes a dialog or gives it back.

model.py    Handoff, the states of a dialog      rules.py    the state machine
queries.py  the SQL                              service.py  request, request_many, activate, resolve, list_open
"""

from domain.handoff.model import Handoff, HandoffRequest

__all__ = ["Handoff", "HandoffRequest"]
