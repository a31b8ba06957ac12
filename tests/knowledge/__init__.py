"""Tests of the knowledge slice: reading files, chunking, embeddings, search, ingest."""
