"""Where the parts of a file lie, by how its format is built, and the checksums that a change has to bring up to date.

Reads damaged files as well: what does not look like a part ends the list. Knows nothing of what parts mean.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal


@dataclass(frozen=True, slots=True)
class Block:
    """Part of a file, `[start, end)`, its content from `body` on.

    Attributes:
        length: where its length is written, 0 bytes if it is not.
        order: of the bytes of that number.
    """

    start: int
    body: int
    end: int
    length: tuple[int, int] = (0, 0)
    order: Literal["big", "little"] = "big"


def _number(data: bytes, at: int, size: int, order: Literal["big", "little"] = "big") -> int:
    return int.from_bytes(data[at : at + size], order)


def _png(data: bytes) -> Iterator[Block]:
    at = 8
    while at + 12 <= len(data):
        end = at + 12 + _number(data, at, 4)
        if end > len(data):
            return
        yield Block(at, at + 8, end, (at, 4))
        at = end


def _jpeg(data: bytes) -> Iterator[Block]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        end = at + 2 + _number(data, at + 2, 2)
        if data[at + 1] == 0xDA:  # the pixels follow, up to a mark that is none of theirs
            found = re.compile(rb"\xff[^\0\xd0-\xd7]", re.S).search(data, end)
            end = found.start() if found else len(data)
        if end > len(data):
            return
        yield Block(at, at + 4, end, (at + 2, 2))
        at = end


def _chunks(data: bytes, at: int, end: int, order: Literal["big", "little"]) -> Iterator[Block]:
    while at + 8 <= end:
        stop = min(end, at + 8 + _number(data, at + 4, 4, order))
        yield Block(at, at + 8, stop, (at + 4, 4), order)
        if data[at : at + 4] in (b"LIST", b"ANMF"):
            yield from _chunks(data, at + (12 if data[at : at + 4] == b"LIST" else 24), stop, order)
        at = stop + (stop - at) % 2


def _riff(data: bytes) -> Iterator[Block]:
    yield Block(0, 12, len(data), (4, 4), "little")
    yield from _chunks(data, 12, len(data), "little")


def _iff(data: bytes) -> Iterator[Block]:
    yield Block(0, 12, len(data), (4, 4))
    yield from _chunks(data, 12, len(data), "big")


_NESTS = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta", b"iprp", b"ipco", b"jp2h", b"grpl"}
)


def _boxes(data: bytes, at: int = 0, end: int = -1) -> Iterator[Block]:
    end = len(data) if end < 0 else end
    while at + 8 <= end:
        size = _number(data, at, 4)
        stop = end if size == 0 else min(end, at + max(8, size))
        name, body = data[at + 4 : at + 8], at + 8
        yield Block(at, body, stop, (at, 4))
        if name in _NESTS or name == b"meta":
            yield from _boxes(data, body + 4 * (name == b"meta"), stop)
        at = stop


_EBML_NESTS = frozenset({0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0x1F43B675, 0x1C53BB6B, 0x114D9B74})


def _ebml(data: bytes, at: int = 0, end: int = -1) -> Iterator[Block]:
    end = len(data) if end < 0 else end
    while at + 2 <= end and data[at]:
        wide = 9 - data[at].bit_length()
        long = 9 - data[at + wide].bit_length() if at + wide < end and data[at + wide] else 0
        if not long:
            return
        body = at + wide + long
        size = _number(data, at + wide, long) & ((1 << 7 * long) - 1)
        stop = min(end, body + size)
        yield Block(at, body, stop, (at + wide, long))
        if _number(data, at, wide) in _EBML_NESTS:
            yield from _ebml(data, body, stop)
        at = max(stop, body)


def _ogg(data: bytes) -> Iterator[Block]:
    starts = [found.start() for found in re.finditer(b"OggS", data)]
    for start, end in pairwise([*starts, len(data)]):
        yield Block(start, min(end, start + 27), end)


def _flac(data: bytes) -> Iterator[Block]:
    at, last = 4, False
    while at + 4 <= len(data) and not last:
        last = data[at] >= 0x80
        end = min(len(data), at + 4 + _number(data, at + 1, 3))
        yield Block(at, at + 4, end, (at + 1, 3))
        at = end
    yield Block(at, at, len(data))


def _tiff(data: bytes) -> Iterator[Block]:
    """Every entry of the directories, its `length` being the count of values."""
    order: Literal["big", "little"] = "little" if data[:2] == b"II" else "big"
    at = _number(data, 4, 4, order)
    for _ in range(8):
        if not 8 <= at < len(data) - 2:
            return
        count = _number(data, at, 2, order)
        for entry in range(at + 2, min(len(data) - 12, at + 2 + 12 * count), 12):
            yield Block(entry, entry + 8, entry + 12, (entry + 4, 4), order)
        at = _number(data, at + 2 + 12 * count, 4, order)


def _gif(data: bytes) -> Iterator[Block]:
    """The screen, then extensions and pictures as far as their sub-blocks can be followed."""
    at = 13 + (3 << (data[10] & 7) + 1 if len(data) > 10 and data[10] & 0x80 else 0)
    yield Block(6, 6, 13)
    while at + 10 < len(data) and data[at] in (0x21, 0x2C):
        start = at
        local = data[at] == 0x2C and data[at + 9] & 0x80
        at += 2 if data[at] == 0x21 else 11 + (3 << (data[at + 9] & 7) + 1 if local else 0)
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
        yield Block(start, start + 1, min(at, len(data)))


def _pdf(data: bytes) -> Iterator[Block]:
    for found in re.finditer(rb"\d+ \d+ obj\b.*?endobj\n?|xref\n.*", data, re.S):
        yield Block(found.start(), found.start() + 7, found.end())


def _lines(data: bytes) -> Iterator[Block]:
    for found in re.finditer(rb"[^\n<]+\n?|<[^>]*>?", data):
        yield Block(found.start(), found.start(), found.end())


def _header(data: bytes) -> Iterator[Block]:
    """Formats that are a header and then content: how long the one is, nobody says."""
    for start in range(0, min(len(data), 160), 16):
        yield Block(start, start, min(len(data), start + 16))
    yield Block(min(len(data), 160), min(len(data), 160), len(data))


def _stream(data: bytes) -> Iterator[Block]:
    """Packets that follow each other, cut at the mark that is most frequent in each kind of stream."""
    if data[:1] == b"G":
        starts = list(range(0, len(data), 188))
    else:
        mark = b"\0\0\1" if data[:3] == b"\0\0\1" else data[:2]
        starts = [found.start() for found in re.finditer(re.escape(mark), data)]
    for start, end in pairwise([*starts, len(data)]):
        yield Block(start, min(end, start + 4), end)


_WALKS: dict[str, Callable[[bytes], Iterator[Block]]] = {
    "png": _png,
    "jpeg": _jpeg,
    "gif": _gif,
    "webp": _riff,
    "riff": _riff,
    "iff": _iff,
    "boxes": _boxes,
    "ebml": _ebml,
    "ogg": _ogg,
    "flac": _flac,
    "tiff": _tiff,
    "pdf": _pdf,
    "text": _lines,
    "stream": _stream,
}


def blocks(data: bytes, family: str) -> list[Block]:
    """The parts of a file in order, those within others after them; none that is empty."""
    walk = _WALKS.get(family, _header)
    return [block for block in walk(data) if block.end > block.start] if len(data) > 16 else []


def repaired(data: bytes, family: str) -> bytes:
    """The same with all checksums right that a reader would look at before anything else."""
    out = bytearray(data)
    if family == "png":
        for block in _png(data):
            out[block.end - 4 : block.end] = zlib.crc32(data[block.start + 4 : block.end - 4]).to_bytes(4, "big")
    elif family == "ogg":
        for block in _ogg(data):
            if block.end - block.start >= 27:
                out[block.start + 22 : block.start + 26] = bytes(4)
                page = bytes(out[block.start : block.end])
                out[block.start + 22 : block.start + 26] = _ogg_checksum(page).to_bytes(4, "little")
    return bytes(out)


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
        table.append(value)
    return table


_OGG_TABLE = _table()


def _ogg_checksum(page: bytes) -> int:
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _OGG_TABLE[value >> 24 ^ byte]
    return value
