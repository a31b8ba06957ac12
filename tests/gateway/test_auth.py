"""Registration, sign-in, tokens, and who may do what."""

from datetime import timedelta

import jwt
import pytest

from domain.kit.clock import SystemClock
from gateway.throttle import keys_of
from gateway.tokens import Member
from tests.gateway.running import Account, Gateway

PASSWORD = "correct horse battery"


async def test_registration_signs_in_and_me_knows_the_person(gateway: Gateway) -> None:
    account = await gateway.register()
    me = await account.ok("GET", "/api/users/me")
    assert me["user"]["email"] == account.email
    assert me["workspace"] == {"tenant_id": str(account.tenant_id), "name": "ann's", "role": "owner"}
    assert "password" not in str(me)


async def test_login_is_case_insensitive_in_the_address(gateway: Gateway) -> None:
    account = await gateway.register()
    session = await gateway.ok(
        "POST", "/api/auth/login", json={"email": f" {account.email.upper()} ", "password": PASSWORD}
    )
    assert session["token_type"] == "Bearer"
    assert session["expires_in"] == 12 * 3600


@pytest.mark.parametrize("email", ["known", "nobody@example.com"])
async def test_wrong_password_and_unknown_person_read_the_same(gateway: Gateway, email: str) -> None:
    account = await gateway.register()
    body = {"email": account.email if email == "known" else email, "password": "wrong wrong"}
    answer = await gateway.call("POST", "/api/auth/login", json=body)
    assert answer.status == 401
    assert answer.json["detail"] == "The e-mail address or the password is wrong."
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_one_address_has_one_account(gateway: Gateway) -> None:
    account = await gateway.register()
    body = {"email": account.email, "password": PASSWORD, "name": "Eve", "workspace": "Eve's"}
    assert (await gateway.call("POST", "/api/auth/register", json=body)).status == 409


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"email": "nobody"}, "e-mail"),
        ({"password": "short"}, "too short"),
        ({"password": "x" * 200}, "too long"),
        ({"name": "  "}, "empty"),
        ({"unknown": 1}, "unknown"),
        ({"email": 5}, "email"),
    ],
)
async def test_a_bad_registration_says_what_is_wrong(gateway: Gateway, change: dict[str, object], part: str) -> None:
    body = {"email": "eve@example.com", "password": PASSWORD, "name": "Eve", "workspace": "Eve's", **change}
    answer = await gateway.call("POST", "/api/auth/register", json=body)
    assert answer.status == 422
    assert part in answer.json["detail"]


async def guessed(account: Account) -> None:
    """Somebody here has tried many passwords of the account, one of them just now."""
    pair, _ = keys_of("127.0.0.1", account.email)
    await account.gateway.services.redis.hset(pair, "tries", "20")  # the waits between them have passed
    body = {"email": account.email, "password": "wrong wrong"}
    assert (await account.gateway.call("POST", "/api/auth/login", json=body)).status == 401


async def test_guessing_is_slowed_down_but_nobody_else_is(gateway: Gateway) -> None:
    account, other = await gateway.register(), await gateway.register("bob")
    await guessed(account)
    answer = await gateway.call("POST", "/api/auth/login", json={"email": account.email, "password": PASSWORD})
    assert answer.status == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    await gateway.ok("POST", "/api/auth/login", json={"email": other.email, "password": PASSWORD})


async def test_failures_count_over_all_gateways(gateway: Gateway, second_gateway: Gateway) -> None:
    account = await gateway.register()
    await guessed(account)
    answer = await second_gateway.call("POST", "/api/auth/login", json={"email": account.email, "password": PASSWORD})
    assert answer.status == 429


async def test_tokens_of_another_kind_key_or_time_are_refused(gateway: Gateway) -> None:
    account = await gateway.register()
    claims = jwt.decode(account.token, options={"verify_signature": False})
    site = await account.site()
    visitor = await gateway.ok("POST", f"/api/widget/{site['site_key']}/sessions", json={})
    forged = [
        "nonsense",
        visitor["visitor_token"],
        jwt.encode(claims, "x" * 32, algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode({**claims, "exp": 1}, gateway.services.keyring.derive("jwt"), algorithm="HS256"),
        jwt.encode({**claims, "aud": "widget"}, gateway.services.keyring.derive("jwt"), algorithm="HS256"),
        jwt.encode({**claims, "iss": "other"}, gateway.services.keyring.derive("jwt"), algorithm="HS256"),
        jwt.encode({**claims, "sub": "x"}, gateway.services.keyring.derive("jwt"), algorithm="HS256"),
    ]
    for token in forged:
        assert (await gateway.call("GET", "/api/users/me", token=token)).status == 401, token
    assert (await gateway.call("GET", "/api/users/me")).status == 401


async def test_an_operator_may_not_change_the_workspace(gateway: Gateway) -> None:
    account = await gateway.register()
    claims = jwt.decode(account.token, options={"verify_signature": False})
    operator = gateway.services.tokens.access(Member(claims["sub"], account.tenant_id, "operator"))
    assert (await gateway.call("GET", "/api/assistants", token=operator)).status == 200
    answer = await gateway.call("POST", "/api/assistants", token=operator, json={"name": "Mia"})
    assert answer.status == 403
    assert "owner" in answer.json["detail"]


async def test_a_token_expires(gateway: Gateway) -> None:
    account = await gateway.register()
    claims = jwt.decode(account.token, options={"verify_signature": False})
    lifetime = claims["exp"] - SystemClock().now().timestamp()
    assert timedelta(hours=11) < timedelta(seconds=lifetime) <= timedelta(hours=12)


async def test_me_of_a_foreign_workspace_is_forbidden(gateway: Gateway) -> None:
    account, other = await gateway.register(), await gateway.register("bob")
    body = {"email": account.email, "password": PASSWORD, "tenant_id": str(other.tenant_id)}
    assert (await gateway.call("POST", "/api/auth/login", json=body)).status == 403
