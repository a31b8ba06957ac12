"""The worker process: owns a slice of slots and does everything that happens in them.

Owns the tables `shard_members` and `slot_owners`. Started by supervisord (`python -m shards`), one program a shard.

worker.py         wiring, the phases of start and shutdown       __main__.py  settings, signals
ownership.py      membership, lease, slots gained and lost       rendezvous.py  who should own what (pure)
intake.py         inbox rows -> messages in dialogs              meaning.py   a row's bytes -> what to do (pure)
conversations.py  one queue per dialog, one running turn         turn.py      one turn: ask, stream, decide
commits.py        grouped, fenced commits of turns               streaming.py deltas, snapshots, Telegram drafts
outbox.py         lanes per bot, buckets, sending                delivery.py  grouped, fenced marks of sends
buckets.py        exact sliding windows (pure)                   bots.py      polling, webhooks, pause and resume
jobs.py           background work of the owned slots             queries.py   SQL of membership and slots
supervisor/       the shard-supervisor process
"""
