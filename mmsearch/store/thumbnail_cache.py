"""Where the thumbnails of parts of files lie beside an index, so that they go with what they show.

They lie in two folders of the index's own. Where something else stands in their place there are none, and only files
of this naming are ever read, replaced or removed. Knows bytes and names; the server makes them.
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
"""Longer sides in pixels that are made; what is asked for becomes the next larger one."""
PAGE_SIDE = 1600
"""Longer side of a page to be read."""
MOST_BYTES = 4 << 20
"""Of one picture; what is larger is none of ours."""
_LETTERS = re.compile("[0-9a-f]{2}")
_WHOLE = re.compile(r"[0-9a-f]{32}\.webp")
_OURS = re.compile(rf"[0-9a-f]{{32}}\.webp({re.escape(TEMPORARY)})?|tmp[a-z0-9_]{{8}}")
"""Also what was left half written, now and by earlier versions."""


class Kept(NamedTuple):
    """A picture that is kept: its name, as `name` gives it, its bytes, and when it was made."""

    name: str
    size: int
    mtime_ns: int


def name(digest: str, modality: str, unit: str, start: float, ordinal: int, side: int) -> str:
    """Two letters of folder and a name. A page is the same picture for its text and its image."""
    page = f"p{start:g}" if unit == "page" else str(ordinal)
    said = f"{digest} {modality} {page} {side}".encode("utf-8", "surrogatepass")
    mark = hashlib.blake2b(said, digest_size=16).hexdigest()
    return os.path.join(mark[:2], f"{mark}.webp")


def present(directory: str) -> bool:
    """Whether there may be any."""
    with suppress(OSError), _cache(directory):
        return True
    return False


def of_content(db: sqlite3.Connection, content_id: int) -> Iterator[str]:
    """The names of all that there may be of a content, whatever their size."""
    rows = db.execute(
        "SELECT DISTINCT c.digest, c.modality, i.span_unit, i.span_start, i.ordinal"
        " FROM contents c JOIN items i ON i.content_id = c.id WHERE c.id = ?",
        (content_id,),
    )
    for digest, modality, unit, start, ordinal in rows:
        for side in (*SIZES, PAGE_SIDE):
            yield name(digest, modality, unit, start, ordinal, side)


def read(directory: str, one: str) -> bytes | None:
    """The picture that the index in `directory` keeps under a name; None where there is none."""
    letters, own = os.path.split(one)
    with suppress(OSError), _cache(directory) as cache, cache.folder(letters) as folder, folder.read(own) as file:
        found = os.fstat(file.fileno())
        if found.st_size <= MOST_BYTES and found.st_nlink == 1:  # else it is, or may be, another file by this name
            return file.read(MOST_BYTES)
    return None


def keep(directory: str, one: str, data: bytes) -> None:
    """Keep a picture, as a whole. Raises OSError where that cannot be."""
    letters, own = os.path.split(one)
    with ExitStack() as stack:
        folder = stack.enter_context(stack.enter_context(_cache(directory, make=True)).folder(letters, make=True))
        stack.enter_context(folder.replacing(own)).write(data)


def kept(directory: str) -> list[Kept]:
    """All that is kept, in no order."""
    found = []
    with suppress(OSError), _cache(directory) as cache:
        for letters, folder, own in _files(cache):
            with suppress(OSError):
                status = folder.status(own)
                if _WHOLE.fullmatch(own) and stat.S_ISREG(status.st_mode):
                    found.append(Kept(os.path.join(letters, own), status.st_size, status.st_mtime_ns))
    return found


def remove(directory: str, names: Iterable[str]) -> None:
    """Remove these, where they are; nothing is reached through a link."""
    by_letters: dict[str, list[str]] = {}
    for letters, own in map(os.path.split, names):
        by_letters.setdefault(letters, []).append(own)
    if not by_letters:
        return
    with suppress(OSError), _cache(directory) as cache:
        for letters, some in by_letters.items():
            with suppress(OSError), cache.folder(letters) as folder:
                for own in filter(_OURS.fullmatch, some):
                    with suppress(OSError):
                        folder.remove(own)


def remove_all(directory: str) -> None:
    """Remove all, and what was left half written."""
    with suppress(OSError), _cache(directory) as cache:
        for _, folder, own in _files(cache):
            with suppress(OSError):
                folder.remove(own)


@contextmanager
def _cache(directory: str, *, make: bool = False) -> Iterator[Folder]:
    """The folder of all of them, which is no link, in the index's own. Raises OSError."""
    with ExitStack() as stack:
        folder = stack.enter_context(Folder.open(directory))
        for one in FOLDERS:
            folder = stack.enter_context(folder.folder(one, make=make))
        yield folder


def _files(cache: Folder) -> Iterator[tuple[str, Folder, str]]:
    """Each name of ours with its folder, which is open for so long."""
    for letters in filter(_LETTERS.fullmatch, cache.names()):
        with suppress(OSError), cache.folder(letters) as folder:
            yield from ((letters, folder, own) for own in filter(_OURS.fullmatch, folder.names()))
