"""Hits, items and the index as the JSON of the API. Knows addresses and names; nothing of requests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from mmsearch import __version__
from mmsearch.output.tables import hit_fields, span_fields
from mmsearch.search.ranking import ALIKE
from mmsearch.search.request import SearchRequest
from mmsearch.server.model_thread import ModelThread
from mmsearch.server.session import IndexSession, SearchAnswer, key_of
from mmsearch.server.thumbnails import shown
from mmsearch.store import Filter, Located
from mmsearch.types import MODALITIES, Item

MOST_SIBLINGS = 1000
MOST_DUPLICATES = 64
MOST_RECENT = 100


def answer(found: SearchAnswer, request: SearchRequest, label: str, seconds: float) -> dict[str, Any]:
    """The answer to a search: hits as the command's JSON has them, with their links."""
    return {
        "query": label,
        "hits": [
            {
                **hit_fields(hit, found.spec.name, request.explain),
                **_links(key_of(hit.id, hit.item.path), hit.item),
            }
            for hit in found.hits[request.offset :]
        ],
        "offset": request.offset,
        "more": len(found.hits) == request.depth,
        "seconds": round(seconds, 4),
        "notes": [note.message for note in found.notes],
    }


def item(session: IndexSession, key: str) -> dict[str, Any]:
    """A part of a file, with everything that the index knows of it and of the file's other parts."""
    location = session.location(key)
    own = location.item
    siblings: dict[Any, Located] = {}  # in their order, pages by their picture and else by their text
    for other in _locations(session, [number for number, _ in session.reader.items_at(own.path)]):
        if other.item.path == own.path:
            span = (other.item.span.unit, other.item.span.start, other.item.span.end)
            kept = siblings.setdefault(span, other)
            if kept.item.partition == "text" and other.item.partition != "text":
                siblings[span] = other
    return {
        **_links(key, own),
        **span_fields(own.span),
        "path": own.path,
        "modality": own.modality,
        "kind": location.kind,
        "text": own.text,
        "facts": asdict(session.reader.catalog.facts(own.digest)),
        "size": location.size,
        "modified": location.mtime_ns / 1e9,
        "siblings": [_part(other) for other in list(siblings.values())[:MOST_SIBLINGS]],
        "parts": len(siblings),
    }


def duplicates(session: IndexSession, key: str) -> dict[str, Any]:
    """Files that hold the same bytes, or a part that the model can hardly tell from this one, the likest first."""
    location = session.location(key)
    own = location.item_id
    vector = session.reader.vectors_of([own])[own]
    near = session.reader.search(vector, location.item.partition, MOST_DUPLICATES)
    likeness = {number: score for number, score in near if score >= ALIKE or number == own}
    paths = {location.item.path}
    entries: list[dict[str, Any]] = []
    for other in _locations(session, [own, *(number for number in likeness if number != own)]):
        path = other.item.path
        if path not in paths:
            paths.add(path)
            match = "exact" if other.item.digest == location.item.digest else "near"
            score = 1.0 if match == "exact" else min(1.0, likeness[other.item_id])
            entries.append({**_part(other), "path": path, "match": match, "likeness": round(score, 4)})
    return {"id": key, "duplicates": entries}


def recent(session: IndexSession, top: int) -> dict[str, Any]:
    """The files that were changed last, each by its first part."""
    reader = session.reader
    first = {path: parts[0][0] for path in reader.catalog.latest(top) if (parts := reader.items_at(path))}
    known = {
        (location.item_id, location.item.path): location for location in _locations(session, [*set(first.values())])
    }
    locations = [known[number, path] for path, number in first.items() if (number, path) in known]
    return {
        "files": [
            {
                **_part(location),
                "path": location.item.path,
                "modality": location.item.modality,
                "modified": location.mtime_ns / 1e9,
            }
            for location in locations
        ]
    }


def status(session: IndexSession, model: ModelThread, can_reveal: bool) -> dict[str, Any]:
    """What is indexed and with which model, and how busy the server is."""
    state = session.reader.status()
    return {
        "version": __version__,
        "index": state.directory,
        "format": state.format,
        "model": state.identity.options.name,
        "dim": state.identity.dim,
        "queries": [name for name in MODALITIES if name in state.identity.modalities and name != "document"],
        "roots": list(state.roots),
        "files": dict(state.files),
        "modalities": dict(state.modalities),
        "items": dict(state.items),
        "missing": state.missing,
        "bytes": state.bytes,
        "reveal": can_reveal,
        "server": {"waiting": model.waiting, **asdict(model.load)},
    }


def _links(key: str, item: Item) -> dict[str, Any]:
    """The id of a part of a file, and the addresses of its pictures and of the file itself."""
    address = f"/api/items/{key}"
    return {
        "id": key,
        "name": os.path.basename(item.path),
        "where": str(item.span),
        "partition": item.partition,
        "thumbnail": f"{address}/thumbnail" if shown(item) else None,
        "media": f"{address}/media",
        "page_image": f"{address}/page" if item.modality == "document" else None,
    }


def _part(location: Located) -> dict[str, Any]:
    item = location.item
    return {**_links(key_of(location.item_id, item.path), item), **span_fields(item.span), "snippet": item.snippet}


def _locations(session: IndexSession, item_ids: Sequence[int]) -> Iterator[Located]:
    """Each of some items at each file that holds it."""
    located = session.reader.locate(list(item_ids), Filter())
    return (location for item_id in item_ids for location in located[item_id])
