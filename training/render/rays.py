"""A small ray caster in numpy: lit, shaded convex parts and rings, seen through one camera, with their shadows.

A part is a ball, a tube (cylinder, cone) or nothing, cut by planes, in a frame of its own; an affine map places it. So
a ray needs one map and one closed formula. Coordinates: x right, y up, z towards the viewer; arrays are float32 with
the three components first. It knows nothing of objects, grounds or skies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.render.canvas import Rgb

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
BALL, TUBE, RING, PLANES = "ball", "tube", "ring", "planes"
_FAR, _RING_STEPS = np.float32(1e6), 12
_PICKS = np.array([[i >> a & 1 for i in range(8)] for a in range(3)])
_AXES = np.arange(3)[:, None]


@dataclass(frozen=True)
class Paint:
    """What a surface is made of: colour, gloss and light of its own in 0 to 1, and a pattern with a second colour."""

    colour: Rgb
    gloss: float = 0.15
    glow: float = 0.0
    pattern: str = ""
    second: Rgb = (255, 255, 255)
    per_unit: float = 6.0  # repeats of the pattern


def linear(colour: Rgb) -> Array:
    """The light that a colour stands for, `(3,)` in 0 to 1."""
    return np.asarray((np.asarray(colour) / 255) ** 2.2, np.float32)


@dataclass(frozen=True)
class Part:
    """A solid in its own frame and the map `world = matrix @ local + offset`.

    `planes` `(k, 4)` hold normals and distances: inside is `n . p <= d`. `narrow` is the radius of a tube's upper end
    (the lower is 1) or the thickness of a ring. `soft` is the width in world units over which edges look rounded.
    """

    kind: str
    matrix: Array
    offset: Array
    bounds: Array  # (2, 3) in the own frame
    planes: Array
    paint: Paint
    narrow: float = 1.0
    soft: float = 0.03

    @cached_property
    def corners(self) -> Array:
        """The eight corners of its bounding box in the world, `(3, 8)`."""
        local = self.bounds[_PICKS, _AXES]
        return np.asarray(self.matrix @ local + self.offset[:, None])

    @cached_property
    def inverse(self) -> Array:
        """From directions in the world to the own frame, `(3, 3)`."""
        return np.linalg.inv(self.matrix).astype(np.float32)

    def placed(self, turn: Array, at: Array) -> Part:
        return replace(self, matrix=turn @ self.matrix, offset=turn @ self.offset + at, soft=self.soft * _size(turn))


def _size(turn: Array) -> float:
    return math.pow(abs(float(np.linalg.det(turn))), 1 / 3)


def yaw_matrix(degrees: float, scale: float = 1.0) -> Array:
    """A turn about the vertical and a scale."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.asarray(np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) * scale, np.float32)


def _shaped(vector: Array, like: Array) -> Array:
    """A `(3,)` vector that broadcasts against `(3, ...)`."""
    return vector.reshape(vector.shape + (1,) * (like.ndim - vector.ndim))


def _times(matrix: Array, vectors: Array) -> Array:
    """`(k, 3)` by `(3, ...)`."""
    return np.asarray((matrix @ vectors.reshape(3, -1)).reshape(-1, *vectors.shape[1:]), np.float32)


def _interval(part: Part, o: Array, d: Array) -> tuple[Array, Array]:
    """Where rays in the part's frame are within its round shape, unbounded for `PLANES`."""
    if part.kind == PLANES:
        shape = np.broadcast_shapes(o.shape[1:], d.shape[1:])
        return np.full(shape, -_FAR, np.float32), np.full(shape, _FAR, np.float32)
    if part.kind == BALL:
        a, b, c = (d * d).sum(0), (o * d).sum(0), (o * o).sum(0) - 1
        slope = np.float32(0)
    else:
        slope = np.float32(1 - part.narrow)
        q = 1 - slope * o[1]
        a = d[0] * d[0] + d[2] * d[2] - (slope * d[1]) ** 2
        b = o[0] * d[0] + o[2] * d[2] + q * slope * d[1]
        c = o[0] * o[0] + o[2] * o[2] - q * q
    a = np.where(np.abs(a) < 1e-9, np.float32(1e-9), a)
    disc = b * b - a * c
    root = np.sqrt(np.maximum(disc, 0))
    low, high = (-b - root) / a, (-b + root) / a
    if slope > 0:  # a ray steeper than the cone is inside on one side of its two crossings, not between them
        steep, rising = a < 0, d[1] > 0
        low, high = (
            np.where(steep, np.where(rising, -_FAR, low), low),
            np.where(steep, np.where(rising, high, _FAR), high),
        )
    miss = (disc < 0) & (a > 0)
    return np.where(miss, _FAR, low), np.where(miss, -_FAR, high)


def _through_ring(part: Part, o: Array, d: Array) -> tuple[Array, Array]:
    """First crossing of a torus about y with radius 1, by steps no longer than its distance."""
    length = np.sqrt((d * d).sum(0))
    d = d / length
    t = np.maximum(-(o * d).sum(0) - (1 + part.narrow), 0)
    for _ in range(_RING_STEPS):
        p = o + t * d
        away = np.sqrt((np.sqrt(p[0] * p[0] + p[2] * p[2]) - 1) ** 2 + p[1] * p[1]) - part.narrow
        t = t + away
    hit = away < 0.2 * part.narrow
    low = np.where(hit, t / length, _FAR)
    return low, np.where(hit, low + 0.01, -_FAR)


def crossing(part: Part, origin: Array, direction: Array) -> tuple[Array, Array]:
    """Distances at which rays enter and leave; entry lies behind exit where they miss. Shapes broadcast."""
    o = _times(part.inverse, origin - _shaped(part.offset, origin))
    d = _times(part.inverse, direction)
    if part.kind == RING:
        return _through_ring(part, o, d)
    low, high = _interval(part, o, d)
    if len(part.planes):
        slope = _times(part.planes[:, :3], d)
        slope = np.where(np.abs(slope) < 1e-7, np.float32(1e-7), slope)
        gap = part.planes[:, 3].reshape(-1, *(1,) * (o.ndim - 1)) - _times(part.planes[:, :3], o)
        t = gap / slope
        low = np.maximum(low, np.where(slope < 0, t, -_FAR).max(0))
        high = np.minimum(high, np.where(slope > 0, t, _FAR).min(0))
    return low, high


def _normals(part: Part, p: Array) -> Array:
    """Unit normals in the world at points `(3, n)` of the part's frame, bent towards each other at its edges."""
    total = np.zeros_like(p)
    if part.kind != PLANES:
        if part.kind == BALL:
            n, slack = p, 1 - np.sqrt((p * p).sum(0))
        elif part.kind == TUBE:
            across = np.sqrt(p[0] * p[0] + p[2] * p[2]) + 1e-6
            n = np.stack([p[0] / across, np.full_like(across, 1 - part.narrow), p[2] / across])
            slack = 1 - (1 - part.narrow) * p[1] - across
        else:
            across = np.sqrt(p[0] * p[0] + p[2] * p[2]) + 1e-6
            n, slack = np.stack([p[0] - p[0] / across, p[1], p[2] - p[2] / across]), np.zeros_like(across)
        n = part.inverse.T @ n
        length = np.sqrt((n * n).sum(0)) + 1e-9
        total += n / length * np.exp(-np.maximum(slack, 0) / length / part.soft)
    for plane in part.planes:
        m = part.inverse.T @ plane[:3]
        length = float(np.linalg.norm(m))
        slack = np.maximum(plane[3] - plane[:3] @ p, 0) / length
        total += np.exp(-slack / part.soft) * (m / length)[:, None]
    return np.asarray(total / (np.sqrt((total * total).sum(0)) + 1e-9), np.float32)


def _colours(paint: Paint, p: Array) -> Array:
    """Colours `(3, n)` at points of the part's frame."""
    base = linear(paint.colour)[:, None]
    if not paint.pattern:
        return np.broadcast_to(base, p.shape)
    q = p * np.float32(paint.per_unit)
    if paint.pattern == "stripes":
        share = np.floor(q[1]) % 2
    elif paint.pattern == "bars":
        share = np.floor(np.arctan2(p[2], p[0]) * (paint.per_unit / math.pi)) % 2
    elif paint.pattern == "checks":
        share = np.floor(q).sum(0) % 2
    elif paint.pattern == "grain":
        share = 0.5 + 0.5 * np.sin(q[0] * 2 + 3 * np.sin(q[1] * 0.7 + q[2]))
    else:  # speckles
        share = ((np.sin(q[0] * 12.9 + q[1] * 78.2 + q[2] * 37.7) * 437.5) % 1) * 0.8
    share = share.astype(np.float32)
    return np.asarray(base * (1 - share) + linear(paint.second)[:, None] * share, np.float32)


@dataclass(frozen=True)
class View:
    """A camera: where it stands, its axes (right, up, forward) as rows, and the window of tangents it sees."""

    eye: Array
    axes: Array
    window: tuple[float, float, float, float]  # left, right, bottom, top

    def project(self, points: Array) -> Array:
        """Tangents `(2, n)` of points `(3, n)`."""
        seen = self.axes @ (points - self.eye[:, None])
        return np.asarray(seen[:2] / np.maximum(seen[2], 0.05), np.float32)

    def rays(self, width: int, height: int) -> Array:
        """Directions `(3, height, width)`, not of unit length, top row first."""
        left, right, bottom, top = self.window
        u = left + (np.arange(width, dtype=np.float32) + 0.5) / width * (right - left)
        v = top + (np.arange(height, dtype=np.float32) + 0.5) / height * (bottom - top)
        r, up, forward = (axis.reshape(3, 1, 1) for axis in self.axes)
        return np.asarray(forward + r * u[None, None, :] + up * v[None, :, None], np.float32)

    def pixels(self, points: Array, width: int, height: int) -> tuple[slice, slice]:
        """Rows and columns that hold all of the points `(3, n)`."""
        left, right, bottom, top = self.window
        u, v = self.project(points)
        x, y = (u - left) / (right - left) * width, (top - v) / (top - bottom) * height
        columns = slice(max(0, int(x.min()) - 1), max(0, min(width, int(x.max()) + 2)))
        return slice(max(0, int(y.min()) - 1), max(0, min(height, int(y.max()) + 2))), columns


def look(azimuth: float, elevation: float, distance: float, target: Array) -> View:
    """A camera at angles in degrees and a distance from what it looks at; its window is a unit square."""
    a, e = math.radians(azimuth), math.radians(elevation)
    back = np.array([math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e)], np.float32)
    right = np.array([math.cos(a), 0, -math.sin(a)], np.float32)
    axes = np.stack([right, np.cross(back, right), -back]).astype(np.float32)
    return View((target + back * distance).astype(np.float32), axes, (-0.5, 0.5, -0.5, 0.5))


@dataclass(frozen=True)
class Light:
    """A lamp far away and the light from all around, colours as `(3,)` linear."""

    towards: Array  # unit vector to the lamp
    lamp: Array
    above: Array
    below: Array
    shine: float = 1.0  # strength of highlights

    def on(self, normal: Array, shadow: Array | float = 0.0) -> Array:
        """Light that falls on surfaces with normals `(3, ...)`."""
        facing = np.maximum(np.tensordot(self.towards, normal, 1), 0) * (1 - shadow)
        up = 0.5 + 0.5 * normal[1]
        around = up * _shaped(self.above, normal) + (1 - up) * _shaped(self.below, normal)
        return np.asarray(facing * _shaped(self.lamp, normal) + around, np.float32)


@dataclass
class Frame:
    """What a camera sees of parts: all arrays `(height, width)`, components first."""

    depth: Array
    normal: Array
    colour: Array
    gloss: Array
    glow: Array

    @property
    def covered(self) -> Mask:
        return np.asarray(self.depth < _FAR)


def cast(parts: Sequence[Part], view: View, rays: Array) -> Frame:
    """The nearest surface along every ray."""
    shape = rays.shape[1:]
    frame = Frame(
        np.full(shape, _FAR), *(np.zeros((3, *shape), np.float32) for _ in range(2)), *np.zeros((2, *shape), np.float32)
    )
    for part in parts:
        _add(frame, part, view, rays)
    return frame


def _add(frame: Frame, part: Part, view: View, rays: Array) -> None:
    height, width = frame.depth.shape
    where = view.pixels(part.corners, width, height)
    d = rays[:, where[0], where[1]]
    if d.size == 0:
        return
    low, high = crossing(part, view.eye[:, None, None], d)
    closer = (low < high) & (low > 0) & (low < frame.depth[where])
    if not closer.any():
        return
    t = low[closer]
    p = _times(part.inverse, view.eye[:, None] + t * d[:, closer] - part.offset[:, None])
    frame.depth[where][closer] = t
    frame.normal[:, where[0], where[1]][:, closer] = _normals(part, p)
    frame.colour[:, where[0], where[1]][:, closer] = _colours(part.paint, p)
    frame.gloss[where][closer] = part.paint.gloss
    frame.glow[where][closer] = part.paint.glow


def ground_shadow(parts: Sequence[Part], view: View, ground: Array, light: Light) -> Array:
    """1 where parts keep the lamp from points `(3, height, width)` of the ground, else 0."""
    height, width = ground.shape[1:]
    shadow = np.zeros((height, width), np.float32)
    for part in parts:
        corners = part.corners
        fallen = corners - light.towards[:, None] * (corners[1] / light.towards[1])
        where = view.pixels(fallen, width, height)
        points = ground[:, where[0], where[1]]
        if points.size:
            low, high = crossing(part, points, light.towards[:, None, None])
            shadow[where] = np.maximum(shadow[where], high > np.maximum(low, 0))
    return shadow


def own_shadow(parts: Sequence[Part], points: Array, light: Light) -> Array:
    """1 where parts keep the lamp from points `(3, n)` just above their surfaces, else 0."""
    shadow = np.zeros(points.shape[1], np.float32)
    along = light.towards @ points
    for part in parts:
        corners = part.corners
        middle = corners.mean(1)
        radius2 = float(((corners - middle[:, None]) ** 2).sum(0).max())
        ahead = light.towards @ middle - along
        apart = ((points - middle[:, None]) ** 2).sum(0) - ahead * ahead
        near = np.flatnonzero((apart < radius2) & (ahead > -math.sqrt(radius2)) & (shadow == 0))
        if near.size:
            low, high = crossing(part, points[:, near], light.towards[:, None])
            shadow[near] = (high > np.maximum(low, 0)) & (low > -0.02)
    return shadow


def shine(
    frame: Frame, rays: Array, eye: Array, parts: Sequence[Part], light: Light, sky: Array, floor: Array
) -> Array:
    """Light `(3, n)` that comes from the covered pixels: lamp, surroundings, highlights and a hint of reflection."""
    seen = frame.covered
    d, n, gloss = rays[:, seen], frame.normal[:, seen], frame.gloss[seen]
    colour, glow, t = frame.colour[:, seen], frame.glow[seen], frame.depth[seen]
    d_unit = d / np.sqrt((d * d).sum(0))
    shadow = own_shadow(parts, eye[:, None] + t * d + n * np.float32(0.012), light)
    out = colour * (light.on(n, shadow) * (1 - glow) + glow * 1.4)
    mirrored = d_unit - 2 * (d_unit * n).sum(0) * n
    facing = np.clip(-(d_unit * n).sum(0), 0, 1)
    fresnel = gloss * (0.05 + 0.75 * (1 - facing) ** 5)
    toward_sky = np.clip(mirrored[1] * 3 + 0.5, 0, 1)
    out += fresnel * (sky[:, None] * toward_sky + floor[:, None] * (1 - toward_sky))
    peak = np.maximum(np.tensordot(light.towards, mirrored, 1), 0) ** (6 + 90 * gloss * gloss)
    return np.asarray(out + light.shine * gloss * peak * (1 - shadow) * light.lamp[:, None], np.float32)
