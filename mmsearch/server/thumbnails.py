"""Small pictures of parts of files, made once and kept beside the index.

Each is named by what it shows (digest, part, size), so none is ever out of date; the oldest go when there are too many.
Knows the decoder's interface; nothing of HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from mmsearch.media import encode_image, seen_as
from mmsearch.search.staleness import identity_of, is_unchanged, open_place
from mmsearch.server.decoding import ServerDecoder
from mmsearch.store import Located, thumbnail_cache
from mmsearch.types import Audio, Item, LoaderSettings

SIZES, PAGE_SIDE = thumbnail_cache.SIZES, thumbnail_cache.PAGE_SIDE
MOST_BYTES = 256 << 20
_KEPT = 0.8
"""Share of the room that is still used when there has been no more."""


def shown(item: Item) -> bool:
    """Whether there is a thumbnail of a part: pictures, pages, stretches of video and sound."""
    return bool(seen_as(item)) or item.modality == "audio"


class Thumbnails:
    """Makes and keeps them; used from one event loop."""

    def __init__(self, directory: str, decoder: ServerDecoder, most: int = MOST_BYTES) -> None:
        self._directory = directory
        self._decoder = decoder
        self._most = most
        self._held: int | None = None
        self._making: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, place: Located, folders: Sequence[str], size: int, settings: LoaderSettings) -> bytes:
        """The bytes of a WebP whose longer side is at most the next of `SIZES`, or `PAGE_SIDE` beyond.

        Args:
            place: what to show.
            folders: of the index, see `unchanged.open_unchanged`.
            size: pixels that are asked for.
            settings: how files are loaded.

        Raises:
            MediaError: the file is gone, is no longer what was indexed, or cannot be shown.
            Busy: too many others wait.
        """
        side = next((side for side in SIZES if side >= size), PAGE_SIDE)
        name = _name(place.item, side)
        kept = await asyncio.to_thread(thumbnail_cache.read, self._directory, name)
        if kept is not None:
            return kept
        if name not in self._making:
            task = asyncio.ensure_future(self._make(place, folders, side, name, settings))
            self._making[name] = task
            task.add_done_callback(lambda _: self._making.pop(name, None))
        return await asyncio.shield(self._making[name])

    async def _make(
        self, place: Located, folders: Sequence[str], side: int, name: str, settings: LoaderSettings
    ) -> bytes:
        small = replace(settings, exact=False, image_fit=None, image_side=side, page_side=side)
        item = replace(place.item, text="")
        # Held open meanwhile, so that no other file can come to be called the same by the system.
        with await asyncio.to_thread(open_place, place, folders) as file:
            seen = self._decoder.look(item, place.kind, small, identity_of(file))
            (content, *_) = await asyncio.wrap_future(seen)

        def finish() -> bytes:
            if isinstance(content, Audio):
                data = encode_image.webp(encode_image.waveform(content.samples, side, side // 2), side)
            else:
                data = encode_image.webp(content, side)  # type: ignore[arg-type]  # what is looked at is a picture
            if is_unchanged(place, folders):  # else it shows what is there now, under the name of what was
                self._keep(name, data)
            return data

        return await asyncio.to_thread(finish)

    def _keep(self, name: str, data: bytes) -> None:
        """Write it under its name as a whole; where that cannot be, it is made again the next time."""
        with suppress(OSError):
            thumbnail_cache.keep(self._directory, name, data)
            self._make_room(len(data))

    def _make_room(self, added: int) -> None:
        if self._held is None:
            self._held = sum(one.size for one in thumbnail_cache.kept(self._directory))
        else:
            self._held += added
        if self._held <= self._most:
            return
        left, gone = 0, []
        for one in sorted(
            thumbnail_cache.kept(self._directory), key=lambda one: (one.mtime_ns, one.name), reverse=True
        ):
            if left + one.size <= self._most * _KEPT:
                left += one.size
            else:
                gone.append(one.name)
        thumbnail_cache.remove(self._directory, gone)
        self._held = left


def _name(item: Item, side: int) -> str:
    return thumbnail_cache.name(item.digest, item.modality, item.span.unit, item.span.start, item.ordinal, side)
