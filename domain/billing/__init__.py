"""What was used. Owns the table `usage_records`, one row an answer; money is posted elsewhere, in groups.

Called by the shards inside the turn's commit (`record_usage_many`).

model.py  UsageRecord      queries.py  the SQL      service.py  record_usage_many, usage_since
"""

from domain.billing.model import UsageRecord, UsageTotal

__all__ = ["UsageRecord", "UsageTotal"]
