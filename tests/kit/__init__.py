"""The kit: batches, tasks, ids, sealing, settings, logs, jobs."""
