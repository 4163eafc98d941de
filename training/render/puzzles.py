"""Sets of pictures that share words but not meaning.

Each is the one right answer to its own text and wrong for all the others.

A red car, a blue car, a red house, a blue house; three apples and four; the cat left of the dog and the dog left of
the cat. All pictures of one puzzle are drawn flat, or all as solids.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image

from training.render import objects, solids
from training.render.canvas import Drawn, article
from training.render.objects import COUNTS, Thing, pair_texts, plural

PIECES = 8  # pictures in a puzzle


@dataclass(frozen=True)
class Art:
    """A way to draw things, and the things it knows."""

    any_thing: Callable[[random.Random], Thing]
    colour_for: Callable[[str, random.Random], str]
    recoloured: Callable[[Thing, random.Random], Thing]
    one: Callable[[Thing, int, random.Random], tuple[Image.Image, str]]
    count: Callable[[Thing, int, int, random.Random], Image.Image]
    pair: Callable[[Thing, str, Thing, int, random.Random], Image.Image]


FLAT, SOLID = (
    Art(m.any_thing, m.colour_for, m.recoloured, m.compose_one, m.compose_count, m.compose_pair)
    for m in (objects, solids)
)


def _coloured_thing(art: Art, rng: random.Random) -> Thing:
    while True:
        thing = art.any_thing(rng)
        if thing.named:
            return thing


def _one(art: Art, thing: Thing, size: int, rng: random.Random) -> Drawn:
    image, _ = art.one(thing, size, rng)
    texts = (thing.phrase, article(thing.phrase), f"a picture of {article(thing.phrase)}")
    return Drawn(image, texts)


def colours(art: Art, rng: random.Random, size: int) -> list[Drawn]:
    """Two or more things, each in the same few colours."""
    things: dict[str, Thing] = {}
    first = _coloured_thing(art, rng)
    while len(things) < PIECES:
        thing = rng.choice(
            (replace(first, name=_coloured_thing(art, rng).name), art.recoloured(first, rng), _coloured_thing(art, rng))
        )
        if rng.random() < 0.3 and things:
            thing = art.recoloured(rng.choice(list(things.values())), rng)
        if not things:
            thing = first
        things[thing.phrase] = thing
    return [_one(art, thing, size, rng) for thing in things.values()]


def counts(art: Art, rng: random.Random, size: int) -> list[Drawn]:
    """One to five of a thing, and of another."""
    found = []
    first = second = _coloured_thing(art, rng)
    while second.name == first.name:
        second = _coloured_thing(art, rng)
    for thing, highest in ((first, 5), (second, 3)):
        for count in range(1, highest + 1):
            noun = thing.name if count == 1 else plural(thing.name)
            texts = (
                f"{COUNTS[count]} {thing.colour} {noun}",
                f"{COUNTS[count]} {noun}",
                f"a picture of {COUNTS[count]} {thing.colour} {noun}",
            )
            found.append(Drawn(art.count(thing, count, size, rng), texts))
    return found


def places(art: Art, rng: random.Random, size: int) -> list[Drawn]:
    """Two things in every arrangement, and with their colours exchanged."""
    a, b = _coloured_thing(art, rng), _coloured_thing(art, rng)
    while b.name == a.name or b.colour == a.colour:
        b = _coloured_thing(art, rng)
    relation = rng.choice(("left of", "above"))
    swapped_a, swapped_b = replace(a, colour=b.colour), replace(b, colour=a.colour)
    other = "above" if relation == "left of" else "left of"
    pairs = [(a, relation, b), (b, relation, a), (swapped_a, relation, swapped_b), (swapped_b, relation, swapped_a)]
    pairs += [(a, other, b), (b, other, a), (swapped_a, other, swapped_b), (swapped_b, other, swapped_a)]
    return [_placed(art, *pair, size, rng) for pair in pairs]


def _placed(art: Art, a: Thing, relation: str, b: Thing, size: int, rng: random.Random) -> Drawn:
    texts = pair_texts(a, relation, b)
    # Only the wordings that name the arrangement: the others fit several pictures of the puzzle.
    return Drawn(art.pair(a, relation, b, size, rng), (texts[1], texts[2], texts[5]))


def presence(art: Art, rng: random.Random, size: int) -> list[Drawn]:
    """With and without: three pairs of things, and most of those alone."""
    names: list[str] = []
    while len(names) < 6:
        name = art.any_thing(rng).name
        names += [name] if name not in names else []
    a, b, c, d, e, f = (Thing(n, art.colour_for(n, rng), named=False) for n in names)

    def pair(x: Thing, y: Thing) -> Drawn:
        texts = (
            f"{article(x.name)} and {article(y.name)}",
            f"{article(y.name)} with {article(x.name)}",
            f"{x.name} and {y.name}",
        )
        return Drawn(art.pair(x, "next to", y, size, rng), texts)

    def alone(x: Thing, missing: Thing) -> Drawn:
        texts = (
            f"{article(x.name)} without {article(missing.name)}",
            f"{article(x.name)} alone",
            f"only {article(x.name)}",
        )
        return Drawn(art.one(x, size, rng)[0], texts)

    alone_ones = [alone(x, y) for x, y in ((a, b), (b, a), (c, d), (d, c), (e, f))]
    return [pair(a, b), pair(c, d), pair(e, f), *alone_ones]


KINDS: dict[str, Callable[[Art, random.Random, int], list[Drawn]]] = {
    "colours": colours, "counts": counts, "places": places, "presence": presence,
}  # fmt: skip
HELD_OUT = (6, 2, 3, 1)
"""How often each kind comes among those that judge a model."""
TRAINED = (2, 3, 4, 2)
"""And among those that it learns from: the towers know colours already."""


def puzzle(seed: int, size: int, shares: tuple[int, ...] = HELD_OUT) -> tuple[str, list[Drawn]]:
    """The kind of a puzzle and its `PIECES` pictures, every text of each being wrong for the others."""
    rng = random.Random(seed)
    kind = rng.choices(list(KINDS), shares)[0]
    return kind, KINDS[kind](rng.choice((FLAT, SOLID)), rng, size)
