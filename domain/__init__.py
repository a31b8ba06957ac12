"""The shared heart of ReplyX: what the gateway and the shards both need, and nothing that knows either of them.

gateway -> domain <- shards. Neither process package imports the other; `domain` imports neither.
Inside, imports point down this list; a slice's queries belong to its own service:

    answering    the turn's decision: retrieve, ask the model, cite, or hand over
    handoff      the request for a person and its life
    dialogs      contacts, dialogs, messages, events: one gapless `seq` per dialog
    knowledge    documents, passages, Q&A pairs, search
    bots, sites  the two channels: Telegram bots and web widgets
    assistants   who answers: name, instructions, thresholds
    outbox       what must be sent to Telegram, and what became of it
    inbox        what arrived, as bytes, exactly once
    billing      usage records
    tenants      workspaces and members
    accounts     people who sign in
    clients      outbound HTTP (Telegram, model providers, embeddings)
    bus          every message that crosses a process, in Redis
    kit          no business word: settings, database, tasks, time, batching, sealing
"""
