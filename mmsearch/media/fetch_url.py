"""Fetches a URL that the user named: http and https only, within limits of size, time and redirects.

Knows nothing of its content. Imports urllib and http only when needed.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from mmsearch.errors import MediaError, one_line

if TYPE_CHECKING:
    import socket
    from urllib.request import OpenerDirector

MOST_BYTES = 64 << 20
SECONDS = 30.0
"""For all of it together, from looking up the name to the last byte; no step may stall for longer than a third."""
MOST_REDIRECTS = 5
SCHEMES = ("http", "https")
_CHUNK = 1 << 16


def is_url(source: str) -> bool:
    """Whether the source is spelled like a URL, of any scheme."""
    return "://" in source


def fetch(
    url: str, target: BinaryIO, max_bytes: int = MOST_BYTES, seconds: float = SECONDS, allow_private: bool = False
) -> None:
    """Write the content of an http(s) URL to `target`.

    Raises:
        MediaError: another scheme, or an address of this machine or its network without `allow_private`, both also
            after a redirect; too large, too slow, or not available.
    """
    import queue
    import socket

    _require_web(url)
    deadline = _Deadline(seconds)
    sockets: list[socket.socket] = []
    outcome: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(_body(url, max_bytes, deadline, sockets, allow_private))
        except Exception as error:  # raised by the thread that waits
            outcome.put(error)

    # A name lookup has no timeout, and that of a socket begins again with each byte of a header.
    threading.Thread(target=run, name="mmsearch-fetch", daemon=True).start()
    try:
        body = outcome.get(timeout=seconds)
    except queue.Empty:
        raise deadline.missed() from None
    finally:
        for connection in sockets:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # so that the thread waits for no more bytes
    if isinstance(body, Exception):
        raise body
    target.write(body)


def _body(url: str, max_bytes: int, deadline: _Deadline, sockets: list[socket.socket], allow_private: bool) -> bytes:
    """The bytes at the URL; raises as `fetch`. Connections are put into `sockets`."""
    from http.client import HTTPException

    body = bytearray()
    try:
        with _opener(deadline, sockets, allow_private).open(url, timeout=deadline.seconds / 3) as response:
            read_some = getattr(response, "read1", response.read)  # does not wait for a full chunk
            while chunk := read_some(_CHUNK):
                body += chunk
                if len(body) > max_bytes:
                    raise MediaError(f"over {max_bytes / (1 << 20):.0f} MiB are not fetched")
                deadline.check()
    except (OSError, HTTPException, ValueError) as error:  # URLError and HTTPError are OSErrors
        raise MediaError(f"cannot be fetched: {one_line(error)}") from error
    return bytes(body)


class _Deadline:
    """A time for all of it together."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raises MediaError once it has passed."""
        if time.monotonic() > self._end:
            raise self.missed()

    def missed(self) -> MediaError:
        return MediaError(f"not here after {self.seconds:.3g} seconds")


def _require_web(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in SCHEMES and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise MediaError(f"only {' and '.join(SCHEMES)} URLs are fetched")


def _opener(deadline: _Deadline, sockets: list[socket.socket], allow_private: bool) -> OpenerDirector:
    """Handlers of http and https and no others: urllib's own set would open files and FTP.

    Their connections are added to `sockets`; none is made after the deadline.
    """
    from urllib import request

    from mmsearch.media import network_addresses

    class Watched(request.AbstractHTTPHandler):
        def do_open(self, http_class: Any, req: Any, **kwargs: Any) -> Any:
            # The user chose the proxy, which may be anywhere and looks names up itself.
            proxied = req.has_proxy() or getattr(req, "_tunnel_host", None)
            if proxied and not allow_private:
                network_addresses.require_public(urlsplit(req.full_url).hostname or "")

            class Connection(http_class):  # type: ignore[misc]
                def connect(self) -> None:
                    if not (proxied or allow_private):
                        self._create_connection = network_addresses.connect
                    super().connect()
                    sockets.append(self.sock)
                    deadline.check()

            return super().do_open(Connection, req, **kwargs)

    class Http(Watched, request.HTTPHandler):
        pass

    class Https(Watched, request.HTTPSHandler):
        pass

    class Redirects(request.HTTPRedirectHandler):
        max_redirections = MOST_REDIRECTS

        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            _require_web(newurl)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        Http(),
        Https(),
        Redirects(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "mmsearch")]
    return opener
