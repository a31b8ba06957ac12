"""The demo tenant: made once, found again."""

import csv
import json

import psycopg

from domain.kit.settings import Settings
from ops.seed import DEMO, seed

COUNTS = (
    "SELECT (SELECT count(*) FROM tenants), (SELECT count(*) FROM bots), (SELECT count(*) FROM sites), "
    "(SELECT count(*) FROM documents), (SELECT count(*) FROM qa_pairs)"
)


def test_a_second_seed_changes_nothing(settings: Settings) -> None:
    first = seed(settings)
    second = seed(settings)
    assert first == second
    assert first.site_key
    plan = json.loads((DEMO / "seed.json").read_text())
    documents = len(plan["documents"])
    with (DEMO / "knowledge" / "qa.csv").open(newline="") as lines:
        pairs = len(list(csv.DictReader(lines)))
    with psycopg.connect(settings.owner_dsn) as conn:
        assert conn.execute(COUNTS).fetchone() == (1, 3, 1, documents, pairs)
