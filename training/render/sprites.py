"""What stands about in photo-like views: trees of noise, and solids cast small, with their shadows.

A sprite is an RGBA picture in display values with straight alpha and the height `v` of its foot at its lower edge. It
knows nothing of the kinds of views.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from training.render import solids
from training.render.atmosphere import ROUGH, Array, Shot, rgb
from training.render.canvas import Rgb, shade
from training.render.kit import Kit
from training.render.rays import Light, Part, View, cast, ground_shadow, look, shine, yaw_matrix


@dataclass(frozen=True)
class Sprite:
    """A cut-out with premultiplied alpha, `(h, w, 4)`; `foot` is the share of its height at which it stands."""

    pixels: Array
    foot: float = 1.0
    tall: float = 1.0  # share of its height that the thing itself takes

    def flipped(self) -> Sprite:
        return replace(self, pixels=np.ascontiguousarray(self.pixels[:, ::-1]))


def paste(shot: Shot, sprite: Sprite, u: float, v: float, height: float, distance: float = 0.0) -> None:
    """Puts a sprite with its foot at `(u, v)`; its thing is `height` tall in `v`."""
    lines = max(2, round(height / sprite.tall * shot.h))
    columns = max(2, round(lines * sprite.pixels.shape[1] / sprite.pixels.shape[0]))
    if lines > 3 * shot.h or columns > 3 * shot.w:
        return
    x0, y0 = round(u * shot.h - columns / 2), round(v * shot.h - lines * sprite.foot)
    top, left = max(0, y0), max(0, x0)
    bottom, right = min(shot.h, y0 + lines), min(shot.w, x0 + columns)
    if top >= bottom or left >= right:
        return
    small = resized(sprite.pixels, lines, columns)[top - y0 : bottom - y0, left - x0 : right - x0]
    alpha = small[..., 3:]
    colour = small[..., :3]
    if distance:
        colour = shot.hazed(colour / np.maximum(alpha, 1e-3), distance) * alpha
    shot.pix[top:bottom, left:right] = shot.pix[top:bottom, left:right] * (1 - alpha) + colour


def resized(pixels: Array, lines: int, columns: int) -> Array:
    image = Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8), "RGBa")
    return np.asarray(image.resize((columns, lines), Image.Resampling.BILINEAR, reducing_gap=2.0), np.float32) / 255


def stand(shot: Shot, sprite: Sprite, u: float, v: float, tall: float) -> None:
    """Puts a sprite on the ground at `v`, `tall` in camera heights."""
    away = v - shot.horizon
    paste(shot, sprite, u, v, tall * away, min(0.35 / max(away, 0.01), 12))


def scatter(shot: Shot, sprites: Sequence[Sprite], count: int, rows: tuple[float, float], tall: float) -> None:
    """Sprites here and there on the ground between two heights `v`, far ones first."""
    for v in sorted(shot.rng.uniform(*rows) for _ in range(count)):
        sprite = shot.rng.choice(sprites)
        stand(shot, sprite, shot.rng.uniform(0, shot.aspect), v, tall * shot.rng.uniform(0.75, 1.25))


def _lit_sprite(shot: Shot, alpha: Array, colour: Array, shading: Array) -> Sprite:
    body = colour * shot.tint * np.clip(shading, 0.12, 1.5)[..., None]
    alpha = np.clip(alpha, 0, 1)[..., None]
    return Sprite(np.asarray(np.concatenate([np.clip(body, 0, 1) * alpha, alpha], -1), np.float32))


_S = 56  # lines of a tree's sprite


def _grid() -> tuple[Array, Array]:
    y, x = np.mgrid[0 : 1 : complex(0, _S), -0.5 : 0.5 : complex(0, _S)]
    return x.astype(np.float32), y.astype(np.float32)


def leafy(shot: Shot, colour: Sequence[float]) -> Sprite:
    """A tree with a crown of clumps."""
    x, y = _grid()
    rng = shot.rng
    n = shot.noise(x * 45, y * 45, ROUGH)
    clumps = np.full_like(x, -1.0)
    light = np.zeros_like(x)
    for _ in range(rng.randint(5, 9)):
        a, r = rng.uniform(0, 2 * math.pi), rng.uniform(0.12, 0.22)
        cx, cy = 0.24 * math.cos(a) * rng.random() ** 0.5, 0.33 + 0.22 * math.sin(a)
        d = 1 - np.sqrt((x - cx) ** 2 + (y - cy) ** 2) / r
        better = d > clumps
        light = np.where(better, 0.75 - (y - cy) / r * 0.35 + shot.side * (x - cx) / r * 0.2, light)
        clumps = np.maximum(clumps, d)
    crown = (clumps + (n - 0.5) * 0.9 + 0.05) * 7
    trunk = (0.028 + 0.02 * y - np.abs(x)) * 50 * (y > 0.5)
    wood = rgb((88, 68, 52))
    is_crown = (crown > 0.2)[..., None]
    shading = np.where(is_crown[..., 0], light * (0.45 + n), 0.8 + shot.side * x * 6)
    return _lit_sprite(shot, np.maximum(crown, trunk), np.where(is_crown, rgb(colour), wood), shading)


def conifer(shot: Shot, colour: Sequence[float] = (48, 78, 52), snow: float = 0.0) -> Sprite:
    """A fir; `snow` is the share of its boughs that are white."""
    x, y = _grid()
    n = shot.noise(x * 60, y * 40, ROUGH)
    tiers = (y * shot.rng.uniform(5, 9)) % 1
    wide = 0.3 * y * (0.72 + 0.4 * tiers) + (n - 0.5) * 0.12
    alpha = np.maximum((wide - np.abs(x)) * 35 * (y < 0.93), (0.03 - np.abs(x)) * 60)
    shading = (0.35 + 0.9 * n) * (1.1 - 0.5 * tiers) + shot.side * x * 1.2
    white = np.clip((snow - tiers * 0.7 - n * 0.3 + 0.1) * 6, 0, 1)[..., None]
    body = rgb(colour) * (1 - white) + rgb((240, 244, 250)) * 1.2 * white
    return _lit_sprite(shot, np.where(y < 0.02, 0, alpha), body, shading)


def _drawn(shot: Shot, paint: Callable[[ImageDraw.ImageDraw], None]) -> Sprite:
    layer = Image.new("RGBA", (128, 128), (0, 0, 0, 0))
    paint(ImageDraw.Draw(layer))
    pixels = np.asarray(layer.convert("RGBa").resize((64, 64), Image.Resampling.BOX), np.float32) / 255
    pixels[..., :3] *= (0.8 + 0.4 * shot.noise(*_square(64), ROUGH))[..., None]
    return Sprite(pixels)


def _square(n: int) -> tuple[Array, Array]:
    y, x = np.mgrid[0:n, 0:n].astype(np.float32)
    return x, y


def palm(shot: Shot) -> Sprite:
    rng, green, wood = shot.rng, shot.ink((62, 110, 48)), shot.ink((120, 95, 70))
    lean = rng.uniform(-26, 26)

    def paint(pen: ImageDraw.ImageDraw) -> None:
        top = (64 + lean, 34)
        spine = [(64 + lean * (1 - (1 - t) ** 2), 127 - 93 * t) for t in (0, 0.25, 0.5, 0.75, 1)]
        pen.line(spine, fill=wood, width=6, joint="curve")
        for i in range(rng.randint(8, 11)):
            a = 2 * math.pi * i / 9 + rng.uniform(-0.2, 0.2)
            long, dark = rng.uniform(30, 42), rng.uniform(0.6, 1.15)
            fill = tuple(min(255, int(c * dark)) for c in green)
            at = [(top[0] + math.cos(a) * long * t, top[1] + math.sin(a) * long * 0.55 * t + 30 * t * t - 6 * t)
                  for t in (0, 0.35, 0.7, 1)]  # fmt: skip
            pen.line(at, fill=fill, width=7, joint="curve")
            for x, y in at[1:]:
                pen.line((x - 6, y + 9, x, y, x + 6, y + 9), fill=fill, width=3)

    return _drawn(shot, paint)


def bare(shot: Shot) -> Sprite:
    """A leafless tree."""
    rng, wood = shot.rng, shot.ink((82, 68, 58))

    def paint(pen: ImageDraw.ImageDraw) -> None:
        def grow(x: float, y: float, a: float, long: float, thick: float) -> None:
            x1, y1 = x + math.sin(a) * long, y - math.cos(a) * long
            pen.line((x, y, x1, y1), fill=wood, width=max(1, round(thick)))
            if thick > 1.2:
                for _ in range(rng.choice((2, 2, 3))):
                    grow(x1, y1, a + rng.uniform(-0.75, 0.75), long * rng.uniform(0.65, 0.85), thick * 0.66)

        grow(64, 127, rng.uniform(-0.1, 0.1), 34, 8)

    return _drawn(shot, paint)


def broadleaf_green(rng: random.Random) -> Rgb:
    return rng.choice(((72, 112, 48), (92, 130, 56), (58, 96, 44), (104, 128, 66), (80, 120, 70)))


AUTUMN = ((200, 110, 35), (214, 150, 40), (178, 70, 36), (150, 96, 44), (220, 176, 60))


def solid(
    shot: Shot, name: str, colour: str = "", steep: float = 8.0, lines: int = 48, turn: float | None = None
) -> tuple[Sprite, str]:
    """A solid of the shared models as a sprite, and the name of its colour, "" where it goes without saying."""
    model = shot.rng.choice(solids.BY_NAME[name])
    colour = colour or solids.colour_for(name, shot.rng)
    parts = solids.build(model, colour, shot.rng)
    if turn is not None:
        parts = [p.placed(yaw_matrix(turn), np.zeros(3, np.float32)) for p in parts]
    return cut_out(parts, shot.light(), steep, lines), "" if model.own_colour else colour


def built(
    shot: Shot, build: Callable[[Kit], None], colour: str, steep: float = 8.0, lines: int = 48, turn: float = 30.0
) -> Sprite:
    """A sprite of parts that `build` makes in a colour, turned up to so many degrees either way."""
    kit = Kit(shot.rng, shade(colour, shot.rng), shot.rng.choice((0.05, 0.2, 0.4)))
    build(kit)
    matrix = np.asarray(
        yaw_matrix(shot.rng.uniform(-turn, turn)) @ np.diag((shot.rng.choice((-1, 1)), 1, 1)), np.float32
    )
    return cut_out([p.placed(matrix, np.zeros(3, np.float32)) for p in kit.parts], shot.light(), steep, lines)


def cut_out(parts: Sequence[Part], light: Light, steep: float, lines: int) -> Sprite:
    """Parts that stand at y = 0 as a sprite with the shadow that they cast."""
    low, high = solids.bounds(parts)
    reach = float(np.linalg.norm(high - low))
    view = look(0, steep, reach * 4, np.asarray((low + high) / 2, np.float32))
    u, v = view.project(np.concatenate([p.corners for p in parts], 1))
    tall = float(v.max() - v.min())
    spare = 0.35 * tall
    window = (float(u.min()) - spare, float(u.max()) + spare, float(v.min()) - 0.06 * tall, float(v.max()))
    view = replace(view, window=window)
    height = max(8, min(lines, 72))
    width = max(4, min(2 * height, round(height * (window[1] - window[0]) / (window[3] - window[2]))))
    pixels = _cast(parts, view, light, width, height)
    foot = view.project(np.array([[0], [0], [0]], np.float32))[1, 0]
    return Sprite(
        pixels, float((window[3] - foot) / (window[3] - window[2])), float((window[3] - foot) / (window[3] - window[2]))
    )


def _cast(parts: Sequence[Part], view: View, light: Light, width: int, height: int) -> Array:
    rays = view.rays(width, height)
    frame = cast(parts, view, rays)
    sky, floor = light.above * np.float32(1.4), light.lamp * np.float32(0.2)
    out = np.zeros((height, width, 4), np.float32)
    down = np.minimum(rays[1], -1e-3)
    shadow = ground_shadow(parts, view, view.eye[:, None, None] - rays * (view.eye[1] / down), light)
    out[..., 3] = shadow * (rays[1] < -1e-3) * np.float32(0.45 * min(1.0, light.shine))
    lit = shine(frame, rays, view.eye, parts, light, sky, floor)
    out[frame.covered, :3] = np.clip(lit, 0, 1).T ** (1 / 2.2)
    out[frame.covered, 3] = 1
    return out
