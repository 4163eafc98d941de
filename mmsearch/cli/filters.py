"""The filters of a command line as a `Filter`: sizes, lengths, dates and folders in the forms that people write.

Knows nothing of how a filter is applied.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mmsearch.cli.common import parse_types
from mmsearch.errors import UsageError

if TYPE_CHECKING:
    from mmsearch.store import Bounds, Filter

_SIZES = {
    "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
    "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40,
}  # fmt: skip
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_NUMBER = 18
_DATES = ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


def make_filter(
    types: str | None,
    globs: Sequence[str],
    folders: Sequence[str],
    dates: tuple[str | None, str | None],
    ranges: Mapping[str, Sequence[str]],
) -> Filter:
    """The filter that all of these options together ask for; `ranges` by field, such as `size`: `+1M`.

    Raises:
        UsageError: a value that cannot be read, with the forms that can.
    """
    from mmsearch.scan import glob_filter
    from mmsearch.store import Filter

    after, before = (None if text is None else parse_date(text) for text in dates)
    bounds = {field: parse_ranges(f"--{field}", texts, _READERS[field]) for field, texts in ranges.items()}
    return Filter(
        parse_types(types),
        glob_filter(globs) if globs else None,
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


def _folder(path: str) -> str:
    from mmsearch.core import is_object
    from mmsearch.scan import spelled

    return path.rstrip("/") if is_object(path) else spelled(os.path.expanduser(path))
