"""The search: embed a query, take candidates from every partition, make them comparable, fuse, rerank, rank.

Knows the interfaces of the reader, the embedder and the reranker; nothing of argv, output formats or FAISS. Import from
its modules: `request` is light, `searcher` brings numpy.
"""
