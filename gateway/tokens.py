"""JWTs: access tokens of people, and visitor tokens of the widget. HS256 with a key for each kind.

The keys come from the key ring, the algorithm list is fixed, and issuer, audience and expiry are always checked.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt

from domain.kit.clock import Clock
from domain.kit.errors import Unauthorized
from domain.kit.sealing import KeyRing
from domain.tenants.model import Role

ACCESS_TTL = timedelta(hours=12)
VISITOR_TTL = timedelta(days=180)
_ISSUER = "replyx"
_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Member:
    """A person, signed in to one workspace."""

    user_id: UUID
    tenant_id: UUID
    role: Role


@dataclass(frozen=True, slots=True)
class Visitor:
    """A visitor of a site, with the one dialog of his."""

    tenant_id: UUID
    site_id: UUID
    visitor_id: UUID
    dialog_id: UUID


class Tokens:
    """Signs and reads."""

    def __init__(self, keyring: KeyRing, clock: Clock) -> None:
        self._access_key = keyring.derive("jwt")
        self._visitor_key = keyring.derive("visitor")
        self._clock = clock

    def access(self, member: Member) -> str:
        """A token for the API, good for ACCESS_TTL."""
        claims = {"sub": str(member.user_id), "tid": str(member.tenant_id), "role": member.role}
        return self._sign(self._access_key, "api", claims, ACCESS_TTL)

    def read_access(self, token: str) -> Member:
        """Raises Unauthorized."""
        claims = self._read(self._access_key, "api", token)
        try:
            role: Role = "owner" if claims["role"] == "owner" else "operator"
            return Member(UUID(claims["sub"]), UUID(claims["tid"]), role)
        except (KeyError, ValueError) as error:
            raise _refused() from error

    def visitor(self, visitor: Visitor) -> str:
        """A token for one visitor of one site, good for VISITOR_TTL."""
        claims = {
            "sub": str(visitor.visitor_id),
            "tid": str(visitor.tenant_id),
            "site": str(visitor.site_id),
            "dialog": str(visitor.dialog_id),
        }
        return self._sign(self._visitor_key, "widget", claims, VISITOR_TTL)

    def read_visitor(self, token: str) -> Visitor:
        """Raises Unauthorized."""
        claims = self._read(self._visitor_key, "widget", token)
        try:
            return Visitor(UUID(claims["tid"]), UUID(claims["site"]), UUID(claims["sub"]), UUID(claims["dialog"]))
        except (KeyError, ValueError) as error:
            raise _refused() from error

    def _sign(self, key: bytes, audience: str, claims: dict[str, Any], ttl: timedelta) -> str:
        now = self._clock.now()
        registered = {"iss": _ISSUER, "aud": audience, "iat": int(now.timestamp()), "exp": int((now + ttl).timestamp())}
        return jwt.encode({**claims, **registered}, key, algorithm=_ALGORITHM)

    def _read(self, key: bytes, audience: str, token: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=audience,
                issuer=_ISSUER,
                # expiry is compared below, with the injected clock
                options={"require": ["exp", "iat", "sub"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise _refused() from error
        if not isinstance(claims["exp"], int) or claims["exp"] <= self._clock.now().timestamp():
            raise _refused()
        return claims


def _refused() -> Unauthorized:
    return Unauthorized("The token is wrong or has expired; sign in again.")
