"""Use cases of accounts."""

from uuid import UUID

from domain.accounts import queries
from domain.accounts.model import User
from domain.accounts.passwords import Passwords
from domain.accounts.rules import normal_email
from domain.kit.db import Conn, Database
from domain.kit.errors import Conflict, NotFound, Unauthorized
from domain.kit.ids import uuid7


async def add_user(conn: Conn, *, email: str, name: str, locale: str, password_hash: str) -> User:
    """Add a person with an already normal address. Raises Conflict when it has an account."""
    user = await queries.insert_user(
        conn, user_id=uuid7(), email=email, name=name, locale=locale, password_hash=password_hash
    )
    if user is None:
        raise Conflict("This e-mail address already has an account; sign in instead.")
    return user


async def get_user(conn: Conn, *, user_id: UUID) -> User:
    """Raises NotFound."""
    user = await queries.fetch_user(conn, user_id=user_id)
    if user is None:
        raise NotFound("This account does not exist any more.")
    return user


async def authenticate(db: Database, passwords: Passwords, *, email: str, password: str) -> User:
    """The person with this address and password. Raises Unauthorized, after the same time for an unknown address.

    No transaction is open while the password is hashed.
    """
    async with db.app_tx() as conn:
        found = await queries.fetch_login(conn, email=normal_email(email))
    stored = found[1] if found else None
    if not await passwords.verify(password, stored) or found is None:
        raise Unauthorized("The e-mail address or the password is wrong.")
    user, old = found
    if passwords.outdated(old):
        new = await passwords.hash(password)
        async with db.app_tx() as conn:
            await queries.update_hash(conn, user_id=user.id, password_hash=new, replaces=old)
    return user
