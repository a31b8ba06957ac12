"""The tests. Each area has a folder; `conftest.py` has the fixtures, `services.py` the real Postgres and Valkey."""
