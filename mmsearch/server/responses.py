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
from mmsearch.server.thumbnails import has_thumbnail
from mmsearch.store import Filter, Located
from mmsearch.types import MODALITIES, Item

MOST_SIBLINGS = 1000
MOST_DUPLICATES = 64
MOST_RECENT = 100


def answer(result: SearchAnswer, request: SearchRequest, label: str, seconds: float) -> dict[str, Any]:
    """The answer to a search: hits as the command's JSON has them, with their links."""
    return {
        "query": label,
        "hits": [
            {
                **hit_fields(hit, result.spec.name, request.explain),
                **_links(key_of(hit.id, hit.item.path), hit.item),
            }
            for hit in result.hits[request.offset :]
        ],
        "offset": request.offset,
        "more": len(result.hits) == request.depth,
        "seconds": round(seconds, 4),
        "notes": [note.message for note in result.notes],
    }


def item(session: IndexSession, key: str) -> dict[str, Any]:
    """A part of a file, with everything that the index knows of it and of the file's other parts."""
    location = session.location(key)
    part = location.item
    siblings: dict[Any, Located] = {}  # in their order, pages by their picture and else by their text
    for sibling in _locations(session, [number for number, _ in session.reader.items_at(part.path)]):
        if sibling.item.path == part.path:
            span = (sibling.item.span.unit, sibling.item.span.start, sibling.item.span.end)
            chosen = siblings.setdefault(span, sibling)
            if chosen.item.partition == "text" and sibling.item.partition != "text":
                siblings[span] = sibling
    return {
        **_links(key, part),
        **span_fields(part.span),
        "path": part.path,
        "modality": part.modality,
        "kind": location.kind,
        "text": part.text,
        "facts": asdict(session.reader.catalog.facts(part.digest)),
        "size": location.size,
        "modified": location.mtime_ns / 1e9,
        "siblings": [_part(sibling) for sibling in list(siblings.values())[:MOST_SIBLINGS]],
        "parts": len(siblings),
    }


def duplicates(session: IndexSession, key: str) -> dict[str, Any]:
    """Files that hold the same bytes, or a part that is nearly the same for the model, most similar first."""
    location = session.location(key)
    item_id = location.item_id
    vector = session.reader.vectors_of([item_id])[item_id]
    neighbours = session.reader.search(vector, location.item.partition, MOST_DUPLICATES)
    likeness = {number: score for number, score in neighbours if score >= ALIKE or number == item_id}
    paths = {location.item.path}
    entries: list[dict[str, Any]] = []
    for duplicate in _locations(session, [item_id, *(number for number in likeness if number != item_id)]):
        path = duplicate.item.path
        if path not in paths:
            paths.add(path)
            match = "exact" if duplicate.item.digest == location.item.digest else "near"
            score = 1.0 if match == "exact" else min(1.0, likeness[duplicate.item_id])
            entries.append({**_part(duplicate), "path": path, "match": match, "likeness": round(score, 4)})
    return {"id": key, "duplicates": entries}


def recent(session: IndexSession, top: int) -> dict[str, Any]:
    """The files that were changed last, each by its first part."""
    reader = session.reader
    first = {path: parts[0][0] for path in reader.catalog.latest(top) if (parts := reader.items_at(path))}
    locations_by_key = {
        (location.item_id, location.item.path): location for location in _locations(session, [*set(first.values())])
    }
    locations = [locations_by_key[number, path] for path, number in first.items() if (number, path) in locations_by_key]
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
    """Counts and model of the index, and the load of the server."""
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
        "thumbnail": f"{address}/thumbnail" if has_thumbnail(item) else None,
        "media": f"{address}/media",
        "page_image": f"{address}/page" if item.modality == "document" else None,
    }


def _part(location: Located) -> dict[str, Any]:
    item = location.item
    return {**_links(key_of(location.item_id, item.path), item), **span_fields(item.span), "snippet": item.snippet}


def _locations(session: IndexSession, item_ids: Sequence[int]) -> Iterator[Located]:
    """Each of some items at each file that holds it."""
    locations_by_id = session.reader.locate(list(item_ids), Filter())
    return (location for item_id in item_ids for location in locations_by_id[item_id])
