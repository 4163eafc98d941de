"""What the tools answer: hits, evidence by id, and what is indexed, as plain data that is valid UTF-8.

An id names content and part, not a place: it holds as long as the index has a file with that content, also over a
rebuild, and nothing but files of the index can be read by it. Knows nothing of the protocol.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, cast

from mmsearch import scan
from mmsearch.errors import MediaError, MmsearchError, OutsideIndex, UsageError
from mmsearch.indexing.decode import DecodeRequest
from mmsearch.indexing.decoder import BackgroundDecoder
from mmsearch.indexing.pool import Limits
from mmsearch.media import seen_as
from mmsearch.media.encode_image import jpeg
from mmsearch.output.tables import harmless, hit_fields, span_fields
from mmsearch.search.open import open_index, open_reranker, reranker_for, types_to_rerank
from mmsearch.search.options import Mode, SearchOptions
from mmsearch.search.query import QueryBuilder, QuerySpec
from mmsearch.search.searcher import Searcher
from mmsearch.search.staleness import folders_of, identity_of, open_place
from mmsearch.store import Filter, Located, Reader, change_token
from mmsearch.system.safe_open import Identity
from mmsearch.types import MODALITIES, FileMetadata, Hit, Item, LoaderSettings, Modality, Picture

DIGITS = 16
"""Hexadecimal digits of a digest in an id: among a billion files two share them once in forty."""
PATIENCE = 30.0
"""Seconds that a file may take without a sign of progress when a picture is made of it."""
SIDES = (2048, 1024, 512, 256)
"""Longer sides of a picture, tried in turn until its JPEG has at most `MOST_BYTES`."""
MOST_BYTES = 1 << 20
MOST_CHARS = 20_000
"""Of the text of one page."""

_ID = re.compile(r"([0-9a-f]{16})-(\d{1,9})")
ODDS = (
    "relevance is the natural logarithm of the odds that the file is what the text asks for: 0 is even, below it is "
    "probably not. It is comparable between kinds of files and between queries."
)
DEVIATIONS = (
    "relevance says by how many standard deviations the score stands out from those of the index's other files of its "
    "kind: it orders hits of one query, and there is always a best one, also where nothing fits."
)
COSINES = "score is the cosine, comparable only between hits of one kind. rerank_score is another model's, by itself."


@dataclass(frozen=True)
class EvidenceRequest:
    """A search as a tool is asked for it; see `server` for what each means."""

    query: str = ""
    k: int = 10
    types: Collection[Modality] | None = None
    folder: str | None = None
    glob: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    exclude: str = ""
    like: str | None = None
    mode: Mode = "hybrid"
    min_relevance: float | None = None
    rerank: bool = False
    all_parts: bool = False


@dataclass(frozen=True)
class Evidence:
    """What there is to an id: fields of JSON, and the bytes of a JPEG where it can be seen."""

    fields: dict[str, Any]
    jpeg: bytes | None = None


@dataclass
class EvidenceSession:
    """An index that is asked again and again: the model stays loaded, and what is committed meanwhile is seen.

    Used from one thread.
    """

    directory: str
    device: str | None = None
    trust: bool = False
    trust_index: bool = False
    _embedder: Any = field(default=None, init=False)
    _reader: Reader | None = field(default=None, init=False)
    _searchers: dict[str, Searcher] = field(default_factory=dict, init=False)
    _seen: object = field(default=None, init=False)
    """The stamp of the snapshot."""

    def warm(self) -> None:
        """Open the index and load its model. Raises what that raises."""
        self._searcher("")

    def rest(self) -> None:
        """Give the snapshot back, so that a writer can tidy up behind it; the model stays."""
        self._searchers.clear()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def search(self, wanted: EvidenceRequest) -> dict[str, Any]:
        """The hits in order with their ids, and what their scores mean.

        Raises:
            UsageError: nothing is asked for, or in a way that the index cannot answer.
        """
        self._go_on()
        searcher = self._searcher("")
        liked = (self._located(wanted.like)[0].item.path,) if wanted.like else ()
        asked = QuerySpec((wanted.query,), (wanted.exclude,) if wanted.exclude else (), like=liked)
        if not wanted.query.strip() and not liked:
            raise UsageError("nothing to look for: give a query, or like with the id of a hit")
        query = QueryBuilder(searcher.reader, searcher.embedder).query(asked)
        options = self._options(wanted)
        if wanted.rerank:
            name = reranker_for(searcher.reader)
            searcher, options = self._searcher(name), replace(options, rerank_types=types_to_rerank(name))
        hits = searcher.search(query, options)
        by_odds = bool(searcher.embedder.spec.odds) and query.is_text_only
        return {"hits": [_hit(hit) for hit in hits], "scores": f"{ODDS if by_odds else DEVIATIONS} {COSINES}"}

    def fetch(self, name: str, around: int = 1, side: int = 1024, picture: bool = True) -> Evidence:
        """What there is to a hit: its text with so many passages before and after it, its looks, and facts.

        Raises:
            UsageError: the index has no such part.
            MediaError: its file has changed since, or cannot be read.
        """
        self._go_on()
        places = self._located(name)
        with ExitStack() as held:
            item, file = self._unchanged(places, held)
            return self._told(name, item, places, file, around, side if picture else None)

    def _unchanged(self, places: Sequence[Located], held: ExitStack) -> tuple[Item, BinaryIO | None]:
        """The first of the places whose file is what was indexed, and that file, open as long as it is held."""
        folders = folders_of(self._opened())
        for place in places:
            if self._opened().may_read(place.item.path):
                with suppress(MediaError):
                    return place.item, held.enter_context(open_place(place, folders))
        return places[0].item, None

    def _told(
        self, name: str, item: Item, places: Sequence[Located], file: BinaryIO | None, around: int, side: int | None
    ) -> Evidence:
        stale = file is None
        fields = {"id": name, "path": harmless(item.path), "modality": item.modality, **span_fields(item.span)}
        fields |= self._facts(item) | self._texts(item, around) | {"stale": stale}
        if len(places) > 1:
            fields["copies"] = [harmless(place.item.path) for place in places if place.item.path != item.path]
        seen = None
        if side is not None and seen_as(item):
            if not self._opened().may_read(item.path):
                raise OutsideIndex
            if file is None:
                raise MediaError("the file has changed since it was indexed or is gone: run `mmsearch index`")
            seen = bounded(look(item, self._opened().identity.loader, side, identity_of(file)), side)
        return Evidence(_utf8(fields), seen)

    def status(self, failures: int = 20) -> dict[str, Any]:
        """What is indexed, with which model, and the first so many files that could not be read."""
        self._go_on()
        reader = self._opened()
        found = reader.status()
        told = [
            {"path": harmless(one.path), "reason": harmless(one.reason)} for one in islice(reader.failures(), failures)
        ]
        return {
            "index": harmless(found.directory),
            "model": found.identity.options.name,
            "dimensions": found.identity.dim,
            "roots": [harmless(root) for root in found.roots],
            "files": {name: found.modalities.get(name, 0) for name in MODALITIES},
            "failed": found.files.get("failed", 0),
            "unsupported": found.files.get("unsupported", 0),
            "missing": found.missing,
            "failures": told,
        }

    def _go_on(self) -> None:
        """Go on to what is committed now; once a call, so that an answer is of one snapshot."""
        if change_token(self.directory) != self._seen:
            self.rest()

    def _opened(self) -> Reader:
        if self._reader is None:
            self._seen = change_token(self.directory)  # what is committed from here on is looked for again
            self._reader = Reader.open(self.directory, self.trust_index)
        return self._reader

    def _searcher(self, reranker: str) -> Searcher:
        """The searcher that has this reranker, or none; both models are loaded once."""
        reader = self._opened()
        if self._embedder is None or self._embedder.spec.fingerprint != reader.identity.fingerprint:
            self.rest()
            self._seen = change_token(self.directory)
            reader, self._embedder = open_index(
                self.directory, self.device, trust=self.trust, trust_index=self.trust_index
            )
            self._reader = reader
        if reranker not in self._searchers:
            second = open_reranker(reranker, reader, self.device, self.trust) if reranker else None
            self._searchers[reranker] = Searcher(reader, self._embedder, second)
        return self._searchers[reranker]

    def _options(self, wanted: EvidenceRequest) -> SearchOptions:
        where = Filter(
            None if wanted.types is None else frozenset(wanted.types),
            scan.glob_filter([wanted.glob], patience=scan.GLOB_PATIENCE) if wanted.glob else None,
            () if wanted.folder is None else tuple(self._folders(wanted.folder)),
            after=wanted.after,
            before=wanted.before,
        )
        return SearchOptions(
            top=wanted.k,
            where=where,
            mode=wanted.mode,
            min_relevance=wanted.min_relevance,
            all_segments=wanted.all_parts,
        )

    def _folders(self, folder: str) -> Iterator[str]:
        """The absolute folder; a relative one below each of those that are indexed."""
        full = os.path.expanduser(folder)
        bases = [""] if os.path.isabs(full) else self._opened().status().roots
        yield from (scan.spelled(os.path.join(base, full)) for base in bases)

    def _located(self, name: str) -> list[Located]:
        """Where the part of an id is, at least one place."""
        found = _ID.fullmatch(name)
        reader = self._opened()
        ids = reader.survey.parts(found[1], int(found[2]), int(found[2])) if found else []
        places = [place for some in reader.locate(ids).values() for place in some]
        if not places:
            raise UsageError(f"no evidence {harmless(name[:80])!r} in this index: take an id that a search has given")
        return places

    def _texts(self, item: Item, around: int) -> dict[str, str]:
        """A passage with what stands around it, or what is written on a page."""
        reader, digest = self._opened(), item.digest
        if item.partition == "text":
            ids = reader.survey.parts(digest, max(0, item.ordinal - around), item.ordinal + around)
            near = [one for one in _items(reader, ids) if one.partition == "text"]
            before = [one.text for one in near if one.ordinal < item.ordinal]
            after = [one.text for one in near if one.ordinal > item.ordinal]
            texts = {"text": item.text, "before": "\n".join(before), "after": "\n".join(after)}
            return {name: text for name, text in texts.items() if text}
        if item.modality == "document":
            ids = reader.survey.passages_on(digest, int(item.span.start))
            written = "\n".join(one.text for one in _items(reader, ids)) or item.text
            return {"text": written[:MOST_CHARS]} if written else {}
        return {}

    def _facts(self, item: Item) -> dict[str, Any]:
        known: FileMetadata = self._opened().survey.facts(item.digest)
        facts = {"width": known.width, "height": known.height, "duration": known.duration, "taken": known.taken}
        return {name: value for name, value in facts.items() if value is not None}


def _hit(hit: Hit) -> dict[str, Any]:
    fields = {name: value for name, value in hit_fields(hit, "").items() if value is not None and name != "model"}
    return {"id": name_of(hit.item), **_utf8(fields), "path": harmless(hit.item.path)}


def name_of(item: Item) -> str:
    """The id of a part."""
    return f"{item.digest[:DIGITS]}-{item.ordinal}"


def _items(reader: Reader, ids: Sequence[int]) -> list[Item]:
    """What the items are, in order, each once."""
    return [places[0].item for places in reader.locate(ids).values() if places]


def look(item: Item, settings: LoaderSettings, side: int, identity: Identity) -> Picture:
    """What a part looks like, its longer side about `side` at most, read within the limits of an index run.

    No other file is read than the one with this `identity`, which the caller keeps open.

    Raises:
        MediaError: it cannot be read.
    """
    small = replace(settings, exact=False, image_fit=None, image_side=side, page_side=side)
    entry = scan.entry(item.path)
    if not isinstance(entry, scan.Entry):
        raise MediaError(entry.reason)
    request = DecodeRequest(entry, item.digest, seen_as(item), replace(item, text=""), identity=identity)
    with BackgroundDecoder(Limits(1, PATIENCE), small) as decoder:
        contents = decoder.submit(request).result()
    if not contents:
        raise MediaError("nothing to see")
    return cast(Picture, contents[0])


def bounded(picture: Picture, side: int) -> bytes:
    """The bytes of a JPEG whose longer side is at most `side` pixels, at most `MOST_BYTES` of them."""
    sides = [side, *(one for one in SIDES if one < side)]
    for one in sides:
        made = jpeg(picture, one)
        if len(made) <= MOST_BYTES:
            return made
    raise MmsearchError(f"no JPEG of it has less than {MOST_BYTES} bytes")


def _utf8(value: Any) -> Any:
    """The same with what is no Unicode shown as escapes, as JSON over a pipe wants it."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {name: _utf8(one) for name, one in value.items()}
    return [_utf8(one) for one in value] if isinstance(value, (list, tuple)) else value
