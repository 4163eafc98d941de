"""Runs labelled questions through the searcher, once a setting, with one load of everything.

Knows the searcher, not what is behind it. Questions are embedded once; a picture that asks is no answer to itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
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
        exact: whether all vectors are compared, whatever the index is like.
        dim: so many first dimensions count; None for all.
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
    """The settings of these names; raises UsageError for one that is unknown."""
    if unknown := [name for name in names if name not in SETTINGS]:
        raise UsageError(f"unknown setting {unknown[0]!r}: choose from {', '.join(SETTINGS)}")
    return [SETTINGS[name] for name in dict.fromkeys(names)]


def shortened(dims: Sequence[int], dim: int) -> list[Setting]:
    """Exact search over the first so many of `dim` dimensions; raises UsageError where there are not as many."""
    if wrong := [number for number in dims if number >= dim]:
        raise UsageError(f"--dim {wrong[0]}: this index has {dim} dimensions: give fewer")
    return [replace(SETTINGS["exact"], name=f"dim {number}", dim=number) for number in dict.fromkeys(dims)]


class _Embedded(CachedQueryEmbedder):
    """Remembers what the questions are embedded to, for all settings."""

    def cut(self, dim: int) -> _Embedded:
        """The same, of vectors that are cut to `dim`; for queries it remembers."""
        shorter = copy(self)
        shorter.spec = replace(self.spec, dim=dim)
        shorter._vectors = {key: cut(vector, dim) for key, vector in self._vectors.items()}
        return shorter


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question ready to be searched: `own` are the paths of the picture that asks, which are no answers."""

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
    """The figures of each setting; the reranker is loaded only for one that wants it.

    Raises:
        UsageError: none of the labelled files is in the index, the model can embed no question, or a picture that asks
            cannot be read.
    """
    files = sorted({path for question in questions for path in question.relevant})
    absent = [path for path in files if not _indexed(reader, path)]
    if len(absent) == len(files):
        raise UsageError(f"none of the {len(files)} labelled files is in the index, such as {files[0]}: index them")
    possible = [one for one in questions if {*one.asks.split("+")} <= embedder.spec.modalities]
    if not possible:
        raise UsageError(f"model {embedder.spec.name} of this index cannot embed any of the questions")
    asked = [_asked(question, reader, embedder) for question in possible]
    remembering = _Embedded(embedder, [one.query for one in asked])
    reranker = load_reranker() if any(setting.reranked for setting in settings) else None
    runs = _Runs(reader, remembering, reranker, asked)
    outcomes = [runs.outcome(setting) for setting in settings]
    compared = any(setting.exact for setting in settings)
    skipped = [question for question in questions if question not in possible]
    return Report(outcomes, runs.outcome(SETTINGS["exact"]) if compared else None, absent, skipped, len(files))


def _indexed(reader: AnyReader, path: str) -> bool:
    record = reader.file(path)
    return record is not None and record.status == "ok" and not record.missing


def _asked(question: Question, reader: AnyReader, embedder: Embedder) -> _Asked:
    parts = [QueryPart(question.text)] if question.text else []
    if question.image:
        try:
            parts.append(QueryPart(media.load_picture(question.image, embedder.spec.loader)))
        except MediaError as error:
            raise UsageError(f"{question.place}: image {question.image}: {error}") from None
    own = frozenset(_copies(question, reader)) if question.image else frozenset()
    pair = question.pair or f"{question.asks}->{_answers(question, reader)}"
    return _Asked(question, Query(tuple(parts), question.label), pair, own)


def _copies(question: Question, reader: AnyReader) -> Iterator[str]:
    """The picture that asks and its copies, unless they are labelled as answers."""
    record = reader.file(question.image)
    copies = reader.catalog.copies(record.digest) if record and record.digest else []
    yield from {question.image, *copies} - question.relevant.keys()


def _answers(question: Question, reader: AnyReader) -> str:
    """The modalities of the answers as the index knows them, `unknown` where it knows none."""
    records = [reader.file(path) for path in question.relevant]
    modalities = {record.modality for record in records if record}
    return "+".join(modality for modality in MODALITIES if modality in modalities) or "unknown"


class _Runs:
    """The same questions under one setting after the other."""

    def __init__(
        self, reader: AnyReader, embedder: _Embedded, reranker: Reranker | None, asked: Sequence[_Asked]
    ) -> None:
        self._reader = reader
        self._embedder = embedder
        self._reranker = reranker
        self._asked = asked
        self._plain = Searcher(reader, embedder)
        self._done: dict[str, Outcome] = {}

    def outcome(self, setting: Setting) -> Outcome:
        """What the setting finds; each is run once."""
        if setting.name not in self._done:
            self._done[setting.name] = self._run(setting)
        return self._done[setting.name]

    def _run(self, setting: Setting) -> Outcome:
        silent, telling = self._searchers(setting)
        began = time.perf_counter()
        results: list[Result] = []
        hits: Sequence[Hit]
        for one in self._asked:
            if setting.options.mode == "lexical" and not one.query.is_text_only:
                hits = []  # a picture holds no words to look for
            else:
                searcher = telling if one.query.text else silent  # a reranker reads texts alone
                hits = searcher.search(one.query, setting.options)
            results.append(_result(one, hits))
        return Outcome(setting.name, results, time.perf_counter() - began)

    def _searchers(self, setting: Setting) -> tuple[Searcher, Searcher]:
        """One for questions without words, one for those with."""
        if setting.exact:
            # A searcher asks no more of a reader than an ExactReader answers.
            dim = setting.dim or self._reader.identity.dim
            searcher = Searcher(cast(AnyReader, ExactReader(self._reader, dim)), self._embedder.cut(dim))
            return searcher, searcher
        if setting.reranked:
            return self._plain, Searcher(self._reader, self._embedder, self._reranker)
        return self._plain, self._plain


def _result(one: _Asked, hits: Sequence[Hit]) -> Result:
    found = tuple(hit.item.path for hit in hits if hit.item.path not in one.own)
    scores = {name: metric(found, one.question.relevant) for name, metric in METRICS.items()}
    return Result(one.question, one.pair, found, scores)
