"""The strict simulator, with bots that know many people: `python -m bench.crowd BOTS PEOPLE`; prints its port."""

import asyncio
import sys

import uvloop

from bench.sink import FIRST_BOT
from simulators.telegram.core import Options
from simulators.telegram.server import running_simulator

FIRST_PERSON = 700_000_001


async def _serve(bots: int, people: int) -> None:
    async with running_simulator(Options(local=True)) as simulator:
        for number in range(people):
            simulator.add_user(FIRST_PERSON + number, first_name="Anna")
        for number in range(bots):
            bot = simulator.add_bot(f"{FIRST_BOT + number}:{'A' * 35}", username=f"bench{number}bot")
            for person in range(people):
                simulator.world.private_chat(bot, FIRST_PERSON + person)
        print(simulator.url.rpartition(":")[2], flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve until killed."""
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
