"""Views of what people built: cities, streets, roads, landmarks, sports grounds, gardens, and what flies above them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import ImageDraw

from training.render.atmosphere import (
    COUNTS,
    ROUGH,
    SMOOTH,
    Array,
    Shot,
    finish,
    plane,
    profile,
    rain,
    rgb,
    ridge,
    sky,
    treeline,
    water,
    wavy,
)
from training.render.canvas import Drawn, Rgb, shade
from training.render.kit import Kit
from training.render.rays import Paint
from training.render.sprites import AUTUMN, Sprite, built, leafy, paste, scatter, solid, stand
from training.render.terrain import GRASS, SEA, SNOW, boulder, meadow, speckle, track

LIT = ("day", "day", "day", "overcast", "sunset", "sunrise")
_WALLS = (
    (196, 186, 172),
    (168, 128, 104),
    (150, 84, 66),
    (214, 206, 190),
    (134, 138, 146),
    (222, 192, 140),
    (188, 150, 130),
)
_GREEN = ((72, 112, 48), (92, 130, 56), (58, 96, 44))


def _shot(rng: random.Random, size: int, horizon: tuple[float, float], *moods: str, cover: float | None = None) -> Shot:
    shot = Shot(rng, size, moods or LIT, rng.uniform(*horizon))
    sky(shot, cover)
    return shot


def _trees(shot: Shot) -> list[Sprite]:
    tree = leafy(shot, shot.rng.choice(_GREEN))
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
    shot = _shot(rng, size, (0.6, 0.8), "day", "overcast", "sunset", "dusk", "night", "night", "fog")
    foot, tone = shot.horizon, rng.choice(_WALLS)
    plane(shot, ((90, 96, 88), (70, 76, 74)))
    towers(shot, foot, 0.12, 0.3, (0.04, 0.09), 5, tone)
    towers(shot, foot, 0.15, rng.uniform(0.35, 0.6), (0.05, 0.12), 2, tone)
    river = rng.random() < 0.55
    details = ["skyscrapers", "tall buildings"]
    if river:
        water(shot, foot, (50, 76, 96), 0.85, 0.7)
        details.append("their reflection in the water")
    else:
        towers(shot, 1.02, 0.1, 0.3, (0.08, 0.16), 0.4, rng.choice(_WALLS))
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
    shot = _shot(rng, size, (0.42, 0.58), "day", "day", "overcast", "overcast", "dusk", "night", "sunset")
    wet = shot.mood_name in ("overcast", "dusk", "night") and rng.random() < 0.5
    cx = shot.aspect * rng.uniform(0.35, 0.65)
    if shot.dark:
        shot.tint = np.asarray((0.55, 0.46, 0.4), np.float32)
    plane(shot, ((150, 146, 140), (130, 126, 122)), 5)
    _fronts(shot, cx)
    _roadway(shot, cx, rng.uniform(0.5, 0.8))
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
                wall = rng.choice(_WALLS)
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


def _roadway(shot: Shot, cx: float, wide: float, colour: Rgb = (92, 92, 96), line: bool = True) -> None:
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
    shot = _shot(rng, size, (0.38, 0.55), *LIT, "fog", "storm")
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
        _roadway(shot, cx, rng.uniform(0.4, 0.8))
    details = {
        "fields": ["[green] fields"],
        "mountains": ["mountains ahead"],
        "desert": ["dry land"],
        "trees": ["dense leaves"],
    }[kind]
    if kind == "trees":
        sprites = _trees(shot)
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
    shot = _shot(rng, size, (0.36, 0.5), *LIT, "fog")
    if rng.random() < 0.5:
        ridge(shot, profile(shot, shot.horizon, 0.15, 10), (96, 108, 92), 5)
    meadow(shot)
    treeline(shot, shot.horizon + 0.02, rng.uniform(0.05, 0.14), (58, 84, 50), 2)
    cx = shot.aspect * rng.uniform(0.35, 0.65)
    _roadway(shot, cx, 0.62, (138, 130, 120), line=False)
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
    shot = _shot(rng, size, (0.45, 0.58), *LIT, "dusk", "fog", "night")
    kind = rng.choice(("suspension", "stone", "iron"))
    ridge(shot, profile(shot, shot.horizon, rng.uniform(0.05, 0.2), 12), (92, 104, 92), 6)
    if rng.random() < 0.4:
        towers(shot, shot.horizon, 0.05, 0.2, (0.03, 0.07), 5, rng.choice(_WALLS))
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


def in_the_air(rng: random.Random, size: int) -> Drawn:
    """A plane, balloons or kites in the sky."""
    shot = _shot(rng, size, (0.72, 0.98), "day", "day", "sunset", "sunrise", "overcast")
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
    shot = _shot(rng, size, (0.5, 0.68), *LIT, "storm" if what == "lighthouse" else "fog", "dusk")
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
    scatter(shot, _trees(shot), rng.randint(0, 4), (foot, foot + 0.12), 1.2)
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


def brick_wall(rng: random.Random, size: int) -> Drawn:
    """A wall seen from in front with something that leans on it or stands before it."""
    shot = Shot(rng, size, ("day", "overcast", "sunset"), 0.45)
    kind = rng.choice(("brick", "brick", "stone", "wooden"))
    base = {
        "brick": rng.choice(((164, 84, 62), (150, 70, 56), (186, 120, 92), (206, 196, 186))),
        "stone": (160, 152, 142),
        "wooden": rng.choice(((150, 108, 70), (120, 132, 140), (190, 180, 165))),
    }[kind]
    rows = rng.uniform(9, 16)
    row = np.floor(shot.v * rows) if kind != "wooden" else np.zeros_like(shot.v)
    across = shot.u * rows * (0.42 if kind != "wooden" else 0.7) + row * 0.5
    if kind == "stone":
        across = across + shot.noise(shot.u * 20, shot.v * 20, SMOOTH) * 0.8
    brick = np.floor(across)
    tone = ((np.sin(brick * 12.9 + row * 78.2) * 437.5) % 1).astype(np.float32)
    joint = (across - brick < 0.08) | ((shot.v * rows - row < 0.13) & (kind != "wooden"))
    n = shot.noise(shot.u * 90, shot.v * 90, ROUGH)
    shot.pix = np.asarray(shot.lit(base) * (0.7 + 0.35 * tone + 0.4 * (n - 0.5))[..., None], np.float32)
    shot.cover(joint * 0.75, shot.lit((196, 188, 178) if kind == "brick" else (80, 72, 64)))
    foot = rng.uniform(0.72, 0.84)
    shot.horizon = foot - 0.35
    plane(shot, rng.choice((((150, 148, 144), (124, 122, 118)), *GRASS[:2])), 8, from_v=foot)
    shot.cover(np.exp(-np.abs(shot.v - foot) * 30) * 0.4, rgb((20, 18, 18)))
    names = rng.sample(
        [
            "bicycle",
            "bicycle",
            "bicycle",
            "barrel",
            "chair",
            "bucket",
            "guitar",
            "motorcycle",
            "umbrella",
            "suitcase",
            "backpack",
        ],
        rng.choice((1, 1, 2)),
    )
    names = list(dict.fromkeys(names))
    details = []
    for i, name in enumerate(names):
        sprite, colour = solid(shot, name, steep=10, lines=64)
        wide = name in ("bicycle", "motorcycle")
        paste(shot, sprite, (i + 0.5) / len(names) * shot.aspect, foot + 0.09, 0.42 if wide else rng.uniform(0.3, 0.42))
        details.append(f"a [{colour}] {name}")
    labels = [f"{kind} wall", f"{names[0]} in front of a {kind} wall", f"{names[0]} by a wall"]
    return finish(
        shot,
        labels,
        f"a {kind} wall",
        [f"{d} standing in front of it" if len(details) == 1 else d for d in details],
        timed=False,
    )


def garden(rng: random.Random, size: int) -> Drawn:
    shot = _shot(rng, size, (0.32, 0.45), "day", "day", "overcast", "sunset")
    treeline(shot, shot.horizon + 0.06, rng.uniform(0.12, 0.25), (66, 98, 50), 0.8)
    plane(shot, rng.choice(GRASS[:3]), 8)
    names = rng.sample(["red", "yellow", "pink", "white", "purple", "orange"], rng.randint(1, 4))
    across, away = shot.ground()
    beds = np.clip((shot.noise(across * 6, away * 6, SMOOTH) - 0.5) * 20 + 0.6, 0, 1) * (shot.v > shot.horizon + 0.08)
    shot.cover(beds, shot.lit((62, 88, 40)) * (0.6 + 0.7 * shot.noise(shot.u * 90, shot.v * 90, ROUGH))[..., None])
    keep = shot.pix.copy()
    for name in names:
        speckle(shot, shade(name, rng), rng.uniform(0.6, 0.95))
    shot.pix = np.asarray(keep * (1 - beds[..., None]) + shot.pix * beds[..., None], np.float32)
    details = [f"[{n}] flowers" for n in names[:2]]
    if rng.random() < 0.4:
        track(shot, (190, 176, 150), 0.3)
        details.append("a path")
    extra = rng.choice(("", "bench", "house", "watering can"))
    if extra:
        sprite, colour = (
            (built(shot, bench, "brown", 10), "wooden") if extra == "bench" else solid(shot, extra, steep=10)
        )
        v = shot.horizon + 0.12 if extra == "house" else rng.uniform(0.75, 0.9)
        paste(
            shot,
            sprite,
            rng.uniform(0.25, 0.75) * shot.aspect,
            v,
            {"house": 0.34, "bench": 0.2, "watering can": 0.2}[extra],
        )
        details.append(f"a [{colour}] {extra}" if extra != "bench" else "a wooden bench")
    return finish(
        shot,
        ["garden", "flower garden", "flower beds in a garden", "blooming garden", "park with flowers"],
        "a garden with flower beds",
        details,
    )


def bench(kit: Kit) -> None:
    wood, iron = Paint((150, 102, 62), 0.1, pattern="grain", second=(116, 76, 44)), Paint((52, 52, 56), 0.3)
    for i in range(3):
        kit.block((0, 0.45, -0.1 + i * 0.16), (0.9, 0.03, 0.065), wood)
        kit.block((0, 0.62 + i * 0.16, -0.24 - i * 0.03), (0.9, 0.06, 0.025), wood)
    for s in (-1, 1):
        kit.block((s * 0.75, 0.22, -0.15), (0.04, 0.22, 0.04), iron)
        kit.block((s * 0.75, 0.22, 0.22), (0.04, 0.22, 0.04), iron)
        kit.block((s * 0.75, 0.7, -0.3), (0.04, 0.35, 0.03), iron)


def park(rng: random.Random, size: int) -> Drawn:
    """A bench under trees, or a playground."""
    shot = _shot(rng, size, (0.36, 0.48), "day", "day", "overcast", "sunset", "fog")
    autumn = rng.random() < 0.3
    tones = AUTUMN if autumn else _GREEN
    treeline(shot, shot.horizon + 0.03, rng.uniform(0.1, 0.2), rng.choice(tones), 1)
    meadow(shot)
    play = rng.random() < 0.4
    trees = [leafy(shot, rng.choice(tones)) for _ in range(2)]
    scatter(shot, trees, rng.randint(2, 5), (shot.horizon + 0.05, 0.7), 2.0)
    if autumn:
        speckle(shot, rng.choice(AUTUMN), 0.7)
    elif rng.random() < 0.5:
        track(shot, (186, 172, 148), 0.25)
    at = rng.uniform(0.35, 0.65) * shot.aspect
    if play:
        colour = rng.choice(("red", "yellow", "blue", "green", "orange"))
        paste(shot, built(shot, slide, colour, 10, 64), at - 0.2, 0.85, 0.42)
        paste(shot, built(shot, swing, rng.choice(("red", "blue", "green")), 8, 64), at + 0.35, 0.8, 0.4)
        return finish(
            shot,
            ["playground", "playground with a slide and a swing", "children's playground"],
            "a playground",
            [f"a [{colour}] slide", "a swing", "trees"],
        )
    paste(shot, built(shot, bench, "brown", 10, 56), at, rng.uniform(0.78, 0.92), rng.uniform(0.2, 0.32))
    labels = ["park bench", "bench in a park", "wooden bench under trees", "park in autumn" if autumn else "park"]
    return finish(shot, labels, "a wooden bench in a park", ["autumn leaves" if autumn else "[green] trees", "grass"])


def slide(kit: Kit) -> None:
    for s in (-1, 1):
        kit.tube((-0.75, 0, s * 0.2), (-0.6, 1.2, s * 0.2), 0.035, Paint((160, 164, 170)))
        kit.tube((-0.5, 1.05, s * 0.2), (0.9, 0.1, s * 0.2), 0.05, kit.c)
    for i in range(5):
        kit.tube(
            (-0.73 + i * 0.03, 0.2 + i * 0.2, -0.2),
            (-0.73 + i * 0.03, 0.2 + i * 0.2, 0.2),
            0.03,
            Paint((160, 164, 170)),
        )
    kit.block((0.2, 0.53, 0), (0.86, 0.02, 0.2), kit.c, tilt=-34)
    kit.block((-0.56, 0.98, 0), (0.12, 0.03, 0.2), kit.c)


def swing(kit: Kit) -> None:
    for s in (-1, 1):
        for t in (-0.35, 0.35):
            kit.tube((s * 0.8, 0, t), (s * 0.7, 1.3, 0), 0.04, kit.c)
    kit.tube((-0.75, 1.3, 0), (0.75, 1.3, 0), 0.045, kit.c)
    for x in (-0.35, 0.35):
        for d in (-0.13, 0.13):
            kit.tube((x + d, 1.3, 0), (x + d, 0.45, 0.05), 0.015, Paint((90, 90, 94)))
        kit.block((x, 0.43, 0.05), (0.17, 0.025, 0.1), Paint((60, 48, 40)))


def pool(rng: random.Random, size: int) -> Drawn:
    shot = _shot(rng, size, (0.2, 0.34), "day", "day", "sunset")
    treeline(shot, shot.horizon + 0.05, 0.12, (66, 104, 56), 1)
    plane(shot, ((226, 216, 200), (206, 196, 180)), 6)
    x, z = shot.ground()
    shift = rng.uniform(-0.2, 0.2)
    half = rng.uniform(0.7, 1.1)
    inside = (np.abs(x - shift) < half) & (z > 0.9 * (1.35)) & (z < 4.2)
    inside = inside if rng.random() < 0.6 else (np.abs(x - shift) < half) & (z < 4.2)
    n = shot.noise(x * 26, z * 26, ROUGH)
    caustic = np.clip(1 - np.abs(n - 0.5) * 9, 0, 1)
    blue = np.asarray(
        shot.lit((52, 172, 206)) * (0.85 + 0.35 * caustic)[..., None] + 0.05 * caustic[..., None], np.float32
    )
    shot.cover(inside, blue)
    rim = (np.abs(x - shift) < half + 0.08) & (z < 4.4) & ~inside & (z > 1.1)
    shot.cover(rim * 0.7, shot.lit((246, 244, 240)))
    details = ["[blue] water"]
    extra = rng.choice(("umbrella", "palm", "lanes", ""))
    if extra == "umbrella":
        sprite, colour = solid(shot, "umbrella", steep=14)
        stand(shot, sprite, rng.choice((0.1, 0.9)) * shot.aspect, 0.7, 0.9)
        details.append(f"a [{colour}] umbrella")
    elif extra == "lanes":
        lanes = (np.abs((x - shift) / half * 2 % 1) < 0.06) & inside
        shot.cover(lanes * 0.9, shot.lit((220, 50, 45)))
        details.append("[red] lane lines")
    labels = ["swimming pool", "pool", "outdoor swimming pool", "hotel pool"]
    return finish(shot, labels, "a swimming pool", [*details, "trees behind"])


_COURTS: dict[str, tuple[Rgb, Rgb, tuple[str, ...], str]] = {
    "football": (
        (84, 142, 60),
        (72, 128, 52),
        ("football pitch", "soccer field", "football field with a goal"),
        "a football pitch",
    ),
    "tennis": ((176, 92, 62), (164, 84, 58), ("tennis court", "tennis", "clay court"), "a tennis court"),
    "basketball": (
        (186, 132, 84),
        (176, 122, 76),
        ("basketball court", "basketball hoop", "basketball"),
        "a basketball court",
    ),
    "track": ((186, 80, 64), (176, 74, 60), ("running track", "athletics track", "stadium track"), "a running track"),
}


def sports_ground(rng: random.Random, size: int) -> Drawn:
    what = rng.choice(tuple(_COURTS))
    one, two, labels, subject = _COURTS[what]
    if what == "tennis" and rng.random() < 0.5:
        one, two, labels = (60, 110, 160), (56, 104, 152), ("tennis court", "tennis", "hard court")
    shot = _shot(rng, size, (0.26, 0.4), "day", "day", "overcast", "sunset", "night")
    if shot.mood_name == "night":
        shot.tint = np.asarray((0.75, 0.78, 0.82), np.float32)
    treeline(shot, shot.horizon + 0.03, rng.uniform(0.05, 0.14), rng.choice(((60, 92, 52), (120, 124, 134))), 1.5)
    plane(shot, (one, two), 8)
    x, z = shot.ground()
    white = shot.lit((244, 244, 240))
    details = ["white lines"]
    if what == "football":
        stripes = (np.floor(z * 1.7) % 2).astype(np.float32) + 0 * x
        shot.cover(stripes * 0.25 * (shot.v > shot.horizon), shot.lit((110, 170, 80)))
        _lines(shot, np.minimum(np.abs(np.abs(x) - 1.9), np.abs(z - 3.4)), white)
        _goal(shot)
        ball, _ = solid(shot, "ball", "white")
        stand(shot, ball, rng.uniform(0.25, 0.75) * shot.aspect, rng.uniform(0.72, 0.92), rng.uniform(0.14, 0.22))
        details = ["a goal", "a ball on the grass"]
        if rng.random() < 0.45:
            scatter(
                shot,
                [solid(shot, "person", c, lines=44)[0] for c in ("red", "blue")],
                rng.randint(2, 6),
                (shot.horizon + 0.1, 0.85),
                0.8,
            )
            details.append("players")
    elif what == "track":
        _lines(shot, np.abs((x + 0.25) % 0.5 - 0.25), white)
    else:
        outside = (np.abs(x) > 1.5) & (shot.v > shot.horizon)
        shot.cover(
            outside * 1.0,
            shot.hazed(shot.lit((70, 120, 84) if what == "tennis" else (110, 112, 118)), np.minimum(z, 9)),
        )
        _lines(
            shot,
            np.where(
                np.abs(x) < 1.54,
                np.minimum(np.minimum(np.abs(np.abs(x) - 1.5), np.abs(np.abs(x) - 1.1)), np.abs(z - 2.4)),
                9,
            ),
            white,
        )
        details += _net(shot) if what == "tennis" else _hoop(shot)
    return finish(shot, labels, subject, details, timed=what != "football" and shot.mood_name != "night")


def _lines(shot: Shot, away: Array, white: Array) -> None:
    shot.cover(
        np.clip(1.6 - away * 40 / np.maximum(shot.depth() * 0.7, 0.8), 0, 1) * (shot.v > shot.horizon + 0.03) * 0.9,
        white,
    )


def _goal(shot: Shot) -> None:
    cx, foot, h, w = shot.aspect * shot.rng.uniform(0.35, 0.65), shot.horizon + 0.22, 0.22, 0.3
    white = shot.ink((245, 245, 245))

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        for i in range(13):
            x = cx - w + i * w / 6
            pen.line((x * k, (foot - h) * k, x * k, foot * k), fill=(*white, 90), width=1)
            y = foot - h * i / 12
            pen.line(((cx - w) * k, y * k, (cx + w) * k, y * k), fill=(*white, 90), width=1)
        pen.line(
            [
                ((cx - w) * k, foot * k),
                ((cx - w) * k, (foot - h) * k),
                ((cx + w) * k, (foot - h) * k),
                ((cx + w) * k, foot * k),
            ],
            fill=white,
            width=5,
        )

    shot.draw(paint, 0)


def _net(shot: Shot) -> list[str]:
    foot, wide = shot.horizon + 0.3, shot.aspect

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        pen.rectangle((0.04 * k, (foot - 0.13) * k, (wide - 0.04) * k, foot * k), fill=(40, 42, 46, 110))
        pen.rectangle((0.04 * k, (foot - 0.14) * k, (wide - 0.04) * k, (foot - 0.115) * k), fill=(245, 245, 245))
        for x in (0.04, wide - 0.04, wide / 2):
            pen.line((x * k, (foot - 0.14) * k, x * k, foot * k), fill=(230, 230, 230), width=3)

    shot.draw(paint, 0)
    return ["a net"]


def _hoop(shot: Shot) -> list[str]:
    x, foot, top = shot.aspect * shot.rng.uniform(0.35, 0.65), shot.horizon + 0.25, shot.rng.uniform(0.08, 0.15)
    ball, _ = solid(shot, "ball", "orange")

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        pen.rectangle(((x - 0.012) * k, top * k, (x + 0.012) * k, foot * k), fill=shot.ink((70, 72, 78)))
        pen.rectangle(
            ((x - 0.13) * k, top * k, (x + 0.13) * k, (top + 0.17) * k),
            fill=shot.ink((244, 244, 244)),
            outline=(200, 60, 50),
            width=3,
        )
        pen.rectangle(
            ((x - 0.05) * k, (top + 0.07) * k, (x + 0.05) * k, (top + 0.15) * k), outline=(200, 60, 50), width=2
        )
        pen.ellipse(
            ((x - 0.06) * k, (top + 0.15) * k, (x + 0.06) * k, (top + 0.19) * k), outline=(235, 100, 40), width=4
        )
        for i in range(5):
            pen.line(
                ((x - 0.05 + i * 0.025) * k, (top + 0.18) * k, (x - 0.03 + i * 0.015) * k, (top + 0.26) * k),
                fill=(240, 240, 240),
                width=1,
            )

    shot.draw(paint, 0)
    stand(shot, ball, shot.rng.uniform(0.2, 0.8) * shot.aspect, 0.85, 0.22)
    return ["a hoop", "an [orange] ball"]


KINDS: dict[str, tuple[Callable[[random.Random, int], Drawn], int]] = {
    "skyline": (skyline, 5),
    "street": (street, 5),
    "country road": (country_road, 3),
    "railway": (railway, 2),
    "bridge": (bridge, 2),
    "in the air": (in_the_air, 4),
    "landmark": (landmark, 6),
    "brick wall": (brick_wall, 2),
    "garden": (garden, 3),
    "park": (park, 3),
    "pool": (pool, 2),
    "sports ground": (sports_ground, 4),
}
