"""Changes that make a good file hostile: anywhere in its bytes, and at its parts, with checksums put right again.

Knows where parts of a format lie, not what they mean; files made from nothing are in other modules.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Literal

from tests.hostile.blocks import Block, blocks, repaired

Change = Callable[[bytes, bytes, str, Random], bytes]
"""Of a file, of another of the same or a different format, the family of the first, and a source of chance."""

MOST, MOST_TEXT = 200_000, 15_000
"""Bytes to which a file is blown up by repeating a part of it; each kB of a text becomes a passage to embed."""
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 63)
"""Numbers that readers multiply, add to or allocate without looking."""
_SIZES: tuple[int, ...] = (1, 2, 4, 4, 8)
_ORDERS: tuple[Literal["big", "little"], ...] = ("big", "little")


def put(data: bytes, at: int, new: bytes) -> bytes:
    """The same with `new` over what is there."""
    return data[:at] + new + data[at + len(new) :]


def _extreme(rng: Random, size: int, order: Literal["big", "little"]) -> bytes:
    number = rng.choice(_NUMBERS) & (1 << 8 * size) - 1
    return number.to_bytes(size, order)


def _part(data: bytes, family: str, rng: Random) -> Block:
    found = blocks(data, family)
    return rng.choice(found) if found else Block(0, 0, len(data))


# --- anywhere ---------------------------------------------------------------------------------------------------------


def truncated(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    return data[: rng.randint(1, max(1, len(data) - 1))]


def head_alone(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    return data[: rng.randint(1, 64)]


def tail_gone(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    return data[: -rng.randint(1, min(16, max(1, len(data) - 1)))]


def flipped(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 3, 10, 100))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def noise_in_header(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    at = rng.randrange(min(len(data), 200))
    return put(data, at, rng.randbytes(rng.randint(1, 8)))[: len(data)]


def spliced(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    return data[: rng.randrange(1, len(data))] + other[rng.randrange(len(other)) :]


def inserted(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    at, size = rng.randrange(len(data)), rng.choice((1, 2, 7, 64, 4096))
    return data[:at] + rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size))) + data[at:]


def cut_out(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice((1, 2, 7, 64, 1024)) :]


def zeroed(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    at = rng.randrange(len(data))
    size = min(len(data) - at, rng.choice((4, 64, 1024, 1 << 20)))
    return put(data, at, rng.choice((b"\0", b"\xff")) * size)


def appended(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    return data + rng.choice((other, bytes(5000), rng.randbytes(3000), data))


def lying_header(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    """Extreme numbers near the beginning, where sizes, rates and counts stand in most formats."""
    for _ in range(rng.randint(1, 3)):
        size = rng.choice(_SIZES)
        at = rng.randrange(min(len(data), 128)) // 2 * 2
        data = put(data, at, _extreme(rng, size, rng.choice(_ORDERS)))
    return data


# --- at parts ---------------------------------------------------------------------------------------------------------


def part_gone(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    block = _part(data, family, rng)
    return data[: block.start] + data[block.end :]


def part_twice(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    block = _part(data, family, rng)
    return data[: block.end] + data[block.start :]


def part_many_times(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    block = _part(data, family, rng)
    part = data[block.start : block.end]
    most = MOST_TEXT if family == "text" else MOST
    count = min(rng.choice((10, 1000, 20_000)), max(2, most // max(1, len(part))))
    return data[: block.end] + part * count + data[block.end :]


def parts_swapped(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    first, second = sorted((_part(data, family, rng), _part(data, family, rng)), key=lambda block: block.start)
    if second.start < first.end:
        return data[first.start : first.end] + data
    moved = data[second.start : second.end] + data[first.end : second.start] + data[first.start : first.end]
    return data[: first.start] + moved + data[second.end :]


def part_of_another(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    block, foreign = _part(data, family, rng), _part(other, family, rng)
    return data[: block.start] + other[foreign.start : foreign.end] + data[block.end :]


def part_nested(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    """A part inside of itself, its own length left as it is or true."""
    block = _part(data, family, rng)
    part = data[block.start : block.end]
    return data[: block.body] + part + data[block.body :]


def part_cut(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    """Less content than the part's length says."""
    block = _part(data, family, rng)
    return data[: rng.randint(block.body, max(block.body, block.end))] + data[block.end :]


def part_noise(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    block = _part(data, family, rng)
    return put(data, block.body, rng.randbytes(min(4096, max(0, block.end - block.body))))


def part_zero(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    block = _part(data, family, rng)
    return put(data, block.body, bytes(max(0, block.end - block.body)))


def lying_length(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    found = [block for block in blocks(data, family) if block.length[1]]
    if not found:
        return lying_header(data, other, family, rng)
    block = rng.choice(found)
    at, size = block.length
    true = int.from_bytes(data[at : at + size], block.order)
    lies = (0, 1, true - 1, true + 1, true * 2, true + 4096, (1 << 8 * size - 1), (1 << 8 * size) - 1)
    return put(data, at, (rng.choice(lies) % (1 << 8 * size)).to_bytes(size, block.order))


def lying_numbers(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    """Extreme numbers within a part: dimensions, rates, counts, offsets, durations."""
    for _ in range(rng.randint(1, 4)):
        block = _part(data, family, rng)
        room = min(64, block.end - block.body)
        if room > 0:
            size = rng.choice(_SIZES)
            at = block.body + rng.randrange(room) // min(size, 2) * min(size, 2)
            data = put(data, at, _extreme(rng, size, rng.choice(_ORDERS)))[: len(data)]
    return data


def several(data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    """Two to four of the other changes, one after the other."""
    for _ in range(rng.randint(2, 4)):
        change = rng.choice([one for one in CHANGES.values() if one is not several])
        data = changed(change, data, other, family, rng)
    return data


CHANGES: dict[str, Change] = {
    one.__name__: one
    for one in (
        *(truncated, head_alone, tail_gone, flipped, noise_in_header, spliced, inserted, cut_out, zeroed, appended),
        *(lying_header, part_gone, part_twice, part_many_times, parts_swapped, part_of_another, part_nested),
        *(part_cut, part_noise, part_zero, lying_length, lying_numbers, several),
    )
}
"""Every change by its name."""


def changed(change: Change, data: bytes, other: bytes, family: str, rng: Random) -> bytes:
    """A change of what is long enough for it, with its checksums right, at most twice `MOST` bytes or as it was."""
    if min(len(data), len(other)) < 4:
        return data
    out = repaired(change(data, other, family, rng), family)
    return out[: max(len(data), 2 * MOST)]
