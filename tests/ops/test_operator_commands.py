"""`replyx deadletters` and `replyx bots import` on a database of their own."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from domain.inbox import service as inbox
from domain.kit.db import Database
from domain.kit.settings import Settings
from ops.bots import import_bots
from ops.deadletters import discard_letters, print_letters, retry_letters, show_letter
from ops.refusal import Refusal
from simulators.telegram import RunningSimulator, running_simulator
from tests.shards.world import Tenant, World, open_world


@pytest.fixture
async def telegram() -> AsyncIterator[RunningSimulator]:
    async with running_simulator() as found:
        yield found


@pytest.fixture
async def world(db: Database, settings: Settings) -> AsyncIterator[World]:
    async with open_world(db, settings) as found:
        yield found


_beside = asyncio.to_thread  # each command runs a loop of its own


async def _bury(tenant: Tenant, number: int) -> str:
    await tenant.write(1001, number, "x\x1b[2J")
    [row] = await tenant.rows("SELECT id FROM inbox WHERE tenant_id = $1 AND source_id = $2", tenant.id, str(number))
    async with tenant.world.db.worker_tx() as conn:
        await inbox.bury(conn, tenant_id=tenant.id, ids=[row["id"]], reason="not JSON\x1b[31m")
    return f"inbox-{row['id']}"


async def test_dead_letters_of_all_workspaces(
    world: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = await world.add_tenant(), await world.add_tenant()
    first, second = await _bury(one, 1), await _bury(two, 2)
    everything: dict[str, Any] = {"tenant_id": None, "kind": None, "bot_id": None, "limit": 100}
    await _beside(lambda: print_letters(settings, **everything, as_json=True))
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(letter["id"], letter["tenant_id"]) for letter in listed] == [(second, str(two.id)), (first, str(one.id))]
    await _beside(lambda: print_letters(settings, **{**everything, "tenant_id": one.id}, as_json=False))
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(first)
    assert "poison" in line
    assert "\x1b" not in line
    await _beside(lambda: show_letter(settings, first, tenant_id=None, as_json=False))
    assert '"text":"x\\u001b[2J"' in capsys.readouterr().out.replace("\\\\", "\\")
    await _beside(lambda: retry_letters(settings, [first], tenant_id=None))
    await _beside(lambda: discard_letters(settings, [second], tenant_id=two.id))
    assert [row["state"] for row in await one.rows("SELECT state FROM inbox ORDER BY id")] == ["ready"]


async def test_bots_from_a_file(
    world: World,
    settings: Settings,
    telegram: RunningSimulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tenant = await world.add_tenant()
    tokens = [telegram.add_bot(username=f"b{n}_bot").token for n in range(25)]
    file = tmp_path / "tokens.txt"
    file.write_text("\n".join(["# ours", *tokens]))
    changed = settings.model_copy(update={"telegram_api_url": telegram.url})

    def run() -> None:
        import_bots(changed, file, assistant_id=tenant.assistant_id, mode="webhook", as_json=False)

    await _beside(run)
    assert capsys.readouterr().out == "25 connected.\n"
    file.write_text("\n".join([*tokens, "rubbish"]))
    with pytest.raises(Refusal, match="1 of 26 bots are not connected"):
        await _beside(run)
    assert capsys.readouterr().out.endswith("1 invalid, 25 yours.\n")
    with pytest.raises(Exception, match="assistant does not exist"):
        await _beside(lambda: import_bots(changed, file, assistant_id=uuid4(), mode="polling", as_json=True))
    assert len(await tenant.rows("SELECT id FROM bots WHERE tenant_id = $1 AND mode = 'webhook'", tenant.id)) == 25
