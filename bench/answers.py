"""How long an extractive answer takes: `python -m bench.answers [--seconds S] [--json]`.

The demo as `make run` starts it, without a model. Visitors ask over the widget's API, one question after the other; a
question counts from its POST to the committed answer on the visitor's event stream. No question is asked twice, so no
vector comes from a cache. The bar: p95 under 300 ms with 5 visitors at once.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from bench.report import options, percentile, report
from tests.product import Product, Tenant, Visitor

QUESTIONS = Path(__file__).parent / "data" / "demo.jsonl"
LIMIT_MS = 300
A_VISIT = 4  # questions of one visitor; then the next one comes


async def visits(http: aiohttp.ClientSession, shop: Tenant, questions: Iterator[str], until: float) -> list[float]:
    """Milliseconds of each answer, for one visitor after the other."""
    times: list[float] = []
    while time.perf_counter() < until:
        visitor = await Visitor.open(http, shop.url, shop.site_key)
        async with visitor.listen() as stream:
            for _ in range(A_VISIT):
                started = time.perf_counter()
                await visitor.write(next(questions))
                await stream.until("message", role="assistant")
                times.append((time.perf_counter() - started) * 1000)
    return times


def fresh_questions() -> Iterator[str]:
    """The demo's questions, round and round, none twice in the same words."""
    items = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines() if line.strip()]
    for number in count():
        yield f"{items[number % len(items)]['question']} ({number})"


async def measure(url: str, seconds: float) -> dict[str, float]:
    """All figures."""
    figures: dict[str, float] = {}
    questions = fresh_questions()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        shop = await Tenant.demo(http, url)
        await visits(http, shop, questions, time.perf_counter() + 1)  # warm-up
        for visitors in (1, 5, 20):
            began = time.perf_counter()
            until = began + seconds / 3
            runs = await asyncio.gather(*(visits(http, shop, questions, until) for _ in range(visitors)))
            times = [value for run in runs for value in run]
            figures[f"answers/s, {visitors} at once"] = len(times) / (time.perf_counter() - began)
            figures[f"p50 ms, {visitors} at once"] = percentile(times, 0.5)
            figures[f"p95 ms, {visitors} at once"] = percentile(times, 0.95)
    figures["p95 at 5 / limit"] = figures["p95 ms, 5 at once"] / LIMIT_MS
    return figures


def main() -> None:
    """Start the demo, measure, print."""
    chosen = options(__doc__, seconds=30)
    with TemporaryDirectory(prefix="replyx-bench-", ignore_cleanup_errors=True) as name:
        product = Product(Path(name) / "var", "--demo", REPLYX_GATEWAYS="1")
        with product.running():
            figures = asyncio.run(measure(product.url, chosen.seconds))
    report("answers", figures, only_json=chosen.json)


if __name__ == "__main__":
    main()
