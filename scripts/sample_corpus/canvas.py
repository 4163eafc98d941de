"""Drawing on flat sheets with Skia, and the layers that landscapes are made of. Knows nothing about subjects.

A sheet is uint8 `(h, w, 3)`; a layer is float32 `(h, w, 3)` in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import skia  # type: ignore[import-not-found, unused-ignore]
from numpy.typing import NDArray

from .noise import clouds, f32

Array = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]
Sheet = NDArray[np.uint8]
Rgb = tuple[float, float, float]
Point = tuple[float, float]


def tint(colour: str | Rgb, alpha: float = 1.0) -> int:
    """A Skia colour from `#rrggbb` or 0..1 floats."""
    if isinstance(colour, str):
        r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    else:
        r, g, b = (int(np.clip(v, 0, 1) * 255) for v in colour)
    return int(skia.ColorSetARGB(int(alpha * 255), r, g, b))


class Board:
    """A sheet to draw on; coordinates in pixels from the top left."""

    def __init__(self, width: int, height: int, back: str = "#ffffff", picture: Sheet | None = None) -> None:
        self.width, self.height = width, height
        self.surface = skia.Surface(width, height)
        self.canvas = self.surface.getCanvas()
        self.canvas.clear(tint(back))
        if picture is not None:
            self.paste(picture, 0, 0)

    def paint(self, colour: str | Rgb, alpha: float = 1.0, line: float = 0.0, blur: float = 0.0) -> skia.Paint:
        """Fill, or a line of that width."""
        paint = skia.Paint(Color=tint(colour, alpha), AntiAlias=True)
        if line:
            paint.setStyle(skia.Paint.kStroke_Style)
            paint.setStrokeWidth(line)
            paint.setStrokeCap(skia.Paint.kRound_Cap)
            paint.setStrokeJoin(skia.Paint.kRound_Join)
        if blur:
            paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur))
        return paint

    def rect(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        colour: str | Rgb,
        radius: float = 0,
        line: float = 0,
        alpha: float = 1,
        blur: float = 0,
    ) -> None:
        """A rectangle, its corners rounded by `radius`."""
        self.canvas.drawRoundRect(skia.Rect.MakeXYWH(x, y, w, h), radius, radius, self.paint(colour, alpha, line, blur))

    def card(self, x: float, y: float, w: float, h: float, colour: str = "#ffffff", radius: float = 8) -> None:
        """A panel with a soft shadow."""
        self.rect(x, y + 3, w, h, "#000000", radius, alpha=0.22, blur=6)
        self.rect(x, y, w, h, colour, radius)

    def circle(
        self, x: float, y: float, r: float, colour: str | Rgb, line: float = 0, alpha: float = 1, blur: float = 0
    ) -> None:
        """A disc or ring."""
        self.canvas.drawCircle(x, y, r, self.paint(colour, alpha, line, blur))

    def poly(
        self,
        points: Sequence[Point],
        colour: str | Rgb,
        line: float = 0,
        close: bool = True,
        alpha: float = 1,
        blur: float = 0,
        smooth: bool = False,
    ) -> None:
        """A polygon or, with `close=False` and `line`, a polyline; `smooth` rounds the corners."""
        path = skia.Path()
        if smooth:
            mid = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in pairwise(points)]
            path.moveTo(*points[0])
            for corner, to in zip(points[1:], [*mid[1:], points[-1]], strict=False):
                path.quadTo(*corner, *to)
        else:
            path.addPoly([skia.Point(*p) for p in points], close)
        if close:
            path.close()
        self.canvas.drawPath(path, self.paint(colour, alpha, line, blur))

    def line(
        self, x0: float, y0: float, x1: float, y1: float, colour: str | Rgb, width: float = 1, alpha: float = 1
    ) -> None:
        """A straight line."""
        self.canvas.drawLine(x0, y0, x1, y1, self.paint(colour, alpha, width))

    def pie(self, x: float, y: float, r: float, start: float, sweep: float, colour: str, hole: float = 0) -> None:
        """A sector in degrees clockwise from the top."""
        box = skia.Rect.MakeLTRB(x - r, y - r, x + r, y + r)
        self.canvas.drawArc(box, start - 90, sweep, True, self.paint(colour))
        if hole:
            self.circle(x, y, hole, "#ffffff")

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 16,
        colour: str | Rgb = "#222222",
        bold: bool = False,
        mono: bool = False,
        align: str = "left",
        serif: bool = False,
        turn: float = 0,
    ) -> float:
        """One line with its baseline at `y`; returns its width in pixels."""
        family = "DejaVu Sans Mono" if mono else "DejaVu Serif" if serif else "DejaVu Sans"
        style = skia.FontStyle.Bold() if bold else skia.FontStyle.Normal()
        font = skia.Font(skia.Typeface(family, style), size)
        font.setEdging(skia.Font.Edging.kAntiAlias)
        wide = float(font.measureText(words))
        left = {"left": 0.0, "right": -wide, "center": -wide / 2}[align]
        self.canvas.save()
        self.canvas.translate(x, y)
        self.canvas.rotate(turn)
        self.canvas.drawString(words, left, 0, font, self.paint(colour))
        self.canvas.restore()
        return wide

    def lines(
        self,
        x: float,
        y: float,
        words: Sequence[str],
        size: float = 16,
        gap: float = 1.45,
        colour: str = "#222222",
        mono: bool = False,
        serif: bool = False,
    ) -> None:
        """Several lines below one another."""
        for i, row in enumerate(words):
            self.text(x, y + i * size * gap, row, size, colour, mono=mono, serif=serif)

    def paste(self, picture: Sheet, x: float, y: float, w: float | None = None, h: float | None = None) -> None:
        """A sheet, scaled to `w` by `h`."""
        rgba = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
        image = skia.Image.fromarray(np.ascontiguousarray(rgba), colorType=skia.kRGBA_8888_ColorType)
        box = skia.Rect.MakeXYWH(x, y, w or picture.shape[1], h or picture.shape[0])
        self.canvas.drawImageRect(image, box, skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear))

    def sheet(self) -> Sheet:
        """What was drawn."""
        pixels = self.surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
        return np.ascontiguousarray(pixels[:, :, :3])


def layer(sheet: Sheet) -> Array:
    """0..1 floats of a sheet."""
    return np.asarray(sheet, np.float32) / f32(255)


def sheet(values: Array) -> Sheet:
    """Bytes of a layer."""
    return np.asarray(np.clip(values * 255 + 0.5, 0, 255), np.uint8)


def ramp(height: int, width: int, *stops: tuple[float, Rgb]) -> Array:
    """A vertical gradient through `(position 0..1, colour)` stops."""
    y = np.linspace(0, 1, height)
    at = [s[0] for s in stops]
    bands = [np.interp(y, at, [s[1][c] for s in stops]) for c in range(3)]
    return np.ascontiguousarray(np.broadcast_to(np.stack(bands, 1)[:, None, :], (height, width, 3)), np.float32)


def over(base: Floats, colour: Floats | Rgb, mask: Floats) -> Array:
    """`colour` over `base` where `mask` (0..1) says."""
    m = np.clip(mask, 0, 1)[..., None]
    return np.asarray(base * (1 - m) + f32(colour) * m, np.float32)


def skyline(width: int, base: float, swing: float, cell: float, seed: int, ridged: bool = False) -> Array:
    """A ridge: heights `(width,)` in pixels about `base`."""
    row = clouds(width, 1, cell, seed, 6)[0]
    shape = 1 - np.abs(row * 2 - 1) if ridged else row
    return np.asarray(base - swing * (shape - 0.5) * 2, np.float32)


def photo(values: Floats, seed: int, grain: float = 0.018, vignette: float = 0.22) -> Sheet:
    """A layer as a camera would have it: darker corners and some grain."""
    h, w = values.shape[:2]
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    shade = 1 - vignette * (x * x + y * y) ** 1.2 / 2
    noise = np.random.default_rng(seed).normal(0, grain, (h, w, 1))
    return sheet(np.asarray(values * shade[..., None] + noise, np.float32))
