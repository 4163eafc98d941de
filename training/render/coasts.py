"""Views of the sea: beaches, waves, boats, harbours."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from PIL import ImageDraw

from training.render.atmosphere import (
    ROUGH,
    SMOOTH,
    Shot,
    finish,
    outdoors,
    plane,
    profile,
    ridge,
    water,
)
from training.render.canvas import Drawn
from training.render.sprites import (
    palm,
    paste,
    scatter,
    solid,
    stand,
)
from training.render.terrain import SEA, boulder


def beach(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.3, 0.5), "day", "day", "day", "sunset", "sunset", "sunrise", "overcast", "dusk")
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


def waves(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.15, 0.4), "day", "overcast", "storm", "sunset", "dusk")
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
    shot = outdoors(rng, size, (0.3, 0.55))
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
    shot = outdoors(rng, size, (0.3, 0.42), "day", "overcast", "sunset", "dusk")
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


KINDS: dict[str, tuple[Callable[[random.Random, int], Drawn], int]] = {
    "beach": (beach, 5),
    "waves": (waves, 2),
    "boats": (boats, 3),
    "harbour": (harbour, 2),
}
