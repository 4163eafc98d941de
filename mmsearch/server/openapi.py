"""The API's own description, as an OpenAPI document. Tests hold the server's answers against it."""

from __future__ import annotations

from typing import Any

from mmsearch import __version__
from mmsearch.server.parameters import PARAMETERS
from mmsearch.server.responses import MOST_RECENT
from mmsearch.server.thumbnails import SIZES
from mmsearch.types import MODALITIES

_TEXT: dict[str, Any] = {"type": "string"}
_MAYBE: dict[str, Any] = {"type": ["string", "null"]}
_WHOLE: dict[str, Any] = {"type": "integer"}
_NUMBER: dict[str, Any] = {"type": "number"}
_FLAG: dict[str, Any] = {"type": "boolean"}
_COUNTS: dict[str, Any] = {"type": "object", "additionalProperties": _WHOLE}
_MODALITY: dict[str, Any] = {"type": "string", "enum": list(MODALITIES)}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = {**required, **(optional or {})}
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_LINKS = {
    "id": _TEXT,
    "name": _TEXT,
    "where": _TEXT,
    "partition": _MODALITY,
    "thumbnail": _MAYBE,
    "media": _TEXT,
    "page_image": _MAYBE,
}
_SPAN = {
    "page": _WHOLE,
    "start": _NUMBER,
    "end": _NUMBER,
    "line_start": _WHOLE,
    "line_end": _WHOLE,
    "box": {"type": "array", "items": _WHOLE, "minItems": 4, "maxItems": 4},
}
_HIT = {
    "rank": _WHOLE,
    "score": _NUMBER,
    "relevance": _NUMBER,
    "rerank_score": {"type": ["number", "null"]},
    "path": _TEXT,
    "modality": _MODALITY,
    "snippet": _TEXT,
    "model": _TEXT,
    "stale": _FLAG,
}
_STAGES = {"type": "object", "additionalProperties": _object({"rank": _WHOLE, "score": _NUMBER})}
_FACTS = {
    "width": {"type": ["integer", "null"]},
    "height": {"type": ["integer", "null"]},
    "duration": {"type": ["number", "null"]},
    "taken": _MAYBE,
}

SCHEMAS: dict[str, Any] = {
    "Error": _object({"error": _TEXT}),
    "Hit": _object({**_HIT, **_LINKS}, {**_SPAN, "same": _list(_TEXT), "stages": _STAGES}),
    "Answer": _object(
        {
            "query": _TEXT,
            "hits": _list(_ref("Hit")),
            "offset": _WHOLE,
            "more": _FLAG,
            "seconds": _NUMBER,
            "notes": _list(_TEXT),
        }
    ),
    "Part": _object({**_LINKS, "snippet": _TEXT}, _SPAN),
    "Item": _object(
        {
            **_LINKS,
            "path": _TEXT,
            "modality": _MODALITY,
            "kind": _TEXT,
            "text": _TEXT,
            "facts": _object(_FACTS),
            "size": _WHOLE,
            "modified": _NUMBER,
            "stale": _FLAG,
            "missing": _FLAG,
            "siblings": _list(_ref("Part")),
            "parts": _WHOLE,
        },
        _SPAN,
    ),
    "Recent": _object(
        {
            "files": _list(
                _object({**_LINKS, "snippet": _TEXT, "path": _TEXT, "modality": _MODALITY, "modified": _NUMBER}, _SPAN)
            )
        }
    ),
    "Changes": _object({"stamp": _TEXT}),
    "Duplicate": _object(
        {
            **_LINKS,
            "path": _TEXT,
            "snippet": _TEXT,
            "match": {"type": "string", "enum": ["exact", "near"]},
            "likeness": _NUMBER,
        },
        _SPAN,
    ),
    "Duplicates": _object({"id": _TEXT, "duplicates": _list(_ref("Duplicate"))}),
    "Revealed": _object({"revealed": _FLAG}),
    "Status": _object(
        {
            "version": _TEXT,
            "index": _TEXT,
            "format": _WHOLE,
            "model": _TEXT,
            "dim": _WHOLE,
            "queries": _list(_MODALITY),
            "roots": _list(_TEXT),
            "files": _COUNTS,
            "modalities": _COUNTS,
            "items": _COUNTS,
            "missing": _WHOLE,
            "bytes": _WHOLE,
            "reveal": _FLAG,
            "server": _object({"waiting": _WHOLE, "questions": _WHOLE, "batches": _WHOLE, "refused": _WHOLE}),
        }
    ),
}


def document() -> dict[str, Any]:
    """The whole document, OpenAPI 3.1."""
    one = "/api/items/{id}"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mmsearch",
            "version": __version__,
            "description": "Search over one index of mixed media. Errors are objects with `error`; 503 says in "
            "Retry-After when to ask again.",
        },
        "paths": {
            "/api/search": {"get": _get("Search by words", "Answer", _parameters()), "post": _post()},
            "/api/status": {"get": _get("What is indexed, and how busy the server is", "Status")},
            "/api/changes": {"get": _get("Something that is another after a commit", "Changes")},
            "/api/recent": {"get": _get("The indexed files that were changed last", "Recent", [_TOP])},
            one: {"get": _get("All that is known of a part of a file", "Item", [_ID])},
            f"{one}/similar": {
                "get": _get("Hits that are like it", "Answer", [_ID, *_parameters(without=("q", "like"))])
            },
            f"{one}/duplicates": {"get": _get("Files that are the same or nearly so", "Duplicates", [_ID])},
            f"{one}/thumbnail": {
                "get": _picture("A small picture: of sound its waveform, of video the frame at the hit", [_ID, _SIZE])
            },
            f"{one}/page": {"get": _picture("The page of a document, to be read", [_ID])},
            f"{one}/media": {"get": _media()},
            f"{one}/reveal": {
                "post": _get("Show the file in its folder, on the machine of the server", "Revealed", [_ID])
            },
        },
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


_ID = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
_TOP = {
    "name": "top",
    "in": "query",
    "description": "At most so many files.",
    "schema": {"type": "integer", "default": 24, "minimum": 1, "maximum": MOST_RECENT},
}
_SIZE = {
    "name": "size",
    "in": "query",
    "description": "Longer side in pixels; the next larger of these is made: " + ", ".join(map(str, SIZES)) + ".",
    "schema": {"type": "integer", "default": SIZES[1]},
}


def _parameters(without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "in": "query", "description": one.help, "schema": one.schema()}
        for one in PARAMETERS
        if one.name not in without
    ]


def _answers(good: dict[str, Any]) -> dict[str, Any]:
    bad = {"description": "Why not", "content": {"application/json": {"schema": _ref("Error")}}}
    return {"200": good, **dict.fromkeys(("400", "401", "403", "404", "413", "503"), bad)}


def _get(summary: str, name: str, parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    good = {"description": summary, "content": {"application/json": {"schema": _ref(name)}}}
    return {"summary": summary, "parameters": parameters or [], "responses": _answers(good)}


def _post() -> dict[str, Any]:
    fields = {one.name: one.schema() for one in PARAMETERS}
    file = {"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}}
    parts = {**fields, "image": file, "audio": file, "video": file}
    body = {
        "application/json": {"schema": {"type": "object", "properties": fields, "additionalProperties": False}},
        "multipart/form-data": {"schema": {"type": "object", "properties": parts}},
    }
    summary = "Search by words, pictures, sounds and clips, or any mix of them"
    return {**_get(summary, "Answer"), "requestBody": {"content": body}}


def _picture(summary: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    answers = _answers({"description": summary, "content": {"image/webp": {}}})
    answers["409"] = {**answers["404"], "description": "The file has changed since it was indexed"}
    return {"summary": summary, "parameters": parameters, "responses": answers}


def _media() -> dict[str, Any]:
    good = {"description": "The original file", "content": {"*/*": {}}}
    answers = {**_answers(good), "206": {**good, "description": "The range asked for"}}
    answers["409"] = {**answers["404"], "description": "It has changed since it was indexed"}
    answers["416"] = {"description": "No such range"}
    return {"summary": "The original file, also in ranges", "parameters": [_ID], "responses": answers}
