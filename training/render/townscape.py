"""Views of cities, streets, roads, railways and bridges."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import ImageDraw

from training.render.atmosphere import (
    LIT,
    ROUGH,
    Shot,
    finish,
    outdoors,
    plane,
    profile,
    rain,
    rgb,
    ridge,
    treeline,
    water,
)
from training.render.canvas import Drawn, Rgb, shade
from training.render.sprites import Sprite, leafy, paste, scatter, solid, stand
from training.render.terrain import SEA, meadow, track

WALLS = (
    (196, 186, 172),
    (168, 128, 104),
    (150, 84, 66),
    (214, 206, 190),
    (134, 138, 146),
    (222, 192, 140),
    (188, 150, 130),
)
GREENS = ((72, 112, 48), (92, 130, 56), (58, 96, 44))


def grove(shot: Shot) -> list[Sprite]:
    tree = leafy(shot, shot.rng.choice(GREENS))
    return [tree, tree.flipped()]


def towers(
    shot: Shot, foot: float, low: float, high: float, wide: tuple[float, float], distance: float, wall: Rgb
) -> None:
    """A row of high buildings with windows that stands on the line `foot`."""
    rng, lights = shot.rng, shot.dark

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        x = -rng.uniform(0, 0.05)
        while x < shot.aspect:
            w, h = rng.uniform(*wide), rng.uniform(low, high) * rng.choice((0.6, 1, 1))
            tone = rng.choice((wall, wall, (110, 124, 142), (150, 140, 130), (94, 98, 108)))
            bright = rng.uniform(0.75, 1.1)
            face = shot.ink(tone, bright * (0.5 if lights else 1), distance)
            pen.rectangle((x * k, (foot - h) * k, (x + w) * k, foot * k), fill=face)
            split = x + w * rng.uniform(0.55, 0.8)
            pen.rectangle(
                (split * k, (foot - h) * k, (x + w) * k, foot * k),
                fill=shot.ink(tone, bright * (0.35 if lights else 0.75), distance),
            )
            if rng.random() < 0.2:
                pen.line(((x + w / 2) * k, (foot - h - 0.07) * k, (x + w / 2) * k, (foot - h) * k), fill=face, width=2)
            _windows(pen, k, shot, (x, foot - h, x + w, foot), lights, distance)
            x += w + rng.choice((0, 0, 0.005, 0.03))

    shot.draw(paint, 0.06)


def _windows(
    pen: ImageDraw.ImageDraw,
    k: float,
    shot: Shot,
    box: tuple[float, float, float, float],
    lights: bool,
    distance: float,
) -> None:
    rng, (x0, y0, x1, y1) = shot.rng, box
    across, step = rng.randint(2, 5), rng.uniform(0.022, 0.04)
    pane, wide = shot.ink((86, 108, 132), rng.uniform(0.6, 1.3), distance), (x1 - x0) / across
    glow = ((255, 214, 130), (255, 236, 190), (250, 190, 90))
    share = rng.uniform(0.3, 0.8)
    y = y0 + step * 0.4
    while y < y1 - step * 0.6:
        for i in range(across):
            if not lights or rng.random() < share:
                x = x0 + wide * (i + 0.2)
                pen.rectangle(
                    (x * k, y * k, (x + wide * 0.55) * k, (y + step * 0.5) * k),
                    fill=rng.choice(glow) if lights else pane,
                )
        y += step


def skyline(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.6, 0.8), "day", "overcast", "sunset", "dusk", "night", "night", "fog")
    foot, tone = shot.horizon, rng.choice(WALLS)
    plane(shot, ((90, 96, 88), (70, 76, 74)))
    towers(shot, foot, 0.12, 0.3, (0.04, 0.09), 5, tone)
    towers(shot, foot, 0.15, rng.uniform(0.35, 0.6), (0.05, 0.12), 2, tone)
    river = rng.random() < 0.55
    details = ["skyscrapers", "tall buildings"]
    if river:
        water(shot, foot, (50, 76, 96), 0.85, 0.7)
        details.append("their reflection in the water")
    else:
        towers(shot, 1.02, 0.1, 0.3, (0.08, 0.16), 0.4, rng.choice(WALLS))
    lit = shot.dark
    labels = [
        "city skyline at night" if shot.mood_name == "night" else "city skyline",
        "skyscrapers",
        "cityscape",
        "city by the water" if river else "downtown",
    ]
    labels += ["city lights"] if lit else []
    return finish(shot, labels, "the skyline of a big city", [*details, *(["lit windows"] if lit else [])])


def street(rng: random.Random, size: int) -> Drawn:
    """Along a road with fronts on both sides, cars, perhaps rain and people."""
    shot = outdoors(rng, size, (0.42, 0.58), "day", "day", "overcast", "overcast", "dusk", "night", "sunset")
    wet = shot.mood_name in ("overcast", "dusk", "night") and rng.random() < 0.5
    cx = shot.aspect * rng.uniform(0.35, 0.65)
    if shot.dark:
        shot.tint = np.asarray((0.55, 0.46, 0.4), np.float32)
    plane(shot, ((150, 146, 140), (130, 126, 122)), 5)
    _fronts(shot, cx)
    roadway(shot, cx, rng.uniform(0.5, 0.8))
    details = []
    sprites = [solid(shot, "car", steep=8, lines=34, turn=rng.uniform(-15, 15)) for _ in range(2)]
    spots = sorted(rng.uniform(shot.horizon + 0.12, 0.95) for _ in range(rng.randint(1, 4)))
    for i, v in enumerate(spots):
        side = rng.choice((-1, 1)) * rng.uniform(0.3, 0.75) * (v - shot.horizon) * 1.2
        stand(shot, sprites[i % 2][0], cx + side, v, 0.62)
    details.append(f"a [{sprites[0][1]}] car" if len(spots) == 1 else "cars")
    if rng.random() < 0.4:
        scatter(shot, [solid(shot, "person", lines=28)[0]], rng.randint(1, 4), (shot.horizon + 0.1, 0.9), 0.75)
        details.append("people")
    if wet:
        keep = shot.pix.copy()
        water(shot, shot.horizon + 0.18, (70, 72, 78), 0.7, 0.6)
        shot.pix = np.asarray(keep * 0.6 + shot.pix * 0.4, np.float32)
        rain(shot)
    if shot.dark:
        _street_lamps(shot, cx)
    details += ["houses on both sides"] + (["street lights"] if shot.dark else [])
    when = {"night": " at night", "dusk": " at dusk"}.get(shot.mood_name, "")
    labels = ["city street", f"street{when}", f"street with cars{when}", "road between houses", "town street"]
    labels += [f"rainy street{when}", "wet road in the rain"] if wet else []
    return finish(shot, labels, f"a {'rainy ' if wet else ''}street in a town", details, timed=not wet)


def _street_lamps(shot: Shot, cx: float) -> None:
    for z in (4.5, 2.6, 1.5):
        for side in (-1, 1):
            u, v = cx + side * 0.7 / z, shot.horizon - 0.55 / z
            away = np.sqrt((shot.u - u) ** 2 + (shot.v - v) ** 2)
            shot.cover(np.exp(-away * z * 6) * 0.9, rgb((255, 226, 160)))
            pole = (np.abs(shot.u - u) < 0.012 / z) * (shot.v > v) * (shot.v < shot.horizon + 1 / z)
            shot.cover(pole * 0.8, rgb((30, 30, 34)))


def _fronts(shot: Shot, cx: float) -> None:
    """Rows of houses that recede on both sides of `cx`."""
    rng, hor = shot.rng, shot.horizon
    inner, tall = rng.uniform(0.85, 1.2), rng.uniform(1.6, 3.2)

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        for side in (-1, 1):
            z = 7.0
            while z > 0.8:
                near = z - rng.uniform(0.6, 1.2) * z / 3
                h = tall * rng.uniform(0.75, 1.2)
                wall = rng.choice(WALLS)
                tone = shot.ink(wall, (0.5 if shot.dark else 1.0) * (0.72 if side == shot.side else 1.05), z * 0.5)
                xs = [(cx + side * inner / d) * k for d in (z, near)]
                tops = [(hor - h / d + 0.0) * k for d in (z, near)]
                feet = [(hor + 1 / d) * k for d in (z, near)]
                pen.polygon([(xs[0], tops[0]), (xs[1], tops[1]), (xs[1], feet[1]), (xs[0], feet[0])], fill=tone)
                _facade(pen, shot, xs, tops, feet, z)
                z = near

    shot.draw(paint, 0.1)


def _facade(
    pen: ImageDraw.ImageDraw, shot: Shot, xs: list[float], tops: list[float], feet: list[float], z: float
) -> None:
    rng = shot.rng
    for row in range(4):
        for column in range(3):
            a, b = (column + 0.25) / 3, (column + 0.75) / 3
            if shot.dark and rng.random() < 0.45:
                fill: Rgb = (255, 208, 120)
            else:
                fill = shot.ink((70, 84, 100), 0.8, z * 0.5)
            corners = []
            for t, s in ((a, 0.12), (b, 0.12), (b, 0.3), (a, 0.3)):
                high = (row + s * 2 + 0.2) / 4.6
                x = xs[0] + (xs[1] - xs[0]) * t
                top, foot = (e[0] + (e[1] - e[0]) * t for e in (tops, feet))
                corners.append((x, top + (foot - top) * high))
            pen.polygon(corners, fill=fill)


def roadway(shot: Shot, cx: float, wide: float, colour: Rgb = (92, 92, 96), line: bool = True) -> None:
    """A straight road to the horizon with a broken middle line."""
    depth = np.clip(shot.v - shot.horizon, 0, 1)
    n = shot.noise(shot.u * 100, shot.v * 100, ROUGH)
    mask = np.clip((depth * wide - np.abs(shot.u - cx)) * shot.h, 0, 1) * (shot.v > shot.horizon)
    shot.cover(mask, shot.hazed(shot.lit(colour) * (0.85 + 0.3 * n)[..., None], np.minimum(shot.depth(), 9)))
    if line:
        dash = np.sin(shot.depth() * 7 + shot.rng.uniform(0, 6)) > -0.2
        mark = (
            np.clip((depth * wide * 0.035 - np.abs(shot.u - cx)) * shot.h + 0.2, 0, 1)
            * dash
            * (shot.v > shot.horizon + 0.02)
        )
        shot.cover(mark, shot.lit((240, 238, 230)))


def country_road(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.38, 0.55), *LIT, "fog", "storm")
    kind = rng.choice(("fields", "mountains", "desert", "trees"))
    if kind in ("mountains", "desert"):
        ridge(shot, profile(shot, shot.horizon, rng.uniform(0.12, 0.3), 14), (110, 104, 104), 4, 0.7)
    if kind == "desert":
        plane(shot, ((196, 156, 108), (168, 130, 90)), 6)
    else:
        meadow(shot)
        treeline(shot, shot.horizon + 0.015, 0.05, (58, 84, 50), 3)
    cx = shot.aspect * rng.uniform(0.4, 0.6)
    winding = rng.random() < 0.3
    if winding:
        track(shot, (104, 104, 108), rng.uniform(0.35, 0.6), 1.2)
    else:
        roadway(shot, cx, rng.uniform(0.4, 0.8))
    details = {
        "fields": ["[green] fields"],
        "mountains": ["mountains ahead"],
        "desert": ["dry land"],
        "trees": ["dense leaves"],
    }[kind]
    if kind == "trees":
        sprites = grove(shot)
        for z in (4, 2.6, 1.8, 1.2, 0.9):
            for side in (-1, 1):
                stand(shot, rng.choice(sprites), cx + side * rng.uniform(1.0, 1.3) / z, shot.horizon + 1 / z, 2.4)
    if not winding and rng.random() < 0.5:
        name = rng.choice(("car", "car", "truck", "motorcycle", "bus"))
        sprite, colour = solid(shot, name, steep=8)
        v = rng.uniform(shot.horizon + 0.2, 0.85)
        stand(shot, sprite, cx + rng.choice((-0.3, 0.3)) * (v - shot.horizon), v, 0.65)
        details.append(f"a [{colour}] {name}")
    place = {
        "fields": "through fields",
        "mountains": "towards mountains",
        "desert": "through the desert",
        "trees": "between trees",
    }[kind]
    labels = [
        f"road {place}",
        "country road",
        "empty road" if len(details) == 1 else "car on a road" if "car" in details[-1] else "road",
        "winding road" if winding else "straight road",
    ]
    return finish(shot, labels, f"a road {place}", details)


def railway(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.36, 0.5), *LIT, "fog")
    if rng.random() < 0.5:
        ridge(shot, profile(shot, shot.horizon, 0.15, 10), (96, 108, 92), 5)
    meadow(shot)
    treeline(shot, shot.horizon + 0.02, rng.uniform(0.05, 0.14), (58, 84, 50), 2)
    cx = shot.aspect * rng.uniform(0.35, 0.65)
    roadway(shot, cx, 0.62, (138, 130, 120), line=False)
    depth = np.clip(shot.v - shot.horizon, 0, 1)
    sleepers = (np.sin(shot.depth() * 14) > 0.1) * (np.abs(shot.u - cx) < depth * 0.45) * (depth > 0.06)
    shot.cover(sleepers * 0.8, shot.lit((92, 76, 64)))
    for side in (-1, 1):
        shot.cover(
            np.clip((0.006 + depth * 0.03 - np.abs(shot.u - cx - side * depth * 0.3)) * shot.h, 0, 1) * (depth > 0),
            shot.lit((190, 192, 198)),
        )
    details = ["rails and sleepers"]
    train = rng.random() < 0.5
    if train:
        sprite, colour = solid(shot, "train", steep=8, lines=64, turn=rng.choice((-1, 1)) * rng.uniform(20, 45))
        paste(shot, sprite, cx, rng.uniform(0.72, 0.85), rng.uniform(0.3, 0.45), 0)
        details.append(f"a [{colour}] train")
    labels = [
        "railway tracks",
        "train on the tracks" if train else "rails",
        "train" if train else "railroad",
        "railway through the countryside",
    ]
    return finish(shot, labels, "a railway line in the countryside", details)


def bridge(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.45, 0.58), *LIT, "dusk", "fog", "night")
    kind = rng.choice(("suspension", "stone", "iron"))
    ridge(shot, profile(shot, shot.horizon, rng.uniform(0.05, 0.2), 12), (92, 104, 92), 6)
    if rng.random() < 0.4:
        towers(shot, shot.horizon, 0.05, 0.2, (0.03, 0.07), 5, rng.choice(WALLS))
    water(shot, shot.horizon, rng.choice(SEA), 0.55)
    deck, colour = shot.horizon - rng.uniform(0.02, 0.1), rng.choice(("red", "gray", "brown", "green"))
    steel = shade(colour, rng) if kind != "stone" else (170, 156, 134)

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        ink, dim, wide = shot.ink(steel), shot.ink(steel, 0.7), shot.aspect
        foot = shot.horizon + 0.12
        if kind == "suspension":
            top, xs = deck - rng.uniform(0.25, 0.4), (wide * 0.22, wide * 0.78)
            for x in xs:
                pen.rectangle(((x - 0.018) * k, top * k, (x + 0.018) * k, foot * k), fill=ink)
            for a, b in ((-wide * 0.3, xs[0]), xs, (xs[1], wide * 1.3)):
                curve = [
                    (a + (b - a) * t / 16, deck - 0.02 - (deck - 0.02 - top) * (2 * t / 16 - 1) ** 2) for t in range(17)
                ]
                pen.line([(x * k, y * k) for x, y in curve], fill=ink, width=3)
                for x, y in curve:
                    pen.line((x * k, y * k, x * k, deck * k), fill=dim, width=1)
            pen.rectangle((0, deck * k, wide * k, (deck + 0.025) * k), fill=ink)
            return
        spans = rng.randint(2, 5)
        body = 0.14 if kind == "stone" else 0.03
        step = wide / spans
        pen.rectangle((0, (deck - 0.03) * k, wide * k, (deck + body) * k), fill=ink)
        for i in range(spans + 1):
            pen.rectangle(((i * step - 0.025) * k, deck * k, (i * step + 0.025) * k, foot * k), fill=dim)
        for i in range(spans if kind == "iron" else 0):
            box = (i * step * k, (deck - 0.16) * k, (i + 1) * step * k, (deck + 0.12) * k)
            pen.arc(box, 180, 360, fill=ink, width=4)
            for j in range(1, 6):
                x, y = (i + j / 6) * step, deck - 0.15 * math.sin(j / 6 * math.pi)
                pen.line((x * k, y * k, x * k, deck * k), fill=dim, width=2)

    before = shot.pix.copy()
    shot.draw(paint, 0.15)
    if kind == "stone":
        spans = 3
        for i in range(spans):
            x = (i + 0.5) / spans * shot.aspect
            hole = np.clip(
                (1 - ((shot.u - x) / (shot.aspect / spans * 0.36)) ** 2 - ((shot.v - shot.horizon - 0.09) / 0.12) ** 2)
                * 9,
                0,
                1,
            )
            hole = (hole * (shot.v < shot.horizon + 0.12))[..., None]
            shot.pix = np.asarray(shot.pix * (1 - hole) + before * hole, np.float32)
    names = {"suspension": "suspension bridge", "stone": "old stone bridge", "iron": "iron bridge"}
    labels = ["bridge", f"{names[kind]}", "bridge over a river", "bridge over water"]
    return finish(
        shot,
        labels,
        f"a {names[kind]} over the water".replace("a old", "an old").replace("a iron", "an iron"),
        ["calm water", "hills"],
    )


KINDS: dict[str, tuple[Callable[[random.Random, int], Drawn], int]] = {
    "skyline": (skyline, 5),
    "street": (street, 5),
    "country road": (country_road, 3),
    "railway": (railway, 2),
    "bridge": (bridge, 2),
}
