"""The query pipeline: embed the query, take candidates from every partition, make them comparable, fuse, rerank, rank.

Knows the reader's, the embedder's and the reranker's interface; nothing of argv, output formats or FAISS. Import from
its modules: `request` is light, `searcher` brings numpy.
"""
