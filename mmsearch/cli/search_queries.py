"""The queries of `mmsearch search`: that of the command line, or those of `--queries`, where a bad line costs itself.

Knows how queries become requests; nothing of hits or of how they are shown.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from mmsearch.cli.common import log_line
from mmsearch.errors import UsageError
from mmsearch.search.request import SearchRequest
from mmsearch.system.safe_open import regular_or_handed
from mmsearch.types import Hit

if TYPE_CHECKING:
    from mmsearch.search.query import QueryBuilder
    from mmsearch.types import Query


class Answer(NamedTuple):
    """The hits of a query, with its label and its words, in order of rank."""

    label: str
    words: str
    hits: list[Hit]


class QueryList:
    """The requests of a run in order, and a count of the lines that are no queries.

    Attributes:
        skipped: lines of the file that cannot be answered, each reported on stderr.
    """

    def __init__(self, request: SearchRequest, queries: str | None) -> None:
        """The query is that of `request`, or one in each line of the file `queries`, with the same options.

        Raises:
            UsageError: there is no query, or there are both kinds, or the file cannot be read.
        """
        self.skipped = 0
        self._from_file = queries is not None
        self._built: list[tuple[str, str]] = []
        self._located = [("", request)] if queries is None else self._read(request, queries)
        if queries is None:
            request.require_query()

    @property
    def need_model(self) -> bool:
        """Whether any request has a part that is to be embedded."""
        return any(
            request.texts or request.negatives or request.image or request.audio or request.video
            for _, request in self._located
        )

    def build(self, builder: QueryBuilder) -> Iterator[Query]:
        """The queries, without those that cannot be built. Raises UsageError for that of the command line."""
        for location, request in self._located:
            try:
                query = builder.query(request)
                if request.mode == "lexical" and not query.is_text_only and self._from_file:
                    raise UsageError("search by words needs a query of words alone: use another --mode")
            except UsageError as error:
                if not self._from_file:
                    raise
                self._skip(f"{location}: {error}")
                continue
            self._built.append((query.label, query.text))
            yield query

    def labelled(self, answers: Iterable[list[Hit]]) -> Iterator[Answer]:
        """The answers to the built queries; queries may be built while answers are read."""
        for number, hits in enumerate(answers):
            yield Answer(*self._built[number], hits)

    def _read(self, request: SearchRequest, queries: str) -> list[tuple[str, SearchRequest]]:
        from mmsearch.search.query import read_lines

        if request != request.without_query():
            raise UsageError("--queries takes the place of a query: give one or the other")
        if queries == "-":
            return read_lines(sys.stdin.buffer, "stdin", os.getcwd(), request, self._skip)
        try:
            with open(queries, "rb", opener=regular_or_handed) as lines:
                return read_lines(lines, queries, os.path.dirname(os.path.abspath(queries)), request, self._skip)
        except OSError as error:
            raise UsageError(f"--queries {queries}: {error.strerror or error}") from None

    def _skip(self, message: str) -> None:
        self.skipped += 1
        log_line(f"error: {message}")
