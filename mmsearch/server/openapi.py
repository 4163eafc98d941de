"""The API's own description, as an OpenAPI document. Tests hold the server's answers against it."""

from __future__ import annotations

from typing import Any

from mmsearch import __version__
from mmsearch.search.request import HTTP_OPTIONS
from mmsearch.server.responses import MOST_RECENT
from mmsearch.server.thumbnails import SIZES
from mmsearch.types import MODALITIES

Schema = dict[str, Any]


def _type(*names: str, **extra: Any) -> Schema:
    return {"type": names[0] if len(names) == 1 else list(names), **extra}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Schema, optional: Schema | None = None) -> Schema:
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_TEXT, _WHOLE, _NUMBER, _FLAG = _type("string"), _type("integer"), _type("number"), _type("boolean")
_TEXT_OR_NULL, _NUMBER_OR_NULL, _WHOLE_OR_NULL = (_type(name, "null") for name in ("string", "number", "integer"))
_COUNTS = _type("object", additionalProperties=_WHOLE)
_MODALITY = _type("string", enum=list(MODALITIES))
_LINKS = {
    "id": _TEXT,
    "name": _TEXT,
    "where": _TEXT,
    "partition": _MODALITY,
    "thumbnail": _TEXT_OR_NULL,
    "media": _TEXT,
    "page_image": _TEXT_OR_NULL,
}
_SPAN = {
    "page": _WHOLE,
    "start": _NUMBER,
    "end": _NUMBER,
    "line_start": _WHOLE,
    "line_end": _WHOLE,
    "box": _type("array", items=_WHOLE, minItems=4, maxItems=4),
}
_HIT = {
    "rank": _WHOLE,
    "score": _NUMBER,
    "relevance": _NUMBER,
    "rerank_score": _NUMBER_OR_NULL,
    "path": _TEXT,
    "modality": _MODALITY,
    "snippet": _TEXT,
    "model": _TEXT,
    "stale": _FLAG,
}
_STAGES = _type("object", additionalProperties=_object({"rank": _WHOLE, "score": _NUMBER}))
_FACTS = {"width": _WHOLE_OR_NULL, "height": _WHOLE_OR_NULL, "duration": _NUMBER_OR_NULL, "taken": _TEXT_OR_NULL}
_RECENT = {**_LINKS, "snippet": _TEXT, "path": _TEXT, "modality": _MODALITY, "modified": _NUMBER}
_ITEM = {
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
}
_ANSWER = {
    "query": _TEXT,
    "hits": _list(_ref("Hit")),
    "offset": _WHOLE,
    "more": _FLAG,
    "seconds": _NUMBER,
    "notes": _list(_TEXT),
}
_DUPLICATE = {
    **_LINKS,
    "path": _TEXT,
    "snippet": _TEXT,
    "match": _type("string", enum=["exact", "near"]),
    "likeness": _NUMBER,
}
_STATUS = {
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
    "server": _object(dict.fromkeys(("waiting", "questions", "batches", "refused"), _WHOLE)),
}
SCHEMAS: dict[str, Schema] = {
    "Error": _object({"error": _TEXT}),
    "Hit": _object({**_HIT, **_LINKS}, {**_SPAN, "same": _list(_TEXT), "stages": _STAGES}),
    "Answer": _object(_ANSWER),
    "Part": _object({**_LINKS, "snippet": _TEXT}, _SPAN),
    "Item": _object(_ITEM, _SPAN),
    "Recent": _object({"files": _list(_object(_RECENT, _SPAN))}),
    "Changes": _object({"stamp": _TEXT}),
    "Duplicate": _object(_DUPLICATE, _SPAN),
    "Duplicates": _object({"id": _TEXT, "duplicates": _list(_ref("Duplicate"))}),
    "Revealed": _object({"revealed": _FLAG}),
    "Status": _object(_STATUS),
}
_ID: Schema = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
_TOP: Schema = {
    "name": "top",
    "in": "query",
    "description": "At most so many files.",
    "schema": _type("integer", default=24, minimum=1, maximum=MOST_RECENT),
}
_SIZE: Schema = {
    "name": "size",
    "in": "query",
    "description": "Longer side in pixels; the next larger of these is made: " + ", ".join(map(str, SIZES)) + ".",
    "schema": _type("integer", default=SIZES[1]),
}


def document() -> Schema:
    """The whole document, OpenAPI 3.1."""
    item, options = "/api/items/{id}", {name: option.schema() for name, option in HTTP_OPTIONS.items()}
    parameters = [
        {"name": name, "in": "query", "description": HTTP_OPTIONS[name].help, "schema": schema}
        for name, schema in options.items()
    ]
    like = [_ID, *(parameter for parameter in parameters if parameter["name"] not in ("q", "like"))]
    file = _list(_type("string", contentMediaType="application/octet-stream"))
    form = {"type": "object", "properties": {**options, "image": file, "audio": file, "video": file}}
    body = {
        "application/json": {"schema": {"type": "object", "properties": options, "additionalProperties": False}},
        "multipart/form-data": {"schema": form},
    }
    post = _json("Search by words, pictures, sounds and clips, or any mix of them", "Answer")
    thumbnail = "A small picture: of sound its waveform, of video the frame at the hit"
    original = {"description": "The original file", "content": {"*/*": {}}}
    media = _operation("The original file, also in ranges", original, [_ID])
    media["responses"] |= {
        "206": {**original, "description": "The range of the request"},
        "409": _failure("It has changed since it was indexed"),
        "416": {"description": "No such range"},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mmsearch",
            "version": __version__,
            "description": "Search over one index of mixed media. Errors are objects with `error`; 503 says in "
            "Retry-After when to ask again.",
        },
        "paths": {
            "/api/search": {
                "get": _json("Search by words", "Answer", parameters),
                "post": {**post, "requestBody": {"content": body}},
            },
            "/api/status": {"get": _json("What is indexed, and how busy the server is", "Status")},
            "/api/changes": {"get": _json("A token that changes with every commit", "Changes")},
            "/api/recent": {"get": _json("The indexed files that were changed last", "Recent", [_TOP])},
            item: {"get": _json("A part of a file, with everything known of it", "Item", [_ID])},
            f"{item}/similar": {"get": _json("Hits that are like it", "Answer", like)},
            f"{item}/duplicates": {"get": _json("Files that are the same or nearly so", "Duplicates", [_ID])},
            f"{item}/thumbnail": {"get": _picture(thumbnail, [_ID, _SIZE])},
            f"{item}/page": {"get": _picture("The page of a document, large enough to read", [_ID])},
            f"{item}/media": {"get": media},
            f"{item}/reveal": {
                "post": _json("Show the file in its folder, on the machine of the server", "Revealed", [_ID])
            },
        },
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _failure(description: str) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": _ref("Error")}}}


def _operation(summary: str, success: Schema, parameters: list[Schema]) -> Schema:
    failures = dict.fromkeys(("400", "401", "403", "404", "413", "503"), _failure("Why not"))
    return {"summary": summary, "parameters": parameters, "responses": {"200": success, **failures}}


def _json(summary: str, name: str, parameters: list[Schema] | None = None) -> Schema:
    success = {"description": summary, "content": {"application/json": {"schema": _ref(name)}}}
    return _operation(summary, success, parameters or [])


def _picture(summary: str, parameters: list[Schema]) -> Schema:
    operation = _operation(summary, {"description": summary, "content": {"image/webp": {}}}, parameters)
    operation["responses"]["409"] = _failure("The file has changed since it was indexed")
    return operation
