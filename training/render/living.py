"""Drawn animals, plants, people and the sky, each in any colour that suits it. `LIVING` names them."""

from __future__ import annotations

import math

from training.render.canvas import Pen, Rgb, darker, lighter
from training.render.drawing import DARK, WHITE, Drawing

GREEN, TRUNK, SKIN = (60, 140, 60), (115, 75, 45), (235, 190, 155)
FUR = ("black", "white", "gray", "brown", "orange")


def _eyes(pen: Pen, x: float, y: float, gap: float, radius: float) -> None:
    for side in (-1, 1):
        pen.oval(x + side * gap, y, radius, radius, DARK)


def cat(pen: Pen, c: Rgb) -> None:
    pen.line([(0.68, 0.8), (0.9, 0.74), (0.86, 0.48)], c, 0.07)
    pen.oval(0.5, 0.72, 0.24, 0.24, c)
    for side in (-1, 1):
        pen.poly([(0.5 + side * 0.2, 0.34), (0.5 + side * 0.19, 0.06), (0.5 + side * 0.04, 0.22)], c)
    pen.oval(0.5, 0.36, 0.22, 0.2, c)
    _eyes(pen, 0.5, 0.34, 0.09, 0.03)
    pen.poly([(0.47, 0.41), (0.53, 0.41), (0.5, 0.45)], (235, 140, 150))
    for side in (-1, 1):
        for dy in (-0.02, 0.03):
            pen.line([(0.5 + side * 0.08, 0.43), (0.5 + side * 0.3, 0.42 + dy)], darker(c, 0.6), 0.01)


def cat_walking(pen: Pen, c: Rgb) -> None:
    pen.line([(0.16, 0.5), (0.06, 0.34), (0.1, 0.16)], c, 0.06)
    pen.oval(0.44, 0.56, 0.3, 0.15, c)
    for x in (0.22, 0.32, 0.56, 0.66):
        pen.rect(x, 0.6, x + 0.06, 0.88, c)
    pen.oval(0.78, 0.42, 0.14, 0.13, c)
    for x in (0.68, 0.82):
        pen.poly([(x, 0.36), (x + 0.03, 0.18), (x + 0.1, 0.33)], c)
    _eyes(pen, 0.8, 0.4, 0.05, 0.02)


def dog(pen: Pen, c: Rgb) -> None:
    pen.line([(0.14, 0.48), (0.03, 0.3)], c, 0.06)
    pen.oval(0.42, 0.55, 0.31, 0.16, c)
    for x in (0.16, 0.28, 0.52, 0.64):
        pen.rect(x, 0.6, x + 0.07, 0.92, c)
    pen.oval(0.76, 0.36, 0.15, 0.14, c)
    pen.oval(0.9, 0.42, 0.1, 0.06, lighter(c, 0.2))
    pen.oval(0.98, 0.4, 0.025, 0.025, DARK)
    pen.oval(0.68, 0.4, 0.06, 0.15, darker(c, 0.3))
    pen.oval(0.8, 0.32, 0.022, 0.022, DARK)


def dog_face(pen: Pen, c: Rgb) -> None:
    pen.oval(0.5, 0.48, 0.3, 0.34, c)
    for side in (-1, 1):
        pen.oval(0.5 + side * 0.31, 0.46, 0.1, 0.25, darker(c, 0.35))
    _eyes(pen, 0.5, 0.4, 0.12, 0.04)
    pen.oval(0.5, 0.64, 0.15, 0.13, lighter(c, 0.5))
    pen.oval(0.5, 0.57, 0.06, 0.045, DARK)
    pen.oval(0.5, 0.78, 0.05, 0.08, (225, 110, 120))


def rabbit(pen: Pen, c: Rgb) -> None:
    for x in (0.4, 0.6):
        pen.oval(x, 0.2, 0.06, 0.2, c)
    pen.oval(0.5, 0.72, 0.24, 0.24, c)
    pen.oval(0.5, 0.44, 0.17, 0.15, c)
    _eyes(pen, 0.5, 0.42, 0.07, 0.025)
    pen.oval(0.5, 0.48, 0.02, 0.02, (235, 140, 150))


def cow(pen: Pen, c: Rgb) -> None:
    pen.rect(0.12, 0.36, 0.68, 0.66, c)
    for x in (0.14, 0.26, 0.5, 0.6):
        pen.rect(x, 0.64, x + 0.07, 0.92, c)
    spot = DARK if sum(c) > 380 else WHITE
    pen.oval(0.3, 0.46, 0.09, 0.07, spot)
    pen.oval(0.52, 0.54, 0.08, 0.06, spot)
    pen.oval(0.78, 0.36, 0.13, 0.13, c)
    pen.oval(0.86, 0.44, 0.09, 0.07, (235, 170, 170))
    pen.line([(0.7, 0.26), (0.66, 0.16)], (220, 210, 190), 0.03)
    pen.line([(0.82, 0.25), (0.87, 0.15)], (220, 210, 190), 0.03)


def horse(pen: Pen, c: Rgb) -> None:
    pen.line([(0.12, 0.42), (0.04, 0.66)], darker(c, 0.5), 0.06)
    pen.oval(0.4, 0.46, 0.3, 0.15, c)
    for x in (0.14, 0.24, 0.52, 0.62):
        pen.rect(x, 0.5, x + 0.055, 0.94, c)
    pen.poly([(0.56, 0.44), (0.7, 0.52), (0.86, 0.24), (0.72, 0.14)], c)
    pen.poly([(0.72, 0.14), (0.82, 0.12), (0.98, 0.34), (0.92, 0.4), (0.8, 0.28)], c)
    pen.line([(0.72, 0.12), (0.56, 0.42)], darker(c, 0.55), 0.06)


def sheep(pen: Pen, c: Rgb) -> None:
    for x in (0.26, 0.36, 0.56, 0.64):
        pen.rect(x, 0.66, x + 0.05, 0.9, DARK)
    for x, y in ((0.28, 0.5), (0.42, 0.42), (0.56, 0.46), (0.38, 0.58), (0.54, 0.6), (0.66, 0.56)):
        pen.oval(x, y, 0.14, 0.13, c)
    pen.oval(0.82, 0.46, 0.1, 0.11, DARK)


def pig(pen: Pen, c: Rgb) -> None:
    pen.oval(0.42, 0.52, 0.32, 0.22, c)
    for x in (0.2, 0.32, 0.5, 0.6):
        pen.rect(x, 0.66, x + 0.07, 0.88, c)
    pen.oval(0.78, 0.46, 0.16, 0.16, c)
    pen.oval(0.86, 0.5, 0.07, 0.06, darker(c, 0.2))
    pen.poly([(0.68, 0.34), (0.7, 0.2), (0.8, 0.32)], darker(c, 0.15))


def elephant(pen: Pen, c: Rgb) -> None:
    pen.oval(0.4, 0.46, 0.34, 0.26, c)
    for x in (0.14, 0.28, 0.46, 0.58):
        pen.rect(x, 0.56, x + 0.11, 0.92, c)
    pen.oval(0.76, 0.38, 0.17, 0.18, c)
    pen.oval(0.64, 0.38, 0.11, 0.18, darker(c, 0.15))
    pen.line([(0.88, 0.44), (0.94, 0.62), (0.9, 0.84)], c, 0.09)
    pen.oval(0.82, 0.34, 0.02, 0.02, DARK)


def bear(pen: Pen, c: Rgb) -> None:
    for x in (0.3, 0.7):
        pen.oval(x, 0.16, 0.1, 0.1, c)
    pen.oval(0.5, 0.74, 0.28, 0.24, c)
    pen.oval(0.5, 0.34, 0.26, 0.24, c)
    pen.oval(0.5, 0.42, 0.1, 0.08, lighter(c, 0.5))
    pen.oval(0.5, 0.39, 0.04, 0.03, DARK)
    _eyes(pen, 0.5, 0.29, 0.1, 0.025)


def fish(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.26, 0.5), (0.03, 0.26), (0.06, 0.74)], darker(c, 0.15))
    pen.poly([(0.4, 0.34), (0.56, 0.14), (0.68, 0.34)], darker(c, 0.15))
    pen.oval(0.56, 0.5, 0.37, 0.23, c)
    pen.oval(0.8, 0.44, 0.04, 0.04, WHITE)
    pen.oval(0.81, 0.44, 0.02, 0.02, DARK)


def bird(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.2, 0.56), (0.0, 0.44), (0.04, 0.62)], darker(c, 0.2))
    pen.oval(0.44, 0.56, 0.28, 0.2, c)
    pen.oval(0.7, 0.36, 0.14, 0.14, c)
    pen.poly([(0.82, 0.32), (0.98, 0.38), (0.82, 0.42)], (245, 170, 40))
    pen.oval(0.4, 0.54, 0.17, 0.1, darker(c, 0.25))
    pen.oval(0.74, 0.33, 0.022, 0.022, DARK)
    for x in (0.4, 0.5):
        pen.line([(x, 0.74), (x, 0.9)], (200, 130, 40), 0.02)


def duck(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.12, 0.5), (0.1, 0.36), (0.34, 0.56)], c)
    pen.oval(0.44, 0.66, 0.34, 0.2, c)
    pen.oval(0.72, 0.32, 0.15, 0.15, c)
    pen.rect(0.64, 0.36, 0.76, 0.62, c)
    pen.poly([(0.85, 0.28), (1.0, 0.34), (0.85, 0.4)], (245, 150, 35))
    pen.oval(0.75, 0.28, 0.024, 0.024, DARK)


def penguin(pen: Pen, _: Rgb) -> None:
    pen.oval(0.5, 0.54, 0.27, 0.4, DARK)
    pen.oval(0.5, 0.62, 0.17, 0.28, WHITE)
    pen.poly([(0.45, 0.28), (0.55, 0.28), (0.5, 0.37)], (245, 160, 40))
    _eyes(pen, 0.5, 0.24, 0.07, 0.022)
    for x in (0.4, 0.6):
        pen.oval(x, 0.95, 0.09, 0.03, (245, 160, 40))


def bee(pen: Pen, _: Rgb) -> None:
    for x, y in ((0.42, 0.3), (0.58, 0.28)):
        pen.oval(x, y, 0.13, 0.2, (215, 232, 245))
    pen.oval(0.5, 0.58, 0.32, 0.22, (248, 205, 45))
    for x in (0.36, 0.5, 0.64):
        pen.rect(x - 0.035, 0.4, x + 0.035, 0.76, DARK)
    pen.oval(0.82, 0.54, 0.12, 0.13, DARK)
    pen.line([(0.86, 0.44), (0.94, 0.3)], DARK, 0.02)


def butterfly(pen: Pen, c: Rgb) -> None:
    for side in (-1, 1):
        pen.oval(0.5 + side * 0.25, 0.34, 0.22, 0.24, c)
        pen.oval(0.5 + side * 0.2, 0.7, 0.16, 0.18, lighter(c, 0.3))
        pen.oval(0.5 + side * 0.27, 0.34, 0.08, 0.09, lighter(c, 0.6))
    pen.oval(0.5, 0.5, 0.04, 0.3, DARK)


def ladybird(pen: Pen, c: Rgb) -> None:
    pen.oval(0.5, 0.24, 0.16, 0.14, DARK)
    pen.oval(0.5, 0.58, 0.34, 0.34, c)
    pen.line([(0.5, 0.26), (0.5, 0.92)], DARK, 0.03)
    for x, y in ((0.34, 0.44), (0.66, 0.44), (0.3, 0.66), (0.7, 0.66), (0.42, 0.82), (0.6, 0.8)):
        pen.oval(x, y, 0.06, 0.06, DARK)


def snail(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.06, 0.84), (0.9, 0.84), (0.96, 0.52), (0.86, 0.52), (0.78, 0.72), (0.1, 0.76)], (215, 180, 130))
    pen.oval(0.42, 0.54, 0.26, 0.26, c)
    pen.oval(0.42, 0.54, 0.15, 0.15, darker(c, 0.3))


def snake(pen: Pen, c: Rgb) -> None:
    wave = [(0.08 + 0.8 * i / 20, 0.55 + 0.16 * math.sin(i * 0.75)) for i in range(21)]
    pen.line(wave, c, 0.1)
    pen.oval(0.9, 0.55 + 0.16 * math.sin(15), 0.08, 0.06, c)


def flower(pen: Pen, c: Rgb) -> None:
    if pen.rng.random() < 0.6:
        pen.line([(0.5, 0.4), (0.5, 0.98)], GREEN, 0.04)
        pen.oval(0.6, 0.78, 0.12, 0.05, GREEN)
    petals = pen.rng.randint(5, 9)
    for i in range(petals):
        angle = 2 * math.pi * i / petals
        pen.oval(0.5 + 0.2 * math.cos(angle), 0.34 + 0.2 * math.sin(angle), 0.12, 0.12, c)
    pen.oval(0.5, 0.34, 0.11, 0.11, (250, 205, 60) if c[2] > 110 or c[1] < 150 else (120, 70, 35))


def tulip(pen: Pen, c: Rgb) -> None:
    pen.line([(0.5, 0.4), (0.5, 0.98)], GREEN, 0.04)
    pen.poly([(0.5, 0.95), (0.3, 0.6), (0.42, 0.7)], GREEN)
    pen.poly(
        [(0.32, 0.1), (0.42, 0.24), (0.5, 0.08), (0.58, 0.24), (0.68, 0.1), (0.66, 0.4), (0.5, 0.48), (0.34, 0.4)], c
    )


def tree(pen: Pen, c: Rgb) -> None:
    pen.rect(0.45, 0.55, 0.55, 0.97, TRUNK)
    if pen.rng.random() < 0.6:
        for x, y in ((0.35, 0.42), (0.65, 0.42), (0.5, 0.26), (0.5, 0.46)):
            pen.oval(x, y, 0.21, 0.19, c)
    else:
        pen.oval(0.5, 0.34, 0.34, 0.32, c)


def fir(pen: Pen, c: Rgb) -> None:
    pen.rect(0.45, 0.8, 0.55, 0.98, TRUNK)
    for y, w in ((0.02, 0.22), (0.24, 0.32), (0.48, 0.42)):
        pen.poly([(0.5, y), (0.5 + w, y + 0.36), (0.5 - w, y + 0.36)], c)


def palm(pen: Pen, _: Rgb) -> None:
    pen.line([(0.46, 0.98), (0.5, 0.6), (0.56, 0.3)], TRUNK, 0.07)
    for x, y in ((0.16, 0.26), (0.26, 0.08), (0.9, 0.08), (0.98, 0.3), (0.3, 0.46), (0.84, 0.48)):
        pen.poly([(0.56, 0.28), (x, y), ((0.56 + x) / 2, (0.28 + y) / 2 - 0.1)], GREEN)


def cactus(pen: Pen, c: Rgb) -> None:
    pen.line([(0.5, 0.12), (0.5, 0.84)], c, 0.16)
    pen.line([(0.22, 0.34), (0.22, 0.56), (0.5, 0.56)], c, 0.1)
    pen.line([(0.78, 0.24), (0.78, 0.46), (0.5, 0.46)], c, 0.1)
    pen.poly([(0.32, 0.8), (0.68, 0.8), (0.62, 0.98), (0.38, 0.98)], (185, 95, 60))


def mushroom(pen: Pen, c: Rgb) -> None:
    pen.rect(0.4, 0.5, 0.6, 0.92, (240, 228, 205))
    pen.oval(0.5, 0.52, 0.42, 0.4, c, (0.5, 1.0))
    for x, y in ((0.34, 0.4), (0.52, 0.26), (0.68, 0.42)):
        pen.oval(x, y, 0.05, 0.05, WHITE)


def leaf(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.5, 0.04), (0.76, 0.3), (0.72, 0.62), (0.5, 0.86), (0.28, 0.62), (0.24, 0.3)], c)
    pen.line([(0.5, 0.1), (0.5, 0.98)], darker(c), 0.025)


def person(pen: Pen, c: Rgb) -> None:
    skin = pen.rng.choice((SKIN, (200, 150, 110), (120, 80, 55), (245, 210, 180)))
    legs = pen.rng.choice(((50, 60, 110), DARK, (90, 90, 95)))
    for x in (0.4, 0.52):
        pen.rect(x, 0.62, x + 0.09, 0.96, legs)
    pen.line([(0.36, 0.36), (0.22, 0.58)], skin, 0.06)
    pen.line([(0.64, 0.36), (0.78, pen.rng.choice((0.12, 0.58)))], skin, 0.06)
    pen.poly([(0.34, 0.3), (0.66, 0.3), (0.63, 0.64), (0.37, 0.64)], c)
    pen.oval(0.5, 0.18, 0.12, 0.12, skin)
    pen.oval(0.5, 0.12, 0.12, 0.08, pen.rng.choice((DARK, (110, 70, 40), (215, 180, 90))), (0.5, 1.0))


def smiley(pen: Pen, c: Rgb) -> None:
    pen.oval(0.5, 0.5, 0.44, 0.44, c)
    _eyes(pen, 0.5, 0.4, 0.16, 0.05)
    pen.line([(0.28, 0.6), (0.38, 0.7), (0.5, 0.73), (0.62, 0.7), (0.72, 0.6)], DARK, 0.04)


def snowman(pen: Pen, _: Rgb) -> None:
    pen.oval(0.5, 0.74, 0.27, 0.24, WHITE)
    pen.oval(0.5, 0.36, 0.18, 0.17, WHITE)
    pen.rect(0.36, 0.02, 0.64, 0.2, DARK)
    _eyes(pen, 0.5, 0.32, 0.06, 0.02)
    pen.poly([(0.5, 0.36), (0.7, 0.4), (0.5, 0.42)], (240, 140, 40))
    for y in (0.62, 0.74, 0.86):
        pen.oval(0.5, y, 0.02, 0.02, DARK)


def star(pen: Pen, c: Rgb) -> None:
    radii = [0.47 if i % 2 == 0 else 0.19 for i in range(10)]
    pen.poly(
        [(0.5 + q * math.sin(math.pi * i / 5), 0.5 - q * math.cos(math.pi * i / 5)) for i, q in enumerate(radii)], c
    )


def heart(pen: Pen, c: Rgb) -> None:
    turns = [2 * math.pi * i / 40 for i in range(40)]
    outline = [
        (16 * math.sin(t) ** 3, 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t))
        for t in turns
    ]
    pen.poly([(0.5 + x / 36, 0.46 - y / 36) for x, y in outline], c)


def sun(pen: Pen, _: Rgb) -> None:
    for i in range(10):
        a = 2 * math.pi * i / 10
        pen.line([(0.5, 0.5), (0.5 + 0.47 * math.cos(a), 0.5 + 0.47 * math.sin(a))], (250, 180, 40), 0.04)
    pen.oval(0.5, 0.5, 0.28, 0.28, (253, 205, 55))


def moon(pen: Pen, _: Rgb) -> None:
    pen.poly(
        [
            (0.6, 0.06),
            (0.34, 0.16),
            (0.2, 0.4),
            (0.24, 0.68),
            (0.46, 0.9),
            (0.74, 0.88),
            (0.54, 0.72),
            (0.44, 0.48),
            (0.48, 0.24),
        ],
        (245, 225, 130),
    )


def cloud(pen: Pen, c: Rgb) -> None:
    for x, y, q in ((0.26, 0.56, 0.18), (0.48, 0.42, 0.22), (0.72, 0.54, 0.19), (0.5, 0.6, 0.2)):
        pen.oval(x, y, q, q * 0.9, c)


LIVING = (
    Drawing("cat", cat, "kitten", "pet animal", usual=FUR),
    Drawing("cat", cat_walking, "kitten", "pet animal", usual=FUR),
    Drawing("dog", dog, "puppy", "pet animal", usual=FUR),
    Drawing("dog", dog_face, "puppy", "pet animal", usual=FUR),
    Drawing("rabbit", rabbit, "bunny", "animal", usual=FUR),
    Drawing("cow", cow, "farm animal", usual=("white", "brown", "black")),
    Drawing("horse", horse, "pony", "farm animal", usual=("brown", "black", "white", "gray")),
    Drawing("sheep", sheep, "lamb", "farm animal", own_colour="white"),
    Drawing("pig", pig, "piglet", "farm animal", own_colour="pink"),
    Drawing("elephant", elephant, "animal", usual=("gray", "gray", "blue", "pink")),
    Drawing("bear", bear, "teddy bear", "animal", usual=("brown", "black", "white")),
    Drawing("fish", fish, "animal"),
    Drawing("bird", bird, "animal"),
    Drawing("duck", duck, "bird", "animal", usual=("yellow", "white", "brown", "green")),
    Drawing("penguin", penguin, "bird", "animal", own_colour="black"),
    Drawing("bee", bee, "honey bee", "insect", own_colour="yellow"),
    Drawing("butterfly", butterfly, "insect"),
    Drawing("ladybird", ladybird, "ladybug", "beetle", own_colour="red"),
    Drawing("snail", snail, "animal"),
    Drawing("snake", snake, "animal", usual=("green", "brown", "black", "red")),
    Drawing("flower", flower, "blossom", "plant"),
    Drawing("tulip", tulip, "flower", "plant"),
    Drawing("tree", tree, "plant", usual=("green", "green", "orange", "red", "yellow")),
    Drawing("fir tree", fir, "pine tree", "christmas tree", own_colour="green"),
    Drawing("palm tree", palm, "tree", "tropical tree", own_colour="green"),
    Drawing("cactus", cactus, "desert plant", own_colour="green"),
    Drawing("mushroom", mushroom, "fungus", usual=("red", "brown", "orange")),
    Drawing("leaf", leaf, "plant", usual=("green", "orange", "red", "yellow", "brown")),
    Drawing("person", person, "man", "someone standing"),
    Drawing("smiley", smiley, "smiling face", "happy face", usual=("yellow", "yellow", "green", "blue", "pink")),
    Drawing("snowman", snowman, "winter snowman", own_colour="white"),
    Drawing("star", star, "star shape"),
    Drawing("heart", heart, "heart shape", "love"),
    Drawing("sun", sun, "sunshine", own_colour="yellow"),
    Drawing("moon", moon, "crescent moon", own_colour="yellow"),
    Drawing("cloud", cloud, "clouds", usual=("white", "gray", "blue")),
)
