"""From a path to decoded segments: `kind_of` says what a file is, `load` decodes it, `reload` decodes one part again.

The only package that imports decoders, and each only when a file needs it, so importing this one is cheap. Knows
nothing of models, of the index, or of which files there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import BinaryIO, Protocol, cast

from mmsearch.errors import UNREADABLE, MediaError
from mmsearch.media import fetch_url
from mmsearch.media.loaded import Kind, Loaded
from mmsearch.media.sniff import HEAD_BYTES, KINDS, claimed_pixels, kind_of
from mmsearch.system.disk_space import reason
from mmsearch.system.safe_open import regular
from mmsearch.types import Content, Item, LoaderSettings, Modality, Picture, Segment, content_kind

__all__ = [
    "HEAD_BYTES",
    "KINDS",
    "UNREADABLE",
    "Kind",
    "Loaded",
    "claimed_pixels",
    "identify",
    "kind_of",
    "load",
    "load_picture",
    "load_query",
    "preload_decoders",
    "preview",
    "preview_kind",
    "reload",
]

MOST_PARTS = 8
"""Windows or shots of a longer sound or clip that make a query."""
_NOUNS = {"image": "a picture", "audio": "sound", "video": "a clip"}

LOADERS = {name: "text" if kind.modality == "text" else name for name, kind in KINDS.items()}
"""Name of a kind -> module of this package that loads it."""
_PREVIEW_KINDS = {"image": "image", "document": "pdf", "video": "video"}
"""Modality -> name of its only kind."""


class _Loader(Protocol):
    def load(
        self, path: str, digest: str, kind_name: str, settings: LoaderSettings, only: int | None = None
    ) -> Loaded: ...


def identify(path: str) -> Kind:
    """The kind of the file at `path`, by its first bytes.

    Raises:
        MediaError: it cannot be read (the message begins with `UNREADABLE`), or is of no kind that mmsearch reads.
    """
    try:
        with open(path, "rb", opener=regular) as file:
            head = file.read(HEAD_BYTES)
    except (OSError, ValueError) as error:  # no name of a file holds a NUL
        raise MediaError(f"{UNREADABLE}: {getattr(error, 'strerror', None) or error}") from error
    return kind_of(path, head)


def load_query(
    source: str | BinaryIO, modality: Modality, settings: LoaderSettings, allow_private: bool = False
) -> list[Content]:
    """The content of a file, a stream or an http(s) URL as a query: a picture, or windows or shots evenly spread.

    An animation gives a frame from its beginning. With `allow_private` a URL may lead to this machine and its
    network.

    Raises:
        MediaError: it cannot be read or is nothing of the kind.
    """
    if not isinstance(source, str):
        return _load_copy(lambda file: copyfileobj(source, file), modality, settings)
    if fetch_url.is_url(source) and not os.path.exists(source):
        return _load_copy(lambda file: fetch_url.fetch(source, file, allow_private=allow_private), modality, settings)
    kind = identify(source)
    if kind.modality != modality and (kind.modality, modality) != ("video", "audio"):
        raise MediaError(f"not {_NOUNS.get(modality, modality)} but {kind.name}")
    parts = load(source, "", kind, replace(settings, tiles=False)).segments
    contents = [part.content for part in parts if part.item.partition == modality]
    if not contents:
        raise MediaError(f"no {modality} in it")
    count = min(1 if modality == "image" else MOST_PARTS, len(contents))
    return [contents[len(contents) * index // count] for index in range(count)]


def load_picture(source: str | BinaryIO, settings: LoaderSettings) -> Picture:
    """The picture of `load_query`; raises the same errors."""
    return cast(Picture, load_query(source, "image", settings)[0])


def _load_copy(write: Callable[[BinaryIO], object], modality: Modality, settings: LoaderSettings) -> list[Content]:
    """The query in bytes without a path, by way of a temporary file, since decoders seek."""
    try:
        with TemporaryDirectory(prefix="mmsearch-") as folder:
            path = os.path.join(folder, "query")
            with open(path, "wb") as file:
                write(file)
            return load_query(path, modality, settings)
    except OSError as error:
        raise MediaError(f"cannot be copied to a temporary file: {reason(error)}") from error


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
    if item.span.box is not None:
        from mmsearch.media import image

        return Segment(item, image.region(item.path, item.span.box, settings))
    loaded = _loader(kind_name).load(item.path, item.digest, kind_name, settings, only=item.ordinal)
    for segment in loaded.segments:
        return Segment(item, segment.content)
    raise MediaError(f"part {item.ordinal} is no longer in the file")


def preload_decoders() -> None:
    """Import the decoder of pictures early, before the first of them has to be decoded."""
    _loader("image")
    from PIL import Image

    Image.preinit()


def preview_kind(item: Item) -> str:
    """The kind of file to preview a part from, empty if it has no picture.

    Pictures, stretches of a video, and pages, including their text.
    """
    return _PREVIEW_KINDS.get(item.modality, "")


def preview(item: Item, settings: LoaderSettings) -> Picture:
    """An indexed part as one picture: the picture or its box, its page, or one frame of its stretch of a video.

    Uint8 `(h, w, 3)`, as small as `settings` say. Shows the current content of the file, even if it has changed since.

    Raises:
        MediaError: it has no looks, the file cannot be read, or no longer has that part.
    """
    path, span, kind_name = item.path, item.span, preview_kind(item)
    if not kind_name:
        raise MediaError(f"{item.modality} is nothing to look at")
    if span.box is not None:
        from mmsearch.media import image

        return image.region(path, span.box, settings)
    if kind_name == "video":
        from mmsearch.media import video

        return video.frame_in(path, span.start, span.end, settings)
    part = int(span.start) - 1 if kind_name == "pdf" else item.ordinal
    for segment in _loader(kind_name).load(path, item.digest, kind_name, settings, only=part).segments:
        if content_kind(segment.content) == "image":
            return cast(Picture, segment.content)
    raise MediaError(f"part {item.ordinal} is no longer in the file")


def _loader(kind_name: str) -> _Loader:
    if kind_name not in LOADERS:
        raise MediaError(f"unknown kind {kind_name!r}; known are {', '.join(LOADERS)}")
    return cast(_Loader, import_module(f"{__name__}.{LOADERS[kind_name]}"))
