"""What solids stand in: a ground, what is behind it, and the light, each a choice with words for the place."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.canvas import COLOURS, Rgb, blend, darker, lighter, shade
from training.render.rays import Array, Light, linear

_TABLE = 64  # a power of two
_MASK = _TABLE - 1
Tiling = Callable[["Surroundings", Array, Array], Array]


@dataclass
class Surroundings:
    """The chosen place; colours are linear `(3,)`, and `noise` is a table that wraps."""

    ground: str
    behind: str  # wall, sky, dusk, night, or open (the ground's colour goes on)
    words: str
    light: Light
    tones: tuple[Array, Array]  # of the ground
    back: tuple[Array, Array]  # of the wall, or of the sky from the horizon up
    paper: str  # the wall's pattern
    scale: float
    turned: tuple[float, float]  # cosine and sine of how the ground's pattern lies
    noise: NDArray[np.float32]
    wall_at: float

    def rough(self, x: Array, y: Array) -> Array:
        """Smooth noise in 0 to 1 with a cell of one unit."""
        i, j = np.floor(x), np.floor(y)
        u, v = x - i, y - j
        a, b = i.astype(np.int32), j.astype(np.int32)
        row, row1 = (a & _MASK) * _TABLE, (a + 1 & _MASK) * _TABLE
        b1, b, n = b + 1 & _MASK, b & _MASK, self.noise.ravel()
        low, high = n.take(row + b), n.take(row + b1)
        low += (n.take(row1 + b) - low) * u
        high += (n.take(row1 + b1) - high) * u
        return np.asarray(low + (high - low) * v, np.float32)


def _boards(s: Surroundings, x: Array, z: Array) -> Array:
    row = np.floor(z * 3)
    tone = s.noise[row.astype(np.int64) % _TABLE, (np.floor(x * 0.5 + row * 0.37)).astype(np.int64) % _TABLE]
    grain = s.rough(x * 3, z * 40) * 0.35
    return np.where(z * 3 - row < 0.06, np.float32(1.3), tone * 0.65 + grain)


def _tiles(s: Surroundings, x: Array, z: Array) -> Array:
    grout = (x * 1.6 % 1 < 0.05) | (z * 1.6 % 1 < 0.05)
    return np.where(grout, np.float32(0.6), 0.12 * s.rough(x * 9, z * 9))


def _checks(_: Surroundings, x: Array, z: Array) -> Array:
    return np.asarray((np.floor(x * 2) + np.floor(z * 2)) % 2, np.float32)


def _fine(s: Surroundings, x: Array, z: Array) -> Array:
    return s.rough(x * 24, z * 24) * 0.55 + s.rough(x * 2, z * 2) * 0.45


def _coarse(s: Surroundings, x: Array, z: Array) -> Array:
    return s.rough(x * 1.3, z * 1.3) * 0.6 + s.rough(x * 11, z * 11) * 0.3


def _stripes(s: Surroundings, x: Array, z: Array) -> Array:
    return np.asarray(np.floor(x * 3) % 2 * 0.8, np.float32) + 0.2 * s.rough(x * 30, z * 30)


def _waves(s: Surroundings, x: Array, z: Array) -> Array:
    return np.asarray(0.5 + 0.3 * np.sin(z * 9 + 4 * s.rough(x * 1.5, z * 2)), np.float32) * s.rough(x * 3, z * 8)


def _plain(_: Surroundings, x: Array, __: Array) -> Array:
    return np.zeros_like(x)


def _wood_tone(rng: random.Random) -> Rgb:
    return blend((205, 160, 110), (105, 66, 40), rng.random())


def _any_tone(rng: random.Random) -> Rgb:
    tone = shade(rng.choice(COLOURS), rng)
    return lighter(tone, rng.uniform(0, 0.75)) if rng.random() < 0.75 else tone


def _grey(rng: random.Random) -> Rgb:
    level = rng.randint(70, 245)
    return level, max(0, level - rng.randint(0, 14)), max(0, level - rng.randint(0, 24))


def _fixed(*colours: Rgb) -> Callable[[random.Random], Rgb]:
    return lambda rng: blend(rng.choice(colours), _grey(rng), rng.uniform(0, 0.2))


# Words, patterns, the tone, and how much darker its second tone is.
_GROUNDS: dict[str, tuple[str, tuple[Tiling, ...], Callable[[random.Random], Rgb], float]] = {
    "studio": ("", (_plain,), _any_tone, 0.0),
    "paper": ("", (_plain,), lambda rng: lighter(_grey(rng), 0.75), 0.0),
    "boards": ("on a wooden floor", (_boards,), _wood_tone, 0.4),
    "tiles": ("on the tiles", (_tiles, _checks), _grey, 0.3),
    "carpet": ("on the carpet", (_fine, _stripes, _checks, _coarse), _any_tone, 0.3),
    "table": ("on a table", (_boards, _fine, _plain), _wood_tone, 0.3),
    "cloth": ("on a table", (_checks, _stripes, _plain, _fine), _any_tone, 0.3),
    "grass": ("on the grass", (_fine, _coarse), _fixed((88, 140, 52), (110, 150, 60), (70, 115, 50)), 0.5),
    "road": ("on a road", (_fine,), _fixed((105, 105, 110), (80, 82, 88), (140, 138, 136)), 0.25),
    "sand": ("on the sand", (_coarse, _fine), _fixed((222, 200, 150), (235, 215, 175)), 0.2),
    "snow": ("in the snow", (_coarse, _fine), _fixed((240, 244, 250)), 0.12),
    "earth": ("on the ground", (_fine, _coarse), _fixed((135, 105, 75), (120, 110, 90)), 0.35),
    "water": ("on the water", (_waves,), _fixed((52, 108, 150), (40, 90, 110), (80, 140, 170)), 0.5),
}
_PATTERNS = {name: entry[1] for name, entry in _GROUNDS.items()}
_OUTSIDE = ("grass", "road", "sand", "snow", "earth", "water")
_HOMES = {
    "road": ("road", "road", "road", "road", "grass", "sand", "snow", "earth", "studio", "paper", "tiles"),
    "nature": ("grass", "grass", "grass", "earth", "snow", "sand", "road", "studio", "paper"),
    "room": ("boards", "boards", "carpet", "carpet", "tiles", "studio", "studio", "paper", "grass"),
    "table": ("table", "table", "cloth", "cloth", "studio", "studio", "paper", "boards", "tiles", "grass"),
    "water": ("water", "water", "water", "sand", "studio", "paper"),
    "air": ("studio", "road", "paper", "grass", "studio"),
}
_WALLS = ("plain", "plain", "plain", "brick", "stripes", "dots", "panels")


def surroundings(rng: random.Random, home: str) -> Surroundings:
    """A place that suits what lives at `home`, and now and then any other."""
    ground = rng.choice(_HOMES[home] if rng.random() < 0.88 else tuple(_GROUNDS))
    words, _, tone, deep = _GROUNDS[ground]
    first = tone(rng)
    behind = rng.choice(("sky", "sky", "sky", "dusk", "night", "wall")) if ground in _OUTSIDE else "wall"
    if ground in ("studio", "paper"):
        behind = rng.choice(("open", "open", "wall"))
    if behind == "night":
        words = "at night"
    elif not words and behind == "wall" and rng.random() < 0.3:
        words = "in a room"
    angle = rng.choice((0.0, 0.0, rng.uniform(0, math.pi)))
    return Surroundings(
        ground, behind, words, _light(rng, behind),
        (linear(first), linear(darker(first, deep))), _back(rng, behind, first),
        rng.choice(_WALLS), rng.uniform(0.7, 1.6), (math.cos(angle), math.sin(angle)),
        np.random.default_rng(rng.getrandbits(32)).random((_TABLE, _TABLE), np.float32), rng.uniform(1.3, 4.0),
    )  # fmt: skip


def _back(rng: random.Random, behind: str, ground: Rgb) -> tuple[Array, Array]:
    if behind == "sky":
        top = rng.choice(((70, 130, 205), (110, 165, 220), (150, 175, 200), (190, 198, 205)))
        return linear(lighter(top, rng.uniform(0.5, 0.8))), linear(top)
    if behind == "dusk":
        return linear(rng.choice(((245, 165, 95), (250, 190, 130), (225, 130, 120)))), linear((95, 90, 140))
    if behind == "night":
        return linear((42, 44, 70)), linear((10, 12, 28))
    if behind == "open":
        return linear(ground), linear(lighter(ground, 0.25))
    wall = _any_tone(rng) if rng.random() < 0.6 else lighter(_grey(rng), 0.4)
    return linear(wall), linear(darker(wall, rng.uniform(0.1, 0.3)))


def _light(rng: random.Random, behind: str) -> Light:
    side, high = rng.uniform(-80, 80), math.radians(rng.uniform(28, 75))
    a = math.radians(side if rng.random() < 0.85 else side + 180)
    towards = np.array([math.sin(a) * math.cos(high), math.sin(high), math.cos(a) * math.cos(high)], np.float32)
    warm = rng.uniform(-0.12, 0.16) if behind != "dusk" else 0.25
    power = {"night": rng.uniform(0.35, 0.7), "dusk": 0.75}.get(behind, rng.uniform(0.65, 1.0))
    lamp = np.array([1 + warm, 1, 1 - warm], np.float32) * power
    fill = rng.uniform(0.25, 0.6) * (0.6 if behind == "night" else 1)
    above = np.array([1 - warm / 2, 1, 1 + warm], np.float32) * fill
    return Light(towards, lamp, above, above * 0.55, rng.uniform(0.2, 1.3))


def _patterned(s: Surroundings, u: Array, v: Array) -> Array:
    """How far the wall is from its first tone to its second."""
    if s.paper == "brick":
        row = np.floor(v * 7)
        joint = (v * 7 - row < 0.12) | ((u * 3 + row * 0.5) % 1 < 0.05)
        return np.where(joint, np.float32(1), 0.45 * s.rough(np.floor(u * 3 + row * 0.5), row))
    if s.paper == "stripes":
        return np.asarray(np.floor(u * 4) % 2, np.float32)
    if s.paper == "dots":
        return np.asarray(((u * 5 % 1 - 0.5) ** 2 + (v * 5 % 1 - 0.5) ** 2) < 0.06, np.float32)
    if s.paper == "panels":
        return np.asarray((u * 1.2 % 1 < 0.05) | (v < 0.15), np.float32)
    return 0.3 * s.rough(u, v)


def _sky(s: Surroundings, d: Array) -> Array:
    """Colours `(3, h, w)` along unit directions: from the horizon up, with clouds or stars and a dark skyline."""
    up = np.sqrt(np.clip(d[1] * 3.5, 0, 1))
    low, top = (c[:, None, None] for c in s.back)
    out = low * (1 - up) + top * up
    flat = np.maximum(d[1], 0.03)
    puffs = s.rough(d[0] / flat * 0.8, d[2] / flat * 0.8) * 0.65 + s.rough(d[0] / flat * 2.7, d[2] / flat * 2.7) * 0.35
    if s.behind == "night":
        return np.asarray(out + (s.rough(d[0] * 160, d[1] * 160) > 0.93) * 0.3, np.float32)
    cloud = np.clip((puffs - s.noise[0, 0] * 0.5 - 0.35) * 3, 0, 0.85)
    out = out * (1 - cloud) + cloud * np.maximum(low, 0.85 if s.behind == "sky" else 0.4)
    skyline = 0.02 + 0.16 * s.noise[0, 1] * s.rough(d[0] * (4 + 10 * s.noise[0, 2]), np.zeros_like(d[0]))
    far = linear((84, 104, 84))[:, None, None] * 0.7 + low * 0.3
    return np.asarray(np.where(d[1] < skyline, far, out), np.float32)


def paint_behind(s: Surroundings, eye: Array, rays: Array, shadow_of: Callable[[Array], Array]) -> Array:
    """The empty place, linear light `(3, h, w)`, the ground at y = 0 under shadows given for its points `(3, h, w)`."""
    d = rays / np.sqrt((rays * rays).sum(0))
    t = np.where(d[1] < -1e-3, -eye[1] / np.minimum(d[1], -1e-3), np.float32(1e4))
    t = np.minimum(t, 60)
    points = np.asarray(eye[:, None, None] + t * d, np.float32)
    is_ground = d[1] < -1e-3
    shadow = shadow_of(points) * is_ground
    x = (points[0] * s.turned[0] + points[2] * s.turned[1]) * s.scale
    z = (points[2] * s.turned[0] - points[0] * s.turned[1]) * s.scale
    pattern = _PATTERNS[s.ground][int(s.noise[1, 0] * 97) % len(_PATTERNS[s.ground])]
    near = np.exp(-np.maximum(t - 4, 0) / 14)  # patterns finer than a pixel would only flicker
    share = pattern(s, x, z) * near + 0.4 * (1 - near)
    one, two = (c[:, None, None] for c in s.tones)
    up = np.zeros((3, 1, 1), np.float32)
    up[1] = 1
    lit = (one * (1 - share) + two * share) * s.light.on(up, shadow)
    if s.behind == "open":
        haze = np.clip((t - 3) / 12, 0, 1)[None]
        back = s.back[1][:, None, None] * s.light.on(up)
        return np.asarray(np.where(is_ground, lit * (1 - haze) + back * haze, back), np.float32)
    if s.behind != "wall":
        haze = np.clip((t - 10) / 60, 0, 0.6)[None]
        return np.asarray(
            np.where(is_ground, lit * (1 - haze) + s.back[0][:, None, None] * haze, _sky(s, d)), np.float32
        )
    return _with_wall(s, eye, d, t, lit)


def _with_wall(s: Surroundings, eye: Array, d: Array, t: Array, lit: Array) -> Array:
    """Hides the ground behind an upright wall."""
    lean = (s.noise[1, 1] - 0.5) * 0.8
    normal = np.array([math.sin(lean), 0, math.cos(lean)], np.float32)
    facing = np.minimum(np.tensordot(normal, d, 1), -1e-3)
    to_wall = np.asarray(-(s.wall_at + normal @ eye) / facing, np.float32)
    p = eye[:, None, None] + np.minimum(to_wall, 80) * d
    u = p[0] * normal[2] - p[2] * normal[0]
    share = _patterned(s, u * s.scale * 0.8, p[1] * s.scale * 0.8)
    one, two = (c[:, None, None] for c in s.back)
    light = s.light.on(normal.reshape(3, 1, 1)) * (0.8 + 0.25 * s.rough(u * 0.3 + 5, p[1] * 0.3))
    skirting = (p[1] < 0.12) & (s.noise[1, 2] < 0.5)
    wall = (one * (1 - share) + two * share) * np.where(skirting, 1.3, 1.0) * light
    return np.asarray(np.where(to_wall < t, wall, lit), np.float32)
