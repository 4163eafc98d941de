"""A file from the web, when the user named one: by http or https alone, and within limits of size, time and redirects.

Knows nothing of what is in it. urllib and http are imported when they are needed.
"""

from __future__ import annotations

import time
from typing import IO, TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from mmsearch.errors import MediaError

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

MOST_BYTES = 64 << 20
SECONDS = 30.0
"""For all of it together; no single step may stall for longer than a third."""
MOST_REDIRECTS = 5
SCHEMES = ("http", "https")
_CHUNK = 1 << 16


def is_url(source: str) -> bool:
    """Whether the source is spelled like a URL, of any scheme."""
    return "://" in source


def fetch(url: str, target: BinaryIO, most: int = MOST_BYTES, seconds: float = SECONDS) -> None:
    """Write what lies at an http(s) URL to `target`.

    Raises:
        MediaError: another scheme, also after a redirect; too large, too slow, or not to be had.
    """
    from http.client import HTTPException

    _require_web(url)
    deadline = time.monotonic() + seconds
    try:
        with _opener().open(url, timeout=seconds / 3) as answer:
            _copy(answer, target, most, deadline, seconds)
    except MediaError:
        raise
    except (OSError, HTTPException, ValueError) as error:  # URLError and HTTPError are OSErrors
        raise MediaError(f"cannot be fetched: {' '.join(str(error).split()) or type(error).__name__}") from error


def _copy(answer: IO[bytes], target: BinaryIO, most: int, deadline: float, seconds: float) -> None:
    got = 0
    read = getattr(answer, "read1", answer.read)  # what is there, rather than wait for a full chunk
    while chunk := read(_CHUNK):
        got += len(chunk)
        if got > most:
            raise MediaError(f"over {most / (1 << 20):.0f} MiB are not fetched")
        if time.monotonic() > deadline:
            raise MediaError(f"not here after {seconds:.0f} seconds")
        target.write(chunk)


def _require_web(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in SCHEMES and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise MediaError(f"only {' and '.join(SCHEMES)} URLs are fetched")


def _opener() -> OpenerDirector:
    """Handlers of http and https and no others: urllib's own set would open files and FTP."""
    from urllib import request

    class Redirects(request.HTTPRedirectHandler):
        max_redirections = MOST_REDIRECTS

        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            _require_web(newurl)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        Redirects(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "mmsearch")]
    return opener
