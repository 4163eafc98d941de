"""Views of nature: coasts, mountains, woods, deserts, skies."""

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
    Array,
    Shot,
    clouds,
    finish,
    plane,
    profile,
    rgb,
    ridge,
    sky,
    snowfall,
    stars,
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
    palm,
    paste,
    scatter,
    solid,
    stand,
)

LIT = ("day", "day", "day", "overcast", "sunset", "sunrise")
GRASS = (
    ((104, 134, 58), (70, 104, 42)),
    ((128, 148, 72), (92, 116, 52)),
    ((86, 126, 52), (52, 88, 38)),
    ((150, 152, 88), (108, 118, 60)),
)
SNOW = ((240, 244, 250), (212, 222, 236))
SEA = ((34, 92, 130), (28, 105, 125), (52, 120, 150), (30, 70, 105), (60, 150, 165))
ROCK = ((108, 104, 104), (120, 108, 98), (92, 98, 110), (128, 114, 100))


def _shot(rng: random.Random, size: int, horizon: tuple[float, float], *moods: str, cover: float | None = None) -> Shot:
    shot = Shot(rng, size, moods or LIT, rng.uniform(*horizon))
    sky(shot, cover)
    return shot


def meadow(shot: Shot, from_v: Array | float | None = None) -> None:
    plane(shot, shot.rng.choice(GRASS), shot.rng.uniform(4, 9), from_v=from_v)


def _greens(shot: Shot, count: int = 2) -> list[Sprite]:
    trees = [leafy(shot, broadleaf_green(shot.rng)) for _ in range(count)]
    return trees + [t.flipped() for t in trees]


def _firs(shot: Shot, snow: float = 0.0) -> list[Sprite]:
    trees = [conifer(shot, shot.rng.choice(((48, 78, 52), (40, 66, 50), (60, 86, 50))), snow) for _ in range(2)]
    return trees + [t.flipped() for t in trees]


def beach(rng: random.Random, size: int) -> Drawn:
    shot = _shot(rng, size, (0.3, 0.5), "day", "day", "day", "sunset", "sunset", "sunrise", "overcast", "dusk")
    if rng.random() < 0.4:
        ridge(shot, profile(shot, shot.horizon, rng.uniform(0.04, 0.16), 12), (88, 104, 80), 7)
    clear = shot.mood_name == "day"
    sea = rng.choice(SEA)
    water(shot, shot.horizon, sea, 0.35 if clear else 0.7)
    start, slope = rng.uniform(0.55, 0.8), rng.choice((0.0, 0.0, rng.uniform(-0.4, 0.4)))
    line = start + (shot.u - shot.aspect / 2) * slope + (shot.noise(shot.u * 12, shot.u * 0, SMOOTH) - 0.5) * 0.12
    sand = rng.choice(
        (((226, 206, 164), (204, 182, 140)), ((240, 226, 192), (222, 204, 166)), ((190, 168, 132), (170, 148, 114)))
    )
    for back, high in ((rng.uniform(0.08, 0.14), 0.018), (0.03, 0.03)):
        if rng.random() < 0.8:
            foam = np.clip(
                1 - np.abs(shot.v - line + back + 0.02 * (shot.noise(shot.u * 40, shot.u * 0) - 0.5)) / high, 0, 1
            )
            shot.cover(foam * 0.85, shot.lit((250, 252, 252)))
    wet = (sand[1][0] * 0.75, sand[1][1] * 0.75, sand[1][2] * 0.75)
    plane(shot, (wet, wet), 4, from_v=line)
    plane(shot, sand, 5, from_v=line + rng.uniform(0.03, 0.1))
    details, labels = (
        ["gentle waves", "light sand"],
        ["beach", "seaside", "ocean coast", "sandy beach", "beach and sea"],
    )
    extra = rng.choice(("", "palm", "palm", "umbrella", "sailboat", "people", "rocks"))
    details += _on_the_beach(shot, extra)
    if extra == "palm":
        labels += ["tropical beach with palm trees", "palm beach"]
    if clear:
        details.append("[blue] water")
    return finish(shot, labels, rng.choice(("a sandy beach by the sea", "a beach", "a quiet beach")), details)


def _on_the_beach(shot: Shot, extra: str) -> list[str]:
    rng = shot.rng
    if extra == "palm":
        count = rng.randint(1, 4)
        for _ in range(count):
            stand(shot, palm(shot), rng.uniform(0, shot.aspect), rng.uniform(0.75, 1.02), rng.uniform(1.1, 2.0))
        return ["a palm tree" if count == 1 else "palm trees"]
    if extra == "umbrella":
        sprite, colour = solid(shot, "umbrella", steep=12)
        stand(shot, sprite, rng.uniform(0.15, 0.85) * shot.aspect, rng.uniform(0.85, 0.95), rng.uniform(0.6, 0.9))
        return [f"a [{colour}] beach umbrella"]
    if extra == "sailboat":
        sprite, colour = solid(shot, "sailboat")
        paste(shot, sprite, rng.uniform(0.2, 0.8) * shot.aspect, shot.horizon + 0.06, rng.uniform(0.14, 0.28))
        return ["a sailing boat on the sea"]
    if extra == "people":
        sprites = [solid(shot, "person", steep=6)[0] for _ in range(2)]
        scatter(shot, sprites, rng.randint(2, 6), (0.7, 0.95), 0.55)
        return ["people on the sand"]
    if extra == "rocks":
        for _ in range(rng.randint(2, 5)):
            boulder(shot, rng.uniform(0, shot.aspect), rng.uniform(0.75, 1.0), rng.uniform(0.05, 0.16))
        return ["rocks"]
    return []


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


def waves(rng: random.Random, size: int) -> Drawn:
    shot = _shot(rng, size, (0.15, 0.4), "day", "overcast", "storm", "sunset", "dusk")
    rough = rng.uniform(0.8, 2.2)
    sea = rng.choice(SEA)
    water(shot, shot.horizon, sea, 0.3, rough)
    for _ in range(rng.randint(1, 4)):
        at = shot.horizon + (1 - shot.horizon) * rng.uniform(0.15, 0.95)
        swell = at + (shot.noise(shot.u * 14, shot.u * 0) - 0.5) * 0.18 * (at - shot.horizon + 0.1)
        high = (at - shot.horizon) * rng.uniform(0.15, 0.35)
        face = np.clip(1 - (swell - shot.v) / high, 0, 1) * (shot.v < swell)
        shot.cover(face * 0.6, shot.lit(sea) * rng.uniform(0.55, 0.75))
        foam = np.clip((shot.noise(shot.u * 70, shot.v * 70, ROUGH) - 0.25) * 3, 0, 1)
        crest = np.exp(-np.abs(shot.v - swell + high) / (0.25 * high + 0.004))
        shot.cover(crest * foam * rng.uniform(0.6, 1), shot.lit((250, 252, 253)))
    words = ["ocean waves", "open sea", "rough sea" if rough > 1.5 else "sea", "water and waves", "sea"]
    return finish(shot, words, "the open sea", ["waves", "white foam" if rough > 1.2 else "a wide horizon"])


def boats(rng: random.Random, size: int) -> Drawn:
    shot = _shot(rng, size, (0.3, 0.55))
    if rng.random() < 0.6:
        ridge(
            shot,
            profile(shot, shot.horizon, rng.uniform(0.08, 0.25), 10),
            rng.choice(((82, 104, 76), (110, 108, 100))),
            5,
        )
    water(shot, shot.horizon, rng.choice(SEA), rng.uniform(0.3, 0.7), rng.uniform(0.4, 1.2))
    name, word = rng.choice(
        (("sailboat", "sailing boat"), ("sailboat", "sailboat"), ("boat", "motorboat"), ("ship", "ship"))
    )
    count = rng.choice((1, 1, 1, 2, 3, 5))
    sprites = [solid(shot, name, steep=5, lines=64) for _ in range(min(count, 3))]
    for i, v in enumerate(sorted(rng.uniform(shot.horizon + 0.05, 0.85) for _ in range(count))):
        at = (i + rng.uniform(0.2, 0.8)) / count * shot.aspect if count > 1 else rng.uniform(0.3, 0.7) * shot.aspect
        tall = rng.uniform(0.28, 0.5) if count == 1 else rng.uniform(0.18, 0.3)
        paste(shot, sprites[i % len(sprites)][0], at, v, tall)
    numbers = {1: "a", 2: "two", 3: "three", 5: "five"}
    noun = f"{numbers[count]} [{sprites[0][1]}] {word}" if count == 1 else f"{numbers[count]} {word}s"
    labels = [
        f"{word} on the water" if count == 1 else f"{word}s on the water",
        f"{word} at sea" if count == 1 else f"{word}s",
        "boat on the sea" if count == 1 else "boats",
        "sailing" if name == "sailboat" else "boat trip",
    ]
    return finish(shot, labels, f"{noun} on calm water", ["the sea around" if count < 2 else "water between them"])


def harbour(rng: random.Random, size: int) -> Drawn:
    shot = _shot(rng, size, (0.3, 0.42), "day", "overcast", "sunset", "dusk")
    ridge(shot, profile(shot, shot.horizon, rng.uniform(0.1, 0.2), 9), (92, 104, 84), 6)
    _houses_row(shot, shot.horizon + 0.06, rng.uniform(0.09, 0.14))
    water(shot, shot.horizon + 0.06, rng.choice(SEA), 0.6, 0.5)
    for v in sorted(rng.uniform(0.55, 0.95) for _ in range(rng.randint(4, 7))):
        sprite, _ = solid(shot, rng.choice(("sailboat", "sailboat", "boat")), lines=44)
        paste(shot, sprite, rng.uniform(0.05, 0.95) * shot.aspect, v, rng.uniform(0.25, 0.45) * (v + 0.1))
    return finish(
        shot,
        ["harbour with boats", "marina", "port", "boats in a harbour"],
        "a small harbour",
        ["several boats", "houses along the water"],
    )


def _houses_row(shot: Shot, foot: float, tall: float) -> None:
    """Fronts with roofs along a line, far away."""
    rng = shot.rng

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        x = -0.02
        while x < shot.aspect:
            wide, high = rng.uniform(0.05, 0.1), tall * rng.uniform(0.6, 1)
            wall = shot.ink(
                rng.choice(((228, 218, 200), (214, 170, 130), (200, 120, 96), (236, 226, 150), (180, 196, 204)))
            )
            pen.rectangle((x * k, (foot - high * 0.7) * k, (x + wide) * k, foot * k), fill=wall)
            roof = shot.ink(rng.choice(((150, 76, 58), (110, 84, 74), (84, 86, 94))))
            top = foot - high
            pen.polygon(
                [
                    (x * k, (foot - high * 0.7) * k),
                    ((x + wide / 2) * k, top * k),
                    ((x + wide) * k, (foot - high * 0.7) * k),
                ],
                fill=roof,
            )
            pane = shot.ink((250, 205, 110), 4) if shot.dark else shot.ink((60, 70, 84))
            for i in range(2):
                px = x + wide * (0.2 + 0.4 * i)
                pen.rectangle(
                    (px * k, (foot - high * 0.5) * k, (px + wide * 0.2) * k, (foot - high * 0.25) * k), fill=pane
                )
            x += wide + rng.choice((0, 0, 0.02))

    shot.draw(paint)


def mountains(rng: random.Random, size: int) -> Drawn:
    """With snow or without, with a lake, a meadow, a wood or snow before them."""
    shot = _shot(rng, size, (0.45, 0.68), *LIT, "fog", "dusk")
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
        scatter(shot, _firs(shot, 0.5), rng.randint(3, 10), (shot.horizon + 0.02, 0.9), 0.9)
        return ["mountains in winter", "snow covered landscape"], ["deep snow", "fir trees"]
    meadow(shot)
    if front == "wood":
        treeline(shot, shot.horizon + 0.14, 0.18, (44, 72, 46), 1)
        scatter(shot, _firs(shot), rng.randint(8, 20), (shot.horizon + 0.1, 0.98), 0.6)
        return [f"{first} and forest", "forest below the mountains"], ["dark fir trees"]
    scatter(shot, _firs(shot), rng.randint(0, 6), (shot.horizon + 0.04, 0.8), 0.6)
    return [f"{first} and a meadow", "alpine meadow"], ["[green] grass"]


def hills(rng: random.Random, size: int) -> Drawn:
    shot = _shot(rng, size, (0.35, 0.6), *LIT, "fog")
    for i in range(rng.randint(2, 4)):
        ridge(
            shot,
            wavy(shot, shot.horizon + i * 0.07, 0.13, rng.uniform(0.3, 1.0)),
            rng.choice(GRASS)[i % 2],
            max(0.5, 5 - 2 * i),
            0.15,
        )
    meadow(shot, wavy(shot, shot.horizon + 0.3, 0.15, 0.5))
    scatter(shot, _greens(shot), rng.randint(1, 8), (shot.horizon + 0.1, 0.85), 0.5)
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
    shot = _shot(rng, size, (0.3, 0.5), "day", "day", "sunset", "sunrise", cover=rng.choice((0.0, 0.0, 0.2)))
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
    shot = _shot(rng, size, (0.2, 0.35), "day", "day", "sunset", "sunrise")
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
    shot = _shot(rng, size, (0.06, 0.22), "day", "overcast", "fog")
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
    shot = _shot(rng, size, (0.3, 0.5), *LIT, "fog")
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
    trees = [leafy(shot, rng.choice(AUTUMN)) for _ in range(2)] if autumn else [*_greens(shot), *_firs(shot)]
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
    shot = _shot(rng, size, (0.35, 0.5), *LIT, "fog")
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
        scatter(shot, _firs(shot, 0.6 if season == "winter" else 0), 6, (shot.horizon + 0.1, 0.85), 1.4)
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
    shot = _shot(rng, size, (0.35, 0.55), "day", "overcast", "sunset", "dusk", "night")
    if rng.random() < 0.6:
        ridge(shot, wavy(shot, shot.horizon, 0.15, 0.5), (226, 232, 242), 3, 0.2)
    plane(shot, SNOW, 3)
    treeline(shot, shot.horizon + 0.02, rng.uniform(0.06, 0.14), (84, 92, 92), 2)
    scatter(
        shot, [*_firs(shot, rng.uniform(0.4, 0.9)), bare(shot)], rng.randint(3, 9), (shot.horizon + 0.05, 0.85), 0.9
    )
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


def sunset_sky(rng: random.Random, size: int) -> Drawn:
    shot = _shot(rng, size, (0.7, 0.92), "sunset", "sunset", "sunrise", cover=rng.uniform(0.2, 0.75))
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
    shot = _shot(rng, size, (0.75, 1.15), kind, cover=rng.uniform(0.25, 0.6) if kind == "day" else 0.9)
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
    shot = _shot(rng, size, (0.75, 0.92), "storm", "night", cover=0.95)
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
    shot = _shot(rng, size, (0.5, 0.7), "overcast", "storm", "day", cover=0.7)
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
    scatter(shot, _greens(shot), rng.randint(0, 6), (shot.horizon + 0.03, 0.85), 0.7)
    return finish(
        shot,
        ["rainbow", "rainbow in the sky", "rainbow over a field", "rainbow after rain"],
        "a rainbow over the countryside",
        ["[green] fields", "a cloudy sky"],
        timed=False,
    )


def milky_way(rng: random.Random, size: int) -> Drawn:
    shot = _shot(rng, size, (0.75, 0.92), "night", cover=0.0)
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
    shot = _shot(rng, size, (0.4, 0.55), "day", "sunset", "night", "night", "dusk")
    ridge(shot, profile(shot, shot.horizon, rng.uniform(0.08, 0.25), 10), (84, 96, 88), 5)
    meadow(shot)
    treeline(shot, shot.horizon + 0.05, 0.16, (44, 68, 44), 1)
    scatter(shot, _firs(shot), rng.randint(2, 6), (shot.horizon + 0.06, 0.72), 1.3)
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
    shot = _shot(rng, size, (0.3, 0.5), "night", "night", "dusk")
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
    shot = _shot(rng, size, (0.8, 0.95), "night", cover=0.0)
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
    "beach": (beach, 5),
    "waves": (waves, 2),
    "boats": (boats, 3),
    "harbour": (harbour, 2),
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
