"""The shards of the deployment as a whole: which there are, what they hold and how they do, how many there should be.

Owns the table `shard_wishes`; reads `shard_members` and `slot_owners`, which the shards write. Called by the
shard-supervisor, the gateway's system routes, and `replyx shards`.

model.py    Shard, Fleet
queries.py  SQL
service.py  look at the fleet, wish for a number of shards
"""

from domain.fleet.model import Fleet, Shard

__all__ = ["Fleet", "Shard"]
