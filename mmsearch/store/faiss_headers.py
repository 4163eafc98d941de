"""What FAISS files say of themselves, compared with what they must be before FAISS itself reads them.

FAISS believes a file: it takes as much memory as a count in it says, opens another file that one names, and reads
behind the end of lists that are shorter than they say. So every count is looked at first, and each kind of file has
exactly one form here. Knows the layout of `faiss/impl/index_write.cpp` for the few indexes that we write.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from mmsearch.store.records import Kind
from mmsearch.system.lazy_import import LazyModule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = LazyModule("numpy")

_BLOCK = 32
"""Vectors that lie together where they are compared at once."""
_FP16, _8BIT = 4, 0
"""FAISS's numbers for kinds of scalar quantizers."""
_PRODUCT = 0
"""FAISS's number for inner products."""
_MOST_LISTS = 1 << 24


class Unlike(ValueError):
    """The file is not what it should be; says in which point."""


class _Fields:
    """The fields of an open file, one after the other, never beyond its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size
        file.seek(0)

    def take(self, form: str) -> int | float:
        """One number, by its letter in `struct`."""
        found = struct.Struct(f"<{form}")
        data = self._file.read(found.size)
        if len(data) < found.size:
            raise Unlike("it ends too early")
        value: int | float = found.unpack(data)[0]
        return value

    def expect(self, what: str, form: str, *allowed: int) -> int:
        """A whole number that is one of some, or any where none are given."""
        value = int(self.take(form))
        if allowed and value not in allowed:
            raise Unlike(f"{what} is {value}, not {allowed[0]}")
        return value

    def mark(self, *allowed: bytes) -> bytes:
        """Four letters that say what follows."""
        found = self._file.read(4)
        if found not in allowed:
            raise Unlike(f"it has the mark {found!r}")
        return found

    def skip(self, what: str, length: int, each: int, expected: int | None) -> None:
        """A vector: its length, then so many entries of `each` bytes."""
        self.expect(what, "Q", length if expected is None else expected)
        self.jump(what, length * each)

    def jump(self, what: str, count: int) -> None:
        """Go over bytes that have to be there."""
        if self._file.tell() + count > self.size:
            raise Unlike(f"{what} would be {count} bytes")
        self._file.seek(count, os.SEEK_CUR)

    def numbers(self, count: int) -> npt.NDArray[np.uint64]:
        """So many uint64."""
        data = self._file.read(8 * count)
        if len(data) < 8 * count:
            raise Unlike("it ends too early")
        return np.frombuffer(data, "<u8")

    @property
    def left(self) -> int:
        """Bytes that are behind the last field."""
        return self.size - self._file.tell()


def require_segment(file: BinaryIO, dim: int, count: int) -> None:
    """Make sure that an open file is an index of `count` float16 vectors of `dim` columns. Raises Unlike."""
    fields = _Fields(file)
    fields.mark(b"IxSQ")
    _scalar(fields, dim, count, _FP16, 2 * dim)
    if fields.left:
        raise Unlike(f"{fields.left} bytes lie behind its end")


def require_accelerator(file: BinaryIO, kind: Kind, dim: int, count: int) -> int:
    """Make sure that an open file is an accelerator of a kind, but for the tables behind it. Raises Unlike.

    Args:
        file: opened to read.
        kind: any but flat.
        dim: columns of the vectors that it holds, with those that fill them up.
        count: vectors that it holds.

    Returns:
        In how many lists they are; 1 where there are none.
    """
    fields = _Fields(file)
    lists = 1
    if kind == "int8":
        fields.mark(b"IxSQ")
        _scalar(fields, dim, count, _8BIT, dim)
    else:
        form = _LISTED[kind]
        lists = form(fields, dim, count)
    return lists


def _header(fields: _Fields, dim: int, count: int | None) -> None:
    fields.expect("the number of columns", "i", dim)
    fields.expect("the number of vectors", "q", *(() if count is None else (count,)))
    fields.jump("the header", 16)
    fields.expect("whether it is trained", "B", 1)
    fields.expect("how it compares", "i", _PRODUCT)


def _quantizer(fields: _Fields, dim: int, form: int, code: int) -> None:
    fields.expect("the form of numbers", "i", form)
    fields.jump("the range", 8)
    fields.expect("columns of a code", "Q", dim)
    fields.expect("bytes of a code", "Q", code)
    fields.skip("what was learnt", 0 if form == _FP16 else 2 * dim, 4, None)


def _scalar(fields: _Fields, dim: int, count: int, form: int, code: int) -> None:
    _header(fields, dim, count)
    _quantizer(fields, dim, form, code)
    fields.skip("the vectors", count * code, 1, None)


def _lists(fields: _Fields, dim: int, count: int) -> int:
    """What all indexes with lists begin with; how many lists there are."""
    _header(fields, dim, count)
    lists = fields.expect("the number of lists", "Q")
    if not 0 < lists <= _MOST_LISTS:
        raise Unlike(f"it has {lists} lists")
    fields.jump("the effort", 8)
    fields.mark(b"IxFI")
    _header(fields, dim, lists)
    fields.skip("the centroids", lists * dim, 4, None)
    fields.expect("the map", "B", 0)
    fields.skip("the map", 0, 8, None)
    return lists


def _held(fields: _Fields, lists: int, count: int, code: int, block: int = 1) -> None:
    """The lists themselves, the last of an index: `count` vectors, in whole blocks."""
    fields.mark(b"ilar")
    fields.expect("the number of lists", "Q", lists)
    fields.expect("bytes of a code", "Q", code)
    if fields.mark(b"full", b"sprs") == b"full":
        fields.expect("the sizes of lists", "Q", lists)
        sizes = fields.numbers(lists)
    else:
        length = fields.expect("the sizes of lists", "Q")
        if length > 2 * lists or length % 2:
            raise Unlike(f"{length} sizes of {lists} lists")
        pairs = fields.numbers(length).reshape(-1, 2)
        sizes = pairs[:, 1]
        if len(pairs) and (pairs[:, 0].max() >= lists or len(np.unique(pairs[:, 0])) < len(pairs)):
            raise Unlike("it has lists of no number")
    most = fields.left // (code + 8)
    if len(sizes) and (sizes.max() > most or (sizes % block).any()):
        raise Unlike("a list is longer than the file, or no whole blocks")
    total = int(sizes.sum())
    if total > most or (block == 1 and total != count) or total < count:
        raise Unlike(f"its lists hold {total} vectors, not {count}")
    fields.jump("the lists", total * (code + 8))


def _ivf(fields: _Fields, dim: int, count: int) -> int:
    fields.mark(b"IwSq")
    lists = _lists(fields, dim, count)
    _quantizer(fields, dim, _8BIT, dim)
    fields.expect("bytes of a code", "Q", dim)
    fields.expect("by residual", "B", 0, 1)
    _held(fields, lists, count, dim)
    return lists


def _coded(fields: _Fields, dim: int, parts: int, bits: int) -> None:
    """A product quantizer."""
    fields.expect("columns of a code", "Q", dim)
    fields.expect("parts of a code", "Q", parts)
    fields.expect("bits of a part", "Q", bits)
    fields.skip("the centroids of parts", dim << bits, 4, None)


def _pq(fields: _Fields, dim: int, count: int) -> int:
    fields.mark(b"IwPQ")
    lists = _lists(fields, dim, count)
    fields.expect("by residual", "B", 0, 1)
    fields.expect("bytes of a code", "Q", dim // 8)
    _coded(fields, dim, dim // 8, 8)
    _held(fields, lists, count, dim // 8)
    return lists


def _pq4(fields: _Fields, dim: int, count: int) -> int:
    fields.mark(b"IwPf")
    lists = _lists(fields, dim, count)
    fields.expect("by residual", "B", 0, 1)
    fields.expect("bytes of a code", "Q", dim // 4)
    fields.expect("vectors of a block", "i", _BLOCK)
    fields.expect("parts of a code", "Q", dim // 2)
    fields.expect("the way of comparing", "i", 0)
    fields.expect("queries at once", "Q", 0)
    _coded(fields, dim, dim // 2, 4)
    _held(fields, lists, count, dim // 4, _BLOCK)
    return lists


def _rabitq(fields: _Fields, dim: int, count: int) -> int:
    fields.mark(b"Iwrq")
    lists = _lists(fields, dim, count)
    code = -(-dim // 8) + 8
    fields.expect("columns of a code", "Q", dim)
    fields.expect("bytes of a code", "Q", code)
    fields.expect("how it compares", "i", _PRODUCT)
    fields.expect("bytes of a code", "Q", code)
    fields.expect("by residual", "B", 0, 1)
    fields.expect("bits of a query", "B", *range(9))
    _held(fields, lists, count, code)
    return lists


_LISTED: dict[str, Callable[[_Fields, int, int], int]] = {"ivf": _ivf, "pq4": _pq4, "pq": _pq, "rabitq": _rabitq}
