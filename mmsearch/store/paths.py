"""How paths are stored: as bytes, relative to the anchor if they are below it, else absolute.

The anchor is the root directory that contains the index directory, and is itself stored relative to the index, so that
an index inside the tree it describes can move with it. URLs of objects are stored as they are. Knows nothing about
the files and never touches the disk. Separators are stored as `/`; a stored path never begins with one
unless it is absolute.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property

from mmsearch.errors import IndexDamaged
from mmsearch.system.plain_data import dataclass

REMEDY = "add --rebuild to `mmsearch index`, or use another --index"
_DEEPEST = 2048
"""Folders on the way to a path, at most."""
HERE = b"."
"""The anchor itself."""


@dataclass(frozen=True)
class PathCodec:
    """Translates between absolute paths and stored ones.

    Attributes:
        directory: the index directory, absolute.
        anchor: relative to `directory`, as stored in the meta table; empty if there is none.
    """

    directory: str
    anchor: str = ""

    @cached_property
    def base(self) -> str | None:
        """The anchor as an absolute path."""
        return os.path.normpath(os.path.join(self.directory, self.anchor)) if self.anchor else None

    @cached_property
    def _start(self) -> bytes:
        """The beginning of absolute paths below the anchor; no path has it if there is no anchor."""
        return prefix(stored(self.base)) if self.base is not None else b"\0"

    def encode(self, path: str) -> bytes:
        """The stored form of an absolute path."""
        key = stored(path)
        if key.startswith(self._start):
            return key[len(self._start) :] or HERE  # nothing is left when the anchor is "/" and the path too
        return HERE if path == self.base else key

    def encode_all(self, paths: Sequence[str]) -> list[bytes]:
        """The stored forms of several paths, in fewer steps than one by one."""
        keys = stored("\0".join(paths)).split(b"\0")
        if len(keys) != len(paths) or self.base in paths:  # no path of a file system holds a NUL
            return [self.encode(path) for path in paths]
        start, skip = self._start, len(self._start)
        return [key[skip:] if key.startswith(start) else key for key in keys] if self.base is not None else keys

    def decode(self, key: bytes) -> str:
        """The absolute path of a stored one. Raises IndexDamaged for a value that is no path."""
        # One that leads out of a folder that it names is never stored, except for keys of objects.
        goes_up = type(key) is bytes and b".." in key and b"://" not in key and b".." in key.split(b"/")
        if type(key) is not bytes or not key or b"\0" in key or goes_up:
            raise IndexDamaged(f"the index in {self.directory} has a path that is none: {key!r:.80}: {REMEDY}")
        if is_absolute(key):
            return _native(key)
        if self.base is None:
            raise IndexDamaged(f"the index in {self.directory} does not say where {key!r:.80} lies: {REMEDY}")
        return self.base if key == HERE else os.path.join(self.base, _native(key))

    def anchored(self, root: str) -> PathCodec:
        """The codec with `root` as anchor, if it contains the index and there is no anchor yet; else this one.

        The first root that contains the index stays the anchor: moving it later would tie stored paths to names of
        directories above it.
        """
        if self.anchor or not stored(self.directory).startswith(prefix(stored(root))):
            return self
        return PathCodec(self.directory, os.path.relpath(root, self.directory))

    def ranges(self, root: str) -> list[tuple[bytes, bytes]]:
        """Half-open ranges of stored paths that together hold everything strictly below `root`."""
        key = self.encode(root)
        if key == HERE:
            return _relative()
        absolute = key if is_absolute(key) else None
        ranges = [below(key)]
        if absolute is not None and self.base is not None and stored(self.base).startswith(prefix(absolute)):
            ranges += _relative()
        return ranges


def require_anchor(anchor: str, directory: str) -> str:
    """The anchor of an index in `directory`. Raises IndexDamaged unless it is a folder above the index, or its own."""
    steps = anchor.replace(os.sep, "/").split("/")
    if anchor and not (steps == ["."] or (len(steps) <= _DEEPEST and all(step == ".." for step in steps))):
        raise IndexDamaged(f"the index in {directory} is anchored at {anchor!r:.80}, no folder above it: {REMEDY}")
    return anchor


def stored(path: str) -> bytes:
    """An absolute path as bytes with `/` between its parts."""
    raw = os.fsencode(path)
    return raw if os.sep == "/" else raw.replace(os.fsencode(os.sep), b"/")


def is_absolute(key: bytes) -> bool:
    """True for a stored path that begins with `/`, on Windows with a drive, or is a URL (no relative path has `//`)."""
    return key.startswith(b"/") or b"://" in key or (os.name == "nt" and key[1:2] == b":")


def prefix(key: bytes) -> bytes:
    """The beginning of all stored paths below `key`."""
    return key if key.endswith(b"/") else key + b"/"


def below(key: bytes) -> tuple[bytes, bytes]:
    """The half-open range of the stored paths that begin with `key` and a separator."""
    start = prefix(key)
    return start, start[:-1] + b"0"  # "0" follows "/" in ASCII


def _relative() -> list[tuple[bytes, bytes]]:
    # Everything that does not begin with "/". No name is longer than 255 bytes, so none sorts after the end. URLs, and
    # on Windows drive letters, sort among the relative ones: callers have to check the paths that they get.
    return [(b"", b"/"), (b"0", b"\xff" * 256)]


def _native(key: bytes) -> str:
    return os.fsdecode(key if os.sep == "/" or b"://" in key else key.replace(b"/", os.fsencode(os.sep)))


class Moves:
    """Rewrites the beginnings of paths, for indexes made where the files lay elsewhere.

    Attributes:
        unused: old beginnings that no path had so far.
    """

    def __init__(self, moves: Sequence[tuple[str, str]] = ()) -> None:
        """Pairs of folders or files, old and new; of several that match a path the longest counts."""
        self._moves = sorted(((_beginning(old), old, new) for old, new in moves), key=lambda move: -len(move[0]))
        self.unused = {old for old, _ in moves}

    def __call__(self, path: str) -> str:
        """The new path; one that begins with none of the old ones stays as it is."""
        key = stored(path)
        for start, old, new in self._moves:
            if prefix(key).startswith(start):
                self.unused.discard(old)
                return os.path.join(new, _native(key[len(start) :])) if len(key) > len(start) else new
        return path


def _beginning(old: str) -> bytes:
    """The beginning of the stored forms of a folder and its contents; Windows drives are recognized on any system."""
    key = stored(old)
    return prefix((key.replace(b"\\", b"/") if key[1:2] == b":" else key).rstrip(b"/"))
