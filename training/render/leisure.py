"""Views of gardens, parks, walls, pools and sports grounds."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from PIL import ImageDraw

from training.render.atmosphere import (
    ROUGH,
    SMOOTH,
    Array,
    Shot,
    finish,
    outdoors,
    plane,
    rgb,
    treeline,
)
from training.render.canvas import Drawn, Rgb, shade
from training.render.kit import Kit
from training.render.rays import Paint
from training.render.sprites import AUTUMN, built, leafy, paste, scatter, solid, stand
from training.render.terrain import GRASS, meadow, speckle, track
from training.render.townscape import GREENS


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
    shot = outdoors(rng, size, (0.32, 0.45), "day", "day", "overcast", "sunset")
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
    shot = outdoors(rng, size, (0.36, 0.48), "day", "day", "overcast", "sunset", "fog")
    autumn = rng.random() < 0.3
    tones = AUTUMN if autumn else GREENS
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
    shot = outdoors(rng, size, (0.2, 0.34), "day", "day", "sunset")
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
    shot = outdoors(rng, size, (0.26, 0.4), "day", "day", "overcast", "sunset", "night")
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
    "brick wall": (brick_wall, 2),
    "garden": (garden, 3),
    "park": (park, 3),
    "pool": (pool, 2),
    "sports ground": (sports_ground, 4),
}
