"""The worker process: owns a slice of slots and does everything that happens in them.

Owns the tables `shard_members` and `slot_owners`. Started by supervisord (`python -m shards`), one program a shard.

worker.py         the parts and their wiring, the phases         process.py   clients, doorbells, signals; __main__.py
lease.py          membership, and the right to act               ownership.py slots gained, opened and handed over
rendezvous.py     who should own what (pure)
intake.py         inbox rows -> messages in dialogs              meaning.py   a row's bytes -> what to do (pure)
inherited.py      unread rows a new owner finds, read with care: its predecessor may have died of one
noting.py         updates that are no new message: edits, blocks, moved groups, reactions, business connections
acceptance.py     one batch into its dialogs, with the answers that need no thought
answers.py        an answer -> message, sends, usage             rooms.py     who may run a turn now
conversations.py  one queue per dialog, one running turn         turn.py      one turn: ask, stream, decide
commits.py        grouped, fenced commits of turns               streaming.py deltas, snapshots, Telegram drafts
outbox.py         lanes per bot, what waits in Postgres          sending.py   one send, from its mark to its outcome
delivery.py       grouped, fenced marks of sends                 figures.py   what lanes do, for /metrics
lanes.py          one bot: replies, broadcasts, windows          lines.py     rows that wait, a line per chat
drafts.py         sendMessageDraft, edits, typing         previews.py   messages that grow, where drafts are refused
buckets.py        exact sliding windows (pure)                   bots.py      the bots of the owned slots
polling.py        getUpdates                                     webhooks.py  setWebhook, watched and repaired
recovery.py       what a new owner finds                         directory.py small facts, remembered for seconds
jobs.py           background work of the owned slots             handlers.py   which kinds of work there are
upkeep.py         what one shard does for all
queries.py        SQL of membership and slots
supervisor/       the shard-supervisor process
"""
