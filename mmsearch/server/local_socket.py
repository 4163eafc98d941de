"""The application that answers the command line, over HTTP on a socket of the same machine and user.

Each answer begins at once: spaces, which JSON allows before an object, say that the server works on it. Knows the model
thread and the decoder.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mmsearch.errors import MediaError, MmsearchError, UsageError
from mmsearch.search.query import FILES, split_weight
from mmsearch.search.request import SearchRequest
from mmsearch.server import client
from mmsearch.server.decoding import ServerDecoder
from mmsearch.server.discovery import BUSY_SECONDS, MOST_ASKED, PREFIX
from mmsearch.server.model_thread import ModelThread
from mmsearch.server.session import Contents, captured_warnings
from mmsearch.types import Content


class LocalSocket:
    """Answers about the server and its index; `stop` ends the server."""

    def __init__(
        self, model: ModelThread, decoder: ServerDecoder, secret: str, url: str, stop: Callable[[], None]
    ) -> None:
        self._model = model
        self._decoder = decoder
        self._secret = secret
        self._url = url
        self._stop = stop

    def app(self) -> Starlette:
        """The application."""
        return Starlette(routes=[Route(f"{PREFIX}/{{action}}", self.answer, methods=["POST"])])

    async def answer(self, request: Request) -> Response:
        if int(request.headers.get("content-length", MOST_ASKED + 1)) > MOST_ASKED:
            return Response(status_code=413)
        body = await request.body()
        token = request.headers.get("authorization", "").removeprefix("Bearer").strip()
        if not hmac.compare_digest(token.encode(), self._secret.encode()):
            return Response(json.dumps({"cold": "another secret"}))
        action = request.path_params["action"]
        if action == "search":
            return StreamingResponse(_stream(self._search(body)))
        if action == "stop":
            self._stop()
        return Response(json.dumps({"pid": os.getpid(), "url": self._url}))

    async def _search(self, body: bytes) -> dict[str, Any]:
        """The hits, an `error` for the user, or why the command has to search by itself: it is `cold`."""
        try:
            question = json.loads(body)
            surroundings = json.loads(json.dumps(client.surroundings(self._model.directory)))
            if question["surroundings"] != surroundings or not surroundings:
                return {"cold": "another version, index, user or place"}
            if question["device"] not in (None, self._model.device):
                return {"cold": "another device"}
            has_code = self._model.call(lambda session: session.reader.identity.options.trust_remote_code)
            if await asyncio.wrap_future(has_code) and not question["trust"]:
                return {"cold": "a model with program code"}
            request = SearchRequest.from_json(question["request"])
            contents = await self._contents(request)
            answer = await asyncio.wrap_future(self._model.search(request, contents, alone=True))
            return client.to_json(answer.label, answer.hits, answer.spec, [tuple(note) for note in answer.notes])
        except UsageError as error:
            return {"error": str(error)}
        except (MmsearchError, TypeError, KeyError, ValueError, RecursionError) as error:
            return {"cold": str(error)}

    async def _contents(self, request: SearchRequest) -> Contents:
        """The contents of the files of a query. Raises MediaError: the command itself reports such a file best."""
        contents: dict[tuple[str, str], list[Content] | MediaError] = {}
        sources = [(modality, source) for modality in FILES for source in getattr(request, modality)]
        if not sources:
            return contents
        settings = await asyncio.wrap_future(self._model.call(lambda session: session.reader.identity.loader))
        with captured_warnings(of_all_threads=True) as warnings:
            for modality, source in sources:
                path = os.path.join(request.base, split_weight(source, request.base)[0])
                decoded = await asyncio.wrap_future(self._decoder.query(path, modality, settings))
                contents[path, modality] = list(decoded)
        if warnings:  # perhaps about these files: the command then prints them itself
            raise MediaError("there are warnings about the files")
        return contents


async def _stream(answer: Coroutine[Any, Any, dict[str, Any]]) -> AsyncIterator[bytes]:
    task = asyncio.ensure_future(answer)
    try:
        while not task.done():
            yield b" "
            await asyncio.wait([task], timeout=BUSY_SECONDS)
        yield json.dumps(task.result()).encode()
    finally:
        task.cancel()
