"""Benchmarks: `python -m bench.NAME [--seconds S] [--json]`; the last line printed is one JSON object.

data/        question sets and other inputs
retrieval    does search find the right passage, does it refuse, how long does it take
"""
