"""The content of a hit from its original file, certainly what was indexed. Knows loaders; nothing of indexes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mmsearch import media
from mmsearch.errors import OutsideIndex
from mmsearch.scan import object_stores
from mmsearch.search.staleness import identity_of, open_unchanged
from mmsearch.system.safe_open import only
from mmsearch.types import Item, LoaderSettings, Segment, is_object_url


def original(item: Item, kind: str | None, settings: LoaderSettings, may_read: Callable[[str], bool]) -> Segment:
    """The part of a file that an item is; `kind` is how it was read, None to find that out.

    `may_read` says whether the file at a path may be opened, as a reader's does. A passage comes from the index itself;
    of anything else the digest is compared first.

    Raises:
        OutsideIndex: the file may not be opened.
        MediaError: the file has changed or cannot be read.
        Unreachable: it is an object, and what reads those is not installed.
    """
    if item.partition == "text" and item.text:
        return Segment(item, item.text)
    if not may_read(item.path):
        raise OutsideIndex
    if is_object_url(item.path):
        with object_stores.fetched(item.path) as copy:
            return replace(_read(replace(item, path=copy), kind, settings), item=item)
    return _read(item, kind, settings)


def _read(item: Item, kind: str | None, settings: LoaderSettings) -> Segment:
    with open_unchanged(item) as file, only(item.path, identity_of(file)):
        return media.reload(item, kind or media.identify(item.path).name, settings)
