"""Rows that kill the process that reads them: real processes, real deaths."""

import os
import subprocess
import sys
from typing import Any

from domain.inbox import service as inbox
from domain.inbox.service import MAX_TURN_ATTEMPTS
from domain.kit.settings import Settings
from tests.shards.world import Tenant, World, answered, until

# A shard whose reading of some updates is fatal, as a fault in a library of C would be.
DEADLY = """
import os, signal, sys
from shards import intake
from shards.__main__ import main
read = intake.read
def deadly(row, bot):
    if b"poison" in row.raw:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(row, bot)
intake.read = deadly
sys.exit(main())
"""


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    fields = settings.model_dump(mode="json", exclude_none=True) | {"replyx_instance": "shard-00"}
    environment = {name.upper(): str(value) for name, value in fields.items()}
    return subprocess.Popen(
        [sys.executable, "-c", DEADLY], env={"PATH": os.environ["PATH"], **environment}, stdout=subprocess.DEVNULL
    )


async def _dies(tenant: Tenant, process: subprocess.Popen[bytes]) -> None:
    async def dead() -> bool:
        return process.poll() is not None

    await until(dead, "the row to kill the process")
    await tenant.rows("UPDATE shard_members SET expires_at = clock_timestamp()")


async def test_a_row_that_kills_its_reader_is_buried_and_takes_nobody_along(
    world: World, shard_settings: Settings
) -> None:
    tenants = [await world.add_tenant(), await world.add_tenant()]
    for number, tenant in enumerate(tenants):
        await tenant.add_bot(1001 + number)
        for update in range(3):
            await tenant.write(1001 + number, 1 + update, f"before {update}", chat=77)
        await tenant.write(1001 + number, 10, "poison", chat=77)
        for update in range(3):
            await tenant.write(1001 + number, 20 + update, f"after {update}", chat=77)
    deaths = 0
    process = _start(shard_settings)
    try:

        async def both_buried() -> Any:
            nonlocal process, deaths
            if process.poll() is not None:
                await _dies(tenants[0], process)
                deaths += 1
                process = _start(shard_settings)
            rows = await tenants[0].rows("SELECT source_id, error, attempts FROM inbox WHERE state = 'dead'")
            return rows if len(rows) == len(tenants) else None

        dead = await until(both_buried, "two dead letters", seconds=40)
        assert {row["source_id"] for row in dead} == {"10"}
        assert all(f"died {MAX_TURN_ATTEMPTS} times while reading it" in row["error"] for row in dead)
        # One that is counted by nobody, then three of each row; the second one is counted with the first one's group.
        assert deaths <= 1 + 2 * MAX_TURN_ATTEMPTS
        expected = [f"{when} {update}" for when in ("before", "after") for update in range(3)]
        await answered(tenants, expected)
    finally:
        process.kill()
        process.wait(10)


async def test_a_database_that_goes_away_is_no_attempt(world: World, shard_settings: Settings) -> None:
    """Under one epoch counting again changes nothing: a row is not buried for what its owner lives through."""
    tenant = await world.add_tenant()
    await tenant.add_bot(1001)
    await tenant.write(1001, 1, "patience")
    [row] = await tenant.rows("SELECT id FROM inbox")
    async with world.db.worker_tx() as conn:
        for epoch, attempts in ((7, 1), (7, 1), (7, 1), (8, 2), (8, 2)):
            assert await inbox.count_reading(conn, [(tenant.id, row["id"], epoch)]) == {row["id"]: attempts}
