"""Puts solids together from parts: what models are built with, and the paints they share."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.render.canvas import Rgb, darker, lighter
from training.render.rays import BALL, PLANES, RING, TUBE, Array, Paint, Part

Spot = tuple[float, float, float]
DARK, RUBBER = Paint((38, 38, 42), 0.2), Paint((28, 28, 30), 0.1)
METAL, WHITE, GLASS = Paint((165, 168, 175), 0.7), Paint((240, 240, 236), 0.2), Paint((52, 66, 78), 0.9)
WOOD = Paint((150, 100, 58), 0.2, pattern="grain", second=(120, 76, 42))
GREEN, BARK, YELLOW = Paint((70, 135, 55), 0.1), Paint((100, 72, 48), 0.05), Paint((245, 200, 60), 0.3)
RED, CREAM = Paint((195, 45, 40), 0.3), Paint((238, 222, 190), 0.1)
LAMP = Paint((255, 245, 200), 0.5, glow=0.5)


@dataclass(frozen=True)
class Model:
    """A named solid: how to build it, its other words, the colours it takes, and where it belongs.

    `own_colour` and `usual` mean what they do in `Drawing`. `home` names the surroundings that suit it; `turn` is how
    far in degrees it may be turned from the side it was built for.
    """

    name: str
    build: Callable[[Kit], None]
    others: tuple[str, ...]
    home: str
    turn: float = 55
    own_colour: str = ""
    usual: tuple[str, ...] = ()


class Kit:
    """Gathers parts of one solid; `c` is its main paint. Sizes are of the order of 1, the ground is at y = 0."""

    def __init__(self, rng: random.Random, colour: Rgb, gloss: float) -> None:
        self.rng, self.parts = rng, list[Part]()
        self.c = Paint(colour, gloss)

    def shaded(self, share: float) -> Paint:
        """The main paint, darker for a positive share and lighter for a negative one."""
        return replace(self.c, colour=darker(self.c.colour, share) if share > 0 else lighter(self.c.colour, -share))

    def about(self, low: float, high: float) -> float:
        return self.rng.uniform(low, high)

    def some(self, *choices: Paint) -> Paint:
        return self.rng.choice(choices)

    def cloth(self) -> Paint:
        """The main paint as fabric, now and then with a pattern in a near shade."""
        colour = self.c.colour
        second = self.rng.choice((darker(colour, 0.25), lighter(colour, 0.25), WHITE.colour))
        pattern = self.rng.choice(("", "", "", "speckles", "grain", "stripes", "checks"))
        if second == WHITE.colour and pattern != "speckles":
            second = darker(colour, 0.3)
        return Paint(colour, 0.05, pattern=pattern, second=second, per_unit=self.rng.uniform(2, 5))

    def ball(
        self, at: Spot, radii: Spot | float, paint: Paint, above: float = -1, below: float = 1, tilt: float = 0
    ) -> None:
        """An ellipsoid, or the part of it between two heights in its own radii; `tilt` in degrees about z."""
        r = (radii,) * 3 if isinstance(radii, float | int) else radii
        planes = [(0, -1, 0, -above)] * (above > -1) + [(0, 1, 0, below)] * (below < 1)
        bounds = ((-1, above, -1), (1, below, 1))
        self._put(BALL, _about_z(tilt) @ np.diag(np.asarray(r, np.float32)), at, bounds, planes, paint)

    def block(self, at: Spot, half: Spot, paint: Paint, soft: float = 0.03, tilt: float = 0, lean: float = 0) -> None:
        """A box about its middle; `tilt` in degrees about z, `lean` about x."""
        planes = [(*(s * (i == a) for i in range(3)), 1) for a in range(3) for s in (-1, 1)]
        matrix = _about_z(tilt) @ _about_x(lean) @ np.diag(np.asarray(half, np.float32))
        self._put(PLANES, matrix, at, ((-1, -1, -1), (1, 1, 1)), planes, paint, soft=soft)

    def tube(self, a: Spot, b: Spot, radius: float, paint: Paint, end: float | None = None, flat: float = 1) -> None:
        """A tube from one point to another, `end` being its radius there; `flat` thins it across."""
        end = radius if end is None else end
        if end > radius:
            a, b, radius, end = b, a, end, radius
        axis = np.subtract(b, a)
        matrix = _frame(axis / np.linalg.norm(axis)) @ np.diag([radius, float(np.linalg.norm(axis)), radius * flat])
        planes = [(0, -1, 0, 0), (0, 1, 0, 1)]
        self._put(TUBE, matrix, a, ((-1, 0, -1), (1, 1, 1)), planes, paint, end / radius)

    def path(self, spots: Sequence[Spot], radius: float, paint: Paint) -> None:
        for a, b in itertools.pairwise(spots):
            self.tube(a, b, radius, paint)

    def ring(self, at: Spot, axis: Spot, radius: float, thick: float, paint: Paint, squeeze: float = 1) -> None:
        """A torus; `squeeze` shortens it along x or, for an axis along x, along z."""
        k = thick / radius
        matrix = _frame(np.asarray(axis) / np.linalg.norm(axis)) @ np.diag([radius * squeeze, radius, radius])
        self._put(RING, matrix, at, ((-1 - k, -k, -1 - k), (1 + k, k, 1 + k)), [], paint, k)

    def prism(
        self, profile: Sequence[tuple[float, float]], half: float, paint: Paint, taper: float = 0, soft: float = 0.03
    ) -> None:
        """A convex outline in x and y, anticlockwise, -half to half in z; `taper` leans the sides in per height."""
        base = min(y for _, y in profile)
        planes = [
            (y1 - y0, x0 - x1, 0, (y1 - y0) * x0 + (x0 - x1) * y0)
            for (x0, y0), (x1, y1) in zip(profile, [*profile[1:], profile[0]], strict=True)
        ]
        planes += [(0, taper, s, half + taper * base) for s in (-1, 1)]
        x, y = zip(*profile, strict=True)
        bounds = ((min(x), base, -half), (max(x), max(y), half))
        self._put(PLANES, np.eye(3, dtype=np.float32), (0, 0, 0), bounds, planes, paint, soft=soft)

    def _put(
        self,
        kind: str,
        matrix: Array,
        at: Spot,
        bounds: Sequence[Sequence[float]],
        planes: Sequence[Sequence[float]],
        paint: Paint,
        narrow: float = 1.0,
        soft: float = 0.03,
    ) -> None:
        self.parts.append(
            Part(
                kind,
                np.asarray(matrix, np.float32),
                np.asarray(at, np.float32),
                np.asarray(bounds, np.float32),
                np.asarray(planes, np.float32).reshape(-1, 4),
                paint,
                narrow,
                soft,
            )
        )


def _about_z(degrees: float) -> Array:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)


def _about_x(degrees: float) -> Array:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]], np.float32)


def _frame(axis: Array) -> Array:
    """Unit axes as columns with y along `axis` and x across, in the plane of x and y where it can be."""
    z = np.cross((1, 0, 0), axis) if abs(axis[0]) < 0.9 else np.cross((0, 1, 0), axis) * -1
    z = z / np.linalg.norm(z)
    return np.asarray(np.stack([np.cross(axis, z), axis, z], 1), np.float32)
