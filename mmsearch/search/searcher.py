"""Answers queries over one open reader."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice

import numpy as np

from mmsearch.errors import UsageError
from mmsearch.search.calibration import Background, LogOddsCalibration, backgrounds
from mmsearch.search.query import embed_queries
from mmsearch.search.ranking import FIRST_DEPTH, Ranking, Scale, fold_near_duplicates
from mmsearch.search.request import SearchRequest
from mmsearch.search.staleness import StalenessCache
from mmsearch.store import EVERYTHING, AnyReader, Filter
from mmsearch.store.words.query import parse_query
from mmsearch.types import Embedder, Hit, Modality, Query, Reranker, Vectors

log = logging.getLogger(__name__)

QUERIES_AT_ONCE = 64
FOLDED = 4
"""How many times more candidates are looked at where those that are nearly the same become one."""
DEFAULTS = SearchRequest()
RAW = Background(0.0, 1.0)
"""The scale on which the relevance is the cosine itself."""


class Searcher:
    """Ranks the files of one index for queries; the samples for calibration are read once."""

    def __init__(
        self, reader: AnyReader, embedder: Embedder, reranker: Reranker | None = None, where: Filter = EVERYTHING
    ) -> None:
        """Every search will be within `where`, so that no other vector files need to be open."""
        self.reader = reader
        self.embedder = embedder
        self.reranker = reranker
        self._warned = False
        reader.open_files(where)
        self.counts: dict[Modality, int] = {p: n for p, n in reader.counts().items() if n}

    @cached_property
    def _samples(self) -> dict[Modality, Vectors]:
        """Vectors of each partition as background of scores, for models without measured odds."""
        return {partition: self.reader.sample(partition) for partition in self.counts}

    def search(self, query: Query, request: SearchRequest = DEFAULTS, where: Filter | None = None) -> list[Hit]:
        """Hits in order of rank: one a file, each with its best segment. Files that are gone are left out.

        `request` says how to rank; `where` which files may answer, by default those that the request names.

        Raises:
            UsageError: the request cannot be read, or asks for something that the query or the index cannot give.
        """
        return next(self.search_all([query], request, where))

    def search_all(
        self, queries: Iterable[Query], request: SearchRequest = DEFAULTS, where: Filter | None = None
    ) -> Iterator[list[Hit]]:
        """The hits of each query in turn, as `search` finds them; embedding and scoring go in batches."""
        where = request.filter() if where is None else where
        staleness = StalenessCache(self.reader.may_read)
        count = max(request.depth, request.rerank_depth) if self.reranker else request.depth
        depth = max(FIRST_DEPTH, count)
        remaining = iter(queries)
        while batch := list(islice(remaining, QUERIES_AT_ONCE)):
            for query in batch:
                self._require_words(query, request)
            vectors = self._embed(batch)
            partitions = self.counts if request.mode != "lexical" else ()
            neighbours = {name: self.reader.search_all(vectors, name, depth, where) for name in partitions}
            for index, (query, vector) in enumerate(zip(batch, vectors, strict=True)):
                scales = self._scales(vector, query, request)
                nearest = {name: hits[index] for name, hits in neighbours.items()}
                ranking = Ranking(self.reader, query, vector, scales, request, where, staleness, depth, nearest)
                yield self._hits(ranking, count)

    def _hits(self, ranking: Ranking, count: int) -> list[Hit]:
        request, query = ranking.request, ranking.query
        candidates = ranking.best(count * FOLDED if request.fold else count)
        hits = [ranking.hit(candidate) for candidate in candidates]
        if request.fold:
            vectors = self.reader.vectors_of([candidate.location.item_id for candidate in candidates])
            hits = fold_near_duplicates(hits, vectors, candidates)[:count]
        if self.reranker and query.text:
            from mmsearch.search.reranking import Candidates, rerank

            kinds = {candidate.location.item: candidate.location.kind for candidate in candidates}
            # The reranker is another model and has its own processor: pictures that suit the embedder may be too small.
            settings = replace(self.embedder.spec.loader, image_fit=None)
            first, rest = hits[: request.rerank_depth], hits[request.rerank_depth :]
            readable = Candidates(
                first, kinds, settings, request.rerank_modalities, request.rerank_budget, may_read=self.reader.may_read
            )
            hits = rerank(self.reranker, query, readable) + rest
        elif self.reranker:
            log.warning("not reranked: the reranker reads text, and the query has none")
        return [replace(hit, rank=rank) for rank, hit in enumerate(hits[: request.depth], 1)]

    def _embed(self, queries: Sequence[Query]) -> Vectors:
        """Float32 `(n, dim)`."""
        to_embed = [index for index, query in enumerate(queries) if query.parts or query.vector is None]
        rows = np.zeros((len(queries), self.embedder.spec.dim), np.float32)
        if to_embed:
            rows[to_embed] = embed_queries(self.embedder, [queries[index] for index in to_embed])
        for index, query in enumerate(queries):
            if query.vector is not None:
                combined = rows[index] + query.vector
                rows[index] = combined / max(float(np.linalg.norm(combined)), 1e-12)
        return rows

    def _require_words(self, query: Query, request: SearchRequest) -> None:
        if query.is_text_only and parse_query(query.text).only_excludes:
            raise UsageError("a query of exclusions alone finds nothing: add words to look for")
        if request.mode == "lexical" and not query.is_text_only:
            raise UsageError("search by words needs a query of words alone: use another --mode")
        if request.mode == "dense" or not query.is_text_only or self.reader.has_words:
            return
        advice = f"the index in {self.reader.directory} is from before search by words: run `mmsearch index` once"
        if request.mode == "lexical":
            raise UsageError(advice)
        if not self._warned:
            log.warning("only searched by meaning: %s", advice)
            self._warned = True

    def _scales(self, vector: Vectors, query: Query, request: SearchRequest) -> Mapping[Modality, Scale]:
        """The scale of scores in each partition: the model's odds for words, else the index's vectors."""
        if request.raw:
            return dict.fromkeys(self.counts, RAW)
        odds = self.embedder.spec.odds if query.is_text_only else {}
        if all(partition in odds for partition in self.counts):
            return {partition: LogOddsCalibration(*odds[partition]) for partition in self.counts}
        return backgrounds(vector, self._samples)
