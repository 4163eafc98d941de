"""What may become a hit: items of live files with their scores, and whether the file is still what was indexed.

Knows the reader's interface; nothing about models or ranking.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from mmsearch import scan
from mmsearch.errors import MediaError
from mmsearch.search.calibration import Background, LogOddsCalibration
from mmsearch.store import Located
from mmsearch.types import StageScore, clamp_mtime_ns, is_object_url

Scale: TypeAlias = Background | LogOddsCalibration
Key: TypeAlias = "tuple[str, int]"
"""A hit's path, and its ordinal where each part of a file is a hit of its own, else -1."""


@dataclass(slots=True)
class Candidate:
    """An item at a live file with its raw cosine, its relevance and what each stage of the ranking made of it."""

    place: Located
    score: float
    relevance: float
    stale: bool = False
    stages: dict[str, StageScore] = field(default_factory=dict)

    def key(self, by_segment: bool) -> Key:
        """What it competes as."""
        return self.place.item.path, self.place.item.ordinal if by_segment else -1

    @property
    def order(self) -> tuple[float, bytes, int]:
        """Sorts by relevance, the highest first, and then in a stable order."""
        item = self.place.item
        return -self.relevance, os.fsencode(item.path), item.ordinal


def best_by_key(candidates: Iterable[Candidate], by_segment: bool) -> dict[Key, Candidate]:
    """The first candidate of each key, in the order given."""
    best: dict[Key, Candidate] = {}
    for candidate in candidates:
        best.setdefault(candidate.key(by_segment), candidate)
    return best


class StalenessCache:
    """Whether files are there and what was indexed, asked once of each."""

    def __init__(self, may_read: Callable[[str], bool]) -> None:
        """`may_read` says whether the file at a path may be opened, as a reader's does."""
        self._may_read = may_read
        self._known: dict[str, bool | None] = {}

    def living(self, candidate: Candidate) -> bool:
        """Whether the file is there; notes on the candidate whether it has changed."""
        path = candidate.place.item.path
        if path not in self._known:
            self._known[path] = staleness(candidate.place, self._may_read)
        stale = self._known[path]
        candidate.stale = bool(stale)
        return stale is not None


def _any(path: str) -> bool:
    return True


def staleness(place: Located, may_read: Callable[[str], bool] = _any) -> bool | None:
    """None when the file is gone, True when it is no longer what was indexed, False when it is.

    Only a file whose time alone changed is read again, to see whether its content did; one that may not be read counts
    as changed then. No search asks a store about an
    object, which is taken for what it was.
    """
    return False if is_object_url(place.item.path) else _staleness(place, may_read)


def _staleness(place: Located, may_read: Callable[[str], bool]) -> bool | None:
    try:
        found = os.stat(place.item.path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return True
    if found.st_size == place.size and clamp_mtime_ns(found.st_mtime_ns) == place.mtime_ns:
        return False
    if found.st_size != place.size or not may_read(place.item.path):
        return True
    try:
        return _digest(place.item.path, found.st_size, found.st_mtime_ns) != place.item.digest
    except MediaError:
        return True


@lru_cache(maxsize=1024)
def _digest(path: str, size: int, mtime_ns: int) -> str:
    """Of a file of that size and time; a server does not read it anew for each query."""
    return scan.digest(path)
