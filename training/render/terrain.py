"""Views of mountains, woods, fields and deserts, and the grounds that other views share."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import ImageDraw

from training.render.atmosphere import (
    LIT,
    MIDDLE,
    ROUGH,
    SMOOTH,
    Array,
    Shot,
    finish,
    outdoors,
    plane,
    profile,
    rgb,
    ridge,
    snowfall,
    treeline,
    water,
    wavy,
)
from training.render.canvas import Drawn, shade
from training.render.sprites import (
    AUTUMN,
    Sprite,
    bare,
    broadleaf_green,
    conifer,
    leafy,
    paste,
    scatter,
    solid,
    stand,
)

GRASS = (
    ((104, 134, 58), (70, 104, 42)),
    ((128, 148, 72), (92, 116, 52)),
    ((86, 126, 52), (52, 88, 38)),
    ((150, 152, 88), (108, 118, 60)),
)
SNOW = ((240, 244, 250), (212, 222, 236))
SEA = ((34, 92, 130), (28, 105, 125), (52, 120, 150), (30, 70, 105), (60, 150, 165))
ROCK = ((108, 104, 104), (120, 108, 98), (92, 98, 110), (128, 114, 100))


def meadow(shot: Shot, from_v: Array | float | None = None) -> None:
    plane(shot, shot.rng.choice(GRASS), shot.rng.uniform(4, 9), from_v=from_v)


def greens(shot: Shot, count: int = 2) -> list[Sprite]:
    trees = [leafy(shot, broadleaf_green(shot.rng)) for _ in range(count)]
    return trees + [t.flipped() for t in trees]


def firs(shot: Shot, snow: float = 0.0) -> list[Sprite]:
    trees = [conifer(shot, shot.rng.choice(((48, 78, 52), (40, 66, 50), (60, 86, 50))), snow) for _ in range(2)]
    return trees + [t.flipped() for t in trees]


def boulder(shot: Shot, u: float, v: float, size: float, colour: tuple[int, int, int] = (112, 106, 100)) -> None:
    """A rock that lies at `(u, v)`."""
    n = shot.noise(shot.u * 60, shot.v * 60, MIDDLE)
    x, y = (shot.u - u) / size / 1.4, (shot.v - v) / size
    away = np.sqrt(x * x + y * y) + (n - 0.5) * 0.7
    light = np.clip(0.75 - 0.5 * y - shot.side * -0.35 * x + (n - 0.5) * 0.9, 0.25, 1.3)
    shot.cover(
        np.clip((1 - away) * 8, 0, 1) * shot.edge(np.full((1, shot.w), -9, np.float32)) * (shot.v < v + size * 0.4),
        shot.lit(colour) * light[..., None],
    )


def mountains(rng: random.Random, size: int) -> Drawn:
    """With snow or without, with a lake, a meadow, a wood or snow before them."""
    shot = outdoors(rng, size, (0.45, 0.68), *LIT, "fog", "dusk")
    snowy = rng.random() < 0.6
    rock = rng.choice(ROCK)
    snow = rng.uniform(0.45, 1.0) if snowy else 0.0
    if rng.random() < 0.7:
        ridge(shot, profile(shot, shot.horizon, shot.horizon * rng.uniform(0.4, 0.7), 14), rock, 7, 0.4, snow)
    peaks = profile(shot, shot.horizon, shot.horizon * rng.uniform(0.55, 0.9), rng.uniform(12, 24))
    ridge(shot, peaks, rock, rng.uniform(1.5, 4), 0.8, snow)
    if rng.random() < 0.5:
        ridge(shot, profile(shot, shot.horizon + 0.02, 0.16, 20), (62, 84, 58), 2.5, 0.4)
    first = "snowy mountains" if snowy else rng.choice(("mountains", "rocky mountains"))
    front = rng.choice(
        ("lake", "lake", "meadow", "wood", "snow") if snowy else ("lake", "lake", "meadow", "meadow", "wood")
    )
    labels, details = _before_mountains(shot, front, first)
    labels += [first, "mountain landscape", "alps" if snowy else "mountain scenery"]
    return finish(shot, labels, f"{first} {_FRONTS[front]}", [*details, "high peaks"])


_FRONTS = {"lake": "behind a lake", "meadow": "above a green meadow", "wood": "behind a forest", "snow": "in winter"}


def _before_mountains(shot: Shot, front: str, first: str) -> tuple[list[str], list[str]]:
    rng = shot.rng
    if front == "lake":
        if rng.random() < 0.6:
            treeline(shot, shot.horizon + 0.02, rng.uniform(0.03, 0.08), (44, 70, 48), 2)
        water(
            shot,
            shot.horizon + 0.01,
            rng.choice(((50, 92, 112), (40, 84, 100), (60, 120, 130))),
            0.8,
            rng.uniform(0.15, 0.8),
        )
        if rng.random() < 0.4:
            meadow(shot, wavy(shot, 1.0, 0.15, 0.5))
        return [f"{first} behind a lake", "lake and mountains", "mountain lake"], [
            "their reflection in the water",
            "a calm lake",
        ]
    if front == "snow":
        plane(shot, SNOW, 3)
        scatter(shot, firs(shot, 0.5), rng.randint(3, 10), (shot.horizon + 0.02, 0.9), 0.9)
        return ["mountains in winter", "snow covered landscape"], ["deep snow", "fir trees"]
    meadow(shot)
    if front == "wood":
        treeline(shot, shot.horizon + 0.14, 0.18, (44, 72, 46), 1)
        scatter(shot, firs(shot), rng.randint(8, 20), (shot.horizon + 0.1, 0.98), 0.6)
        return [f"{first} and forest", "forest below the mountains"], ["dark fir trees"]
    scatter(shot, firs(shot), rng.randint(0, 6), (shot.horizon + 0.04, 0.8), 0.6)
    return [f"{first} and a meadow", "alpine meadow"], ["[green] grass"]


def hills(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.35, 0.6), *LIT, "fog")
    for i in range(rng.randint(2, 4)):
        ridge(
            shot,
            wavy(shot, shot.horizon + i * 0.07, 0.13, rng.uniform(0.3, 1.0)),
            rng.choice(GRASS)[i % 2],
            max(0.5, 5 - 2 * i),
            0.15,
        )
    meadow(shot, wavy(shot, shot.horizon + 0.3, 0.15, 0.5))
    scatter(shot, greens(shot), rng.randint(1, 8), (shot.horizon + 0.1, 0.85), 0.5)
    flowers = rng.random() < 0.35
    details = ["trees", "grass"]
    if flowers:
        colour = rng.choice(("red", "yellow", "purple", "white", "pink"))
        speckle(shot, shade(colour, rng), 0.6)
        details.append(f"[{colour}] flowers")
    labels = ["rolling hills", "green hills", "hilly countryside", "meadow landscape"]
    labels += ["flower meadow", "field of wild flowers"] if flowers else []
    return finish(shot, labels, "[green] rolling hills", details)


def speckle(shot: Shot, colour: tuple[int, int, int], share: float, until: float = 0.0) -> None:
    """Dots of a colour on the ground, as of flowers, larger nearby."""
    x, z = shot.ground()
    n = shot.noise(x * 26, z * 26, ROUGH)
    shot.cover(
        np.clip((n - (0.78 - 0.3 * share)) * 10, 0, 1) * (shot.v > max(shot.horizon + 0.1, until)),
        shot.lit(colour) * 1.05,
    )


def dunes(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.3, 0.5), "day", "day", "sunset", "sunrise", cover=rng.choice((0.0, 0.0, 0.2)))
    sand = rng.choice(((222, 178, 118), (214, 150, 92), (232, 200, 148), (206, 134, 84)))
    for i in range(rng.randint(3, 5)):
        line = wavy(shot, shot.horizon + 0.06 + i * 0.12, 0.16, rng.uniform(0.3, 1.1))
        lee = np.clip(np.gradient(line[0])[None, :] * shot.h * shot.side * 0.9, -0.4, 0.3)
        ripples = 0.04 * np.sin((shot.v - line) * 260 + shot.noise(shot.u * 20, shot.v * 20) * 14)
        fade = np.exp(-(shot.v - line) * 5)
        tone = (0.92 + lee * fade + ripples)[..., None]
        shot.cover(shot.edge(line), shot.hazed(shot.lit(sand) * tone, max(0.3, 3 - i)))
    details = ["rippled sand", "long shadows"]
    if rng.random() < 0.3:
        sprite, _ = solid(shot, "person", lines=24)
        paste(shot, sprite, rng.uniform(0.2, 0.8) * shot.aspect, rng.uniform(0.6, 0.85), 0.12)
        details.append("a person walking")
    return finish(
        shot,
        ["desert dunes", "sand dunes in the desert", "desert", "sandy desert landscape"],
        "sand dunes in a desert",
        details,
    )


def canyon(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.2, 0.35), "day", "day", "sunset", "sunrise")
    reds = ((196, 112, 74), (178, 92, 60), (206, 140, 98))
    for i in range(rng.randint(3, 5)):
        line = profile(shot, shot.horizon + 0.1 + 0.17 * i, 0.2, rng.uniform(8, 16), SMOOTH)
        steps = np.round(line * 14) / 14 * 0.6 + line * 0.4
        n = shot.noise(shot.u * 60, shot.v * 30, MIDDLE)
        bands = 0.85 + 0.22 * np.sin((shot.v - steps * 0.3) * rng.uniform(70, 130) + n * 3) + (n - 0.5) * 0.9
        shot.cover(shot.edge(steps), shot.hazed(shot.lit(rng.choice(reds)) * bands[..., None], max(0.2, 5 - 1.6 * i)))
    details = ["layered [red] rock", "steep cliffs"]
    if rng.random() < 0.4:
        middle = shot.aspect / 2 + (shot.noise(shot.v * 20, shot.v * 0, SMOOTH) - 0.5) * 0.7
        wide = np.clip(shot.v - 0.55, 0, 1) * 0.35
        shot.cover(np.clip((wide - np.abs(shot.u - middle)) * shot.h, 0, 1), shot.lit((70, 120, 130)))
        details.append("a river at the bottom")
    return finish(
        shot,
        ["canyon", "red rock canyon" if shot.mood_name == "day" else "rocky canyon", "gorge with steep cliffs"],
        "a deep canyon",
        details,
    )


def waterfall(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.06, 0.22), "day", "overcast", "fog")
    cliff = profile(shot, shot.horizon + 0.12, 0.14, 10)
    ridge(shot, cliff, rng.choice(((84, 84, 78), (94, 86, 74), (70, 84, 62))), 0.3, 1.0)
    if rng.random() < 0.7:
        treeline(shot, shot.horizon + 0.15, 0.18, (52, 88, 44), 0.3)
    pool = rng.uniform(0.72, 0.86)
    for _ in range(rng.choice((1, 1, 2, 3))):
        middle, wide = rng.uniform(0.3, 0.7) * shot.aspect, rng.uniform(0.04, 0.16)
        top = shot.horizon + rng.uniform(0.02, 0.14)
        streaks = shot.noise(shot.u * 110, shot.v * 7, ROUGH)
        body = np.clip(
            (
                wide * (0.75 + 0.5 * (shot.v - top))
                - np.abs(shot.u - middle + 0.05 * (shot.noise(shot.v * 9, shot.v * 0) - 0.5))
            )
            * 25,
            0,
            1,
        )
        shot.cover(
            body * (shot.v > top) * (0.65 + streaks * 0.7),
            shot.lit((240, 246, 250)) * (0.75 + 0.4 * streaks)[..., None],
        )
    water(shot, pool, (62, 104, 104), 0.5, 0.8)
    mist = np.exp(-(((shot.u - shot.aspect / 2) / 0.3) ** 2) - ((shot.v - pool) / 0.07) ** 2)
    shot.cover(mist * 0.7, shot.lit((238, 242, 244)))
    for _ in range(rng.randint(0, 4)):
        boulder(shot, rng.uniform(0, shot.aspect), rng.uniform(0.85, 1.0), rng.uniform(0.05, 0.12), (80, 80, 72))
    return finish(
        shot,
        ["waterfall", "waterfall in the mountains", "water falling over rocks", "cascade"],
        "a waterfall over a rocky cliff",
        ["a pool below", "white spray"],
        timed=False,
    )


def river(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.3, 0.5), *LIT, "fog")
    ridge(shot, profile(shot, shot.horizon, rng.uniform(0.1, 0.3), 10), rng.choice(((88, 108, 82), (100, 104, 104))), 5)
    autumn = rng.random() < 0.25
    meadow(shot)
    depth = np.clip(shot.v - shot.horizon, 0, 1)
    bend = (shot.noise(shot.depth() * 2.2, shot.v * 0, SMOOTH) - 0.5) * rng.uniform(1.0, 2.2)
    middle = shot.aspect * rng.uniform(0.35, 0.65) + bend * depth**0.6 * 0.8
    wide = depth * rng.uniform(0.25, 0.6)
    keep = shot.pix.copy()
    water(shot, shot.horizon, (64, 104, 118), 0.7, 0.5)
    mask = np.clip((wide - np.abs(shot.u - middle)) * shot.h, 0, 1)[..., None]
    shot.pix = np.asarray(keep * (1 - mask) + shot.pix * mask, np.float32)
    trees = [leafy(shot, rng.choice(AUTUMN)) for _ in range(2)] if autumn else [*greens(shot), *firs(shot)]
    for v in sorted(rng.uniform(shot.horizon + 0.03, 0.9) for _ in range(rng.randint(6, 16))):
        row = min(shot.h - 1, int(v * shot.h))
        off = rng.choice((-1, 1)) * (float(wide[row, 0]) + rng.uniform(0.08, 0.5))
        stand(shot, rng.choice(trees), float(middle[row, 0]) + off, v, 0.7)
    labels = [
        "river",
        "river valley",
        "river through a green valley" if not autumn else "river in autumn",
        "winding river",
    ]
    return finish(
        shot,
        labels,
        "a winding river in a valley",
        ["trees on both banks" if not autumn else "autumn trees on the banks", "hills"],
    )


def lake(rng: random.Random, size: int) -> Drawn:
    """A lake in a wood, perhaps with a jetty or ducks."""
    shot = outdoors(rng, size, (0.35, 0.5), *LIT, "fog")
    season = rng.choice(("green", "green", "autumn", "winter"))
    tone = {"green": (62, 92, 48), "autumn": rng.choice(AUTUMN), "winter": (110, 110, 108)}[season]
    treeline(shot, shot.horizon + 0.02, rng.uniform(0.12, 0.25), tone, 1.5)
    water(shot, shot.horizon + 0.01, (58, 88, 96), 0.8, rng.uniform(0.1, 0.5))
    details = ["trees reflected in the water"]
    extra = rng.choice(("jetty", "ducks", "boat", ""))
    if extra == "jetty":
        x = rng.uniform(0.25, 0.75) * shot.aspect
        wood = shot.ink((140, 112, 84))
        shot.draw(
            lambda pen, k: pen.polygon(
                [((x - 0.03) * k, 0.62 * k), ((x + 0.03) * k, 0.62 * k), ((x + 0.2) * k, k), ((x - 0.2) * k, k)],
                fill=wood,
            ),
            0.25,
        )
        details.append("a wooden jetty")
    elif extra == "ducks":
        count = rng.randint(2, 5)
        sprite, _ = solid(shot, "duck", lines=28)
        for _ in range(count):
            paste(
                shot,
                rng.choice((sprite, sprite.flipped())),
                rng.uniform(0.1, 0.9) * shot.aspect,
                rng.uniform(0.6, 0.92),
                rng.uniform(0.06, 0.12),
            )
        details.append("ducks on the water")
    elif extra == "boat":
        sprite, _ = solid(shot, "boat", lines=36)
        paste(shot, sprite, rng.uniform(0.2, 0.8) * shot.aspect, rng.uniform(0.6, 0.85), 0.12)
        details.append("a small boat")
    labels = ["lake", "lake in the forest", "calm lake with trees", "pond" if extra == "ducks" else "lakeside"]
    labels += {"autumn": ["lake in autumn"], "winter": ["lake in winter"]}.get(season, [])
    return finish(shot, labels, "a calm lake", details)


def forest(rng: random.Random, size: int) -> Drawn:
    """Inside a wood: trunks, undergrowth, mostly a path."""
    season = rng.choice(("summer", "summer", "autumn", "winter"))
    shot = Shot(rng, size, ("day", "day", "fog", "overcast", "sunrise"), rng.uniform(0.38, 0.52))
    leaf = {"summer": (82, 120, 50), "autumn": rng.choice(AUTUMN), "winter": (200, 206, 212)}[season]
    glow = shot.lit(leaf) * 0.5 + shot.low * 0.5
    shot.pix = np.broadcast_to(glow, shot.pix.shape).copy()
    n = shot.noise(shot.u * 60, shot.v * 60, ROUGH)
    shot.cover(np.clip((n - 0.42) * 5, 0, 1), shot.lit(leaf) * 0.75)
    floor = {"summer": ((76, 98, 44), (92, 80, 50)), "autumn": ((176, 112, 50), (130, 84, 44)), "winter": SNOW}[season]
    plane(shot, floor, 7)
    path = rng.random() < 0.65
    if path:
        track(
            shot,
            {"summer": (150, 128, 96), "autumn": (150, 118, 84), "winter": (216, 222, 232)}[season],
            rng.uniform(0.25, 0.5),
        )
    conifers = season != "autumn" and rng.random() < 0.3
    for distance, count in ((3.0, 16), (1.2, 9), (0.25, rng.randint(2, 5))):
        _trunks(shot, distance, count, leaf, path)
    crowns = shot.noise(shot.u * 45, shot.v * 45, ROUGH) + np.clip(0.3 - shot.v, -0.5, 0.3) * 1.2
    if season != "winter":
        shade_of = np.clip(0.45 + 0.9 * shot.noise(shot.u * 80, shot.v * 80, ROUGH), 0.2, 1.4)[..., None]
        shot.cover(np.clip((crowns - 0.55) * 6, 0, 1), shot.lit(leaf) * shade_of)
    if conifers:
        scatter(shot, firs(shot, 0.6 if season == "winter" else 0), 6, (shot.horizon + 0.1, 0.85), 1.4)
    if season == "winter" and rng.random() < 0.4:
        snowfall(shot)
    words = {"summer": "green forest", "autumn": "autumn forest", "winter": "snowy forest"}[season]
    labels = [
        words.replace("green", "").strip() + (" path" if path else ""),
        words,
        "woods",
        f"trees in {'a forest' if season == 'summer' else season}",
    ]
    labels += [f"path through {'an' if season == 'autumn' else 'a'} {words}"] if path else []
    details = {
        "summer": ["[green] leaves"],
        "autumn": ["[orange] leaves", "fallen leaves on the ground"],
        "winter": ["snow on the ground", "bare trees"],
    }[season]
    details += ["a path between the trees"] if path else ["tall tree trunks"]
    return finish(shot, labels, f"a {words}".replace("a autumn", "an autumn"), details, timed=shot.mood_name == "fog")


def _trunks(shot: Shot, distance: float, count: int, leaf: tuple[int, int, int], path: bool) -> None:
    rng = shot.rng
    wood = rng.choice(((84, 66, 50), (70, 60, 52), (104, 88, 70), (196, 192, 184)))
    foot = shot.horizon + min(0.45, 0.2 / distance)
    for _ in range(count):
        u = rng.uniform(0, shot.aspect)
        if path and abs(u - shot.aspect / 2) < 0.28 / (distance + 0.4):
            continue
        wide, lean = rng.uniform(0.7, 1.3) * 0.03 / (distance + 0.25), rng.uniform(-0.05, 0.05)
        x = (shot.u - u - lean * shot.v) / wide
        end = foot + rng.uniform(-0.03, 0.06)
        bark = 0.8 + shot.side * x * 0.25 + (shot.noise(shot.u * 150, shot.v * 25, ROUGH) - 0.5) * 0.8
        shot.cover(
            np.clip((1 - np.abs(x)) * wide * shot.h + 0.3, 0, 1) * (shot.v < end),
            shot.hazed(shot.lit(wood) * bark[..., None], distance),
        )


def track(
    shot: Shot, colour: tuple[int, int, int], wide: float, bend: float = 0.5, middle: float | None = None
) -> Array:
    """A path that runs away, and its middle `(h, 1)`."""
    depth = np.clip(shot.v - shot.horizon, 0, 1)
    away = (shot.noise(shot.depth() * 2, shot.v * 0, SMOOTH) - 0.5) * bend
    at = np.asarray((shot.aspect / 2 if middle is None else middle) + away * depth**0.5, np.float32)
    n = shot.noise(shot.u * 90, shot.v * 90, ROUGH)
    mask = np.clip((depth * wide - np.abs(shot.u - at) + (n - 0.5) * 0.05 * depth) * shot.h, 0, 1) * (
        shot.v > shot.horizon
    )
    shot.cover(mask, shot.hazed(shot.lit(colour) * (0.75 + 0.5 * n)[..., None], np.minimum(shot.depth(), 9)))
    return at


def winter(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.35, 0.55), "day", "overcast", "sunset", "dusk", "night")
    if rng.random() < 0.6:
        ridge(shot, wavy(shot, shot.horizon, 0.15, 0.5), (226, 232, 242), 3, 0.2)
    plane(shot, SNOW, 3)
    treeline(shot, shot.horizon + 0.02, rng.uniform(0.06, 0.14), (84, 92, 92), 2)
    scatter(shot, [*firs(shot, rng.uniform(0.4, 0.9)), bare(shot)], rng.randint(3, 9), (shot.horizon + 0.05, 0.85), 0.9)
    details = ["snow covered trees", "deep snow"]
    extra = rng.choice(("house", "snowman", "path", ""))
    if extra in ("house", "snowman"):
        sprite, _ = solid(shot, extra, lines=56)
        stand(shot, sprite, rng.uniform(0.25, 0.75) * shot.aspect, rng.uniform(0.75, 0.88), 0.9)
        details.append("a house" if extra == "house" else "a snowman")
    elif extra == "path":
        track(shot, (205, 212, 224), 0.3)
        details.append("a path in the snow")
    if rng.random() < 0.35:
        snowfall(shot)
        details.append("falling snow")
    return finish(
        shot,
        ["winter landscape", "snow", "snowy field with trees", "snow covered landscape"],
        "a snowy winter landscape",
        details,
    )


def aerial_fields(rng: random.Random, size: int) -> Drawn:
    """Fields, woods and a road or river from straight above."""
    shot = Shot(rng, size, ("day", "day", "overcast", "sunrise"), -1.0)
    a = rng.uniform(0, math.pi)
    x = (shot.u * math.cos(a) + shot.v * math.sin(a)) * rng.uniform(2, 5)
    y = (shot.v * math.cos(a) - shot.u * math.sin(a)) * rng.uniform(2, 5)
    x = x + (shot.noise(shot.u * 12, shot.v * 12, SMOOTH) - 0.5) * 0.8
    column = np.floor(x)
    row = np.floor(y * (0.6 + (column * 0.37) % 0.8) + column * 0.61)
    which = ((column * 7 + row * 13) % 97 * 31 % 7).astype(int)
    tones = [
        (150, 158, 82),
        (98, 132, 62),
        (206, 184, 112),
        (124, 148, 70),
        (160, 124, 84),
        (84, 116, 56),
        (190, 178, 92),
    ]
    rng.shuffle(tones)
    furrow = 0.06 * np.sin((x if rng.random() < 0.5 else y) * 40)
    n = shot.noise(shot.u * 120, shot.v * 120, ROUGH)
    shot.pix = np.asarray(
        rgb(np.array(tones, np.float32)).take(which, 0) * shot.tint * (0.8 + 0.4 * n + furrow)[..., None], np.float32
    )
    woods = np.clip((shot.noise(shot.u * 26, shot.v * 26, SMOOTH) - 0.62) * 25, 0, 1)
    shot.cover(woods, shot.lit((52, 80, 42)) * (0.5 + n)[..., None])
    village = rng.random() < 0.4
    if village:
        _roofs(shot)
    lane = rng.choice(("road", "river"))
    bend = (
        0.5 * shot.aspect
        + (shot.v - 0.5) * rng.uniform(-0.6, 0.6)
        + (shot.noise(shot.v * 14, shot.v * 0, SMOOTH) - 0.5) * (0.2 if lane == "road" else 1.2)
    )
    shot.cover(
        np.clip(((0.015 if lane == "road" else 0.04) - np.abs(shot.u - bend)) * shot.h, 0, 1),
        shot.lit((186, 180, 172) if lane == "road" else (58, 98, 112)),
    )
    labels = (
        ["village from above", "aerial view of a village", "town seen from the air"]
        if village
        else ["fields from above", "aerial view of fields", "farmland seen from the air", "patchwork of fields"]
    )
    return finish(
        shot,
        labels,
        "an aerial view of a village" if village else "an aerial view of farmland",
        [f"a {lane}", "[red] roofs" if village else "[green] and [yellow] fields", "patches of forest"],
        timed=False,
    )


def _roofs(shot: Shot) -> None:
    rng = shot.rng
    cx, cy = rng.uniform(0.35, 0.65) * shot.aspect, rng.uniform(0.35, 0.65)

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        for _ in range(rng.randint(30, 70)):
            x, y, a = rng.gauss(cx, 0.2), rng.gauss(cy, 0.2), rng.choice((0.2, 0.2 + math.pi / 2))
            long, wide = rng.uniform(0.02, 0.04), rng.uniform(0.012, 0.022)
            c, s = math.cos(a), math.sin(a)
            roof = rng.choice(((176, 84, 60), (160, 70, 54), (128, 84, 70), (120, 120, 126)))
            for side, bright in ((1, 1.1), (-1, 0.75)):
                corners = [(-long, 0), (long, 0), (long, side * wide), (-long, side * wide)]
                pen.polygon(
                    [((x + p * c - q * s) * k, (y + p * s + q * c) * k) for p, q in corners],
                    fill=shot.ink(roof, bright),
                )

    shot.draw(paint)


KINDS: dict[str, tuple[Callable[[random.Random, int], Drawn], int]] = {
    "mountains": (mountains, 7),
    "hills": (hills, 3),
    "dunes": (dunes, 2),
    "canyon": (canyon, 2),
    "waterfall": (waterfall, 2),
    "river": (river, 2),
    "lake": (lake, 3),
    "forest": (forest, 5),
    "winter": (winter, 3),
    "aerial fields": (aerial_fields, 3),
}
