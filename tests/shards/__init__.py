"""Shards on real Postgres and Valkey: one or several workers in this process."""
