"""Signed distances of simple solids and the ways to join them. Knows nothing about light or colour."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .noise import f32
from .solid import Array, Material, Part, Rgb, Sdf, length


def sphere(c: Rgb, r: float) -> Sdf:
    """A ball of radius `r` about `c`."""
    return lambda p: length(p - f32(c)) - f32(r)


def ellipsoid(c: Rgb, r: Rgb) -> Sdf:
    """An ellipsoid with the half axes `r` (the distance is close to true near its surface)."""

    def distance(p: Array) -> Array:
        q = p - f32(c)
        k0 = length(q / f32(r))
        k1 = length(f32(q / np.square(f32(r))))
        return np.asarray(k0 * (k0 - 1) / np.maximum(k1, 1e-6), np.float32)

    return distance


def box(c: Rgb, half: Rgb, rounding: float = 0.02) -> Sdf:
    """A box with half sides `half` and rounded edges."""

    def distance(p: Array) -> Array:
        q = np.abs(p - f32(c)) - (f32(half) - f32(rounding))
        outside = length(np.maximum(q, 0))
        return np.asarray(
            outside + np.minimum(np.maximum(np.maximum(q[:, 0], q[:, 1]), q[:, 2]), 0) - rounding, np.float32
        )

    return distance


def capsule(a: Rgb, b: Rgb, r1: float, r2: float | None = None) -> Sdf:
    """A rod from `a` to `b`, `r1` thick at `a` and `r2` at `b`."""
    end = r1 if r2 is None else r2

    def distance(p: Array) -> Array:
        start, axis = f32(a), np.subtract(b, a).astype(np.float32)
        h = np.clip((p - start) @ axis / f32(max(float(axis @ axis), 1e-9)), 0, 1)
        return np.asarray(length(p - start - h[:, None] * axis) - (r1 + (end - r1) * h), np.float32)

    return distance


def cylinder(c: Rgb, r: float, half: float, axis: int = 1, rounding: float = 0.02) -> Sdf:
    """A cylinder about one of the three axes."""

    def distance(p: Array) -> Array:
        q = p - f32(c)
        others = [i for i in range(3) if i != axis]
        d = np.stack([np.hypot(q[:, others[0]], q[:, others[1]]) - r, np.abs(q[:, axis]) - half], axis=1) + rounding
        return np.asarray(np.minimum(d.max(axis=1), 0) + length(np.maximum(d, 0)) - rounding, np.float32)

    return distance


def torus(c: Rgb, big: float, small: float, axis: int = 1) -> Sdf:
    """A ring about one of the three axes."""

    def distance(p: Array) -> Array:
        q = p - f32(c)
        others = [i for i in range(3) if i != axis]
        around = np.hypot(q[:, others[0]], q[:, others[1]]) - f32(big)
        return np.asarray(np.hypot(around, q[:, axis]) - f32(small), np.float32)

    return distance


def plane(normal: Rgb, offset: float) -> Sdf:
    """The half space below `normal . p = offset`."""
    return lambda p: np.asarray(p @ f32(normal) - f32(offset), np.float32)


def union(*sdfs: Sdf) -> Sdf:
    """All of them."""
    return lambda p: np.asarray(np.min([s(p) for s in sdfs], axis=0), np.float32)


def blend(k: float, *sdfs: Sdf) -> Sdf:
    """All of them, melted into one another over about `k` metres."""

    def distance(p: Array) -> Array:
        out = sdfs[0](p)
        for sdf in sdfs[1:]:
            other = sdf(p)
            h = np.maximum(k - np.abs(out - other), 0) / k
            out = np.minimum(out, other) - h * h * k * f32(0.25)
        return np.asarray(out, np.float32)

    return distance


def cut(body: Sdf, *tools: Sdf) -> Sdf:
    """`body` without the tools."""
    return lambda p: np.asarray(np.max([body(p), *(-t(p) for t in tools)], axis=0), np.float32)


def turned(sdf: Sdf, degrees: float, axis: int = 1, about: Rgb = (0.0, 0.0, 0.0)) -> Sdf:
    """`sdf` turned about an axis through `about`."""
    a = np.radians(degrees)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]

    def distance(p: Array) -> Array:
        q = p - f32(about)
        r = q.copy()
        r[:, i] = np.cos(a) * q[:, i] + np.sin(a) * q[:, j]
        r[:, j] = -np.sin(a) * q[:, i] + np.cos(a) * q[:, j]
        return sdf(r + f32(about))

    return distance


def moved(part: Part, offset: Rgb, degrees: float = 0.0, scale: float = 1.0) -> Part:
    """`part` scaled, turned about the vertical and set down elsewhere; its paint moves along."""
    a = np.radians(degrees)
    turn = f32([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])

    def local(p: Array) -> Array:
        return np.asarray(((p - f32(offset)) @ turn.T) / f32(scale), np.float32)

    colour = part.material.colour
    paint: Rgb | Callable[[Array, Array], Array] = colour
    if callable(colour):
        inner = colour

        def paint(p: Array, n: Array) -> Array:
            return inner(local(p), np.asarray(n @ turn.T, np.float32))

    centre = f32(part.centre) * f32(scale) @ turn + f32(offset)
    return Part(
        lambda p: part.sdf(local(p)) * f32(scale),
        part.material._replace(colour=paint),
        (float(centre[0]), float(centre[1]), float(centre[2])),
        part.radius * scale,
    )


def matte(r: float, g: float, b: float) -> Material:
    """A dull material of one colour."""
    return Material((r, g, b), gloss=0.03)
