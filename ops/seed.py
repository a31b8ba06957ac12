"""`replyx seed`: the demo tenant, made once. Each step looks first, so an interrupted run is finished by the next.

Everything goes through the services of the domain, as the console would do it. Data: `ops/demo/seed.json`.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from domain.accounts import service as accounts
from domain.accounts.passwords import Passwords
from domain.assistants import service as assistants
from domain.assistants.rules import Draft
from domain.bots import service as bots
from domain.bots.service import Identity
from domain.kit.db import Conn, Database
from domain.kit.errors import Conflict, NotFound, Unauthorized
from domain.kit.sealing import KeyRing, create_key_file, load_keyring
from domain.kit.settings import Settings
from domain.sites import service as sites
from domain.sites.rules import checked_theme
from domain.tenants import service as tenants
from ops.refusal import Refusal
from ops.seed_knowledge import add_documents, add_pairs

DEMO = Path(__file__).parent / "demo"


@dataclass(frozen=True)
class Seeded:
    """What a person needs to try the demo."""

    email: str
    password: str
    site_key: str


def seed(settings: Settings) -> Seeded:
    """Make what is missing of the demo tenant. Raises Refusal, SettingsError, or a ReplyxError of a service."""
    plan: dict[str, Any] = json.loads((DEMO / "seed.json").read_text())
    if settings.secret_key_file is None:
        settings.replyx_data_dir.mkdir(parents=True, exist_ok=True)
        create_key_file(settings.key_file)
    return asyncio.run(_seed(settings, plan))


async def _seed(settings: Settings, plan: dict[str, Any]) -> Seeded:
    db = await Database.open(settings, app=2, name="replyx seed")
    passwords = Passwords()
    try:
        tenant_id = await _tenant(db, passwords, plan)
        async with db.tenant_tx(tenant_id) as conn:
            keys = await _assistants(conn, tenant_id, plan["assistants"])
            await _bots(conn, load_keyring(settings.key_file), tenant_id, keys, plan["bots"])
            site_key = await _sites(conn, tenant_id, keys, plan["sites"])
            await add_documents(
                conn, tenant_id=tenant_id, assistant_ids=keys, plan=plan["documents"], folder=DEMO / "knowledge"
            )
            first = keys[plan["assistants"][0]["key"]]
            await add_pairs(conn, tenant_id=tenant_id, assistant_id=first, file=DEMO / "knowledge" / "qa.csv")
    finally:
        passwords.close()
        await db.close()
    return Seeded(plan["user"]["email"], plan["user"]["password"], site_key)


async def _tenant(db: Database, passwords: Passwords, plan: dict[str, Any]) -> UUID:
    """The demo workspace; registered on the first run."""
    user = plan["user"]
    try:
        found = await accounts.authenticate(db, passwords, email=user["email"], password=user["password"])
    except Unauthorized:
        return await _register(db, passwords, plan)
    async with db.app_tx() as conn:
        memberships = await tenants.memberships(conn, user_id=found.id)
    if not memberships:
        raise Refusal(f"{user['email']} has no workspace: the demo cannot be made beside it.")
    return memberships[0].tenant_id


async def _register(db: Database, passwords: Passwords, plan: dict[str, Any]) -> UUID:
    user = plan["user"]
    try:
        made = await tenants.register(
            db,
            passwords,
            email=user["email"],
            password=user["password"],
            name=user["name"],
            workspace=plan["tenant"]["name"],
            locale=plan["tenant"]["locale"],
        )
    except Conflict as error:
        raise Refusal(
            f"{user['email']} has an account whose password is not the demo's any more: start without --demo."
        ) from error
    return made.membership.tenant_id


async def _assistants(conn: Conn, tenant_id: UUID, plan: list[dict[str, Any]]) -> dict[str, UUID]:
    """Assistant ids by the plan's keys."""
    known = {
        found.name: found.id
        for found in await assistants.list_assistants(conn, tenant_id=tenant_id, before=None, limit=100)
    }
    ids: dict[str, UUID] = {}
    for item in plan:
        name = item["name"]["en"]
        draft = Draft(
            name=name,
            instructions=item["instructions"],
            greeting=item["greeting"],
            suggestions=item["suggestions"],
        )
        if name not in known:
            known[name] = (await assistants.add_assistant(conn, tenant_id=tenant_id, draft=draft)).id
        ids[item["key"]] = known[name]
    return ids


async def _bots(
    conn: Conn, keyring: KeyRing, tenant_id: UUID, assistant_ids: dict[str, UUID], plan: list[dict[str, Any]]
) -> None:
    for item in plan:
        bot_id = int(item["token"].partition(":")[0])
        try:
            await bots.get(conn, tenant_id=tenant_id, bot_id=bot_id)
        except NotFound:
            await bots.add(
                conn,
                keyring,
                tenant_id=tenant_id,
                assistant_id=assistant_ids[item["assistant"]],
                token=item["token"],
                # The simulator answers getMe like this; it need not run while we seed.
                me=Identity(bot_id, item["username"], item["name"]),
                mode=item["mode"],
            )


async def _sites(conn: Conn, tenant_id: UUID, assistant_ids: dict[str, UUID], plan: list[dict[str, Any]]) -> str:
    """The public key of the first site."""
    known = {
        site.name: site.site_key for site in await sites.list_sites(conn, tenant_id=tenant_id, before=None, limit=100)
    }
    for item in plan:
        if item["name"] not in known:
            site = await sites.add_site(
                conn,
                tenant_id=tenant_id,
                assistant_id=assistant_ids[item["assistant"]],
                name=item["name"],
                allowed_origins=item["allowed_origins"],
                theme=checked_theme(item["accent"], item["position"]),
            )
            known[site.name] = site.site_key
    return known[plan[0]["name"]]
