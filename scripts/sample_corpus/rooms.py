"""Pictures of rooms and buildings. Knows nothing about files."""

from __future__ import annotations

import numpy as np

from .noise import f32, fbm3
from .shapes import blend, box, capsule, cut, cylinder, ellipsoid, matte, moved, plane, sphere, torus, turned, union
from .solid import Array, Camera, Material, Paint, Part, Rgb, Scene
from .texture import backdrop, bricks, day_sky, grass, speckled, tiles, wood
from .vehicles import View, car, trees

PALE = matte(0.86, 0.85, 0.82)
STEEL = Material((0.5, 0.51, 0.53), 0.8, 0.3)
BEECH = Material(wood((0.5, 0.35, 0.2), (0.72, 0.55, 0.36)), 0.25, 0.04)


def _walls(paint: Rgb, window: tuple[float, float, float, float] | None, side: Rgb | None = None) -> list[Part]:
    """A back wall at z = -4 and a left wall at x = -4; `window` is x, y, half width, half height on the back wall."""
    parts = [
        Part(
            box((0, 2.5, -4.15), (8, 3.0, 0.15)),
            Material(speckled(paint, (paint[0] * 0.93, paint[1] * 0.93, paint[2] * 0.93), 3), 0.02),
        ),
        Part(box((-4.15, 2.5, 0), (0.15, 3.0, 8)), matte(*(side or paint))),
        Part(box((0, 0.08, -3.98), (8, 0.09, 0.04), 0.01), PALE),
    ]
    if window:
        x, y, w, h = window

        def outside(p: Array, n: Array) -> Array:
            t = np.clip((p[:, 1] - y + h) / (2 * h), 0, 1)[:, None]
            leaf = np.clip((fbm3(p * 2.2, 4) - 0.42 - 0.35 * t[:, 0]) * 8, 0, 1)[:, None]
            colour = f32([0.75, 0.85, 0.95]) * (1 - t * 0.4) + f32([0, 0.0, 0.05])
            return np.asarray(colour * (1 - leaf) + f32([0.16, 0.34, 0.1]) * leaf, np.float32)

        frame = union(
            cut(box((x, y, -3.98), (w + 0.12, h + 0.12, 0.07)), box((x, y, -3.9), (w, h, 0.4))),
            box((x, y, -3.98), (0.05, h, 0.05)),
            box((x, y, -3.98), (w, 0.04, 0.05)),
        )
        parts += [
            Part(box((x, y, -4.0), (w, h, 0.02), 0.0), Material(outside, 0, 0, 0.9), (x, y, -4), w + h),
            Part(frame, PALE, (x, y, -4), w + h + 0.4),
        ]
    return parts


def _picture(x: float, y: float, w: float, h: float, tones: tuple[Rgb, Rgb]) -> list[Part]:
    return [
        Part(box((x, y, -3.95), (w + 0.07, h + 0.07, 0.04)), matte(0.1, 0.07, 0.05), (x, y, -4), w + h),
        Part(box((x, y, -3.91), (w, h, 0.02)), Material(speckled(*tones, 2.5, 4, 4), 0.1), (x, y, -4), w + h),
    ]


def _lamp(x: float, z: float, tall: float) -> list[Part]:
    shade = cut(
        capsule((x, tall, z), (x, tall + 0.35, z), 0.42, 0.24),
        plane((0, 1, 0), tall - 0.15),
        plane((0, -1, 0), -(tall + 0.5)),
    )
    return [
        Part(
            union(capsule((x, 0, z), (x, tall, z), 0.03), cylinder((x, 0.04, z), 0.3, 0.04)),
            matte(0.08, 0.08, 0.08),
            (x, tall / 2, z),
            tall,
        ),
        Part(shade, Material((1.0, 0.85, 0.6), 0, 0, 0.55), (x, tall + 0.2, z), 0.8),
    ]


def _pot_plant(x: float, z: float, s: float) -> list[Part]:
    leaves = []
    for i in range(13):
        a, lift = i * 2.4, 0.7 + 0.06 * i
        tip = (
            x + 0.6 * s * float(np.cos(a)) * (1.2 - 0.04 * i),
            (lift + 0.55) * s,
            z + 0.6 * s * float(np.sin(a)) * (1.2 - 0.04 * i),
        )
        leaves.append(capsule((x, 0.5 * s, z), tip, 0.02 * s, 0.09 * s))
    return [
        Part(
            capsule((x, 0.1 * s, z), (x, 0.4 * s, z), 0.22 * s, 0.3 * s),
            Material((0.55, 0.24, 0.14), 0.1),
            (x, 0.3 * s, z),
            0.7 * s,
        ),
        Part(union(*leaves), Material(speckled((0.04, 0.2, 0.04), (0.14, 0.4, 0.1), 9), 0.3), (x, 1.1 * s, z), 1.5 * s),
    ]


def _cushion(x: float, y: float, z: float, tone: Rgb) -> Part:
    return Part(
        blend(0.1, ellipsoid((x, y, z), (0.4, 0.36, 0.16)), box((x, y, z), (0.32, 0.3, 0.05), 0.05)),
        matte(*tone),
        (x, y, z),
        0.6,
    )


def living_room() -> View:
    sofa = blend(
        0.1,
        box((-0.6, 0.5, -2.9), (1.9, 0.28, 0.75), 0.15),
        box((-0.6, 1.05, -3.5), (1.95, 0.6, 0.22), 0.18),
        box((-2.6, 0.75, -2.95), (0.22, 0.42, 0.8), 0.18),
        box((1.4, 0.75, -2.95), (0.22, 0.42, 0.8), 0.18),
    )
    table = union(
        cylinder((-0.4, 0.62, -0.7), 1.0, 0.05),
        *[capsule((x, 0, z), (x * 0.8 - 0.1, 0.6, z), 0.04) for x in (-1.0, 0.3) for z in (-1.1, -0.3)],
    )
    parts = [
        *_walls((0.72, 0.73, 0.7), (2.5, 2.3, 0.85, 1.0), (0.35, 0.44, 0.46)),
        *_picture(-1.5, 2.5, 0.55, 0.4, ((0.1, 0.25, 0.4), (0.9, 0.6, 0.3))),
        *_picture(-0.1, 2.55, 0.35, 0.45, ((0.75, 0.7, 0.6), (0.2, 0.3, 0.2))),
        Part(sofa, Material((0.22, 0.3, 0.36), 0.03, bump=0.2, bump_scale=28), (-0.6, 0.8, -3), 2.8),
        _cushion(-2.0, 1.05, -3.05, (0.75, 0.5, 0.1)),
        _cushion(0.8, 1.05, -3.05, (0.7, 0.3, 0.2)),
        _cushion(-1.3, 1.02, -2.95, (0.8, 0.78, 0.7)),
        Part(table, BEECH, (-0.4, 0.4, -0.7), 1.3),
        Part(box((-0.6, 0.7, -0.7), (0.3, 0.03, 0.2)), matte(0.6, 0.15, 0.12), (-0.6, 0.7, -0.7), 0.5),
        Part(cylinder((0.0, 0.78, -0.5), 0.1, 0.11), PALE, (0, 0.78, -0.5), 0.3),
        Part(
            box((-0.4, 0.01, -1.0), (2.2, 0.015, 1.5)),
            Material(tiles((0.6, 0.2, 0.16), (0.78, 0.7, 0.55), 0.36, 0.05), 0.0),
            (-0.4, 0, -1),
            2.8,
        ),
        *_lamp(2.6, -3.0, 1.7),
        *_pot_plant(-3.2, -1.6, 1.3),
    ]
    floor = Material(wood((0.3, 0.18, 0.1), (0.55, 0.37, 0.22), plank=0.3), 0.3, 0.1)
    scene = Scene(
        parts, backdrop((0.75, 0.73, 0.7), (0.85, 0.85, 0.85)), floor, sun=(0.5, 0.8, 0.7), sun_power=0.75, ambient=0.62
    )
    return scene, Camera((2.2, 2.0, 5.4), (-0.4, 1.15, -2.0), 46)


def bedroom() -> View:
    headboard = box((0, 0.95, -3.85), (1.75, 0.95, 0.09), 0.06)
    duvet = blend(0.12, box((0, 0.75, -1.7), (1.72, 0.2, 1.55), 0.15), box((0, 0.6, -1.7), (1.76, 0.25, 1.6), 0.1))
    pillows = [
        blend(0.1, ellipsoid((x, 1.05, -3.3), (0.72, 0.2, 0.42)), box((x, 1.0, -3.3), (0.6, 0.08, 0.32), 0.06))
        for x in (-0.85, 0.85)
    ]
    tables = union(*[box((x, 0.4, -3.5), (0.42, 0.4, 0.38), 0.03) for x in (-2.4, 2.4)])
    parts = [
        *_walls((0.7, 0.74, 0.8), (-2.6, 2.6, 0.75, 0.85), (0.62, 0.68, 0.76)),
        *_picture(0.0, 2.75, 0.9, 0.45, ((0.85, 0.75, 0.55), (0.25, 0.4, 0.5))),
        Part(headboard, BEECH, (0, 1, -3.9), 2.1),
        Part(box((0, 0.3, -2.2), (1.7, 0.18, 1.9)), BEECH, (0, 0.3, -2.2), 2.7),
        Part(box((0, 0.62, -2.2), (1.68, 0.2, 1.85), 0.1), PALE, (0, 0.6, -2.2), 2.6),
        Part(
            duvet,
            Material(speckled((0.12, 0.26, 0.4), (0.18, 0.33, 0.48), 2), 0.02, bump=0.5, bump_scale=2.2),
            (0, 0.7, -1.7),
            2.5,
        ),
        Part(union(*pillows), Material((0.86, 0.86, 0.84), 0.03, bump=0.25, bump_scale=3), (0, 1, -3.3), 1.8),
        Part(tables, BEECH, (0, 0.4, -3.5), 2.9),
        Part(
            box((0.3, 0.01, 0.6), (2.6, 0.02, 0.9)),
            Material(speckled((0.75, 0.7, 0.62), (0.55, 0.5, 0.45), 6), 0),
            (0.3, 0, 0.6),
            2.8,
        ),
    ]
    for x in (-2.4, 2.4):
        parts += [moved(p, (x, 0.8, -3.5), 0, 0.5) for p in _lamp(0.0, 0.0, 0.75)]
    floor = Material(wood((0.38, 0.26, 0.16), (0.6, 0.45, 0.3), plank=0.3), 0.2, 0.06)
    scene = Scene(
        parts, backdrop((0.7, 0.74, 0.8), (0.85, 0.85, 0.85)), floor, sun=(0.4, 0.8, 0.8), sun_power=0.7, ambient=0.62
    )
    return scene, Camera((2.3, 2.5, 4.9), (0.0, 0.95, -2.2), 45)


def kitchen() -> View:
    def fronts(p: Array, n: Array) -> Array:
        u, v = p[:, 0] % 0.9 / 0.9, p[:, 1]
        gap = (u < 0.02) | (np.abs(v - 0.78) < 0.012) | (np.abs(v - 0.12) < 0.02)
        grip = (np.abs(u - 0.5) < 0.17) & (
            (np.abs(v - 0.84) < 0.015) | (np.abs(v - 0.7) < 0.015) | (np.abs(v - 1.98) < 0.015)
        )
        out = np.where(gap[:, None], 0.12, f32([0.3, 0.42, 0.4]))
        return np.asarray(np.where(grip[:, None], 0.75, out), np.float32)

    pot = cut(cylinder((1.1, 1.2, -3.45), 0.3, 0.2), cylinder((1.1, 1.3, -3.45), 0.27, 0.2))
    tap = union(
        capsule((-0.9, 1.0, -3.75), (-0.9, 1.5, -3.75), 0.03), capsule((-0.9, 1.5, -3.75), (-0.9, 1.45, -3.4), 0.03)
    )
    kettle = blend(
        0.08, ellipsoid((1.75, 1.22, -3.4), (0.24, 0.22, 0.24)), capsule((1.95, 1.25, -3.4), (2.12, 1.4, -3.4), 0.05)
    )
    oven = [
        Part(
            box((1.35, 0.5, -3.02), (0.42, 0.24, 0.03)), Material((0.03, 0.03, 0.035), 0.9, 0.25), (1.35, 0.5, -3), 0.6
        ),
        Part(capsule((1.0, 0.82, -2.95), (1.7, 0.82, -2.95), 0.02), STEEL, (1.35, 0.8, -3), 0.5),
    ]
    fridge = [
        Part(
            box((3.1, 1.35, -3.35), (0.62, 1.35, 0.6), 0.06),
            Material((0.72, 0.73, 0.75), 0.7, 0.2),
            (3.1, 1.3, -3.3),
            1.7,
        ),
        Part(
            union(
                capsule((2.6, 1.9, -2.7), (2.6, 2.4, -2.7), 0.025), capsule((2.6, 0.8, -2.7), (2.6, 1.5, -2.7), 0.025)
            ),
            STEEL,
            (2.6, 1.6, -2.7),
            1.1,
        ),
    ]
    parts = [
        *_walls((0.84, 0.83, 0.78), (-1.0, 2.3, 0.85, 0.6), (0.8, 0.78, 0.7)),
        *oven,
        *fridge,
        Part(
            box((0, 1.35, -3.98), (2.4, 0.35, 0.03), 0.0),
            Material(tiles((0.85, 0.87, 0.88), (0.78, 0.83, 0.85), 0.18, 0.07, (0, 1)), 0.5, 0.06),
            (0, 1.3, -4),
            2.6,
        ),
        Part(box((-0.7, 0.5, -3.5), (3.2, 0.48, 0.47), 0.01), Material(fronts, 0.1), (-0.7, 0.5, -3.5), 3.4),
        Part(box((-0.7, 1.0, -3.48), (3.22, 0.04, 0.52)), BEECH, (-0.7, 1, -3.5), 3.4),
        Part(box((1.35, 2.35, -3.75), (0.9, 0.45, 0.25), 0.01), Material(fronts, 0.1), (1.35, 2.3, -3.75), 1.1),
        Part(pot, Material((0.6, 0.12, 0.06), 0.6, 0.1), (1.1, 1.2, -3.45), 0.6),
        Part(
            union(tap, cut(box((-0.9, 1.03, -3.45), (0.5, 0.02, 0.3)), box((-0.9, 1.05, -3.45), (0.42, 0.05, 0.22)))),
            STEEL,
            (-0.9, 1.2, -3.5),
            0.8,
        ),
        Part(kettle, STEEL, (1.8, 1.25, -3.4), 0.6),
        Part(union(*[capsule((x, 2.2, -1.0), (x, 3.6, -1.0), 0.012) for x in (-0.6, 0.6)]), matte(0.05, 0.05, 0.05)),
        Part(
            union(*[sphere((x, 2.15, -1.0), 0.14) for x in (-0.6, 0.6)]),
            Material((1.0, 0.88, 0.6), glow=0.8),
            (0, 2.15, -1),
            0.9,
        ),
        Part(
            union(
                box((0, 0.92, -1.0), (1.5, 0.05, 0.6)),
                *[box((x, 0.45, z), (0.05, 0.45, 0.05)) for x in (-1.35, 1.35) for z in (-1.45, -0.55)],
            ),
            BEECH,
            (0, 0.6, -1),
            1.9,
        ),
        Part(
            union(
                *[cylinder((x, 0.6, -0.1), 0.24, 0.04) for x in (-0.7, 0.7)],
                *[
                    capsule((x + a, 0, -0.1 + b), (x + a * 0.6, 0.6, -0.1 + b * 0.6), 0.03)
                    for x in (-0.7, 0.7)
                    for a in (-0.2, 0.2)
                    for b in (-0.2, 0.2)
                ],
            ),
            BEECH,
            (0, 0.4, -0.1),
            1.2,
        ),
        *[
            Part(
                sphere((-0.35 + 0.22 * i, 1.09, -1.0 + 0.08 * (i % 2)), 0.115),
                Material(tone, 0.6),
                (-0.35 + 0.22 * i, 1.09, -1.0),
                0.25,
            )
            for i, tone in enumerate([(0.8, 0.4, 0.03), (0.8, 0.4, 0.03), (0.3, 0.55, 0.08), (0.85, 0.65, 0.05)])
        ],
    ]
    floor = Material(tiles((0.8, 0.78, 0.74), (0.25, 0.25, 0.27), 0.5), 0.5, 0.1)
    scene = Scene(
        parts, backdrop((0.8, 0.8, 0.78), (0.88, 0.88, 0.86)), floor, sun=(0.3, 0.8, 0.8), sun_power=0.65, ambient=0.62
    )
    return scene, Camera((1.6, 2.1, 3.6), (0.1, 1.15, -2.6), 48)


def house(wall: Paint | Rgb, roof: Rgb) -> list[Part]:
    """A gabled house 8 m wide with door, windows and chimney, its front towards +z."""
    body = cut(box((0, 2.6, 0), (4, 2.6, 3), 0.02), plane((0, -0.77, -0.64), -3.75), plane((0, -0.77, 0.64), -3.75))

    def shingles(p: Array, n: Array) -> Array:
        row = p[:, 1] / 0.16
        seam = (row % 1 < 0.15) | ((p[:, 0] / 0.3 + 0.5 * (np.floor(row) % 2)) % 1 < 0.06)
        return np.asarray(
            f32(roof) * np.where(seam, 0.55, 1.0)[:, None] * (0.75 + 0.5 * fbm3(p * 4, 2))[:, None], np.float32
        )

    def panes(p: Array, n: Array) -> Array:
        u, v = np.where(p[:, 0] < 0, p[:, 0] + 2.6, p[:, 0] - 2.2), p[:, 1] - 2.0
        bar = (np.abs(u) < 0.04) | (np.abs(v) < 0.04) | (np.abs(u) > 0.5) | (np.abs(v) > 0.6)
        return np.asarray(np.where(bar[:, None], f32(0.88), f32([0.08, 0.1, 0.14])), np.float32)

    wings = union(*[box((x, 2.0, 3.02), (0.58, 0.68, 0.06), 0.01) for x in (-2.6, 2.2)])
    tilt = float(np.degrees(np.arctan2(0.64, 0.77)))
    slope = [
        turned(box((0, 3.66, s * 1.72), (4.4, 0.1, 2.45), 0.03), s * tilt, 0, (0, 3.66, s * 1.72)) for s in (1, -1)
    ]
    return [
        Part(body, Material(wall, 0.05), (0, 2.5, 0), 5.7),
        Part(union(*slope), Material(shingles, 0.05), (0, 3.6, 0), 5.9),
        Part(wings, Material(panes, 0.6, 0.12), (0, 2, 3), 3.5),
        Part(box((-0.2, 1.15, 3.03), (0.55, 1.15, 0.07)), Material((0.09, 0.2, 0.16), 0.4), (-0.2, 1.1, 3), 1.4),
        Part(
            box((2.3, 5.0, -0.8), (0.4, 1.0, 0.4)),
            Material(bricks((0.3, 0.12, 0.09), (0.45, 0.2, 0.15))),
            (2.3, 5, -0.8),
            1.3,
        ),
        Part(
            union(box((-0.2, 0.08, 3.6), (0.9, 0.08, 0.6)), sphere((0.2, 1.1, 3.14), 0.06)),
            matte(0.5, 0.48, 0.45),
            (-0.2, 0.3, 3.4),
            1.6,
        ),
    ]


def _hedge(y: float) -> list[Part]:
    leaves = Material(speckled((0.03, 0.13, 0.03), (0.14, 0.34, 0.07), 9), 0.02, bump=1.4, bump_scale=8)
    return [Part(box((x, 0.5, y), (2.6, 0.55, 0.4), 0.3), leaves, (x, 0.5, y), 2.8) for x in (-5.4, 4.2)]


def red_house() -> View:
    def boards(p: Array, n: Array) -> Array:
        seam = np.where(p[:, 1:2] / 0.2 % 1 < 0.1, 0.5, 1.0)
        return f32(f32([0.5, 0.035, 0.03]) * seam * (0.85 + 0.3 * fbm3(p * 6, 3))[:, None])

    parts = [*house(boards, (0.16, 0.16, 0.18)), *_hedge(4.6), *trees([(-6.5, -2, 1.7), (7.5, -4, 2.0), (-9, -9, 2.2)])]
    scene = Scene(parts, day_sky(), Material(grass(), 0.02, bump=0.5, bump_scale=10), sun=(0.6, 0.7, 0.7), fog=0.004)
    return scene, Camera((5.0, 2.6, 14.5), (0.0, 2.5, 0.0), 42)


def white_house_blue_car() -> View:
    plaster: Paint = speckled((0.82, 0.81, 0.77), (0.74, 0.73, 0.7), 2)
    blue = [moved(p, (4.8, 0, 6.2), 15) for p in car((0.03, 0.12, 0.55))]
    parts = [*house(plaster, (0.42, 0.16, 0.1)), *blue, *trees([(-7, -1, 1.8), (9, -5, 2.2)])]
    scene = Scene(
        parts, day_sky(cover=0.3), Material(grass(0.4), 0.02, bump=0.5, bump_scale=10), sun=(0.3, 0.7, 0.8), fog=0.004
    )
    return scene, Camera((-3.0, 2.8, 16.5), (1.0, 2.3, 0.0), 42)


def lighthouse() -> View:
    def stripes(p: Array, n: Array) -> Array:
        red = (np.floor(p[:, 1] / 1.6) % 2 == 0)[:, None]
        return np.asarray(
            np.where(red, f32([0.62, 0.05, 0.04]), f32(0.88)) * (0.9 + 0.2 * fbm3(p * 5, 3))[:, None],
            np.float32,
        )

    rock = blend(
        0.8,
        ellipsoid((0, -0.6, 0), (5, 1.7, 3.4)),
        ellipsoid((3, -0.6, 1), (3, 1.2, 2)),
        ellipsoid((-3.4, -0.5, 0.5), (2.4, 1.1, 2.2)),
    )
    parts = [
        Part(
            lambda p: (rock(p) - 0.35 * fbm3(p * f32(0.9), 3)) * f32(0.6),
            Material(speckled((0.15, 0.13, 0.12), (0.42, 0.38, 0.34), 1.6), 0.1, bump=0.9, bump_scale=3),
            (0, 0, 0),
            7.5,
        ),
        Part(capsule((0, 0.8, 0), (0, 8.0, 0), 1.15, 0.72), Material(stripes, 0.2, 0.03), (0, 4.4, 0), 5.2),
        Part(
            union(
                cylinder((0, 8.5, 0), 1.1, 0.1),
                torus((0, 9.1, 0), 1.05, 0.03),
                cylinder((0, 10.0, 0), 0.75, 0.08),
                capsule((0, 10.1, 0), (0, 10.7, 0), 0.5, 0.05),
            ),
            matte(0.12, 0.12, 0.13),
            (0, 9.4, 0),
            2.0,
        ),
        Part(cylinder((0, 9.25, 0), 0.55, 0.7), Material((1.0, 0.9, 0.6), glow=0.75), (0, 9.25, 0), 1.0),
    ]
    sea = Material(speckled((0.01, 0.08, 0.13), (0.03, 0.16, 0.22), 0.6), 0.5, 0.7, bump=0.6, bump_scale=0.8)
    scene = Scene(
        parts, day_sky((0.25, 0.35, 0.6), (0.95, 0.75, 0.6), 0.7), sea, sun=(-0.7, 0.4, 0.5), fog=0.004, far=300
    )
    return scene, Camera((5.0, 2.6, 17.0), (0.3, 4.9, 0.0), 42)


VIEWS = {
    "living_room": living_room,
    "bedroom": bedroom,
    "kitchen": kitchen,
    "red_house": red_house,
    "white_house_blue_car": white_house_blue_car,
    "lighthouse": lighthouse,
}
