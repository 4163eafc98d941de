"""Answers queries over one open reader."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice

import numpy as np

from mmsearch.errors import UsageError
from mmsearch.search.calibration import Scale, deviations, line
from mmsearch.search.query import embed_queries, known_share
from mmsearch.search.ranking import FIRST_DEPTH, Ranking, Searched, fold_near_duplicates
from mmsearch.search.request import SearchRequest
from mmsearch.search.staleness import StalenessCache
from mmsearch.store import EVERYTHING, AnyReader, Filter
from mmsearch.store.words.query import WordQuery, parse_query
from mmsearch.types import Embedder, Hit, Modality, Query, Reranker, Vectors

log = logging.getLogger(__name__)

QUERIES_AT_ONCE = 64
FOLDED = 4
"""How many times more candidates are looked at where those that are nearly the same become one."""
DEFAULTS = SearchRequest()


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
    def _totals(self) -> dict[Modality, int]:
        return self.reader.file_counts()

    @cached_property
    def _files(self) -> dict[Modality, int]:
        """How many files have parts in each partition."""
        return {
            name: min(count, sum(self._totals.get(modality, 0) for modality in self.reader.modalities_in(name)))
            for name, count in self.counts.items()
        }

    @cached_property
    def _others(self) -> dict[Modality, int]:
        """How many files have none; some have parts in two partitions."""
        total = sum(self._totals.values())
        return {name: max(0, total - count) for name, count in self._files.items()}

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
        searched = Searched(self.reader, self.counts, self._files, self._others, request, where, staleness)
        # Any of those that are read may fall behind others.
        count = request.depth + (request.rerank_depth if self.reranker else 0)
        remaining = iter(queries)
        while batch := list(islice(remaining, QUERIES_AT_ONCE)):
            for query in batch:
                self._require_words(query, request)
            if request.mode == "lexical":
                vectors = np.zeros((len(batch), self.embedder.spec.dim), np.float32)
            else:
                vectors = self._embed(batch)
            for ranking in self._rankings(batch, vectors, searched):
                yield self._hits(ranking, count)

    def _rankings(self, queries: Sequence[Query], vectors: Vectors, searched: Searched) -> Iterator[Ranking]:
        """The candidates of each query; `vectors` are float32 `(n, dim)`."""
        request, where = searched.request, searched.where
        partitions = [self._partitions(query, request) for query in queries]
        words = [self._words(query, request) for query in queries]
        gates = [self.reader.gate(query) if query.has_conditions else None for query in words]
        common = {
            name: self.reader.search_all(vectors, name, FIRST_DEPTH, where)
            for name in self.counts
            if any(name in chosen and gate is None for chosen, gate in zip(partitions, gates, strict=True))
        }
        for index, (query, gate) in enumerate(zip(queries, gates, strict=True)):
            vector, within = vectors[index], self._searched_for(query, searched)
            if gate is None:
                nearest = {name: common[name][index] for name in partitions[index]}
            else:
                within = replace(within, where=gate.within(where))
                nearest = {
                    name: self.reader.search(vector, name, FIRST_DEPTH, within.where) for name in partitions[index]
                }
            scales = self._scales(vector, query, request) if nearest and not request.raw else {}
            yield Ranking(within, query, words[index], vector, scales, FIRST_DEPTH, nearest)

    def _words(self, query: Query, request: SearchRequest) -> WordQuery:
        """The words that count; none where it is not searched by words."""
        by_words = request.by_words and query.is_text_only and self.reader.has_words
        return parse_query(query.typed or query.text) if by_words else WordQuery()

    def _hits(self, ranking: Ranking, count: int) -> list[Hit]:
        request, query = ranking.request, ranking.query
        least = -math.inf if request.min_relevance is None else request.min_relevance
        # A reranker may lift a hit above the least relevance, or lower it.
        candidates = ranking.best(count * FOLDED if request.fold else count, -math.inf if self.reranker else least)
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
            hits = sorted(rerank(self.reranker, query, readable) + rest, key=lambda hit: -hit.relevance)
        elif self.reranker:
            log.warning("not reranked: the reranker reads text, and the query has none")
        hits = [hit for hit in hits if hit.relevance >= least][: request.depth]
        return [replace(hit, rank=rank) for rank, hit in enumerate(hits, 1)]

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
        if request.mode == "lexical" and request.raw:
            raise UsageError("search by words compares no vectors, so there are no cosines to rank by: leave out --raw")
        if request.mode == "dense" or not query.is_text_only or self.reader.has_words:
            return
        advice = f"the index in {self.reader.directory} is from before search by words: run `mmsearch index` once"
        if request.mode == "lexical":
            raise UsageError(advice)
        if not self._warned:
            log.warning("only searched by meaning: %s", advice)
            self._warned = True

    def _searched_for(self, query: Query, searched: Searched) -> Searched:
        """All that is like an example is of one kind, so there are that many files of it."""
        if query.alike is None:
            return searched
        together = sum(count for name, count in self._files.items() if name in query.alike)
        return replace(searched, files=dict.fromkeys(self._files, together))

    def _partitions(self, query: Query, request: SearchRequest) -> list[Modality]:
        """Where the nearest are looked for: of an example only what is of its kind, unless other kinds are named."""
        if request.mode == "lexical":
            return []
        alike = query.alike if request.modalities is None else None
        return [name for name in self.counts if alike is None or name in alike]

    def _scales(self, vector: Vectors, query: Query, request: SearchRequest) -> Mapping[Modality, Scale]:
        """What a cosine says in each partition: by the model's own lines for words, else by the index's vectors."""
        known = 1.0
        if query.is_text_only:
            known = known_share(self.embedder, query.text)
            lines = self.embedder.spec.odds
            if all(partition in lines for partition in self.counts):
                return {partition: line(lines[partition], known) for partition in self.counts}
        return deviations(vector, self._samples, known, together=query.alike or ())
