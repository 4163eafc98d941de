"""Runs labelled questions through the searcher, once a setting, with one load of everything.

Knows only the searcher. Questions are embedded once; a query picture is no answer to itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import cast

from mmsearch import media
from mmsearch.errors import MediaError, UsageError
from mmsearch.extras.evaluation.exact import ExactReader, cut
from mmsearch.extras.evaluation.metrics import METRICS
from mmsearch.extras.evaluation.questions import Question
from mmsearch.extras.evaluation.report import Outcome, Report, Result
from mmsearch.search.query import ALIKE_KINDS, CachedQueryEmbedder
from mmsearch.search.request import SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.store import AnyReader
from mmsearch.types import MODALITIES, Embedder, Hit, Query, QueryPart, Reranker

DEPTH = 100
"""Files that a search gives; an answer beyond them has no rank."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A way to search.

    Attributes:
        name: in output.
        options: for the searcher.
        reranked: whether a reranker reads the candidates.
        exact: whether all vectors are compared, even if the index has an ANN index.
        dim: number of first dimensions that count; None for all.
    """

    name: str
    options: SearchRequest
    reranked: bool = False
    exact: bool = False
    dim: int | None = None


_PLAIN = SearchRequest(top=DEPTH, all_copies=True)
SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("raw", replace(_PLAIN, mode="dense", raw=True)),
        Setting("calibrated", replace(_PLAIN, mode="dense")),
        Setting("lexical", replace(_PLAIN, mode="lexical")),
        Setting("hybrid", replace(_PLAIN, mode="hybrid")),
        Setting("rerank", _PLAIN, reranked=True),
        Setting("exact", replace(_PLAIN, mode="dense"), exact=True),
    )
}


def settings_by_name(names: Sequence[str]) -> list[Setting]:
    """The settings of these names; raises UsageError for one that is unknown."""
    if unknown := [name for name in names if name not in SETTINGS]:
        raise UsageError(f"unknown setting {unknown[0]!r}: choose from {', '.join(SETTINGS)}")
    return [SETTINGS[name] for name in dict.fromkeys(names)]


def truncated_settings(dims: Sequence[int], dim: int) -> list[Setting]:
    """Exact search over the first `dims` of `dim` dimensions; raises UsageError for a number not below `dim`."""
    if wrong := [number for number in dims if number >= dim]:
        raise UsageError(f"--dim {wrong[0]}: this index has {dim} dimensions: give fewer")
    return [replace(SETTINGS["exact"], name=f"dim {number}", dim=number) for number in dict.fromkeys(dims)]


class _QuestionVectors(CachedQueryEmbedder):
    """Remembers the vectors of the questions for all settings."""

    def cut(self, dim: int) -> _QuestionVectors:
        """The same, of vectors that are cut to `dim`; for queries it remembers."""
        shorter = copy(self)
        shorter.spec = replace(self.spec, dim=dim)
        shorter._vectors = {key: cut(vector, dim) for key, vector in self._vectors.items()}
        return shorter


@dataclass(frozen=True, slots=True)
class _PreparedQuestion:
    """A question ready to be searched: `excluded` are the paths of its query picture, which are no answers."""

    question: Question
    query: Query
    pair: str
    excluded: frozenset[str]


def evaluate(
    questions: Sequence[Question],
    reader: AnyReader,
    embedder: Embedder,
    settings: Sequence[Setting],
    load_reranker: Callable[[], Reranker],
) -> Report:
    """The figures of each setting; the reranker is loaded only for a setting that needs it.

    Raises:
        UsageError: none of the labelled files is in the index, the model can embed no question, or a picture that asks
            cannot be read.
    """
    files = sorted({path for question in questions for path in question.relevant})
    records = {path: reader.file(path) for path in files}
    absent = [path for path, record in records.items() if not record or record.status != "ok" or record.missing]
    if len(absent) == len(files):
        raise UsageError(f"none of the {len(files)} labelled files is in the index, such as {files[0]}: index them")
    possible = [question for question in questions if {*question.asks.split("+")} <= embedder.spec.modalities]
    if not possible:
        raise UsageError(f"model {embedder.spec.name} of this index cannot embed any of the questions")
    prepared = [_prepare(question, reader, embedder) for question in possible]
    cached = _QuestionVectors(embedder, [item.query for item in prepared])
    reranker = load_reranker() if any(setting.reranked for setting in settings) else None
    runs = _Runs(reader, cached, reranker, prepared)
    outcomes = [runs.outcome(setting) for setting in settings]
    compared = any(setting.exact for setting in settings)
    skipped = [question for question in questions if question not in possible]
    return Report(outcomes, runs.outcome(SETTINGS["exact"]) if compared else None, absent, skipped, len(files))


def _prepare(question: Question, reader: AnyReader, embedder: Embedder) -> _PreparedQuestion:
    parts = [QueryPart(question.text)] if question.text else []
    excluded: frozenset[str] = frozenset()
    if question.image:
        try:
            parts.append(QueryPart(media.load_picture(question.image, embedder.spec.loader)))
        except MediaError as error:
            raise UsageError(f"{question.location}: image {question.image}: {error}") from None
        # The picture that asks and its copies are no answers, unless they are labelled so.
        record = reader.file(question.image)
        copies = reader.catalog.copies(record.digest) if record and record.digest else []
        excluded = frozenset({question.image, *copies} - question.relevant.keys())
    records = [reader.file(path) for path in question.relevant]
    modalities = {record.modality for record in records if record}
    answers = "+".join(modality for modality in MODALITIES if modality in modalities) or "unknown"
    pair = question.pair or f"{question.asks}->{answers}"
    # A picture asks for what is seen, unless the answers are of other kinds, as with --type.
    alike = (
        ALIKE_KINDS["image"] if question.image and not question.text and modalities <= ALIKE_KINDS["image"] else None
    )
    return _PreparedQuestion(question, Query(tuple(parts), question.label, alike=alike), pair, excluded)


class _Runs:
    """The same questions under one setting after the other."""

    def __init__(
        self,
        reader: AnyReader,
        embedder: _QuestionVectors,
        reranker: Reranker | None,
        questions: Sequence[_PreparedQuestion],
    ) -> None:
        self._reader = reader
        self._embedder = embedder
        self._reranker = reranker
        self._questions = questions
        self._plain = Searcher(reader, embedder)
        self._outcomes: dict[str, Outcome] = {}

    def outcome(self, setting: Setting) -> Outcome:
        """The results of a setting, which is run once."""
        if setting.name not in self._outcomes:
            plain, with_text = self._searchers(setting)
            start = time.perf_counter()
            results: list[Result] = []
            hits: Sequence[Hit]
            for prepared in self._questions:
                if setting.options.mode == "lexical" and not prepared.query.is_text_only:
                    hits = []  # a picture holds no words to look for
                else:
                    searcher = with_text if prepared.query.text else plain  # a reranker reads texts alone
                    hits = searcher.search(prepared.query, setting.options)
                hits = [hit for hit in hits if hit.item.path not in prepared.excluded]
                paths = tuple(hit.item.path for hit in hits)
                relevances = () if setting.options.raw else tuple(hit.relevance for hit in hits)
                scores = {name: metric(paths, prepared.question.relevant) for name, metric in METRICS.items()}
                results.append(Result(prepared.question, prepared.pair, paths, scores, relevances))
            self._outcomes[setting.name] = Outcome(setting.name, results, time.perf_counter() - start)
        return self._outcomes[setting.name]

    def _searchers(self, setting: Setting) -> tuple[Searcher, Searcher]:
        """One for questions without words, one for those with."""
        if setting.exact:
            # A searcher calls no other methods of a reader than an ExactReader has.
            dim = setting.dim or self._reader.identity.dim
            searcher = Searcher(cast(AnyReader, ExactReader(self._reader, dim)), self._embedder.cut(dim))
            return searcher, searcher
        if setting.reranked:
            return self._plain, Searcher(self._reader, self._embedder, self._reranker)
        return self._plain, self._plain
