"""A search as people write it, on a command line or in a request: types, sizes, lengths, dates, folders and the rest.

Plain data that travels between processes, and how it is read. Knows nothing of how a filter or an option is applied.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from mmsearch.errors import UsageError

if TYPE_CHECKING:
    from mmsearch.search.options import Mode, SearchOptions
    from mmsearch.search.query import QuerySpec
    from mmsearch.store import Bounds, Filter
    from mmsearch.types import Modality

_SIZES = {
    "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
    "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40,
}  # fmt: skip
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_NUMBER = 18
_DATES = ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f")


@dataclass(frozen=True)
class SearchRequest:
    """A search with all its options as they were written: texts, numbers and flags.

    Attributes:
        texts, negatives, image, audio, video, like: the query, as `QuerySpec` has them.
        base: the folder that relative paths and globs start from; empty for the working directory.
        types, globs, inside, after, before, size, width, height, duration: which files may answer.
        top, mode, raw, min_relevance, all_segments, fold: how they are ranked, and how much of it comes back.
        rerank: whether a reranker reads the best again; `reranker` names another one than the index's own.
    """

    texts: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()
    video: tuple[str, ...] = ()
    like: tuple[str, ...] = ()
    base: str = ""
    types: str | None = None
    globs: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    after: str | None = None
    before: str | None = None
    size: tuple[str, ...] = ()
    width: tuple[str, ...] = ()
    height: tuple[str, ...] = ()
    duration: tuple[str, ...] = ()
    top: int = 10
    mode: str = "hybrid"
    raw: bool = False
    min_relevance: float | None = None
    all_segments: bool = False
    fold: bool = False
    rerank: bool = False
    reranker: str | None = None
    rerank_depth: int = 20
    rerank_budget: float | None = None
    rerank_types: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object with one key an attribute."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SearchRequest:
        """What `to_json` gave; raises TypeError for anything that is no such object."""
        known = {one.name for one in fields(cls)}
        if not known.issuperset(data):
            raise TypeError(f"unknown: {sorted(set(data) - known)[0]}")
        given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
        return cls(**given)

    def elsewhere(self) -> SearchRequest:
        """The same for a process with another working directory and, some moments later, another clock."""
        here = os.getcwd()
        folders = tuple(_absolute(folder, here) for folder in self.inside)
        after, before = (None if text is None else parse_date(text).isoformat() for text in (self.after, self.before))
        return replace(self, base=self.base or here, inside=folders, after=after, before=before)

    def asked(self) -> QuerySpec:
        """The query, not yet looked at."""
        from mmsearch.search.query import QuerySpec

        return QuerySpec(self.texts, self.negatives, self.image, self.audio, self.video, self.like, self.base)

    def options(self, patience: float | None = None) -> SearchOptions:
        """What is asked of the search, with `patience` for globs as `glob_filter` has it.

        Raises:
            UsageError: a value that cannot be read.
        """
        from mmsearch.search.options import SearchOptions

        ranges = {"size": self.size, "width": self.width, "height": self.height, "duration": self.duration}
        dates = self.after, self.before
        return SearchOptions(
            top=self.top,
            where=make_filter(self.types, self.globs, self.inside, dates, ranges, self.base or None, patience),
            rerank_depth=self.rerank_depth,
            mode=cast("Mode", self.mode),
            calibrated=not self.raw,
            min_relevance=self.min_relevance,
            all_segments=self.all_segments,
            rerank_budget=self.rerank_budget,
            rerank_types=parse_types(self.rerank_types),
            fold=self.fold,
        )


def parse_types(value: str | None) -> frozenset[Modality] | None:
    """`image,video` as a set of modalities; None for no filter."""
    from mmsearch.types import MODALITIES

    if value is None:
        return None
    names = [name.strip() for name in value.split(",") if name.strip()]
    chosen = frozenset(modality for modality in MODALITIES if modality in names)
    if unknown := [name for name in names if name not in MODALITIES]:
        raise UsageError(f"unknown type {unknown[0]!r}: choose from {', '.join(MODALITIES)}")
    if not chosen:
        raise UsageError(f"empty type: choose from {', '.join(MODALITIES)}")
    return chosen


def make_filter(
    types: str | None,
    globs: Sequence[str],
    folders: Sequence[str],
    dates: tuple[str | None, str | None],
    ranges: Mapping[str, Sequence[str]],
    base: str | None = None,
    patience: float | None = None,
) -> Filter:
    """The filter that all of these options together ask for; `ranges` by field, such as `size`: `+1M`.

    Globs match paths relative to `base`, by default the working directory, with `patience` as `glob_filter` has it.

    Raises:
        UsageError: a value that cannot be read, with the forms that can.
    """
    from mmsearch.scan import glob_filter
    from mmsearch.store import Filter

    after, before = (None if text is None else parse_date(text) for text in dates)
    bounds = {field: parse_ranges(f"--{field}", texts, _READERS[field]) for field, texts in ranges.items()}
    return Filter(
        parse_types(types),
        glob_filter(globs, base, patience) if globs else None,
        tuple(_folder(folder) for folder in folders),
        after=after,
        before=before,
        **bounds,
    )


def parse_ranges(option: str, texts: Sequence[str], read: Callable[[str], float]) -> Bounds:
    """`+1M` is at least, `-1M` at most, `1M..2M` between and `1M` just that; several hold together."""
    from mmsearch.store import Bounds

    least: list[float] = []
    most: list[float] = []
    for text in texts:
        low, dots, high = text.partition("..")
        if not dots:
            low, high = (text[1:], "") if text[:1] == "+" else ("", text[1:]) if text[:1] == "-" else (text, text)
        try:
            least += [read(low)] if low else []
            most += [read(high)] if high else []
        except ValueError:
            low = high = ""
        if not low and not high:
            raise UsageError(f"{option} {text!r} is no range: write +1 for at least, -1 for at most, or 1..2")
    return Bounds(max(least, default=None), min(most, default=None))


def read_size(text: str) -> float:
    """Bytes of `500`, `10k`, `1.5M`, `2GiB`; ValueError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?", text.strip().lower())
    if found is None:
        raise ValueError(text)
    return float(found[1]) * _SIZES[found[2] or "b"]


def read_seconds(text: str) -> float:
    """Seconds of `90`, `1.5m`, `2h` or `1:30`; ValueError for anything else."""
    if re.fullmatch(r"\d+(:\d{1,2}){1,2}(\.\d+)?", text):
        total = 0.0
        for part in text.split(":"):
            total = 60 * total + float(part)
        return total
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])?", text.strip().lower())
    if found is None:
        raise ValueError(text)
    return float(found[1]) * _SECONDS[found[2] or "s"]


def _read_pixels(text: str) -> float:
    """ValueError for what is no whole number, or a longer one than any picture has."""
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(text)
    return float(int(text))


_READERS = {"size": read_size, "width": _read_pixels, "height": _read_pixels, "duration": read_seconds}


def parse_date(text: str) -> datetime:
    """The beginning of `2024`, `2024-03`, `2024-03-12` or `2024-03-12T18:30`, or so long ago: `12h`, `7d`, `2w`.

    Raises:
        UsageError: it is none of these.
    """
    if re.fullmatch(r"\d+(\.\d+)?[hdw]", text):
        try:
            return datetime.now() - timedelta(seconds=read_seconds(text))
        except OverflowError:
            raise UsageError(f"{text!r} is too long ago") from None
    for form in _DATES:
        try:
            return datetime.strptime(text.replace(" ", "T"), form)
        except ValueError:
            continue
    raise UsageError(f"{text!r} is no date: write 2024, 2024-03, 2024-03-12, 2024-03-12T18:30, or 7d for days ago")


def _absolute(folder: str, here: str) -> str:
    from mmsearch.types import is_object_url

    return folder if is_object_url(folder) else os.path.join(here, os.path.expanduser(folder))


def _folder(path: str) -> str:
    from mmsearch.scan import spelled
    from mmsearch.types import is_object_url

    return path.rstrip("/") if is_object_url(path) else spelled(os.path.expanduser(path))
