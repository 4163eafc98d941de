"""Pictures of animals modelled from melted ellipsoids. Knows nothing about files."""

from __future__ import annotations

import numpy as np

from .noise import f32, fbm3
from .shapes import blend, capsule, ellipsoid, matte, moved, sphere, torus, turned, union
from .solid import Array, Camera, Material, Paint, Part, Rgb, Scene, Sdf
from .texture import backdrop, day_sky, grass, speckled, wood
from .vehicles import View, trees


def _furry(sdf: Sdf, depth: float, scale: float) -> Sdf:
    return lambda p: (sdf(p) - f32(depth) * (fbm3(p * f32(scale), 2) - 0.3)) * f32(0.75)


def _eyes(spots: list[Rgb], r: float, iris: Rgb) -> list[Part]:
    parts = []
    for x, y, z in spots:
        parts.append(Part(sphere((x, y, z), r), Material(iris, 1.0, 0.1), (x, y, z), r * 1.1))
        parts.append(
            Part(
                ellipsoid((x, y, z + r * 0.72), (r * 0.3, r * 0.62, r * 0.42)),
                Material((0.01, 0.01, 0.01), 1.0, 0.2),
                (x, y, z + r * 0.7),
                r,
            )
        )
    return parts


def cat(coat: Paint | Rgb, iris: Rgb, nose: Rgb) -> list[Part]:
    """A sitting cat 1.9 m tall (scale it), facing +z."""
    body = blend(
        0.22,
        ellipsoid((0, 0.55, -0.1), (0.5, 0.55, 0.58)),
        ellipsoid((0, 0.95, 0.1), (0.34, 0.5, 0.34)),
        ellipsoid((-0.38, 0.3, 0.1), (0.2, 0.3, 0.42)),
        ellipsoid((0.38, 0.3, 0.1), (0.2, 0.3, 0.42)),
        capsule((-0.16, 0.9, 0.3), (-0.15, 0.1, 0.46), 0.13, 0.1),
        capsule((0.16, 0.9, 0.3), (0.15, 0.1, 0.46), 0.13, 0.1),
        ellipsoid((-0.16, 0.08, 0.54), (0.12, 0.09, 0.18)),
        ellipsoid((0.16, 0.08, 0.54), (0.12, 0.09, 0.18)),
    )
    head = blend(
        0.12,
        ellipsoid((0, 1.52, 0.26), (0.4, 0.34, 0.34)),
        ellipsoid((-0.1, 1.4, 0.53), (0.12, 0.09, 0.1)),
        ellipsoid((0.1, 1.4, 0.53), (0.12, 0.09, 0.1)),
        ellipsoid((0, 1.27, 0.46), (0.12, 0.07, 0.1)),
    )
    ears = [capsule((s * 0.24, 1.75, 0.2), (s * 0.33, 2.03, 0.17), 0.13, 0.015) for s in (-1, 1)]
    tail = blend(
        0.1,
        capsule((0.3, 0.15, -0.5), (0.75, 0.1, -0.2), 0.11),
        capsule((0.75, 0.1, -0.2), (0.8, 0.12, 0.3), 0.11, 0.09),
        capsule((0.8, 0.12, 0.3), (0.55, 0.14, 0.6), 0.09, 0.07),
    )
    fur = Material(coat, 0.08, bump=0.5, bump_scale=34)
    whiskers = union(
        *[
            capsule((s * 0.12, 1.41 + 0.02 * k, 0.6), (s * 0.58, 1.38 + 0.09 * k, 0.6), 0.005, 0.002)
            for s in (-1, 1)
            for k in (-1, 0, 1)
        ]
    )
    inner = [
        Part(
            capsule((s * 0.245, 1.77, 0.275), (s * 0.31, 1.93, 0.235), 0.06, 0.012),
            matte(0.5, 0.28, 0.26),
            (s * 0.28, 1.85, 0.25),
            0.25,
        )
        for s in (-1.0, 1.0)
    ]
    return [
        Part(_furry(blend(0.1, body, head, *ears, tail), 0.025, 40), fur, (0, 1.0, 0.1), 1.4),
        *_eyes([(-0.17, 1.56, 0.53), (0.17, 1.56, 0.53)], 0.09, iris),
        Part(ellipsoid((0, 1.46, 0.625), (0.05, 0.035, 0.035)), Material(nose, 0.4), (0, 1.46, 0.62), 0.08),
        Part(whiskers, matte(0.75, 0.75, 0.75), (0, 1.4, 0.6), 0.7),
        *inner,
    ]


def _tabby(p: Array, n: Array) -> Array:
    wave = np.sin(p[:, 1] * 22 + 5 * fbm3(p * 2.5, 3) + 3 * np.abs(p[:, 0]))
    stripe = np.clip(wave * 2.4 - 0.5, 0, 1)[:, None]
    bib = np.clip((p[:, 2] - 0.25) * 4 - np.abs(p[:, 0]) * 6 - np.abs(p[:, 1] - 1.0) * 1.2, 0, 1)[:, None]
    coat = f32([0.72, 0.33, 0.08]) * (1 - stripe) + f32([0.4, 0.13, 0.02]) * stripe
    return np.asarray(
        (coat * (1 - bib) + f32([0.9, 0.84, 0.75]) * bib) * (0.8 + 0.4 * fbm3(p * 30, 2))[:, None], np.float32
    )


def orange_cat() -> View:
    parts = [moved(p, (0, 0, 0), -18) for p in cat(_tabby, (0.25, 0.5, 0.12), (0.7, 0.35, 0.32))]
    floor = Material(wood((0.28, 0.16, 0.08), (0.52, 0.34, 0.2), plank=0.4), 0.3, 0.1)
    scene = Scene(parts, backdrop((0.3, 0.36, 0.36), (0.55, 0.62, 0.6)), floor, sun=(0.5, 0.7, 0.7), fog=0.02)
    return scene, Camera((0.2, 1.5, 5.2), (0.0, 1.02, 0.0), 32)


def black_cat() -> View:
    coat = speckled((0.014, 0.013, 0.014), (0.05, 0.047, 0.05), 14)
    parts = [moved(p, (0, 0, 0), 22) for p in cat(coat, (0.75, 0.6, 0.05), (0.06, 0.05, 0.05))]
    rug = Material(speckled((0.6, 0.55, 0.46), (0.75, 0.7, 0.62), 18), 0.0, bump=0.5, bump_scale=16)
    scene = Scene(parts, backdrop((0.5, 0.42, 0.36), (0.72, 0.66, 0.58)), rug, sun=(-0.4, 0.7, 0.8), fog=0.02)
    return scene, Camera((-0.2, 1.6, 5.0), (0.0, 1.02, 0.0), 32)


def dog() -> View:
    def coat(p: Array, n: Array) -> Array:
        patch = np.clip((fbm3(p * 1.1 + 3, 2) - 0.5) * 14, 0, 1)[:, None]
        head = np.clip((p[:, 0:1] - 0.75) * 8, 0, 1)
        white = np.clip((0.55 - p[:, 1:2]) * 4, 0, 1)
        muzzle = np.clip((p[:, 0:1] - 1.42) * 9, 0, 1)
        brown = np.clip(np.maximum(patch, head) - white - muzzle, 0, 1)
        return np.asarray(f32([0.85, 0.82, 0.76]) * (1 - brown) + f32([0.34, 0.16, 0.06]) * brown, np.float32)

    legs = [
        capsule((x, 0.75, z), (x + dx, 0.08, z), 0.16, 0.085)
        for x, dx in ((0.65, 0.03), (-0.72, -0.06))
        for z in (-0.2, 0.2)
    ]
    paws = [ellipsoid((x, 0.07, z), (0.15, 0.08, 0.1)) for x in (0.74, -0.72) for z in (-0.2, 0.2)]
    body = blend(
        0.16,
        ellipsoid((0, 0.92, 0), (0.95, 0.34, 0.33)),
        ellipsoid((0.6, 0.9, 0), (0.36, 0.42, 0.32)),
        *legs,
        *paws,
        capsule((0.75, 1.05, 0), (1.1, 1.45, 0), 0.24, 0.2),
        capsule((-0.9, 1.05, 0), (-1.35, 1.55, 0), 0.1, 0.04),
    )
    head = blend(
        0.1,
        ellipsoid((1.18, 1.6, 0), (0.32, 0.28, 0.26)),
        capsule((1.3, 1.52, 0), (1.66, 1.47, 0), 0.17, 0.12),
        capsule((1.36, 1.42, 0), (1.58, 1.36, 0), 0.09, 0.07),
    )
    ears = union(
        *[
            turned(ellipsoid((1.06, 1.5, s * 0.27), (0.16, 0.27, 0.055)), s * 10, 0, (1.06, 1.7, s * 0.25))
            for s in (-1.0, 1.0)
        ]
    )
    parts = [
        Part(
            _furry(blend(0.1, body, head), 0.02, 30), Material(coat, 0.08, bump=0.4, bump_scale=26), (0.1, 1.0, 0), 1.9
        ),
        Part(_furry(ears, 0.02, 30), Material((0.24, 0.1, 0.035), 0.05, bump=0.4, bump_scale=26), (1.06, 1.5, 0), 0.6),
        Part(
            ellipsoid((1.77, 1.53, 0), (0.07, 0.065, 0.085)),
            Material((0.015, 0.015, 0.015), 0.9, 0.1),
            (1.77, 1.53, 0),
            0.12,
        ),
        *[
            Part(
                sphere((1.4, 1.68, s * 0.16), 0.055),
                Material((0.03, 0.015, 0.01), 1.0, 0.2),
                (1.4, 1.68, s * 0.16),
                0.07,
            )
            for s in (-1, 1)
        ],
        Part(ellipsoid((1.62, 1.28, 0), (0.1, 0.05, 0.06)), Material((0.75, 0.25, 0.28), 0.5), (1.62, 1.28, 0), 0.15),
        Part(
            turned(torus((0.92, 1.22, 0), 0.25, 0.045), -40, 2, (0.92, 1.22, 0)),
            Material((0.6, 0.03, 0.03), 0.4),
            (0.92, 1.22, 0),
            0.4,
        ),
    ]
    parts = [moved(p, (0, 0, 0), -35) for p in parts] + trees([(-5, -9, 1.4), (1, -12, 1.6), (6, -9, 1.3)])
    scene = Scene(parts, day_sky(), Material(grass(), 0.02, bump=0.8, bump_scale=15), sun=(0.4, 0.8, 0.7), fog=0.01)
    return scene, Camera((0.8, 1.5, 5.4), (0.1, 0.92, 0.0), 34)


def horse() -> View:
    legs = []
    for x, z, dx in ((0.75, -0.22, -0.12), (0.85, 0.2, 0.4), (-0.8, -0.22, 0.22), (-0.95, 0.2, -0.25)):
        legs += [
            capsule((x, 1.25, z), (x + dx, 0.68, z), 0.2, 0.095),
            capsule((x + dx, 0.68, z), (x + dx * 0.8, 0.12, z), 0.09, 0.065),
            ellipsoid((x + dx * 0.8 + 0.04, 0.07, z), (0.13, 0.08, 0.1)),
        ]
    body = blend(
        0.18,
        ellipsoid((0, 1.5, 0), (1.08, 0.42, 0.38)),
        ellipsoid((0.75, 1.52, 0), (0.42, 0.48, 0.35)),
        ellipsoid((-0.85, 1.56, 0), (0.45, 0.45, 0.37)),
        *legs,
        capsule((0.95, 1.75, 0), (1.5, 2.45, 0), 0.3, 0.19),
    )
    head = blend(
        0.12,
        ellipsoid((1.58, 2.52, 0), (0.24, 0.24, 0.17)),
        capsule((1.62, 2.48, 0), (2.02, 2.08, 0), 0.18, 0.11),
        *[capsule((1.45, 2.68, s * 0.1), (1.47, 2.9, s * 0.13), 0.06, 0.01) for s in (-1, 1)],
    )

    def coat(p: Array, n: Array) -> Array:
        socks = np.clip((0.42 - p[:, 1:2]) * 12, 0, 1)
        blaze = (np.abs(p[:, 2:3]) < 0.05) & (p[:, 0:1] > 1.66) & (p[:, 1:2] > 2.1) & (n[:, 1:2] > 0.1)
        base = f32([0.3, 0.11, 0.035]) * (0.8 + 0.4 * fbm3(p * 4, 3))[:, None]
        hoof = np.where(p[:, 1:2] < 0.13, f32(0.08), f32(0.85))
        return np.asarray(np.where(blaze, 0.85, base * (1 - socks) + hoof * socks), np.float32)

    mane = [
        capsule(
            (1.5 - 0.075 * i, 2.72 - 0.11 * i, 0.0), (1.34 - 0.075 * i, 2.4 - 0.11 * i, 0.15 * (-1) ** i), 0.085, 0.05
        )
        for i in range(9)
    ]
    tail = blend(
        0.1,
        capsule((-1.22, 1.75, 0), (-1.5, 1.35, 0), 0.1, 0.14),
        capsule((-1.5, 1.35, 0), (-1.52, 0.6, 0), 0.14, 0.04),
    )
    hair = Material((0.03, 0.018, 0.012), 0.2, bump=0.7, bump_scale=24)
    parts = [
        Part(blend(0.1, body, head), Material(coat, 0.45, 0.02), (0.2, 1.5, 0), 2.4),
        Part(blend(0.06, *mane, capsule((1.5, 2.75, 0), (1.7, 2.6, 0), 0.08, 0.04)), hair, (1.2, 2.2, 0), 1.0),
        Part(tail, hair, (-1.4, 1.2, 0), 0.9),
        *[
            Part(
                sphere((1.68, 2.52, s * 0.145), 0.045),
                Material((0.01, 0.008, 0.006), 1.0, 0.2),
                (1.68, 2.5, s * 0.14),
                0.06,
            )
            for s in (-1, 1)
        ],
    ]
    fence = union(
        *[capsule((x, 0, -3.2), (x, 1.25, -3.2), 0.07) for x in np.arange(-9.0, 10.0, 2.0).tolist()],
        *[capsule((-10, y, -3.2), (10, y, -3.2), 0.05) for y in (0.55, 1.05)],
    )
    parts = [moved(p, (0, 0, 0), -14) for p in parts] + [
        Part(fence, Material(wood((0.35, 0.27, 0.2), (0.55, 0.46, 0.36))), (0, 0.6, -3.2), 10.5)
    ]
    scene = Scene(
        [*parts, *trees([(-7, -16, 2.0), (6, -18, 2.4), (12, -15, 1.8)])],
        day_sky(),
        Material(grass(0.5), 0.02, bump=0.8, bump_scale=9),
        sun=(0.5, 0.7, 0.7),
        fog=0.006,
    )
    return scene, Camera((0.9, 1.9, 7.6), (0.2, 1.45, 0.0), 34)


def bird() -> View:
    def plumage(p: Array, n: Array) -> Array:
        belly = np.clip((p[:, 0] * 0.9 - (p[:, 1] - 1.28)) * 9 + 0.8, 0, 1)[:, None] * (p[:, 1] < 1.72)[:, None]
        bars = (0.75 + 0.35 * np.sin(p[:, 0] * 60 + p[:, 1] * 25))[:, None]
        back = f32([0.08, 0.2, 0.48]) * bars
        return np.asarray(back * (1 - belly) + f32([0.8, 0.36, 0.1]) * belly, np.float32)

    body = blend(
        0.15,
        turned(ellipsoid((0, 1.3, 0), (0.62, 0.4, 0.37)), 24, 2, (0, 1.3, 0)),
        sphere((0.48, 1.78, 0), 0.29),
        capsule((-0.45, 1.1, 0), (-1.1, 0.75, 0), 0.17, 0.08),
    )
    wings = union(
        *[turned(ellipsoid((-0.22, 1.3, s * 0.33), (0.62, 0.25, 0.08)), 30, 2, (0, 1.3, 0)) for s in (-1.0, 1.0)]
    )
    wing = Material(
        lambda p, n: (
            f32([0.05, 0.13, 0.36])
            * (0.6 + 0.6 * (np.sin(p[:, 0] * 34 - p[:, 1] * 30) > -0.5))[:, None].astype(np.float32)
        ),
        0.3,
    )
    bark = Material(speckled((0.12, 0.08, 0.05), (0.36, 0.26, 0.18), 5), 0.02, bump=1.0, bump_scale=7)
    twig = union(
        capsule((-4, 0.5, 0.1), (4, 0.9, -0.1), 0.2, 0.13),
        capsule((1.6, 0.75, 0), (2.9, 1.9, -0.4), 0.09, 0.04),
        capsule((-1.9, 0.65, 0), (-2.7, 1.7, 0.3), 0.08, 0.03),
    )
    leaf = union(
        *[
            turned(ellipsoid((x, y, z), (0.34, 0.03, 0.15)), a, 2, (x, y, z))
            for x, y, z, a in (
                (2.5, 1.75, -0.3, 30.0),
                (2.95, 2.1, -0.4, 60.0),
                (2.2, 1.3, 0, -20.0),
                (-2.6, 1.75, 0.3, 110.0),
                (-2.95, 1.6, 0.3, 160.0),
                (-2.4, 1.2, 0.2, 30.0),
            )
        ]
    )
    feet = union(
        *[capsule((0.02 + a, 0.72, s * 0.12), (0.1, 1.0, s * 0.12), 0.03) for s in (-1, 1) for a in (-0.08, 0.1)]
    )
    parts = [
        Part(_furry(body, 0.015, 30), Material(plumage, 0.15, bump=0.3, bump_scale=26), (0, 1.3, 0), 1.4),
        Part(wings, wing, (-0.2, 1.3, 0), 0.9),
        Part(
            capsule((0.72, 1.78, 0), (0.95, 1.75, 0), 0.075, 0.012),
            Material((0.08, 0.07, 0.06), 0.6),
            (0.84, 1.76, 0),
            0.25,
        ),
        *[
            Part(
                sphere((0.62, 1.86, s * 0.225), 0.052),
                Material((0.01, 0.01, 0.01), 1.0, 0.25),
                (0.62, 1.86, s * 0.22),
                0.07,
            )
            for s in (-1, 1)
        ],
        Part(twig, bark, (0, 1, 0), 4.5),
        Part(leaf, Material((0.14, 0.38, 0.07), 0.3), (0, 1.6, 0), 3.6),
        Part(feet, matte(0.15, 0.1, 0.08), (0.05, 0.85, 0), 0.4),
    ]
    blur = lambda w: f32([0.3, 0.45, 0.22]) * (0.55 + 0.9 * fbm3(w * f32(3.2), 2))[:, None]  # noqa: E731
    scene = Scene(parts, blur, None, sun=(0.5, 0.8, 0.6), ambient=0.65)
    return scene, Camera((0.5, 1.7, 5.4), (0.05, 1.3, 0.0), 32)


VIEWS = {"orange_cat": orange_cat, "black_cat": black_cat, "dog": dog, "horse": horse, "bird": bird}
