"""Pictures of insects and flowers, a fish, and people. Knows nothing about files."""

from __future__ import annotations

import numpy as np

from .noise import f32, fbm3, noise3
from .shapes import blend, box, capsule, cut, ellipsoid, matte, moved, plane, sphere, torus, turned, union
from .solid import Array, Camera, Material, Part, Rgb, Scene
from .texture import backdrop, bricks, day_sky, grass, speckled
from .vehicles import View, trees


def _meadow_blur(low: Rgb, high: Rgb):  # type: ignore[no-untyped-def]
    return lambda w: (f32(low) + (f32(high) - f32(low)) * fbm3(w * f32(2.6), 3)[:, None]).astype(np.float32)


def flower(petal: Rgb, heart: Rgb, count: int, tilt: float = 50.0, size: float = 1.0) -> list[Part]:
    """A daisy-like flower about the origin that looks along +z and up; its stem goes down."""
    rings = []
    for ring, (reach, thick) in enumerate(((1.25, 0.07), (1.0, 0.06))):
        for i in range(count):
            a = 360 * (i + 0.5 * ring) / count
            leaf = ellipsoid((0, 0.12 * ring, reach * size), (1.5 * size / count**0.6, thick, 0.85 * size))
            rings.append(turned(turned(leaf, -12 + 6 * ring, 0), a))

    def veins(p: Array, n: Array) -> Array:
        r = np.linalg.norm(p, axis=1)
        return np.asarray(f32(petal) * (0.6 + 0.3 * np.clip(r / 1.6, 0, 1) + 0.2 * noise3(p * 14))[:, None], np.float32)

    def seeds(p: Array, n: Array) -> Array:
        return np.asarray(f32(heart) * (0.45 + 0.9 * noise3(p * 22))[:, None], np.float32)

    top = [
        Part(union(*rings), Material(veins, 0.12), (0, 0, 0), 2.3 * size),
        Part(
            ellipsoid((0, 0.16, 0), (0.72 * size, 0.3, 0.72 * size)),
            Material(seeds, 0.05, bump=0.9, bump_scale=18),
            (0, 0.1, 0),
            0.8,
        ),
    ]
    top = [Part(turned(p.sdf, tilt, 0), _tilted(p.material, tilt), p.centre, p.radius) for p in top]
    stem = union(
        capsule((0, -0.2, -0.1), (0.3, -5, -0.6), 0.09),
        turned(ellipsoid((0.9, -2.6, -0.4), (0.9, 0.06, 0.35)), 25, 2, (0.2, -2.6, -0.4)),
    )
    return [*top, Part(stem, matte(0.1, 0.3, 0.06), (0.2, -2.6, -0.3), 3.2)]


def _tilted(material: Material, tilt: float) -> Material:
    paint = material.colour
    if not callable(paint):
        return material
    a = np.radians(tilt)
    back = f32([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    return material._replace(colour=lambda p, n: paint(np.asarray(p @ back, np.float32), n))


def bee() -> list[Part]:
    """A bee 2 m long along x (scale it), its head at +x, its feet at y = 0."""

    def stripes(p: Array, n: Array) -> Array:
        dark = np.sin((p[:, 0] + 0.05) * 15) > 0.1
        dark |= p[:, 0] < -0.93
        return np.asarray(np.where(dark[:, None], f32([0.04, 0.025, 0.015]), f32([0.85, 0.52, 0.03])), np.float32)

    abdomen = turned(ellipsoid((-0.5, 0.5, 0), (0.62, 0.33, 0.35)), 10, 2, (0, 0.5, 0))
    thorax, head = sphere((0.28, 0.55, 0), 0.33), ellipsoid((0.7, 0.5, 0), (0.18, 0.22, 0.25))
    legs = union(
        *[
            u
            for x in (0.1, 0.3, 0.48)
            for s in (-1, 1)
            for u in (
                capsule((x, 0.4, s * 0.2), (x * 1.4 - 0.1, 0.35, s * 0.5), 0.035),
                capsule((x * 1.4 - 0.1, 0.35, s * 0.5), (x * 1.7 - 0.2, 0.0, s * 0.6), 0.03),
            )
        ],
        *[capsule((0.82, 0.6, s * 0.08), (1.1, 0.78, s * 0.2), 0.02) for s in (-1, 1)],
    )
    wings = union(
        *[
            turned(
                turned(ellipsoid((-0.3, 0.9, s * 0.7), (0.42, 0.015, 0.62)), s * -30, 1, (0.1, 0.8, 0)),
                -14,
                2,
                (0.1, 0.8, 0),
            )
            for s in (-1.0, 1.0)
        ]
    )
    fuzz = Material(speckled((0.42, 0.25, 0.05), (0.8, 0.56, 0.16), 20), 0.0, bump=1.2, bump_scale=24)
    return [
        Part(abdomen, Material(stripes, 0.4, bump=0.25, bump_scale=30), (-0.5, 0.4, 0), 0.8),
        Part(thorax, fuzz, (0.28, 0.55, 0), 0.4),
        Part(head, matte(0.05, 0.035, 0.02), (0.7, 0.5, 0), 0.35),
        Part(legs, matte(0.04, 0.03, 0.02), (0.4, 0.4, 0), 1.0),
        *[
            Part(
                ellipsoid((0.76, 0.55, s * 0.19), (0.1, 0.15, 0.08)),
                Material((0.02, 0.015, 0.01), 1.0, 0.25),
                (0.76, 0.55, s * 0.19),
                0.2,
            )
            for s in (-1, 1)
        ],
        Part(wings, Material((0.75, 0.8, 0.85), 0.9, 0.25), (-0.2, 0.9, 0), 1.5),
    ]


def bee_on_flower() -> View:
    parts = flower((0.7, 0.2, 0.55), (0.75, 0.5, 0.06), 15, 40)
    parts += [moved(p, (-0.1, 0.36, 0.35), 205, 0.62) for p in bee()]
    parts += [moved(p, (3.4, -1.3, -3.2), 30) for p in flower((0.7, 0.2, 0.55), (0.75, 0.5, 0.06), 15, 60)]
    scene = Scene(parts, _meadow_blur((0.05, 0.14, 0.03), (0.4, 0.55, 0.2)), None, sun=(0.4, 0.8, 0.7))
    return scene, Camera((0.2, 2.7, 5.4), (0.1, 0.15, 0.2), 36)


def sunflower() -> View:
    parts = flower((0.95, 0.6, 0.02), (0.22, 0.1, 0.03), 21, 72, 1.15)
    scene = Scene(parts, day_sky(cover=0.3), Material(grass(), 0), sun=(0.2, 0.6, 0.9), fog=0.01)
    return Scene(
        [moved(p, (0, 5.2, 0), 0) for p in parts], scene.sky, scene.floor, sun=(0.2, 0.6, 0.9), fog=0.01
    ), Camera((1.2, 4.6, 7.2), (0.1, 5.0, 0.0), 40)


def butterfly() -> View:
    def scales(p: Array, n: Array) -> Array:
        x, z = np.abs(p[:, 0]), p[:, 2]
        r = np.hypot(x - 0.15, z * 0.9)
        angle = np.arctan2(z, x)
        edge = r > 1.32 + 0.35 * np.cos(angle * 2 - 0.9)
        vein = (np.abs(np.sin(angle * 5.5)) < 0.09) & (r > 0.35)
        spots = edge & (np.sin(angle * 22) > 0.35) & (np.sin(r * 18) > 0.2)
        colour = f32([0.9, 0.32, 0.02]) * (1.1 - 0.3 * r)[:, None] * (0.85 + 0.3 * fbm3(p * 12, 2))[:, None]
        colour = np.where((edge | vein)[:, None], f32(0.02), colour)
        return np.asarray(np.where(spots[:, None], f32(0.9), colour), np.float32)

    wings = []
    for s in (-1.0, 1.0):
        fore = turned(ellipsoid((s * 1.0, 0, -0.55), (0.98, 0.025, 0.62)), s * 28, 1, (s * 0.3, 0, -0.2))
        hind = turned(ellipsoid((s * 0.75, -0.01, 0.55), (0.72, 0.025, 0.6)), s * -25, 1, (s * 0.3, 0, 0.2))
        wings.append(turned(union(fore, hind), s * 16, 2))
    body = blend(
        0.05,
        capsule((0, 0.05, -0.35), (0, 0.05, 0.25), 0.1),
        capsule((0, 0.05, 0.2), (0, 0.02, 0.95), 0.08, 0.03),
        sphere((0, 0.06, -0.48), 0.1),
    )
    feelers = union(
        *[capsule((s * 0.04, 0.1, -0.55), (s * 0.35, 0.3, -1.1), 0.012) for s in (-1, 1)],
        *[sphere((s * 0.35, 0.3, -1.1), 0.03) for s in (-1, 1)],
    )
    parts = [
        Part(union(*wings), Material(scales, 0.15), (0, 0, 0), 2.2),
        Part(union(body, feelers), matte(0.03, 0.025, 0.02), (0, 0, 0), 1.4),
    ]
    parts = [moved(p, (0, 0.62, 0.1), -20) for p in parts]
    for x, z, a in ((0.0, 0.2, 0.0), (-2.6, -1.0, 40.0), (2.5, -1.4, -30.0)):
        parts += [
            moved(p, (x, -0.15 if not x else -0.9, z), a, 0.8)
            for p in flower((0.32, 0.22, 0.7), (0.85, 0.65, 0.1), 12, 12)
        ]
    scene = Scene(parts, _meadow_blur((0.06, 0.18, 0.05), (0.5, 0.6, 0.3)), None, sun=(0.4, 0.9, 0.4))
    return scene, Camera((0.3, 4.4, 4.4), (0.0, 0.3, 0.0), 36)


def fish() -> View:
    def bands(p: Array, n: Array) -> Array:
        x = p[:, 0]
        white = (
            (np.abs(x - 0.55) < 0.13)
            | (np.abs(x + 0.15 - 0.15 * np.cos(p[:, 1] * 3)) < 0.14)
            | (np.abs(x + 0.85) < 0.09)
        )
        rim = (
            (np.abs(np.abs(x - 0.55) - 0.15) < 0.03)
            | (np.abs(np.abs(x + 0.15 - 0.15 * np.cos(p[:, 1] * 3)) - 0.16) < 0.03)
            | (np.abs(x) > 1.52)
        )
        colour = np.where(white[:, None], f32(0.9), f32([0.95, 0.28, 0.02]))
        return np.asarray(np.where(rim[:, None], f32(0.03), colour), np.float32)

    fins = union(
        turned(ellipsoid((-1.3, 1.0, 0), (0.36, 0.46, 0.04)), 0, 2),
        ellipsoid((0.05, 1.62, 0), (0.62, 0.24, 0.04)),
        turned(ellipsoid((-0.2, 0.42, 0), (0.36, 0.2, 0.04)), 25, 2, (-0.2, 0.42, 0)),
        turned(ellipsoid((0.35, 0.85, 0.42), (0.26, 0.16, 0.04)), 35, 1, (0.45, 0.85, 0.34)),
    )

    def one(x: float, y: float, z: float, size: float, turn: float) -> list[Part]:
        skin = Material(bands, 0.7, 0.05)
        parts = [
            Part(
                blend(0.12, ellipsoid((0, 1, 0), (1.0, 0.56, 0.34)), ellipsoid((-0.75, 1, 0), (0.45, 0.28, 0.16))),
                skin,
                (0, 1, 0),
                1.3,
            ),
            Part(fins, skin, (-0.3, 1, 0), 1.6),
            Part(sphere((0.72, 1.13, 0.2), 0.1), Material((0.9, 0.75, 0.3), 0.9), (0.72, 1.13, 0.2), 0.12),
            Part(
                sphere((0.745, 1.135, 0.255), 0.062), Material((0.01, 0.01, 0.01), 1.0, 0.2), (0.74, 1.13, 0.25), 0.08
            ),
        ]
        return [moved(p, (x, y, z), turn, size) for p in parts]

    def water(way: Array) -> Array:
        t = np.clip(way[:, 1] * 1.3 + 0.5, 0, 1)[:, None]
        shaft = np.clip(
            fbm3(np.stack([way[:, 0] * 7 + way[:, 1] * 2.5, way[:, 2] * 0, way[:, 0] * 0], 1).astype(np.float32), 3)
            - 0.45,
            0,
            1,
        )[:, None]
        return np.asarray(f32([0.0, 0.09, 0.2]) * (1 - t) + f32([0.08, 0.5, 0.65]) * t + shaft * t * 0.6, np.float32)

    reef: list[Part] = []
    for i in range(9):
        x, z = -4.5 + 1.15 * i, -1.5 - 0.8 * (i % 3)
        tone = [(0.65, 0.2, 0.3), (0.75, 0.5, 0.15), (0.4, 0.2, 0.5)][i % 3]
        arms = [
            capsule(
                (x, -0.1, z),
                (x + 0.35 * float(np.cos(a * 2.1 + i)), 0.8 + 0.14 * a, z + 0.3 * float(np.sin(a * 2.1))),
                0.14,
                0.06,
            )
            for a in range(6)
        ]
        reef.append(Part(blend(0.1, *arms), Material(tone, 0.1, bump=0.8, bump_scale=12), (x, 0.6, z), 1.6))
    bubbles = union(
        *[sphere((1.55 + 0.12 * float(np.sin(i * 2)), 1.6 + 0.33 * i, 0.2), 0.05 + 0.012 * (i % 4)) for i in range(7)]
    )
    parts = [
        *one(-0.1, 0.75, 0, 1.0, -12),
        *one(-2.4, 2.2, -2.4, 0.6, 15),
        *one(2.7, 2.6, -3.2, 0.5, 170),
        *reef,
        Part(bubbles, Material((0.6, 0.8, 0.9), 1.0, 0.6), (1.6, 2.6, 0.2), 1.5),
    ]
    sand = Material(speckled((0.35, 0.38, 0.28), (0.6, 0.6, 0.42), 3), 0.0, bump=0.6, bump_scale=3)
    scene = Scene(parts, water, sand, sun=(0.2, 0.95, 0.4), sun_colour=(0.7, 0.95, 1.0), fog=0.06)
    return scene, Camera((0.2, 1.9, 5.8), (0.0, 1.75, 0.0), 38)


def person(skin: Rgb, hair: Rgb, shirt: Rgb, long_hair: bool = False, glasses: bool = False) -> list[Part]:
    """Head and chest of somebody, 2 m from waist to crown (scale it), facing +z."""
    head = blend(
        0.1,
        ellipsoid((0, 1.62, 0), (0.31, 0.4, 0.34)),
        ellipsoid((0, 1.38, 0.08), (0.2, 0.18, 0.2)),
        capsule((0, 1.62, 0.32), (0, 1.54, 0.39), 0.045, 0.065),
        capsule((0, 1.3, -0.05), (0, 0.9, -0.05), 0.16, 0.2),
        *[ellipsoid((s * 0.32, 1.6, 0), (0.05, 0.1, 0.07)) for s in (-1, 1)],
    )
    chest = blend(
        0.15,
        ellipsoid((0, 0.45, -0.03), (0.56, 0.62, 0.32)),
        capsule((-0.48, 0.8, -0.03), (0.48, 0.8, -0.03), 0.2),
        *[capsule((s * 0.58, 0.78, -0.03), (s * 0.72, -0.1, 0.05), 0.19, 0.15) for s in (-1, 1)],
    )
    cap = cut(
        ellipsoid((0, 1.7, -0.05), (0.37, 0.42, 0.39)),
        ellipsoid((0, 1.5, 0.35), (0.3, 0.4, 0.4)),
        plane((0, 1, 0.25), 1.5 if not long_hair else 0.5),
    )
    locks = [cap, *([ellipsoid((s * 0.3, 1.3, -0.1), (0.13, 0.5, 0.22)) for s in (-1, 1)] if long_hair else [])]
    dark = Material((0.02, 0.015, 0.012), 0.9, 0.1)
    parts = [
        Part(head, Material(speckled(skin, (skin[0] * 0.9, skin[1] * 0.82, skin[2] * 0.8), 6), 0.2), (0, 1.4, 0), 0.75),
        Part(chest, Material(shirt, 0.03, bump=0.25, bump_scale=6), (0, 0.4, 0), 1.2),
        Part(blend(0.06, *locks), Material(hair, 0.3, bump=0.8, bump_scale=14), (0, 1.5, -0.05), 0.95),
        *[
            Part(
                ellipsoid((s * 0.125, 1.65, 0.29), (0.062, 0.038, 0.045)),
                Material((0.9, 0.9, 0.88), 0.8),
                (s * 0.125, 1.65, 0.29),
                0.08,
            )
            for s in (-1, 1)
        ],
        *[
            Part(
                sphere((s * 0.125, 1.65, 0.318), 0.03), Material((0.12, 0.07, 0.03), 1.0), (s * 0.125, 1.65, 0.31), 0.05
            )
            for s in (-1, 1)
        ],
        Part(
            union(*[capsule((s * 0.06, 1.735, 0.325), (s * 0.19, 1.745, 0.275), 0.016) for s in (-1, 1)]),
            Material(hair, 0.1),
            (0, 1.74, 0.3),
            0.25,
        ),
        Part(
            blend(
                0.02,
                capsule((-0.085, 1.41, 0.285), (0, 1.39, 0.31), 0.022),
                capsule((0.085, 1.41, 0.285), (0, 1.39, 0.31), 0.022),
            ),
            Material((0.55, 0.16, 0.15), 0.4),
            (0, 1.4, 0.3),
            0.15,
        ),
    ]
    if glasses:
        parts.append(
            Part(
                union(
                    *[torus((s * 0.13, 1.65, 0.36), 0.095, 0.012, 2) for s in (-1, 1)],
                    capsule((-0.04, 1.66, 0.37), (0.04, 1.66, 0.37), 0.012),
                ),
                dark,
                (0, 1.65, 0.36),
                0.3,
            )
        )
    return parts


def portrait() -> View:
    parts = person((0.72, 0.45, 0.32), (0.1, 0.045, 0.02), (0.1, 0.22, 0.3), long_hair=True, glasses=True)
    parts = [moved(p, (0, 0, 0), -10) for p in parts]
    scene = Scene(parts, backdrop((0.12, 0.14, 0.16), (0.42, 0.44, 0.45)), None, sun=(-0.6, 0.6, 0.8), ambient=0.5)
    return scene, Camera((0.2, 1.5, 4.0), (0.0, 1.32, 0.0), 30)


def group_of_people() -> View:
    looks = [
        ((0.75, 0.5, 0.38), (0.35, 0.2, 0.08), (0.65, 0.1, 0.1), True, False),
        ((0.3, 0.16, 0.09), (0.015, 0.012, 0.01), (0.8, 0.65, 0.15), False, False),
        ((0.7, 0.48, 0.35), (0.45, 0.45, 0.45), (0.12, 0.25, 0.5), False, True),
        ((0.55, 0.34, 0.2), (0.02, 0.015, 0.012), (0.15, 0.4, 0.22), True, False),
        ((0.78, 0.55, 0.43), (0.6, 0.4, 0.15), (0.4, 0.2, 0.45), False, False),
    ]
    parts: list[Part] = []
    for i, look in enumerate(looks):
        offset = (-2.7 + 1.35 * i, 0.3 * (i % 2) + 0.2, -0.7 * (i % 2))
        parts += [moved(p, offset, 10 - 6 * i) for p in person(*look)]
    leaves = Material(speckled((0.03, 0.13, 0.03), (0.14, 0.34, 0.07), 9), 0.02, bump=1.4, bump_scale=8)
    parts.append(Part(box((0, 0.3, 1.1), (7, 0.5, 0.4), 0.2), leaves, (0, 0.3, 1.1), 7.1))
    wall = Part(box((0, 3, -3.4), (9, 5, 0.2)), Material(bricks((0.42, 0.36, 0.3), (0.6, 0.52, 0.44)), 0.02))
    scene = Scene(
        [*parts, wall, *trees([(-6, -2.4, 1.2), (6, -2.4, 1.2)])], day_sky(), Material(grass(), 0), sun=(0.3, 0.8, 0.8)
    )
    return scene, Camera((0.0, 1.7, 8.2), (0.0, 1.35, 0.0), 36)


VIEWS = {
    "bee_on_flower": bee_on_flower,
    "sunflower": sunflower,
    "butterfly": butterfly,
    "fish": fish,
    "portrait": portrait,
    "group_of_people": group_of_people,
}
