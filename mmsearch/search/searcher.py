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
from mmsearch.search.candidates import Scale, StalenessCache
from mmsearch.search.near_duplicates import fold_near_duplicates
from mmsearch.search.options import SearchOptions
from mmsearch.search.query_embedding import embed_queries
from mmsearch.search.ranking import FIRST_DEPTH, Ranking
from mmsearch.search.reranking import Candidates, rerank
from mmsearch.store import EVERYTHING, AnyReader, Filter
from mmsearch.types import Embedder, Hit, Item, Modality, Query, Reranker, Vectors

log = logging.getLogger(__name__)

QUERIES_AT_ONCE = 64
FOLDED = 4
"""How many times more candidates are looked at where those that are nearly the same become one."""
DEFAULTS = SearchOptions()
RAW = Background(0.0, 1.0)
"""The scale on which the relevance is the cosine itself."""


class Searcher:
    """Answers queries over one open reader; the samples for calibration are read once."""

    def __init__(
        self, reader: AnyReader, embedder: Embedder, reranker: Reranker | None = None, where: Filter = EVERYTHING
    ) -> None:
        """`where` is passed by all that will be asked for, so that no other vector files need to be open."""
        self.reader = reader
        self.embedder = embedder
        self.reranker = reranker
        self._warned = False
        reader.open_files(where)
        self.counts: dict[Modality, int] = {p: n for p, n in reader.counts().items() if n}

    @cached_property
    def _samples(self) -> dict[Modality, Vectors]:
        """Vectors of each partition that a query is measured against, where the model does not say what scores mean."""
        return {partition: self.reader.sample(partition) for partition in self.counts}

    def search(self, query: Query, options: SearchOptions = DEFAULTS) -> list[Hit]:
        """Hits in order of rank: one a file, each with its best segment. Files that are gone are left out.

        Raises:
            UsageError: the options ask for what the query or the index cannot give.
        """
        return next(self.search_all([query], options))

    def search_all(self, queries: Iterable[Query], options: SearchOptions = DEFAULTS) -> Iterator[list[Hit]]:
        """The hits of each query in turn, as `search` finds them; embedding and scoring go in batches."""
        fresh = StalenessCache(self.reader.may_read)
        depth = max(FIRST_DEPTH, self._wanted(options))
        for batch in batched(queries, QUERIES_AT_ONCE):
            for query in batch:
                self._require_words(query, options)
            vectors = self._embed(batch)
            partitions = self.counts if options.mode != "lexical" else ()
            found = {name: self.reader.search_all(vectors, name, depth, options.where) for name in partitions}
            for place, (query, vector) in enumerate(zip(batch, vectors, strict=True)):
                scales = self._scales(vector, query, options)
                nearest = {name: hits[place] for name, hits in found.items()}
                ranking = Ranking(self.reader, query, vector, scales, options, fresh, depth, nearest)
                yield self._finished(ranking, options)

    def _wanted(self, options: SearchOptions) -> int:
        return max(options.top, options.rerank_depth) if self.reranker else options.top

    def _finished(self, ranking: Ranking, options: SearchOptions) -> list[Hit]:
        wanted = self._wanted(options)
        found = ranking.best(wanted * FOLDED if options.fold else wanted)
        hits = [ranking.hit(candidate) for candidate in found]
        if options.fold:
            hits = fold_near_duplicates(hits, self.reader.vectors_of([one.place.item_id for one in found]), found)[
                :wanted
            ]
        if self.reranker and ranking.query.text:
            kinds = {candidate.place.item: candidate.place.kind for candidate in found}
            hits = self._reranked(self.reranker, ranking.query, hits, kinds, options)
        elif self.reranker:
            log.warning("not reranked: the reranker reads text, and the query has none")
        return [replace(hit, rank=rank) for rank, hit in enumerate(hits[: options.top], 1)]

    def _reranked(
        self, reranker: Reranker, query: Query, hits: list[Hit], kinds: Mapping[Item, str], options: SearchOptions
    ) -> list[Hit]:
        # The reranker is another model and has its own processor: what suits the embedder's may be too little.
        settings = replace(self.embedder.spec.loader, image_fit=None)
        first, rest = hits[: options.rerank_depth], hits[options.rerank_depth :]
        candidates = Candidates(
            first, kinds, settings, options.rerank_types, options.rerank_budget, may_read=self.reader.may_read
        )
        return rerank(reranker, query, candidates) + rest

    def _embed(self, queries: Sequence[Query]) -> Vectors:
        """Float32 `(n, dim)`."""
        asking = [place for place, query in enumerate(queries) if query.parts or query.vector is None]
        rows = np.zeros((len(queries), self.embedder.spec.dim), np.float32)
        if asking:
            rows[asking] = embed_queries(self.embedder, [queries[place] for place in asking])
        for place, query in enumerate(queries):
            if query.vector is not None:
                total = rows[place] + query.vector
                rows[place] = total / max(float(np.linalg.norm(total)), 1e-12)
        return rows

    def _require_words(self, query: Query, options: SearchOptions) -> None:
        if options.mode == "lexical" and not query.is_text_only:
            raise UsageError("search by words needs a query of words alone: use another --mode")
        if options.mode == "dense" or not query.is_text_only or self.reader.has_words:
            return
        older = f"the index in {self.reader.directory} is from before search by words: run `mmsearch index` once"
        if options.mode == "lexical":
            raise UsageError(older)
        if not self._warned:
            log.warning("only searched by meaning: %s", older)
            self._warned = True

    def _scales(self, vector: Vectors, query: Query, options: SearchOptions) -> Mapping[Modality, Scale]:
        """What a score means in each partition: as the model says for words, else as the index's vectors do."""
        if not options.calibrated:
            return dict.fromkeys(self.counts, RAW)
        odds = self.embedder.spec.odds if query.is_text_only else {}
        if all(partition in odds for partition in self.counts):
            return {partition: LogOddsCalibration(*odds[partition]) for partition in self.counts}
        return backgrounds(vector, self._samples)


def batched(queries: Iterable[Query], size: int) -> Iterator[list[Query]]:
    """Lists of at most `size`, the last one shorter."""
    left = iter(queries)
    while batch := list(islice(left, size)):
        yield batch
