"""Pictures of one drawn object, of several in a relation, and of plain shapes: where colour is bound to object.

`describe` and `compose` are separate, so that a picture with the same words swapped can be made for the reranker.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw, ImageFilter

from training.render.canvas import COLOURS, SYNONYMS, VIVID, Drawn, Pen, Rgb, article, gradient, lighter, shade
from training.render.drawing import Drawing
from training.render.living import LIVING
from training.render.things import THINGS

DRAWINGS = THINGS + LIVING
BY_NAME: dict[str, list[Drawing]] = {}
for _drawing in DRAWINGS:
    BY_NAME.setdefault(_drawing.name, []).append(_drawing)

COUNTS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
_PLURALS = {
    "fish": "fish",
    "sheep": "sheep",
    "loaf of bread": "loaves of bread",
    "cherry": "cherries",
    "butterfly": "butterflies",
    "person": "people",
    "snowman": "snowmen",
    "bookshelf": "bookshelves",
}
_SHAPES = ("circle", "square", "triangle", "rectangle", "diamond")


@dataclass(frozen=True)
class Thing:
    """An object and the colour it is drawn in; `named` says whether its text names the colour."""

    name: str
    colour: str
    named: bool = True

    @property
    def phrase(self) -> str:
        return f"{self.colour} {self.name}" if self.named else self.name


def plural(name: str) -> str:
    if name in _PLURALS:
        return _PLURALS[name]
    return f"{name}es" if name.endswith(("s", "x", "sh", "ch")) else f"{name}s"


def any_thing(rng: random.Random) -> Thing:
    if rng.random() < 0.12:
        return Thing(rng.choice(_SHAPES), rng.choice(COLOURS))
    name = rng.choice(tuple(BY_NAME))
    return Thing(name, colour_for(name, rng), not BY_NAME[name][0].own_colour)


def colour_for(name: str, rng: random.Random) -> str:
    """A colour that suits the object; half of the choices among the usual ones are any vivid one for what takes all."""
    if name in _SHAPES:
        return rng.choice(COLOURS)
    drawing = BY_NAME[name][0]
    return drawing.own_colour or rng.choice(drawing.usual or (COLOURS if rng.random() < 0.5 else VIVID))


def recoloured(thing: Thing, rng: random.Random) -> Thing:
    """The same object in another colour that it takes."""
    choices: tuple[str, ...] = COLOURS
    if thing.name in BY_NAME:
        choices = BY_NAME[thing.name][0].usual or COLOURS
    return replace(thing, colour=rng.choice([c for c in choices if c != thing.colour]))


def draw_thing(
    draw: ImageDraw.ImageDraw, thing: Thing, box: tuple[float, float, float, float], rng: random.Random
) -> None:
    colour = shade(thing.colour, rng)
    pen = Pen(draw, box, rng)
    if thing.colour == "white":
        pen.outline = (70, 70, 75)
    if thing.name in _SHAPES:
        _shape(pen, thing.name, colour)
    else:
        rng.choice(BY_NAME[thing.name]).draw(pen, colour)


def _shape(pen: Pen, name: str, c: Rgb) -> None:
    if name == "circle":
        pen.oval(0.5, 0.5, 0.45, 0.45, c)
    elif name == "triangle":
        pen.poly([(0.5, 0.06), (0.95, 0.92), (0.05, 0.92)], c)
    elif name == "diamond":
        pen.poly([(0.5, 0.04), (0.94, 0.5), (0.5, 0.96), (0.06, 0.5)], c)
    elif name == "rectangle":
        pen.rect(0.02, 0.28, 0.98, 0.74, c)
    else:
        pen.rect(0.08, 0.08, 0.92, 0.92, c)


def backdrop(size: tuple[int, int], rng: random.Random) -> tuple[Image.Image, str]:
    """A background and words for it: paper, plain colour, a lawn, a road, a room, water or the night."""
    kind = rng.choice(("", "", "", "plain", "plain", "grass", "road", "room", "water", "night", "sand"))
    if not kind:
        level = rng.randint(235, 255)
        return Image.new("RGB", size, (level, level, rng.randint(225, 255))), ""
    if kind == "plain":
        name = rng.choice(COLOURS)
        tone = lighter(shade(name, rng), rng.uniform(0.3, 0.75))
        return gradient(size, tone, lighter(tone, rng.uniform(0, 0.3))), ""
    tops = {"room": "orange", "night": "black"}
    grounds = {"grass": "green", "road": "gray", "room": "brown", "water": "blue", "night": "black", "sand": "yellow"}
    image = gradient(size, lighter(shade(tops.get(kind, "blue"), rng), 0 if kind == "night" else 0.5), (235, 240, 245))
    if kind == "night":
        image = gradient(size, (10, 12, 35), (45, 45, 85))
    horizon = int(size[1] * rng.uniform(0.5, 0.75))
    ImageDraw.Draw(image).rectangle((0, horizon, *size), fill=lighter(shade(grounds[kind], rng), rng.uniform(0, 0.4)))
    where = {
        "grass": "on the grass",
        "road": "on a road",
        "room": "in a room",
        "water": "by the water",
        "night": "at night",
    }
    return image, where.get(kind, "on the sand")


def finish(image: Image.Image, rng: random.Random) -> Image.Image:
    """Now and then soft, shaded, or drawn in lines."""
    if rng.random() < 0.2:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.5)))
    if rng.random() < 0.25:
        light = gradient(image.size, (255, 255, 255), (rng.randint(140, 220),) * 3)
        image = Image.composite(image, Image.new("RGB", image.size), light.convert("L"))
    return image


def compose_one(thing: Thing, size: int, rng: random.Random) -> tuple[Image.Image, str]:
    """The thing alone, and where it is in words, perhaps none."""
    width, height = int(size * rng.uniform(1, 1.5)), size
    image, where = backdrop((width, height), rng)
    share = rng.uniform(0.4, 0.92)
    side = height * share
    x = rng.uniform(0, width - side)
    y = (height - side) * rng.uniform(0.3, 0.9)
    draw_thing(ImageDraw.Draw(image), thing, (x, y, x + side * rng.uniform(0.9, 1.2), y + side), rng)
    return finish(image, rng), where


def single(rng: random.Random, size: int) -> Drawn:
    thing = any_thing(rng)
    image, where = compose_one(thing, size, rng)
    medium = rng.choice(("drawing", "illustration", "picture", "cartoon", "clip art"))
    texts = [thing.phrase, article(thing.phrase), f"{medium} of {article(thing.phrase)}"]
    if where:
        texts.append(f"{article(thing.phrase)} {where}")
    texts += [thing.name, f"{medium} of {article(thing.name)}"]
    others = BY_NAME[thing.name][0].others if thing.name in BY_NAME else ("geometric shape",)
    texts += [f"{thing.colour} {o}" if thing.named else o for o in others[:1]] + list(others)
    if thing.colour in SYNONYMS and thing.named:
        texts.append(f"{SYNONYMS[thing.colour]} {thing.name}")
    return Drawn(image, tuple(texts), f"object:{thing.phrase}")


def counted(rng: random.Random, size: int) -> Drawn:
    thing, count = any_thing(rng), rng.choice((1, 2, 2, 3, 3, 4, 5, 6))
    noun = thing.name if count == 1 else plural(thing.name)
    what = f"{thing.colour} {noun}" if thing.named else noun
    texts = (f"{COUNTS[count]} {what}", f"{COUNTS[count]} {noun}", what, f"a drawing of {COUNTS[count]} {what}")
    return Drawn(compose_count(thing, count, size, rng), texts, f"count:{count} {thing.phrase}")


def compose_count(thing: Thing, count: int, size: int, rng: random.Random) -> Image.Image:
    width = int(size * rng.uniform(1, 1.4))
    image, _ = backdrop((width, size), rng)
    draw = ImageDraw.Draw(image)
    columns, rows = (count, 1) if count < 3 else (3, 2) if count > 4 else (2, 2)
    cells = rng.sample([(c, r) for c in range(columns) for r in range(rows)], count)
    w, h = width / columns, size / rows
    for c, r in cells:
        side = min(w, h) * rng.uniform(0.65, 0.92)
        x, y = c * w + rng.uniform(0, w - side), r * h + rng.uniform(0, h - side)
        draw_thing(draw, thing, (x, y, x + side, y + side), rng)
    return finish(image, rng)


RELATIONS = ("left of", "right of", "above", "below", "next to")
_INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
_LONG = {
    "left of": "to the left of",
    "right of": "to the right of",
    "above": "over",
    "below": "under",
    "next to": "beside",
}


def related(rng: random.Random, size: int) -> Drawn:
    first, second = any_thing(rng), any_thing(rng)
    while second.name == first.name:
        second = any_thing(rng)
    relation = rng.choice(RELATIONS)
    image = compose_pair(first, relation, second, size, rng)
    return Drawn(image, pair_texts(first, relation, second), "")


def pair_texts(first: Thing, relation: str, second: Thing) -> tuple[str, ...]:
    a, b = article(first.phrase), article(second.phrase)
    texts = [f"{a} and {b}", f"{a} {relation} {b}", f"{a} {_LONG[relation]} {b}", f"{b} and {a}"]
    texts += [f"{article(first.name)} and {article(second.name)}"]
    if relation in _INVERSE:
        texts.append(f"{b} {_INVERSE[relation]} {a}")
    return (*texts, first.phrase, second.phrase)


def compose_pair(first: Thing, relation: str, second: Thing, size: int, rng: random.Random) -> Image.Image:
    if relation == "next to":
        relation = rng.choice(("left of", "right of"))
    upright = relation in ("above", "below")
    width = int(size * (1 if upright else rng.uniform(1, 1.5)))
    image, _ = backdrop((width, size), rng)
    draw = ImageDraw.Draw(image)
    order = [first, second] if relation in ("left of", "above") else [second, first]
    for i, thing in enumerate(order):
        w, h = (width, size / 2) if upright else (width / 2, size)
        side = min(w, h) * rng.uniform(0.7, 0.97)
        x = rng.uniform(0, w - side) + (0 if upright else i * w)
        y = rng.uniform(0, h - side) + (i * h if upright else 0)
        draw_thing(draw, thing, (x, y, x + side, y + side), rng)
    return finish(image, rng)


def bee_on_flower(rng: random.Random, size: int) -> Drawn:
    """An insect or bird upon a plant: the nearest thing to an everyday scene that two drawings can make."""
    rider = Thing(rng.choice(("bee", "bee", "butterfly", "ladybird", "snail", "bird")), rng.choice(VIVID))
    seat = Thing(rng.choice(("flower", "flower", "flower", "tulip", "tree", "leaf", "mushroom")), "green")
    seat = replace(seat, colour=colour_for(seat.name, rng))
    image, _ = backdrop((size, size), rng)
    draw = ImageDraw.Draw(image)
    draw_thing(draw, seat, (size * 0.12, size * 0.14, size * 0.9, size * 0.98), rng)
    side = size * rng.uniform(0.26, 0.42)
    x, y = size * rng.uniform(0.3, 0.5), size * rng.uniform(0.06, 0.3)
    draw_thing(draw, rider, (x, y, x + side, y + side), rng)
    a, b = article(rider.name), article(seat.name)
    texts = (
        f"{a} on {b}",
        f"{a} on {article(f'{seat.colour} {seat.name}')}",
        f"{a} sitting on {b}",
        rider.name,
        seat.name,
    )
    return Drawn(finish(image, rng), texts, f"on:{rider.name} {seat.name}")
