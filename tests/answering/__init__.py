"""Answering, handoff, usage, and the model client: on stand-ins, the LLM simulator and real Postgres."""
