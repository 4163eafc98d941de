"""Pictures of things that move: cars, bicycles, an aeroplane, boats, balloons. Knows nothing about files."""

from __future__ import annotations

import numpy as np

from .noise import f32, fbm3
from .shapes import blend, box, capsule, cut, cylinder, ellipsoid, matte, moved, plane, sphere, torus, turned, union
from .solid import Array, Camera, Material, Paint, Part, Rgb, Scene
from .texture import asphalt, bricks, day_sky, grass, speckled

View = tuple[Scene, Camera]


def _body_paint(colour: Rgb, chequer: bool) -> Paint:
    def paint(p: Array, n: Array) -> Array:
        out = np.broadcast_to(f32(colour), p.shape).copy()
        x, y = p[:, 0], p[:, 1]
        side = np.abs(n[:, 2]) > 0.5
        seam = side & (y > 0.42) & ((np.abs(x + 0.05) < 0.012) | (np.abs(x - 1.0) < 0.012) | (np.abs(x + 1.05) < 0.012))
        out[seam] = 0.02
        out[side & (np.abs(y - 0.73) < 0.018) & ((np.abs(x + 0.3) < 0.09) | (np.abs(x - 0.72) < 0.09))] = 0.75
        if chequer:
            band = side & (np.abs(y - 0.62) < 0.06)
            odd = (np.floor(x / 0.06) + np.floor((y - 0.56) / 0.06)) % 2 == 0
            out[band] = 0.92
            out[band & odd] = 0.02
        front = n[:, 0] > 0.45
        out[front & (np.abs(p[:, 2]) > 0.48) & (np.abs(y - 0.66) < 0.1)] = (0.97, 0.96, 0.85)
        out[front & (np.abs(p[:, 2]) < 0.42) & (np.abs(y - 0.56) < 0.1)] = 0.05
        out[(n[:, 0] < -0.45) & (np.abs(p[:, 2]) > 0.5) & (np.abs(y - 0.68) < 0.1)] = (0.6, 0.02, 0.02)
        out[y < 0.34] = 0.06
        return out

    return paint


def _cabin_paint(colour: Rgb) -> Paint:
    def paint(p: Array, n: Array) -> Array:
        out = np.broadcast_to(f32(colour), p.shape).copy()
        x, y, z = p.T
        side = np.abs(n[:, 2]) > 0.5
        lean = 0.52 * (y - 0.85)
        window = side & (y > 0.9) & (y < 1.3) & (x > -1.12 + lean * 1.2) & (x < 0.72 - lean * 1.5)
        screen = (~side) & (np.abs(n[:, 0]) > 0.3) & (y > 0.9) & (y < 1.32) & (np.abs(z) < 0.66 - 0.1 * (y - 0.9))
        out[window & (np.abs(x + 0.15) > 0.045)] = (0.03, 0.04, 0.055)
        out[screen] = (0.04, 0.055, 0.07)
        return out

    return paint


def _wheel_paint(p: Array, n: Array) -> Array:
    x = np.abs(p[:, 0]) - 1.3
    x = np.where(np.abs(p[:, 0]) < 0.5, p[:, 0], x)
    y = p[:, 1] - 0.33
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    rim = (r < 0.225) & ((np.cos(5 * angle) > -0.25) | (r < 0.07) | (r > 0.19))
    out = np.where(rim[:, None], f32([0.62, 0.63, 0.65]), f32([0.02, 0.02, 0.022]))
    return np.asarray(np.where((r < 0.225)[:, None] | rim[:, None], out, f32(0.035)), np.float32)


def car(colour: Rgb, taxi: bool = False) -> list[Part]:
    """A saloon 4.3 m long, its nose towards +x, standing on y = 0 about the origin."""
    shell = blend(
        0.25,
        box((0.0, 0.6, 0.0), (2.12, 0.26, 0.86), 0.16),
        ellipsoid((1.1, 0.7, 0.0), (0.95, 0.22, 0.8)),
        ellipsoid((-1.5, 0.72, 0.0), (0.62, 0.22, 0.8)),
    )
    wells = [cylinder((x, 0.33, z), 0.41, 0.3, 2) for x in (-1.3, 1.3) for z in (-0.85, 0.85)]
    cabin = cut(
        box((-0.25, 1.0, 0.0), (1.45, 0.46, 0.78), 0.1),
        plane((-0.82, -0.57, 0.0), -1.18),
        plane((0.85, -0.53, 0.0), -1.78),
        plane((0.0, -0.2, -0.98), -0.93),
        plane((0.0, -0.2, 0.98), -0.93),
    )
    wheels = union(*[cylinder((x, 0.33, z), 0.33, 0.11, 2, 0.04) for x in (-1.3, 1.3) for z in (-0.74, 0.74)])
    trim = union(
        box((2.1, 0.42, 0.0), (0.06, 0.07, 0.8), 0.04),
        box((-2.1, 0.42, 0.0), (0.06, 0.07, 0.8), 0.04),
        ellipsoid((0.72, 0.98, 0.9), (0.06, 0.06, 0.1)),
        ellipsoid((0.72, 0.98, -0.9), (0.06, 0.06, 0.1)),
    )
    parts = [
        Part(cut(shell, *wells), Material(_body_paint(colour, taxi), 1.0, 0.3), (0.0, 0.6, 0.0), 2.3),
        Part(cabin, Material(_cabin_paint(colour), 1.0, 0.4), (-0.25, 1.0, 0.0), 1.7),
        Part(wheels, Material(_wheel_paint, 0.2, 0.05), (0.0, 0.33, 0.0), 1.85),
        Part(trim, matte(0.05, 0.05, 0.055), (0.0, 0.6, 0.0), 2.3),
    ]
    if taxi:
        sign = box((-0.25, 1.54, 0.0), (0.12, 0.1, 0.32), 0.04)
        parts.append(Part(sign, Material((0.98, 0.95, 0.8), glow=0.5), (-0.25, 1.54, 0.0), 0.4))
    return parts


def _facade(base: Rgb, lit: float) -> Paint:
    def paint(p: Array, n: Array) -> Array:
        side = np.where(np.abs(n[:, 2]) > np.abs(n[:, 0]), p[:, 0], p[:, 2])
        u, v = side / 1.5 % 1, p[:, 1] / 2.6 % 1
        glass = (np.abs(u - 0.5) < 0.28) & (np.abs(v - 0.52) < 0.27) & (np.abs(n[:, 1]) < 0.5)
        frame = (np.abs(u - 0.5) < 0.32) & (np.abs(v - 0.52) < 0.31) & ~glass & (np.abs(n[:, 1]) < 0.5)
        wall = f32(base) * (0.85 + 0.3 * fbm3(p * 5, 3))[:, None]
        out = np.where(glass[:, None], f32([0.16, 0.2, 0.26]) + f32(lit), wall)
        return np.asarray(np.where(frame[:, None], f32(0.75), out), np.float32)

    return paint


def _street(depth: float) -> list[Part]:
    tones: list[Rgb] = [(0.62, 0.5, 0.4), (0.45, 0.3, 0.25), (0.7, 0.68, 0.62), (0.5, 0.55, 0.6), (0.66, 0.42, 0.3)]
    parts = []
    for i, tone in enumerate(tones):
        x, tall = -13.0 + 6.4 * i, 4.5 + (i * 37 % 5)
        parts.append(
            Part(
                box((x, tall, -depth - 3), (3.1, tall, 3.0), 0.03),
                Material(_facade(tone, 0.0), 0.1, 0.05),
                (x, tall, -depth - 3),
                tall + 5,
            )
        )
    return parts


def trees(spots: list[tuple[float, float, float]], leaf: Rgb = (0.1, 0.3, 0.06)) -> list[Part]:
    parts = []
    for x, z, s in spots:
        crown = blend(
            0.4,
            sphere((x, 2.6 * s, z), 1.1 * s),
            sphere((x - 0.8 * s, 2.2 * s, z + 0.2), 0.8 * s),
            sphere((x + 0.8 * s, 2.3 * s, z - 0.1), 0.85 * s),
        )
        bright = (leaf[0] * 2.2, leaf[1] * 1.7, leaf[2] * 2)
        leaves = Material(speckled(leaf, bright, 9), 0.02, bump=1.6, bump_scale=7)
        parts.append(Part(crown, leaves, (x, 2.4 * s, z), 2.1 * s))
        trunk = Material(speckled((0.16, 0.1, 0.06), (0.3, 0.2, 0.13), 20))
        parts.append(Part(capsule((x, 0, z), (x, 2 * s, z), 0.16 * s, 0.1 * s), trunk, (x, s, z), 1.4 * s))
    return parts


def red_car() -> View:
    road = Material(asphalt(-3.2), 0.05)
    grove = trees([(-6, -11, 1.3), (-1, -12, 1.1), (4, -11, 1.5), (9.5, -13, 1.4), (-12, -13, 1.6)])
    scene = Scene([*car((0.72, 0.02, 0.03)), *grove], day_sky(), road, sun=(0.5, 0.8, 0.6), fog=0.006)
    return scene, Camera((3.4, 1.7, 6.2), (0.0, 0.65, 0.0), 38)


def blue_car() -> View:
    road = Material(asphalt(-3.2), 0.05)
    grove = trees([(-7, -10, 1.2), (-2.5, -13, 1.5), (3, -12, 1.2), (8, -11, 1.3), (13, -13, 1.6)])
    scene = Scene([*car((0.03, 0.1, 0.62)), *grove], day_sky(), road, sun=(0.4, 0.8, 0.6), fog=0.006)
    return scene, Camera((3.0, 1.8, 6.4), (0.1, 0.65, 0.0), 38)


def yellow_taxi() -> View:
    road = Material(asphalt(-3.4), 0.05)
    scene = Scene(
        [*car((0.95, 0.62, 0.02), taxi=True), *_street(8)], day_sky(cover=0.7), road, sun=(-0.3, 0.8, 0.7), fog=0.004
    )
    return scene, Camera((-2.6, 1.6, 6.4), (0.1, 0.9, 0.0), 42)


def red_car_from_behind() -> View:
    snow = Material(speckled((0.6, 0.66, 0.78), (0.8, 0.82, 0.86), 1.2), 0.05, bump=0.35, bump_scale=3)
    grove = trees([(-9, -6, 1.5), (-11, 1, 1.7), (-8, 6, 1.2), (-13, 5, 1.5), (-6, -9, 1.2)], (0.06, 0.13, 0.08))
    parts = [moved(p, (0.0, 0.0, 0.0), 180) for p in car((0.6, 0.02, 0.02))]
    scene = Scene([*parts, *grove], day_sky(cover=0.8), snow, sun=(0.6, 0.5, 0.5), ambient=0.5, fog=0.006)
    return scene, Camera((6.2, 2.1, 3.6), (0.0, 0.6, 0.0), 38)


def bicycle(colour: Rgb) -> list[Part]:
    """A bicycle along x standing on y = 0, its front wheel at +x."""
    rear, front = (-0.52, 0.35, 0.0), (0.55, 0.35, 0.0)
    bottom, seat, head = (-0.08, 0.32, 0.0), (-0.25, 0.86, 0.0), (0.38, 0.82, 0.0)
    frame = union(
        capsule(bottom, seat, 0.02),
        capsule(bottom, (0.41, 0.7, 0.0), 0.024),
        capsule((-0.23, 0.78, 0.0), head, 0.02),
        capsule(rear, bottom, 0.014),
        capsule(rear, (-0.23, 0.78, 0.0), 0.013),
        capsule(front, (0.37, 0.88, 0.0), 0.018),
    )
    tyres = union(torus(rear, 0.33, 0.02, 2), torus(front, 0.33, 0.02, 2))
    wheels = []
    for hub in (rear, front):
        spokes = [torus(hub, 0.305, 0.009, 2)]
        for a in np.radians(np.arange(0, 180, 20)):
            dx, dy = 0.3 * np.cos(a), 0.3 * np.sin(a)
            spokes.append(capsule((hub[0] - dx, hub[1] - dy, 0.0), (hub[0] + dx, hub[1] + dy, 0.0), 0.003))
        wheels.append(Part(union(*spokes), Material((0.6, 0.6, 0.62), 0.8, 0.3), hub, 0.33))
    metal = [torus(bottom, 0.09, 0.012, 2)]
    metal += [capsule((0.36, 0.9, -0.24), (0.36, 0.9, 0.24), 0.014), capsule((0.37, 0.84, 0), (0.36, 0.9, 0), 0.016)]
    metal += [capsule(bottom, (0.0, 0.18, 0.1), 0.012), capsule(bottom, (-0.16, 0.46, -0.1), 0.012)]
    saddle = blend(
        0.05, ellipsoid((-0.28, 0.92, 0.0), (0.12, 0.035, 0.075)), ellipsoid((-0.18, 0.92, 0), (0.1, 0.03, 0.03))
    )
    grips = union(
        capsule((0.36, 0.9, 0.16), (0.3, 0.91, 0.27), 0.02), capsule((0.36, 0.9, -0.16), (0.3, 0.91, -0.27), 0.02)
    )
    at = (0.0, 0.5, 0.0)
    return [
        Part(frame, Material(colour, 0.9, 0.15), at, 0.9),
        Part(tyres, matte(0.025, 0.025, 0.025), at, 1.0),
        Part(union(*metal), Material((0.6, 0.6, 0.62), 0.8, 0.3), at, 0.7),
        *wheels,
        Part(union(saddle, grips), matte(0.12, 0.06, 0.03), at, 0.9),
    ]


def green_bicycle() -> View:
    wall = Part(
        box((0.0, 2.0, -0.65), (6.0, 2.0, 0.25), 0.01),
        Material(bricks((0.36, 0.12, 0.08), (0.56, 0.24, 0.16)), 0.02, bump=0.3, bump_scale=14),
        (0.0, 2.0, -0.65),
        6.5,
    )
    paving = Material(speckled((0.36, 0.35, 0.33), (0.58, 0.56, 0.52), 6), 0.03, bump=0.2, bump_scale=9)
    scene = Scene([*bicycle((0.02, 0.42, 0.1)), wall], day_sky(), paving, sun=(0.5, 0.8, 0.7))
    return scene, Camera((0.25, 0.95, 2.6), (0.02, 0.52, 0.0), 35)


def red_bicycle() -> View:
    lawn = Material(grass(), 0.02, bump=0.7, bump_scale=16)
    parts = [moved(p, (0.0, 0.0, 0.0), 25) for p in bicycle((0.68, 0.02, 0.03))]
    scene = Scene([*parts, *trees([(-3, -6, 1.0), (0.5, -8, 1.2), (4, -7, 1.1)])], day_sky(), lawn, fog=0.01)
    return scene, Camera((0.2, 1.0, 2.9), (0.0, 0.5, 0.0), 36)


def _fuselage_paint(p: Array, n: Array) -> Array:
    out = np.full(p.shape, 0.88, np.float32)
    windows = (np.abs(p[:, 1] - 0.12) < 0.09) & ((p[:, 0] % 0.5) < 0.24) & (np.abs(p[:, 0]) < 5.2)
    out[windows] = (0.06, 0.08, 0.12)
    out[(np.abs(p[:, 1] + 0.2) < 0.08)] = (0.05, 0.15, 0.5)
    out[p[:, 0] < -5.6] = (0.05, 0.15, 0.5)
    out[(p[:, 0] > 6.05) & (np.abs(p[:, 1] - 0.2) < 0.15)] = 0.04
    return out


def airplane() -> View:
    hull = blend(
        0.5,
        capsule((-5.0, 0, 0), (5.5, 0, 0), 0.75),
        capsule((-5, 0.1, 0), (-7.6, 0.5, 0), 0.7, 0.15),
        sphere((6.2, -0.1, 0), 0.5),
    )
    wings = union(
        *[
            turned(box((-0.8, -0.3, s * 4.0), (0.95, 0.07, 3.6), 0.06), s * 24.0, 1, (0.6, -0.3, s * 0.7))
            for s in (-1.0, 1.0)
        ],
        *[turned(box((-7.0, 0.5, s * 1.4), (0.45, 0.05, 1.2), 0.05), s * 24.0, 1, (-6.8, 0.5, 0)) for s in (-1.0, 1.0)],
    )
    fin = turned(box((-7.1, 1.5, 0.0), (0.6, 1.3, 0.06), 0.05), 28, 2, (-6.9, 0.6, 0.0))
    engines = union(*[capsule((-0.4, -0.85, s * 3.0), (1.3, -0.85, s * 3.0), 0.36, 0.42) for s in (-1.0, 1.0)])
    parts = [
        Part(hull, Material(_fuselage_paint, 0.6, 0.12)),
        Part(wings, Material((0.75, 0.77, 0.8), 0.6, 0.1)),
        Part(fin, Material((0.05, 0.15, 0.5), 0.5, 0.1)),
        Part(engines, Material((0.6, 0.62, 0.66), 0.6, 0.15)),
    ]
    scene = Scene(parts, lambda w: day_sky(cover=0.75)(np.abs(w)), sun=(0.3, 0.8, 0.5), ambient=0.7)
    return scene, Camera((9.0, -3.4, 15.0), (-0.6, 0.4, 0.0), 44)


def _waves(p: Array, n: Array) -> Array:
    foam = np.clip((fbm3(p * f32([0.7, 1, 1.6]), 5) - 0.66) * 9, 0, 1)[:, None]
    return np.asarray(f32([0.01, 0.1, 0.16]) * (1 - foam) + foam * f32(0.7), np.float32)


def sailing_boat() -> View:
    hull = cut(ellipsoid((0.0, 0.5, 0.0), (2.4, 0.75, 0.8)), box((0.0, 1.5, 0.0), (4.0, 0.85, 4.0), 0.0))

    def triangle(a: Rgb, b: Rgb, c: Rgb) -> Part:
        points = [f32(v) for v in (a, b, c)]
        sides = []
        for i in range(3):
            edge = points[(i + 1) % 3] - points[i]
            outward = f32([edge[1], -edge[0], 0]) / np.hypot(edge[0], edge[1])
            outward = outward if outward @ (points[i] - points[i - 1]) > 0 else -outward
            sides.append(plane((float(outward[0]), float(outward[1]), 0.0), float(outward @ points[i])))

        def sdf(p: Array) -> Array:
            bulge = np.abs(p[:, 2] - 0.25 * np.sin(np.clip(p[:, 1] - 1, 0, 4) * 0.75)) - 0.025
            return np.asarray(np.max([bulge * 0.9, *(s(p) for s in sides)], axis=0), np.float32)

        return Part(sdf, Material((0.93, 0.91, 0.86), 0.05), (0.0, 2.9, 0.0), 3.4)

    mast = union(capsule((0.1, 0.5, 0), (0.1, 5.2, 0), 0.045), capsule((0.1, 1.1, 0), (-1.9, 1.1, 0), 0.035))
    parts = [
        Part(
            hull,
            Material(
                lambda p, n: np.where((p[:, 1:2] > 0.45), f32([0.85, 0.85, 0.83]), f32([0.5, 0.05, 0.05])),
                0.6,
                0.1,
            ),
            (0, 0.5, 0),
            2.6,
        ),
        Part(mast, matte(0.35, 0.22, 0.12), (0, 2.8, 0), 3.2),
        triangle((-1.85, 1.2, 0), (0.0, 5.0, 0), (0.0, 1.2, 0)),
        triangle((0.2, 1.1, 0), (0.2, 4.6, 0), (2.2, 0.8, 0)),
    ]
    sea = Material(_waves, 0.5, 0.85, bump=0.55, bump_scale=1.1)
    scene = Scene(parts, day_sky(cover=0.55), sea, sun=(0.5, 0.7, 0.6), fog=0.004, far=300)
    return scene, Camera((2.0, 1.5, 10.5), (0.2, 2.1, 0.0), 38)


def hot_air_balloons() -> View:
    def balloon(x: float, y: float, z: float, s: float, tones: tuple[Rgb, Rgb]) -> list[Part]:
        def gores(p: Array, n: Array) -> Array:
            odd = np.floor((np.arctan2(p[:, 2] - z, p[:, 0] - x) / (2 * np.pi) + 0.5) * 14) % 2 == 0
            band = (np.abs(p[:, 1] - y) < 0.28 * s)[:, None]
            return np.asarray(np.where(odd[:, None] ^ band, f32(tones[0]), f32(tones[1])), np.float32)

        skin = blend(
            0.8 * s, sphere((x, y, z), 1.6 * s), capsule((x, y - 1.0 * s, z), (x, y - 2.0 * s, z), 0.8 * s, 0.25 * s)
        )
        ropes = union(
            *[
                capsule((x + a * s, y - 2.0 * s, z + b * s), (x + a * s, y - 2.8 * s, z + b * s), 0.02 * s)
                for a in (-0.2, 0.2)
                for b in (-0.2, 0.2)
            ]
        )
        basket = union(box((x, y - 2.9 * s, z), (0.27 * s, 0.2 * s, 0.27 * s), 0.03), ropes)
        return [
            Part(skin, Material(gores, 0.2, 0.02), (x, y - 0.3 * s, z), 2.3 * s),
            Part(basket, matte(0.3, 0.18, 0.08), (x, y - 2.5 * s, z), 0.9 * s),
        ]

    parts = [
        *balloon(-1.6, 6.0, 0.0, 1.2, ((0.8, 0.05, 0.05), (0.95, 0.75, 0.1))),
        *balloon(4.3, 8.4, -7.0, 1.2, ((0.1, 0.2, 0.65), (0.9, 0.9, 0.9))),
        *balloon(-8.2, 9.0, -16.0, 1.2, ((0.2, 0.5, 0.2), (0.95, 0.85, 0.3))),
        *balloon(6.8, 5.2, -20.0, 1.1, ((0.55, 0.15, 0.5), (0.95, 0.6, 0.2))),
    ]
    fields = Material(speckled((0.16, 0.26, 0.06), (0.55, 0.48, 0.2), 0.06, 5), 0.0)
    scene = Scene(
        parts, day_sky((0.25, 0.45, 0.8), (0.95, 0.8, 0.65), 0.4), fields, sun=(0.8, 0.4, 0.5), fog=0.004, far=250
    )
    return scene, Camera((0.0, 5.0, 13.0), (0.0, 5.9, 0.0), 46)


VIEWS = {
    "red_car": red_car,
    "blue_car": blue_car,
    "yellow_taxi": yellow_taxi,
    "red_car_from_behind": red_car_from_behind,
    "green_bicycle": green_bicycle,
    "red_bicycle": red_bicycle,
    "airplane": airplane,
    "sailing_boat": sailing_boat,
    "hot_air_balloons": hot_air_balloons,
}
