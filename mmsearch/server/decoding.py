"""Files decoded for the server by guarded worker processes, never in the server itself.

A decoder that crashes, hangs or takes too much memory costs one request. Workers start and end with the work.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future

from mmsearch import scan
from mmsearch.errors import Busy
from mmsearch.indexing.decode import DecodeRequest
from mmsearch.indexing.decoder import BackgroundDecoder
from mmsearch.indexing.pool import Limits, default_jobs
from mmsearch.system.safe_open import Identity
from mmsearch.types import Content, Item, LoaderSettings, Modality

PATIENCE = 15.0
"""Seconds that a file may take without a sign of progress."""
MEMORY = 2 << 30
"""Bytes that a worker may take for one file."""
MOST_WAITING = 512


class ServerDecoder:
    """Decodes on request from any thread; `close` it in the end."""

    def __init__(self) -> None:
        self._decoder = BackgroundDecoder(Limits(max(1, min(4, default_jobs())), PATIENCE, MEMORY), isolated=True)
        self._open = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the workers at once."""
        self._decoder.close()

    def query(self, path: str, modality: Modality, settings: LoaderSettings) -> Future[list[Content]]:
        """The contents of a query file, as `media.load_query` gives them, or its MediaError."""
        return self._submit(DecodeRequest(_entry(path), query=modality, settings=settings))

    def look(self, item: Item, kind: str, settings: LoaderSettings, identity: Identity) -> Future[list[Content]]:
        """The preview of a part of a file, or its sound, as one content; MediaError if it has none.

        No other file is read than the one with this `identity`, which the caller keeps open.
        """
        request = DecodeRequest(_entry(item.path), item.digest, kind, item, settings=settings, identity=identity)
        return self._submit(request)

    def _submit(self, request: DecodeRequest) -> Future[list[Content]]:
        with self._lock:
            if self._open >= MOST_WAITING:
                raise Busy(f"{self._open} files wait to be decoded: try again in a moment")
            self._open += 1
        future = self._decoder.submit(request)
        future.add_done_callback(self._finished)
        return future

    def _finished(self, _: Future[list[Content]]) -> None:
        with self._lock:
            self._open -= 1


def _entry(path: str) -> scan.Entry:
    """The file as it is now; the worker reports one that is missing."""
    entry = scan.entry(path)
    return entry if isinstance(entry, scan.Entry) else scan.Entry(path, 0, 0)
