"""Views of tables from above: meals and small things, as shaded solids upon wood, cloth or stone."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageFilter

from training.render import solids
from training.render.atmosphere import COUNTS, MOST_LINES, developed, told
from training.render.canvas import Drawn, shade
from training.render.kit import Kit
from training.render.rays import Array, Paint, Part, cast, ground_shadow, look, shine, yaw_matrix
from training.render.surroundings import paint_behind, surroundings

CHINA, CRUST, BUN = Paint((240, 240, 236), 0.5), Paint((196, 138, 74), 0.1), Paint((204, 142, 74), 0.25)
LEAF, TOMATO, CHEESE = Paint((96, 156, 54), 0.15), Paint((204, 52, 36), 0.4), Paint((244, 200, 84), 0.3)
CREAM, CHOCOLATE, RICE = Paint((246, 236, 214), 0.2), Paint((84, 50, 34), 0.3), Paint((240, 238, 230), 0.1)
STEEL, SALMON, NORI = Paint((176, 178, 184), 0.8), Paint((238, 128, 84), 0.3), Paint((34, 44, 36), 0.3)
EGG, YOLK, MEAT = Paint((250, 248, 242), 0.4), Paint((250, 184, 44), 0.6), Paint((110, 62, 40), 0.2)
BREAD, COFFEE, FLAME = Paint((222, 186, 130), 0.05), Paint((74, 44, 26), 0.6), Paint((255, 196, 84), 0.0, glow=1.0)
WOOD = Paint((156, 106, 64), 0.15, pattern="grain", second=(124, 80, 46))


def snap(
    parts: Sequence[Part], rng: random.Random, steep: float, share: float, home: str = "table"
) -> tuple[Image.Image, bool]:
    """Parts on a table seen from `steep` degrees above, filling about a share of the picture; whether in colour."""
    height = min(MOST_LINES, 92)
    width = int(height * rng.uniform(1, 1.4))
    place = surroundings(rng, home)
    while place.ground in ("grass", "road", "sand", "snow", "water", "earth"):
        place = surroundings(rng, home)
    low, high = solids.bounds(parts)
    middle = np.asarray((low + high) / 2, np.float32)
    view = look(rng.uniform(-25, 25), steep, float(np.linalg.norm(high - low)) * rng.uniform(1.3, 2.5), middle)
    u, v = view.project(np.concatenate([part.corners for part in parts], 1))
    tall = max(float(v.max() - v.min()), float(u.max() - u.min()) / width * height) / share
    x, y = (
        float(u.max() + u.min()) / 2 + rng.uniform(-0.1, 0.1) * tall,
        float(v.max() + v.min()) / 2 + rng.uniform(-0.08, 0.08) * tall,
    )
    half = tall / 2 * width / height
    view = replace(view, window=(x - half, x + half, y - tall / 2, y + tall / 2))
    rays = view.rays(width, height)

    def shadow_of(ground: Array) -> Array:
        hard = ground_shadow(parts, view, ground, place.light)
        soft = Image.fromarray((hard * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 3)))
        return np.asarray(np.asarray(soft) / 255, np.float32)

    image = paint_behind(place, view.eye, rays, shadow_of)
    frame = cast(parts, view, rays)
    sky = place.light.above + 0.2 * place.light.lamp
    image[:, frame.covered] = shine(frame, rays, view.eye, parts, place.light, sky, place.tones[0] * 0.5)
    bright = rng.uniform(1.0, 1.3) / float(place.light.lamp.mean() * 0.85 + place.light.above.mean() * 0.8)
    display = np.clip(image * bright, 0, 1) ** (1 / 2.2)
    return developed(np.asarray(display.transpose(1, 2, 0), np.float32), rng)


def model(kit: Kit, name: str, colour: str, at: tuple[float, float, float], scale: float, turn: float = 0.0) -> None:
    """Adds a shared solid to the parts of a kit."""
    matrix = yaw_matrix(turn, scale)
    chosen = kit.rng.choice(solids.BY_NAME[name])
    built = solids.build(chosen, colour or solids.colour_for(name, kit.rng), kit.rng)
    kit.parts += [part.placed(matrix, np.asarray(at, np.float32)) for part in built]


def around(kit: Kit, radius: float) -> tuple[float, float]:
    """A spot `(x, z)` in a disc."""
    a, r = kit.about(0, 2 * math.pi), radius * math.sqrt(kit.rng.random())
    return r * math.cos(a), r * math.sin(a)


def plate(kit: Kit, radius: float = 1.0, x: float = 0.0, z: float = 0.0, paint: Paint = CHINA) -> None:
    kit.tube((x, 0, z), (x, 0.06, z), radius * 0.7, paint, radius)
    kit.ring((x, 0.07, z), (0, 1, 0), radius * 0.97, 0.03, paint)


def bowl(kit: Kit, radius: float, paint: Paint, x: float = 0.0, z: float = 0.0) -> None:
    kit.tube((x, 0, z), (x, radius * 0.55, z), radius * 0.6, paint, radius)
    kit.ring((x, radius * 0.55, z), (0, 1, 0), radius, 0.04, paint)


def cup(kit: Kit, x: float, z: float, drink: Paint = COFFEE) -> str:
    colour = kit.rng.choice(("white", "white", "red", "blue", "yellow", "black"))
    paint = Paint(shade(colour, kit.rng), 0.5)
    plate(kit, 0.42, x, z, paint)
    kit.tube((x, 0.05, z), (x, 0.4, z), 0.2, paint, 0.27)
    kit.tube((x, 0.39, z), (x, 0.402, z), 0.23, drink)
    kit.ring((x + 0.3, 0.24, z), (0, 0, 1), 0.11, 0.035, paint)
    return colour


def cutlery(kit: Kit, x: float) -> None:
    for s, extra in ((-1, 0.06), (1, 0.0)):
        kit.block((s * x, 0.02, 0.15), (0.025, 0.015, 0.6), STEEL)
        kit.ball((s * x, 0.03, -0.5), (0.05 + extra, 0.02, 0.16), STEEL)


def pizza(kit: Kit) -> tuple[str, list[str]]:
    if kit.rng.random() < 0.6:
        plate(kit, 1.15)
    kit.tube((0, 0.06, 0), (0, 0.11, 0), 0.98, CRUST)
    kit.ring((0, 0.12, 0), (0, 1, 0), 0.94, 0.075, CRUST)
    kit.tube(
        (0, 0.1, 0),
        (0, 0.13, 0),
        0.9,
        kit.some(CHEESE, Paint((226, 130, 60), 0.3, pattern="speckles", second=(244, 206, 110), per_unit=5)),
    )
    top = kit.rng.choice(("salami", "tomatoes and basil", "mushrooms", "olives"))
    for _ in range(kit.rng.randint(9, 14)):
        x, z = around(kit, 0.78)
        if top == "salami":
            kit.tube((x, 0.12, z), (x, 0.15, z), 0.14, Paint((176, 48, 36), 0.3))
        elif top == "olives":
            kit.ring((x, 0.15, z), (0, 1, 0), 0.06, 0.03, Paint((34, 32, 36), 0.5))
        elif top == "mushrooms":
            kit.ball((x, 0.13, z), (0.12, 0.04, 0.09), Paint((206, 184, 150), 0.1))
        else:
            kit.ball((x, 0.13, z), (0.12, 0.05, 0.12), kit.some(TOMATO, LEAF))
    return "pizza", [top, "melted cheese", "a crisp crust"]


def burger(kit: Kit) -> tuple[str, list[str]]:
    plate(kit, 1.1)
    kit.tube((0, 0.06, 0), (0, 0.25, 0), 0.52, BUN, 0.56)
    kit.tube((0, 0.25, 0), (0, 0.42, 0), 0.57, MEAT)
    kit.block((0, 0.44, 0), (0.46, 0.02, 0.46), CHEESE)
    for i in range(9):
        kit.ball((0.52 * math.cos(i * 0.7), 0.5, 0.52 * math.sin(i * 0.7)), (0.16, 0.05, 0.16), LEAF)
    kit.tube((0, 0.5, 0), (0, 0.57, 0), 0.5, TOMATO)
    kit.ball((0, 0.57, 0), (0.58, 0.4, 0.58), BUN, above=0)
    for _ in range(10):
        x, z = around(kit, 0.35)
        kit.ball((x, 0.57 + 0.4 * math.sqrt(max(0.0, 1 - (x * x + z * z) / 0.34)), z), (0.03, 0.015, 0.02), CREAM)
    extras = ["lettuce and tomato", "cheese"]
    if kit.rng.random() < 0.55:
        for _ in range(12):
            kit.block(
                (kit.about(0.62, 0.95), kit.about(0.1, 0.25), kit.about(-0.4, 0.5)),
                (0.035, 0.035, 0.24),
                CHEESE,
                tilt=kit.about(-30, 30),
                lean=kit.about(-15, 15),
            )
        extras.append("french fries")
    return "burger", extras


def salad(kit: Kit) -> tuple[str, list[str]]:
    bowl(kit, 1.0, kit.some(CHINA, WOOD, kit.c))
    tops = kit.rng.sample(["tomatoes", "cucumber", "cheese", "olives", "carrots"], 2)
    inks = {
        "tomatoes": TOMATO,
        "cucumber": Paint((176, 206, 130), 0.2),
        "cheese": CREAM,
        "olives": Paint((40, 36, 44), 0.5),
        "carrots": Paint((236, 130, 44), 0.2),
    }
    for _ in range(26):
        x, z = around(kit, 0.85)
        kit.ball(
            (x, kit.about(0.46, 0.62), z),
            (kit.about(0.12, 0.25), 0.04, kit.about(0.1, 0.2)),
            Paint((kit.rng.randint(80, 140), kit.rng.randint(140, 180), 60), 0.15),
            tilt=kit.about(-35, 35),
        )
    for _ in range(11):
        x, z = around(kit, 0.75)
        kit.ball((x, 0.66, z), (0.11, 0.07, 0.1), inks[kit.rng.choice(tops)])
    return "salad", [*tops, "[green] leaves"]


def soup(kit: Kit) -> tuple[str, list[str]]:
    name, ink = kit.rng.choice(
        (
            ("tomato soup", (206, 70, 36)),
            ("pumpkin soup", (232, 146, 50)),
            ("pea soup", (132, 156, 66)),
            ("vegetable soup", (204, 160, 84)),
        )
    )
    plate(kit, 1.2)
    bowl(kit, 0.9, kit.some(CHINA, CHINA, kit.c))
    kit.tube((0, 0.45, 0), (0, 0.505, 0), 0.86, Paint(ink, 0.5))
    for _ in range(12 if name == "vegetable soup" else 5):
        x, z = around(kit, 0.6)
        kit.ball(
            (x, 0.51, z),
            (0.09, 0.03, 0.09),
            kit.some(LEAF, TOMATO, CREAM) if name == "vegetable soup" else kit.some(LEAF, CREAM),
        )
    kit.block((1.45, 0.03, 0), (0.03, 0.02, 0.5), STEEL)
    kit.ball((1.45, 0.04, -0.55), (0.13, 0.04, 0.2), STEEL)
    return name, ["a spoon", "herbs on top"]


def sushi(kit: Kit) -> tuple[str, list[str]]:
    kit.block((0, 0.04, 0), (1.3, 0.04, 0.75), kit.some(WOOD, Paint((44, 44, 50), 0.4), CHINA))
    for i in range(4):
        x = -0.9 + i * 0.6
        kit.tube((x, 0.08, 0.35), (x, 0.36, 0.35), 0.22, NORI)
        kit.tube((x, 0.36, 0.35), (x, 0.37, 0.35), 0.19, RICE)
        kit.tube((x, 0.36, 0.35), (x, 0.38, 0.35), 0.08, kit.some(SALMON, LEAF, TOMATO))
        kit.ball((x, 0.18, -0.3), (0.2, 0.14, 0.32), RICE)
        kit.ball((x, 0.28, -0.3), (0.2, 0.1, 0.38), kit.some(SALMON, SALMON, Paint((236, 110, 110), 0.3)))
    for z in (-0.9, -0.98):
        kit.tube((-1.1, 0.08, z), (1.1, 0.08, z), 0.025, Paint((120, 60, 40), 0.3))
    return "sushi", ["salmon and rice", "chopsticks"]


def sandwich(kit: Kit) -> tuple[str, list[str]]:
    plate(kit, 1.15)
    for i in range(kit.rng.choice((1, 2, 2))):
        z = -0.35 + 0.75 * i
        for y, paint, h in (
            (0.12, BREAD, 0.06),
            (0.22, LEAF, 0.03),
            (0.28, TOMATO, 0.035),
            (0.34, CHEESE, 0.02),
            (0.43, BREAD, 0.06),
        ):
            kit.block((0.02 * math.sin(y * 40), y, z), (0.62, h, 0.33 if paint is BREAD else 0.36), paint)
    return "sandwich", ["lettuce", "tomato and cheese", "toasted bread"]


def breakfast(kit: Kit) -> tuple[str, list[str]]:
    details = [f"a cup of coffee in a [{cup(kit, 1.1, -0.5)}] cup"]
    plate(kit, 0.9, -0.3, 0.2)
    if kit.rng.random() < 0.6:
        for i in range(7):
            a = math.pi * (i / 6)
            kit.ball(
                (-0.55 + 0.42 * math.cos(a), 0.2, 0.35 - 0.3 * math.sin(a)),
                (0.17, 0.1 + 0.06 * math.sin(a), 0.17),
                Paint((206 - i % 2 * 22, 140 - i % 2 * 22, 66), 0.35),
            )
        details.append("a croissant")
    if kit.rng.random() < 0.6:
        for x in (0.1, -0.25)[: kit.rng.randint(1, 2)]:
            kit.ball((x, 0.09, 0.5 if x > 0 else -0.1), (0.32, 0.04, 0.27), EGG)
            kit.ball((x, 0.12, 0.5 if x > 0 else -0.1), (0.12, 0.08, 0.12), YOLK)
        details.append("a fried egg")
    if kit.rng.random() < 0.5:
        kit.tube((1.2, 0, 0.6), (1.2, 0.7, 0.6), 0.2, Paint((246, 166, 40), 0.6), 0.26)
        details.append("a glass of orange juice")
    if len(details) == 1 or kit.rng.random() < 0.3:
        kit.block((-0.2, 0.12, 0.1), (0.36, 0.05, 0.36), BREAD)
        details.append("toast")
    return "breakfast", details


def fruit(kit: Kit) -> tuple[str, list[str]]:
    bowl(kit, 1.0, kit.some(WOOD, CHINA, kit.c, STEEL))
    names = kit.rng.sample(["apple", "orange fruit", "pear", "banana", "lemon"], 3)
    for i in range(8):
        a = i * 2 * math.pi / 7
        at = (0.55 * math.cos(a), 0.42, 0.55 * math.sin(a)) if i < 7 else (0.0, 0.62, 0.0)
        model(kit, names[i % 3], "", at, 0.3 if names[i % 3] != "banana" else 0.42, kit.about(0, 360))
    words = {"orange fruit": "oranges", "banana": "bananas", "apple": "apples", "pear": "pears", "lemon": "lemons"}
    return "bowl of fruit", [words[n] for n in names]


def birthday(kit: Kit) -> tuple[str, list[str]]:
    plate(kit, 1.3)
    icing = Paint(shade(kit.rng.choice(("pink", "white", "brown", "yellow", "turquoise")), kit.rng), 0.3)
    cream = kit.some(CREAM, CHOCOLATE, icing)
    kit.tube((0, 0.06, 0), (0, 0.6, 0), 0.95, icing)
    kit.tube((0, 0.6, 0), (0, 0.64, 0), 0.97, cream)
    for i in range(12):
        a = i * math.pi / 6
        kit.ball((0.86 * math.cos(a), 0.68, 0.86 * math.sin(a)), 0.1, kit.some(CREAM, TOMATO))
    count = kit.rng.randint(3, 9)
    for i in range(count):
        a = i * 2 * math.pi / count
        x, z = 0.5 * math.cos(a), 0.5 * math.sin(a)
        kit.tube(
            (x, 0.64, z),
            (x, 1.0, z),
            0.04,
            Paint(shade(kit.rng.choice(("red", "blue", "yellow", "white")), kit.rng), 0.2),
        )
        kit.ball((x, 1.09, z), (0.05, 0.09, 0.05), FLAME)
    return "birthday cake", [
        f"{COUNTS[count]} burning candles" if count < len(COUNTS) else "many burning candles",
        "icing",
    ]


def wine(kit: Kit) -> tuple[str, list[str]]:
    red = kit.rng.random() < 0.6
    ink = Paint((110, 16, 34) if red else (232, 210, 130), 0.7)
    clear = Paint((150, 158, 164), 0.9)
    for i in range(kit.rng.choice((2, 2, 3))):
        x = -0.6 + i * 0.75
        kit.tube((x, 0, 0), (x, 0.04, 0), 0.3, clear)
        kit.tube((x, 0.04, 0), (x, 0.65, 0), 0.04, clear)
        kit.ball((x, 1.0, 0), (0.32, 0.42, 0.32), ink, below=0.1)
        kit.ball((x, 1.0, 0), (0.33, 0.5, 0.33), clear, above=0.1, below=0.75)
    if kit.rng.random() < 0.6:
        model(kit, "bottle", "green", (1.5, 0, -0.4), 0.95)
    return ("red wine" if red else "white wine") + " glasses", ["thin stems"]


def chess(kit: Kit) -> tuple[str, list[str]]:
    kit.block((0, 0.05, 0), (1.35, 0.05, 1.35), Paint((90, 56, 34), 0.3))
    kit.block(
        (0, 0.08, 0), (1.2, 0.03, 1.2), Paint((232, 208, 166), 0.3, pattern="checks", second=(124, 76, 46), per_unit=4)
    )
    for _ in range(14):
        x, z = (kit.rng.randrange(8) - 3.5) * 0.3, (kit.rng.randrange(8) - 3.5) * 0.3
        paint = kit.some(Paint((238, 226, 200), 0.4), Paint((44, 34, 30), 0.4))
        h = kit.rng.choice((0.25, 0.25, 0.35, 0.5))
        kit.tube((x, 0.1, z), (x, 0.1 + h, z), 0.1, paint, 0.05)
        kit.ball((x, 0.13 + h, z), 0.08, paint)
    return "chess board", ["[white] and [black] chess pieces", "a game of chess"]


def dice(kit: Kit) -> tuple[str, list[str]]:
    count, colour = kit.rng.randint(1, 5), kit.rng.choice(("white", "white", "red", "blue", "black"))
    ink = Paint((24, 24, 26)) if colour == "white" else Paint((245, 245, 245))
    for i in range(count):
        x, z = (i - (count - 1) / 2) * 0.85, kit.about(-0.4, 0.4)
        kit.block((x, 0.3, z), (0.3, 0.3, 0.3), Paint(shade(colour, kit.rng), 0.5), soft=0.08)
        for up in (True, False):
            for a, b in kit.rng.choice(
                (
                    ((0, 0),),
                    ((-1, -1), (0, 0), (1, 1)),
                    ((-1, -1), (-1, 1), (1, -1), (1, 1)),
                    ((-1, -1), (-1, 1), (1, -1), (1, 1), (0, 0)),
                    ((-1, -1), (-1, 0), (-1, 1), (1, -1), (1, 0), (1, 1)),
                )
            ):
                at = (x + a * 0.15, 0.6, z + b * 0.15) if up else (x + a * 0.15, 0.3 + b * 0.15, z + 0.3)
                kit.ball(at, (0.055, 0.015, 0.055) if up else (0.055, 0.055, 0.015), ink)
    return (f"{COUNTS[count]} [{colour}] dice" if count > 1 else f"[{colour}] die"), []


def cards(kit: Kit) -> tuple[str, list[str]]:
    for i in range(kit.rng.randint(4, 7)):
        x, tone = -0.9 + i * 0.34, kit.some(Paint((200, 30, 40)), Paint((24, 24, 28)))
        y = 0.02 + i * 0.02
        kit.block((x, y, 0.06 * abs(i - 2)), (0.32, 0.008, 0.48), Paint((250, 250, 248), 0.3))
        for dx, dz in ((0, 0), (-0.22, -0.36), (0.22, 0.36)):
            kit.ball(
                (x + dx, y + 0.01, dz + 0.06 * abs(i - 2)),
                (0.1 if dx == 0 else 0.05, 0.006, 0.12 if dx == 0 else 0.06),
                tone,
            )
    return "playing cards", ["a hand of cards", "[red] and [black] symbols"]


def books(kit: Kit) -> tuple[str, list[str]]:
    count, y = kit.rng.randint(3, 6), 0.0
    names = [
        kit.rng.choice(("red", "blue", "green", "brown", "yellow", "black", "orange", "purple")) for _ in range(count)
    ]
    for name in names:
        h, x = kit.about(0.07, 0.14), kit.about(-0.1, 0.1)
        paint = Paint(shade(name, kit.rng), 0.2)
        kit.block((x, y + h, 0), (0.75, h * 0.8, 0.5), CREAM)
        for s in (-1, 1):
            kit.block((x, y + h + s * h * 0.9, 0.0), (0.79, h * 0.12, 0.54), paint)
        kit.block((x, y + h, 0.52), (0.79, h, 0.02), paint)
        y += 2 * h
    details = [f"{COUNTS[count]} books"]
    if kit.rng.random() < 0.4:
        model(kit, "cup", "", (1.4, 0, 0), 0.4)
        details.append("a cup")
    return "stack of books", [*details, f"a [{names[-1]}] book on top"]


def candles(kit: Kit) -> tuple[str, list[str]]:
    count = kit.rng.randint(2, 5)
    for i in range(count):
        x, z, h, r = (i - count / 2) * 0.6 + 0.3, kit.about(-0.3, 0.3), kit.about(0.5, 1.3), kit.about(0.14, 0.24)
        kit.tube((x, 0, z), (x, h, z), r, kit.some(CREAM, kit.c))
        kit.ball((x, h + 0.16, z), (0.06, 0.14, 0.06), FLAME)
    return "candles", [f"{COUNTS[count]} burning candles", "small flames"]


def presents(kit: Kit) -> tuple[str, list[str]]:
    tree = kit.rng.random() < 0.6
    if tree:
        kit.tube((0, 0, -0.4), (0, 0.3, -0.4), 0.1, CHOCOLATE)
        for y, r in ((0.25, 0.95), (0.8, 0.75), (1.35, 0.5)):
            kit.tube(
                (0, y, -0.4),
                (0, y + 0.95, -0.4),
                r,
                Paint((40, 92, 52), 0.1, pattern="speckles", second=(26, 66, 38), per_unit=9),
                0.05,
            )
        for i in range(22):
            y, a = 0.4 + i * 0.075, i * 2.4
            r = 0.92 * (1 - (y - 0.25) / 2.2)
            kit.ball((r * math.cos(a), y, -0.4 + r * math.sin(a)), 0.07, kit.some(TOMATO, YOLK, FLAME, FLAME))
        kit.ball((0, 2.3, -0.4), 0.13, FLAME)
    count = kit.rng.randint(1, 4)
    names = [kit.rng.choice(("red", "blue", "green", "white", "purple", "pink", "yellow")) for _ in range(count)]
    for i, name in enumerate(names):
        x, s = (i - (count - 1) / 2) * 0.8, kit.about(0.22, 0.38)
        ribbon = Paint(shade(kit.rng.choice(("yellow", "white", "red")), kit.rng), 0.5)
        kit.block((x, s, 0.75), (s, s, s), Paint(shade(name, kit.rng), 0.3))
        kit.block((x, s, 0.75), (s * 0.15, s * 1.01, s * 1.01), ribbon)
        kit.block((x, s, 0.75), (s * 1.01, s * 1.01, s * 0.15), ribbon)
        for d in (-1, 1):
            kit.ball((x + d * s * 0.3, 2 * s + 0.06, 0.75), (s * 0.3, 0.06, s * 0.16), ribbon, tilt=d * 25)
    gifts = f"a [{names[0]}] gift box" if count == 1 else f"{COUNTS[count]} gift boxes"
    return (
        ("christmas tree", ["lights and baubles", gifts])
        if tree
        else ("gift boxes" if count > 1 else "gift box", [gifts, "ribbons"])
    )


def music(kit: Kit) -> tuple[str, list[str]]:
    name = kit.rng.choice(("guitar", "drum", "piano keyboard", "piano keyboard", "violin"))
    if name in ("guitar", "drum"):
        model(kit, name, kit.rng.choice(("brown", "red", "black", "orange")), (0, 0, 0), 1.0)
    elif name == "violin":
        body = Paint((160, 82, 36), 0.7)
        kit.ball((0, 0.15, 0.5), (0.42, 0.13, 0.42), body)
        kit.ball((0, 0.15, -0.15), (0.34, 0.13, 0.36), body)
        kit.block((0, 0.28, -0.55), (0.05, 0.03, 0.75), NORI)
        kit.ball((0, 0.27, -1.35), (0.08, 0.08, 0.14), body)
        kit.block((0, 0.3, 0.3), (0.1, 0.05, 0.015), CREAM)
        kit.tube((0.65, 0.05, 1.0), (0.8, 0.05, -1.1), 0.02, body)
    else:
        kit.block((0, 0.1, -0.2), (1.6, 0.1, 0.7), NORI)
        for i in range(14):
            kit.block((-1.4 + i * 0.215, 0.22, 0.15), (0.098, 0.05, 0.36), EGG)
            if i % 7 not in (2, 6):
                kit.block((-1.29 + i * 0.215, 0.3, 0.0), (0.055, 0.05, 0.2), NORI)
    return name, []


def set_table(kit: Kit) -> tuple[str, list[str]]:
    for x in (-1.6, 1.6)[: kit.rng.randint(1, 2)]:
        kit.parts += _setting(kit, x)
    extra = kit.rng.choice(("flowers", "candle", "bottle"))
    model(kit, {"flowers": "vase"}.get(extra, extra), "", (0, 0, -1.0), 0.5)
    kit.tube((0.55, 0, -0.6), (0.55, 0.5, -0.6), 0.14, Paint((200, 212, 220), 0.9), 0.2)
    return "set table", [
        "plates",
        "knives and forks",
        {"flowers": "a vase", "candle": "a candle", "bottle": "a bottle"}[extra],
    ]


def _setting(kit: Kit, x: float) -> list[Part]:
    own = Kit(kit.rng, kit.c.colour, 0.3)
    plate(own, 0.75)
    plate(own, 0.5)
    cutlery(own, 1.0)
    at = np.array([x, 0, 0.2], np.float32)
    return [part.placed(np.eye(3, dtype=np.float32), at) for part in own.parts]


def stall(kit: Kit) -> tuple[str, list[str]]:
    kinds = kit.rng.sample(
        [
            ("apples", "red"),
            ("oranges", "orange"),
            ("lemons", "yellow"),
            ("limes", "green"),
            ("plums", "purple"),
            ("tomatoes", "red"),
            ("peaches", "pink"),
        ],
        3,
    )
    for i, (_, colour) in enumerate(kinds):
        x = (i - 1) * 1.3
        kit.block((x, 0.12, 0), (0.62, 0.12, 0.8), WOOD)
        for row in range(4):
            for column in range(4):
                r = 0.155
                kit.ball(
                    (x - 0.45 + column * 0.3, 0.3 + kit.about(0, 0.05), -0.55 + row * 0.36),
                    r,
                    Paint(shade(colour, kit.rng), 0.4),
                )
    return "fruit market stall", [name for name, _ in kinds]


def ice_cream(kit: Kit) -> tuple[str, list[str]]:
    colours = kit.rng.sample(["pink", "brown", "white", "yellow", "green"], 2)
    if kit.rng.random() < 0.5:
        model(kit, "ice cream", colours[0], (0, 0, 0), 1.0)
        return "ice cream cone", [f"[{colours[0]}] ice cream in a cone"]
    bowl(kit, 0.8, Paint((214, 224, 230), 0.8))
    for i, c in enumerate((*colours, colours[0])):
        kit.ball(
            (0.36 * math.cos(i * 2.1), 0.55, 0.36 * math.sin(i * 2.1)),
            0.34,
            Paint(shade(c, kit.rng), 0.15, pattern="speckles", second=(250, 244, 236), per_unit=3),
        )
    return "ice cream", [f"[{c}] scoops" for c in colours] + ["a glass bowl"]


# What makes it, its share, words besides its own, lowest and highest angle of the camera.
_MADE: tuple[tuple[Callable[[Kit], tuple[str, list[str]]], int, tuple[str, ...], tuple[float, float]], ...] = (
    (pizza, 3, ("food", "italian food", "pizza on a table"), (35, 85)),
    (burger, 3, ("hamburger", "fast food", "food"), (10, 40)),
    (salad, 2, ("bowl of salad", "vegetables", "healthy food"), (35, 80)),
    (soup, 2, ("bowl of soup", "soup", "food"), (35, 75)),
    (sushi, 2, ("japanese food", "food"), (25, 60)),
    (sandwich, 2, ("sandwiches", "snack", "food"), (15, 45)),
    (breakfast, 3, ("breakfast table", "coffee and breakfast", "meal"), (35, 80)),
    (fruit, 3, ("fruit", "fruit bowl"), (20, 55)),
    (birthday, 2, ("cake", "cake with candles", "dessert"), (12, 45)),
    (wine, 2, ("wine glasses", "drinks", "glasses of wine"), (4, 25)),
    (ice_cream, 2, ("dessert", "scoops of ice cream"), (15, 55)),
    (set_table, 2, ("dining table", "table laid for a meal"), (30, 70)),
    (stall, 2, ("market stall", "fruit at the market", "fresh fruit"), (25, 60)),
    (chess, 2, ("chess", "board game"), (25, 60)),
    (cards, 1, ("cards", "card game"), (45, 80)),
    (dice, 1, ("game of dice", "gambling"), (25, 55)),
    (books, 2, ("books", "pile of books"), (10, 40)),
    (candles, 1, ("burning candles", "candle light"), (5, 30)),
    (presents, 3, ("presents", "gifts", "celebration"), (6, 25)),
    (music, 2, ("musical instrument", "music"), (30, 70)),
)


def on_a_table(
    made: Callable[[Kit], tuple[str, list[str]]], others: Sequence[str], angles: tuple[float, float]
) -> Callable[[random.Random, int], Drawn]:
    """A kind of view of what a builder makes."""

    def make(rng: random.Random, _: int) -> Drawn:
        kit = Kit(rng, shade(rng.choice(("blue", "red", "white", "green", "brown", "turquoise", "yellow")), rng), 0.3)
        name, details = made(kit)
        image, coloured = snap(kit.parts, rng, rng.uniform(*angles), rng.uniform(0.75, 1.12))
        subject = (
            name
            if (name.endswith(("s", "dice")) and name != "chess")
            or name in ("sushi", "ice cream", "breakfast", "salad")
            else f"a {name}"
        )
        return told(rng, image, [name, *others, f"close-up of {name}"], subject, details, (), coloured)

    return make


KINDS: dict[str, tuple[Callable[[random.Random, int], Drawn], int]] = {
    made.__name__.replace("_", " "): (on_a_table(made, others, angles), share) for made, share, others, angles in _MADE
}
