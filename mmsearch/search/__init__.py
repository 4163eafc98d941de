"""The query pipeline: embed the query, take candidates from every partition, make them comparable, fuse, rerank, rank.

Knows the reader's, the embedder's and the reranker's interface; nothing of argv, output formats or FAISS.
"""

from mmsearch.search.asking import Asked, Asker, Stored, read_lines
from mmsearch.search.options import MODES, Mode, SearchOptions
from mmsearch.search.remembered import Remembered
from mmsearch.search.searcher import Searcher

__all__ = ["MODES", "Asked", "Asker", "Mode", "Remembered", "SearchOptions", "Searcher", "Stored", "read_lines"]
