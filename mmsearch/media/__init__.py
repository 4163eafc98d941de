"""From a path to decoded segments: `sniff` says what a file is, `load` decodes it, `reload` decodes one part again.

The only package that imports decoders, and each only when a file needs it, so importing this one is cheap. Knows
nothing of models, of the index, or of which files there are.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import BinaryIO, Protocol, cast

from mmsearch.core import Item, LoaderSettings, Picture, Segment
from mmsearch.errors import UNREADABLE, MediaError
from mmsearch.media.base import Kind, Loaded
from mmsearch.media.kinds import HEAD_BYTES, KINDS, sniff

__all__ = ["HEAD_BYTES", "KINDS", "UNREADABLE", "Kind", "Loaded", "identify", "load", "load_picture", "reload", "sniff"]

LOADERS = {
    "image": "image",
    "pdf": "document",
    "audio": "audio",
    "video": "video",
    "text": "text",
    "markdown": "text",
    "html": "text",
    "csv": "text",
    "json": "text",
    "code": "text",
}
"""Name of a kind -> module of this package that loads it."""


class _Loader(Protocol):
    def load(
        self, path: str, digest: str, kind_name: str, settings: LoaderSettings, only: int | None = None
    ) -> Loaded: ...


def identify(path: str) -> Kind:
    """What the file at `path` is; its first bytes are read.

    Raises:
        MediaError: it cannot be read (the message begins with `UNREADABLE`), or is of no kind that mmsearch reads.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise MediaError(f"{UNREADABLE}: {error.strerror or error}") from error
    return sniff(path, head)


def load_picture(source: str | BinaryIO, settings: LoaderSettings) -> Picture:
    """The picture in a file or a stream, as a query: of an animation a frame from its beginning.

    Raises:
        MediaError: it cannot be read or is not a picture.
    """
    if not isinstance(source, str):
        return _copied(source, settings)
    kind = identify(source)
    if kind.modality != "image":
        raise MediaError(f"not a picture but {kind.name}")
    for segment in load(source, "", kind, settings).segments:
        return cast(Picture, segment.content)
    raise MediaError("no picture in it")


def _copied(stream: BinaryIO, settings: LoaderSettings) -> Picture:
    """A stream by way of a temporary file, since decoders seek."""
    from shutil import copyfileobj
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="mmsearch-") as folder:
        path = os.path.join(folder, "picture")
        with open(path, "wb") as file:
            copyfileobj(stream, file)
        return load_picture(path, settings)


def load(path: str, digest: str, kind: Kind, settings: LoaderSettings) -> Loaded:
    """Open a file of a known kind; `digest` is written into its items.

    Raises:
        MediaError: the file cannot be read; the same may be raised while iterating over the segments.
    """
    return _loader(kind.name).load(path, digest, kind.name, settings)


def reload(item: Item, kind_name: str, settings: LoaderSettings) -> Segment:
    """The content of one indexed part again, decoding no more of the file than it takes.

    A passage is its own content, so for those the file is not even opened.

    Raises:
        MediaError: the file cannot be read, or no longer has that part.
    """
    if item.partition == "text" and item.text:
        return Segment(item, item.text)
    loaded = _loader(kind_name).load(item.path, item.digest, kind_name, settings, only=item.ordinal)
    for segment in loaded.segments:
        return Segment(item, segment.content)
    raise MediaError(f"part {item.ordinal} is no longer in the file")


def _loader(kind_name: str) -> _Loader:
    if kind_name not in LOADERS:
        raise MediaError(f"unknown kind {kind_name!r}; known are {', '.join(LOADERS)}")
    return cast(_Loader, import_module(f"{__name__}.{LOADERS[kind_name]}"))
