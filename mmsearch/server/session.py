"""An index and its model held open: answers batches of searches, and follows the commits of writers.

Searches as the command line does. Knows nothing of threads or HTTP; all of it is used from one thread.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np

from mmsearch.errors import MediaError, MmsearchError
from mmsearch.scan import GLOB_PATIENCE
from mmsearch.search.open import load_model, open_reranker, reranker_for, with_rerank_types
from mmsearch.search.query import ALIKE_KINDS, QueryBuilder
from mmsearch.search.request import SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.store import Filter, Identity, Located, Reader
from mmsearch.store.change_token import ChangeWatcher
from mmsearch.types import Content, Embedder, Hit, LoaderSettings, Modality, ModelSpec, Query, QueryPart, Reranker

Contents: TypeAlias = "Mapping[tuple[str, str], list[Content] | MediaError]"
"""The contents of a file of a query, or why it cannot be read, by its path and modality."""


class NoItem(MmsearchError):
    """No item of the index has this id."""


class Note(NamedTuple):
    """A message of a search besides its hits; without a logger it is only for the user."""

    logger: str
    level: int
    message: str


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Hits in order of rank, with the label of the query, the model's specification, and messages."""

    label: str
    hits: list[Hit]
    spec: ModelSpec
    notes: tuple[Note, ...] = ()


class _Prepared(NamedTuple):
    query: Query
    request: SearchRequest
    where: Filter
    reranker: str | None
    notes: tuple[Note, ...]


class IndexSession:
    """One index with its model. `refresh` opens it, and is called before each use."""

    def __init__(
        self, directory: str, device: str | None = None, trust: bool = False, trust_index: bool = False
    ) -> None:
        """With `trust` the model may bring program code; with `trust_index` the user allows what the index names."""
        self.directory = directory
        self._device, self._trust, self._trust_index = device, trust, trust_index
        self._changes: ChangeWatcher | None = None
        self._reader: Reader | None = None
        self._identity: Identity | None = None
        self._embedder: Embedder | None = None
        self._searchers: dict[str | None, Searcher] = {}
        self._rerankers: dict[str, Reranker] = {}

    @property
    def is_open(self) -> bool:
        """Whether there is a snapshot of the index."""
        return self._reader is not None

    @property
    def reader(self) -> Reader:
        """The index at the commit of the last refresh."""
        assert self._reader is not None
        return self._reader

    @property
    def embedder(self) -> Embedder:
        """The model of the index, loaded at the first use. Raises ModelUnavailable."""
        if self._embedder is None:
            self._embedder = load_model(self.reader, self._device, self._trust)
        return self._embedder

    def refresh(self) -> None:
        """Go on to the latest commit; open the index where it is not open, or another one has taken its place.

        Raises:
            MmsearchError: there is no index any more, or it cannot be read.
        """
        if self._reader is not None and self._changes is not None:
            change = self._changes.look()
            if change == "none":
                return
            if change == "commit":
                self._searchers.clear()
                self._reader.refresh()
                if self._reader.identity == self._identity:
                    return
        self.close()
        changes = ChangeWatcher(self.directory)
        try:
            self._reader = Reader.open(self.directory, self._trust_index)
        except BaseException:
            changes.close()
            raise
        self._changes = changes
        if self._reader.identity != self._identity:
            self._identity, self._embedder = self._reader.identity, None

    def warm(self) -> None:
        """Load the model, and search once: the first search takes longer."""
        if "text" in self.embedder.spec.modalities:
            self._searcher(None).search(Query((QueryPart("warm"),)))

    def close(self) -> None:
        """Close the index; the models stay loaded."""
        self._searchers.clear()
        if self._reader is not None:
            self._reader.close()
        if self._changes is not None:
            self._changes.close()
        self._reader = self._changes = None

    def search(self, request: SearchRequest) -> SearchAnswer:
        """The answer to one request. Raises MmsearchError."""
        (answer,) = self.search_all([(request, {})])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def search_all(self, requests: Sequence[tuple[SearchRequest, Contents]]) -> list[SearchAnswer | Exception]:
        """The answer to each request with the contents of its files, or the error; like requests share a batch."""
        answers: dict[int, SearchAnswer | Exception] = {}
        prepared: dict[int, _Prepared] = {}
        groups: dict[tuple[SearchRequest, str | None], list[int]] = {}
        for index, (request, contents) in enumerate(requests):
            try:
                entry = prepared[index] = self._prepare(request, contents)
                groups.setdefault((entry.request.without_query(), entry.reranker), []).append(index)
            except Exception as error:
                answers[index] = error
        for indexes in groups.values():
            answers |= self._search(indexes, prepared)
        return [answers[index] for index in range(len(requests))]

    def location(self, key: str) -> Located:
        """The part of a file that an id stands for. Raises NoItem."""
        number, _, mark = key.partition("-")
        if not (number.isascii() and number.isdecimal() and len(number) <= 18):
            raise NoItem("no such item")
        for location in self.reader.locate([int(number)])[int(number)]:
            if _mark(location.item.path) == mark:
                return location
        raise NoItem("no such item")

    def _prepare(self, request: SearchRequest, contents: Contents) -> _Prepared:
        if request.globs and not request.base:  # they start from the folder that all indexed files have in common
            try:
                base = os.path.commonpath(self.reader.catalog.roots())
            except ValueError:  # there are no roots, or they are on two drives
                base = os.path.dirname(self.directory)
            request = replace(request, base=base)
        where = request.filter(GLOB_PATIENCE)
        request.require_query()
        name, note = None, ""
        if request.rerank:
            name = request.reranker or reranker_for(self.reader)
            request, note = with_rerank_types(request, name)
            if name not in self._rerankers:
                self._rerankers[name] = open_reranker(request.reranker, self.reader, self._device, self._trust)
        with captured_warnings() as warnings:
            query = self._query(request, contents)
        return _Prepared(query, request, where, name, (*([Note("", 0, note)] if note else ()), *warnings))

    def _query(self, request: SearchRequest, contents: Contents) -> Query:
        def load(source: str | BinaryIO, modality: Modality, settings: LoaderSettings) -> list[Content]:
            content = contents.get((str(source), modality), MediaError("the server does not read that"))
            if isinstance(content, MediaError):
                raise content
            return content

        builder = QueryBuilder(self.reader, self.embedder, None, load)
        if not request.like_ids:
            return builder.query(request)
        has_query = any(part.strip() for part in (*request.texts, *request.image, *request.audio, *request.video))
        query = builder.query(request) if has_query else Query((), request.label)
        locations = [self.location(key) for key in request.like_ids]
        rows = self.reader.vectors_of([location.item_id for location in locations])
        vector = np.asarray(np.sum([rows[location.item_id] for location in locations], axis=0), np.float32)
        paths = frozenset(location.item.path for location in locations)
        kinds = [ALIKE_KINDS[location.item.partition] for location in locations]
        alike = None if query.alike is None and query.parts else (query.alike or frozenset()).union(*kinds)
        return replace(query, vector=vector, exclude_paths=paths, alike=alike)

    def _search(self, indexes: Sequence[int], prepared: Mapping[int, _Prepared]) -> dict[int, SearchAnswer | Exception]:
        """The answers to requests whose options are the same."""
        first = prepared[indexes[0]]
        try:
            with captured_warnings() as warnings:
                queries = [prepared[index].query for index in indexes]
                results = list(self._searcher(first.reranker).search_all(queries, first.request, first.where))
        except Exception as error:
            if len(indexes) == 1:
                return {indexes[0]: error}
            answers: dict[int, SearchAnswer | Exception] = {}
            for index in indexes:  # one of them spoils it for the others
                answers |= self._search([index], prepared)
            return answers
        return {
            index: SearchAnswer(
                prepared[index].query.label, hits, self.embedder.spec, (*prepared[index].notes, *warnings)
            )
            for index, hits in zip(indexes, results, strict=True)
        }

    def _searcher(self, reranker: str | None) -> Searcher:
        if reranker not in self._searchers:
            second = None if reranker is None else self._rerankers[reranker]
            self._searchers[reranker] = Searcher(self.reader, self.embedder, second)
        return self._searchers[reranker]


def key_of(item_id: int, path: str) -> str:
    """The id of a part of a file: two files with the same content share the item, so their paths tell them apart."""
    return f"{item_id}-{_mark(path)}"


def _mark(path: str) -> str:
    return hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()


@contextmanager
def captured_warnings(of_all_threads: bool = False) -> Iterator[list[Note]]:
    """Collect the warnings that this thread, or any thread, logs in the block; they are logged as well."""
    notes: list[Note] = []
    thread_id = threading.get_ident()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if of_all_threads or record.thread == thread_id:
                notes.append(Note(record.name, record.levelno, record.getMessage()))

    collector, product = Collector(logging.WARNING), logging.getLogger("mmsearch")
    product.addHandler(collector)
    try:
        yield notes
    finally:
        product.removeHandler(collector)
