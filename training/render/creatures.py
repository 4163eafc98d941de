"""Views of animals in their surroundings, and of people."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import ImageDraw

from training.render.atmosphere import (
    COUNTS,
    MIDDLE,
    ROUGH,
    SMOOTH,
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
    wavy,
)
from training.render.canvas import Drawn, lighter, shade
from training.render.kit import Kit, Spot
from training.render.rays import Paint
from training.render.sprites import Sprite, built, leafy, paste, scatter, solid, stand
from training.render.terrain import SEA, SNOW, boulder, meadow, speckle, track

SKINS = (Paint((225, 175, 140), 0.1), Paint((165, 115, 80), 0.1), Paint((110, 72, 52), 0.1))
DARK, PINK, HORN = Paint((40, 36, 36), 0.2), Paint((226, 160, 150), 0.1), Paint((222, 210, 186), 0.2)


def _legs(kit: Kit, spots: tuple[float, float], z: float, top: float, thick: float, paint: Paint) -> None:
    for x in spots:
        for s in (-1, 1):
            kit.tube((x, top, s * z), (x + kit.about(-0.06, 0.06), 0, s * z), thick, paint, thick * 0.75)


def cow(kit: Kit) -> None:
    spot = DARK if sum(kit.c.colour) > 420 else Paint((236, 232, 224))
    kit.ball((0, 0.85, 0), (0.72, 0.33, 0.3), kit.c)
    kit.block((0, 0.85, 0), (0.5, 0.27, 0.25), kit.c, soft=0.2)
    if kit.rng.random() < 0.7:
        for x, y in ((-0.35, 0.95), (0.15, 0.8), (0.4, 1.0)):
            for s in (-1, 1):
                kit.ball((x, y, s * 0.2), (kit.about(0.14, 0.24), 0.16, 0.12), spot)
    _legs(kit, (-0.48, 0.48), 0.17, 0.75, 0.09, kit.c)
    kit.tube((0.6, 0.95, 0), (0.85, 1.15, 0), 0.17, kit.c)
    kit.tube((0.85, 1.2, 0), (1.12, 1.0, 0), 0.16, kit.c, 0.11)
    kit.ball((1.13, 0.98, 0), (0.09, 0.09, 0.11), PINK)
    for s in (-1, 1):
        kit.ball((0.8, 1.2, s * 0.2), (0.05, 0.06, 0.13), kit.c)
        kit.tube((0.8, 1.28, s * 0.09), (0.86, 1.45, s * 0.16), 0.035, HORN, 0.01)
    kit.ball((-0.3, 0.55, 0), (0.16, 0.1, 0.13), PINK)
    kit.tube((-0.7, 1.0, 0), (-0.78, 0.45, 0), 0.025, kit.c)


def sheep(kit: Kit) -> None:
    face = kit.some(DARK, Paint((214, 204, 188)))
    wool = Paint(kit.c.colour, 0.0, pattern="speckles", second=lighter(kit.c.colour, 0.3), per_unit=3)
    kit.ball((0, 0.62, 0), (0.55, 0.32, 0.32), wool)
    for i in range(8):
        kit.ball((-0.4 + 0.11 * i, 0.8 + 0.06 * math.sin(i * 2), 0.12 * math.cos(i * 3)), 0.2, wool)
    _legs(kit, (-0.3, 0.3), 0.14, 0.45, 0.055, face)
    kit.ball((0.62, 0.75, 0), (0.2, 0.16, 0.14), face, tilt=-25)
    for s in (-1, 1):
        kit.ball((0.52, 0.83, s * 0.16), (0.05, 0.04, 0.1), face)


def giraffe(kit: Kit) -> None:
    coat = Paint((218, 170, 96), 0.1, pattern="checks", second=(140, 84, 40), per_unit=3.5)
    kit.ball((0, 1.3, 0), (0.55, 0.3, 0.24), coat)
    _legs(kit, (-0.35, 0.36), 0.13, 1.2, 0.07, Paint((214, 172, 110)))
    kit.tube((0.36, 1.4, 0), (0.8, 2.6, 0), 0.17, coat, 0.1)
    kit.tube((0.76, 2.66, 0), (1.08, 2.5, 0), 0.12, Paint((210, 164, 96)), 0.08)
    for s in (-1, 1):
        kit.tube((0.76, 2.7, s * 0.06), (0.74, 2.9, s * 0.07), 0.025, DARK)
    kit.tube((-0.52, 1.4, 0), (-0.6, 0.8, 0), 0.025, DARK)


def zebra(kit: Kit) -> None:
    coat = Paint((240, 240, 236), 0.1, pattern="bars", second=(30, 30, 32), per_unit=9)
    kit.ball((0, 0.9, 0), (0.62, 0.27, 0.24), coat)
    _legs(
        kit,
        (-0.42, 0.42),
        0.13,
        0.8,
        0.075,
        Paint((236, 236, 232), 0.1, pattern="stripes", second=(30, 30, 32), per_unit=8),
    )
    kit.tube(
        (0.45, 1.0, 0),
        (0.72, 1.4, 0),
        0.17,
        Paint((240, 240, 236), 0.1, pattern="stripes", second=(30, 30, 32), per_unit=7),
        0.13,
    )
    kit.tube((0.7, 1.42, 0), (1.02, 1.22, 0), 0.12, coat, 0.09)
    kit.tube((0.4, 1.2, 0), (0.64, 1.55, 0), 0.05, DARK, flat=0.5)
    kit.tube((-0.6, 1.0, 0), (-0.7, 0.5, 0), 0.03, DARK)


def figure(
    kit: Kit, at: Spot, lean: float, hands: tuple[Spot, Spot], feet: tuple[Spot, Spot], helmet: bool = False
) -> None:
    """A person in a pose: hips at `at`, the trunk leaning forwards by `lean`, hands and feet at places of their own."""
    skin, trousers = kit.some(*SKINS), kit.some(DARK, Paint((55, 65, 110)), Paint((110, 100, 90)))
    x, y, z = at
    neck = (x + lean, y + 0.55, z)
    kit.tube(at, neck, 0.17, kit.c, 0.2)
    kit.ball((neck[0] + lean * 0.25, neck[1] + 0.2, z), 0.15, skin)
    hair = kit.c if helmet else kit.some(DARK, Paint((100, 66, 40)), Paint((226, 190, 110)))
    kit.ball((neck[0] + lean * 0.25, neck[1] + 0.24, z), 0.165, hair, above=0.1)
    for hand, s in zip(hands, (-1, 1), strict=True):
        kit.tube((neck[0], neck[1] - 0.05, z + s * 0.18), hand, 0.065, kit.c)
        kit.ball(hand, 0.06, skin)
    for foot, s in zip(feet, (-1, 1), strict=True):
        knee = ((at[0] + foot[0]) / 2 + 0.12, (at[1] + foot[1]) / 2 + 0.05, (z + s * 0.1 + foot[2]) / 2)
        kit.path([(x, y, z + s * 0.1), knee, foot], 0.085, trousers)
        kit.ball((foot[0] + 0.05, foot[1], foot[2]), (0.13, 0.06, 0.07), DARK)


def cyclist(kit: Kit) -> None:
    frame = kit.some(Paint((190, 40, 40), 0.4), Paint((40, 70, 160), 0.4), DARK, Paint((240, 240, 236), 0.4))
    for x in (-0.55, 0.55):
        kit.ring((x, 0.36, 0), (0, 0, 1), 0.34, 0.04, DARK)
    for a, b in (
        ((-0.55, 0.36, 0), (-0.05, 0.32, 0)),
        ((-0.05, 0.32, 0), (0.4, 0.8, 0)),
        ((-0.05, 0.32, 0), (-0.2, 0.85, 0)),
        ((-0.2, 0.8, 0), (0.4, 0.8, 0)),
        ((0.4, 0.9, 0), (0.55, 0.36, 0)),
        ((-0.55, 0.36, 0), (-0.2, 0.8, 0)),
    ):
        kit.tube(a, b, 0.035, frame)
    figure(
        kit,
        (-0.2, 0.95, 0),
        0.35,
        ((0.42, 0.98, -0.2), (0.42, 0.98, 0.2)),
        ((-0.05, 0.2, -0.1), (0.02, 0.45, 0.1)),
        helmet=True,
    )


def skier(kit: Kit) -> None:
    figure(
        kit,
        (0, 0.55, 0),
        0.25,
        ((0.3, 0.75, -0.35), (0.3, 0.75, 0.35)),
        ((0, 0.08, -0.14), (0, 0.08, 0.14)),
        helmet=True,
    )
    for s in (-1, 1):
        kit.block((0.05, 0.03, s * 0.14), (0.8, 0.02, 0.05), Paint((200, 40, 50), 0.4))
        kit.tube((0.3, 0.75, s * 0.35), (-0.4, 0.05, s * 0.5), 0.018, DARK)


def surfer(kit: Kit) -> None:
    board = Paint(shade(kit.rng.choice(("white", "yellow", "red", "turquoise")), kit.rng), 0.5)
    kit.ball((0, 0.06, 0), (0.95, 0.05, 0.24), board)
    figure(kit, (0, 0.62, 0), 0.15, ((0.5, 1.15, -0.35), (-0.35, 1.15, 0.45)), ((-0.3, 0.12, 0), (0.35, 0.12, 0)))


def walker(kit: Kit) -> None:
    figure(
        kit, (0, 0.85, 0), 0.05, ((0.22, 0.85, -0.22), (-0.2, 0.85, 0.22)), ((-0.28, 0.05, -0.08), (0.3, 0.05, 0.08))
    )


def runner(kit: Kit) -> None:
    figure(kit, (0, 0.88, 0), 0.18, ((0.38, 1.15, -0.2), (-0.2, 1.05, 0.25)), ((-0.5, 0.3, -0.08), (0.38, 0.08, 0.08)))


_FARM: dict[str, tuple[Callable[[Kit], None] | None, tuple[str, ...], str, float]] = {
    "cow": (cow, ("brown", "white", "black", "brown"), "cows", 0.85),
    "sheep": (sheep, ("white", "white", "white", "brown"), "sheep", 0.65),
    "horse": (None, ("brown", "black", "white", "gray"), "horses", 1.05),
    "duck": (None, ("white", "brown", "yellow"), "ducks", 0.35),
    "dog": (None, ("brown", "black", "white", "orange"), "dogs", 0.6),
    "cat": (None, ("black", "gray", "orange", "white"), "cats", 0.45),
}


def on_the_meadow(rng: random.Random, size: int) -> Drawn:
    """One or several farm or house animals on grass, perhaps behind a fence."""
    name = rng.choice(("cow", "cow", "sheep", "sheep", "horse", "horse", "dog", "dog", "cat", "duck"))
    build, colours, many, tall = _FARM[name]
    shot = outdoors(rng, size, (0.25, 0.5))
    if rng.random() < 0.5:
        ridge(shot, wavy(shot, shot.horizon, rng.uniform(0.06, 0.2), 0.5), (92, 116, 84), 4, 0.2)
    meadow(shot)
    treeline(shot, shot.horizon + 0.03, rng.uniform(0.03, 0.1), (58, 86, 50), 2)
    colour = rng.choice(colours)
    sprites = [_animal(shot, name, build, colour, rng.uniform(4, 16)) for _ in range(2)]
    sprites += [s.flipped() for s in sprites]
    count = 1 if rng.random() < 0.45 else rng.randint(2, 6)
    if count == 1:
        paste(shot, sprites[0], rng.uniform(0.35, 0.65) * shot.aspect, rng.uniform(0.8, 0.93), rng.uniform(0.4, 0.68))
    else:
        for i, v in enumerate(sorted(rng.uniform(shot.horizon + 0.12, 0.92) for _ in range(count))):
            u = ((i * 0.618 + 0.2) % 1) * shot.aspect
            stand(shot, sprites[i % 4], u, v, tall * rng.uniform(0.85, 1.1))
    fence = rng.random() < (0.45 if name == "horse" else 0.15)
    if fence:
        _fence(shot, rng.uniform(0.7, 0.95), rng.random() < 0.4)
    noun = f"a [{colour}] {name}" if count == 1 else f"{COUNTS[count]} [{colour}] {many}"
    place = "on a green meadow" if name in ("cow", "sheep", "horse") else "on the lawn"
    where = place.replace("green ", "")
    labels = [
        f"{name if count == 1 else many} {where}",
        f"[{colour}] {name if count == 1 else many}",
        many if count > 1 else name,
        f"{name} standing on grass" if count == 1 else f"a group of {many}",
    ]
    labels += [f"{name} by a fence"] if fence and count == 1 else []
    return finish(
        shot, labels, f"{noun} {where}", ["[green] grass", *(["a wooden fence"] if fence else ["trees behind"])]
    )


def _animal(shot: Shot, name: str, build: Callable[[Kit], None] | None, colour: str, steep: float) -> Sprite:
    if build is None:
        return solid(shot, name, colour, steep, 60)[0]
    return built(shot, build, colour, steep, 60, 40)


def _fence(shot: Shot, foot: float, white: bool) -> None:
    wood = shot.ink((240, 240, 236) if white else (124, 98, 72))
    tall = (foot - shot.horizon) * 0.55

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        for y in (0.35, 0.8):
            pen.rectangle((0, (foot - tall * y) * k, shot.aspect * k, (foot - tall * y + 0.022) * k), fill=wood)
        x = shot.rng.uniform(0, 0.2)
        while x < shot.aspect:
            pen.rectangle((x * k, (foot - tall) * k, (x + 0.025) * k, foot * k), fill=wood)
            x += 0.27

    shot.draw(paint, 0.15)


def savanna(rng: random.Random, size: int) -> Drawn:
    name, build, tall = rng.choice((("elephant", None, 0.55), ("giraffe", giraffe, 0.75), ("zebra", zebra, 0.5)))
    shot = outdoors(rng, size, (0.4, 0.6), "day", "day", "sunset", "sunset", "sunrise")
    ridge(shot, wavy(shot, shot.horizon, 0.06, 0.5), (130, 120, 100), 5, 0.2)
    plane(shot, ((204, 172, 96), (168, 134, 72)), 7)
    tree = leafy(shot, (96, 112, 56))
    for _ in range(rng.randint(1, 4)):
        flat = Sprite(tree.pixels)
        paste(shot, flat, rng.uniform(0, shot.aspect), shot.horizon + rng.uniform(0.02, 0.1), rng.uniform(0.12, 0.3), 1)
    count = rng.choice((1, 1, 2, 3))
    sprites = [_animal(shot, name, build, "gray", 5) for _ in range(min(2, count))]
    for i in range(count):
        u = (i + 0.5 + rng.uniform(-0.15, 0.15)) / count * shot.aspect
        paste(
            shot,
            sprites[i % len(sprites)],
            u,
            rng.uniform(0.8, 0.92),
            tall * rng.uniform(0.75, 1.05) * (1 if count == 1 else 0.75),
        )
    noun = f"a {name}" if count == 1 else f"{COUNTS[count]} {name}s"
    plural = name if count == 1 else f"{name}s"
    labels = [f"{plural} in the savanna", plural, f"{plural} in africa", "safari", "wild animals"]
    return finish(shot, labels, f"{noun} in the savanna", ["dry grass", "trees"])


def perched(rng: random.Random, size: int) -> Drawn:
    """Birds on a branch or a wire."""
    shot = outdoors(rng, size, (1.1, 1.3))
    wire = rng.random() < 0.4
    if not wire:
        shot.cover(
            0.75,
            shot.lit(rng.choice(((110, 140, 90), (160, 170, 150), (140, 170, 200))))
            * (0.8 + 0.4 * shot.noise(shot.u * 9, shot.v * 9, SMOOTH))[..., None],
        )
    count = rng.randint(2, 6) if wire else rng.choice((1, 1, 2))
    at, dark = rng.uniform(0.55, 0.75), shot.ink((40, 40, 44) if wire else (96, 74, 54))

    def line(pen: ImageDraw.ImageDraw, k: float) -> None:
        points = [
            (x / 8 * shot.aspect * k, (at + (0.03 * ((x / 4 - 1) ** 2) if wire else 0.02 * math.sin(x))) * k)
            for x in range(9)
        ]
        pen.line(points, fill=dark, width=3 if wire else 11, joint="curve")
        for _ in range(0 if wire else rng.randint(5, 12)):
            x, y = rng.uniform(0, shot.aspect), at + rng.uniform(-0.12, 0.1)
            pen.ellipse(
                ((x - 0.04) * k, (y - 0.025) * k, (x + 0.04) * k, (y + 0.025) * k),
                fill=shot.ink(rng.choice(((86, 130, 56), (110, 150, 66)))),
            )

    shot.draw(line, 0.15)
    colour = rng.choice(("red", "blue", "brown", "yellow", "gray", "black", "green"))
    sprite, _ = solid(shot, "bird", colour, steep=2, lines=64)
    for i in range(count):
        paste(
            shot,
            rng.choice((sprite, sprite.flipped())),
            (i + 0.5) / count * shot.aspect,
            at + 0.01,
            rng.uniform(0.35, 0.55) if count == 1 else 0.8 / max(count, 3),
        )
    noun = f"a [{colour}] bird" if count == 1 else f"{COUNTS[count]} [{colour}] birds"
    where = "on a wire" if wire else "on a branch"
    word = "bird" if count == 1 else "birds"
    return finish(
        shot,
        [f"{word} {where}", f"[{colour}] {word}", word, f"{word} sitting {where}"],
        f"{noun} {where}",
        ["[green] leaves"] if not wire else [],
    )


def underwater(rng: random.Random, size: int) -> Drawn:
    shot = Shot(rng, size, ("day",), 0.2)
    deep = rgb(rng.choice(((20, 96, 150), (16, 120, 150), (24, 76, 120))))
    shot.pix = np.asarray(
        deep * (1.5 - shot.v)[..., None] + 0.1 * shot.noise(shot.u * 30, shot.v * 6, SMOOTH)[..., None], np.float32
    )
    reef = rng.random() < 0.65
    if reef:
        line = profile(shot, 0.95, rng.uniform(0.15, 0.35), 20)
        n = shot.noise(shot.u * 60, shot.v * 60, MIDDLE)
        shot.cover(shot.edge(line), (rgb((110, 110, 104)) * 0.5 + deep * 0.5) * (0.5 + n)[..., None])
        for _ in range(rng.randint(6, 14)):
            u, s, tone = (
                rng.uniform(0, shot.aspect),
                rng.uniform(0.04, 0.12),
                shade(rng.choice(("pink", "orange", "purple", "yellow", "red")), rng),
            )
            boulder(shot, u, rng.uniform(0.78, 0.98), s, tone)
    else:
        plane(shot, ((180, 190, 150), (160, 170, 140)), 5, from_v=0.85)
        shot.pix = np.asarray(shot.pix * 0.7 + deep * 0.3, np.float32)
    colour, count = rng.choice(("orange", "yellow", "blue", "red", "white", "purple")), rng.randint(1, 6)
    shot.tint = np.asarray((0.8, 0.95, 1.0), np.float32)
    sprite, _ = solid(shot, "fish", colour, steep=0, lines=48)
    sprite.pixels[..., 3] *= sprite.pixels[..., :3].max(-1) > 0.03
    for i in range(count):
        paste(
            shot,
            rng.choice((sprite, sprite.flipped())),
            ((i * 0.618 + 0.3) % 1) * shot.aspect,
            rng.uniform(0.3, 0.8),
            rng.uniform(0.3, 0.45) if count == 1 else rng.uniform(0.1, 0.2),
        )
    noun = f"a [{colour}] fish" if count == 1 else f"{COUNTS[count]} [{colour}] fish"
    labels = [
        "fish under water",
        f"[{colour}] fish",
        "underwater photo",
        "fish at a coral reef" if reef else "fish in the sea",
        "coral reef" if reef else "aquarium",
    ]
    return finish(
        shot, labels, f"{noun} under water", ["corals" if reef else "sand below", "[blue] water"], timed=False
    )


def on_a_flower(rng: random.Random, size: int) -> Drawn:
    """A butterfly or a bee on a flower, near, before a blurred ground."""
    shot = Shot(rng, size, ("day", "day", "overcast"), 0.4)
    base = rgb(rng.choice(((92, 132, 66), (120, 150, 84), (70, 104, 60))))
    shot.pix = np.asarray(base * (0.5 + shot.noise(shot.u * 12, shot.v * 12, SMOOTH))[..., None], np.float32)
    bee, petal, wing = (
        rng.random() < 0.5,
        rng.choice(("yellow", "pink", "purple", "white", "red", "orange")),
        rng.choice(("orange", "blue", "yellow", "white", "red")),
    )
    cx, cy, r, n = (
        shot.aspect * rng.uniform(0.4, 0.6),
        rng.uniform(0.5, 0.62),
        rng.uniform(0.28, 0.42),
        rng.randint(6, 14),
    )
    tone = shade(petal, rng)

    def paint(pen: ImageDraw.ImageDraw, k: float) -> None:
        pen.line((cx * k, cy * k, (cx + 0.1) * k, 1.1 * k), fill=shot.ink((70, 110, 50)), width=round(0.03 * k))
        for i in range(n):
            a = 2 * math.pi * i / n
            x, y, s = cx + math.cos(a) * r * 0.6, cy + math.sin(a) * r * 0.45, r * min(0.42, 2.4 / n)
            pen.ellipse(
                ((x - s) * k, (y - s * 0.8) * k, (x + s) * k, (y + s * 0.8) * k),
                fill=shot.ink(tone, rng.uniform(0.75, 1.1)),
            )
        pen.ellipse(
            ((cx - r * 0.3) * k, (cy - r * 0.22) * k, (cx + r * 0.3) * k, (cy + r * 0.22) * k),
            fill=shot.ink(rng.choice(((230, 180, 50), (110, 74, 40)))),
        )
        _insect(pen, k, shot, (cx, cy - r * 0.25), r, "" if bee else wing)

    shot.draw(paint, 0.15)
    name = "bee" if bee else "butterfly"
    insect = "a bee" if bee else f"a [{wing}] butterfly"
    labels = [f"{name} on a flower", f"{name} on a [{petal}] flower", name, "insect on a flower", f"[{petal}] flower"]
    return finish(shot, labels, f"{insect} on a [{petal}] flower", ["[green] leaves behind"], timed=False)


def _insect(pen: ImageDraw.ImageDraw, k: float, shot: Shot, at: tuple[float, float], r: float, wing: str) -> None:
    """A bee, or a butterfly with wings of a colour."""
    (x, y), rng = at, shot.rng

    def oval(dx: float, dy: float, rx: float, ry: float, fill: tuple[int, ...]) -> None:
        pen.ellipse(
            ((x + (dx - rx) * r) * k, (y + (dy - ry) * r) * k, (x + (dx + rx) * r) * k, (y + (dy + ry) * r) * k),
            fill=fill,
        )

    if wing:
        tone, edge = shade(wing, rng), (40, 30, 30)
        for s in (-1, 1):
            for dx, dy, rx, ry in ((0.42, -0.25, 0.4, 0.34), (0.32, 0.2, 0.28, 0.26)):
                oval(s * dx, dy, rx, ry, edge)
                oval(s * dx * 0.95, dy, rx * 0.8, ry * 0.78, tone)
            oval(s * 0.6, -0.35, 0.08, 0.08, (250, 250, 240))
        oval(0, 0, 0.06, 0.38, edge)
        return
    for s in (-1, 1):
        oval(s * 0.28 - 0.05, -0.22, 0.24, 0.13, (225, 232, 240, 190))
    for i in range(5):
        oval(-0.3 + 0.15 * i, 0, 0.13, 0.2 - 0.02 * abs(i - 2), (236, 180, 40) if i % 2 == 0 else (40, 30, 26))
    oval(0.42, 0, 0.12, 0.12, (50, 38, 30))


def group(rng: random.Random, size: int) -> Drawn:
    """Two to six people who stand side by side, indoors or out."""
    where = rng.choice(("park", "street", "beach", "wall", "wall"))
    shot = outdoors(rng, size, (0.3, 0.45), "day", "day", "overcast", "sunset")
    if where == "park":
        meadow(shot)
        treeline(shot, shot.horizon + 0.05, 0.2, (66, 98, 52), 1)
    elif where == "street":
        plane(shot, ((150, 148, 144), (128, 126, 122)), 6)
        treeline(shot, shot.horizon + 0.02, 0.3, (150, 140, 128), 0.5)
    elif where == "beach":
        water(shot, shot.horizon, rng.choice(SEA), 0.4)
        plane(shot, ((226, 206, 164), (204, 182, 140)), 5, from_v=shot.horizon + 0.15)
    else:
        shot.pix[:] = rgb(
            lighter(shade(rng.choice(("gray", "blue", "brown", "white", "yellow")), rng), rng.uniform(0.3, 0.8))
        )
        plane(shot, ((150, 120, 90), (130, 104, 78)), 6, from_v=0.78)
    count = rng.randint(2, 6)
    colours = [rng.choice(("red", "blue", "green", "white", "black", "yellow", "gray", "pink")) for _ in range(count)]
    sprites = {c: solid(shot, "person", c, steep=4, lines=56)[0] for c in colours[:4]}
    tall = min(0.75, 1.5 / count + 0.18) * rng.uniform(0.85, 1.0)
    for i in range(count):
        u = shot.aspect / 2 + (i - (count - 1) / 2) * min(0.36 * tall / 0.6, shot.aspect / (count + 0.3))
        paste(shot, sprites[colours[i % len(sprites)]], u, rng.uniform(0.9, 0.95), tall * rng.uniform(0.9, 1.05))
    place = {"park": "in a park", "street": "on a street", "beach": "on a beach", "wall": "in front of a wall"}[where]
    labels = [f"{COUNTS[count]} people", "group of people", f"people {place}", "people standing side by side"]
    return finish(shot, labels, f"{COUNTS[count]} people standing {place}", timed=where != "wall")


def crowd(rng: random.Random, size: int) -> Drawn:
    shot = outdoors(rng, size, (0.15, 0.3), "day", "overcast", "sunset", "night")
    if shot.dark:
        shot.tint = np.asarray((0.45, 0.4, 0.55), np.float32)
    plane(shot, ((140, 136, 132), (120, 118, 116)), 6)
    treeline(shot, shot.horizon + 0.03, rng.uniform(0.1, 0.2), rng.choice(((66, 98, 52), (150, 130, 116))), 1)
    sprites = [
        solid(shot, "person", c, steep=14, lines=30)[0]
        for c in rng.sample(["red", "blue", "white", "black", "yellow", "green"], 3)
    ]
    scatter(shot, sprites, rng.randint(40, 70), (shot.horizon + 0.08, 1.15), 0.42)
    return finish(shot, ["crowd", "crowd of people", "many people", "people in a square"], "a large crowd of people")


_MOVING: dict[str, tuple[Callable[[Kit], None], tuple[str, ...], tuple[str, ...]]] = {
    "riding a bicycle": (cyclist, ("cyclist", "person riding a bicycle", "cycling", "bike ride"), ("road", "park")),
    "skiing": (skier, ("skier", "skiing", "person on skis", "ski slope"), ("slope",)),
    "surfing": (surfer, ("surfer", "surfing", "person on a surfboard", "riding a wave"), ("sea",)),
    "walking": (walker, ("person walking", "a walk", "hiker", "pedestrian"), ("road", "park", "hills")),
    "running": (runner, ("runner", "jogging", "person running"), ("road", "park")),
}


def in_motion(rng: random.Random, size: int) -> Drawn:
    """One person who rides, skis, surfs, walks or runs."""
    what = rng.choice(tuple(_MOVING))
    build, labels, places = _MOVING[what]
    where = rng.choice(places)
    shot = outdoors(rng, size, (0.35, 0.5))
    detail = _ground_for(shot, where)
    colour = rng.choice(("red", "blue", "yellow", "orange", "green", "black", "white"))
    sprite = built(shot, build, colour, 8, 64, 35)
    u, v = rng.uniform(0.35, 0.65) * shot.aspect, rng.uniform(0.8, 0.92)
    paste(shot, sprite, u, v, rng.uniform(0.38, 0.62))
    if where in ("slope", "sea"):
        spray = np.exp(-(((shot.u - u) / 0.22) ** 2) - ((shot.v - v) / 0.05) ** 2) * np.clip(
            shot.noise(shot.u * 60, shot.v * 60, ROUGH) * 1.6 - 0.3, 0, 1
        )
        shot.cover(spray, shot.lit((250, 252, 254)))
    elif rng.random() < 0.1:
        rain(shot)
    return finish(
        shot,
        labels,
        f"a person {what}",
        [f"a [{colour}] jacket" if what != "surfing" else f"a [{colour}] shirt", detail],
    )


def _ground_for(shot: Shot, where: str) -> str:
    rng = shot.rng
    if where == "slope":
        ridge(shot, profile(shot, shot.horizon, rng.uniform(0.15, 0.3), 16), (110, 110, 116), 3, 0.7, 0.8)
        tilt = shot.horizon + 0.1 + (shot.u - shot.aspect / 2) * rng.choice((-0.3, 0.3))
        plane(shot, SNOW, 4)
        plane(shot, SNOW, 5, from_v=tilt)
        return "snowy mountains"
    if where == "sea":
        water(shot, shot.horizon, rng.choice(SEA), 0.3, 1.8)
        crest = 0.45 + (shot.u - shot.aspect / 2) * rng.choice((-0.25, 0.25))
        n = shot.noise(shot.u * 50, shot.v * 50, ROUGH)
        shot.cover(np.exp(-np.abs(shot.v - crest) * 16) * np.clip(n * 2 - 0.3, 0, 1), shot.lit((250, 252, 254)))
        return "a breaking wave"
    treeline_tone = rng.choice(((66, 98, 52), (58, 86, 50), (180, 120, 50)))
    if where == "hills":
        ridge(
            shot, profile(shot, shot.horizon, rng.uniform(0.12, 0.3), 14), (104, 108, 104), 4, 0.6, rng.choice((0, 0.5))
        )
    meadow(shot)
    if where == "park":
        treeline(shot, shot.horizon + 0.04, 0.18, treeline_tone, 1)
    track(shot, (104, 104, 108) if where == "road" else (184, 168, 140), rng.uniform(0.5, 0.9), 0.3)
    if rng.random() < 0.3:
        speckle(shot, shade("yellow", rng), 0.5)
    return {"road": "a road", "park": "trees", "hills": "mountains behind"}[where]


def cat_indoors(rng: random.Random, size: int) -> Drawn:
    """A cat or a dog upon a sofa."""
    shot = Shot(rng, size, ("day", "overcast", "sunrise"), 0.4)
    wall = lighter(shade(rng.choice(("white", "blue", "green", "yellow", "gray", "pink")), rng), rng.uniform(0.3, 0.8))
    shot.pix = np.asarray(
        shot.lit(wall) * (0.85 + 0.3 * shot.noise(shot.u * 15, shot.v * 15, SMOOTH))[..., None], np.float32
    )
    plane(shot, ((160, 120, 82), (136, 98, 66)), 7, furrows=2, from_v=rng.uniform(0.72, 0.82))
    name, seat = rng.choice(("cat", "cat", "cat", "dog")), rng.choice(("sofa", "sofa", "armchair", "bed"))
    base, colour = solid(shot, seat, steep=14, lines=72, turn=0)
    paste(shot, base, shot.aspect / 2, 0.95, rng.uniform(0.5, 0.62) if seat != "armchair" else 0.72)
    fur = rng.choice(("black", "gray", "orange", "white", "brown"))
    pet, _ = solid(shot, name, fur, steep=10, lines=64)
    paste(shot, pet, shot.aspect * rng.uniform(0.42, 0.58), rng.uniform(0.74, 0.8), rng.uniform(0.32, 0.45))
    labels = [f"{name} on a {seat}", f"[{fur}] {name}", name, f"pet {name} at home"]
    return finish(shot, labels, f"a [{fur}] {name} on a [{colour}] {seat}", timed=False)


KINDS: dict[str, tuple[Callable[[random.Random, int], Drawn], int]] = {
    "on the meadow": (on_the_meadow, 7),
    "savanna": (savanna, 3),
    "perched": (perched, 2),
    "underwater": (underwater, 2),
    "on a flower": (on_a_flower, 2),
    "group": (group, 5),
    "crowd": (crowd, 1),
    "in motion": (in_motion, 6),
    "pet indoors": (cat_indoors, 3),
}
