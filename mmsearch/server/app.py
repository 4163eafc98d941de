"""The web application: which address is answered how. Knows HTTP and hands everything else on."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
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
from mmsearch.search.staleness import Changed, Gone, folders_of, is_own, is_unchanged, open_place
from mmsearch.server import originals, parameters, responses, reveal
from mmsearch.server.access import AccessMiddleware, AccessPolicy, TooLarge
from mmsearch.server.decoding import ServerDecoder
from mmsearch.server.model_thread import ModelThread
from mmsearch.server.openapi import document
from mmsearch.server.session import IndexSession, NoItem, SessionQuery
from mmsearch.server.thumbnails import PAGE_SIDE, SIZES, Thumbnails
from mmsearch.store import Located, change_token
from mmsearch.types import Content, LoaderSettings, Modality, is_object_url

log = logging.getLogger(__name__)

MOST_JSON = 1 << 20
"""Bytes of a search without files."""
MOST_FILES = 8
CHANGES = "/api/changes"
"""An open page asks here every few seconds, which is no use of the server that keeps it from its end."""
RETRY_SECONDS = {Busy: 1, IndexMissing: 5, IndexDamaged: 5, IndexMismatch: 5, ModelUnavailable: 30}
"""What a client may try again later, and when."""
_UPLOADS: tuple[Modality, ...] = ("image", "audio", "video")

Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class _Sent:
    """Files that came with a request: what is in each, and how people call it, by its path and modality."""

    contents: dict[tuple[str, str], list[Content] | MediaError] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(self, modality: Modality) -> tuple[str, ...]:
        """The paths of one modality."""
        return tuple(path for path, kind in self.names if kind == modality)

    def named(self, message: str) -> str:
        """A message with the names that people know in place of options and paths."""
        for (path, kind), name in self.names.items():
            message = message.replace(f"--{kind} {path}", name)
        return message


class _Shown(NamedTuple):
    """A part of a file that is to be shown: where it is, below which folders, and how such files are loaded."""

    place: Located
    folders: tuple[str, ...]
    settings: LoaderSettings
    outside: bool


def _shown(session: IndexSession, key: str) -> _Shown:
    """Raises NoItem."""
    place = session.place(key)
    outside = not (is_object_url(place.item.path) or session.reader.may_read(place.item.path))
    return _Shown(place, folders_of(session.reader), session.spec.loader, outside)


class _Outside(MmsearchError):
    """The path of an item leads to where this index may not: it was planted, or there is a link now."""


class Server:
    """The handlers, with what they need."""

    def __init__(self, engine: ModelThread, decoder: ServerDecoder, door: AccessPolicy) -> None:
        self.engine = engine
        self.decoder = decoder
        self.door = door
        self.thumbnails = Thumbnails(engine.directory, decoder)
        self.can_reveal = door.is_local and reveal.is_possible()
        self.last = time.monotonic()
        self.open = 0

    def app(self) -> Starlette:
        """The application, with its guard."""
        item = "/api/items/{id}"
        routes = [
            Route("/api/openapi.json", self._counted(self.openapi)),
            Route("/api/search", self._counted(self.search), methods=["GET", "POST"]),
            Route("/api/status", self._counted(self.status)),
            Route(CHANGES, self._counted(self.changes)),
            Route("/api/recent", self._counted(self.recent)),
            Route(item, self._counted(self.item)),
            Route(f"{item}/thumbnail", self._counted(self.thumbnail)),
            Route(f"{item}/page", self._counted(self.page)),
            Route(f"{item}/media", self._counted(self.media)),
            Route(f"{item}/similar", self._counted(self.similar)),
            Route(f"{item}/duplicates", self._counted(self.duplicates)),
            Route(f"{item}/reveal", self._counted(self.reveal), methods=["POST"]),
            Mount("/", _Own(directory=str(files("mmsearch.server") / "static"), html=True)),
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _refused, Exception: _failed})
        app.add_middleware(AccessMiddleware, door=self.door)
        app.add_middleware(_InUse, server=self)
        return app

    def _counted(self, handler: Handler) -> Handler:
        """The handler with errors as answers."""

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except MmsearchError as error:
                return _told(error)
            except TooLarge:
                return _error(413, f"more than {self.door.most_bytes} bytes")
            except ClientDisconnect:
                return _error(400, "the request was broken off")  # nobody hears it

        return handle

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(document())

    async def status(self, request: Request) -> Response:
        told = self.engine.call(lambda session: responses.status(session, self.engine, self.can_reveal))
        return _json(await asyncio.wrap_future(told))

    async def changes(self, request: Request) -> Response:
        """Something that is another after a commit, by a look at two files: pages ask for it all the time."""
        told = hashlib.blake2b(repr(change_token(self.engine.directory)).encode(), digest_size=8).hexdigest()
        return _json({"change_token": told})

    async def recent(self, request: Request) -> Response:
        top = _number(request, "top", 24, responses.MOST_RECENT)
        return _json(await asyncio.wrap_future(self.engine.call(lambda session: responses.recent(session, top))))

    async def search(self, request: Request) -> Response:
        began = time.perf_counter()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        sent = _Sent()
        if request.method in ("GET", "HEAD"):
            given = _listed(request.query_params.multi_items())
        elif kind == "application/json":
            given = parameters.from_object(await _body(request))
        elif kind == "multipart/form-data":
            async with request.form(max_files=MOST_FILES, max_fields=256, max_part_size=MOST_JSON) as form:
                given, uploads = _parted(form)
                sent = await self._read(uploads)
        else:
            return _error(415, "a search is sent as application/json or multipart/form-data")
        asked = parameters.read(given)
        wanted = replace(asked.wanted, image=sent.of("image"), audio=sent.of("audio"), video=sent.of("video"))
        label = " ".join((*wanted.texts, *sent.names.values()))
        return await self._answered(SessionQuery(wanted, sent.contents, asked.like, label), asked, began, sent)

    async def _answered(
        self, question: SessionQuery, asked: parameters.HttpSearch, began: float, sent: _Sent | None = None
    ) -> Response:
        try:
            answer = await asyncio.wrap_future(self.engine.ask(question))
        except UsageError as error:
            raise UsageError(sent.named(str(error)) if sent else str(error)) from None
        seconds = time.perf_counter() - began
        return _json(responses.answer(answer, asked.top, asked.offset, asked.explain, seconds))

    async def item(self, request: Request) -> Response:
        key = request.path_params["id"]
        told, shown = await asyncio.wrap_future(
            self.engine.call(lambda session: (responses.item(session, key), _shown(session, key)))
        )
        same: bool | None = True
        if shown.outside:
            same = False
        elif not is_object_url(shown.place.item.path):  # those are taken for what they were
            same = await asyncio.to_thread(is_unchanged, shown.place, shown.folders)  # it may read all of a large file
        return _json({**told, "stale": same is False, "missing": same is None})

    async def duplicates(self, request: Request) -> Response:
        key = request.path_params["id"]
        return _json(await asyncio.wrap_future(self.engine.call(lambda session: responses.duplicates(session, key))))

    async def similar(self, request: Request) -> Response:
        began = time.perf_counter()
        given = {**_listed(request.query_params.multi_items()), "like": [request.path_params["id"]]}
        asked = parameters.read(given)
        return await self._answered(SessionQuery(asked.wanted, {}, asked.like, ""), asked, began)

    async def thumbnail(self, request: Request) -> Response:
        return await self._picture(request, _number(request, "size", SIZES[1], SIZES[-1]))

    async def page(self, request: Request) -> Response:
        return await self._picture(request, PAGE_SIDE)

    async def _picture(self, request: Request, size: int) -> Response:
        shown = await self._shown(request)
        if size == PAGE_SIDE and shown.place.item.modality != "document":
            return _error(404, "only documents have pages")
        try:
            data = await self.thumbnails.get(shown.place, shown.folders, size, shown.settings)
        except MediaError as error:
            return _error(409 if isinstance(error, Changed) else 404, f"nothing to show: {error}")
        headers = {"cache-control": "private, max-age=3600"}
        return Response(data, media_type="image/webp", headers=headers)

    async def media(self, request: Request) -> Response:
        shown = await self._shown(request)
        ranged, is_head = request.headers.get("range"), request.method == "HEAD"

        def answer() -> Response:
            file = open_place(shown.place, shown.folders)
            return originals.answer(file, shown.place.item, shown.place.kind, ranged, is_head)

        try:
            return await asyncio.to_thread(answer)
        except Changed as error:
            return _error(409, f"{error}: run `mmsearch index`")
        except (Gone, OSError):
            return _error(404, "the file is gone or cannot be read")

    async def reveal(self, request: Request) -> Response:
        if not self.can_reveal or request.headers.get("origin") is None:
            return _error(403, "files are shown in their folder only for the page itself, on this machine")
        shown = await self._shown(request)
        path = shown.place.item.path
        if not os.path.lexists(path):
            return _error(404, "the file is gone")
        if not await asyncio.to_thread(is_own, shown.place, shown.folders):
            return _error(409, "another file has taken its place: run `mmsearch index`")
        await asyncio.to_thread(reveal.reveal, path)
        return _json({"revealed": True})

    async def _shown(self, request: Request) -> _Shown:
        key = request.path_params["id"]
        shown = await asyncio.wrap_future(self.engine.call(lambda session: _shown(session, key)))
        if shown.outside:
            raise _Outside("another file has taken its place, or it lies outside of what was indexed")
        return shown

    async def _read(self, uploads: Sequence[tuple[Modality, UploadFile]]) -> _Sent:
        """Have workers read what was sent."""
        sent = _Sent()
        settings = await asyncio.wrap_future(self.engine.call(lambda session: session.spec.loader))
        with tempfile.TemporaryDirectory(prefix="mmsearch-") as folder:
            for number, (modality, upload) in enumerate(uploads):
                path = os.path.join(folder, str(number))
                await asyncio.to_thread(_save, upload, path)
                sent.contents[path, modality] = await self._decoded(path, modality, settings)
                sent.names[path, modality] = os.path.basename(upload.filename or "")[:200] or modality
        return sent

    async def _decoded(self, path: str, modality: Modality, settings: LoaderSettings) -> list[Content] | MediaError:
        try:
            return await asyncio.wrap_future(self.decoder.query(path, modality, settings))
        except MediaError as error:
            return error


class _Own(StaticFiles):
    """The page's own files."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Asked for anew each time: the modules of two versions do not go together."""
        answer = super().file_response(*args, **kwargs)
        answer.headers["cache-control"] = "no-cache"
        if answer.headers.get("content-type", "").startswith("text/plain"):
            # Windows may call scripts plain text, which browsers do not run; nothing of the page is.
            answer.headers["content-type"] = "text/javascript; charset=utf-8"
        return answer


def _number(request: Request, name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most` of the address. Raises UsageError for what is no number."""
    try:
        return max(1, min(int(request.query_params.get(name, default)), most))
    except ValueError:
        raise UsageError(f"{name} is a whole number") from None


class _InUse:
    """Middleware that notes what is being answered, to its last byte: a film takes longer to play than to ask for."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == CHANGES:
            await self._app(scope, receive, send)
            return
        self._server.open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._server.open -= 1
            self._server.last = time.monotonic()


def _listed(pairs: Sequence[tuple[str, Any]]) -> dict[str, list[Any]]:
    given: dict[str, list[Any]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    return given


def _parted(form: FormData) -> tuple[dict[str, list[Any]], list[tuple[Modality, UploadFile]]]:
    """The options of a form, and its files. Raises UsageError for a file that is nothing to search by."""
    options: list[tuple[str, Any]] = []
    uploads: list[tuple[Modality, UploadFile]] = []
    for name, value in form.multi_items():
        if not isinstance(value, UploadFile):
            options.append((name, value))
        elif name in _UPLOADS:
            uploads.append((name, value))
        else:
            raise UsageError(f"a file is sent as {', '.join(_UPLOADS)}, not as {name[:50]!r}")
    return _listed(options), uploads


def _save(upload: UploadFile, path: str) -> None:
    with open(path, "wb") as file:
        while chunk := upload.file.read(1 << 20):
            file.write(chunk)


async def _body(request: Request) -> Any:
    length = request.headers.get("content-length", "0")
    if int(length) > MOST_JSON:
        raise TooLarge
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise UsageError("the body is no JSON") from None


def _json(value: Any, status: int = 200) -> Response:
    # ASCII: a name that is not UTF-8 has surrogates, which no encoding takes as they are.
    return Response(json.dumps(value, default=str), status, media_type="application/json")


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": message.encode("utf-8", "backslashreplace").decode()}, status, headers)


def _told(error: MmsearchError) -> Response:
    if isinstance(error, _Outside):
        return _error(409, str(error))
    if isinstance(error, NoItem):
        return _error(404, str(error))
    for kind, seconds in RETRY_SECONDS.items():
        if isinstance(error, kind):
            return _error(503, str(error), {"retry-after": str(seconds)})
    return _error(400, str(error))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, error.detail, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    return _error(413, "too much was sent") if isinstance(error, TooLarge) else _error(500, "a mistake of the server")
