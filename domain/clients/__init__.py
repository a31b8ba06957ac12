"""Outbound HTTP. Vendor errors are wrapped and chained here and go no further.

telegram/      the Bot API: one POST, an outcome that says whether it may have been delivered
embeddings.py  any OpenAI-compatible embeddings endpoint
llm.py         any OpenAI-compatible chat endpoint, streamed
chat.py        what a model is asked, what comes back, how it fails (loads no client library)
"""
