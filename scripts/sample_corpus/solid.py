"""A small ray marcher: solids given by signed distances, lit by a sun and a sky, seen through a camera.

Knows nothing about cars or kitchens; the picture modules build those out of `Part`s. Arrays named `p` are float32
`(n, 3)` points in metres with y upwards; a distance is float32 `(n,)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .noise import f32, fbm3

Array = NDArray[np.float32]
Sdf = Callable[[Array], Array]
Paint = Callable[[Array, Array], Array]
Rgb = tuple[float, float, float]


class Material(NamedTuple):
    """Surface: a colour (linear-ish 0..1) or `paint(points, normals) -> (n, 3)`, and how it reflects."""

    colour: Rgb | Paint
    gloss: float = 0.1
    mirror: float = 0.0
    glow: float = 0.0
    bump: float = 0.0
    bump_scale: float = 8.0


class Part(NamedTuple):
    """One solid of one material; `centre` and `radius` bound it, so that far points skip its formula."""

    sdf: Sdf
    material: Material
    centre: Rgb = (0.0, 0.0, 0.0)
    radius: float = 1e3


class Scene(NamedTuple):
    """What is seen: the solids, an optional floor at y = 0, the sky and the light."""

    parts: Sequence[Part]
    sky: Callable[[Array], Array]
    floor: Material | None = None
    sun: Rgb = (0.5, 0.8, 0.4)
    sun_colour: Rgb = (1.0, 0.95, 0.85)
    sun_power: float = 1.0
    ambient: float = 0.55
    fog: float = 0.0
    far: float = 60.0


class Camera(NamedTuple):
    """Where one looks from and at, and the vertical angle of view in degrees."""

    eye: Rgb
    target: Rgb
    angle: float = 40.0


def length(v: Array) -> Array:
    """Lengths `(n,)` of the rows of `v` (much faster than `linalg.norm` on short rows)."""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", v, v)), np.float32)


def unit(v: Array) -> Array:
    """Rows of `v` scaled to length 1."""
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9), np.float32)


def rays(camera: Camera, x: Array, y: Array, width: int, height: int) -> Array:
    """Directions `(n, 3)` through the picture points `x, y` in pixels."""
    forward = unit(np.subtract(camera.target, camera.eye).astype(np.float32))
    right = unit(np.cross(forward, [0.0, 1.0, 0.0]).astype(np.float32))
    up = np.cross(right, forward)
    scale = 2 * np.tan(np.radians(camera.angle) / 2) / height
    u, v = (x - width / 2) * scale, (height / 2 - y) * scale
    return unit((forward + u[:, None] * right + v[:, None] * up).astype(np.float32))


def nearest(
    parts: Sequence[Part], p: Array, slack: float = 0.25, reach: NDArray[np.bool_] | None = None
) -> tuple[Array, NDArray[np.int16]]:
    """Distance to the closest part and which one it is; true up to `slack`, beyond it a bound from below.

    `reach[part, point]` false says that the part cannot matter to the ray of that point.
    """
    best = np.full(len(p), 1e3, np.float32)
    which = np.full(len(p), -1, np.int16)
    for index, part in enumerate(parts):
        rows = np.arange(len(p)) if reach is None else np.flatnonzero(reach[index])
        if not len(rows):
            continue
        q, limit = p[rows], best[rows]
        bound = length(q - f32(part.centre)) - f32(part.radius)
        near = bound < np.minimum(limit, slack)
        distance = bound
        if near.any():
            distance[near] = part.sdf(q[near])
        closer = distance < limit
        best[rows[closer]] = distance[closer]
        which[rows[closer]] = index
    return best, which


def _reach(parts: Sequence[Part], eye: Array, way: Array, margin: float) -> NDArray[np.bool_]:
    """Which rays come within `margin` of the bounding sphere of each part."""
    out = np.empty((len(parts), len(way)), bool)
    for index, part in enumerate(parts):
        to = f32(part.centre) - eye
        along = np.einsum("ij,ij->i", to, way)
        wide = part.radius + margin
        out[index] = (np.einsum("ij,ij->i", to, to) - along * along < wide * wide) & (along > -wide)
    return out


def march(scene: Scene, eye: Array, way: Array, limit: Array, steps: int = 110) -> tuple[Array, NDArray[np.int16]]:
    """Distance along each ray to the first solid (or `limit`) and the part it met (-1 for none)."""
    t = np.full(len(way), 0.02, np.float32)
    hit = np.full(len(way), -1, np.int16)
    reach = _reach(scene.parts, eye, way, 0.0)
    active = np.flatnonzero(reach.any(axis=0))
    t[~reach.any(axis=0)] = 1e3
    reach = reach[:, active]
    for _ in range(steps):
        if not len(active):
            break
        distance, which = nearest(scene.parts, eye[active] + way[active] * t[active, None], reach=reach)
        done = distance < 0.0006 * (1 + t[active])
        hit[active[done]] = which[done]
        t[active] += np.where(done, 0, distance * 0.95)
        going = ~done & (t[active] < limit[active])
        active, reach = active[going], reach[:, going]
    return t, hit


def normals(scene: Scene, p: Array, hit: NDArray[np.int16]) -> Array:
    """Outward unit normals by differences, with the material's bumps added."""
    out = np.zeros_like(p)
    out[:, 1] = 1.0
    for index in np.unique(hit[hit >= 0]):
        mine = hit == index
        part = scene.parts[index]
        q = p[mine]
        offsets = 0.001 * np.eye(3, dtype=np.float32)
        slope = np.stack([part.sdf(q + o) - part.sdf(q - o) for o in offsets], axis=1)
        out[mine] = _bumped(unit(slope), q, part.material)
    if scene.floor is not None:
        floor = hit < 0
        out[floor] = _bumped(out[floor], p[floor], scene.floor)
    return out


def _bumped(n: Array, p: Array, material: Material) -> Array:
    if not material.bump or not len(p):
        return n
    shifts = [(0.0, 0.0, 0.0), (17.1, 3.3, 9.2), (5.7, 31.4, 1.9)]
    wobble = [fbm3(p * material.bump_scale + f32(s), 3) - 0.5 for s in shifts]
    return unit(f32(n + material.bump * np.stack(wobble, axis=1)))


def _shadow(scene: Scene, p: Array, sun: Array) -> Array:
    light = np.ones(len(p), np.float32)
    t = np.full(len(p), 0.03, np.float32)
    reach = _reach(scene.parts, p, np.broadcast_to(sun, p.shape), 0.8)
    active = np.flatnonzero(reach.any(axis=0))
    reach = reach[:, active]
    for _ in range(30):
        if not len(active):
            break
        distance, _which = nearest(scene.parts, p[active] + sun * t[active, None], 1.6, reach)
        light[active] = np.minimum(light[active], np.clip(9 * distance / t[active], 0, 1))
        t[active] += np.clip(distance, 0.035, 1.5)
        going = (light[active] > 0.02) & (t[active] < 14)
        active, reach = active[going], reach[:, going]
    return light


def _openness(scene: Scene, p: Array, n: Array) -> Array:
    closed = np.zeros(len(p), np.float32)
    for step in (0.08, 0.22, 0.55):
        distance, _which = nearest(scene.parts, p + n * step, 0.7)
        if scene.floor is not None:
            distance = np.minimum(distance, p[:, 1] + n[:, 1] * step)
        closed += np.clip(step - distance, 0, step) * (1.15 / (step + 0.35))
    return f32(np.clip(1 - 0.75 * closed, 0.12, 1))


def _colours(scene: Scene, p: Array, n: Array, hit: NDArray[np.int16]) -> tuple[Array, Array]:
    colour = np.zeros_like(p)
    finish = np.zeros((len(p), 3), np.float32)
    for index in np.unique(hit):
        mine = hit == index
        material = scene.floor if index < 0 else scene.parts[index].material
        if material is None:
            continue
        c = material.colour
        colour[mine] = c(p[mine], n[mine]) if callable(c) else f32(c)
        finish[mine] = (material.gloss, material.mirror, material.glow)
    return colour, finish


def _shade(scene: Scene, p: Array, way: Array, hit: NDArray[np.int16]) -> Array:
    n = normals(scene, p, hit)
    colour, finish = _colours(scene, p, n, hit)
    sun = unit(f32(scene.sun))
    lifted = p + n * 0.004
    direct = np.clip(n @ sun, 0, 1)
    facing = direct > 0
    direct[facing] *= _shadow(scene, lifted[facing], sun)
    openness = _openness(scene, p, n)
    hemisphere = scene.ambient * (0.62 + 0.38 * n[:, 1]) * openness
    light = hemisphere[:, None] * f32([0.93, 0.97, 1.05]) + (scene.sun_power * direct)[:, None] * f32(scene.sun_colour)
    mirrored = unit(way - 2 * np.sum(way * n, axis=1, keepdims=True) * n)
    fresnel = (1 - np.clip(-np.sum(way * n, axis=1), 0, 1)) ** 4
    reflect = (finish[:, 1] * (0.35 + 0.65 * fresnel) * (0.4 + 0.6 * openness))[:, None]
    shine = (finish[:, 0] * direct * np.clip(mirrored @ sun, 0, 1) ** 40)[:, None]
    out = colour * light * (1 - reflect) + scene.sky(mirrored) * reflect + shine
    return np.asarray(out * (1 - finish[:, 2:]) + colour * finish[:, 2:] * 1.3, np.float32)


def trace(scene: Scene, camera: Camera, x: Array, y: Array, width: int, height: int) -> tuple[Array, NDArray[np.int16]]:
    """Linear colours `(n, 3)` at the picture points `x, y`, and the part seen there (-1 floor, -2 sky)."""
    way = rays(camera, x, y, width, height)
    eye = np.broadcast_to(f32(camera.eye), way.shape)
    limit = np.full(len(way), scene.far, np.float32)
    if scene.floor is not None:
        down = way[:, 1] < -1e-4
        limit[down] = np.minimum(limit[down], -eye[down, 1] / way[down, 1])
    t, hit = march(scene, eye, way, limit)
    grounded = (hit < 0) & (scene.floor is not None) & (way[:, 1] < -1e-4) & (limit < scene.far)
    t = np.where(grounded, limit, t)
    seen = (hit >= 0) | grounded
    out = scene.sky(way)
    if seen.any():
        lit = _shade(scene, eye[seen] + way[seen] * t[seen, None], way[seen], hit[seen])
        mist = (1 - np.exp(-scene.fog * t[seen]))[:, None]
        out[seen] = lit * (1 - mist) + scene.sky(way[seen] * f32([1, 0, 1]) + f32([0, 0.02, 0])) * mist
    return np.asarray(out, np.float32), np.where(seen, hit, -2).astype(np.int16)


def render(scene: Scene, camera: Camera, width: int, height: int) -> NDArray[np.uint8]:
    """The picture, uint8 `(h, w, 3)`: one ray a pixel, then four more where parts meet or neighbours differ much."""
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    flat, hit = trace(scene, camera, xx.ravel(), yy.ravel(), width, height)
    picture, ids = _tone(flat).reshape(height, width, 3), hit.reshape(height, width)
    rough = np.zeros((height, width), bool)
    across = (np.abs(np.diff(picture, axis=1)).max(axis=2) > 0.2) | (np.diff(ids, axis=1) != 0)
    along = (np.abs(np.diff(picture, axis=0)).max(axis=2) > 0.2) | (np.diff(ids, axis=0) != 0)
    rough[:, 1:] |= across
    rough[:, :-1] |= across
    rough[1:] |= along
    rough[:-1] |= along
    x, y = xx[rough], yy[rough]
    corners = [(-0.375, -0.125), (0.125, -0.375), (0.375, 0.125), (-0.125, 0.375)]
    samples = [_tone(trace(scene, camera, x + f32(a), y + f32(b), width, height)[0]) for a, b in corners]
    picture[rough] = np.mean(samples, axis=0)
    return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), np.uint8)


def _tone(linear: Array) -> Array:
    x = np.maximum(linear, 0) * 1.1
    return np.asarray(np.clip((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), 0, 1) ** (1 / 1.3), np.float32)
