"""Small pictures of parts of files, made once and kept beside the index.

Each is named by what it shows (digest, part, size), so none is ever out of date; the oldest go when there are too many.
Knows the decoder's interface; nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import replace

from mmsearch.core import Audio, Item, LoaderSettings
from mmsearch.media import seen_as, still
from mmsearch.search.candidates import staleness
from mmsearch.serve.decoding import Decoder
from mmsearch.store import Located

FOLDER = os.path.join("cache", "thumbnails")
SIZES = (160, 320, 640)
"""Longer sides in pixels that are made; what is asked for becomes the next larger one."""
PAGE_SIDE = 1600
"""Longer side of a page to be read."""
MOST_BYTES = 256 << 20
_KEPT = 0.8
"""Share of the room that is still used when there has been no more."""


def shown(item: Item) -> bool:
    """Whether there is a thumbnail of a part: pictures, pages, stretches of video and sound."""
    return bool(seen_as(item)) or item.modality == "audio"


class Thumbnails:
    """Makes and keeps them; used from one event loop."""

    def __init__(self, directory: str, decoder: Decoder, most: int = MOST_BYTES) -> None:
        self._folder = os.path.join(directory, FOLDER)
        self._decoder = decoder
        self._most = most
        self._held: int | None = None
        self._making: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, place: Located, size: int, settings: LoaderSettings) -> bytes:
        """The bytes of a WebP whose longer side is at most the next of `SIZES`, or `PAGE_SIDE` beyond.

        Raises:
            MediaError: the file is gone or cannot be shown.
            Busy: too many others wait.
        """
        side = next((side for side in SIZES if side >= size), PAGE_SIDE)
        name = _name(place.item, side)
        kept = await asyncio.to_thread(self._load, name)
        if kept is not None:
            return kept
        if name not in self._making:
            task = asyncio.ensure_future(self._make(place, side, name, settings))
            self._making[name] = task
            task.add_done_callback(lambda _: self._making.pop(name, None))
        return await asyncio.shield(self._making[name])

    async def _make(self, place: Located, side: int, name: str, settings: LoaderSettings) -> bytes:
        small = replace(settings, exact=False, image_fit=None, image_side=side, page_side=side)
        item = replace(place.item, text="")
        (content, *_) = await asyncio.wrap_future(self._decoder.look(item, place.kind, small))

        def finish() -> bytes:
            if isinstance(content, Audio):
                data = still.webp(still.waveform(content.samples, side, side // 2), side)
            else:
                data = still.webp(content, side)  # type: ignore[arg-type]  # what is looked at is a picture
            if staleness(place) is False:  # else it shows what is there now, under the name of what was
                self._keep(name, data)
            return data

        return await asyncio.to_thread(finish)

    def _load(self, name: str) -> bytes | None:
        with suppress(OSError), open(os.path.join(self._folder, name), "rb") as file:
            return file.read()
        return None

    def _keep(self, name: str, data: bytes) -> None:
        """Write it under its name as a whole; where that cannot be, it is made again the next time."""
        path = os.path.join(self._folder, name)
        with suppress(OSError):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(temporary, path)
            except OSError:
                os.unlink(temporary)
                raise
            self._make_room(len(data))

    def _make_room(self, added: int) -> None:
        if self._held is None:
            self._held = sum(size for _, size, _ in self._all())
        else:
            self._held += added
        if self._held <= self._most:
            return
        left = 0
        for _, size, path in sorted(self._all(), reverse=True):
            if left + size <= self._most * _KEPT:
                left += size
            else:
                with suppress(OSError):
                    os.unlink(path)
        self._held = left

    def _all(self) -> list[tuple[int, int, str]]:
        """Time, bytes and path of each that is kept."""
        found = []
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = os.path.join(folder, name)
                with suppress(OSError):
                    status = os.stat(path)
                    found.append((status.st_mtime_ns, status.st_size, path))
        return found


def _name(item: Item, side: int) -> str:
    """Two letters of folder and a name. A page is the same picture for its text and its image."""
    page = f"p{item.span.start:g}" if item.span.unit == "page" else str(item.ordinal)
    mark = hashlib.blake2b(f"{item.digest} {item.modality} {page} {side}".encode(), digest_size=16).hexdigest()
    return os.path.join(mark[:2], f"{mark}.webp")
