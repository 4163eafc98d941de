"""Pictures of things on tables, lawns and shelves: fruit, food, balls, chess, books. Knows nothing about files."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .noise import f32, fbm3, noise3
from .shapes import blend, box, capsule, cut, cylinder, ellipsoid, matte, sphere, torus, turned, union
from .solid import Array, Camera, Material, Paint, Part, Rgb, Scene
from .texture import backdrop, day_sky, grass, speckled, tiles, wood
from .vehicles import View

OAK = Material(wood((0.2, 0.1, 0.045), (0.5, 0.3, 0.16), plank=0.9), 0.25, 0.08)
SOFT = (0.6, 0.75, 0.5)


def apple(x: float, z: float, r: float, skin: Rgb, blush: Rgb, y: float = 0.0) -> list[Part]:
    """An apple of radius `r` metres standing at height `y`."""
    c = (x, y + 0.84 * r, z)

    def paint(p: Array, n: Array) -> Array:
        angle = np.arctan2(p[:, 2] - z, p[:, 0] - x)
        streak = noise3(np.stack([angle * 9, p[:, 1] * 3 / r, np.full_like(angle, x * 5)], 1).astype(np.float32))
        mix = np.clip(0.6 * streak + 0.6 * fbm3(p * f32(2 / r), 3) - 0.5, 0, 1)[:, None]
        dots = (noise3(p * f32(38 / r)) > 0.93)[:, None]
        colour = f32(skin) * (1 - mix) + f32(blush) * mix
        return np.asarray(np.where(dots, colour * 0.6 + 0.3, colour), np.float32)

    def flesh(p: Array) -> Array:
        q = p - f32(c)
        around = np.hypot(q[:, 0], q[:, 2])
        ring = np.hypot(around - 0.31 * r, q[:, 1] * (0.84 - 0.1 * q[:, 1] / r)) - 0.7 * r
        return np.asarray(ring * 0.85, np.float32)

    stem = capsule((x, y + 1.25 * r, z), (x + 0.15 * r, y + 1.95 * r, z), 0.04 * r, 0.055 * r)
    leaf = turned(
        ellipsoid((x + 0.42 * r, y + 1.8 * r, z), (0.32 * r, 0.035 * r, 0.15 * r)), 25, 2, (x, y + 1.8 * r, z)
    )
    return [
        Part(flesh, Material(paint, 1.0, 0.16), c, 1.2 * r),
        Part(stem, matte(0.18, 0.1, 0.04), (x, y + 1.6 * r, z), 0.6 * r),
        Part(leaf, Material((0.1, 0.36, 0.05), 0.3), (x + 0.4 * r, y + 1.8 * r, z), 0.5 * r),
    ]


RED: tuple[Rgb, Rgb] = ((0.6, 0.02, 0.03), (0.8, 0.3, 0.06))
GREEN: tuple[Rgb, Rgb] = ((0.28, 0.55, 0.06), (0.55, 0.68, 0.16))


def red_apple() -> View:
    scene = Scene(apple(0, 0, 1.0, *RED), backdrop((0.2, 0.17, 0.14), (0.5, 0.45, 0.38)), OAK, sun=SOFT, fog=0.02)
    return scene, Camera((0.8, 2.6, 6.2), (0.0, 0.85, 0.0), 30)


def green_apple() -> View:
    linen = Material(tiles((0.8, 0.8, 0.78), (0.45, 0.55, 0.72), 0.5, 0.0), 0.02)
    scene = Scene(apple(0, 0, 1.0, *GREEN), backdrop((0.4, 0.42, 0.45), (0.75, 0.77, 0.8)), linen, sun=SOFT, fog=0.02)
    return scene, Camera((-0.6, 2.5, 6.4), (0.0, 0.85, 0.0), 30)


def fruit_bowl() -> View:
    bowl = cut(
        ellipsoid((0, 1.15, 0), (2.3, 1.15, 2.3)),
        ellipsoid((0, 1.25, 0), (2.18, 1.1, 2.18)),
        box((0, 3.2, 0), (4, 2, 4)),
    )
    foot = cylinder((0, 0.06, 0), 0.9, 0.1)
    glaze = Material(speckled((0.14, 0.3, 0.5), (0.3, 0.5, 0.68), 3), 0.8, 0.18)
    parts = [Part(bowl, glaze, (0, 1, 0), 2.6), Part(foot, glaze, (0, 0, 0), 1)]
    parts += apple(-0.85, 0.75, 0.62, *RED, y=0.75) + apple(0.55, 1.0, 0.6, *GREEN, y=0.75)
    parts += apple(0.0, -0.6, 0.62, *RED, y=1.1)
    peel = Material(speckled((0.9, 0.36, 0.02), (0.98, 0.5, 0.06), 6), 0.7, 0.05, bump=0.28, bump_scale=24)
    for x, y, z in ((-0.1, 1.55, 0.35), (1.25, 1.35, 0.1), (-1.2, 1.4, -0.3)):
        parts.append(Part(sphere((x, y, z), 0.58), peel, (x, y, z), 0.6))
    skin = Material(speckled((0.82, 0.6, 0.05), (0.9, 0.72, 0.15), 4), 0.3)
    for i in range(3):
        arc = [(-1.5 + 0.5 * j, 1.75 + 0.28 * i - 0.11 * (j - 3) ** 2 * 0.4 + 0.5, -0.75 + 0.28 * i) for j in range(7)]
        rods = [capsule(a, b, 0.2 if 0 < j < 5 else 0.13) for j, (a, b) in enumerate(pairwise(arc))]
        parts.append(Part(blend(0.1, *rods), skin, (0, 2, -0.5), 2.0))
    for i in range(16):
        a = i * 2.4
        c = (1.25 + 0.13 * (i % 4) + 0.22 * np.cos(a), 1.12 + 0.045 * i, 0.95 + 0.3 * np.sin(a))
        grape = Material((0.17, 0.03, 0.2), 0.9, 0.15)
        parts.append(Part(sphere((float(c[0]), c[1], float(c[2])), 0.17), grape, (float(c[0]), c[1], float(c[2])), 0.2))
    scene = Scene(parts, backdrop((0.3, 0.24, 0.2), (0.62, 0.52, 0.42)), OAK, sun=SOFT, fog=0.01)
    return scene, Camera((0.5, 4.6, 7.6), (0.0, 1.15, 0.0), 33)


def pizza() -> View:
    rng = np.random.default_rng(11)

    def cheese(p: Array, n: Array) -> Array:
        t = np.clip((fbm3(p * 2.2, 4) - 0.42) * 5, 0, 1)[:, None]
        brown = np.clip((fbm3(p * 3.5 + 9, 3) - 0.66) * 8, 0, 1)[:, None]
        colour = f32([0.7, 0.13, 0.02]) * (1 - t) + f32([0.92, 0.72, 0.3]) * t
        return np.asarray(colour * (1 - brown) + f32([0.45, 0.2, 0.06]) * brown, np.float32)

    crust = Material(speckled((0.45, 0.2, 0.06), (0.85, 0.6, 0.3), 2.6, 4, 3), 0.08, bump=0.5, bump_scale=5)
    parts = [
        Part(cylinder((0, 0.26, 0), 2.6, 0.1), Material(cheese, 0.5, 0.03, bump=0.5, bump_scale=4), (0, 0.2, 0), 2.7),
        Part(torus((0, 0.3, 0), 2.62, 0.21), crust, (0, 0.3, 0), 3.0),
        Part(
            cylinder((0, 0.08, 0), 3.3, 0.08), Material(wood((0.35, 0.2, 0.1), (0.62, 0.42, 0.24)), 0.2), (0, 0, 0), 3.4
        ),
    ]
    salami = Material(speckled((0.42, 0.04, 0.03), (0.62, 0.16, 0.1), 16), 0.6, 0.04)
    for i in range(13):
        a, r = i * 2.4 + rng.uniform(-0.2, 0.2), 0.62 * np.sqrt(i + 0.3)
        c = (float(r * np.cos(a)), 0.38, float(r * np.sin(a)))
        parts.append(Part(cylinder(c, 0.36, 0.035, rounding=0.03), salami, c, 0.4))
    for i in range(9):
        a, r = i * 2.4 + 1.2, 0.7 * np.sqrt(i + 0.6)
        c = (float(r * np.cos(a)), 0.41, float(r * np.sin(a)))
        olive = torus(c, 0.1, 0.05)
        leaf = turned(ellipsoid((c[0] + 0.35, 0.42, c[2]), (0.26, 0.03, 0.12)), 40 * i, 1, c)
        parts += [
            Part(olive, Material((0.03, 0.03, 0.035), 0.8), c, 0.2),
            Part(leaf, Material((0.06, 0.26, 0.04), 0.2), c, 0.7),
        ]
    scene = Scene(
        parts,
        backdrop((0.2, 0.15, 0.12), (0.4, 0.33, 0.28)),
        Material(tiles((0.75, 0.1, 0.1), (0.85, 0.85, 0.82), 0.8, 0), 0.02),
        sun=SOFT,
    )
    return scene, Camera((0.0, 6.2, 5.6), (0.0, 0.1, 0.15), 40)


def birthday_cake() -> View:
    def layers(p: Array, n: Array) -> Array:
        drip = p[:, 1] > 1.35 + 0.22 * np.sin(np.arctan2(p[:, 2], p[:, 0]) * 11) + 0.1 * np.sin(
            np.arctan2(p[:, 2], p[:, 0]) * 5
        )
        return np.asarray(np.where(drip[:, None], f32([0.16, 0.06, 0.03]), f32([0.92, 0.62, 0.66])), np.float32)

    parts = [
        Part(cylinder((0, 0.95, 0), 1.8, 0.8, rounding=0.12), Material(layers, 0.5, 0.05), (0, 0.95, 0), 2.1),
        Part(cylinder((0, 0.08, 0), 2.5, 0.07), Material((0.85, 0.85, 0.87), 0.8, 0.15), (0, 0, 0), 2.6),
    ]
    tones: list[Rgb] = [(0.1, 0.3, 0.7), (0.9, 0.7, 0.1), (0.15, 0.55, 0.2), (0.75, 0.1, 0.3), (0.4, 0.15, 0.6)]
    for i in range(8):
        a = i * np.pi / 4
        x, z = float(1.1 * np.cos(a)), float(1.1 * np.sin(a))
        parts.append(Part(capsule((x, 1.7, z), (x, 2.5, z), 0.065), Material(tones[i % 5], 0.3), (x, 2.1, z), 0.6))
        flame = Material((1.0, 0.75, 0.25), glow=1.0)
        parts.append(
            Part(
                blend(0.08, sphere((x, 2.66, z), 0.075), capsule((x, 2.66, z), (x, 2.88, z), 0.05, 0.01)),
                flame,
                (x, 2.7, z),
                0.3,
            )
        )
    for i in range(16):
        a = i * np.pi / 8
        x, z = float(1.62 * np.cos(a)), float(1.62 * np.sin(a))
        berry = Material(speckled((0.6, 0.02, 0.03), (0.75, 0.1, 0.08), 20), 0.6, 0.05)
        cream = Material((0.95, 0.9, 0.84), 0.2)
        parts.append(Part(ellipsoid((x, 1.86, z), (0.16, 0.18, 0.16)), berry if i % 2 else cream, (x, 1.86, z), 0.2))
    cloth = Material(speckled((0.24, 0.3, 0.36), (0.34, 0.4, 0.46), 9), 0.02)
    scene = Scene(parts, backdrop((0.18, 0.13, 0.16), (0.42, 0.3, 0.36)), cloth, sun=SOFT, ambient=0.5)
    return scene, Camera((0.6, 4.2, 7.0), (0.0, 1.25, 0.0), 34)


def _football(p: Array, n: Array) -> Array:
    g = (1 + 5**0.5) / 2
    corners = [(0, a, b * g) for a in (-1, 1) for b in (-1, 1)]
    all_corners = f32([c[i:] + c[:i] for c in corners for i in range(3)])
    dots = np.sort(n @ (all_corners / np.linalg.norm(all_corners[0])).T, axis=1)
    black = dots[:, -1] > 0.938
    seam = (np.abs(dots[:, -1] - dots[:, -2]) < 0.018) | (np.abs(dots[:, -1] - 0.938) < 0.006)
    return np.asarray(
        np.where(black[:, None], f32(0.03), np.where(seam[:, None], f32(0.25), f32(0.88))),
        np.float32,
    )


def soccer_ball() -> View:
    ball = Part(turned(sphere((0, 0.98, 0), 1.0), 20), Material(_football, 0.4, 0.03), (0, 0.98, 0), 1.1)
    lawn = Material(grass(), 0.02, bump=0.8, bump_scale=12)
    post = Part(
        union(
            capsule((-4, 0, -5), (-4, 4, -5), 0.13),
            capsule((4, 0, -5), (4, 4, -5), 0.13),
            capsule((-4, 4, -5), (4, 4, -5), 0.13),
        ),
        matte(0.9, 0.9, 0.9),
        (0, 2, -5),
        6.0,
    )
    scene = Scene([ball, post], day_sky(), lawn, sun=(0.5, 0.7, 0.5), fog=0.012)
    return scene, Camera((0.6, 1.9, 6.2), (0.0, 1.25, 0.0), 38)


def _pair(left: Rgb, right: Rgb) -> View:
    gloss = {"gloss": 0.9, "mirror": 0.12}
    parts = [
        Part(sphere((-1.35, 1.0, 0), 1.0), Material(left, **gloss), (-1.35, 1, 0), 1.1),
        Part(sphere((1.35, 1.0, 0), 1.0), Material(right, **gloss), (1.35, 1, 0), 1.1),
    ]
    floor = Material(wood((0.4, 0.27, 0.16), (0.68, 0.5, 0.33), plank=0.8), 0.3, 0.1)
    scene = Scene(parts, backdrop((0.55, 0.55, 0.55), (0.82, 0.82, 0.8)), floor, sun=(0.3, 0.9, 0.5), fog=0.01)
    return scene, Camera((0.0, 2.3, 7.0), (0.0, 0.85, 0.0), 33)


def red_left_blue_right() -> View:
    return _pair((0.7, 0.03, 0.03), (0.03, 0.08, 0.62))


def blue_left_red_right() -> View:
    return _pair((0.03, 0.08, 0.62), (0.7, 0.03, 0.03))


def coffee_and_croissant() -> View:
    china = Material((0.88, 0.87, 0.84), 0.8, 0.1)
    cup = cut(
        blend(0.2, cylinder((-1.3, 0.85, 0), 0.85, 0.7, rounding=0.15)),
        cylinder((-1.3, 1.05, 0), 0.74, 0.72, rounding=0.1),
    )
    handle = torus((-2.25, 0.9, 0), 0.32, 0.09, 2)
    coffee = cylinder((-1.3, 1.25, 0), 0.78, 0.03, rounding=0.01)

    def crema(p: Array, n: Array) -> Array:
        swirl = np.sin(np.hypot(p[:, 0] + 1.3, p[:, 2]) * 18 + np.arctan2(p[:, 2], p[:, 0] + 1.3) * 2)
        light = np.clip(swirl * 2, 0, 1)[:, None]
        return np.asarray(f32([0.2, 0.08, 0.025]) * (1 - light) + f32([0.8, 0.6, 0.4]) * light, np.float32)

    bits = []
    for i in range(9):
        a = np.radians(-100 + 200 * i / 8)
        thick = 0.16 + 0.36 * np.sin(np.pi * (i + 0.6) / 9.2)
        bits.append(
            ellipsoid(
                (float(1.5 + 1.05 * np.sin(a)), 0.2 + thick * 0.8, float(0.9 - 1.0 * np.cos(a))), (0.3, thick, thick)
            )
        )
    crust = Material(speckled((0.42, 0.17, 0.04), (0.85, 0.5, 0.17), 3.5), 0.4, 0.03, bump=0.35, bump_scale=7)
    parts = [
        Part(union(cup, handle, cylinder((-1.3, 0.09, 0), 1.55, 0.07)), china, (-1.3, 0.7, 0), 1.9),
        Part(coffee, Material(crema, 0.3, 0.05), (-1.3, 1.25, 0), 0.85),
        Part(cylinder((1.5, 0.06, 0.2), 1.75, 0.06), china, (1.5, 0, 0.2), 1.8),
        Part(blend(0.06, *bits), crust, (1.5, 0.5, 0.4), 2.0),
    ]
    scene = Scene(parts, backdrop((0.25, 0.2, 0.17), (0.5, 0.42, 0.36)), OAK, sun=SOFT)
    return scene, Camera((0.2, 4.6, 6.4), (0.1, 0.4, 0.2), 36)


def _spines(p: Array, n: Array) -> Array:
    index = np.floor(p[:, 0] / 0.36)
    key = np.stack([index * 3.3, np.floor(p[:, 1] / 2.2) * 7.1, index * 1.7], 1).astype(np.float32)
    hue = noise3(key) * 6.283
    colour = 0.2 + 0.13 * np.stack([np.cos(hue), np.cos(hue + 2.1), np.cos(hue + 4.2)], 1)
    band = (np.abs(p[:, 1] % 2.2 - 1.2) < 0.07)[:, None]
    gap = (p[:, 0] / 0.36 % 1 < 0.05)[:, None]
    return np.asarray(np.where(gap, 0.03, np.where(band, f32([0.75, 0.6, 0.25]), colour)), np.float32)


def bookshelf() -> View:
    rng = np.random.default_rng(5)
    shelf = Material(wood((0.25, 0.13, 0.06), (0.45, 0.27, 0.14)), 0.2)
    boards = union(
        *[box((0, 2.2 * k, 0), (4, 0.08, 0.8)) for k in range(4)],
        *[box((x, 3.3, 0), (0.1, 3.4, 0.8)) for x in (-4.0, 4.0)],
    )
    parts = [Part(boards, shelf), Part(box((0, 3.3, -0.85), (4, 3.4, 0.05)), shelf)]
    for k in range(3):
        for i in range(-11, 11):
            tall = float(rng.uniform(0.68, 0.92))
            c = (0.36 * i + 0.18, 2.2 * k + 0.08 + tall, float(rng.uniform(-0.15, 0.1)))
            if rng.uniform() > 0.1:
                parts.append(Part(box(c, (0.165, tall, 0.55), 0.03), Material(_spines, 0.2), c, 1.15))
    scene = Scene(parts, backdrop((0.4, 0.38, 0.35), (0.6, 0.58, 0.55)), sun=(0.4, 0.5, 0.9))
    return scene, Camera((1.2, 3.6, 9.4), (0.0, 3.25, 0.0), 40)


def chess() -> View:
    board = Part(
        box((0, -0.1, 0), (4.4, 0.1, 4.4), 0.03),
        Material(tiles((0.75, 0.6, 0.4), (0.2, 0.1, 0.05), 1.0, 0.0), 0.4, 0.1),
        (0, 0, 0),
        6.4,
    )
    parts = [board]
    light, dark = Material((0.82, 0.7, 0.5), 0.6, 0.06), Material((0.06, 0.04, 0.035), 0.8, 0.1)
    places = [
        (-3, 2, 0),
        (-2, 3, 0),
        (-1, 2, 0),
        (0, 3, 2),
        (1, 3, 1),
        (2, 2, 0),
        (3, 3, 1),
        (-3, -3, 1),
        (-1, -3, 0),
        (0, -2, 0),
        (1, -3, 2),
        (3, -2, 0),
    ]
    for i, j, kind in places:
        x, z, tall = i + 0.5, j + 0.5, (0.75, 1.0, 1.35)[kind]
        base = [
            cylinder((x, 0.08, z), 0.34, 0.08),
            capsule((x, 0.1, z), (x, tall, z), 0.25, 0.11),
            cylinder((x, tall, z), 0.22, 0.04),
        ]
        top = (
            sphere((x, tall + 0.16, z), 0.19)
            if kind < 2
            else union(
                ellipsoid((x, tall + 0.2, z), (0.2, 0.26, 0.2)),
                box((x, tall + 0.55, z), (0.04, 0.15, 0.04)),
                box((x, tall + 0.57, z), (0.11, 0.04, 0.04)),
            )
        )
        parts.append(Part(union(blend(0.12, *base), top), light if j > 0 else dark, (x, 0.8, z), 1.1))
    scene = Scene(
        parts, backdrop((0.12, 0.12, 0.14), (0.35, 0.36, 0.4)), Material((0.1, 0.18, 0.12), 0.05), sun=(0.6, 0.7, -0.2)
    )
    return scene, Camera((3.6, 4.6, 8.2), (0.2, 0.2, 0.6), 38)


_BAG: Paint = speckled((0.5, 0.02, 0.04), (0.6, 0.05, 0.06), 5)


def red_armchair() -> View:
    fabric = Material(_BAG, 0.05, bump=0.25, bump_scale=30)
    seat = blend(
        0.15,
        box((0, 0.95, 0.1), (1.15, 0.35, 1.1), 0.22),
        box((0, 1.9, -0.95), (1.2, 1.15, 0.3), 0.25),
        box((-1.35, 1.2, 0.05), (0.28, 0.75, 1.15), 0.24),
        box((1.35, 1.2, 0.05), (0.28, 0.75, 1.15), 0.24),
    )
    legs = union(*[capsule((x, 0, z), (x * 0.9, 0.6, z * 0.9), 0.07, 0.1) for x in (-1.2, 1.2) for z in (-0.9, 1.0)])
    wall = Material(speckled((0.55, 0.58, 0.55), (0.62, 0.65, 0.61), 2))
    parts = [
        Part(seat, fabric, (0, 1.5, 0), 2.6),
        Part(legs, matte(0.2, 0.11, 0.05), (0, 0.4, 0), 1.8),
        Part(box((0, 3, -2.4), (9, 4, 0.2)), wall),
    ]
    floor = Material(wood((0.28, 0.17, 0.09), (0.52, 0.34, 0.2), plank=0.45), 0.3, 0.1)
    scene = Scene(parts, backdrop((0.6, 0.6, 0.6), (0.8, 0.8, 0.8)), floor, sun=(-0.4, 0.8, 0.8))
    return scene, Camera((2.2, 2.6, 6.8), (0.0, 1.35, 0.0), 36)


VIEWS = {
    "red_apple": red_apple,
    "green_apple": green_apple,
    "fruit_bowl": fruit_bowl,
    "pizza": pizza,
    "birthday_cake": birthday_cake,
    "soccer_ball": soccer_ball,
    "red_left_blue_right": red_left_blue_right,
    "blue_left_red_right": blue_left_red_right,
    "coffee_and_croissant": coffee_and_croissant,
    "bookshelf": bookshelf,
    "chess": chess,
    "red_armchair": red_armchair,
}
