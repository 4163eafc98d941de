"""A decoded picture made small and encoded again, to be looked at. Knows no files and no terminals."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmsearch.types import Picture

QUALITY = 85
WAVE = (90, 140, 200, 255)
"""Colour and opacity of a waveform: one that is seen on white and on black."""


def jpeg(picture: Picture, side: int) -> bytes:
    """The bytes of a JPEG of a uint8 `(h, w, 3)` picture whose longer side is at most `side` pixels."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def webp(picture: npt.NDArray[np.uint8], side: int) -> bytes:
    """The bytes of a WebP of a uint8 `(h, w, 3)` or, with transparency, `(h, w, 4)` picture, reduced likewise."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY)
    return out.getvalue()


def waveform(samples: npt.NDArray[np.float32], width: int, height: int) -> npt.NDArray[np.uint8]:
    """A picture of a sound, uint8 `(height, width, 4)`: how loud it is over time, in one colour on nothing."""
    bars = [float(np.abs(part).max(initial=0.0)) for part in np.array_split(samples, width)]
    loudness = np.asarray(bars) / max(*bars, 1e-6)
    distance = np.abs(np.arange(height) + 0.5 - height / 2)[:, None]
    drawn = distance <= np.maximum(loudness * height * 0.46, 0.75)[None, :]
    picture = np.zeros((height, width, 4), np.uint8)
    picture[drawn] = WAVE
    return picture


def png(picture: Picture) -> bytes:
    """The bytes of a PNG of a uint8 `(h, w, 3)` picture, and nothing in it but its pixels."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


def shrunk(picture: Picture, width: int, height: int) -> Picture:
    """The picture brought into `width` × `height` pixels if it is larger, in its own shape."""
    image = Image.fromarray(picture)
    image.thumbnail((width, height), Image.Resampling.LANCZOS)
    return np.array(image, dtype=np.uint8, order="C")


def quantize(picture: Picture, max_colours: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """The picture in at most so many colours: the index of each pixel, uint8 `(h, w)`, and the palette, `(n, 3)`."""
    image = Image.fromarray(picture).quantize(max_colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
    colours = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    return np.array(image, dtype=np.uint8), colours
