"""From a request to a query that a model can embed: texts, files, URLs, weights and vectors of indexed files.

Also embeds several queries in few passes, and keeps their vectors so that the model can make room for another one.
Knows loaders, the reader and which modalities a model embeds; nothing of argv or of ranking.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np

from mmsearch.errors import MediaError, UsageError
from mmsearch.search.request import HOW_TO_QUERY, SearchRequest
from mmsearch.store import AnyReader, Identity
from mmsearch.store.words.query import parse_query
from mmsearch.types import (
    Content,
    Embedder,
    LoaderSettings,
    Modality,
    ModelSpec,
    Query,
    QueryPart,
    Segment,
    Vectors,
    is_object_url,
)

if TYPE_CHECKING:
    import numpy.typing as npt

NO_OPTIONS = SearchRequest()
NOT_WEIGHT = -0.5
"""At full weight a query would become the difference of two texts, which is near to neither kind of thing."""
FILES: tuple[Modality, ...] = ("image", "audio", "video")
SEEN: frozenset[Modality] = frozenset(("image", "document", "video"))
ALIKE_KINDS: dict[Modality, frozenset[Modality]] = {
    "text": frozenset(("text",)), "image": SEEN, "document": SEEN, "video": SEEN, "audio": frozenset(("audio",)),
}  # fmt: skip
"""For a kind of example the partitions in which things like it are: what is seen is compared with what is seen."""
FIELDS = {"query": "texts", "not": "negatives", "image": "image", "audio": "audio", "video": "video", "like": "like"}
"""Fields of a line of queries, each a text or a list of texts, and their fields in a request."""
IGNORED = ("relevant", "pair", "id")
"""Fields that labelled queries have for other uses."""

Vector: TypeAlias = "npt.NDArray[np.float32]"
Load: TypeAlias = Callable[[str | BinaryIO, Modality, LoaderSettings], list[Content]]
"""How a file, a stream or a URL becomes contents, as `media.load_query`."""

log = logging.getLogger(__name__)

_QUOTED = 30
"""Characters of a long query that a message quotes."""
_WEIGHTED = re.compile(r"(.+):([+-]?(?:\d+(?:\.\d*)?|\.\d+))", re.S)


class QueryBuilder:
    """Builds queries for one index and its model."""

    def __init__(
        self,
        reader: AnyReader,
        embedder: Embedder,
        stdin: BinaryIO | None = None,
        load: Load | None = None,
        allow_private: bool = False,
    ) -> None:
        """Files, streams and URLs are read by `load`, else by `media.load_query`, which respects `allow_private`."""
        self._load, self._allow_private = load, allow_private
        self._reader = reader
        self._embedder = embedder
        self._spec = embedder.spec
        self._stdin = stdin

    def query(self, request: SearchRequest) -> Query:
        """The query of a request. A text that is longer than the model reads is cut, with a warning.

        Raises:
            UsageError: nothing says what to look for, a file cannot be read or is not indexed, or the model cannot
                embed a part.
        """
        base, typed = request.base, " ".join(request.texts)
        prepare = self._clean if request.mode == "lexical" else self._text
        parts = [QueryPart(prepare(text)) for text in map(_without_operators, request.texts) if text.strip()]
        alike: frozenset[Modality] = frozenset()
        digests = set(request.digests)
        for kind in FILES:
            for source in getattr(request, kind):
                parts += self._file(kind, source, base)
                alike |= ALIKE_KINDS[kind]
                digests |= self._digest(source, base)
        paths = [path if is_object_url(path) else os.path.abspath(os.path.join(base, path)) for path in request.like]
        rows = [self._indexed(path) for path in paths]
        alike = alike.union(*(partitions for _, partitions in rows))
        digests |= {digest for path in paths if (record := self._reader.file(path)) and (digest := record.digest)}
        if not any(part.weight > 0 for part in parts) and not rows:
            raise UsageError(f"nothing to look for: {HOW_TO_QUERY}")
        with_words = any(isinstance(part.content, str) for part in parts)
        parts += [QueryPart(prepare(text), NOT_WEIGHT) for text in request.negatives if text.strip()]
        vector = np.asarray(np.sum([row for row, _ in rows], axis=0), np.float32) if rows else None
        return Query(
            tuple(parts),
            request.label,
            vector,
            frozenset(paths),
            None if with_words else alike,
            frozenset(digests),
            typed,
        )

    def _digest(self, source: str, base: str) -> set[str]:
        """The digest of a file that is an example, so that copies of it are known; none of a stream or a URL."""
        name, weight = split_weight(source, base)
        path = os.path.join(base, name)
        from mmsearch.scan.files import digest  # late: most queries are words

        with suppress(OSError):
            return {digest(path)} if weight > 0 and os.path.isfile(path) else set()
        return set()

    def _clean(self, text: str) -> str:
        self._require("text")
        # Half of a surrogate pair, from JSON or another encoding, is no text that a tokenizer takes.
        return text.encode("utf-8", "replace").decode().strip()

    def _text(self, text: str) -> str:
        text = self._clean(text)
        cuts = getattr(self._embedder, "cuts", None)
        if cuts is None or not cuts(text):
            return text
        readable, extent = readable_part(text, cuts)
        start = " ".join(text[: 2 * _QUOTED].split())[:_QUOTED]
        log.warning('%s reads only the first %s of the query "%s…"', self._spec.name, extent, start)
        return readable

    def _require(self, modality: Modality) -> None:
        if modality not in self._spec.modalities:
            raise UsageError(f"model {self._spec.name} of this index cannot embed {modality}")

    def _file(self, modality: Modality, source: str, base: str) -> Iterator[QueryPart]:
        from mmsearch.media import load_query

        self._require(modality)
        name, weight = split_weight(source, base)
        path = os.path.join(base, name)
        target: str | BinaryIO = name if "://" in name and not os.path.exists(path) else path
        try:
            if name == "-":
                if self._stdin is None:
                    raise MediaError("stdin serves something else here")
                target = self._stdin
            load = self._load or partial(load_query, allow_private=self._allow_private)
            contents = load(target, modality, self._spec.loader)
        except MediaError as error:
            raise UsageError(f"--{modality} {name}: {error}") from None
        for content in contents:
            yield QueryPart(content, weight / len(contents))

    def _indexed(self, path: str) -> tuple[Vector, frozenset[Modality]]:
        """The unit vector in the middle of a file's parts, its own kind rather than texts in it, and what is alike."""
        record, parts = self._reader.file(path), self._reader.items_at(path)
        if record is None or not parts:
            raise UsageError(f"--like {path}: not in the index in {self._reader.directory}: try --image, or index it")
        chosen = [part for part in parts if part[1] == record.modality] or parts
        middle = np.mean(list(self._reader.vectors_of([item for item, _ in chosen]).values()), axis=0)
        vector = np.asarray(middle / max(float(np.linalg.norm(middle)), 1e-12), np.float32)
        return vector, ALIKE_KINDS[chosen[0][1]]


def _without_operators(text: str) -> str:
    """What a model reads of a text: no quotation marks of phrases, and nothing that is excluded."""
    query = parse_query(text)
    if query.only_excludes:
        raise UsageError(f"nothing to look for but what is not meant: {HOW_TO_QUERY}")
    return query.plain


def readable_part(text: str, cuts: Callable[[str], bool]) -> tuple[str, str]:
    """The longest beginning of a text that a model reads, in whole words where one fits, and its extent for a message.

    `cuts` says whether a text is longer than the model reads; the text itself has to be.
    """
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    unit = "words"
    if cuts(text[: ends[0]]):
        ends, unit = list(range(1, len(text) + 1)), "characters"
    count = bisect_left(ends, True, key=lambda end: cuts(text[:end]))
    return text[: ends[max(0, count - 1)]], f"{count} of {len(ends)} {unit}"


def split_weight(source: str, base: str) -> tuple[str, float]:
    """The name and weight of `a.jpg:0.7`; a file whose name really ends so is that file."""
    match = _WEIGHTED.fullmatch(source)
    if match is None or os.path.exists(os.path.join(base, source)):
        return source, 1.0
    name, weight = match[1], float(match[2])
    if "://" in source and "/" not in name.partition("://")[2]:
        return source, 1.0  # the number is a port
    if not math.isfinite(weight) or weight == 0:
        raise UsageError(f"{source}: a weight is a number other than 0")
    return name, weight


def read_lines(
    lines: Iterable[bytes],
    name: str,
    base: str,
    options: SearchRequest = NO_OPTIONS,
    skip: Callable[[str], None] | None = None,
) -> list[tuple[str, SearchRequest]]:
    """Queries one a line, each with its place `name:number`: a text, or a JSON object that begins with `{`.

    Blank lines are left out. The requests have these `options`, and paths in them are relative to `base`.

    Raises:
        UsageError: there are no queries. A line that cannot be read goes to `skip` as a message with its place; without
            `skip` it is an error as well.
    """
    requests: list[tuple[str, SearchRequest]] = []
    has_lines = False
    for number, raw in enumerate(lines, 1):
        location = f"{name}:{number}"
        try:
            line = raw.decode("utf-8").strip().removeprefix("\ufeff")
            if line:
                has_lines = True
                request = replace(options, **_parse(line), base=base)
                request.require_query()
                requests.append((location, request))
        except (UsageError, ValueError, RecursionError) as error:
            has_lines = True
            message = f"{location}: {'nested too deeply' if isinstance(error, RecursionError) else error}"
            if skip is None:
                raise UsageError(message) from None
            skip(message)
    if not has_lines:
        raise UsageError(f"{name} holds no queries: write one a line")
    return requests


def _parse(line: str) -> dict[str, Any]:
    """The fields of a request. Raises UsageError, ValueError or RecursionError."""
    if not line.startswith("{"):
        return {"texts": (line,)}
    data = json.loads(line)
    if unknown := [field for field in data if field not in FIELDS and field not in IGNORED]:
        raise UsageError(f"unknown field {unknown[0]!r}: known are {', '.join((*FIELDS, *IGNORED))}")
    fields: dict[str, Any] = {}
    for field, name in FIELDS.items():
        value = data.get(field)
        texts = value if isinstance(value, list) else [] if value is None else [value]
        if not all(isinstance(text, str) for text in texts):
            raise UsageError(f"field {field!r} is a text or a list of texts")
        fields[name] = tuple(texts)
    return fields


class StoredEmbedder:
    """Replaces the model for queries of stored vectors only, so that no model is loaded."""

    def __init__(self, identity: Identity) -> None:
        self.spec = identity.spec

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        raise NotImplementedError("nothing is embedded without a model")

    def embed_query(self, query: Query) -> Vectors:
        raise NotImplementedError("a query of stored vectors has none to embed")


def embed_queries(embedder: Embedder, queries: Sequence[Query]) -> list[Vector]:
    """Float32 `(dim,)` of each query; those of words alone go in as few passes as the model can."""
    rows: dict[int, Vector] = {}
    texts = [index for index, query in enumerate(queries) if query.is_text_only]
    embed_texts = getattr(embedder, "embed_texts", None) if len(texts) > 1 else None
    if embed_texts is not None:
        rows.update(zip(texts, embed_texts([queries[index].text for index in texts]), strict=True))
    return [rows[index] if index in rows else embedder.embed_query(query) for index, query in enumerate(queries)]


def known_share(embedder: Embedder | None, text: str) -> float:
    """The share in [0, 1] of a text's words that an embedder knows; 1 if it cannot say."""
    share = getattr(embedder, "known_share", None)
    return 1.0 if share is None else float(share(text))


class CachedQueryEmbedder:
    """An embedder that knows the vectors of the queries it was given at the start, and can do without its model."""

    def __init__(self, embedder: Embedder, queries: Sequence[Query], *, keep: bool = True) -> None:
        """Without `keep` the model is let go afterwards, and no other query can be embedded."""
        self.spec: ModelSpec = embedder.spec
        self._embedder = embedder if keep else None
        self._queries = [query for query in queries if query.parts]  # kept alive: their identity is the key
        rows = embed_queries(embedder, self._queries)
        self._vectors = {id(query): row for query, row in zip(self._queries, rows, strict=True)}
        self._known_shares = {query.text: known_share(embedder, query.text) for query in self._queries}

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        return self._model().embed(segments)

    def embed_query(self, query: Query) -> Vectors:
        cached = self._vectors.get(id(query))
        return self._model().embed_query(query) if cached is None else cached

    def known_share(self, text: str) -> float:
        """The share in [0, 1] of a query's words that the model knows; 1 if the model cannot say."""
        if text in self._known_shares:
            return self._known_shares[text]
        return known_share(self._embedder, text)

    def _model(self) -> Embedder:
        if self._embedder is None:
            raise LookupError("the model has made room for another one")
        return self._embedder
