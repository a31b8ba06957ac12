"""People who sign in. Owns the table `users`, which is global: a person may belong to several tenants.

Called by the gateway's auth routes and by tenants (a registration makes a person and a workspace together).

model.py      User                                   rules.py    what an e-mail address and a password must be
passwords.py  argon2id in two threads of its own     queries.py  the SQL
service.py    add, authenticate, get
"""

from domain.accounts.model import User
from domain.accounts.passwords import Passwords

__all__ = ["Passwords", "User"]
