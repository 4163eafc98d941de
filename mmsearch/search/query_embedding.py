"""The model's part of queries: many in few passes, and kept, so that the model can make room for another one.

Knows nothing of indexes, rankings or how a model is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mmsearch.types import Embedder, ModelSpec, Query, Segment, Vectors

Vector = npt.NDArray[np.float32]


def embed_queries(embedder: Embedder, queries: Sequence[Query]) -> list[Vector]:
    """Float32 `(dim,)` of each query; those of words alone go in as few passes as the model can."""
    rows: dict[int, Vector] = {}
    plain = [place for place, query in enumerate(queries) if query.is_text_only]
    together = getattr(embedder, "embed_texts", None) if len(plain) > 1 else None
    if together is not None:
        rows.update(zip(plain, together([queries[place].text for place in plain]), strict=True))
    return [rows[place] if place in rows else embedder.embed_query(query) for place, query in enumerate(queries)]


class CachedQueryEmbedder:
    """An embedder that knows the vectors of the queries it was given at the start, and can do without its model."""

    def __init__(self, embedder: Embedder, queries: Sequence[Query], *, keep: bool = True) -> None:
        """Without `keep` the model is not held any longer than it takes, and no other query can be embedded."""
        self.spec: ModelSpec = embedder.spec
        self._embedder = embedder if keep else None
        self._queries = [query for query in queries if query.parts]  # kept alive: their identity is the key
        rows = embed_queries(embedder, self._queries)
        self._vectors = {id(query): row for query, row in zip(self._queries, rows, strict=True)}

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        return self._model().embed(segments)

    def embed_query(self, query: Query) -> Vectors:
        known = self._vectors.get(id(query))
        return self._model().embed_query(query) if known is None else known

    def _model(self) -> Embedder:
        if self._embedder is None:
            raise LookupError("the model has made room for another one")
        return self._embedder
