"""The demo tenant: an invented shop, "Pine & Compass", its knowledge base and its set-up. Data only.

Read by `replyx seed`, by `bench/` (with the questions in `bench/data/demo.jsonl`) and by the tests.

- `seed.json`       tenant, login, assistant, bots, site, and the documents with their titles and languages
- `knowledge/`      the documents as a customer would upload them, and `qa.csv` (question,answer,language)
- `sources/`        the texts behind the pdf, docx and html files, and the script that builds those

The Russian and the English documents state the same facts. Tokens and the password are for the simulators only.
"""
