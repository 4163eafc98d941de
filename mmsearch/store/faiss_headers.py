"""Checks the headers of FAISS files before FAISS reads them.

FAISS believes a file: it allocates as much memory as a count in it says, opens another file that one names, and reads
behind the end of lists that are shorter than they say. So every count is checked first, and each kind of file has
exactly one form here. Knows the layout of `faiss/impl/index_write.cpp` for the few indexes that we write.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO

from mmsearch.store.records import Kind
from mmsearch.system.lazy_import import LazyModule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = LazyModule("numpy")

BLOCK = 32
"""Vectors that `pq4` compares at once, and keeps together."""
_FP16, _8BIT = 4, 0
"""FAISS's numbers for kinds of scalar quantizers."""
_INNER_PRODUCT = 0
"""FAISS's number for inner products."""
_MOST_LISTS = 1 << 24
_MARKS = {"ivf": b"IwSq", "pq4": b"IwPf", "pq": b"IwPQ", "rabitq": b"Iwrq"}
"""The first four bytes of an index with lists, by its kind."""


class HeaderMismatch(ValueError):
    """The file has the wrong header; the message names the field."""


class _Fields:
    """The fields of an open file, one after the other, never beyond its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size
        file.seek(0)

    def _bytes(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise HeaderMismatch("it ends too early")
        return data

    def expect(self, name: str, form: str, *allowed: int) -> int:
        """A whole number by its letter in `struct`: one of the allowed ones, or any if none are given."""
        value = int(struct.unpack(f"<{form}", self._bytes(struct.calcsize(f"<{form}")))[0])
        if allowed and value not in allowed:
            raise HeaderMismatch(f"{name} is {value}, not {allowed[0]}")
        return value

    def mark(self, *allowed: bytes) -> bytes:
        """Four letters that say what follows."""
        mark = self._file.read(4)
        if mark not in allowed:
            raise HeaderMismatch(f"it has the mark {mark!r}")
        return mark

    def skip(self, name: str, length: int, size: int) -> None:
        """Skip a vector: its length, then `length` entries of `size` bytes."""
        self.expect(name, "Q", length)
        self.jump(name, length * size)

    def jump(self, name: str, count: int) -> None:
        """Skip bytes that have to be there."""
        if self._file.tell() + count > self.size:
            raise HeaderMismatch(f"{name} would be {count} bytes")
        self._file.seek(count, os.SEEK_CUR)

    def numbers(self, count: int) -> npt.NDArray[np.uint64]:
        """The next `count` numbers, uint64."""
        return np.frombuffer(self._bytes(8 * count), "<u8")

    @property
    def remaining(self) -> int:
        """Bytes behind the last field."""
        return self.size - self._file.tell()

    # --- parts of FAISS indexes ---

    def header(self, dim: int, count: int) -> None:
        self.expect("the number of columns", "i", dim)
        self.expect("the number of vectors", "q", count)
        self.jump("the header", 16)
        self.expect("whether it is trained", "B", 1)
        self.expect("how it compares", "i", _INNER_PRODUCT)

    def scalar_quantizer(self, dim: int, form: int, code: int) -> None:
        self.expect("the form of numbers", "i", form)
        self.jump("the range", 8)
        self.expect("columns of a code", "Q", dim)
        self.expect("bytes of a code", "Q", code)
        self.skip("the trained values", 0 if form == _FP16 else 2 * dim, 4)

    def product_quantizer(self, dim: int, parts: int, bits: int) -> None:
        self.expect("columns of a code", "Q", dim)
        self.expect("parts of a code", "Q", parts)
        self.expect("bits of a part", "Q", bits)
        self.skip("the centroids of parts", dim << bits, 4)

    def flat_index(self, dim: int, count: int, form: int, code: int) -> None:
        self.mark(b"IxSQ")
        self.header(dim, count)
        self.scalar_quantizer(dim, form, code)
        self.skip("the vectors", count * code, 1)

    def list_header(self, dim: int, count: int) -> int:
        """The beginning of all indexes with lists; returns how many lists there are."""
        self.header(dim, count)
        lists = self.expect("the number of lists", "Q")
        if not 0 < lists <= _MOST_LISTS:
            raise HeaderMismatch(f"it has {lists} lists")
        self.jump("the effort", 8)
        self.mark(b"IxFI")
        self.header(dim, lists)
        self.skip("the centroids", lists * dim, 4)
        self.expect("the map", "B", 0)
        self.skip("the map", 0, 8)
        return lists

    def list_contents(self, lists: int, count: int, code: int, block: int) -> None:
        """The end of all indexes with lists: the lists themselves, `count` vectors in whole blocks."""
        self.mark(b"ilar")
        self.expect("the number of lists", "Q", lists)
        self.expect("bytes of a code", "Q", code)
        if self.mark(b"full", b"sprs") == b"full":
            self.expect("the sizes of lists", "Q", lists)
            sizes = self.numbers(lists)
        else:
            length = self.expect("the sizes of lists", "Q")
            if length > 2 * lists or length % 2:
                raise HeaderMismatch(f"{length} sizes of {lists} lists")
            pairs = self.numbers(length).reshape(-1, 2)
            sizes = pairs[:, 1]
            if len(pairs) and (pairs[:, 0].max() >= lists or len(np.unique(pairs[:, 0])) < len(pairs)):
                raise HeaderMismatch("it has lists of no number")
        capacity = self.remaining // (code + 8)
        if len(sizes) and (sizes.max() > capacity or (sizes % block).any()):
            raise HeaderMismatch("a list is longer than the file, or no whole blocks")
        total = int(sizes.sum())
        if total > capacity or (block == 1 and total != count) or total < count:
            raise HeaderMismatch(f"its lists hold {total} vectors, not {count}")
        self.jump("the lists", total * (code + 8))


def require_segment(file: BinaryIO, dim: int, count: int) -> None:
    """Check that an open file is an index of `count` float16 vectors of `dim` columns. Raises HeaderMismatch."""
    fields = _Fields(file)
    fields.flat_index(dim, count, _FP16, 2 * dim)
    if fields.remaining:
        raise HeaderMismatch(f"{fields.remaining} bytes lie behind its end")


def require_ann_index(file: BinaryIO, kind: Kind, dim: int, count: int) -> int:
    """Check that an open file is an ANN index, except for the tables behind it. Raises HeaderMismatch.

    Args:
        file: opened to read.
        kind: any but flat.
        dim: columns of the vectors that it holds, padding included.
        count: vectors that it holds.

    Returns:
        The number of its lists; 1 for an index without lists.
    """
    fields = _Fields(file)
    if kind == "int8":
        fields.flat_index(dim, count, _8BIT, dim)
        return 1
    fields.mark(_MARKS[kind])
    lists = fields.list_header(dim, count)
    code, block = dim, 1
    if kind == "ivf":
        fields.scalar_quantizer(dim, _8BIT, dim)
        fields.expect("bytes of a code", "Q", code)
        fields.expect("by residual", "B", 0, 1)
    elif kind == "pq":
        code = dim // 8
        fields.expect("by residual", "B", 0, 1)
        fields.expect("bytes of a code", "Q", code)
        fields.product_quantizer(dim, dim // 8, 8)
    elif kind == "pq4":
        code, block = dim // 4, BLOCK
        fields.expect("by residual", "B", 0, 1)
        fields.expect("bytes of a code", "Q", code)
        fields.expect("vectors of a block", "i", BLOCK)
        fields.expect("parts of a code", "Q", dim // 2)
        fields.expect("the way of comparing", "i", 0)
        fields.expect("queries at once", "Q", 0)
        fields.product_quantizer(dim, dim // 2, 4)
    else:
        code = -(-dim // 8) + 8
        fields.expect("columns of a code", "Q", dim)
        fields.expect("bytes of a code", "Q", code)
        fields.expect("how it compares", "i", _INNER_PRODUCT)
        fields.expect("bytes of a code", "Q", code)
        fields.expect("by residual", "B", 0, 1)
        fields.expect("bits of a query", "B", *range(9))
    fields.list_contents(lists, count, code, block)
    return lists
