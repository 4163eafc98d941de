"""From what a user wrote to a query: texts, files, URLs, weights, what is not meant, and what is indexed already.

Knows loaders, the reader and which modalities a model embeds; nothing of argv or of ranking.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO, TypeAlias

import numpy as np

from mmsearch import media
from mmsearch.errors import MediaError, UsageError
from mmsearch.store import AnyReader, Identity
from mmsearch.types import (
    Content,
    Embedder,
    LoaderSettings,
    Modality,
    Query,
    QueryPart,
    Segment,
    Vectors,
    is_object_url,
)

NOT_WEIGHT = -0.5
"""At full weight a query would become the difference of two texts, which is near to neither kind of thing."""
FILES: tuple[Modality, ...] = ("image", "audio", "video")
FIELDS = {"query": "texts", "not": "negatives", "image": "image", "audio": "audio", "video": "video", "like": "like"}
"""Fields of a line of queries and what they become; each a text or a list of texts."""
IGNORED = ("relevant", "pair", "id")
"""Fields that labelled queries have for other uses."""

Load: TypeAlias = Callable[[str | BinaryIO, Modality, LoaderSettings], list[Content]]
"""How a file, a stream or a URL becomes contents, as `media.load_query`."""

_GIVE = "give a text, a file with --image, --audio or --video, or one that is indexed with --like"
_WEIGHTED = re.compile(r"(.+):([+-]?(?:\d+(?:\.\d*)?|\.\d+))", re.S)


@dataclass(frozen=True, slots=True)
class QuerySpec:
    """A query as it was written.

    Attributes:
        texts, negatives: what is meant and what is not.
        image, audio, video: files, URLs or `-` for stdin, each with `:WEIGHT` after it or without.
        like: files that are indexed.
        base: the folder that relative paths start from.
    """

    texts: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()
    video: tuple[str, ...] = ()
    like: tuple[str, ...] = ()
    base: str = ""

    def require_something(self) -> None:
        """Make sure that something is meant; raises UsageError."""
        if not any((*(text.strip() for text in self.texts), self.image, self.audio, self.video, self.like)):
            raise UsageError(f"nothing to look for{' but what is not meant' if self.negatives else ''}: {_GIVE}")

    @property
    def label(self) -> str:
        """How output names it."""
        return " ".join((*self.texts, *self.image, *self.audio, *self.video, *self.like))


class StoredEmbedder:
    """Stands for a model where stored vectors are all that a query is made of, so that none has to be loaded."""

    def __init__(self, identity: Identity) -> None:
        self.spec = identity.spec

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        raise NotImplementedError("nothing is embedded without a model")

    def embed_query(self, query: Query) -> Vectors:
        raise NotImplementedError("a query of stored vectors has none to embed")


class QueryBuilder:
    """Turns what was asked into queries for one index and its model."""

    def __init__(
        self,
        reader: AnyReader,
        embedder: Embedder,
        stdin: BinaryIO | None = None,
        load: Load | None = None,
        allow_private: bool = False,
    ) -> None:
        """Files, streams and URLs are read by `load`, else by `media.load_query`, which heeds `allow_private`."""
        self._load: Load = load or partial(media.load_query, allow_private=allow_private)
        self._reader = reader
        self._embedder = embedder
        self._spec = embedder.spec
        self._stdin = stdin

    def query(self, asked: QuerySpec) -> Query:
        """The query.

        Raises:
            UsageError: nothing is meant, a file cannot be read or is not indexed, or the model has no use for a part.
        """
        parts = [QueryPart(self._text(text)) for text in asked.texts if text.strip()]
        parts += [part for kind in FILES for source in getattr(asked, kind) for part in self._file(kind, source, asked)]
        liked = [self._indexed(_absolute(path, asked.base)) for path in asked.like]
        if not any(part.weight > 0 for part in parts) and not liked:
            raise UsageError(f"nothing to look for: {_GIVE}")
        parts += [QueryPart(self._text(text), NOT_WEIGHT) for text in asked.negatives if text.strip()]
        vector = None if not liked else np.asarray(np.sum([row for _, row in liked], axis=0), np.float32)
        return Query(tuple(parts), asked.label, vector, frozenset(path for path, _ in liked))

    def _text(self, text: str) -> str:
        self._require("text")
        # What came in another encoding, or as half of a pair in JSON, is no text that a tokenizer takes.
        text = text.encode("utf-8", "replace").decode().strip()
        cuts = getattr(self._embedder, "cuts", None)
        if cuts is not None and cuts(text):
            raise UsageError(f"a query of {len(text)} characters is more than {self._spec.name} reads: shorten it")
        return text

    def _require(self, modality: Modality) -> None:
        if modality not in self._spec.modalities:
            raise UsageError(f"model {self._spec.name} of this index cannot embed {modality}")

    def _file(self, modality: Modality, source: str, asked: QuerySpec) -> Iterator[QueryPart]:
        self._require(modality)
        name, weight = weighed(source, asked.base)
        try:
            contents = self._contents(modality, name, asked.base)
        except MediaError as error:
            raise UsageError(f"--{modality} {name}: {error}") from None
        for content in contents:
            yield QueryPart(content, weight / len(contents))

    def _contents(self, modality: Modality, name: str, base: str) -> list[Content]:
        if name == "-":
            if self._stdin is None:
                raise MediaError("stdin serves something else here")
            return self._load(self._stdin, modality, self._spec.loader)
        is_url = "://" in name and not os.path.exists(os.path.join(base, name))
        return self._load(name if is_url else os.path.join(base, name), modality, self._spec.loader)

    def _indexed(self, path: str) -> tuple[str, Vectors]:
        """The path, and the unit vector in the middle of a file's parts: its own kind rather than texts in it."""
        record, parts = self._reader.file(path), self._reader.items_at(path)
        if record is None or not parts:
            raise UsageError(f"--like {path}: not in the index in {self._reader.directory}: try --image, or index it")
        own = [item for item, partition in parts if partition == record.modality] or [item for item, _ in parts]
        middle = np.mean(list(self._reader.vectors_of(own).values()), axis=0)
        return path, np.asarray(middle / max(float(np.linalg.norm(middle)), 1e-12), np.float32)


def _absolute(path: str, base: str) -> str:
    return path if is_object_url(path) else os.path.abspath(os.path.join(base, path))


def weighed(source: str, base: str) -> tuple[str, float]:
    """The name and weight of `a.jpg:0.7`; a file whose name really ends so is that file."""
    found = _WEIGHTED.fullmatch(source)
    if found is None or os.path.exists(os.path.join(base, source)):
        return source, 1.0
    name, weight = found[1], float(found[2])
    if "://" in source and "/" not in name.partition("://")[2]:
        return source, 1.0  # the number is a port
    if not math.isfinite(weight) or weight == 0:
        raise UsageError(f"{source}: a weight is a number other than 0")
    return name, weight


def read_lines(lines: Iterable[bytes], name: str, base: str) -> list[QuerySpec]:
    """Queries one a line: a text, or a JSON object that begins with `{`; blank lines are left out.

    Raises:
        UsageError: a line that cannot be read, by the name of the file and its number.
    """
    asked: list[QuerySpec] = []
    for number, raw in enumerate(lines, 1):
        try:
            line = raw.decode("utf-8").strip().removeprefix("\ufeff")
            if line:
                asked.append(replace(_parse(line), base=base))
                asked[-1].require_something()
        except (UsageError, ValueError) as error:
            raise UsageError(f"{name}:{number}: {error}") from None
        except RecursionError:
            raise UsageError(f"{name}:{number}: nested too deeply") from None
    if not asked:
        raise UsageError(f"{name} holds no queries: write one a line")
    return asked


def _parse(line: str) -> QuerySpec:
    if not line.startswith("{"):
        return QuerySpec((line,))
    found = json.loads(line)
    unknown = [field for field in found if field not in FIELDS and field not in IGNORED]
    if unknown:
        raise UsageError(f"unknown field {unknown[0]!r}: known are {', '.join((*FIELDS, *IGNORED))}")
    given = {name: _texts(field, found.get(field)) for field, name in FIELDS.items()}
    return QuerySpec(**given)  # type: ignore[arg-type]  # `base` is not among the fields


def _texts(field: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    values: Sequence[object] = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values):
        raise UsageError(f"field {field!r} is a text or a list of texts")
    return tuple(str(one) for one in values)
