"""An index and its model held open: answers batches of questions, and follows what writers commit.

Knows how the command line searches and does the same. Nothing of threads or HTTP; all of it is used from one thread.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np

from mmsearch.errors import MediaError, MmsearchError
from mmsearch.scan import GLOB_PATIENCE
from mmsearch.search.open import crowded, open_index, open_reranker, reranker_for, with_gains
from mmsearch.search.options import SearchOptions
from mmsearch.search.query import QueryBuilder
from mmsearch.search.query_embedding import CachedQueryEmbedder
from mmsearch.search.request import SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.store import ChangeWatcher, Filter, Located, Reader
from mmsearch.types import (
    Content,
    Embedder,
    Hit,
    LoaderSettings,
    Modality,
    ModelSpec,
    Query,
    QueryPart,
    Reranker,
    Segment,
    Vectors,
)

log = logging.getLogger(__name__)

Contents: TypeAlias = "Mapping[tuple[str, str], list[Content] | MediaError]"
"""What is in a file of a query, or why it cannot be read, by its path and modality."""


class Unsuited(MmsearchError):
    """The server leaves this search to the command."""


class NoItem(MmsearchError):
    """No item of the index has this id."""


class Note(NamedTuple):
    """What a search had to say besides its hits; without a logger it is for the user alone."""

    logger: str
    level: int
    message: str


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """A search, with all that it takes read already.

    Attributes:
        wanted: as it was written.
        contents: of its files.
        like: ids of items that hits are like.
        label: how the answer names it; None for what the command line would say.
        alone: it shares no pass of the model with others, so that no digit of its scores depends on them.
    """

    wanted: SearchRequest
    contents: Contents = field(default_factory=dict)
    like: tuple[str, ...] = ()
    label: str | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class SessionAnswer:
    """Hits in order of rank, and what else there is to say."""

    label: str
    hits: list[Hit]
    spec: ModelSpec
    notes: tuple[Note, ...] = ()


class _Prepared(NamedTuple):
    """A question that can be answered."""

    query: Query
    options: SearchOptions
    reranker: str | None
    notes: tuple[Note, ...]


class _Together:
    """An embedder that has read the queries of one batch in few passes."""

    def __init__(self, embedder: Embedder) -> None:
        self.spec = embedder.spec
        self._embedder = embedder
        self._batch: Embedder = embedder

    def read(self, queries: Sequence[Query]) -> None:
        """Embed what the next searches will ask for; what they ask for besides is embedded then."""
        self._batch = CachedQueryEmbedder(self._embedder, queries) if len(queries) > 1 else self._embedder

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        return self._embedder.embed(segments)

    def embed_query(self, query: Query) -> Vectors:
        return self._batch.embed_query(query)

    def __getattr__(self, name: str) -> object:
        if name == "embed_texts":  # it has been called already, for all of the batch
            raise AttributeError(name)
        return getattr(self._embedder, name)


class IndexSession:
    """One index with its model, from opening until it becomes another index."""

    def __init__(self, directory: str, device: str | None, trust: bool) -> None:
        """Raises what opening an index and loading its model raises."""
        self.directory = directory
        self._device, self._trust = device, trust
        self._changes = ChangeWatcher(directory)
        try:
            self.reader, embedder = open_index(directory, device, trust=trust)
        except BaseException:
            self._changes.close()
            raise
        self._embedder = _Together(embedder)
        self._searchers: dict[str | None, Searcher] = {}
        self._rerankers: dict[str, Reranker] = {}
        self._common: str | None = None
        if "text" in self.spec.modalities:
            self._searcher(None).search(Query((QueryPart("warm"),)))  # the first of anything takes longer

    @property
    def spec(self) -> ModelSpec:
        """What is known of the model."""
        return self._embedder.spec

    def is_current(self) -> bool:
        """Go on to what is committed now; False where it is another index or needs another model.

        Raises:
            MmsearchError: there is no index any more, or it cannot be read.
        """
        change = self._changes.look()
        if change == "commit":
            before = self.reader.identity
            self.reader.refresh()
            self._searchers.clear()
            self._common = None
            return self.reader.identity == before
        return change == "none"

    def close(self) -> None:
        """Let go of the index."""
        self._searchers.clear()
        self.reader.close()
        self._changes.close()

    def answers(self, questions: Sequence[SessionQuery]) -> list[SessionAnswer | Exception]:
        """The answer to each question, or what there is against it; words go through the model together."""
        found: list[SessionAnswer | Exception] = []
        prepared: dict[int, _Prepared] = {}
        groups: dict[tuple[SearchOptions, str | None], list[int]] = {}
        for place, question in enumerate(questions):
            found.append(LookupError("not answered"))
            try:
                ready = prepared[place] = self._prepare(question)
                groups.setdefault((ready.options, ready.reranker), []).append(place)
            except Exception as error:
                found[place] = error
        self._read([ready.query for ready in prepared.values()])
        for places in groups.values():
            for place, answer in self._search(places, prepared):
                found[place] = answer
        return [self._labelled(one, question) for one, question in zip(found, questions, strict=True)]

    def suits(self, wanted: SearchRequest) -> None:
        """Make sure that the answer is what the command would give. Raises Unsuited."""
        if not self.reader.has_words:
            raise Unsuited("the index is of an older format")
        if not wanted.rerank:
            return
        own = reranker_for(self.reader)
        if (wanted.reranker or own) not in (own, "builtin"):
            raise Unsuited("another reranker")
        if crowded(wanted.reranker or own, self._device):
            raise Unsuited("too little memory for two models")

    def place(self, key: str) -> Located:
        """The part of a file that an id stands for. Raises NoItem."""
        number, _, mark = key.partition("-")
        if not (number.isascii() and number.isdecimal() and len(number) <= 18):
            raise NoItem("no such item")
        for place in self.reader.locate([int(number)])[int(number)]:
            if _mark(place.item.path) == mark:
                return place
        raise NoItem("no such item")

    def _prepare(self, question: SessionQuery) -> _Prepared:
        wanted = question.wanted
        options = (wanted if wanted.base else replace(wanted, base=self._folder())).options(GLOB_PATIENCE)
        notes: tuple[Note, ...] = ()
        name = None
        if not question.like:
            wanted.asked().require_something()
        if wanted.rerank:
            name = wanted.reranker or reranker_for(self.reader)
            options, note = with_gains(options, name)
            notes = (Note("", 0, note),) if note else ()
            self._reranker(name, named=bool(wanted.reranker))
        query = self._query(question)
        return _Prepared(query, options, name, notes)

    def _folder(self) -> str:
        """Where globs start from that came from nowhere: the folder that all that is indexed has in common."""
        if self._common is None:
            roots = self.reader.catalog.roots()
            try:
                self._common = os.path.commonpath(roots)
            except ValueError:  # there is none, or they lie on two drives
                self._common = os.path.dirname(self.directory)
        return self._common

    def _query(self, question: SessionQuery) -> Query:
        def load(source: str | BinaryIO, modality: Modality, settings: LoaderSettings) -> list[Content]:
            content = question.contents.get((str(source), modality), MediaError("the server does not read that"))
            if isinstance(content, MediaError):
                raise content
            return content

        asked = question.wanted.asked()
        asker = QueryBuilder(self.reader, self._embedder, None, load)
        if not question.like:
            return asker.query(asked)
        some = any(part.strip() for part in (*asked.texts, *asked.image, *asked.audio, *asked.video))
        query = asker.query(asked) if some else Query((), asked.label)
        places = [self.place(key) for key in question.like]
        rows = self.reader.vectors_of([place.item_id for place in places])
        vector = np.asarray(np.sum([rows[place.item_id] for place in places], axis=0), np.float32)
        return replace(query, vector=vector, exclude_paths=frozenset(place.item.path for place in places))

    def _read(self, queries: Sequence[Query]) -> None:
        try:
            self._embedder.read([query for query in queries if query.parts])
        except Exception:
            log.debug("not embedded together", exc_info=True)
            self._embedder.read([])

    def _search(
        self, places: Sequence[int], prepared: Mapping[int, _Prepared]
    ) -> Iterator[tuple[int, SessionAnswer | Exception]]:
        first = prepared[places[0]]
        try:
            with overheard() as told:
                queries = [prepared[place].query for place in places]
                hits = list(self._searcher(first.reranker).search_all(queries, first.options))
        except Exception as error:
            if len(places) == 1:
                yield places[0], error
                return
            for place in places:  # one of them spoils it for the others
                yield from self._search([place], prepared)
            return
        for place, found in zip(places, hits, strict=True):
            ready = prepared[place]
            yield place, SessionAnswer(ready.query.label, found, self.spec, (*ready.notes, *told))

    @staticmethod
    def _labelled(answer: SessionAnswer | Exception, question: SessionQuery) -> SessionAnswer | Exception:
        if question.label is None or isinstance(answer, Exception):
            return answer
        return replace(answer, label=question.label)

    def _searcher(self, reranker: str | None) -> Searcher:
        if reranker not in self._searchers:
            second = None if reranker is None else self._rerankers[reranker]
            self._searchers[reranker] = Searcher(self.reader, self._embedder, second)
        return self._searchers[reranker]

    def _reranker(self, name: str, named: bool) -> None:
        if name not in self._rerankers:
            self._rerankers[name] = open_reranker(name if named else None, self.reader, self._device, self._trust)


def key_of(item_id: int, path: str) -> str:
    """The id of a part of a file: two files with the same content share the item, so their paths tell them apart."""
    return f"{item_id}-{_mark(path)}"


def _mark(path: str) -> str:
    return hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()


def everywhere(reader: Reader, item_ids: Sequence[int]) -> Iterator[Located]:
    """Each of some items at each file that holds it."""
    found = reader.locate(list(item_ids), Filter())
    for item_id in item_ids:
        yield from found[item_id]


@contextmanager
def overheard(everywhere: bool = False) -> Iterator[list[Note]]:
    """The warnings that this thread, or any, logs meanwhile; they are logged all the same."""
    told: list[Note] = []
    own = threading.get_ident()

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if everywhere or record.thread == own:
                told.append(Note(record.name, record.levelno, record.getMessage()))

    ear, product = Ear(logging.WARNING), logging.getLogger("mmsearch")
    product.addHandler(ear)
    try:
        yield told
    finally:
        product.removeHandler(ear)
