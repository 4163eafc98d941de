"""`mmsearch search`: one query or many, their hits on stdout."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from typer import Exit

from mmsearch.cli import options
from mmsearch.cli.common import handle_errors, locate_all, log_line, terminal_width, write_json, write_stdout
from mmsearch.errors import UsageError
from mmsearch.output.tables import NOTHING_LIKELY, Format, harmless, hit_fields, hits
from mmsearch.search.open import (
    crowded,
    make_room,
    named_by_user,
    open_indexes,
    open_reranker,
    reranker_for,
    with_rerank_types,
)
from mmsearch.search.request import SearchRequest
from mmsearch.server import SERVER_FILE
from mmsearch.system.safe_open import regular_or_handed
from mmsearch.types import Hit

if TYPE_CHECKING:
    from typing import TypeAlias

    from mmsearch.output.terminal_images import Screen
    from mmsearch.search.query import QueryBuilder
    from mmsearch.server.client import ServerAnswer
    from mmsearch.store import AnyReader
    from mmsearch.types import ModelSpec, Query

    Answers: TypeAlias = Iterable["Answer"]


@handle_errors
def search(
    words: options.Words = None,
    image: options.Images = None,
    audio: options.Audios = None,
    video: options.Videos = None,
    not_: options.Not = None,
    like: options.Like = None,
    queries: options.Queries = None,
    top: options.Top = 10,
    types: options.Types = None,
    globs: options.Globs = None,
    inside: options.Inside = None,
    after: options.After = None,
    before: options.Before = None,
    size: options.Size = None,
    width: options.Width = None,
    height: options.Height = None,
    duration: options.Duration = None,
    mode: options.Mode = options.ModeChoice.hybrid,
    raw: options.Raw = False,
    min_relevance: options.MinRelevance = None,
    all_segments: options.AllSegments = False,
    rerank: options.Rerank = False,
    reranker: options.RerankerName = None,
    rerank_depth: options.RerankDepth = 20,
    rerank_budget: options.RerankBudget = None,
    rerank_types: options.RerankTypes = None,
    fold: options.Fold = False,
    all_copies: options.AllCopies = False,
    explain: options.Explain = False,
    pictures: options.Pictures = None,
    context: options.Context = False,
    context_budget: options.ContextBudget = 1 << 18,
    form: options.Shape = None,
    as_json: options.Json = False,
    as_jsonl: options.JsonLines = False,
    paths: options.Paths = False,
    null: options.Print0 = False,
    index: options.IndexDirs = None,
    device: options.Device = None,
    trust_remote_code: options.TrustRemoteCode = False,
    trust_index: options.TrustIndex = False,
    no_server: options.NoServer = False,
    allow_private: options.AllowPrivate = False,
) -> None:
    """Find files by meaning.

    The query is text, pictures, sounds, clips, or any mix: hits are similar to all of it together.

    \b
    Examples:
      mmsearch search red car
      mmsearch search "error message" -t image -k 5 --rerank
      mmsearch search sunset on a beach --pictures
      mmsearch search --image cat.jpg "but black" --json
      mmsearch search "a red car" --not snow --image car.jpg:0.7
      mmsearch search --like holidays/beach.jpg -t image
      mmsearch search --queries queries.txt --jsonl
      mmsearch search "terms of payment" --context --context-budget 50000
      mmsearch search invoice -l -0 | xargs -0 cp -t out/
    """
    shape = _format(form, as_json, as_jsonl, paths or null)
    if context and shape not in (Format.table, Format.json, Format.jsonl):
        raise UsageError(f"--context is JSON: leave out --format {shape.value}")
    terminal = None
    if shape is Format.table and not context and (pictures or (pictures is None and options.PICTURES in os.environ)):
        from mmsearch.cli.images import screen

        terminal = screen(pictures)
    request = SearchRequest(
        texts=(text,) if (text := " ".join(words or []).strip()) else (),
        negatives=tuple(not_ or ()),
        image=tuple(image or ()),
        audio=tuple(audio or ()),
        video=tuple(video or ()),
        like=tuple(like or ()),
        types=() if types is None else (types,),
        globs=tuple(globs or ()),
        inside=tuple(inside or ()),
        after=after,
        before=before,
        size=tuple(size or ()),
        width=tuple(width or ()),
        height=tuple(height or ()),
        duration=tuple(duration or ()),
        top=top,
        mode=mode.value,
        raw=raw,
        min_relevance=min_relevance,
        all_segments=all_segments,
        fold=fold,
        all_copies=all_copies,
        explain=explain,
        rerank=rerank or bool(reranker),
        reranker=named_by_user(reranker) if reranker else reranker,
        rerank_depth=rerank_depth,
        rerank_budget=rerank_budget,
        rerank_types=() if rerank_types is None else (rerank_types,),
    )
    directories = locate_all(index)
    answer = None
    if queries is None and len(directories) == 1 and not (no_server or trust_index):
        answer = _from_server(directories[0], request, device, trust_remote_code)
    many = queries is not None
    reader: AnyReader | None = None
    query_list: QueryList | None = None
    labelled: Answers
    with ExitStack() as stack:
        if answer:
            _repeat(answer.notes)
            spec, labelled = answer.spec, [Answer(answer.label, " ".join(request.texts), answer.hits)]
            if context or terminal is not None:
                from mmsearch.store import open_reader

                reader = open_reader(directories)  # it knows which files may be opened
                stack.enter_context(reader)
        else:
            query_list = QueryList(request, queries)
            stdin = sys.stdin.buffer if queries != "-" else None
            reader, spec, labelled = _search(
                stack, directories, request, query_list, stdin, device, trust_remote_code, trust_index, allow_private
            )
        is_list = shape is Format.table and not context and terminal_width() > 0
        counts = _Counts()
        labelled = counts.of(labelled, warn=not is_list, many=many)
        if context:
            assert reader is not None
            _output_evidence(labelled, spec, context_budget, reader, many=many or shape is Format.jsonl)
        else:
            end = "\0" if null else "\n"
            _output(labelled, spec, shape, end, terminal, reader, many=many, explain=explain)
    if query_list and query_list.skipped:
        raise Exit(UsageError.exit_code)
    if not counts.found:
        log_line("nothing found")
        raise Exit(1)


def _from_server(directory: str, request: SearchRequest, device: str | None, trust: bool) -> ServerAnswer | None:
    """The answer of the server of the index; None if there is none, or none that suits."""
    if not os.path.exists(os.path.join(directory, SERVER_FILE)):
        return None
    from mmsearch.server import client  # late: most indexes have no server

    return client.search(directory, request, device, trust) if client.is_allowed() else None


def _repeat(notes: Iterable[tuple[str, int, str]]) -> None:
    """Show what a server has logged while it searched."""
    for logger, level, message in notes:
        if logger:
            logging.getLogger(logger).log(level, "%s", message)
        else:
            log_line(message)


def _search(
    stack: ExitStack,
    directories: list[str],
    base_request: SearchRequest,
    queries: QueryList,
    stdin: BinaryIO | None,
    device: str | None,
    trust: bool,
    trust_index: bool,
    allow_private: bool,
) -> tuple[AnyReader, ModelSpec, Answers]:
    """Search in this process; `stack` keeps the index open while the answers are read."""
    from mmsearch.search.query import QueryBuilder
    from mmsearch.search.searcher import Searcher

    where = base_request.filter()
    reader, embedder = open_indexes(directories, device, queries.need_model, trust, trust_index)
    stack.enter_context(reader)
    built_queries: Iterable[Query] = queries.build(QueryBuilder(reader, embedder, stdin, allow_private=allow_private))
    second = None
    if base_request.rerank:
        name = base_request.reranker or reranker_for(reader)
        if queries.need_model and crowded(name, device):
            embedder, built_queries = make_room(embedder, built_queries)
            gc.collect()
        second = open_reranker(base_request.reranker, reader, device, trust)
        base_request, note = with_rerank_types(base_request, name)
        if note:
            log_line(note)
    answers = Searcher(reader, embedder, second, where).search_all(built_queries, base_request, where)
    return reader, embedder.spec, queries.labelled(answers)


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
        """Whether any request has a part that is to be embedded; a search by words alone embeds nothing."""
        return any(
            request.texts or request.negatives or request.image or request.audio or request.video
            for _, request in self._located
            if request.mode != "lexical"
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
        for number, query_hits in enumerate(answers):
            yield Answer(*self._built[number], query_hits)

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


@dataclass
class _Counts:
    """How many queries passed, how many of them found something, and how many nothing that is likely."""

    queries: int = 0
    found: int = 0
    unlikely: int = 0

    def of(self, answers: Answers, *, warn: bool, many: bool) -> Iterator[Answer]:
        """The answers, counted; with `warn` stderr says where all hits are less likely than not."""
        for answer in answers:
            is_unlikely = bool(answer.hits) and all(hit.relevance < 0 for hit in answer.hits)
            self.queries += 1
            self.found += bool(answer.hits)
            self.unlikely += is_unlikely
            if is_unlikely and warn and not many:
                log_line(NOTHING_LIKELY)
            yield answer
        if self.unlikely and warn and many:
            log_line(f"nothing here is likely to be the answer to {self.unlikely} of {self.queries} queries")


def _format(form: Format | None, as_json: bool, as_jsonl: bool, paths: bool) -> Format:
    short = {Format.json: as_json, Format.jsonl: as_jsonl, Format.paths: paths}
    chosen = [form] * (form is not None) + [name for name, is_set in short.items() if is_set]
    if len(set(chosen)) > 1:
        raise UsageError(f"choose one output format, not {' and '.join(name.value for name in chosen if name)}")
    return chosen[0] or Format.table if chosen else Format.table


def _output(
    answers: Answers,
    spec: ModelSpec,
    shape: Format,
    end: str,
    terminal: Screen | None,
    reader: AnyReader | None,
    *,
    many: bool,
    explain: bool,
) -> None:
    """Write the hits of each query as they come, with pictures on a screen.

    Many answers are a JSON array, CSV with one header, or titled tables.
    """
    width, number, base = terminal_width(), -1, os.getcwd()
    for number, (label, words, query_hits) in enumerate(answers):
        matches = partial(_matched_spans, words)
        title = f"{harmless(label)}\n" if many else ""
        if terminal is not None and reader is not None and query_hits:
            from mmsearch.cli.images import show

            write_stdout(title)
            show(query_hits, spec.loader, terminal, explain, reader.may_read, matches)
            write_stdout("\n" * many)
            continue
        text = hits(
            query_hits, label, spec.name, shape, end=end, width=width, base=base, explain=explain, matches=matches
        )
        if many and shape is Format.json:
            text = ("," if number else "[") + text
        elif many and shape is Format.csv and number:
            text = text.partition("\n")[2]
        elif many and shape is Format.table:
            text = f"{title}{text}\n"
        write_stdout(text, paths=shape is Format.paths)
    if many and shape is Format.json:
        write_stdout("[]\n" if number < 0 else "]\n")


def _matched_spans(words: str, line: str) -> Sequence[tuple[int, int]]:
    """The stretches of a line that hold words of a query."""
    # Late: the words of a query bring SQLite, and nothing but a terminal shows these stretches.
    from mmsearch.store.words.query import parse_query
    from mmsearch.store.words.spans import matched_spans

    return matched_spans(line, parse_query(words))


def _output_evidence(answers: Answers, spec: ModelSpec, budget: int, reader: AnyReader, *, many: bool) -> None:
    """Write the evidence for each query, as one JSON object a line if there are many."""
    from mmsearch.search.hit_evidence import gather

    for label, _, query_hits in answers:
        fields = [hit_fields(hit, spec.name) for hit in query_hits]
        evidence = gather(query_hits, fields, spec.loader, budget, reader.may_read)
        write_json({"query": label, **evidence}, indent=None if many else 2)
