"""What an assistant knows: documents, their passages (chunks), Q&A pairs, and the search over them.

Owns documents, chunks, qa_pairs, embedding_indexes and the functions of migration 0005. The gateway calls `service`
(documents, pairs), the answering slice `retrieval`, the shards run `jobs`.

model        what callers see              retrieval    a question -> pair, passages, confidence
rules        language, order, confidence   service      documents and Q&A pairs: add, list, change, delete
formats      file types by content         jobs         ingest, re-index, embed pairs
chunking     blocks -> passages            queries      SQL of documents and pairs
parsing      runs parse_child, limited     search_queries  SQL of retrieval
parse_child  the child process; parsers/ are its readers
"""
