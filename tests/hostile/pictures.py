"""Pictures made from nothing to be too much: of pixels, of frames, of parts, of what unpacks to far more.

Each is small as a file. Knows the formats alone, not what a reader does with them.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache
from random import Random

from PIL import Image

from tests.hostile.formats import picture, words

Craft = Callable[[Random], bytes]
_HUGE = (20_000, 65_500, 1_000_000, 0x7FFFFFFF, 0xFFFFFFFF)


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG with its true length and checksum."""
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def png(width: int, height: int, data: bytes, depth: int = 8, colour: int = 0, more: bytes = b"") -> bytes:
    """A PNG with that header, these chunks before the pixels, and these packed pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _salt(rng: Random) -> bytes:
    return chunk(b"tEXt", b"Comment\0" + words(rng, 1, 3).encode())


def png_huge_claim(rng: Random) -> bytes:
    sides = rng.choice(_HUGE), rng.choice((1, 16, *_HUGE))
    return png(*rng.sample(sides, 2), zlib.compress(bytes(100)), more=_salt(rng))


def png_packed(rng: Random) -> bytes:
    """Pixels of one colour: a thousandth of their size as a file, and within every limit but those of memory."""
    side = rng.choice((2000, 2000, 3000, 3000, 4000, 5000, 16_000))
    return png(side, side, zlib.compress(bytes((side // 8 + 1) * side), 1), 1, more=_salt(rng))


def png_strip(rng: Random) -> bytes:
    long = rng.choice((10_000, 100_000, 1_000_000, 30_000_000))
    wide, high = rng.sample((1, long), 2)
    return png(wide, high, zlib.compress(bytes((wide + 1) * high), 1), more=_salt(rng))


@lru_cache
def _zeros(size: int) -> bytes:
    return zlib.compress(bytes(size), 6)


def png_packed_notes(rng: Random) -> bytes:
    """Texts and profiles that unpack to megabytes."""
    packed = _zeros(rng.choice((1, 20, 60)) << 20)
    more = rng.choice((chunk(b"zTXt", b"a\0\0" + packed), chunk(b"iCCP", b"p\0\0" + packed)))
    return png(8, 8, zlib.compress(rng.randbytes(72)), more=_salt(rng) + more * rng.choice((1, 5)))


def png_odd_header(rng: Random) -> bytes:
    return png(
        rng.randrange(40), rng.randrange(40), zlib.compress(rng.randbytes(900)), rng.randrange(33), rng.randrange(9),
        more=_salt(rng),
    )  # fmt: skip


def png_frames(rng: Random) -> bytes:
    """An animation that says it has billions of frames, or has hundreds, some beyond its edge."""
    count = rng.choice((100, 400))
    told = rng.choice((count, 0, 0xFFFFFFFF))
    out = [chunk(b"acTL", struct.pack(">II", told, 0))]
    data = zlib.compress(bytes(9 * 8))
    for number in range(count):
        width = rng.choice((8, 8, 8, 0, 5000))
        control = struct.pack(">IIIIIHHBB", 2 * number, width, 8, 0, 0, rng.randrange(9), rng.randrange(2), 0, 0)
        out += [chunk(b"fcTL", control), chunk(b"fdAT", (2 * number + 1).to_bytes(4, "big") + data)]
    return png(8, 8, data, more=_salt(rng) + b"".join(out))


def gif_frames(rng: Random) -> bytes:
    """Thousands of frames, a few of them on a large screen."""
    side = rng.choice((8, 32, 100, 1000))
    count = rng.choice((1000, 5000)) if side < 1000 else 60
    out = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + rng.randbytes(6)
    # One pixel of the first colour: clear, 0, end in codes of three bits.
    frame = b"\x21\xf9\x04\x08\0\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return out + frame * count + b";"


def gif_screen(rng: Random) -> bytes:
    sides = rng.choice((12_000, 30_000, 65_535)), rng.choice((1, 12_000, 65_535))
    out = b"GIF89a" + struct.pack("<HHBBB", *sides, 0x80, 0, 0) + rng.randbytes(6)
    return out + (b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0") * rng.choice((1, 3)) + b";"


def webp_packed(rng: Random) -> bytes:
    return _packed("WEBP", rng.choice((1500, 3000, 6000)), rng, lossless=True, method=0)


def webp_frames(rng: Random) -> bytes:
    frame = io.BytesIO()
    picture(rng, least=16, most=16).save(frame, "WEBP")
    inside = frame.getvalue()[12:]
    side = rng.choice((16, 16, 64, 2000))
    count = rng.choice((300, 1000)) if side < 2000 else 40
    moving = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + (side - 1).to_bytes(3, "little") * 2
    moving += b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    place = rng.choice((0, 0, 0, 5000)).to_bytes(3, "little")
    head = place + bytes(3) + (15).to_bytes(3, "little") * 2 + (50).to_bytes(3, "little") + b"\0"
    body = head + inside
    moving += (b"ANMF" + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)) * count
    return b"RIFF" + (len(moving) + 4).to_bytes(4, "little") + b"WEBP" + moving


def _packed(name: str, side: int, rng: Random, **options: object) -> bytes:
    out = io.BytesIO()
    one = Image.new("RGB", (side, side), tuple(rng.randrange(256) for _ in range(3)))
    one.save(out, name, **options)
    return out.getvalue()


def tiff(entries: list[tuple[int, int, int, int]], then: int = 0, more: bytes = b"") -> bytes:
    """A TIFF of one directory: tag, type, count and value or offset each; `then` is where it says the next one is."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + body + struct.pack("<I", then) + more


def _grey(width: int, height: int, data_at: int, size: int, packing: int = 1) -> list[tuple[int, int, int, int]]:
    return [
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, packing), (262, 3, 1, 1)),
        *((273, 4, 1, data_at), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, size)),
    ]


def tiff_packed(rng: Random) -> bytes:
    return _packed("TIFF", rng.choice((1500, 3000, 5000)), rng, compression="tiff_adobe_deflate")


def tiff_huge_claim(rng: Random) -> bytes:
    wide, high = rng.sample((rng.choice(_HUGE), rng.choice((1, 16, *_HUGE))), 2)
    return tiff(_grey(wide, high, 8, rng.choice((1, 100, 0xFFFFFFFF)), rng.choice((1, 5, 7, 8))), 0, rng.randbytes(99))


def tiff_looping(rng: Random) -> bytes:
    """Directories that lead to themselves, or to a place beyond the end."""
    return tiff(_grey(4, 4, 8, 16), rng.choice((8, 0xFFFFFFF0, 3)), rng.randbytes(40))


def tiff_many_pages(rng: Random) -> bytes:
    """Hundreds of directories, all of the same pixels."""
    count, size = rng.choice((10, 60)), 2 + 9 * 12 + 4
    out = b"II*\0" + struct.pack("<I", 24) + rng.randbytes(16)
    for number in range(count):
        after = 24 + (number + 1) * size if number + 1 < count else 0
        body = b"".join(struct.pack("<HHII", *entry) for entry in _grey(4, 4, 8, 16))
        out += struct.pack("<H", 9) + body + struct.pack("<I", after)
    return out


def tiff_counts(rng: Random) -> bytes:
    entries = [(*one[:2], rng.choice((0, 1, 0xFFFF, 0xFFFFFFFF)), one[3]) for one in _grey(16, 16, 100, 256)]
    return tiff(entries, 0, rng.randbytes(400))


def jpeg_huge_claim(rng: Random) -> bytes:
    """Says it is as large as can be, and ends at once: readers fill up the rest with grey."""
    small = io.BytesIO()
    picture(rng).save(small, "JPEG", progressive=rng.random() < 0.3)
    data = bytearray(small.getvalue())
    at = next(at for mark in (b"\xff\xc0", b"\xff\xc2") if (at := data.find(mark)) > 0)
    sides = rng.choice(((3000, 3000), (6000, 6000), (15_900, 15_900), (65_500, 3900), (65_500, 65_500), (1, 65_500)))
    data[at + 5 : at + 9] = struct.pack(">HH", *sides)
    return bytes(data)


def jpeg_many_scans(rng: Random) -> bytes:
    """A progressive picture whose last scan comes again and again, each of which goes over all of it."""
    small = io.BytesIO()
    picture(rng).resize((600, 600)).save(small, "JPEG", progressive=True)
    data = small.getvalue()
    scan = data[data.rfind(b"\xff\xda") : -2]
    return data[:-2] + scan * min(300, 150_000 // len(scan)) + data[-2:]


def jpeg_looping_exif(rng: Random) -> bytes:
    """EXIF whose directories point at themselves."""
    out = io.BytesIO()
    picture(rng).save(out, "JPEG")
    entries = [(0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8), (0x0112, 3, 0xFFFFFFFF, 8)]
    body = b"Exif\0\0" + tiff(entries, 8, rng.randbytes(20))
    return out.getvalue()[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + out.getvalue()[2:]


def bmp_claim(rng: Random) -> bytes:
    """Extreme and negative sides, with and without run lengths."""
    sides = rng.choice((8, -8, 16_000, 0x7FFFFFFF, -0x80000000)), rng.choice((8, -8, 15_000, 0x7FFFFFFF))
    bits, packing = rng.choice((1, 4, 8, 16, 24, 32, 7)), rng.choice((0, 1, 2, 3, 6))
    header = struct.pack("<IiiHHIIiiII", 40, *sides, 1, bits, packing, 0, 0, 0, rng.choice((0, 2, 0xFFFFFFFF)), 0)
    return b"BM" + struct.pack("<IHHI", 400, 0, 0, 54) + header + rng.randbytes(350)


def icon_claim(rng: Random) -> bytes:
    """An icon that holds a much larger picture than it says, or more of them than there are."""
    inside = rng.choice((png_packed, png_huge_claim, png_odd_header))(rng)
    return struct.pack("<HHH", 0, 1, rng.choice((1, 200, 65_535))) + struct.pack(
        "<BBBBHHII", 16, 16, 0, 0, 1, 32, rng.choice((len(inside), 0xFFFFFFFF)), 22
    ) + inside  # fmt: skip


CRAFTED: dict[str, tuple[Craft, ...]] = {
    "png": (png_huge_claim, png_packed, png_strip, png_packed_notes, png_odd_header, png_frames),
    "gif": (gif_frames, gif_screen),
    "webp": (webp_packed, webp_frames),
    "tiff": (tiff_packed, tiff_huge_claim, tiff_looping, tiff_many_pages, tiff_counts),
    "jpeg": (jpeg_huge_claim, jpeg_many_scans, jpeg_looping_exif),
    "bmp": (bmp_claim,),
    "ico": (icon_claim,),
}
"""By the name of the format, up to its first hyphen."""
