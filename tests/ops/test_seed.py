"""The demo tenant: made once, found again."""

import csv
import json

import psycopg
import pytest

from domain.kit.settings import Settings
from ops.refusal import Refusal
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


def test_a_demo_login_that_somebody_took_over_is_left_alone(settings: Settings) -> None:
    seed(settings)
    with psycopg.connect(settings.owner_dsn) as conn:
        conn.execute("UPDATE users SET password_hash = 'another'")
    with pytest.raises(Refusal, match=r"password is not the demo's any more: start without --demo\."):
        seed(settings)
