"""A small good file of every format that is read, each from a seed: what hostile files are made from and measured by.

Knows how formats are written, nothing of how they are broken.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from tests.media.make_av import shots, write_sound, write_video
from tests.media.make_pdf import pdf

Make = Callable[[Random], bytes]

_VOCABULARY = (
    "garden tomato train night beach invoice recipe bicycle chain mountain river window letter holiday red car snow "
    "meeting budget picture sound harbour storm coffee bread market school doctor music guitar forest lamp"
)
WORDS = _VOCABULARY.split()


@dataclass(frozen=True, slots=True)
class Format:
    """One way in which a file may be written.

    Attributes:
        suffix: of the file's name.
        family: how it is built, by which hostile changes are chosen.
        share: how many files of ten thousand are of it.
        make: the bytes of a good file; other seeds give other bytes.
    """

    name: str
    suffix: str
    family: str
    share: int
    make: Make


def words(rng: Random, least: int = 8, most: int = 60) -> str:
    """A sentence that no other seed is likely to give."""
    return " ".join(rng.choices(WORDS, k=rng.randint(least, most))) + f" {rng.getrandbits(40)}"


def picture(rng: Random, mode: str = "RGB", least: int = 16, most: int = 96) -> Image.Image:
    """A few blurred blotches of colour."""
    width, height = rng.randint(least, most), rng.randint(least, most)
    blotches = np.random.default_rng(rng.getrandbits(32)).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(blotches).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def _saved(name: str, rng: Random, mode: str = "RGB", frames: int = 1, **options: object) -> bytes:
    first, *rest = (picture(rng, mode, 24, 64) if frames > 1 else picture(rng, mode) for _ in range(frames))
    several = {"save_all": True, "append_images": [one.resize(first.size) for one in rest]} if rest else {}
    out = io.BytesIO()
    first.save(out, name, **several, **options)
    return out.getvalue()


def _heic(rng: Random) -> bytes:
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(picture(rng, least=32)).save(out, quality=50)
    return out.getvalue()


def _icns(rng: Random) -> bytes:
    inside = io.BytesIO()
    picture(rng, "RGBA").resize((128, 128)).save(inside, "PNG")
    entry = b"ic07" + (len(inside.getvalue()) + 8).to_bytes(4, "big") + inside.getvalue()
    return b"icns" + (len(entry) + 8).to_bytes(4, "big") + entry


def _exif(rng: Random) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = rng.randint(1, 8), words(rng, 1, 5)
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    return _saved("JPEG", rng, exif=exif.tobytes())


def _sound(rng: Random, codec: str, form: str, rates: tuple[int, ...] = (8000, 16_000, 44_100)) -> bytes:
    rate, channels = rng.choice(rates), rng.choice((1, 2))
    times = np.arange(int(rate * rng.uniform(0.2, 0.8))) / rate
    tones = [0.4 * np.sin(2 * np.pi * rng.uniform(100, 2000) * times) for _ in range(channels)]
    with tempfile.TemporaryDirectory() as folder:
        path = write_sound(Path(folder) / "a", codec, np.array(tones, np.float32), rate, form)
        return path.read_bytes()


def _film(rng: Random, codec: str, form: str, sound: str = "") -> bytes:
    colours = [tuple(rng.randrange(256) for _ in range(3)) for _ in range(rng.randint(1, 2))]
    frames = shots(colours, rng.uniform(0.4, 0.8))
    beside = None
    if sound:
        beside = 0.4 * np.sin(np.arange(8000) * rng.uniform(0.05, 0.5)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = write_video(Path(folder) / "a", frames, codec, sound=beside, sound_codec=sound or "aac", form=form)
        return path.read_bytes()


def _pages(rng: Random) -> bytes:
    return pdf([words(rng, 4, 12) for _ in range(rng.randint(1, 2))], encrypt="", rotate=rng.choice((0, 90)))


def _text(rng: Random, encoding: str) -> bytes:
    return (words(rng) + "\n" + words(rng)).encode(encoding)


def _foreign(rng: Random, letters: str, encoding: str) -> bytes:
    return "".join(rng.choices(letters + "  ", k=rng.randint(120, 300))).encode(encoding)


def _html(rng: Random) -> bytes:
    body = "".join(f'<p title="{words(rng, 1, 3)}">{words(rng)} &amp; more</p>\n' for _ in range(rng.randint(1, 3)))
    return f"<!doctype html><html><head><title>{words(rng, 1, 4)}</title></head><body>{body}</body></html>".encode()


def _drawing(rng: Random) -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg"><title>x</title><text>{words(rng)}</text></svg>'.encode()


def _markdown(rng: Random) -> bytes:
    return f"# {words(rng, 2, 4)}\n\n{words(rng)}\n\n- {words(rng, 2, 5)}\n- b\n\n```\ncode()\n```\n".encode()


def _table(rng: Random) -> bytes:
    rows = [f"{rng.choice(WORDS)},{rng.random():.3f},{rng.getrandbits(20)}" for _ in range(rng.randint(3, 20))]
    return "\n".join(["name,share,number", *rows]).encode()


def _records(rng: Random) -> bytes:
    return json.dumps([{"name": rng.choice(WORDS), "text": words(rng, 2, 9)} for _ in range(4)], indent=1).encode()


def _code(rng: Random) -> bytes:
    return f'def {rng.choice(WORDS)}(x):\n    """{words(rng, 3, 9)}"""\n    return x + {rng.getrandbits(30)}\n'.encode()


def _picture(name: str, pil: str, share: int, mode: str = "RGB", family: str = "", **options: object) -> Format:
    make = partial(_saved, pil, mode=mode, **options)
    return Format(name, name.partition("-")[0], family or name.partition("-")[0], share, make)


def _audio(suffix: str, codec: str, form: str, share: int, family: str = "", *rates: int) -> Format:
    make = partial(_sound, codec=codec, form=form, **({"rates": rates} if rates else {}))
    return Format(suffix, suffix, family or suffix, share, make)


def _video(suffix: str, codec: str, form: str, share: int, family: str, sound: str = "") -> Format:
    return Format(suffix, suffix, family, share, partial(_film, codec=codec, form=form, sound=sound))


PICTURES = (
    _picture("jpeg", "JPEG", 900, quality=80),
    _picture("jpeg-progressive", "JPEG", 250, progressive=True),
    _picture("jpeg-cmyk", "JPEG", 100, "CMYK"),
    Format("jpeg-exif", "jpg", "jpeg", 250, _exif),
    _picture("jpeg-mpo", "MPO", 60, frames=2),
    _picture("png", "PNG", 800),
    _picture("png-palette", "PNG", 150, "P"),
    _picture("png-alpha", "PNG", 150, "RGBA"),
    _picture("png-animated", "PNG", 150, frames=3),
    _picture("gif", "GIF", 250, "P"),
    _picture("gif-animated", "GIF", 250, "P", frames=3, duration=50),
    _picture("webp", "WEBP", 250),
    _picture("webp-lossless", "WEBP", 100, "RGBA", lossless=True),
    _picture("webp-animated", "WEBP", 150, frames=3),
    _picture("tiff", "TIFF", 200),
    _picture("tiff-deflate", "TIFF", 150, compression="tiff_adobe_deflate"),
    _picture("tiff-lzw", "TIFF", 100, compression="tiff_lzw"),
    _picture("tiff-pages", "TIFF", 100, frames=3),
    _picture("bmp", "BMP", 200),
    _picture("avif", "AVIF", 100, family="boxes", speed=10),
    Format("heic", "heic", "boxes", 40, _heic),
    _picture("jp2", "JPEG2000", 100, family="boxes"),
    _picture("ppm", "PPM", 60, family="header"),
    _picture("tga", "TGA", 60, family="header"),
    _picture("ico", "ICO", 60, family="header"),
    Format("icns", "icns", "header", 20, _icns),
    _picture("qoi", "QOI", 40, family="header"),
    _picture("pcx", "PCX", 40, family="header"),
    _picture("dds", "DDS", 40, "RGBA", family="header"),
    _picture("sgi", "SGI", 40, family="header"),
    _picture("im", "IM", 20, family="header"),
    _picture("xbm", "XBM", 20, "1", family="text"),
)
DOCUMENTS = (
    Format("pdf", "pdf", "pdf", 700, _pages),
    Format("pdf-picture", "pdf", "pdf", 200, partial(_saved, "PDF")),
)
TEXTS = (
    Format("txt", "txt", "text", 400, partial(_text, encoding="utf-8")),
    Format("txt-utf16", "txt", "text", 80, partial(_text, encoding="utf-16")),
    Format("txt-utf16-bare", "txt", "text", 80, partial(_text, encoding="utf-16-le")),
    Format("txt-utf32", "txt", "text", 40, partial(_text, encoding="utf-32")),
    Format("txt-cyrillic", "txt", "text", 60, partial(_foreign, letters="абвгдежзиклмнопрстуфхц", encoding="cp1251")),
    Format(
        "txt-japanese", "txt", "text", 60, partial(_foreign, letters="あいうえおかきくけこ日本語", encoding="cp932")
    ),
    Format("html", "html", "text", 250, _html),
    Format("svg", "svg", "text", 60, _drawing),
    Format("markdown", "md", "text", 200, _markdown),
    Format("csv", "csv", "text", 150, _table),
    Format("json", "json", "text", 150, _records),
    Format("code", "py", "text", 100, _code),
)
SOUNDS = (
    _audio("wav", "pcm_s16le", "wav", 250, "riff"),
    _audio("mp3", "libmp3lame", "mp3", 250, "stream"),
    _audio("flac", "flac", "flac", 150),
    _audio("ogg", "libopus", "ogg", 150, "", 48_000),
    _audio("m4a", "aac", "ipod", 150, "boxes"),
    _audio("aac", "aac", "adts", 60, "stream"),
    _audio("aiff", "pcm_s16be", "aiff", 80, "iff"),
    _audio("au", "pcm_s16be", "au", 50, "header"),
    _audio("caf", "pcm_s16be", "caf", 50, "header"),
    _audio("ac3", "ac3", "ac3", 40, "stream", 44_100),
    _audio("mp2", "mp2", "mp2", 40, "stream", 44_100),
    _audio("wv", "wavpack", "wv", 50, "header"),
    _audio("tta", "tta", "tta", 50, "header"),
    _audio("mka", "flac", "matroska", 50, "ebml"),
    _audio("wma", "libmp3lame", "asf", 60, "header", 44_100),
)
FILMS = (
    _video("mp4", "mpeg4", "mp4", 150, "boxes", "aac"),
    _video("mov", "mpeg4", "mov", 80, "boxes"),
    _video("mkv", "mpeg4", "matroska", 130, "ebml", "flac"),
    _video("webm", "libvpx", "webm", 60, "ebml"),
    _video("avi", "mpeg4", "avi", 120, "riff"),
    _video("ts", "mpeg2video", "mpegts", 80, "stream", "mp2"),
    _video("mpg", "mpeg2video", "mpeg", 80, "stream"),
    _video("flv", "flv", "flv", 80, "header"),
    _video("wmv", "wmv2", "asf", 80, "header"),
    _video("y4m", "rawvideo", "yuv4mpegpipe", 40, "header"),
)
FORMATS = {one.name: one for one in (*PICTURES, *DOCUMENTS, *TEXTS, *SOUNDS, *FILMS)}
