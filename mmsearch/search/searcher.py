"""Answers queries over one open reader."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mmsearch.calibrate import Background, Odds, backgrounds
from mmsearch.core import Embedder, Hit, Modality, Query, Reranker, Vectors
from mmsearch.errors import UsageError
from mmsearch.search.candidates import Scale
from mmsearch.search.options import SearchOptions
from mmsearch.search.ranking import Ranking
from mmsearch.search.reranking import Candidates, rerank
from mmsearch.store import Reader

log = logging.getLogger(__name__)

DEFAULTS = SearchOptions()
RAW = Background(0.0, 1.0)
"""The scale on which the relevance is the cosine itself."""

Vector = npt.NDArray[np.float32]


class Searcher:
    """Answers queries over one open reader; the samples for calibration are read once."""

    def __init__(self, reader: Reader, embedder: Embedder, reranker: Reranker | None = None) -> None:
        self.reader = reader
        self.embedder = embedder
        self.reranker = reranker
        self._warned = False
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
        _refuse_unfinished(options)
        self._require_words(query, options)
        vector = self.embedder.embed_query(query)
        ranking = Ranking(self.reader, self.counts, query, vector, self._scales(vector, query, options), options)
        found = ranking.best(max(options.top, options.rerank_depth) if self.reranker else options.top)
        hits = [ranking.hit(candidate) for candidate in found]
        if self.reranker and query.text:
            kinds = {candidate.place.item: candidate.place.kind for candidate in found}
            # The reranker is another model and has its own processor: what suits the embedder's may be too little.
            settings = replace(self.embedder.spec.loader, image_fit=None)
            candidates = Candidates(hits[: options.rerank_depth], kinds, settings)
            hits = rerank(self.reranker, query, candidates) + hits[options.rerank_depth :]
        elif self.reranker:
            log.warning("not reranked: the reranker reads text, and the query has none")
        return [replace(hit, rank=rank) for rank, hit in enumerate(hits[: options.top], 1)]

    def _require_words(self, query: Query, options: SearchOptions) -> None:
        if options.mode == "lexical" and not query.in_words:
            raise UsageError("search by words needs a query of words alone: use another --mode")
        if options.mode == "dense" or not query.in_words or self.reader.has_words:
            return
        older = f"the index in {self.reader.directory} is from before search by words: run `mmsearch index` once"
        if options.mode == "lexical":
            raise UsageError(older)
        if not self._warned:
            log.warning("only searched by meaning: %s", older)
            self._warned = True

    def _scales(self, vector: Vector, query: Query, options: SearchOptions) -> Mapping[Modality, Scale]:
        """What a score means in each partition: as the model says for words, else as the index's vectors do."""
        if not options.calibrated:
            return dict.fromkeys(self.counts, RAW)
        odds = self.embedder.spec.odds if query.in_words else {}
        if all(partition in odds for partition in self.counts):
            return {partition: Odds(*odds[partition]) for partition in self.counts}
        return backgrounds(vector, self._samples)


def _refuse_unfinished(options: SearchOptions) -> None:
    for name in ("rerank_budget", "fold"):
        if (value := getattr(options, name)) != getattr(DEFAULTS, name):
            raise UsageError(f"{name.replace('_', '-')} {value} is not possible yet")
