"""What the API says of hits, items and the index, as JSON. Knows addresses and names; nothing of how they are asked."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from mmsearch import __version__
from mmsearch.output.tables import hit_fields, span_fields
from mmsearch.search.near_duplicates import ALIKE
from mmsearch.server.model_thread import ModelThread
from mmsearch.server.session import IndexSession, SessionAnswer, everywhere, key_of
from mmsearch.server.thumbnails import shown
from mmsearch.store import Located
from mmsearch.types import MODALITIES, Hit, Item

MOST_SIBLINGS = 1000
MOST_DUPLICATES = 64
MOST_RECENT = 100


def links(key: str, item: Item) -> dict[str, Any]:
    """The id of a part of a file, and where its pictures and the file itself are to be had."""
    at = f"/api/items/{key}"
    return {
        "id": key,
        "name": os.path.basename(item.path),
        "where": str(item.span),
        "partition": item.partition,
        "thumbnail": f"{at}/thumbnail" if shown(item) else None,
        "media": f"{at}/media",
        "page_image": f"{at}/page" if item.modality == "document" else None,
    }


def hit(found: Hit, model: str, explain: bool) -> dict[str, Any]:
    """A hit as the command's JSON has it, with its links."""
    return {**hit_fields(found, model, explain), **links(key_of(found.id, found.item.path), found.item)}


def answer(found: SessionAnswer, top: int, offset: int, explain: bool, seconds: float) -> dict[str, Any]:
    """The answer to a search: the part of the hits that was asked for."""
    return {
        "query": found.label,
        "hits": [hit(one, found.spec.name, explain) for one in found.hits[offset:]],
        "offset": offset,
        "more": len(found.hits) == offset + top,
        "seconds": round(seconds, 4),
        "notes": [note.message for note in found.notes],
    }


def item(session: IndexSession, key: str) -> dict[str, Any]:
    """A part of a file, and all that the index knows of it and of the file's other parts."""
    place = session.place(key)
    one = place.item
    places = _siblings(session, one.path)
    return {
        **links(key, one),
        **span_fields(one.span),
        "path": one.path,
        "modality": one.modality,
        "kind": place.kind,
        "text": one.text,
        "facts": asdict(session.reader.catalog.facts(one.digest)),
        "size": place.size,
        "modified": place.mtime_ns / 1e9,
        "siblings": [_sibling(other) for other in places[:MOST_SIBLINGS]],
        "parts": len(places),
    }


def _siblings(session: IndexSession, path: str) -> list[Located]:
    """The parts of a file in their order, pages by their picture and else by their text."""
    ids = [number for number, _ in session.reader.items_at(path)]
    found: dict[Any, Located] = {}
    for place in everywhere(session.reader, ids):
        if place.item.path == path:
            span = place.item.span
            kept = found.setdefault((span.unit, span.start, span.end), place)
            if kept.item.partition == "text" and place.item.partition != "text":
                found[(span.unit, span.start, span.end)] = place
    return list(found.values())


def _sibling(place: Located) -> dict[str, Any]:
    one = place.item
    return {**links(key_of(place.item_id, one.path), one), **span_fields(one.span), "snippet": one.snippet}


def duplicates(session: IndexSession, key: str) -> dict[str, Any]:
    """Files that hold the same bytes, or a part that the model can hardly tell from this one, the likest first."""
    place = session.place(key)
    vector = session.reader.vectors_of([place.item_id])[place.item_id]
    near = session.reader.search(vector, place.item.partition, MOST_DUPLICATES)
    likeness = {number: score for number, score in near if score >= ALIKE or number == place.item_id}
    seen = {place.item.path}
    found: list[dict[str, Any]] = []
    for other in everywhere(session.reader, [place.item_id, *(n for n in likeness if n != place.item_id)]):
        if other.item.path not in seen:
            seen.add(other.item.path)
            match = "exact" if other.item.digest == place.item.digest else "near"
            score = 1.0 if match == "exact" else min(1.0, likeness[other.item_id])
            found.append({**_sibling(other), "path": other.item.path, "match": match, "likeness": round(score, 4)})
    return {"id": key, "duplicates": found}


def recent(session: IndexSession, top: int) -> dict[str, Any]:
    """The files that were changed last, each by its first part."""
    first = {
        path: parts[0][0] for path in session.reader.catalog.latest(top) if (parts := session.reader.items_at(path))
    }
    places = {(place.item_id, place.item.path): place for place in everywhere(session.reader, [*set(first.values())])}
    found = [place for path, number in first.items() if (place := places.get((number, path)))]
    return {
        "files": [
            {
                **_sibling(place),
                "path": place.item.path,
                "modality": place.item.modality,
                "modified": place.mtime_ns / 1e9,
            }
            for place in found
        ]
    }


def status(session: IndexSession, engine: ModelThread, can_reveal: bool) -> dict[str, Any]:
    """What is indexed and with which model, and how busy the server is."""
    seen = session.reader.status()
    return {
        "version": __version__,
        "index": seen.directory,
        "format": seen.format,
        "model": seen.identity.options.name,
        "dim": seen.identity.dim,
        "queries": [name for name in MODALITIES if name in session.spec.modalities and name != "document"],
        "roots": list(seen.roots),
        "files": dict(seen.files),
        "modalities": dict(seen.modalities),
        "items": dict(seen.items),
        "missing": seen.missing,
        "bytes": seen.bytes,
        "reveal": can_reveal,
        "server": {"waiting": engine.waiting, **asdict(engine.load)},
    }
