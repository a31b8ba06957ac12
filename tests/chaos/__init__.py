"""Faults against the real product: real processes, real Postgres and Valkey, and a checker that looks from outside.

`pytest tests/chaos` runs one seed of the short set; `make chaos SEEDS=n HOURS=h` the whole catalogue. A fault that
fails prints its name and its seed: `python -m tests.chaos --only F4 --first SEED` runs it again.

history.py          what was said, heard and stored, and the invariants over it (pure)
crowd.py            people who write, each text with a nonce, and what they hear
programs.py         processes and servers that can be killed, stopped and started    line.py  a TCP line that can fail
stack.py            the product over its lines: two shards, two gateways, Postgres, Valkey, Telegram
run.py              one run of one fault: talk, break, heal, come to rest, judge
process_faults.py, store_faults.py, telegram_faults.py   the faults; catalogue.py lists them
crash_points.py     F2: kill -9 at named points of the code, each with its exact end
"""
