"""Paints for solids (wood, grass, tiles, fur ...) and skies. Knows nothing about shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .noise import f32, fbm3, noise3
from .solid import Array, Paint, Rgb


def _mix(a: Rgb, b: Rgb, t: Array) -> Array:
    return np.asarray(f32(a) + (f32(b) - f32(a)) * t[:, None], np.float32)


def speckled(a: Rgb, b: Rgb, scale: float, octaves: int = 4, contrast: float = 2.0) -> Paint:
    """Two colours in clouds of about `1 / scale` metres."""
    return lambda p, n: _mix(a, b, np.clip((fbm3(p * f32(scale), octaves) - 0.5) * contrast + 0.5, 0, 1))


def wood(a: Rgb, b: Rgb, plank: float = 0.0, along: int = 0) -> Paint:
    """Grain along one axis; boards of width `plank` when given."""

    def paint(p: Array, n: Array) -> Array:
        q = p * f32([6, 40, 40]) if along == 0 else p * f32([40, 40, 6])
        t = fbm3(q * f32(0.5), 4)
        colour = _mix(a, b, np.clip((t - 0.5) * 2.4 + 0.5, 0, 1))
        if plank:
            across = p[:, 2 if along == 0 else 0] / f32(plank)
            board = np.floor(across)
            shade = 0.82 + 0.3 * noise3(np.stack([board * 7.7, board * 3.1, board], axis=1).astype(np.float32))
            seam = np.where(np.abs(across - board - 0.5) > 0.475, 0.45, 1.0)
            colour = colour * (shade * seam)[:, None].astype(np.float32)
        return np.asarray(colour, np.float32)

    return paint


def tiles(a: Rgb, b: Rgb, size: float, joint: float = 0.03, axes: tuple[int, int] = (0, 2)) -> Paint:
    """A chequer of two colours with dark joints."""

    def paint(p: Array, n: Array) -> Array:
        u, v = p[:, axes[0]] / size, p[:, axes[1]] / size
        odd = (np.floor(u) + np.floor(v)) % 2
        colour = _mix(a, b, odd.astype(np.float32))
        seam = (np.minimum(u % 1, v % 1) < joint)[:, None]
        return np.asarray(np.where(seam, f32(0.35), colour * (0.9 + 0.2 * noise3(p * 3)[:, None])), np.float32)

    return paint


def bricks(a: Rgb, b: Rgb, length: float = 0.24, height: float = 0.08, mortar: float = 0.6) -> Paint:
    """A running bond on walls facing x or z."""

    def paint(p: Array, n: Array) -> Array:
        side = np.where(np.abs(n[:, 2]) > np.abs(n[:, 0]), p[:, 0], p[:, 2])
        v = p[:, 1] / height
        u = side / length + 0.5 * (np.floor(v) % 2)
        cell = np.stack([np.floor(u) * 3.1, np.floor(v) * 5.3, np.zeros_like(u)], axis=1).astype(np.float32)
        colour = _mix(a, b, noise3(cell + f32(0.5))) * (0.85 + 0.3 * fbm3(p * 30, 2))[:, None]
        joint = ((u % 1) < 0.05) | ((v % 1) < 0.13)
        return np.asarray(np.where(joint[:, None], f32(mortar), colour), np.float32)

    return paint


def grass(dry: float = 0.0) -> Paint:
    """A lawn: blades, patches and a little earth."""

    def paint(p: Array, n: Array) -> Array:
        blades = fbm3(p * f32([60, 1, 22]), 2)
        patches = fbm3(p * f32(0.9), 3)
        green = _mix((0.08, 0.2, 0.03), (0.3 + 0.3 * dry, 0.46, 0.12), np.clip(blades * 1.5 - 0.25, 0, 1))
        return np.asarray(green * (0.6 + 0.8 * patches)[:, None], np.float32)

    return paint


def asphalt(stripe_z: float | None = None) -> Paint:
    """A road along x, grey and grainy, with a dashed middle line at `stripe_z`; grass beyond five metres."""
    lawn = grass(0.3)

    def paint(p: Array, n: Array) -> Array:
        grain = fbm3(p * 45, 2) * 0.25 + fbm3(p * 1.3, 3) * 0.3
        colour = _mix((0.1, 0.1, 0.11), (0.42, 0.42, 0.43), grain)
        middle = 0.0 if stripe_z is None else stripe_z
        off = np.abs(p[:, 2] - middle)
        if stripe_z is not None:
            line = (off < 0.07) & ((p[:, 0] % 3.0) < 1.7)
            colour = np.where(line[:, None], f32(0.85), colour)
        kerb = (off > 4.2) & (off < 4.5)
        colour = np.where(kerb[:, None], f32(0.62), colour)
        return np.asarray(np.where((off > 4.5)[:, None], lawn(p, n), colour), np.float32)

    return paint


def day_sky(top: Rgb = (0.22, 0.45, 0.85), low: Rgb = (0.78, 0.87, 0.95), cover: float = 0.5) -> Callable[..., Array]:
    """Blue with drifting clouds; `cover` 0 (clear) to 1 (overcast)."""

    def sky(way: Array) -> Array:
        h = np.clip(way[:, 1], 0, 1)
        colour = _mix(low, top, np.sqrt(h).astype(np.float32))
        sheet = way / np.maximum(h, 0.04)[:, None] * f32([0.55, 0, 0.9])
        puff = np.clip((fbm3(sheet.astype(np.float32), 5) - 0.72 + 0.4 * cover) * 4, 0, 1) * np.clip(h * 7, 0, 1)
        return np.asarray(colour + (f32([0.97, 0.97, 0.98]) - colour) * puff[:, None], np.float32)

    return sky


def backdrop(low: Rgb, top: Rgb) -> Callable[..., Array]:
    """A plain studio wall that gets `top` upwards."""
    return lambda way: _mix(low, top, np.clip(way[:, 1] * 1.6 + 0.35, 0, 1).astype(np.float32))
