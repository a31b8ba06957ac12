"""The demo tenant: made once, found again."""

import psycopg

from domain.kit.settings import Settings
from ops.seed import seed

COUNTS = "SELECT (SELECT count(*) FROM tenants), (SELECT count(*) FROM bots), (SELECT count(*) FROM sites)"


def test_a_second_seed_changes_nothing(settings: Settings) -> None:
    first = seed(settings)
    second = seed(settings)
    assert first == second
    assert first.site_key
    with psycopg.connect(settings.owner_dsn) as conn:
        assert conn.execute(COUNTS).fetchone() == (1, 3, 1)
