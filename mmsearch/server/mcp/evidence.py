"""The results of the tools: hits, evidence by id, and the status of the index, as plain data that is valid UTF-8.

An id names content and part, not a path: it holds as long as the index has a file with that content, also over a
rebuild, and nothing but files of the index can be read by it. Knows nothing of the protocol.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from mmsearch.errors import MediaError, MmsearchError, OutsideIndex, UsageError
from mmsearch.media import preview_kind
from mmsearch.media.encode_image import jpeg
from mmsearch.output.tables import harmless, hit_fields, span_fields
from mmsearch.search.request import SearchRequest
from mmsearch.search.staleness import folders_of, identity_of, open_place
from mmsearch.server.decoding import ServerDecoder
from mmsearch.server.session import IndexSession
from mmsearch.store import Located, Reader
from mmsearch.types import MODALITIES, FileMetadata, Item, Picture

DIGITS = 16
"""Hexadecimal digits of a digest in an id: among a billion files two share them once in forty."""
SIDES = (2048, 1024, 512, 256)
"""Longer sides of a picture, tried in turn until its JPEG has at most `MOST_BYTES`."""
MOST_BYTES = 1 << 20
MOST_CHARS = 20_000
"""Of the text of one page."""

_ID = re.compile(r"([0-9a-f]{16})-(\d{1,9})")
SCORES = (
    "relevance is the natural logarithm of the odds that the file answers the query: 0 is even, a hit below is less "
    "likely than not to be an answer. If all hits are below 0, nothing here is likely to be the answer, and these are "
    "only the nearest. It is comparable between kinds of files and between queries, and falls from hit to hit. score "
    "is the cosine, comparable only between hits of one kind. rerank_score is another model's, by itself."
)


@dataclass(frozen=True)
class Evidence:
    """The JSON fields of a hit, and the bytes of a JPEG where it can be seen."""

    fields: dict[str, Any]
    jpeg: bytes | None = None


def search(session: IndexSession, request: SearchRequest) -> dict[str, Any]:
    """The hits in order with their ids, and the meaning of their scores. `like_ids` are ids of this module.

    Raises:
        UsageError: there is nothing to look for, or the index cannot answer such a request.
    """
    if not "".join(request.texts).strip() and not request.like_ids:
        raise UsageError("nothing to look for: give a query, or like with the id of a hit")
    roots = session.reader.status().roots if request.inside else ()
    folders = map(os.path.expanduser, request.inside)
    inside = [os.path.join(root, folder) for folder in folders for root in ([""] if os.path.isabs(folder) else roots)]
    like = [_locations(session.reader, key)[0].item.path for key in request.like_ids]
    answer = session.search(replace(request, like_ids=(), like=tuple(like), inside=tuple(inside)))
    hits = []
    for hit in answer.hits:
        fields = {name: value for name, value in hit_fields(hit, "").items() if value is not None and name != "model"}
        hits.append({"id": name_of(hit.item), **_utf8(fields), "path": harmless(hit.item.path)})
    notes = [note.message for note in answer.notes]
    return {"hits": hits, "notes": notes, "scores": SCORES}


def fetch(
    session: IndexSession,
    decoder: ServerDecoder,
    name: str,
    around: int = 1,
    side: int = 1024,
    picture: bool = True,
) -> Evidence:
    """The text of a hit with so many passages before and after it, facts, and its picture.

    Raises:
        UsageError: the index has no such part.
        MediaError: its file has changed since, or cannot be read.
    """
    reader = session.reader
    locations = _locations(reader, name)
    with ExitStack() as stack:
        location, file = locations[0], None
        folders = folders_of(reader)
        for candidate in locations:  # the first whose file is unchanged is held open meanwhile
            if reader.may_read(candidate.item.path):
                with suppress(MediaError):
                    file = stack.enter_context(open_place(candidate, folders))
                    location = candidate
                    break
        item = location.item
        fields = {"id": name, "path": harmless(item.path), "modality": item.modality, **span_fields(item.span)}
        metadata: FileMetadata = reader.catalog.facts(item.digest)
        fields |= {name: value for name, value in asdict(metadata).items() if value is not None}
        fields |= _texts(reader, item, around) | {"stale": file is None}
        if len(locations) > 1:
            fields["copies"] = [harmless(copy.item.path) for copy in locations if copy.item.path != item.path]
        if not picture or not preview_kind(item):
            return Evidence(_utf8(fields))
        if not reader.may_read(item.path):
            raise OutsideIndex
        if file is None:
            raise MediaError("the file has changed since it was indexed or is gone: run `mmsearch index`")
        settings = replace(reader.identity.loader, exact=False, image_fit=None, image_side=side, page_side=side)
        contents = decoder.look(replace(item, text=""), location.kind, settings, identity_of(file)).result()
        return Evidence(_utf8(fields), bounded(contents[0], side))  # type: ignore[arg-type]  # it is a picture


def status(session: IndexSession, failures: int = 20) -> dict[str, Any]:
    """Counts and model of the index, and the first so many files that could not be read."""
    reader = session.reader
    state = reader.status()
    failed = islice(reader.failures(), failures)
    return {
        "index": harmless(state.directory),
        "model": state.identity.options.name,
        "dimensions": state.identity.dim,
        "roots": [harmless(root) for root in state.roots],
        "files": {name: state.modalities.get(name, 0) for name in MODALITIES},
        "failed": state.files.get("failed", 0),
        "unsupported": state.files.get("unsupported", 0),
        "missing": state.missing,
        "failures": [{"path": harmless(record.path), "reason": harmless(record.reason)} for record in failed],
    }


def name_of(item: Item) -> str:
    """The id of a part."""
    return f"{item.digest[:DIGITS]}-{item.ordinal}"


def _locations(reader: Reader, name: str) -> list[Located]:
    """Where the part with this id is, at least one location. Raises UsageError."""
    match = _ID.fullmatch(name)
    ids = reader.catalog.parts(match[1], int(match[2]), int(match[2])) if match else []
    locations = [location for locations in reader.locate(ids).values() for location in locations]
    if not locations:
        raise UsageError(f"no evidence {harmless(name[:80])!r} in this index: take an id that a search has given")
    return locations


def _texts(reader: Reader, item: Item, around: int) -> dict[str, str]:
    """A passage with the passages around it, or the text on a page."""
    digest = item.digest
    if item.partition == "text":
        ids = reader.catalog.parts(digest, max(0, item.ordinal - around), item.ordinal + around)
        neighbours = [neighbour for neighbour in _items(reader, ids) if neighbour.partition == "text"]
        before = [neighbour.text for neighbour in neighbours if neighbour.ordinal < item.ordinal]
        after = [neighbour.text for neighbour in neighbours if neighbour.ordinal > item.ordinal]
        texts = {"text": item.text, "before": "\n".join(before), "after": "\n".join(after)}
        return {name: text for name, text in texts.items() if text}
    if item.modality == "document":
        ids = reader.catalog.passages_on(digest, int(item.span.start))
        text = "\n".join(passage.text for passage in _items(reader, ids)) or item.text
        return {"text": text[:MOST_CHARS]} if text else {}
    return {}


def _items(reader: Reader, ids: Sequence[int]) -> list[Item]:
    """The items of these ids, in order, each once."""
    return [locations[0].item for locations in reader.locate(ids).values() if locations]


def bounded(picture: Picture, side: int) -> bytes:
    """The bytes of a JPEG whose longer side is at most `side` pixels, at most `MOST_BYTES` of them."""
    for longest in [side, *(smaller for smaller in SIDES if smaller < side)]:
        data = jpeg(picture, longest)
        if len(data) <= MOST_BYTES:
            return data
    raise MmsearchError(f"no JPEG of it has less than {MOST_BYTES} bytes")


def _utf8(value: Any) -> Any:
    """The same with escapes for lone surrogates, as JSON over a pipe needs it."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {name: _utf8(element) for name, element in value.items()}
    return [_utf8(element) for element in value] if isinstance(value, (list, tuple)) else value
