"""What photo-like views are painted with: moods of light, skies, grounds in perspective, water, haze, captions.

A `Shot` is a picture in the making: floats in display space, 0 to 1, rows from the top. `u` runs from 0 at its left to
`aspect` at its right and `v` from 0 at its top to 1 at its bottom. The ground is a plane seen from one camera height
above, so that what stands on it at `v` and is `k` camera heights tall appears `k * (v - horizon)` tall. It knows
nothing of the kinds of views.
"""

from __future__ import annotations

import io
import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from training.render.canvas import Drawn, Rgb
from training.render.rays import Light

Array = NDArray[Any]  # float32 throughout; the stubs of numpy see it widened by every product with a float
_TEXTURE = 256  # a power of two
ROUGH, MIDDLE, SMOOTH = 0.8, 1.2, 1.7  # exponents of the noises' spectra
MOST_LINES = 104
COUNTS = ("", "one", "two", "three", "four", "five", "six")


@dataclass(frozen=True)
class Mood:
    """Time and weather: sky colours, the tint of what is lit, how strong haze is, and words for it."""

    skies: tuple[tuple[Rgb, Rgb], ...]  # zenith and horizon
    tint: tuple[float, float, float]
    haze: float
    words: tuple[str, ...]
    clouds: tuple[float, float] = (0.0, 0.6)  # cover


MOODS = {
    "day": Mood(
        (((58, 120, 200), (175, 210, 238)), ((35, 95, 185), (150, 195, 235)), ((95, 150, 210), (215, 228, 238))),
        (1.0, 0.98, 0.92), 0.35,
        ("on a sunny day", "under a blue sky", "in daylight", "in the sunshine", "in bright sunlight"), (0.0, 0.55),
    ),
    "overcast": Mood(
        (((165, 172, 182), (214, 218, 222)), ((140, 148, 160), (196, 202, 208))),
        (0.82, 0.84, 0.87), 0.45, ("on a cloudy day", "under a grey sky", "on an overcast day"), (0.6, 0.95),
    ),
    "sunset": Mood(
        (((70, 72, 125), (250, 150, 75)), ((110, 70, 110), (255, 125, 60)), ((90, 115, 165), (252, 190, 120)),
         ((55, 40, 85), (225, 85, 60))),
        (0.82, 0.58, 0.45), 0.5, ("at sunset", "in the evening", "at sunset in warm light", "at dusk"), (0.1, 0.65),
    ),
    "sunrise": Mood(
        (((130, 155, 205), (255, 205, 165)), ((150, 150, 195), (252, 215, 190))),
        (0.9, 0.76, 0.66), 0.6, ("at sunrise", "at dawn", "early in the morning", "in the morning light"), (0.0, 0.5),
    ),
    "dusk": Mood(
        (((28, 36, 82), (120, 105, 140)), ((22, 42, 95), (95, 125, 170))),
        (0.34, 0.36, 0.52), 0.4, ("at dusk", "in the blue hour", "after sunset", "in the evening"), (0.0, 0.5),
    ),
    "night": Mood(
        (((4, 6, 20), (22, 28, 58)), ((0, 0, 8), (14, 16, 34)), ((10, 14, 40), (40, 46, 80))),
        (0.27, 0.29, 0.4), 0.3, ("at night", "in the dark", "under the night sky"), (0.0, 0.25),
    ),
    "fog": Mood(
        (((190, 194, 198), (205, 208, 210)), ((176, 182, 190), (196, 200, 204))),
        (0.78, 0.8, 0.82), 2.2, ("in the fog", "on a foggy day", "on a misty morning"), (0.0, 0.3),
    ),
    "storm": Mood(
        (((48, 54, 66), (118, 124, 130)), ((38, 42, 54), (96, 104, 116))),
        (0.5, 0.53, 0.57), 0.6, ("before a storm", "under dark clouds", "in stormy weather"), (0.75, 1.0),
    ),
}  # fmt: skip

LIT = ("day", "day", "day", "overcast", "sunset", "sunrise")


@lru_cache
def _texture(beta: float, which: int) -> Array:
    """Tiling noise of a power spectrum, mean 0.5, deviation 0.17, within 0 to 1."""
    dice = np.random.default_rng(which * 100 + int(beta * 10))
    f = np.fft.fftfreq(_TEXTURE)
    radius = np.sqrt(f[:, None] ** 2 + f[None, :] ** 2)
    radius[0, 0] = 1
    spectrum = np.fft.fft2(dice.standard_normal((_TEXTURE, _TEXTURE))) / np.maximum(radius, 2 / _TEXTURE) ** beta
    spectrum[0, 0] = 0
    field = np.fft.ifft2(spectrum).real
    return np.asarray(np.clip(0.5 + 0.17 * field / field.std(), 0, 1), np.float32)


def rgb(colour: Sequence[float] | Array) -> Array:
    """A colour of 0 to 255 as `(3,)` in 0 to 1."""
    return np.asarray(np.asarray(colour) / 255, np.float32)


class Shot:
    """A view in the making; `pix` is `(h, w, 3)`."""

    def __init__(
        self, rng: random.Random, size: int, moods: Sequence[str], horizon: float, aspect: float = 0.0
    ) -> None:
        self.rng, self.dice = rng, np.random.default_rng(rng.getrandbits(32))
        self.h = min(size, MOST_LINES)
        self.w = int(self.h * (aspect or rng.choice((1.0, rng.uniform(1.1, 1.5), rng.uniform(1.2, 1.5), 0.8))))
        self.aspect = self.w / self.h
        self.horizon = horizon
        self.v = ((np.arange(self.h, dtype=np.float32) + 0.5) / self.h)[:, None]
        self.u = ((np.arange(self.w, dtype=np.float32) + 0.5) / self.h)[None, :]
        self.pix: Array = np.zeros((self.h, self.w, 3), np.float32)
        self.mood_name = rng.choice(moods)
        self.mood = MOODS[self.mood_name]
        self.top, self.low = (rgb(c) for c in rng.choice(self.mood.skies))
        self.tint = np.asarray(self.mood.tint, np.float32) * np.float32(rng.uniform(0.85, 1.12))
        self.sun = rng.uniform(0.08, 0.92) * self.aspect
        self.side = -1 if self.sun < self.aspect / 2 else 1

    @property
    def dark(self) -> bool:
        return self.mood_name in ("night", "dusk")

    def noise(self, x: Array, y: Array, beta: float = MIDDLE) -> Array:
        """Fractal noise in 0 to 1 at a random place, texels of one unit; shapes broadcast."""
        table = _texture(beta, self.rng.randrange(3)).ravel()
        x, y = np.broadcast_arrays(x + self.rng.uniform(0, _TEXTURE), y + self.rng.uniform(0, _TEXTURE))
        i, j = np.floor(x), np.floor(y)
        p, q = (x - i).astype(np.float32), (y - j).astype(np.float32)
        a, b = i.astype(np.int32) & 255, j.astype(np.int32) & 255
        a1, b1 = a + 1 & 255, (b + 1 & 255) << 8
        b <<= 8
        low = table.take(b + a) * (1 - p) + table.take(b + a1) * p
        high = table.take(b1 + a) * (1 - p) + table.take(b1 + a1) * p
        return np.asarray(low * (1 - q) + high * q, np.float32)

    def lit(self, colour: Sequence[float]) -> Array:
        """A surface colour of 0 to 255 in the light of the mood."""
        return np.asarray(rgb(colour) * self.tint)

    def depth(self) -> Array:
        """Distance `(h, 1)` of the ground in camera heights, large above the horizon."""
        return np.asarray(1 / np.maximum(self.v - self.horizon, 0.006), np.float32)

    def ground(self) -> tuple[Array, Array]:
        """Coordinates of the ground: across `(h, w)` and away `(h, 1)`."""
        z = self.depth()
        return np.asarray((self.u - self.aspect / 2) * z, np.float32), z

    def hazed(self, colour: Array, distance: Array | float) -> Array:
        """Colours as they look through air; a distance of 10 is far."""
        share = 1 - np.exp(-np.asarray(distance, np.float32) * np.float32(0.1 * self.mood.haze))
        if share.ndim == 2:
            share = share[..., None]
        return np.asarray(colour * (1 - share) + self.low * share, np.float32)

    def cover(self, alpha: Array | float, colour: Array) -> None:
        """Lays a colour `(3,)` or `(h, w, 3)` over where alpha `(h, w)` says."""
        a = np.clip(np.asarray(alpha, np.float32), 0, 1)[..., None]
        self.pix = np.asarray(self.pix * (1 - a) + colour * a, np.float32)

    def edge(self, line: Array) -> Array:
        """Alpha `(h, w)` of all that is below the heights `v` of a line `(w,)` or `(1, w)`."""
        return np.asarray(np.clip((self.v - line) * self.h + 0.5, 0, 1), np.float32)

    def draw(self, paint: Callable[[ImageDraw.ImageDraw, float], None], rough: float = 0.1, soft: float = 0.0) -> None:
        """Lays over what `paint(pen, unit)` draws in display colours, `unit` pixels being one `u` or `v`."""
        layer = Image.new("RGBA", (self.w * 2, self.h * 2), (0, 0, 0, 0))
        paint(ImageDraw.Draw(layer), self.h * 2)
        layer = layer.convert("RGBa")
        if soft:
            layer = layer.filter(ImageFilter.GaussianBlur(soft * self.h * 2))
        values = np.asarray(layer.resize((self.w, self.h), Image.Resampling.BOX), np.float32) / 255
        shade = 1 + rough * 2 * (self.noise(self.u * 90, self.v * 90, ROUGH) - 0.5)[..., None] if rough else 1
        self.pix = np.asarray(self.pix * (1 - values[..., 3:]) + values[..., :3] * shade, np.float32)

    def ink(self, colour: Sequence[float], bright: float = 1.0, distance: float = 0.0) -> Rgb:
        """A surface colour in the light of the mood for `draw`."""
        r, g, b = np.clip(self.hazed(self.lit(colour) * np.float32(bright), distance) * 255, 0, 255).astype(int)
        return int(r), int(g), int(b)

    def light(self) -> Light:
        """The lamp for solids that stands where this view has its sun."""
        high = math.radians({"sunset": 16, "sunrise": 20}.get(self.mood_name, self.rng.uniform(35, 65)))
        a = math.radians(self.side * self.rng.uniform(20, 75))
        towards = np.array([math.sin(a) * math.cos(high), math.sin(high), math.cos(a) * math.cos(high)], np.float32)
        soft = 0.45 if self.mood_name in ("overcast", "fog", "storm", "night") else 1.0
        tint = self.tint**2.2
        above = np.asarray(tint * (0.75 - 0.35 * soft), np.float32)
        return Light(towards, np.asarray(tint * soft, np.float32), above, above * np.float32(0.6), soft)


def sky(shot: Shot, cover: float | None = None) -> None:
    """Fills the whole picture with sky: blend, sun or stars, clouds in perspective."""
    rng, mood = shot.rng, shot.mood
    t = np.clip(shot.v / max(shot.horizon, 0.05), 0, 1) ** np.float32(rng.uniform(0.7, 1.6))
    shot.pix = np.broadcast_to((shot.top * (1 - t[..., None]) + shot.low * t[..., None]), shot.pix.shape).copy()
    if shot.dark:
        stars(shot, rng.choice((0, 20, 60)) if shot.mood_name == "night" else 6)
    elif shot.mood_name in ("sunset", "sunrise", "day"):
        _sun(shot)
    clouds(shot, rng.uniform(*mood.clouds) if cover is None else cover)


def outdoors(
    rng: random.Random, size: int, horizon: tuple[float, float], *moods: str, cover: float | None = None
) -> Shot:
    """A view begun with its sky, the horizon somewhere between two heights; without moods, one of `LIT`."""
    shot = Shot(rng, size, moods or LIT, rng.uniform(*horizon))
    sky(shot, cover)
    return shot


def _sun(shot: Shot) -> None:
    low = shot.mood_name != "day"
    at = shot.horizon * (shot.rng.uniform(0.7, 1.0) if low else shot.rng.uniform(0.05, 0.4))
    away = np.sqrt((shot.u - shot.sun) ** 2 + (shot.v - at) ** 2)
    glow = rgb((255, 200, 120)) if low else rgb((255, 250, 235))
    shot.cover((0.75 if low else 0.35) * np.exp(-away / shot.rng.uniform(0.1, 0.3)), glow)
    if low or shot.rng.random() < 0.35:
        disc = shot.rng.uniform(0.02, 0.06)
        shot.cover(np.clip((disc - away) * shot.h, 0, 1), rgb((255, 245, 200)))


def stars(shot: Shot, count: int) -> None:
    y = shot.dice.integers(0, shot.h, count)
    x = shot.dice.integers(0, shot.w, count)
    shot.pix[y, x] += (shot.dice.random((count, 1)) ** 2 * 0.9 + 0.1).astype(np.float32)


def clouds(shot: Shot, cover: float) -> None:
    """Clouds of a share of the sky, lit from the side of the sun."""
    if cover < 0.05:
        return
    flat = shot.rng.uniform(0.1, 0.5)
    away = flat / np.maximum(shot.horizon + 0.35 - shot.v, 0.2)
    scale = shot.rng.uniform(25, 80)
    beta = shot.rng.choice((MIDDLE, SMOOTH))
    x, y = (shot.u - shot.aspect / 2) * away * scale * 1.4, (away + shot.v * 0.8) * scale * 1.3
    state = shot.rng.getstate()
    n = shot.noise(x, y, beta)
    shot.rng.setstate(state)
    toward = shot.noise(x + shot.side * 2.5, y - 2.5, beta)
    alpha = np.clip((n - (0.78 - 0.55 * cover)) * shot.rng.uniform(4, 9), 0, 0.96)
    bright = np.clip(0.86 + (n - toward) * 2.2 - 0.25 * cover * n, 0.35, 1.06)
    if shot.mood_name in ("sunset", "sunrise"):
        base = rgb((255, 190, 150)) * 0.6 + shot.low * 0.4
    elif shot.mood_name == "storm":
        base, bright = rgb((120, 124, 134)), bright * bright
    else:
        base = np.clip(shot.low * 1.08 + (0.03 if not shot.dark else 0.0), 0, 1)
    shot.cover(alpha * np.clip((shot.horizon + 0.1 - shot.v) * 8, 0, 1), base * bright[..., None])


def plane(
    shot: Shot,
    colours: tuple[Sequence[float], Sequence[float]],
    scale: float = 6.0,
    furrows: float = 0.0,
    from_v: Array | float | None = None,
) -> None:
    """The ground to the horizon, or from a line on, blended of two colours by noise; `furrows` per unit run away."""
    x, z = shot.ground()
    near = np.exp(-z / 9)  # finer than a pixel would only flicker
    n = shot.noise(x * scale, z * scale, ROUGH) * near + 0.5 * (1 - near)
    n = n * 0.6 + shot.noise(x * scale / 8, z * scale / 8, SMOOTH) * 0.4
    if furrows:
        n = n * 0.5 + 0.25 + 0.25 * np.sin(x * furrows * 6.28) * np.clip(near * 3, 0, 1)
    n = np.clip((n - 0.5) * 1.8 + 0.5, 0, 1)[..., None]
    colour = shot.lit(colours[0]) * (1 - n) + shot.lit(colours[1]) * n
    line = np.full((1, shot.w), shot.horizon, np.float32) if from_v is None else from_v
    shot.cover(shot.edge(np.asarray(line, np.float32)), shot.hazed(colour, np.minimum(z, 25)))


def profile(shot: Shot, base: float, height: float, detail: float, beta: float = MIDDLE) -> Array:
    """A skyline `(1, w)`: heights `v` between base - height and about base."""
    line = shot.noise(shot.u * detail, np.float32(shot.rng.uniform(0, 99)) * np.ones((1, 1), np.float32), beta)
    low, high = float(line.min()), float(line.max())
    return np.asarray(base - height * (line - low) / max(high - low, 0.05), np.float32)


def wavy(shot: Shot, base: float, height: float, waves: float) -> Array:
    """A smooth skyline `(1, w)` with about so many waves per unit."""
    rng = shot.rng
    line: Array = np.zeros((1, shot.w), np.float32)
    for share, faster in ((1.0, 1.0), (0.5, 1.9), (0.25, 3.7)):
        line = line + share * np.sin(shot.u * (6.28 * waves * faster * rng.uniform(0.7, 1.3)) + rng.uniform(0, 6.28))
    return np.asarray(base - height * (line / 3.5 + 0.5), np.float32)


def ridge(
    shot: Shot, line: Array, colour: Sequence[float], distance: float, craggy: float = 0.5, snow: float = 0.0
) -> None:
    """Slopes below a skyline: light and shade of their folds, snow down from the tops by a share of the height."""
    scale = shot.rng.uniform(60, 110)
    state = shot.rng.getstate()
    fall = (shot.v - line) * 0.8
    n = shot.noise((shot.u + fall * 0.5) * scale, fall * scale * 0.8, MIDDLE)
    shot.rng.setstate(state)
    m = shot.noise((shot.u + fall * 0.5) * scale + shot.side * 2, fall * scale * 0.8 - 1, MIDDLE)
    shade = np.clip(0.85 + (n - m) * craggy * 5 + (n - 0.5) * craggy, 0.3, 1.35)[..., None]
    body = shot.lit(colour) * shade
    if snow:
        top, deep = float(line.min()), snow * (shot.horizon - float(line.min()))
        white = np.clip((deep - (shot.v - top) + (n - 0.5) * 0.25) * 14, 0, 1)[..., None]
        body = body * (1 - white) + shot.lit((244, 247, 252)) * np.clip(shade * 1.05, 0.55, 1.1) * white
    shot.cover(shot.edge(line), shot.hazed(np.asarray(body, np.float32), distance))


def treeline(shot: Shot, base: float, height: float, colour: Sequence[float], distance: float) -> None:
    """A wood seen from afar, tops ragged, down to its foot at `base`."""
    line = profile(shot, base - height * 0.4, height * 0.6, shot.rng.uniform(50, 120), ROUGH)
    n = shot.noise(shot.u * 120, shot.v * 120, ROUGH)
    shade = np.clip(0.35 + 1.2 * n - (shot.v - line) / max(height, 0.02) * 0.3, 0.2, 1.4)[..., None]
    foot = np.clip((base - shot.v) * shot.h + 0.5, 0, 1)
    shot.cover(shot.edge(line) * foot, shot.hazed(shot.lit(colour) * shade, distance))


def water(
    shot: Shot, line: Array | float, colour: Sequence[float], mirror: float, waves: float = 1.0, until: float = 1.1
) -> None:
    """Water below a shore line at height `v`: what is above, mirrored and broken, in the water's colour."""
    shore = float(np.mean(line))
    z = 1 / np.maximum(shot.v - min(shot.horizon, shore) + 0.01, 0.012)
    x = (shot.u - shot.aspect / 2) * z
    n = shot.noise(x * 5 * waves, z * 16 * waves, ROUGH) - 0.5
    rows = np.clip((2 * shore - shot.v + n * 0.06 * waves) * shot.h, 0, shot.h - 1).astype(np.int32)
    columns = np.clip(np.arange(shot.w)[None, :] + n * 5 * waves, 0, shot.w - 1).astype(np.int32)
    seen = shot.pix[rows, columns]
    share = np.float32(mirror) * np.clip(1.1 - (shot.v - shore) * 1.0, 0.3, 1)[..., None]
    body = shot.lit(colour)[None, None] * (1 + n * 0.9 * min(waves, 1.5))[..., None]
    whole = body * (1 - share) + seen * share * 0.95
    level = np.full((1, shot.w), line, np.float32) if isinstance(line, float | int) else line
    shot.cover(shot.edge(level) * np.clip((until - shot.v) * shot.h, 0, 1), np.asarray(whole, np.float32))


def rain(shot: Shot) -> None:
    """Streaks over the whole picture."""
    n = shot.noise(shot.u * 170 + shot.v * 25, shot.v * 9, ROUGH)
    shot.cover(np.clip((n - 0.62) * 2, 0, 0.4), rgb((205, 210, 220)))


def snowfall(shot: Shot) -> None:
    count = shot.rng.randint(60, 180)
    y, x = shot.dice.integers(0, shot.h, count), shot.dice.integers(0, shot.w, count)
    shot.pix[y, x] = shot.pix[y, x] * 0.25 + 0.72


def joined(things: Sequence[str]) -> str:
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"


def _plain(text: str, coloured: bool) -> str:
    """Colour words stand in brackets; they go where there is no colour."""
    text = re.sub(r"[\[\]]", "", text) if coloured else re.sub(r"\[[^\]]*\] ?", "", text)
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", re.sub(r" +", " ", text)).replace(" ,", ",").strip()


def told(
    rng: random.Random, image: Image.Image, labels: Sequence[str], subject: str, details: Sequence[str] = (),
    when: Sequence[str] = (), coloured: bool = True,
) -> Drawn:  # fmt: skip
    """Texts of a picture, plainest first. `subject` and `details` are noun phrases; colour words stand in brackets."""
    time = rng.choice(when) if when else ""
    some = rng.sample(list(details), min(len(details), rng.choice((1, 2, 2, 3)))) if details else []
    texts = [labels[0], f"{labels[0]} {time}" if time else f"photo of {subject}", subject]
    if details:
        texts.append(f"{subject} with {joined(list(details[:4]))} {time}")
        texts.append(f"{labels[0]} with {joined(some)}")
        opening = rng.choice(("a photo of", "a photograph of", "this picture shows", "a view of"))
        texts.append(f"{opening} {subject} {time}, with {joined(some)}")
    elif time:
        texts.append(f"{rng.choice(('a photo of', 'a photograph of'))} {subject} {time}")
    texts += labels[1:]
    if not coloured:
        noun = rng.choice(("black and white photo of", "a monochrome picture of", "grayscale photo of"))
        texts += [f"{noun} {subject}", f"{labels[-1]} in black and white"]
    return Drawn(image, tuple(dict.fromkeys(_plain(t, coloured) for t in texts)))


def finish(shot: Shot, labels: Sequence[str], subject: str, details: Sequence[str] = (), timed: bool = True) -> Drawn:
    """The picture as a camera would give it, with its texts; `timed` tells whether mood words belong to them."""
    image, coloured = developed(shot.pix, shot.rng)
    return told(shot.rng, image, labels, subject, details, shot.mood.words if timed else (), coloured)


def developed(pix: Array, rng: random.Random) -> tuple[Image.Image, bool]:
    """Display values to a photograph with its faults, and whether it kept its colours."""
    h, w, _ = pix.shape
    pix = (pix - 0.5) * np.float32(rng.uniform(0.9, 1.15)) + np.float32(0.5 + rng.uniform(-0.05, 0.06))
    grey = pix @ np.array([0.3, 0.59, 0.11], np.float32)
    coloured = rng.random() > 0.06
    vivid = np.float32(rng.uniform(0.75, 1.2) if coloured else 0.0)
    pix = grey[..., None] + (pix - grey[..., None]) * vivid
    if coloured:
        pix = pix * np.array([rng.uniform(0.95, 1.05), 1, rng.uniform(0.94, 1.06)], np.float32)
    if rng.random() < 0.35:
        y, x = np.mgrid[-1 : 1 : complex(0, h), -1 : 1 : complex(0, w)]
        pix = pix * (1 - rng.uniform(0.15, 0.45) * np.clip((x * x + y * y) / 2, 0, 1))[..., None]
    if rng.random() < 0.45:
        dice = np.random.default_rng(rng.getrandbits(32))
        pix = pix + dice.standard_normal((h, w, 1), np.float32) * np.float32(rng.uniform(0.005, 0.035))
    image = Image.fromarray((np.clip(pix, 0, 1) * 255).astype(np.uint8))
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    if rng.random() < 0.3:
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=rng.randint(40, 88))
        image = Image.open(packed).convert("RGB")
    return image, coloured
