"""Runs labelled questions through the searcher, once a setting, with one load of everything.

Knows only the searcher. Questions are embedded once; the picture of a question is no answer to it.
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
from mmsearch.search.options import SearchOptions
from mmsearch.search.query_embedding import CachedQueryEmbedder
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
        exact: whether all vectors are compared, even if the index has faster means.
        dim: how many of the first dimensions count; None for all.
    """

    name: str
    options: SearchOptions
    reranked: bool = False
    exact: bool = False
    dim: int | None = None


_PLAIN = SearchOptions(top=DEPTH)
SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("raw", replace(_PLAIN, mode="dense", calibrated=False)),
        Setting("calibrated", replace(_PLAIN, mode="dense")),
        Setting("lexical", replace(_PLAIN, mode="lexical")),
        Setting("hybrid", replace(_PLAIN, mode="hybrid")),
        Setting("rerank", _PLAIN, reranked=True),
        Setting("exact", replace(_PLAIN, mode="dense"), exact=True),
    )
}


def named(names: Sequence[str]) -> list[Setting]:
    """The settings with these names; raises UsageError for an unknown one."""
    if unknown := [name for name in names if name not in SETTINGS]:
        raise UsageError(f"unknown setting {unknown[0]!r}: choose from {', '.join(SETTINGS)}")
    return [SETTINGS[name] for name in dict.fromkeys(names)]


def shortened(dims: Sequence[int], dim: int) -> list[Setting]:
    """Exact search over only the first dimensions; raises UsageError unless each number is below `dim`."""
    if wrong := [number for number in dims if number >= dim]:
        raise UsageError(f"--dim {wrong[0]}: this index has {dim} dimensions: give fewer")
    return [replace(SETTINGS["exact"], name=f"dim {number}", dim=number) for number in dict.fromkeys(dims)]


class _Embedded(CachedQueryEmbedder):
    """Keeps the embedded questions for all settings."""

    def cut(self, dim: int) -> _Embedded:
        """The same with vectors cut to `dim`, for the queries that it keeps."""
        shorter = copy(self)
        shorter.spec = replace(self.spec, dim=dim)
        shorter._vectors = {key: cut(vector, dim) for key, vector in self._vectors.items()}
        return shorter


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A question ready to be searched; `own` are the paths of its picture, which are no answers."""

    question: Question
    query: Query
    pair: str
    own: frozenset[str]


def evaluate(
    questions: Sequence[Question],
    reader: AnyReader,
    embedder: Embedder,
    settings: Sequence[Setting],
    load_reranker: Callable[[], Reranker],
) -> Report:
    """The figures of each setting; the reranker is loaded only if a setting needs it.

    Raises:
        UsageError: no labelled file is in the index, the model can embed no question, or the picture of a question
            cannot be read.
    """
    files = sorted({path for question in questions for path in question.relevant})
    records = {path: reader.file(path) for path in files}
    absent = [path for path, record in records.items() if record is None or record.status != "ok" or record.missing]
    if len(absent) == len(files):
        raise UsageError(f"none of the {len(files)} labelled files is in the index, such as {files[0]}: index them")
    possible = [question for question in questions if {*question.asks.split("+")} <= embedder.spec.modalities]
    if not possible:
        raise UsageError(f"model {embedder.spec.name} of this index cannot embed any of the questions")
    prepared = [_prepare(question, reader, embedder) for question in possible]
    embedded = _Embedded(embedder, [one.query for one in prepared])
    reranker = load_reranker() if any(setting.reranked for setting in settings) else None
    runs = _Runs(reader, embedded, reranker, prepared)
    outcomes = [runs.outcome(setting) for setting in settings]
    exact = runs.outcome(SETTINGS["exact"]) if any(setting.exact for setting in settings) else None
    skipped = [question for question in questions if question not in possible]
    return Report(outcomes, exact, absent, skipped, len(files))


def _prepare(question: Question, reader: AnyReader, embedder: Embedder) -> _Prepared:
    parts = [QueryPart(question.text)] if question.text else []
    own: frozenset[str] = frozenset()
    if question.image:
        try:
            parts.append(QueryPart(media.load_picture(question.image, embedder.spec.loader)))
        except MediaError as error:
            raise UsageError(f"{question.place}: image {question.image}: {error}") from None
        record = reader.file(question.image)
        copies = reader.survey.copies(record.digest) if record and record.digest else []
        own = frozenset({question.image, *copies} - question.relevant.keys())
    pair = question.pair
    if not pair:
        modalities = {record.modality for path in question.relevant if (record := reader.file(path))}
        answers = "+".join(modality for modality in MODALITIES if modality in modalities) or "unknown"
        pair = f"{question.asks}->{answers}"
    return _Prepared(question, Query(tuple(parts), question.label), pair, own)


class _Runs:
    """The same questions under one setting after the other."""

    def __init__(
        self, reader: AnyReader, embedder: _Embedded, reranker: Reranker | None, prepared: Sequence[_Prepared]
    ) -> None:
        self._reader = reader
        self._embedder = embedder
        self._reranker = reranker
        self._prepared = prepared
        self._plain = Searcher(reader, embedder)
        self._done: dict[str, Outcome] = {}

    def outcome(self, setting: Setting) -> Outcome:
        """The results of a setting; each is run once."""
        if setting.name not in self._done:
            self._done[setting.name] = self._run(setting)
        return self._done[setting.name]

    def _run(self, setting: Setting) -> Outcome:
        for_pictures = for_texts = self._plain
        if setting.exact:
            # A searcher asks no more of a reader than an ExactReader answers.
            dim = setting.dim or self._reader.identity.dim
            exact = cast(AnyReader, ExactReader(self._reader, dim))
            for_pictures = for_texts = Searcher(exact, self._embedder.cut(dim))
        elif setting.reranked:  # only texts: a reranker reads no others
            for_texts = Searcher(self._reader, self._embedder, self._reranker)
        began = time.perf_counter()
        results: list[Result] = []
        for one in self._prepared:
            hits: Sequence[Hit] = []
            if setting.options.mode != "lexical" or one.query.is_text_only:  # a picture has no words to look for
                hits = (for_texts if one.query.text else for_pictures).search(one.query, setting.options)
            paths = tuple(hit.item.path for hit in hits if hit.item.path not in one.own)
            scores = {name: metric(paths, one.question.relevant) for name, metric in METRICS.items()}
            results.append(Result(one.question, one.pair, paths, scores))
        return Outcome(setting.name, results, time.perf_counter() - began)
