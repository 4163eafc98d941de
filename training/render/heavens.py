"""Views of the sky by day and night, and of what glows in the dark."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import ImageDraw

from training.render.atmosphere import (
    MIDDLE,
    ROUGH,
    SMOOTH,
    Shot,
    clouds,
    finish,
    outdoors,
    plane,
    profile,
    rgb,
    ridge,
    sky,
    stars,
    treeline,
    water,
    wavy,
)
from training.render.canvas import Drawn, shade
from training.render.sprites import (
    paste,
    scatter,
    solid,
    stand,
)
from training.render.terrain import firs, greens, meadow


def sunset_sky(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.7, 0.92), "sunset", "sunset", "sunrise", cover=rng.uniform(0.2, 0.75))
    over = rng.choice(("the sea", "the hills", "the plain"))
    if over == "the sea":
        water(shot, shot.horizon, (40, 60, 90), 0.85)
    else:
        line = wavy(shot, shot.horizon + 0.03, 0.1 if over == "the hills" else 0.02, 0.5)
        shot.cover(shot.edge(line), shot.lit((40, 36, 40)) * 0.5)
    when = shot.mood_name
    labels = [
        when,
        f"{when} over {over}",
        f"{'evening' if when == 'sunset' else 'morning'} sky",
        "colourful sky",
        "[orange] sky",
    ]
    return finish(shot, labels, f"a {when} over {over}", ["glowing clouds", "[orange] light"], timed=False)


def cloudy_sky(rng: random.Random, size: int) -> Drawn:
    kind = rng.choice(("day", "day", "storm", "overcast"))
    shot = outdoors(rng, size, (0.75, 1.15), kind, cover=rng.uniform(0.25, 0.6) if kind == "day" else 0.9)
    if rng.random() < 0.5:
        clouds(shot, 0.4)
    meadow(shot)
    if kind == "storm":
        return finish(
            shot, ["storm clouds", "dark clouds", "stormy sky", "thunderclouds"], "dark storm clouds", timed=False
        )
    if kind == "overcast":
        return finish(shot, ["cloudy sky", "grey clouds", "overcast sky"], "a sky full of [grey] clouds", timed=False)
    return finish(
        shot,
        ["blue sky with clouds", "white clouds", "clouds in the sky", "sky"],
        "a [blue] sky with [white] clouds",
        timed=False,
    )


def lightning(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.75, 0.92), "storm", "night", cover=0.95)
    shot.pix *= np.float32(rng.uniform(0.4, 0.8))
    shot.pix[..., 2] *= 1.2
    x0 = rng.uniform(0.25, 0.75) * shot.aspect

    def bolt(pen: ImageDraw.ImageDraw, k: float) -> None:
        def go(x: float, y: float, to: float, thick: float, lean: float) -> None:
            points = [(x * k, y * k)]
            while y < to:
                x, y = x + rng.uniform(-0.045, 0.045) + lean, y + rng.uniform(0.02, 0.05)
                points.append((x * k, y * k))
                if thick > 2 and rng.random() < 0.18:
                    go(x, y, min(to, y + rng.uniform(0.1, 0.3)), 1.5, rng.choice((-0.02, 0.02)))
            pen.line(points, fill=(255, 250, 255), width=round(thick))

        go(x0, 0.0, shot.horizon, 3.6, 0.0)

    state = rng.getstate()
    shot.draw(bolt, 0, soft=0.02)
    rng.setstate(state)
    shot.draw(bolt, 0)
    over = rng.choice(("a city", "the land"))
    if over == "a city":
        line = np.round(profile(shot, shot.horizon + 0.06, 0.15, 60, ROUGH) * 25) / 25
    else:
        line = profile(shot, shot.horizon + 0.04, 0.06, 20)
    shot.cover(shot.edge(np.asarray(line, np.float32)), rgb((12, 12, 18)))
    return finish(
        shot,
        ["lightning", "lightning bolt", "thunderstorm", f"lightning over {over}"],
        f"a lightning bolt over {over}",
        ["dark clouds"],
        timed=False,
    )


def rainbow(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.5, 0.7), "overcast", "storm", "day", cover=0.7)
    cx, cy, r = rng.uniform(0.2, 0.8) * shot.aspect, shot.horizon + rng.uniform(0, 0.2), rng.uniform(0.45, 0.7)
    wide = rng.uniform(0.05, 0.09)
    t = (r - np.sqrt((shot.u - cx) ** 2 + (shot.v - cy) ** 2)) / wide
    bands = (
        np.array(
            [(255, 60, 50), (255, 150, 40), (250, 230, 70), (80, 200, 80), (60, 130, 235), (130, 80, 200)], np.float32
        )
        / 255
    )
    at = np.clip(t * 5, 0, 4.999)
    low = at.astype(int)
    colour = bands[low] + (bands[low + 1] - bands[low]) * (at - low)[..., None]
    shot.cover(np.clip(1 - np.abs(t - 0.5) * 2, 0, 1) ** 0.5 * rng.uniform(0.45, 0.8), np.asarray(colour, np.float32))
    ridge(shot, wavy(shot, shot.horizon, 0.1, 0.5), (80, 104, 70), 3, 0.2)
    meadow(shot)
    scatter(shot, greens(shot), rng.randint(0, 6), (shot.horizon + 0.03, 0.85), 0.7)
    return finish(
        shot,
        ["rainbow", "rainbow in the sky", "rainbow over a field", "rainbow after rain"],
        "a rainbow over the countryside",
        ["[green] fields", "a cloudy sky"],
        timed=False,
    )


def milky_way(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.75, 0.92), "night", cover=0.0)
    band = rng.random() < 0.6
    stars(shot, rng.randint(120, 380))
    if band:
        a = rng.uniform(-1.1, 1.1)
        across = (shot.u - shot.aspect * rng.uniform(0.35, 0.65)) * math.cos(a) + (shot.v - 0.4) * math.sin(a)
        n = shot.noise(shot.u * 50, shot.v * 50, MIDDLE)
        glow = np.exp(-((across / rng.uniform(0.1, 0.18)) ** 2)) * np.clip(n * 1.8 - 0.3, 0, 1)
        shot.cover(glow * 0.75, rgb(rng.choice(((190, 180, 220), (230, 200, 190), (170, 195, 235)))))
        stars(shot, 150)
    line = profile(shot, shot.horizon + 0.05, rng.uniform(0.05, 0.2), rng.uniform(8, 60))
    shot.cover(shot.edge(line), rgb((6, 7, 12)))
    labels = (
        ["milky way", "night sky with the milky way", "galaxy and stars"]
        if band
        else ["starry sky", "stars at night", "night sky full of stars"]
    )
    details = ["countless stars", "dark hills"]
    if rng.random() < 0.35:
        tent_glow(shot)
        details.append("a glowing tent")
        labels.append("tent under the stars")
    return finish(
        shot, labels, "the milky way in the night sky" if band else "a starry night sky", details, timed=False
    )


def tent_glow(shot: Shot) -> None:
    """A tent lit from within, and its glow."""
    rng = shot.rng
    u, v, s = rng.uniform(0.25, 0.75) * shot.aspect, rng.uniform(0.9, 0.96), rng.uniform(0.12, 0.22)
    colour = rng.choice(((255, 170, 60), (255, 120, 60), (120, 220, 110), (250, 210, 90)))
    away = np.sqrt((shot.u - u) ** 2 + ((shot.v - v + s / 2) * 1.3) ** 2)
    shot.cover(0.5 * np.exp(-away / s / 0.7), rgb(colour) * 0.7)

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        pen.polygon([((u - s) * k, v * k), (u * k, (v - s) * k), ((u + s) * k, v * k)], fill=colour)
        dark = (colour[0] * 2 // 3, colour[1] * 2 // 3, colour[2] // 2)
        pen.polygon([(u * k, (v - s) * k), ((u + s) * k, v * k), ((u + s * 0.35) * k, v * k)], fill=dark)
        pen.line([(u * k, (v - s) * k), (u * k, v * k)], fill=dark, width=2)

    shot.draw(paint)


def campsite(rng: random.Random, size: int) -> Drawn:
    """A tent, by day or glowing at night, perhaps a campfire."""
    shot = outdoors(rng, size, (0.4, 0.55), "day", "sunset", "night", "night", "dusk")
    ridge(shot, profile(shot, shot.horizon, rng.uniform(0.08, 0.25), 10), (84, 96, 88), 5)
    meadow(shot)
    treeline(shot, shot.horizon + 0.05, 0.16, (44, 68, 44), 1)
    scatter(shot, firs(shot), rng.randint(2, 6), (shot.horizon + 0.06, 0.72), 1.3)
    fire, labels, details = rng.random() < 0.5, ["tent", "camping", "campsite", "tent in the forest"], []
    if shot.dark:
        tent_glow(shot)
        labels += ["glowing tent at night"]
        subject = "a glowing tent"
    else:
        sprite, colour = solid(shot, "tent")
        stand(shot, sprite, rng.uniform(0.3, 0.7) * shot.aspect, rng.uniform(0.8, 0.92), rng.uniform(0.6, 0.9))
        subject = f"a [{colour}] tent"
        labels.append(f"[{colour}] tent on a meadow")
    if fire:
        flames(shot, rng.uniform(0.15, 0.85) * shot.aspect, 0.95, rng.uniform(0.12, 0.22))
        labels.append("camping with a campfire")
        details.append("a campfire")
    return finish(shot, labels, f"{subject} at the edge of a forest", [*details, "fir trees"])


def flames(shot: Shot, u: float, v: float, size: float) -> None:
    """A fire of logs that lights its surroundings."""
    away = np.sqrt((shot.u - u) ** 2 + (shot.v - v + size / 2) ** 2)
    shot.cover(0.55 * np.exp(-away / size / 1.2), rgb((255, 140, 50)))
    x, y = (shot.u - u) / size, (v - shot.v) / size
    n = shot.noise(
        shot.u * 60 / size * 0.2, (shot.v * 60 + shot.noise(shot.u * 30, shot.v * 30) * 9) / size * 0.12, MIDDLE
    )
    body = 0.55 * np.clip(1.15 - y, 0, 1) ** 0.8 + (n - 0.5) * 0.7 - np.abs(x)
    body = (body - np.clip(y - 1.1, 0, 9) * 2) * (y > 0)
    heat = np.clip(body * 3.5, 0, 1)[..., None]
    colour = rgb((230, 70, 20)) * (1 - heat) + rgb((255, 225, 120)) * heat
    shot.cover(np.clip(body * 10, 0, 1), np.asarray(colour, np.float32))
    wood = (70, 46, 32)

    def logs(pen: ImageDraw.ImageDraw, k: float) -> None:
        for tilt in (-0.15, 0.12, 0.02):
            pen.line(
                ((u - size * 0.7) * k, (v + tilt * size) * k, (u + size * 0.7) * k, (v - tilt * size) * k),
                fill=wood,
                width=max(2, int(size * k * 0.12)),
            )

    shot.draw(logs, 0.3)


def campfire(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.3, 0.5), "night", "night", "dusk")
    plane(shot, ((120, 100, 80), (80, 70, 60)), 6)
    treeline(shot, shot.horizon + 0.03, 0.25, (30, 44, 34), 0.5)
    size_of = rng.uniform(0.25, 0.45)
    flames(shot, rng.uniform(0.35, 0.65) * shot.aspect, rng.uniform(0.78, 0.9), size_of)
    details = ["burning logs", "[orange] flames"]
    if rng.random() < 0.5:
        sprite, _ = solid(shot, "person")
        paste(shot, sprite, rng.choice((0.12, 0.88)) * shot.aspect, 0.9, 0.5)
        details.append("a person beside it")
    return finish(shot, ["campfire", "fire", "bonfire", "campfire at night", "burning wood"], "a campfire", details)


def moon(rng: random.Random, size: int) -> Drawn:
    """The full moon large with its craters, or small over land."""
    large = rng.random() < 0.6
    shot = Shot(rng, size, ("night",), 0.85)
    sky(shot, 0.0)
    r = rng.uniform(0.26, 0.46) if large else rng.uniform(0.06, 0.14)
    cx, cy = rng.uniform(0.4, 0.6) * shot.aspect, 0.5 if large else rng.uniform(0.15, 0.45)
    ball(shot, cx, cy, r, rng.choice(((225, 222, 214), (250, 232, 190), (235, 235, 240))), craters=True)
    if not large:
        shot.cover(0.35 * np.exp(-np.sqrt((shot.u - cx) ** 2 + (shot.v - cy) ** 2) / r / 1.2), rgb((200, 200, 215)))
        ball(shot, cx, cy, r, (245, 240, 222), craters=True)
        shot.cover(shot.edge(profile(shot, 0.9, 0.15, 20)), rgb((8, 9, 14)))
    labels = ["full moon", "moon", "moon in the night sky", "the moon"] + (
        ["moon with craters"] if large else ["full moon over hills"]
    )
    return finish(
        shot, labels, "the full moon", ["dark craters", "a [black] sky"] if large else ["dark hills below"], timed=False
    )


def ball(
    shot: Shot, cx: float, cy: float, r: float, colour: tuple[int, int, int], craters: bool = False, lamp: float = 0.2
) -> None:
    """A globe lit from the side by `lamp`; spotted, or striped where it is no moon."""
    x, y = (shot.u - cx) / r, (shot.v - cy) / r
    inside = 1 - x * x - y * y
    z = np.sqrt(np.maximum(inside, 0))
    light = np.clip(z * (1 - abs(lamp)) + x * shot.side * lamp + 0.15, 0.03, 1.1)
    if craters:
        n = shot.noise(x * 20, y * 20, SMOOTH)
        light = light * (1 - 0.45 * np.clip((n - 0.5) * 5, 0, 1)) * (0.9 + 0.2 * shot.noise(x * 70, y * 70, ROUGH))
    else:
        light = light * (
            0.75 + 0.25 * np.sin(y * 14 + shot.noise(x * 14, y * 30) * 5) + 0.4 * (shot.noise(x * 20, y * 40) - 0.5)
        )
    shot.cover(np.clip(inside * r * shot.h * 0.5, 0, 1), rgb(colour) * light[..., None])


def planet(rng: random.Random, size: int) -> Drawn:
    shot = Shot(rng, size, ("night",), 1.2)
    shot.pix[:] = rgb((4, 4, 10))
    stars(shot, rng.randint(40, 160))
    cx, cy, r = rng.uniform(0.4, 0.6) * shot.aspect, rng.uniform(0.42, 0.58), rng.uniform(0.18, 0.36)
    earth, ring = rng.random() < 0.35, rng.random() < 0.4
    colour = rng.choice(("orange", "blue", "red", "brown", "turquoise"))
    if earth:
        ball(shot, cx, cy, r, (36, 84, 160), craters=False, lamp=0.4)
        n = shot.noise((shot.u - cx) / r * 18, (shot.v - cy) / r * 18, SMOOTH)
        inside = np.clip((1 - ((shot.u - cx) ** 2 + (shot.v - cy) ** 2) / r / r) * 6, 0, 1)
        shot.cover(np.clip((n - 0.54) * 20, 0, 1) * inside * 0.8, rgb((80, 130, 70)))
        shot.cover(
            np.clip((shot.noise(shot.u * 60, shot.v * 90) - 0.55) * 6, 0, 1) * inside * 0.8, rgb((245, 248, 250))
        )
        return finish(
            shot,
            ["planet earth", "earth from space", "the globe in space"],
            "the earth seen from space",
            ["[white] clouds", "[blue] oceans"],
            timed=False,
        )
    ball(shot, cx, cy, r, shade(colour, rng), lamp=rng.uniform(0.3, 0.6))
    if ring:
        tilt = rng.uniform(-0.4, 0.4)
        x = (shot.u - cx) * math.cos(tilt) + (shot.v - cy) * math.sin(tilt)
        y = (shot.v - cy) * math.cos(tilt) - (shot.u - cx) * math.sin(tilt)
        away = np.sqrt(x * x + (y * 4) ** 2) / r
        behind = (y < 0) & (x * x + y * y < r * r)
        shot.cover(np.clip(1 - np.abs(away - 1.65) * 3, 0, 1) * 0.9 * ~behind, rgb((220, 200, 170)))
    labels = ["planet in space", f"[{colour}] planet", "planet and stars", "astronomy"] + (
        ["planet with rings", "saturn"] if ring else []
    )
    return finish(shot, labels, f"a [{colour}] planet in space", [*(["rings"] if ring else []), "stars"], timed=False)


def fireworks(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.8, 0.95), "night", cover=0.0)
    names = rng.sample(["red", "yellow", "blue", "green", "purple", "white", "orange", "pink"], rng.randint(1, 4))

    def burst(pen: ImageDraw.ImageDraw, k: float) -> None:
        for i in range(rng.randint(2, 6)):
            fill = shade(names[i % len(names)], rng)
            x, y, r, n = (
                rng.uniform(0.1, 0.9) * shot.aspect,
                rng.uniform(0.1, 0.55),
                rng.uniform(0.12, 0.3),
                rng.randint(18, 40),
            )
            for j in range(n):
                a, long = 2 * math.pi * j / n, r * rng.uniform(0.75, 1)
                start = 0.25 * long
                points = [
                    ((x + math.cos(a) * t) * k, (y + math.sin(a) * t + 0.12 * t * t / r) * k)
                    for t in (start, long * 0.7, long)
                ]
                pen.line(points, fill=fill, width=2)
                px, py = points[-1]
                pen.ellipse((px - 1.5, py - 1.5, px + 1.5, py + 1.5), fill=tuple(c // 2 + 127 for c in fill))

    state = rng.getstate()
    shot.draw(burst, 0, soft=0.03)
    rng.setstate(state)
    shot.draw(burst, 0)
    over = rng.choice(("the water", "a city", "a dark crowd"))
    if over == "the water":
        water(shot, shot.horizon - 0.1, (16, 18, 34), 0.9, 0.6)
    else:
        line = np.round(profile(shot, shot.horizon + 0.05, 0.18 if over == "a city" else 0.06, 70, ROUGH) * 40) / 40
        shot.cover(shot.edge(np.asarray(line, np.float32)), rgb((10, 10, 16)))
    return finish(
        shot,
        [
            "fireworks",
            "fireworks at night",
            f"{'colourful ' if len(names) > 1 else ''}fireworks in the sky",
            "new year celebration",
        ],
        f"fireworks over {over}",
        [f"[{n}] sparks" for n in names[:2]],
        timed=False,
    )


KINDS: dict[str, tuple[Callable[[random.Random, int], Drawn], int]] = {
    "sunset sky": (sunset_sky, 2),
    "cloudy sky": (cloudy_sky, 2),
    "lightning": (lightning, 1),
    "rainbow": (rainbow, 1),
    "milky way": (milky_way, 2),
    "campsite": (campsite, 2),
    "campfire": (campfire, 1),
    "moon": (moon, 2),
    "planet": (planet, 1),
    "fireworks": (fireworks, 1),
}
