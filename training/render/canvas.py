"""What every renderer draws with: colours by name, fonts, words.

And a pen in unit coordinates that can tilt and wobble.

Every choice comes from the `random.Random` that is passed in, so one seed gives one picture on one machine.
"""

from __future__ import annotations

import colorsys
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Rgb = tuple[int, int, int]
Point = tuple[float, float]


def listed(words: str) -> tuple[str, ...]:
    """Words that stand in one string."""
    return tuple(words.split())


# Hue in turns, saturation and value: low and high ends of what the word covers.
_RANGES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "red": ((-0.02, 0.02), (0.75, 1.0), (0.65, 1.0)),
    "orange": ((0.065, 0.095), (0.8, 1.0), (0.85, 1.0)),
    "yellow": ((0.13, 0.165), (0.7, 1.0), (0.88, 1.0)),
    "green": ((0.27, 0.42), (0.55, 1.0), (0.4, 0.85)),
    "turquoise": ((0.47, 0.52), (0.6, 1.0), (0.65, 0.95)),
    "blue": ((0.57, 0.66), (0.65, 1.0), (0.5, 1.0)),
    "purple": ((0.74, 0.81), (0.5, 0.95), (0.45, 0.85)),
    "pink": ((0.89, 0.96), (0.3, 0.65), (0.92, 1.0)),
    "brown": ((0.04, 0.08), (0.55, 0.8), (0.3, 0.55)),
    "black": ((0.0, 1.0), (0.0, 0.15), (0.03, 0.14)),
    "white": ((0.0, 1.0), (0.0, 0.05), (0.94, 1.0)),
    "gray": ((0.0, 1.0), (0.0, 0.06), (0.4, 0.72)),
}
COLOURS = tuple(_RANGES)
VIVID = ("red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink")
SYNONYMS = {"gray": "grey", "purple": "violet", "turquoise": "teal"}

TOPICS = listed(
    "revenue sales profit users visitors temperature rainfall population price cost budget downloads errors "
    "latency traffic stock growth income votes scores energy performance orders customers exports inventory "
    "attendance weight"
)
WORDS = listed(
    "the of and to in is for on with data report system user file project team result value time work page "
    "list note model search image sound video order client market total next week month plan open close name "
    "date status number address city people water light paper summer garden house music story river number "
    "light green small large first second always never often under between before after morning evening "
    "question answer letter school station"
)
NAMES = listed(
    "Anna Ben Carla David Emma Felix Grace Henry Iris Jonas Karin Leo Maria Nils Olga Paul Rosa Simon Tara Victor"
)
PLACES = listed("Berlin Paris London Rome Madrid Oslo Vienna Prague Lisbon Dublin Athens Cairo Tokyo Delhi Lima Boston")


@dataclass(frozen=True)
class Drawn:
    """A picture with alternatives for its text, plainest first; equal non-empty groups are interchangeable."""

    image: Image.Image
    texts: tuple[str, ...]
    group: str = ""


def shade(name: str, rng: random.Random) -> Rgb:
    """One colour that the word covers."""
    hue, saturation, value = (rng.uniform(*ends) for ends in _RANGES[name])
    r, g, b = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(r * 255), round(g * 255), round(b * 255)


def blend(a: Rgb, b: Rgb, share: float) -> Rgb:
    """`a` at 0, `b` at 1."""
    r, g, bl = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return r, g, bl


def darker(colour: Rgb, share: float = 0.35) -> Rgb:
    return blend(colour, (0, 0, 0), share)


def lighter(colour: Rgb, share: float = 0.4) -> Rgb:
    return blend(colour, (255, 255, 255), share)


def phrase(rng: random.Random, count: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(count))


def article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


@lru_cache
def _font_files() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Proportional and fixed-width fonts of this machine; empty where it has none."""
    roots = [Path("/usr/share/fonts"), Path("/Library/Fonts"), Path("C:/Windows/Fonts")]
    files = sorted(str(p) for root in roots if root.is_dir() for p in root.rglob("*.ttf"))
    text = [f for f in files if not any(odd in f for odd in ("Emoji", "Symbol", "Math", "wingding", "webding"))]
    return tuple(f for f in text if "Mono" not in f), tuple(f for f in text if "Mono" in f)


@lru_cache(maxsize=512)
def _load(path: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)


def font(rng: random.Random, size: float, fixed: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A random font of this machine in pixels, or Pillow's own where there is none."""
    files = _font_files()[1 if fixed else 0]
    return _load(rng.choice(files) if files else "", max(6, int(size)))


def sheet(size: Sequence[float], colour: Rgb | str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (int(size[0]), int(size[1])), colour)
    return image, ImageDraw.Draw(image)


def gradient(size: Sequence[float], top: Rgb, bottom: Rgb) -> Image.Image:
    """Vertical blend of two colours."""
    strip = Image.new("RGB", (1, 32))
    for y in range(32):
        strip.putpixel((0, y), blend(top, bottom, y / 31))
    return strip.resize((int(size[0]), int(size[1])), Image.Resampling.BILINEAR)


def paragraph(
    draw: ImageDraw.ImageDraw, rng: random.Random, box: Sequence[float], size: float, ink: Rgb, fixed: bool = False
) -> None:
    """Lines of words that fill `box` (x0, y0, x1, y1) roughly."""
    face, y = font(rng, size, fixed), box[1]
    per_line = max(2, int((box[2] - box[0]) / size / 2.7))
    while y + size < box[3]:
        draw.text((box[0], y), phrase(rng, max(1, per_line - rng.randrange(2))), font=face, fill=ink)
        y += size * 1.45


class Pen:
    """Draws polygons given in the unit square of a box, y down; tilts, mirrors and wobbles them alike."""

    def __init__(self, draw: ImageDraw.ImageDraw, box: Sequence[float], rng: random.Random) -> None:
        self.draw, self.rng = draw, rng
        self.x, self.y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        self.width, self.height = box[2] - box[0], box[3] - box[1]
        self.mirror = rng.choice((-1, 1))
        self.tilt = rng.gauss(0, 0.06)
        self.wobble = rng.choice((0, 0, 0.006, 0.015))
        self.line_width = max(1, round(self.width * rng.choice((0.012, 0.02, 0.03))))
        self.outline: Rgb | None = rng.choice((None, None, (25, 25, 28), (60, 45, 40)))

    def at(self, point: Point) -> Point:
        u = (point[0] - 0.5) * self.mirror + self.rng.gauss(0, 1) * self.wobble
        v = point[1] - 0.5 + self.rng.gauss(0, 1) * self.wobble
        c, s = math.cos(self.tilt), math.sin(self.tilt)
        return self.x + (u * c - v * s) * self.width, self.y + (u * s + v * c) * self.height

    def poly(self, points: Sequence[Point], fill: Rgb) -> None:
        placed = [self.at(p) for p in points]
        self.draw.polygon(placed, fill=fill)
        if self.outline:
            self.draw.line([*placed, placed[0]], fill=self.outline, width=self.line_width)

    def rect(self, x0: float, y0: float, x1: float, y1: float, fill: Rgb) -> None:
        self.poly([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], fill)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Rgb, turns: Point = (0.0, 1.0)) -> None:
        """An ellipse, or the slice of it between two angles in turns, clockwise from the right."""
        whole = turns[1] - turns[0] >= 1
        angles = [2 * math.pi * (turns[0] + (turns[1] - turns[0]) * i / 22) for i in range(23 - whole)]
        points = [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]
        self.poly(points if whole or turns[1] - turns[0] == 0.5 else [(x, y), *points], fill)

    def line(self, points: Sequence[Point], fill: Rgb, width: float = 0.02) -> None:
        """A stroke; `width` is a share of the box."""
        self.draw.line([self.at(p) for p in points], fill=fill, width=max(1, round(width * self.width)), joint="curve")
