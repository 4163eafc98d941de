"""The server's end of the socket that the command line talks to.

One question a connection, as a length and a JSON object; so is the answer, and before it, to clients that know of it,
objects that say that there will be one. Knows the engine and the decoder.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

from mmsearch.errors import MediaError, MmsearchError, UsageError
from mmsearch.search.query import FILES, weighed
from mmsearch.search.request import SearchRequest
from mmsearch.server import client
from mmsearch.server.decoding import ServerDecoder
from mmsearch.server.discovery import BUSY, BUSY_SECONDS, MOST_ASKED
from mmsearch.server.model_thread import ModelThread
from mmsearch.server.session import IndexSession, SessionAnswer, SessionQuery, overheard
from mmsearch.types import Content, Modality

log = logging.getLogger(__name__)

_SIZE = struct.Struct("<Q")
ASK_SECONDS = 10.0
"""A client says at once what it wants."""
MOST_SILENT = 64
"""Connections that have not said it yet; beyond them the oldest is closed."""


class LocalSocket:
    """Answers the command line. Used from one event loop."""

    def __init__(
        self, engine: ModelThread, decoder: ServerDecoder, secret: str, url: str, stop: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._decoder = decoder
        self._secret = secret
        self._url = url
        self._stop = stop
        self._silent: dict[asyncio.StreamWriter, asyncio.WriteTransport] = {}
        self.last = time.monotonic()
        self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from the question to the answer."""
        self.open += 1
        try:
            question = await self._asked(reader, writer)
            answer = await self._in_time(question, writer)
            await _send(writer, answer)
            if question.get("do") != "ask":
                self.last = time.monotonic()
        except (OSError, ValueError, EOFError, asyncio.TimeoutError, RecursionError):
            log.debug("a question was broken off", exc_info=True)
        except asyncio.CancelledError:
            log.debug("the server ended before a question did")  # asyncio would complain of whoever was connected
        finally:
            self.open -= 1
            writer.close()

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any]:
        """The question; who asks none is the first to go where there are many of them."""
        if len(self._silent) >= MOST_SILENT:
            self._silent.pop(next(iter(self._silent))).abort()
        self._silent[writer] = writer.transport
        try:
            return await asyncio.wait_for(_read(reader), ASK_SECONDS)
        finally:
            self._silent.pop(writer, None)

    async def _in_time(self, question: Mapping[str, Any], writer: asyncio.StreamWriter) -> dict[str, Any]:
        """The answer; a client that wants to hear is told meanwhile that there will be one. Raises OSError."""
        answer = asyncio.ensure_future(self._answer(question))
        try:
            while question.get(BUSY) and not answer.done():
                await _send(writer, {BUSY: True})
                await asyncio.wait([answer], timeout=BUSY_SECONDS)
            return await answer
        finally:
            answer.cancel()

    async def _answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        if not hmac.compare_digest(str(question.get("secret", "")).encode(), self._secret.encode()):
            return {"cold": "another secret"}
        if question.get("do") == "search":
            try:
                return await self._search(question)
            except UsageError as error:
                return {"error": str(error)}
            except (MmsearchError, TypeError, KeyError, ValueError) as error:
                return {"cold": str(error)}
        if question.get("do") == "stop":
            self._stop()
        return {"pid": os.getpid(), "url": self._url}

    async def _search(self, question: Mapping[str, Any]) -> dict[str, Any]:
        here = json.loads(json.dumps(client.place(self._engine.directory)))
        if question["place"] != here or not here:
            return {"cold": "another version, index, user or place"}
        if question["device"] not in (None, self._engine.device):
            return {"cold": "another device"}
        if await asyncio.wrap_future(self._engine.call(_has_code)) and not question["trust"]:
            return {"cold": "a model with program code"}
        wanted = SearchRequest.from_json(question["wanted"])
        asked = SessionQuery(wanted, await self._contents(wanted), alone=True)
        answer: SessionAnswer = await asyncio.wrap_future(self._engine.ask(asked))
        notes = [tuple(note) for note in answer.notes]
        return client.to_json(answer.label, answer.hits, answer.spec, notes)  # type: ignore[arg-type]

    async def _contents(self, wanted: SearchRequest) -> dict[tuple[str, str], list[Content] | MediaError]:
        """What is in the files of a query. Raises MediaError: what the command says of such a file, it knows best."""
        contents: dict[tuple[str, str], list[Content] | MediaError] = {}
        named = [(modality, source) for modality in FILES for source in getattr(wanted, modality)]
        if not named:
            return contents
        settings = await asyncio.wrap_future(self._engine.call(lambda session: session.spec.loader))
        with overheard(everywhere=True) as told:
            for modality, source in named:
                path = os.path.join(wanted.base, weighed(source, wanted.base)[0])
                kind: Modality = modality
                read = await asyncio.wrap_future(self._decoder.query(path, kind, settings))
                contents[path, kind] = read
        if told:  # perhaps of these files: the command then says it itself
            raise MediaError("reading left something to say")
        return contents


def _has_code(session: IndexSession) -> bool:
    return session.reader.identity.options.trust_remote_code


async def _send(writer: asyncio.StreamWriter, answer: Mapping[str, Any]) -> None:
    """Write one object. Raises OSError where nobody is there any more."""
    data = json.dumps(answer).encode()
    writer.write(_SIZE.pack(len(data)) + data)
    await asyncio.wait_for(writer.drain(), ASK_SECONDS)


async def _read(reader: asyncio.StreamReader) -> dict[str, Any]:
    (size,) = _SIZE.unpack(await reader.readexactly(_SIZE.size))
    if size > MOST_ASKED:
        raise ValueError(f"a question of {size} bytes")
    found = json.loads(await reader.readexactly(size))
    if not isinstance(found, dict):
        raise ValueError("no question")
    return found
