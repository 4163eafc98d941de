"""Sounds and films made from nothing, or from a good one, to be too much: absurd rates, channels, counts and depths.

Each is small as a file. Knows the formats alone, not what a reader does with them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

from tests.hostile.blocks import blocks
from tests.hostile.changes import put
from tests.hostile.formats import FORMATS, words

Craft = Callable[[Random], bytes]
_RATES = (0, 1, 7, 999, 1_600_000, 0x7FFFFFFF, 0xFFFFFFFF)
_CHANNELS = (0, 1, 3, 9, 64, 255, 65_535)
_COUNTS = (0, 1, 1000, 0x00FFFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def riff(form: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + form + body


def _samples(rng: Random, size: int = 8000) -> bytes:
    return rng.randbytes(size // 8) * 8


def wav_absurd(rng: Random) -> bytes:
    """Rates, channels and widths that no sound has."""
    rate, channels = rng.choice((8000, *_RATES)), rng.choice((1, *_CHANNELS))
    bits, packing = rng.choice((0, 1, 8, 16, 24, 64, 65_535)), rng.choice((0, 1, 1, 2, 3, 6, 17, 85, 0xFFFE))
    head = struct.pack("<HHIIHH", packing, channels, rate, rng.choice(_COUNTS), rng.choice((0, 1, 4, 65_535)), bits)
    return riff(b"WAVE", (b"fmt ", head), (b"data", _samples(rng)))


def wav_without_sound(rng: Random) -> bytes:
    head = struct.pack("<HHIIHH", 1, 1, 8000, 16_000, 2, 16)
    return riff(b"WAVE", (b"fmt ", head), (b"LIST", b"INFOICMT" + words(rng).encode()), (b"data", b""))


def wav_of_parts(rng: Random) -> bytes:
    """Thousands of chunks that mean nothing."""
    head = struct.pack("<HHIIHH", 1, 1, 8000, 16_000, 2, 16)
    junk = [(b"junk", rng.randbytes(2))] * rng.choice((1000, 10_000))
    return riff(b"WAVE", *junk, (b"fmt ", head), (b"data", _samples(rng)))


def wav_long(rng: Random) -> bytes:
    """An hour of silence says its length, and is not there."""
    head = struct.pack("<HHIIHH", 1, 1, 8000, 16_000, 2, 16)
    made = riff(b"WAVE", (b"fmt ", head), (b"data", _samples(rng)))
    return put(made, made.find(b"data") + 4, struct.pack("<I", rng.choice((57_600_000, 0x7FFFFFFF, 0xFFFFFFFF))))


def wav_slow(rng: Random) -> bytes:
    """Few samples of so low a rate that they are minutes."""
    rate = rng.choice((1000, 1100, 2000))
    head = struct.pack("<HHIIHH", 1, 1, rate, rate, 1, 8)
    return riff(b"WAVE", (b"fmt ", head), (b"data", _samples(rng, 32_000)))


def au_absurd(rng: Random) -> bytes:
    numbers = rng.choice((0, 24, 0xFFFFFFFF)), rng.choice(_COUNTS), rng.choice((1, 2, 3, 5, 6, 23, 27))
    head = struct.pack(">IIIII", *numbers, rng.choice((8000, *_RATES)), rng.choice((1, *_CHANNELS)))
    return b".snd" + head + _samples(rng, 3000)


def aiff_absurd(rng: Random) -> bytes:
    exponent = rng.choice((0x400B, 0x401E, 0x7FFF, 0, 0xFFFF))
    common = struct.pack(
        ">hIhHQ", rng.choice((1, 0, -1, 300)), rng.choice(_COUNTS), 16, exponent, rng.choice((1 << 63, 0))
    )
    body = b"COMM" + struct.pack(">I", 18) + common + b"SSND" + struct.pack(">I", 2008) + bytes(8) + _samples(rng, 2000)
    return b"FORM" + struct.pack(">I", len(body) + 4) + b"AIFF" + body


def flac_absurd(rng: Random) -> bytes:
    """The one header that all decoders believe, full of extremes."""
    made = FORMATS["flac"].make(rng)
    for _ in range(3):
        at = 8 + rng.randrange(18)
        made = put(made, at, rng.choice((b"\0", b"\xff", b"\xff\xff\xff", rng.randbytes(2))))
    return made


def id3_huge(rng: Random) -> bytes:
    """Notes before the sound that say they are as long as can be, or are many."""
    one = b"TIT2" + struct.pack(">I", 400) + b"\0\0\0" + words(rng).encode().ljust(399)
    size = rng.choice((b"\x7f\x7f\x7f\x7f", b"\0\0\x7f\x7f", b"\0\1\0\0"))
    return b"ID3\4\0\0" + size + one * rng.choice((1, 300)) + FORMATS["mp3"].make(rng)


def box(name: bytes, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4, "big") + name + body


def deep_boxes(rng: Random) -> bytes:
    """Boxes in boxes, thousands deep; each says how long it is."""
    body, name = words(rng).encode(), rng.choice((b"moov", b"udta", b"meta", b"trak", b"ipco"))
    for _ in range(rng.choice((100, 1000, 8000))):
        body = box(name, body)
    return box(b"ftyp", b"isom\0\0\2\0isommp42") + box(b"moov", body)


def many_tracks(rng: Random) -> bytes:
    """The only track again and again."""
    made = FORMATS["mp4"].make(rng)
    track = next(one for one in blocks(made, "boxes") if made[one.start + 4 : one.start + 8] == b"trak")
    more = made[track.start : track.end] * rng.choice((20, 100))
    moov = next(one for one in blocks(made, "boxes") if made[one.start + 4 : one.start + 8] == b"moov")
    size = (moov.end - moov.start + len(more)).to_bytes(4, "big")
    return put(made[: track.end] + more + made[track.end :], moov.start, size)


def lying_tables(rng: Random, name: str = "mp4") -> bytes:
    """Counts, times and sizes of a film's tables, all extreme."""
    made = FORMATS[name].make(rng)
    tables = {b"stts", b"stsz", b"stsc", b"stco", b"ctts", b"stss", b"mvhd", b"mdhd", b"tkhd", b"elst", b"stsd"}
    return _lying(rng, made, tables, 3, 4)


def lying_picture_boxes(rng: Random) -> bytes:
    """The same for a still picture: its sides, where its bytes lie, how many there are."""
    made = FORMATS[rng.choice(("avif", "avif", "heic"))].make(rng)
    tables = {b"ispe", b"iloc", b"iinf", b"ipma", b"pitm", b"iref", b"hdlr", b"av1C", b"pixi"}
    return _lying(rng, made, tables, 2, 2)


def _lying(rng: Random, made: bytes, tables: set[bytes], most: int, step: int) -> bytes:
    """A file with an extreme number in some boxes of these names, at a multiple of `step` behind their start."""
    found = [one for one in blocks(made, "boxes") if made[one.start + 4 : one.start + 8] in tables]
    for one in rng.sample(found, min(most, len(found))):
        at = one.body + step * rng.randrange(1, max(2, (one.end - one.body) // step))
        made = put(made, at, rng.choice(_COUNTS).to_bytes(4, "big"))
    return made


def jp2_huge_claim(rng: Random) -> bytes:
    """Sides and tiles of the codestream, all extreme."""
    made = FORMATS["jp2"].make(rng)
    at = made.find(b"\xff\x51") + 6
    for _ in range(rng.randint(1, 3)):
        made = put(made, at + 4 * rng.randrange(8), rng.choice((*_COUNTS, 20_000)).to_bytes(4, "big"))
    return made


def deep_elements(rng: Random) -> bytes:
    """Elements of Matroska in each other, all of unknown length."""
    segment, master = (
        b"\x18\x53\x80\x67\x01" + b"\xff" * 7,
        rng.choice((b"\x1f\x43\xb6\x75", b"\x16\x54\xae\x6b", b"\xae")),
    )
    head = FORMATS["mka"].make(rng)[:40]
    return head + segment + (master + b"\x01" + b"\xff" * 7) * rng.choice((100, 5000)) + words(rng).encode()


def lying_elements(rng: Random) -> bytes:
    """Rates, sides, scales and times of a Matroska film, all extreme."""
    made = FORMATS["mkv"].make(rng)
    for mark, size in rng.sample(
        ((b"\x2a\xd7\xb1", 3), (b"\xb0", 1), (b"\xba", 1), (b"\xb5", 4), (b"\xe7", 1), (b"\x9f", 1)), 2
    ):
        at = made.find(mark)
        if at > 0:
            made = put(made, at + len(mark) + 1, rng.choice((b"\0", b"\xff", b"\x7f")) * size)
    return made


def huge_frames(rng: Random) -> bytes:
    """Raw frames that say they are larger than the file, the memory or both."""
    sides = rng.choice((100_000, 8000, 30_000)), rng.choice((100_000, 8000, 1))
    return b"YUV4MPEG2 W%d H%d F25:1 Ip C420jpeg\nFRAME\n" % sides + _samples(rng, 20_000)


def many_frames(rng: Random) -> bytes:
    """Thousands of frames of a few pixels, at thousands a second or one in hours."""
    rate = rng.choice((b"25:1", b"100000:1", b"1:3600"))
    head = b"YUV4MPEG2 W16 H16 F" + rate + b" Ip C420jpeg\n"
    return head + b"".join(b"FRAME\n" + bytes([rng.randrange(256)]) * 384 for _ in range(rng.choice((12, 40, 100))))


CRAFTED: dict[str, tuple[Craft, ...]] = {
    "wav": (wav_absurd, wav_without_sound, wav_of_parts, wav_long, wav_slow),
    "au": (au_absurd,),
    "aiff": (aiff_absurd,),
    "flac": (flac_absurd,),
    "mp3": (id3_huge,),
    "m4a": (deep_boxes, lambda rng: lying_tables(rng, "m4a")),
    "mp4": (deep_boxes, many_tracks, lying_tables),
    "mov": (lambda rng: lying_tables(rng, "mov"),),
    "avif": (lying_picture_boxes,),
    "heic": (lying_picture_boxes,),
    "jp2": (jp2_huge_claim,),
    "mkv": (deep_elements, lying_elements),
    "y4m": (huge_frames, many_frames),
}
"""By the name of the format, up to its first hyphen."""
