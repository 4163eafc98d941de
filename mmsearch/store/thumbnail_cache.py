"""The thumbnails of items beside an index, so that they are deleted with their items.

They lie in two folders of the index's own. If something else is in their place there are none, and only files with
such names are ever read, replaced or removed. Knows bytes and names; the server makes the pictures.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from mmsearch.system.safe_open import TEMPORARY, Folder

FOLDERS = ("cache", "thumbnails")
FOLDER = os.path.join(*FOLDERS)
SIZES = (160, 320, 640)
"""Longer sides in pixels that are made; a request gets the next larger one."""
PAGE_SIDE = 1600
"""Longer side of a page to be read."""
MOST_BYTES = 4 << 20
"""Of one picture; a larger file is not from this cache."""
_LETTERS = re.compile("[0-9a-f]{2}")
_WHOLE = re.compile(r"[0-9a-f]{32}\.webp")
_FILE_NAME = re.compile(rf"[0-9a-f]{{32}}\.webp({re.escape(TEMPORARY)})?|tmp[a-z0-9_]{{8}}")
"""Also half-written files, of this and earlier versions."""


class CachedPicture(NamedTuple):
    """A cached picture: its name, as `name` gives it, its bytes, and when it was made."""

    name: str
    size: int
    mtime_ns: int


def name(digest: str, modality: str, unit: str, start: float, ordinal: int, side: int) -> str:
    """Two letters of folder and a name. A page has the same picture for its text and its image."""
    part = f"p{start:g}" if unit == "page" else str(ordinal)
    key = f"{digest} {modality} {part} {side}".encode("utf-8", "surrogatepass")
    mark = hashlib.blake2b(key, digest_size=16).hexdigest()
    return os.path.join(mark[:2], f"{mark}.webp")


def exists(directory: str) -> bool:
    """True if there may be any thumbnails."""
    with suppress(OSError), _cache(directory):
        return True
    return False


def names_of_content(db: sqlite3.Connection, content_id: int) -> Iterator[str]:
    """The names of all thumbnails that a content may have, of any size."""
    rows = db.execute(
        "SELECT DISTINCT c.digest, c.modality, i.span_unit, i.span_start, i.ordinal"
        " FROM contents c JOIN items i ON i.content_id = c.id WHERE c.id = ?",
        (content_id,),
    )
    for digest, modality, unit, start, ordinal in rows:
        for side in (*SIZES, PAGE_SIDE):
            yield name(digest, modality, unit, start, ordinal, side)


def read(directory: str, path: str) -> bytes | None:
    """The picture that the index in `directory` has under a name; None if there is none."""
    letters, file_name = os.path.split(path)
    with suppress(OSError), _cache(directory) as cache, cache.folder(letters) as folder, folder.read(file_name) as file:
        status = os.fstat(file.fileno())
        if status.st_size <= MOST_BYTES and status.st_nlink == 1:  # else it may be another file by this name
            return file.read(MOST_BYTES)
    return None


def write(directory: str, path: str, data: bytes) -> None:
    """Store a picture, as a whole. Raises OSError if that is impossible."""
    letters, file_name = os.path.split(path)
    with ExitStack() as stack:
        folder = stack.enter_context(stack.enter_context(_cache(directory, make=True)).folder(letters, make=True))
        stack.enter_context(folder.replacing(file_name)).write(data)


def list_pictures(directory: str) -> list[CachedPicture]:
    """All stored pictures, in no order."""
    pictures = []
    with suppress(OSError), _cache(directory) as cache:
        for letters, folder, file_name in _files(cache):
            with suppress(OSError):
                status = folder.status(file_name)
                if _WHOLE.fullmatch(file_name) and stat.S_ISREG(status.st_mode):
                    pictures.append(CachedPicture(os.path.join(letters, file_name), status.st_size, status.st_mtime_ns))
    return pictures


def remove(directory: str, names: Iterable[str]) -> None:
    """Remove these, if they exist; nothing is reached through a link."""
    by_letters: dict[str, list[str]] = {}
    for letters, file_name in map(os.path.split, names):
        by_letters.setdefault(letters, []).append(file_name)
    if not by_letters:
        return
    with suppress(OSError), _cache(directory) as cache:
        for letters, file_names in by_letters.items():
            with suppress(OSError), cache.folder(letters) as folder:
                for file_name in filter(_FILE_NAME.fullmatch, file_names):
                    with suppress(OSError):
                        folder.remove(file_name)


def remove_all(directory: str) -> None:
    """Remove all, half-written files too."""
    with suppress(OSError), _cache(directory) as cache:
        for _, folder, file_name in _files(cache):
            with suppress(OSError):
                folder.remove(file_name)


@contextmanager
def _cache(directory: str, *, make: bool = False) -> Iterator[Folder]:
    """The folder of all thumbnails, which is no link, in the index's own. Raises OSError."""
    with ExitStack() as stack:
        folder = stack.enter_context(Folder.open(directory))
        for part in FOLDERS:
            folder = stack.enter_context(folder.folder(part, make=make))
        yield folder


def _files(cache: Folder) -> Iterator[tuple[str, Folder, str]]:
    """Each file of the cache: its letters, its folder, open until the next one, and its name."""
    for letters in filter(_LETTERS.fullmatch, cache.names()):
        with suppress(OSError), cache.folder(letters) as folder:
            yield from ((letters, folder, file_name) for file_name in filter(_FILE_NAME.fullmatch, folder.names()))
