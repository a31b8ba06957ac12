"""Benchmarks: `python -m bench.NAME [--seconds S] [--json]`; the last line printed is one JSON object.

`python -m bench` runs all of them; README.md has the last results.

retrieval    does search find the right passage, does it refuse, how long does it take
answers      how long an answer without a model takes, from the visitor's question to the event with the answer
idle         memory and CPU of the demo while nobody asks
report       what every benchmark prints        data/    question sets and other inputs
"""
