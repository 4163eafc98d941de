"""Runs the server: opens the index, listens, announces the address, and ends on request or after a time without use.

Knows processes and sockets; the applications answer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.server import ServerState

from mmsearch import __version__
from mmsearch.errors import UsageError
from mmsearch.server import discovery
from mmsearch.server.access import AccessPolicy, is_loopback
from mmsearch.server.app import Server, UsageMiddleware
from mmsearch.server.connections import Bounded, Bounds, Connections, bounds
from mmsearch.server.decoding import ServerDecoder
from mmsearch.server.local_socket import LocalSocket
from mmsearch.server.log import brief, trim
from mmsearch.server.model_thread import ModelThread
from mmsearch.system.safe_open import FILE_MODE, Folder

if TYPE_CHECKING:
    from filelock import FileLock
    from starlette.types import ASGIApp

log = logging.getLogger(__name__)

DEFAULT_PORT = 8642
MOST_BYTES = 64 << 20
SIGNALS = (signal.SIGINT, signal.SIGTERM)
MOST_WAITING = 2048
"""Connections that the system holds until they are accepted."""
ACCEPTED = 16
"""Connections that are accepted at a time, before any of them is looked at: each is an open file."""
LOG_SECONDS = 10.0
LOCAL = Bounds(max_open=96, max_per_address=96)
"""For connections of the command line, which sends its request at once."""
GRACE_SECONDS = 3
"""Seconds for open requests when the server ends."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How to serve.

    Attributes:
        directory: of the index.
        host: address or name to listen at; any but this machine's own needs a token.
        port: 0 for any; None for the usual one, or any where that is taken.
        token: that requests must bring; None makes one where one is needed.
        device, trust: how to load the model.
        idle: seconds without a request after which the server ends; None for never.
        most_bytes: of an upload.
        most_waiting: queries that wait; further ones are refused.
        bounds: of connections; None for those that suit this process.
    """

    directory: str
    host: str = "127.0.0.1"
    port: int | None = None
    token: str | None = None
    device: str | None = None
    trust: bool = False
    idle: float | None = None
    most_bytes: int = MOST_BYTES
    most_waiting: int = 256
    bounds: Bounds | None = None


def run(settings: ServerSettings, announce: Callable[[str, str | None], None]) -> None:
    """Serve until the end; `announce` is called with the address and the token when all is ready.

    Raises:
        UsageError: the index is served already, or the address cannot be used.
        MmsearchError: the index cannot be opened, or its model not loaded.
        KeyboardInterrupt: a signal ended it.
    """
    lock = _lock_index(settings.directory)
    model = ModelThread(settings.directory, settings.device, settings.trust, settings.most_waiting)
    decoder: ServerDecoder | None = None
    try:
        listener = _listen(settings.host, settings.port)
        model.start()
        decoder = ServerDecoder()
        with brief():
            asyncio.run(_Running(settings, model, decoder, listener, announce, is_alone=lock is not None).main())
    finally:
        model.close()
        if decoder is not None:
            decoder.close()
        if lock is not None:
            lock.release()


class _Running:
    """One server from its first request to its last."""

    def __init__(
        self,
        settings: ServerSettings,
        model: ModelThread,
        decoder: ServerDecoder,
        listener: socket.socket,
        announce: Callable[[str, str | None], None],
        is_alone: bool,
    ) -> None:
        token = settings.token or (None if is_loopback(settings.host) else secrets.token_urlsafe(24))
        port = int(listener.getsockname()[1])
        self._settings = settings
        self._listener = listener
        self._announce = announce
        self._is_alone = is_alone
        self._model, self._decoder = model, decoder
        self._server = Server(model, decoder, AccessPolicy(settings.host, port, token, settings.most_bytes))
        self._url, self._token = _url(settings.host, port), token
        self._local, self._local_state = Connections(LOCAL), ServerState()
        self._connections = Connections(settings.bounds or bounds())
        self._web = _Web(_config(self._server.app(), self._connections))

    async def main(self) -> None:
        """Serve until the end."""
        local = await self._open_local() if self._is_alone else None
        loops = (self._watch(), self._connections.watch(), self._local.watch(), self._trim())
        watching = [asyncio.ensure_future(loop) for loop in loops]
        announcement = asyncio.ensure_future(self._announce_when_ready())
        try:
            await self._web.serve([self._listener])
            if announcement.done():
                announcement.result()
        finally:
            for task in (*watching, announcement):
                task.cancel()
            if local is not None:
                local.close()
                self._local.close()
                if self._local_state.tasks:  # they end when they notice that their connections have
                    await asyncio.wait(self._local_state.tasks, timeout=GRACE_SECONDS)
                info = discovery.read(self._settings.directory)
                if info is not None and info.pid == os.getpid():
                    discovery.remove(self._settings.directory, info)

    async def _open_local(self) -> asyncio.AbstractServer | None:
        """Listen for the command line; None where the index cannot be written."""
        directory = self._settings.directory
        secret = "" if discovery.has_unix_sockets() else secrets.token_urlsafe(24)
        url = f"{self._url}?token={self._token}" if self._token else self._url
        app = UsageMiddleware(
            LocalSocket(self._model, self._decoder, secret, url, self._stop).app(), self._server.usage
        )
        config = _config(app, self._local)
        config.load()
        protocol = partial(config.http_protocol_class, config, self._local_state, {})  # type: ignore[call-arg]
        try:
            if discovery.has_unix_sockets():
                path = discovery.socket_path(directory)
                listener = discovery.listen(path)
                name = os.path.relpath(path, directory) if os.path.dirname(path) == directory else path
                info = discovery.ServerInfo(os.getpid(), __version__, url, name)
            else:
                listener = _bind("127.0.0.1", 0)
                info = discovery.ServerInfo(os.getpid(), __version__, url, "", listener.getsockname()[1], secret)
            local = await asyncio.get_running_loop().create_server(protocol, sock=listener, backlog=ACCEPTED)
            listener.listen(MOST_WAITING)
            discovery.write(directory, info)
        except OSError as error:
            log.warning("`mmsearch search` will not use this server: %s", error)
            return None
        return local

    async def _announce_when_ready(self) -> None:
        while not self._web.started:
            await asyncio.sleep(0.01)
        self._listener.listen(MOST_WAITING)
        try:
            self._announce(self._url, self._token)
        except BaseException:  # nobody learns the address
            self._stop()
            raise

    async def _watch(self) -> None:
        """End the server after enough time without a request."""
        idle = self._settings.idle
        while idle is not None:
            await asyncio.sleep(min(1.0, idle / 4))
            usage = self._server.usage
            if not usage.open and time.monotonic() - usage.last > idle:
                self._stop()

    async def _trim(self) -> None:
        """Keep the log from growing without end."""
        while True:
            await asyncio.to_thread(trim, self._settings.directory)
            await asyncio.sleep(LOG_SECONDS)

    def _stop(self) -> None:
        self._web.should_exit = True


class _Web(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in order on a signal, unless the parent process has it ignored."""
        numbers = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        old_handlers = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in old_handlers.items():
                signal.signal(number, handler)
        if self._captured_signals:
            raise KeyboardInterrupt


def _config(app: ASGIApp, connections: Connections) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=partial(Bounded, connections=connections),  # type: ignore[arg-type]  # it makes one as the class would
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        backlog=ACCEPTED,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=math.ceil(connections.bounds.idle),
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _lock_index(directory: str) -> FileLock | None:
    """The lock of the one server of an index; None where the index cannot be written. Raises UsageError if taken."""
    from filelock import FileLock, Timeout

    try:
        with Folder.open(directory) as folder:
            folder.ensure(discovery.LOCK)  # the lock is opened by its name
        lock = FileLock(os.path.join(directory, discovery.LOCK), timeout=0, mode=FILE_MODE)
        lock.acquire()
    except Timeout:
        info = discovery.read(directory)
        address = f" at {info.url.partition('?')[0]} by process {info.pid}" if info else ""
        raise UsageError(f"the index in {directory} is served already{address}: end that with --stop") from None
    except (OSError, NotImplementedError) as error:
        log.warning("`mmsearch search` will not use this server: %s", error)
        return None
    return lock


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket that is bound to an address. Raises UsageError."""
    try:
        return _bind(host, DEFAULT_PORT if port is None else port)
    except OSError as error:
        if port is None:
            with suppress(OSError):
                return _bind(host, 0)
        raise UsageError(f"--host {host} --port {port}: {error.strerror or error}") from None


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET if ipaddress.ip_address(host).version == 4 else socket.AF_INET6
        address: tuple[Any, ...] = (host, port)
    except ValueError:  # a name
        (family, _, _, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(MOST_WAITING)
    except BaseException:
        listener.close()
        raise
    return listener


def _url(host: str, port: int) -> str:
    """The address of the page for a browser."""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"
