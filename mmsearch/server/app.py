"""The web application: a handler for each address. Knows HTTP and delegates everything else."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, NamedTuple, cast

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from mmsearch.errors import (
    Busy,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    MediaError,
    MmsearchError,
    ModelUnavailable,
    UsageError,
)
from mmsearch.scan.files import digest
from mmsearch.search.request import SearchRequest
from mmsearch.search.staleness import Changed, FileGone, folders_of, is_own, is_unchanged, open_place
from mmsearch.server import originals, responses, reveal
from mmsearch.server.access import AccessMiddleware, AccessPolicy, TooLarge
from mmsearch.server.decoding import ServerDecoder
from mmsearch.server.discovery import PREFIX
from mmsearch.server.model_thread import ModelThread
from mmsearch.server.openapi import document
from mmsearch.server.session import IndexSession, NoItem
from mmsearch.server.thumbnails import PAGE_SIDE, SIZES, Thumbnails
from mmsearch.store import Located
from mmsearch.store.change_token import change_token
from mmsearch.types import Content, LoaderSettings, Modality, is_object_url

MOST_JSON = 1 << 20
"""Bytes of a search without files."""
MOST_FILES = 8
CHANGES = "/api/changes"
NO_USE = (CHANGES, f"{PREFIX}/ask")
"""Requests that do not keep an idle server running: an open page asks for changes every few seconds."""
RETRY_SECONDS = {Busy: 1, IndexMissing: 5, IndexDamaged: 5, IndexMismatch: 5, ModelUnavailable: 30}
"""After how many seconds a client may try again, by error."""
_UPLOADS: tuple[Modality, ...] = ("image", "audio", "video")


@dataclass
class _Uploads:
    """Files that came with a request: contents and name of each, by its path and modality, and their digests."""

    contents: dict[tuple[str, str], list[Content] | MediaError] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)
    names: dict[tuple[str, str], str] = field(default_factory=dict)

    def paths(self, modality: Modality) -> tuple[str, ...]:
        return tuple(path for path, kind in self.names if kind == modality)


class _Original(NamedTuple):
    """A part of a file that is to be shown: where it is, the folders of the index, and how such files are loaded."""

    location: Located
    folders: tuple[str, ...]
    settings: LoaderSettings
    is_outside: bool


def _original(session: IndexSession, key: str) -> _Original:
    """Raises NoItem."""
    location = session.location(key)
    path = location.item.path
    is_outside = not (is_object_url(path) or session.reader.may_read(path))
    return _Original(location, folders_of(session.reader), session.reader.identity.loader, is_outside)


class _Outside(MmsearchError):
    """The path of an item leads to where this index may not: it was planted, or there is a link now."""


class Server:
    """The handlers of all addresses."""

    def __init__(self, model: ModelThread, decoder: ServerDecoder, policy: AccessPolicy) -> None:
        self.model = model
        self.decoder = decoder
        self.policy = policy
        self.thumbnails = Thumbnails(model.directory, decoder)
        self.can_reveal = policy.is_local and reveal.is_possible()
        self.usage = Usage()

    def app(self) -> Starlette:
        """The application, behind the access check."""
        item = "/api/items/{id}"
        routes = [
            Route("/api/openapi.json", self.openapi),
            Route("/api/search", self.search, methods=["GET", "POST"]),
            Route("/api/status", self.status),
            Route(CHANGES, self.changes),
            Route("/api/recent", self.recent),
            Route(item, self.item),
            Route(f"{item}/thumbnail", self.thumbnail),
            Route(f"{item}/page", self.page),
            Route(f"{item}/media", self.media),
            Route(f"{item}/similar", self.similar),
            Route(f"{item}/duplicates", self.duplicates),
            Route(f"{item}/reveal", self.reveal, methods=["POST"]),
            Mount("/", _PageFiles(directory=str(files("mmsearch.server") / "static"), html=True)),
        ]
        app = Starlette(routes=routes, exception_handlers=dict(_HANDLERS))
        app.add_middleware(AccessMiddleware, policy=self.policy)
        app.add_middleware(UsageMiddleware, usage=self.usage)
        return app

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(document())

    async def status(self, request: Request) -> Response:
        return await self._call(lambda session: responses.status(session, self.model, self.can_reveal))

    async def changes(self, request: Request) -> Response:
        """A token that changes with every commit, by a look at two files: pages ask for it all the time."""
        token = hashlib.blake2b(repr(change_token(self.model.directory)).encode(), digest_size=8).hexdigest()
        return _json({"stamp": token})

    async def recent(self, request: Request) -> Response:
        top = _number(request, "top", 24, responses.MOST_RECENT)
        return await self._call(lambda session: responses.recent(session, top))

    async def search(self, request: Request) -> Response:
        start = time.perf_counter()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        uploads = _Uploads()
        if request.method in ("GET", "HEAD"):
            values = _values(request.query_params.multi_items())
        elif kind == "application/json":
            values = await _values_of_json(request)
        elif kind == "multipart/form-data":
            async with request.form(max_files=MOST_FILES, max_fields=256, max_part_size=MOST_JSON) as form:
                pairs = form.multi_items()
                files = [(name, value) for name, value in pairs if isinstance(value, UploadFile)]
                if unknown_fields := [name for name, _ in files if name not in _UPLOADS]:
                    raise UsageError(f"a file is sent as {', '.join(_UPLOADS)}, not as {unknown_fields[0][:50]!r}")
                values = _values([(name, value) for name, value in pairs if not isinstance(value, UploadFile)])
                uploads = await self._read(files)
        else:
            return _error(415, "a search is sent as application/json or multipart/form-data")
        search = SearchRequest.from_http(values)
        sources = {kind: uploads.paths(kind) for kind in _UPLOADS}
        search = replace(search, digests=tuple(uploads.digests), **sources)  # type: ignore[arg-type]
        return await self._answer(search, uploads, start)

    async def _answer(self, search: SearchRequest, uploads: _Uploads, start: float) -> Response:
        try:
            answer = await asyncio.wrap_future(self.model.search(search, uploads.contents))
        except UsageError as error:
            message = str(error)
            for (path, kind), name in uploads.names.items():  # people know neither options nor paths
                message = message.replace(f"--{kind} {path}", name)
            raise UsageError(message) from None
        label = " ".join((*search.texts, *uploads.names.values()))
        return _json(responses.answer(answer, search, label, time.perf_counter() - start))

    async def item(self, request: Request) -> Response:
        key = request.path_params["id"]
        fields, original = await asyncio.wrap_future(
            self.model.call(lambda session: (responses.item(session, key), _original(session, key)))
        )
        unchanged: bool | None = True
        if original.is_outside:
            unchanged = False
        elif not is_object_url(original.location.item.path):  # objects count as unchanged
            # It may read all of a large file.
            unchanged = await asyncio.to_thread(is_unchanged, original.location, original.folders)
        return _json({**fields, "stale": unchanged is False, "missing": unchanged is None})

    async def duplicates(self, request: Request) -> Response:
        key = request.path_params["id"]
        return await self._call(lambda session: responses.duplicates(session, key))

    async def similar(self, request: Request) -> Response:
        start = time.perf_counter()
        values = {**_values(request.query_params.multi_items()), "like": [request.path_params["id"]]}
        return await self._answer(SearchRequest.from_http(values), _Uploads(), start)

    async def thumbnail(self, request: Request) -> Response:
        return await self._picture(request, _number(request, "size", SIZES[1], SIZES[-1]))

    async def page(self, request: Request) -> Response:
        return await self._picture(request, PAGE_SIDE)

    async def _picture(self, request: Request, size: int) -> Response:
        original = await self._original(request)
        if size == PAGE_SIDE and original.location.item.modality != "document":
            return _error(404, "only documents have pages")
        try:
            data = await self.thumbnails.get(original.location, original.folders, size, original.settings)
        except MediaError as error:
            return _error(409 if isinstance(error, Changed) else 404, f"nothing to show: {error}")
        return Response(data, media_type="image/webp", headers={"cache-control": "private, max-age=3600"})

    async def media(self, request: Request) -> Response:
        location, folders, *_ = await self._original(request)
        ranged, is_head = request.headers.get("range"), request.method == "HEAD"

        def answer() -> Response:
            file = open_place(location, folders)
            return originals.answer(file, location.item, location.kind, ranged, is_head)

        try:
            return await asyncio.to_thread(answer)
        except Changed as error:
            return _error(409, f"{error}: run `mmsearch index`")
        except (FileGone, OSError):
            return _error(404, "the file is gone or cannot be read")

    async def reveal(self, request: Request) -> Response:
        if not self.can_reveal or request.headers.get("origin") is None:
            return _error(403, "files are shown in their folder only for the page itself, on this machine")
        original = await self._original(request)
        path = original.location.item.path
        if not os.path.lexists(path):
            return _error(404, "the file is gone")
        if not await asyncio.to_thread(is_own, original.location, original.folders):
            return _error(409, "another file has taken its place: run `mmsearch index`")
        await asyncio.to_thread(reveal.reveal, path)
        return _json({"revealed": True})

    async def _call(self, work: Callable[[IndexSession], dict[str, Any]]) -> Response:
        return _json(await asyncio.wrap_future(self.model.call(work)))

    async def _original(self, request: Request) -> _Original:
        key = request.path_params["id"]
        original = await asyncio.wrap_future(self.model.call(lambda session: _original(session, key)))
        if original.is_outside:
            raise _Outside("another file has taken its place, or it lies outside of what was indexed")
        return original

    async def _read(self, files: Sequence[tuple[str, UploadFile]]) -> _Uploads:
        """Have workers read the files that were sent."""
        uploads = _Uploads()
        settings = await asyncio.wrap_future(self.model.call(lambda session: session.reader.identity.loader))
        with tempfile.TemporaryDirectory(prefix="mmsearch-") as folder:
            for number, (modality, upload) in enumerate(files):
                path = os.path.join(folder, str(number))
                await asyncio.to_thread(_save, upload, path)
                uploads.digests.append(await asyncio.to_thread(digest, path))
                try:
                    decoded = self.decoder.query(path, cast(Modality, modality), settings)
                    uploads.contents[path, modality] = await asyncio.wrap_future(decoded)  # type: ignore[arg-type]
                except MediaError as error:
                    uploads.contents[path, modality] = error
                uploads.names[path, modality] = os.path.basename(upload.filename or "")[:200] or modality
        return uploads


class _PageFiles(StaticFiles):
    """The page's own files."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Fetched again each time: the modules of two versions do not go together."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        if response.headers.get("content-type", "").startswith("text/plain"):
            # Windows may call scripts plain text, which browsers do not run; nothing of the page is.
            response.headers["content-type"] = "text/javascript; charset=utf-8"
        return response


def _number(request: Request, name: str, default: int, maximum: int) -> int:
    """A whole number from 1 to `maximum` of the address. Raises UsageError for anything else."""
    try:
        return max(1, min(int(request.query_params.get(name, default)), maximum))
    except ValueError:
        raise UsageError(f"{name} is a whole number") from None


@dataclass
class Usage:
    """The number of open requests, and the time when the last one ended."""

    open: int = 0
    last: float = field(default_factory=time.monotonic)


class UsageMiddleware:
    """Counts open requests until the last byte: a film takes longer to play than to ask for."""

    def __init__(self, app: ASGIApp, usage: Usage) -> None:
        self._app = app
        self._usage = usage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") in NO_USE:
            await self._app(scope, receive, send)
            return
        self._usage.open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._usage.open -= 1
            self._usage.last = time.monotonic()


def _values(pairs: Sequence[tuple[str, Any]]) -> dict[str, list[Any]]:
    """The values of each option of a query string or a form."""
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


async def _values_of_json(request: Request) -> dict[str, list[Any]]:
    """The values of each option of a JSON object. Raises UsageError for anything else."""
    if int(request.headers.get("content-length", "0")) > MOST_JSON:
        raise TooLarge
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise UsageError("the body is no JSON") from None
    if not isinstance(body, dict):
        raise UsageError("the body is no JSON object")
    fields = {name: value for name, value in body.items() if value is not None and value != []}
    return {name: value if isinstance(value, list) else [value] for name, value in fields.items()}


def _save(upload: UploadFile, path: str) -> None:
    with open(path, "wb") as file:
        while chunk := upload.file.read(1 << 20):
            file.write(chunk)


def _json(value: Any, status: int = 200) -> Response:
    # ASCII: a name that is not UTF-8 has surrogates, which no encoding takes as they are.
    return Response(json.dumps(value, default=str), status, media_type="application/json")


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": message.encode("utf-8", "backslashreplace").decode()}, status, headers)


async def _on_error(request: Request, error: Exception) -> Response:
    for kind, seconds in RETRY_SECONDS.items():
        if isinstance(error, kind):
            return _error(503, str(error), {"retry-after": str(seconds)})
    return _error(409 if isinstance(error, _Outside) else 404 if isinstance(error, NoItem) else 400, str(error))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, error.detail, error.headers)


async def _on_too_large(request: Request, error: Exception) -> Response:
    return _error(413, "too much was sent")


async def _on_disconnect(request: Request, error: Exception) -> Response:
    return _error(400, "the request was broken off")  # nobody reads it


async def _on_failure(request: Request, error: Exception) -> Response:
    return _error(500, "a mistake of the server")


_HANDLERS = {
    MmsearchError: _on_error,
    HTTPException: _on_http_error,
    TooLarge: _on_too_large,
    ClientDisconnect: _on_disconnect,
    Exception: _on_failure,
}
