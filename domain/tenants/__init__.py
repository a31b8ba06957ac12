"""Workspaces and their members. Owns the tables `tenants` and `memberships`.

Called by the gateway's auth and workspace routes, and by shards for the policy.

model.py    Tenant, Membership        rules.py    names
queries.py  the SQL                   service.py  register, memberships of a person, uncertain policy
"""

from domain.tenants.model import Membership, Registration, Role, Tenant

__all__ = ["Membership", "Registration", "Role", "Tenant"]
