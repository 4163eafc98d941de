"""Limits on the connections of the web server: on their number, and on the time that a client may take for each step.

A client that sends no request, sends a body drop by drop, or does not read its answer makes room for others, the one
that waits longest first. Knows uvicorn's protocol over h11; nothing of the requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mmsearch.server.access import is_loopback

Step: TypeAlias = Literal["head", "idle", "body", "answer", "work"]
"""A connection waits for the lines of a request, the next request, a body, the client to read, or the server."""
MOST = 512
_FIRST_TO_GO: tuple[Step, ...] = ("head", "idle", "answer", "body")
"""Connections in these steps are closed for new ones, in this order."""
_REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of connections: numbers, seconds and bytes a second.

    Attributes:
        max_open: connections at a time.
        max_per_address: of them from one address, other than this machine's own.
        head: from the first byte, or the connection, to the end of a request's lines.
        idle: between two requests.
        body: without a byte of a body.
        grace: after which a body has to come with `rate` bytes a second.
        answer: without a byte of the answer being read; a paused film reads none.
        yielding: after which a client that does not read makes room for a new connection.
    """

    max_open: int = MOST
    max_per_address: int = 128
    head: float = 10.0
    idle: float = 30.0
    body: float = 10.0
    grace: float = 30.0
    rate: int = 4096
    answer: float = 300.0
    yielding: float = 2.0

    @property
    def tick(self) -> float:
        """Interval of the search for late connections, in seconds."""
        return min(1.0, self.head / 4, self.body / 4, self.answer / 4)


def bounds() -> Bounds:
    """The bounds for this process: each connection may hold one file beside itself, and others are needed as well."""
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    except (ImportError, OSError):  # Windows
        return Bounds()
    if limit == resource.RLIM_INFINITY:
        return Bounds()
    limit = max(8, min(MOST, limit // 3))
    return Bounds(limit, max(4, limit // 4))


class Connections:
    """All connections of one server. Used from its event loop."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._open: dict[Bounded, None] = {}
        self._addresses: Counter[str] = Counter()

    def admit(self, connection: Bounded) -> bool:
        """Whether there is room for one more, perhaps in the place of another."""
        address = connection.address
        if self._addresses[address] >= self.bounds.max_per_address and not is_loopback(address):
            if not self._close_one(address):
                return False
        elif len(self._open) >= self.bounds.max_open and not self._close_one():
            return False
        self._open[connection] = None
        self._addresses[address] += 1
        return True

    def leave(self, connection: Bounded) -> None:
        """Forget a connection that has ended."""
        if connection in self._open:
            del self._open[connection]
            self._addresses[connection.address] -= 1
            if not self._addresses[connection.address]:
                del self._addresses[connection.address]

    def close(self) -> None:
        """End all at once; unsent data is lost."""
        for connection in list(self._open):
            connection.end()

    async def watch(self) -> None:
        """Close those that take too long, until cancelled."""
        while True:
            await asyncio.sleep(self.bounds.tick)
            now = time.monotonic()
            for connection in [connection for connection in self._open if connection.is_late(now, self.bounds)]:
                connection.end()

    def _close_one(self, address: str | None = None) -> bool:
        """Close the connection that waits longest for its client; False where all are at work."""
        now = time.monotonic()
        candidates = [connection for connection in self._open if address in (None, connection.address)]
        for step in _FIRST_TO_GO:
            min_wait = self.bounds.yielding if step == "answer" else 0.0
            waiting = [
                connection
                for connection in candidates
                if connection.step == step and now - connection.since >= min_wait
            ]
            if waiting:
                min(waiting, key=lambda connection: connection.since).end()
                return True
        return False


class Bounded(H11Protocol):
    """One connection, with its present step and the beginning of that."""

    def __init__(self, *args: Any, connections: Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections = connections
        self.address = ""
        self.since = self._last = time.monotonic()
        self._received = 0
        self._stalled = False
        self._refused = False
        self.step: Step = "head"

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        if not self._connections.admit(self):
            self._refused = True
            transport.write(_REFUSED)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.leave(self)
        with contextlib.suppress(h11.LocalProtocolError):  # h11 refuses the end of a connection in some states
            super().connection_lost(exc)

    def shutdown(self) -> None:
        with contextlib.suppress(h11.LocalProtocolError):
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._last = time.monotonic()
        self._received += len(data)
        super().data_received(data)
        self._look(has_begun=True)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = True
        self._look()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stalled = False
        self._look()

    def is_late(self, now: float, bounds: Bounds) -> bool:
        """Whether the client takes longer for the present step than it may."""
        waited = now - self.since
        if self.transport.is_closing():  # the rest of the answer is not read
            return waited > bounds.answer
        if self.step == "body":
            if self.flow.read_paused:  # the server itself is slow
                self.since = self._last = now
                self._received = 0
                return False
            return now - self._last > bounds.body or (waited > bounds.grace and self._received < waited * bounds.rate)
        return self.step != "work" and waited > {"head": bounds.head, "idle": bounds.idle}.get(self.step, bounds.answer)

    def end(self) -> None:
        """Close it at once; unsent data is lost."""
        self._connections.leave(self)
        self.transport.abort()

    def _look(self, has_begun: bool = False) -> None:
        """Update the step; a step that goes on keeps its beginning, even if bytes arrive meanwhile."""
        step = self._step(has_begun)
        if step != self.step:
            self.step, self.since, self._received = step, time.monotonic(), 0

    def _step(self, has_begun: bool) -> Step:
        if self._stalled:
            return "answer"
        if self.conn.their_state is h11.SEND_BODY:
            return "body"
        if self.conn.their_state is h11.IDLE and self.conn.our_state is h11.IDLE:
            return "head" if has_begun or self.step == "head" or self.conn.trailing_data[0] else "idle"
        return "work"
