"""SQL of the people."""

from uuid import UUID

from domain.accounts.model import User
from domain.kit.db import Conn, Row

# Adds a person; no row comes back when the address has an account already.
INSERT_USER = """
INSERT INTO users (id, email, name, locale, password_hash) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (email) DO NOTHING
RETURNING id, email, name, locale, created_at
"""

# A person by id.
FETCH_USER = "SELECT id, email, name, locale, created_at FROM users WHERE id = $1"

# A person and the password hash, to sign in.
FETCH_LOGIN = "SELECT id, email, name, locale, created_at, password_hash FROM users WHERE email = $1"

# A new hash, unless the password was changed meanwhile.
UPDATE_HASH = "UPDATE users SET password_hash = $2 WHERE id = $1 AND password_hash = $3"


async def insert_user(
    conn: Conn, *, user_id: UUID, email: str, name: str, locale: str, password_hash: str
) -> User | None:
    """The new person, or None when the address is taken."""
    row = await conn.fetchrow(INSERT_USER, user_id, email, name, locale, password_hash)
    return _user(row) if row else None


async def fetch_user(conn: Conn, *, user_id: UUID) -> User | None:
    """The person, if there is one."""
    row = await conn.fetchrow(FETCH_USER, user_id)
    return _user(row) if row else None


async def fetch_login(conn: Conn, *, email: str) -> tuple[User, str] | None:
    """The person and the password hash."""
    row = await conn.fetchrow(FETCH_LOGIN, email)
    return (_user(row), row["password_hash"]) if row else None


async def update_hash(conn: Conn, *, user_id: UUID, password_hash: str, replaces: str) -> None:
    """Store a hash with today's parameters."""
    await conn.execute(UPDATE_HASH, user_id, password_hash, replaces)


def _user(row: Row) -> User:
    return User(**{name: row[name] for name in User.__slots__})
