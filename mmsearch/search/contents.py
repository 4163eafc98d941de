"""The content of a hit from its original file, certainly what was indexed. Knows loaders; nothing of indexes."""

from __future__ import annotations

from dataclasses import replace

from mmsearch import media, objects, scan
from mmsearch.core import Item, LoaderSettings, Segment, is_object
from mmsearch.errors import MediaError


def original(item: Item, kind: str | None, settings: LoaderSettings) -> Segment:
    """The part of a file that an item is; `kind` is how it was read, None to find that out.

    A passage comes from the index itself; of anything else the digest is compared first.

    Raises:
        MediaError: the file has changed or cannot be read.
        Unreachable: it is an object, and what reads those is not installed.
    """
    if item.partition == "text" and item.text:
        return Segment(item, item.text)
    if is_object(item.path):
        with objects.fetched(item.path) as copy:
            return replace(_read(replace(item, path=copy), kind, settings), item=item)
    return _read(item, kind, settings)


def _read(item: Item, kind: str | None, settings: LoaderSettings) -> Segment:
    if scan.digest(item.path) != item.digest:
        raise MediaError("it has changed since it was indexed")
    return media.reload(item, kind or media.identify(item.path).name, settings)
