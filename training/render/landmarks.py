"""Views of single buildings in their land, and of what flies above it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import ImageDraw

from training.render.atmosphere import (
    COUNTS,
    LIT,
    Shot,
    finish,
    outdoors,
    plane,
    profile,
    rgb,
    ridge,
    treeline,
    water,
    wavy,
)
from training.render.canvas import Drawn, shade
from training.render.kit import Kit
from training.render.rays import Paint
from training.render.sprites import Sprite, built, paste, scatter, solid
from training.render.terrain import SEA, SNOW, boulder, meadow
from training.render.townscape import grove


def in_the_air(rng: random.Random, size: int) -> Drawn:
    """A plane, balloons or kites in the sky."""
    shot = outdoors(rng, size, (0.72, 0.98), "day", "day", "sunset", "sunrise", "overcast")
    ridge(shot, wavy(shot, shot.horizon, 0.08, 0.5), (84, 104, 76), 4, 0.2)
    meadow(shot)
    what = rng.choice(("plane", "balloon", "balloon", "kite", "kite", "birds"))
    u, v = rng.uniform(0.3, 0.7) * shot.aspect, rng.uniform(0.35, 0.6)
    if what == "plane":
        sprite, colour = solid(
            shot, "airplane", "white" if rng.random() < 0.7 else "", steep=rng.uniform(-25, 10), lines=64
        )
        paste(shot, Sprite(sprite.pixels, 0.5, 1), u, v, rng.uniform(0.25, 0.5))
        return finish(
            shot,
            ["airplane in the sky", "plane flying", "aircraft", "airliner"],
            f"a [{colour}] airplane in the sky",
            ["clouds"] if rng.random() < 0.2 else [],
        )
    if what == "birds":
        count = rng.randint(8, 25)
        _gulls(shot, count)
        return finish(shot, ["birds in the sky", "flock of birds", "flying birds"], "a flock of birds in the sky")
    if what == "kite":
        colour = _kites(shot, rng.choice((1, 1, 2, 4)))
        return finish(
            shot, ["kite in the sky", "flying a kite", "kite"], f"a [{colour}] kite high in the sky", ["a long tail"]
        )
    count = rng.choice((1, 1, 2, 3, 5, 6))
    for i, high in enumerate(
        sorted(rng.uniform(0.14, 0.3) if count > 1 else rng.uniform(0.4, 0.65) for _ in range(count))
    ):
        at = (i + rng.uniform(0.3, 0.7)) / count * shot.aspect if count > 1 else u
        balloon(shot, at, rng.uniform(0.2, 0.6) if count > 1 else 0.42, high)
    word = "hot air balloon" if count == 1 else "hot air balloons"
    return finish(
        shot,
        [word, f"{word} in the sky", "ballooning"],
        f"{'a' if count == 1 else COUNTS[count]} {word} over the countryside",
        ["colourful stripes"],
    )


def balloon(shot: Shot, u: float, v: float, high: float) -> None:
    """A hot-air balloon with stripes about `(u, v)`."""
    rng, r = shot.rng, high * 0.38
    x, y = (shot.u - u) / r, (shot.v - v + high * 0.12) / r
    taper = np.where(y > 0.2, 1 - (y - 0.2) * 0.55, 1.0)
    inside = 1 - (x / np.maximum(taper, 0.15)) ** 2 - np.where(y > 0, (y / 1.3) ** 4, y * y)
    around = np.arcsin(np.clip(x / np.maximum(taper, 0.15), -1, 1))
    stripes = np.floor((around / math.pi + 0.5) * rng.randint(5, 9)).astype(int) % 3
    inks = rgb(
        np.array(
            [shade(n, rng) for n in rng.sample(["red", "yellow", "blue", "white", "orange", "green", "purple"], 3)],
            np.float32,
        )
    )
    light = 0.75 + 0.35 * shot.side * x - 0.15 * y
    shot.cover(np.clip(inside * r * shot.h * 0.5, 0, 1) * (y < 1.3), inks[stripes] * shot.tint * light[..., None])
    wood = shot.ink((120, 84, 52))

    def basket(pen: ImageDraw.ImageDraw, k: float) -> None:
        foot, w = v + high * 0.5, r * 0.2
        for s in (-1, 1):
            pen.line(
                ((u + s * w * 1.6) * k, (v + high * 0.36) * k, (u + s * w) * k, (foot - w) * k), fill=wood, width=1
            )
        pen.rectangle(((u - w) * k, (foot - w * 1.4) * k, (u + w) * k, foot * k), fill=wood)

    shot.draw(basket)


def _kites(shot: Shot, count: int) -> str:
    rng = shot.rng
    names = [rng.choice(("red", "yellow", "blue", "green", "orange", "purple", "pink")) for _ in range(count)]
    names = [names[0]] * count

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        for name in names:
            u, v, s, a = (
                rng.uniform(0.2, 0.8) * shot.aspect,
                rng.uniform(0.2, 0.5),
                rng.uniform(0.1, 0.2),
                rng.uniform(-0.6, 0.6),
            )
            if count > 1:
                s *= 0.7

            def at(x: float, y: float, u: float = u, v: float = v, s: float = s, a: float = a) -> tuple[float, float]:
                return (u + (x * math.cos(a) - y * math.sin(a)) * s) * k, (
                    v + (x * math.sin(a) + y * math.cos(a)) * s
                ) * k

            one, two = shade(name, rng), shade(rng.choice((name, "white", "yellow")), rng)
            for i, corners in enumerate(
                (
                    ((0, -1), (0.7, -0.25), (0, 0)),
                    ((0, -1), (-0.7, -0.25), (0, 0)),
                    ((0, 1), (0.7, -0.25), (0, -0.25)),
                    ((0, 1), (-0.7, -0.25), (0, -0.25)),
                )
            ):
                pen.polygon([at(*c) for c in corners], fill=(one, two, two, one)[i] if two != one else one)
            pen.polygon([at(0, -1), at(0.7, -0.25), at(0, 1), at(-0.7, -0.25)], outline=one)
            tail = [at(0.12 * math.sin(t * 2.2), 1 + t * 0.35) for t in range(6)]
            pen.line(tail, fill=one, width=3)
            pen.line([tail[-1], (tail[-1][0] - 30, shot.h * 2.0)], fill=(120, 120, 120), width=1)

    shot.draw(paint, 0.05)
    return names[0]


def _gulls(shot: Shot, count: int) -> None:
    rng, dark = shot.rng, shot.ink((50, 50, 54))

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        for _ in range(count):
            u, v, s = rng.uniform(0.1, 0.9) * shot.aspect, rng.uniform(0.1, 0.6), rng.uniform(0.015, 0.04)
            pen.line(
                [
                    ((u + x * s) * k, (v + y * s) * k)
                    for x, y in ((-1, -0.3), (-0.4, -0.5), (0, 0), (0.4, -0.5), (1, -0.3))
                ],
                fill=dark,
                width=3,
                joint="curve",
            )

    shot.draw(paint)


def landmark(rng: random.Random, size: int) -> Drawn:
    """A lighthouse, castle, windmill, barn, church or farmhouse in its land."""
    what = rng.choice(
        ("lighthouse", "lighthouse", "castle", "castle", "windmill", "barn", "church", "church", "house", "house")
    )
    shot = outdoors(rng, size, (0.5, 0.68), *LIT, "storm" if what == "lighthouse" else "fog", "dusk")
    u, tall = rng.uniform(0.3, 0.7) * shot.aspect, rng.uniform(0.4, 0.65)
    if what == "lighthouse":
        return _lighthouse(shot, u, tall)
    if rng.random() < 0.5:
        ridge(shot, profile(shot, shot.horizon, rng.uniform(0.08, 0.25), 14), (104, 108, 106), 5, 0.5, 0.4)
    winter = rng.random() < 0.15
    if winter:
        plane(shot, SNOW, 3)
    else:
        meadow(shot)
    treeline(shot, shot.horizon + 0.02, 0.06, (58, 84, 50), 2)
    details = ["snow on the ground"] if winter else ["[green] grass", "trees"]
    foot = shot.horizon + 0.1
    if what == "castle":
        hill = (
            shot.horizon
            + 0.12
            - 0.22 * np.exp(-(((shot.u - u) / 0.4) ** 2))
            + 0.03 * shot.noise(shot.u * 30, shot.u * 0)
        )
        ridge(shot, np.asarray(hill, np.float32), (92, 106, 70), 0.6, 0.6)
        foot = shot.horizon - 0.06
    builders = {"castle": castle, "windmill": windmill, "barn": barn}
    if what in builders:
        colour = {
            "castle": "gray",
            "windmill": rng.choice(("white", "brown", "red")),
            "barn": rng.choice(("red", "red", "brown", "white")),
        }[what]
        sprite = built(shot, builders[what], colour, steep=4, lines=72, turn=25)
    else:
        colour = rng.choice(("white", "white", "yellow", "brown", "gray", "red", "blue"))
        sprite, _ = solid(shot, what, colour, steep=6, lines=72)
    paste(shot, sprite, u, foot + 0.02, tall * (0.8 if what in ("barn", "house") else 1), 0.4)
    scatter(shot, grove(shot), rng.randint(0, 4), (foot, foot + 0.12), 1.2)
    stone = "stone " if what == "castle" else f"[{colour}] "
    place = {
        "castle": "on a hill",
        "windmill": "in the fields",
        "barn": "on a farm",
        "church": "in the countryside",
        "house": "in the countryside",
    }[what]
    labels = {
        "castle": ["castle", "castle on a hill", "old fortress"],
        "windmill": ["windmill", "old windmill"],
        "barn": [f"[{colour}] barn", "farm", "barn in a field"],
        "church": ["church", "church with a tower", "chapel"],
        "house": [f"[{colour}] house", "house in the country", "cottage"],
    }[what]
    return finish(shot, labels, f"a {stone}{what} {place}", details)


def _lighthouse(shot: Shot, u: float, tall: float) -> Drawn:
    rng = shot.rng
    water(shot, shot.horizon, rng.choice(SEA), 0.4, 1.2)
    cliff = (
        shot.horizon
        + 0.16
        - 0.2 * np.exp(-(((shot.u - u) / 0.35) ** 2))
        + 0.12 * (shot.noise(shot.u * 60, shot.u * 0) - 0.5)
    )
    ridge(shot, np.asarray(cliff, np.float32), (112, 100, 88), 0.4, 1.0)
    colour = rng.choice(("red", "red", "white", "white", "blue"))
    sprite, _ = solid(shot, "lighthouse", colour, steep=2, lines=72)
    paste(shot, sprite, u, shot.horizon + 0.02, tall, 0.3)
    if shot.dark:
        top = shot.horizon - tall * 0.85
        beam = np.exp(-np.abs(shot.v - top + (shot.u - u) * 0.1) / (0.01 + 0.12 * np.abs(shot.u - u)))
        shot.cover(beam * 0.6, rgb((255, 245, 200)))
    for _ in range(rng.randint(0, 4)):
        boulder(shot, rng.uniform(0, shot.aspect), rng.uniform(0.85, 1), rng.uniform(0.05, 0.12))
    return finish(
        shot,
        ["lighthouse", "lighthouse on rocks", "lighthouse by the sea", "coast with a lighthouse"],
        "a lighthouse on a rocky coast",
        ["rocks", "the sea", f"a [{colour}] tower"],
    )


def castle(kit: Kit) -> None:
    stone = Paint((166, 156, 140), 0.03, pattern="speckles", second=(140, 132, 120))
    roof = kit.some(Paint((120, 62, 52)), Paint((74, 82, 100)), stone)
    kit.block((0, 0.4, 0), (0.9, 0.4, 0.35), stone)
    for x, h, r in (
        (-0.95, 1.2, 0.22),
        (0.95, kit.about(0.9, 1.3), 0.2),
        (kit.about(-0.3, 0.3), kit.about(1.4, 1.9), 0.26),
    ):
        kit.tube((x, 0, 0.1), (x, h, 0.1), r, stone)
        kit.tube((x, h, 0.1), (x, h + 0.1, 0.1), r * 1.15, stone)
        if roof is not stone:
            kit.tube((x, h + 0.1, 0.1), (x, h + 0.65, 0.1), r * 1.2, roof, 0.01)
        kit.block((x, h * 0.7, 0.1 + r), (0.04, 0.09, 0.02), Paint((40, 38, 40)))
    for i in range(9):
        kit.block((-0.8 + i * 0.2, 0.85, 0.32), (0.06, 0.07, 0.05), stone)
    kit.block((0.45, 0.2, 0.35), (0.14, 0.2, 0.02), Paint((60, 44, 34)))


def windmill(kit: Kit) -> None:
    kit.tube((0, 0, 0), (0, 1.2, 0), 0.42, kit.c, 0.27)
    kit.ball((0, 1.2, 0), (0.3, 0.25, 0.3), Paint((84, 66, 54)), above=0)
    kit.block((0, 0.2, 0.4), (0.09, 0.2, 0.03), Paint((70, 50, 38)))
    start = kit.about(0, 90)
    for i in range(4):
        a = math.radians(start + 90 * i)
        x, y = math.cos(a), math.sin(a)
        kit.tube((0, 1.2, 0.38), (x, 1.2 + y, 0.38), 0.025, Paint((90, 70, 54)))
        kit.block(
            (x * 0.58 - y * 0.1, 1.2 + y * 0.58 + x * 0.1, 0.38),
            (0.4, 0.1, 0.01),
            Paint((232, 226, 212)),
            tilt=math.degrees(a),
        )


def barn(kit: Kit) -> None:
    kit.prism([(-0.8, 0), (0.8, 0), (0.8, 0.6), (0.5, 0.98), (0, 1.15), (-0.5, 0.98), (-0.8, 0.6)], 1.0, kit.c)
    roof = kit.some(Paint((96, 96, 102)), Paint((110, 76, 60)))
    for s in (-1, 1):
        for (x0, y0), (x1, y1) in (((0.86, 0.58), (0.5, 1.02)), ((0.52, 1.0), (0, 1.2))):
            corners = [(s * x0, y0), (s * x1, y1), (s * x1, y1 + 0.06), (s * x0, y0 + 0.06)]
            kit.prism(corners if s < 0 else corners[::-1], 1.06, roof) if s > 0 else kit.prism(
                corners[::-1], 1.06, roof
            )
    white = Paint((238, 236, 228))
    kit.block((0, 0.3, 1.0), (0.3, 0.3, 0.02), white)
    kit.block((0, 0.3, 1.02), (0.26, 0.26, 0.02), kit.shaded(0.25))
    kit.block((0, 0.82, 1.0), (0.13, 0.12, 0.02), white)


KINDS: dict[str, tuple[Callable[[random.Random, int], Drawn], int]] = {
    "in the air": (in_the_air, 4),
    "landmark": (landmark, 6),
}
