"""Small pictures of parts of files, made once and kept beside the index.

Each is named by its content (digest, part, size), so none is ever out of date; the oldest go when there are too many.
Knows the decoder's interface; nothing of HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from mmsearch.media import encode_image, preview_kind
from mmsearch.search.staleness import identity_of, is_unchanged, open_place
from mmsearch.server.decoding import ServerDecoder
from mmsearch.store import Located, thumbnail_cache
from mmsearch.types import Audio, Item, LoaderSettings

SIZES, PAGE_SIDE = thumbnail_cache.SIZES, thumbnail_cache.PAGE_SIDE
MOST_BYTES = 256 << 20
_KEPT_SHARE = 0.8
"""Share of the room that stays used after the oldest have gone."""


def has_thumbnail(item: Item) -> bool:
    """Whether there is a thumbnail of a part: pictures, pages, stretches of video and sound."""
    return bool(preview_kind(item)) or item.modality == "audio"


class Thumbnails:
    """Makes and keeps them; used from one event loop."""

    def __init__(self, directory: str, decoder: ServerDecoder, max_bytes: int = MOST_BYTES) -> None:
        self._directory = directory
        self._decoder = decoder
        self._max_bytes = max_bytes
        self._used: int | None = None
        self._making: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, location: Located, folders: Sequence[str], size: int, settings: LoaderSettings) -> bytes:
        """The bytes of a WebP whose longer side is at most the next of `SIZES`, or `PAGE_SIDE` beyond.

        Args:
            location: the part to show.
            folders: of the index, as for `staleness.open_unchanged`.
            size: longer side in pixels.
            settings: how files are loaded.

        Raises:
            MediaError: the file is gone, is no longer what was indexed, or cannot be shown.
            Busy: too many others wait.
        """
        side = next((side for side in SIZES if side >= size), PAGE_SIDE)
        name = _name(location.item, side)
        cached = await asyncio.to_thread(thumbnail_cache.read, self._directory, name)
        if cached is not None:
            return cached
        if name not in self._making:
            task = asyncio.ensure_future(self._make(location, folders, side, name, settings))
            self._making[name] = task
            task.add_done_callback(lambda _: self._making.pop(name, None))
        return await asyncio.shield(self._making[name])

    async def _make(
        self, location: Located, folders: Sequence[str], side: int, name: str, settings: LoaderSettings
    ) -> bytes:
        small = replace(settings, exact=False, image_fit=None, image_side=side, page_side=side)
        item = replace(location.item, text="")
        # Held open meanwhile, so that the system cannot give its inode to another file.
        with await asyncio.to_thread(open_place, location, folders) as file:
            (content, *_) = await asyncio.wrap_future(self._decoder.look(item, location.kind, small, identity_of(file)))

        def finish() -> bytes:
            if isinstance(content, Audio):
                data = encode_image.webp(encode_image.waveform(content.samples, side, side // 2), side)
            else:
                data = encode_image.webp(content, side)  # type: ignore[arg-type]  # it is a picture
            if is_unchanged(location, folders):  # else it shows another file under the name of the old one
                with suppress(OSError):  # it is made again the next time
                    thumbnail_cache.write(self._directory, name, data)
                    self._make_room(len(data))
            return data

        return await asyncio.to_thread(finish)

    def _make_room(self, added: int) -> None:
        if self._used is None:
            self._used = sum(entry.size for entry in thumbnail_cache.list_pictures(self._directory))
        else:
            self._used += added
        if self._used <= self._max_bytes:
            return
        entries = sorted(
            thumbnail_cache.list_pictures(self._directory), key=lambda entry: (entry.mtime_ns, entry.name), reverse=True
        )
        kept_bytes, removed = 0, []
        for entry in entries:
            if kept_bytes + entry.size <= self._max_bytes * _KEPT_SHARE:
                kept_bytes += entry.size
            else:
                removed.append(entry.name)
        thumbnail_cache.remove(self._directory, removed)
        self._used = kept_bytes


def _name(item: Item, side: int) -> str:
    return thumbnail_cache.name(item.digest, item.modality, item.span.unit, item.span.start, item.ordinal, side)
