"""Drawn things that people make: vehicles, buildings, food and what lies about the house, each in any colour.

A drawing is a function of a pen and its main colour. `THINGS` names each with its synonyms and wider words.
"""

from __future__ import annotations

from training.render.canvas import Pen, Rgb, darker, lighter
from training.render.drawing import DARK, GLASS, METAL, WHITE, Drawing

RED, YELLOW, GREEN, BROWN = (205, 45, 40), (245, 205, 60), (70, 150, 60), (130, 85, 45)


def _wheel(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.oval(x, y, radius, radius * pen.width / pen.height, DARK)
    pen.oval(x, y, radius * 0.45, radius * 0.45 * pen.width / pen.height, METAL)


def car(pen: Pen, c: Rgb) -> None:
    roof = pen.rng.uniform(0.18, 0.32)
    pen.poly([(0.22, 0.52), (0.34, roof), (0.66, roof), (0.8, 0.52)], c)
    pen.poly([(0.28, 0.5), (0.37, roof + 0.06), (0.49, roof + 0.06), (0.49, 0.5)], GLASS)
    pen.poly([(0.53, 0.5), (0.53, roof + 0.06), (0.64, roof + 0.06), (0.73, 0.5)], GLASS)
    pen.poly([(0.03, 0.55), (0.2, 0.5), (0.82, 0.5), (0.97, 0.58), (0.97, 0.75), (0.03, 0.75)], c)
    pen.oval(0.94, 0.62, 0.025, 0.035, YELLOW)
    _wheel(pen, 0.24, 0.75, 0.1)
    _wheel(pen, 0.76, 0.75, 0.1)


def car_front(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.25, 0.45), (0.32, 0.2), (0.68, 0.2), (0.75, 0.45)], c)
    pen.poly([(0.3, 0.44), (0.36, 0.25), (0.64, 0.25), (0.7, 0.44)], GLASS)
    pen.rect(0.16, 0.76, 0.3, 0.88, DARK)
    pen.rect(0.7, 0.76, 0.84, 0.88, DARK)
    pen.poly([(0.14, 0.5), (0.24, 0.43), (0.76, 0.43), (0.86, 0.5), (0.88, 0.78), (0.12, 0.78)], c)
    pen.oval(0.24, 0.58, 0.06, 0.06, lighter(YELLOW))
    pen.oval(0.76, 0.58, 0.06, 0.06, lighter(YELLOW))
    pen.rect(0.37, 0.58, 0.63, 0.67, DARK)


def truck(pen: Pen, c: Rgb) -> None:
    pen.rect(0.03, 0.25, 0.64, 0.72, c)
    pen.poly([(0.67, 0.38), (0.85, 0.38), (0.96, 0.54), (0.96, 0.72), (0.67, 0.72)], darker(c, 0.2))
    pen.poly([(0.74, 0.42), (0.84, 0.42), (0.91, 0.54), (0.74, 0.54)], GLASS)
    for x in (0.16, 0.32, 0.8):
        _wheel(pen, x, 0.74, 0.085)


def bus(pen: Pen, c: Rgb) -> None:
    pen.rect(0.03, 0.25, 0.97, 0.74, c)
    for i in range(6):
        pen.rect(0.07 + i * 0.145, 0.32, 0.18 + i * 0.145, 0.5, GLASS)
    _wheel(pen, 0.22, 0.76, 0.085)
    _wheel(pen, 0.78, 0.76, 0.085)


def train(pen: Pen, c: Rgb) -> None:
    pen.rect(0.3, 0.4, 0.9, 0.68, c)
    pen.rect(0.08, 0.2, 0.36, 0.68, darker(c, 0.2))
    pen.rect(0.14, 0.27, 0.3, 0.43, GLASS)
    pen.poly([(0.7, 0.4), (0.67, 0.2), (0.83, 0.2), (0.8, 0.4)], DARK)
    pen.poly([(0.9, 0.68), (0.9, 0.55), (1.0, 0.76), (0.9, 0.76)], DARK)
    for x in (0.18, 0.42, 0.6, 0.78):
        _wheel(pen, x, 0.74, 0.075)


def bicycle(pen: Pen, c: Rgb) -> None:
    for x in (0.23, 0.77):
        ring = [(x + 0.19 * a, 0.66 + 0.25 * b) for a, b in _RING]
        pen.line([*ring, ring[0]], DARK, 0.025)
    pen.line([(0.23, 0.66), (0.37, 0.36), (0.66, 0.36), (0.48, 0.66), (0.23, 0.66)], c, 0.035)
    pen.line([(0.34, 0.28), (0.48, 0.66)], c, 0.035)
    pen.line([(0.62, 0.22), (0.77, 0.66)], c, 0.035)
    pen.line([(0.55, 0.22), (0.66, 0.2)], DARK, 0.03)
    pen.line([(0.28, 0.28), (0.41, 0.28)], DARK, 0.04)


_RING = ((1, 0), (0.71, 0.71), (0, 1), (-0.71, 0.71), (-1, 0), (-0.71, -0.71), (0, -1), (0.71, -0.71))


def boat(pen: Pen, c: Rgb) -> None:
    pen.line([(0.5, 0.06), (0.5, 0.68)], BROWN, 0.03)
    pen.poly([(0.53, 0.08), (0.53, 0.6), (0.88, 0.6)], WHITE if pen.rng.random() < 0.6 else lighter(c))
    pen.poly([(0.47, 0.16), (0.47, 0.6), (0.2, 0.6)], lighter(c))
    pen.poly([(0.06, 0.68), (0.94, 0.68), (0.78, 0.9), (0.22, 0.9)], c)


def airplane(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.06, 0.26), (0.17, 0.26), (0.27, 0.48), (0.12, 0.5)], c)
    pen.oval(0.52, 0.52, 0.44, 0.11, lighter(c, 0.2))
    pen.poly([(0.42, 0.52), (0.58, 0.52), (0.36, 0.88), (0.27, 0.88)], c)
    pen.poly([(0.46, 0.46), (0.58, 0.46), (0.46, 0.22), (0.4, 0.22)], darker(c, 0.15))
    for i in range(5):
        pen.oval(0.4 + 0.09 * i, 0.5, 0.018, 0.02, GLASS)


def rocket(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.42, 0.74), (0.58, 0.74), (0.5, 0.98)], (250, 160, 40))
    pen.poly([(0.36, 0.5), (0.2, 0.78), (0.36, 0.74)], darker(c))
    pen.poly([(0.64, 0.5), (0.8, 0.78), (0.64, 0.74)], darker(c))
    pen.poly([(0.5, 0.02), (0.62, 0.2), (0.66, 0.45), (0.63, 0.75), (0.37, 0.75), (0.34, 0.45), (0.38, 0.2)], c)
    pen.oval(0.5, 0.36, 0.07, 0.07, GLASS)


def house(pen: Pen, c: Rgb) -> None:
    rng = pen.rng
    roof = rng.choice((darker(c), (150, 60, 45), (80, 80, 88), (120, 80, 50)))
    if rng.random() < 0.5:
        pen.rect(0.66, 0.12, 0.76, 0.35, darker(roof, 0.2))
    pen.rect(0.16, 0.45, 0.84, 0.94, c)
    pen.poly([(0.06, 0.47), (0.5, rng.uniform(0.08, 0.2)), (0.94, 0.47)], roof)
    pen.rect(0.43, 0.66, 0.57, 0.94, rng.choice((BROWN, DARK, darker(c))))
    for x in (0.22, 0.65):
        pen.rect(x, 0.56, x + 0.13, 0.7, lighter(GLASS, 0.2))


def castle(pen: Pen, c: Rgb) -> None:
    pen.rect(0.2, 0.45, 0.8, 0.94, c)
    for x in (0.1, 0.7):
        pen.rect(x, 0.28, x + 0.2, 0.94, lighter(c, 0.12))
        pen.poly([(x - 0.03, 0.28), (x + 0.1, 0.04), (x + 0.23, 0.28)], darker(c))
    for x in (0.32, 0.46, 0.6):
        pen.rect(x, 0.38, x + 0.08, 0.46, c)
    pen.rect(0.42, 0.7, 0.58, 0.94, DARK)


def tent(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.5, 0.18), (0.95, 0.86), (0.05, 0.86)], c)
    pen.poly([(0.5, 0.3), (0.63, 0.86), (0.37, 0.86)], darker(c, 0.55))


def cup(pen: Pen, c: Rgb) -> None:
    handle = [(0.72 + 0.14 * a, 0.52 + 0.16 * b) for a, b in _RING]
    pen.line([*handle, handle[0]], c, 0.05)
    pen.poly([(0.22, 0.3), (0.74, 0.3), (0.68, 0.86), (0.28, 0.86)], c)
    pen.oval(0.48, 0.3, 0.26, 0.06, (75, 45, 25))
    if pen.rng.random() < 0.5:
        for x in (0.4, 0.52):
            pen.line([(x, 0.2), (x + 0.04, 0.14), (x, 0.06)], (170, 170, 170), 0.02)


def bottle(pen: Pen, c: Rgb) -> None:
    pen.rect(0.43, 0.04, 0.57, 0.12, darker(c, 0.5))
    pen.poly(
        [(0.44, 0.12), (0.56, 0.12), (0.57, 0.3), (0.68, 0.42), (0.68, 0.96), (0.32, 0.96), (0.32, 0.42), (0.43, 0.3)],
        c,
    )
    pen.rect(0.32, 0.55, 0.68, 0.78, WHITE)


def chair(pen: Pen, c: Rgb) -> None:
    pen.rect(0.24, 0.06, 0.34, 0.94, darker(c, 0.2))
    pen.rect(0.24, 0.08, 0.34, 0.5, c)
    pen.poly([(0.24, 0.5), (0.76, 0.5), (0.8, 0.6), (0.24, 0.6)], c)
    pen.rect(0.7, 0.6, 0.78, 0.94, darker(c, 0.2))


def table(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.14, 0.34), (0.86, 0.34), (0.98, 0.48), (0.02, 0.48)], c)
    for x in (0.07, 0.86):
        pen.rect(x, 0.48, x + 0.07, 0.94, darker(c, 0.25))


def sofa(pen: Pen, c: Rgb) -> None:
    pen.rect(0.14, 0.26, 0.86, 0.6, c)
    pen.rect(0.14, 0.55, 0.86, 0.76, lighter(c, 0.15))
    for x in (0.03, 0.85):
        pen.rect(x, 0.42, x + 0.12, 0.78, darker(c, 0.15))
    for x in (0.12, 0.82):
        pen.rect(x, 0.78, x + 0.06, 0.86, BROWN)


def bed(pen: Pen, c: Rgb) -> None:
    pen.rect(0.03, 0.25, 0.1, 0.85, BROWN)
    pen.rect(0.9, 0.45, 0.97, 0.85, BROWN)
    pen.rect(0.1, 0.52, 0.9, 0.74, c)
    pen.oval(0.22, 0.48, 0.12, 0.07, WHITE)


def lamp(pen: Pen, c: Rgb) -> None:
    pen.line([(0.5, 0.4), (0.5, 0.9)], DARK, 0.04)
    pen.oval(0.5, 0.92, 0.18, 0.04, DARK)
    pen.poly([(0.36, 0.08), (0.64, 0.08), (0.8, 0.44), (0.2, 0.44)], c)


def book(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.2, 0.14), (0.74, 0.08), (0.8, 0.84), (0.26, 0.92)], c)
    pen.poly([(0.8, 0.84), (0.26, 0.92), (0.28, 0.97), (0.84, 0.89)], WHITE)
    pen.line([(0.34, 0.3), (0.66, 0.26)], WHITE, 0.04)
    pen.line([(0.36, 0.4), (0.6, 0.37)], WHITE, 0.02)


def clock(pen: Pen, c: Rgb) -> None:
    pen.oval(0.5, 0.5, 0.43, 0.43, c)
    pen.oval(0.5, 0.5, 0.35, 0.35, WHITE)
    for a, b in _RING[::2]:
        pen.line([(0.5 + 0.28 * a, 0.5 + 0.28 * b), (0.5 + 0.33 * a, 0.5 + 0.33 * b)], DARK, 0.03)
    pen.line([(0.5, 0.5), (0.5, 0.24)], DARK, 0.03)
    pen.line([(0.5, 0.5), (pen.rng.uniform(0.3, 0.7), 0.6)], DARK, 0.04)


def phone(pen: Pen, c: Rgb) -> None:
    pen.rect(0.3, 0.04, 0.7, 0.96, c)
    pen.rect(0.34, 0.12, 0.66, 0.84, GLASS)
    pen.oval(0.5, 0.9, 0.03, 0.03, lighter(c))


def laptop(pen: Pen, c: Rgb) -> None:
    pen.rect(0.18, 0.2, 0.82, 0.66, c)
    pen.rect(0.22, 0.24, 0.78, 0.62, GLASS)
    pen.poly([(0.18, 0.68), (0.82, 0.68), (0.96, 0.84), (0.04, 0.84)], lighter(c, 0.2))


def camera(pen: Pen, c: Rgb) -> None:
    pen.rect(0.36, 0.2, 0.62, 0.34, darker(c, 0.2))
    pen.rect(0.08, 0.3, 0.92, 0.82, c)
    pen.oval(0.5, 0.56, 0.2, 0.21, DARK)
    pen.oval(0.5, 0.56, 0.12, 0.13, GLASS)
    pen.rect(0.76, 0.36, 0.86, 0.43, WHITE)


def umbrella(pen: Pen, c: Rgb) -> None:
    pen.line([(0.5, 0.1), (0.5, 0.86), (0.44, 0.93), (0.38, 0.87)], BROWN, 0.035)
    pen.oval(0.5, 0.5, 0.45, 0.4, c, (0.5, 1.0))
    for x in (0.35, 0.65):
        pen.line([(0.5, 0.12), (x, 0.5)], darker(c), 0.015)


def hat(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.28, 0.68), (0.32, 0.26), (0.68, 0.26), (0.72, 0.68)], c)
    pen.oval(0.5, 0.7, 0.46, 0.11, c)
    pen.rect(0.29, 0.56, 0.71, 0.66, darker(c, 0.5))


def shirt(pen: Pen, c: Rgb) -> None:
    pen.poly(
        [
            (0.34, 0.12),
            (0.66, 0.12),
            (0.96, 0.32),
            (0.86, 0.48),
            (0.74, 0.4),
            (0.74, 0.92),
            (0.26, 0.92),
            (0.26, 0.4),
            (0.14, 0.48),
            (0.04, 0.32),
        ],
        c,
    )
    pen.oval(0.5, 0.12, 0.1, 0.07, darker(c, 0.3))


def dress(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.36, 0.08), (0.64, 0.08), (0.61, 0.42), (0.86, 0.94), (0.14, 0.94), (0.39, 0.42)], c)
    pen.rect(0.39, 0.38, 0.61, 0.45, darker(c))


def shoe(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.08, 0.32), (0.36, 0.32), (0.5, 0.5), (0.86, 0.58), (0.94, 0.72), (0.08, 0.72)], c)
    pen.rect(0.06, 0.72, 0.95, 0.8, WHITE if sum(c) < 600 else DARK)


def ball(pen: Pen, c: Rgb) -> None:
    pen.oval(0.5, 0.5, 0.42, 0.42, c)
    pen.oval(0.37, 0.35, 0.1, 0.08, lighter(c, 0.6))


def balloon(pen: Pen, c: Rgb) -> None:
    pen.line([(0.5, 0.66), (0.46, 0.8), (0.52, 0.98)], DARK, 0.015)
    pen.oval(0.5, 0.36, 0.29, 0.33, c)
    pen.oval(0.4, 0.24, 0.05, 0.08, lighter(c, 0.6))


def kite(pen: Pen, c: Rgb) -> None:
    pen.line([(0.5, 0.7), (0.42, 0.84), (0.52, 0.98)], DARK, 0.015)
    pen.poly([(0.5, 0.04), (0.84, 0.34), (0.5, 0.74), (0.16, 0.34)], c)
    pen.line([(0.5, 0.04), (0.5, 0.74)], darker(c), 0.02)


def key(pen: Pen, c: Rgb) -> None:
    ring = [(0.24 + 0.16 * a, 0.5 + 0.16 * b) for a, b in _RING]
    pen.line([*ring, ring[0]], c, 0.07)
    pen.rect(0.4, 0.46, 0.94, 0.54, c)
    for x in (0.74, 0.86):
        pen.rect(x, 0.54, x + 0.06, 0.68, c)


def envelope(pen: Pen, c: Rgb) -> None:
    pen.rect(0.08, 0.26, 0.92, 0.78, c)
    pen.line([(0.08, 0.26), (0.5, 0.56), (0.92, 0.26)], darker(c, 0.45), 0.025)


def gift(pen: Pen, c: Rgb) -> None:
    bow = (220, 190, 70) if c[0] > 150 and c[1] < 120 else RED
    pen.rect(0.16, 0.36, 0.84, 0.92, c)
    pen.rect(0.44, 0.36, 0.56, 0.92, bow)
    pen.rect(0.12, 0.28, 0.88, 0.4, darker(c, 0.12))
    pen.oval(0.4, 0.2, 0.11, 0.08, bow)
    pen.oval(0.6, 0.2, 0.11, 0.08, bow)


def guitar(pen: Pen, c: Rgb) -> None:
    pen.rect(0.46, 0.04, 0.54, 0.5, (90, 60, 35))
    pen.oval(0.5, 0.52, 0.17, 0.15, c)
    pen.oval(0.5, 0.76, 0.24, 0.2, c)
    pen.oval(0.5, 0.64, 0.07, 0.06, DARK)


def robot(pen: Pen, c: Rgb) -> None:
    pen.line([(0.5, 0.02), (0.5, 0.14)], DARK, 0.03)
    pen.rect(0.32, 0.12, 0.68, 0.4, c)
    for x in (0.42, 0.58):
        pen.oval(x, 0.24, 0.05, 0.05, YELLOW)
    pen.rect(0.25, 0.44, 0.75, 0.78, darker(c, 0.1))
    for x in (0.12, 0.77):
        pen.rect(x, 0.46, x + 0.11, 0.72, c)
    for x in (0.32, 0.56):
        pen.rect(x, 0.78, x + 0.12, 0.96, c)


def traffic_light(pen: Pen, _: Rgb) -> None:
    pen.rect(0.46, 0.66, 0.54, 1.0, METAL)
    pen.rect(0.32, 0.04, 0.68, 0.7, DARK)
    for y, colour in ((0.16, (230, 40, 35)), (0.37, (250, 200, 40)), (0.58, (60, 190, 80))):
        pen.oval(0.5, y, 0.1, 0.09, colour)


def apple(pen: Pen, c: Rgb) -> None:
    pen.oval(0.4, 0.58, 0.27, 0.32, c)
    pen.oval(0.6, 0.58, 0.27, 0.32, c)
    pen.line([(0.5, 0.32), (0.53, 0.1)], BROWN, 0.035)
    pen.oval(0.63, 0.17, 0.12, 0.06, GREEN)
    pen.oval(0.33, 0.46, 0.05, 0.08, lighter(c, 0.6))


def banana(pen: Pen, c: Rgb) -> None:
    pen.poly(
        [
            (0.1, 0.3),
            (0.17, 0.24),
            (0.25, 0.46),
            (0.45, 0.62),
            (0.7, 0.62),
            (0.9, 0.48),
            (0.95, 0.53),
            (0.78, 0.74),
            (0.5, 0.82),
            (0.25, 0.7),
            (0.12, 0.5),
        ],
        c,
    )
    pen.poly([(0.1, 0.3), (0.17, 0.24), (0.15, 0.15), (0.09, 0.18)], BROWN)


def pear(pen: Pen, c: Rgb) -> None:
    pen.oval(0.5, 0.66, 0.28, 0.27, c)
    pen.oval(0.5, 0.4, 0.16, 0.2, c)
    pen.line([(0.5, 0.22), (0.54, 0.06)], BROWN, 0.035)


def cherry(pen: Pen, c: Rgb) -> None:
    pen.line([(0.32, 0.68), (0.5, 0.12), (0.68, 0.72)], GREEN, 0.025)
    pen.oval(0.3, 0.74, 0.17, 0.17, c)
    pen.oval(0.7, 0.76, 0.17, 0.17, c)


def carrot(pen: Pen, c: Rgb) -> None:
    for x in (0.36, 0.5, 0.64):
        pen.poly([(0.5, 0.32), (x - 0.05, 0.06), (x + 0.05, 0.06)], GREEN)
    pen.poly([(0.32, 0.3), (0.68, 0.3), (0.52, 0.97), (0.48, 0.97)], c)


def pizza(pen: Pen, _: Rgb) -> None:
    rng = pen.rng
    cheese, crust = (246, 208, 105), (200, 140, 70)
    if rng.random() < 0.5:
        pen.oval(0.5, 0.5, 0.47, 0.47, crust)
        pen.oval(0.5, 0.5, 0.4, 0.4, cheese)
        spots = [(0.5 + 0.28 * a * rng.uniform(0.3, 1.1), 0.5 + 0.28 * b * rng.uniform(0.3, 1.1)) for a, b in _RING]
    else:
        pen.poly([(0.06, 0.24), (0.94, 0.24), (0.5, 0.97)], cheese)
        pen.rect(0.04, 0.14, 0.96, 0.26, crust)
        spots = [(0.3, 0.38), (0.62, 0.4), (0.46, 0.56), (0.54, 0.74), (0.76, 0.34)]
    for x, y in spots:
        pen.oval(x, y, 0.06, 0.06, rng.choice((RED, (190, 55, 40), GREEN)))


def cake(pen: Pen, c: Rgb) -> None:
    pen.rect(0.14, 0.52, 0.86, 0.9, c)
    pen.rect(0.14, 0.46, 0.86, 0.58, lighter(c, 0.6))
    for x in (0.22, 0.4, 0.58, 0.76):
        pen.oval(x, 0.58, 0.06, 0.06, lighter(c, 0.6))
    for x in (0.3, 0.5, 0.7)[: pen.rng.randint(1, 3)]:
        pen.rect(x - 0.02, 0.26, x + 0.02, 0.46, WHITE)
        pen.oval(x, 0.21, 0.03, 0.05, (250, 170, 40))


def ice_cream(pen: Pen, c: Rgb) -> None:
    pen.poly([(0.3, 0.46), (0.7, 0.46), (0.5, 0.98)], (215, 160, 90))
    pen.oval(0.5, 0.36, 0.24, 0.22, c)
    if pen.rng.random() < 0.5:
        pen.oval(0.5, 0.18, 0.17, 0.15, lighter(c))


def burger(pen: Pen, _: Rgb) -> None:
    bun = (215, 150, 75)
    pen.rect(0.12, 0.66, 0.88, 0.82, bun)
    pen.rect(0.1, 0.54, 0.9, 0.66, (100, 60, 35))
    pen.rect(0.06, 0.48, 0.94, 0.54, GREEN)
    pen.oval(0.5, 0.48, 0.4, 0.32, bun, (0.5, 1.0))


def doughnut(pen: Pen, c: Rgb) -> None:
    pen.oval(0.5, 0.5, 0.44, 0.44, (205, 145, 80))
    pen.oval(0.5, 0.48, 0.39, 0.38, c)
    pen.oval(0.5, 0.5, 0.13, 0.13, WHITE)


def fried_egg(pen: Pen, _: Rgb) -> None:
    pen.oval(0.48, 0.52, 0.44, 0.36, WHITE)
    pen.oval(0.64, 0.6, 0.3, 0.26, WHITE)
    pen.oval(0.5, 0.5, 0.16, 0.15, (250, 190, 40))


def bread(pen: Pen, _: Rgb) -> None:
    pen.rect(0.12, 0.4, 0.88, 0.8, (190, 125, 65))
    pen.oval(0.5, 0.42, 0.4, 0.2, (205, 140, 75))
    for x in (0.3, 0.48, 0.66):
        pen.line([(x, 0.3), (x + 0.06, 0.46)], (140, 85, 40), 0.03)


THINGS = (
    Drawing("car", car, "automobile", "vehicle"),
    Drawing("car", car_front, "automobile", "vehicle"),
    Drawing("truck", truck, "lorry", "vehicle"),
    Drawing("bus", bus, "coach", "vehicle"),
    Drawing("train", train, "locomotive", "vehicle"),
    Drawing("bicycle", bicycle, "bike", "vehicle"),
    Drawing("sailboat", boat, "boat", "boat on the water"),
    Drawing("airplane", airplane, "plane", "aircraft"),
    Drawing("rocket", rocket, "spaceship"),
    Drawing("house", house, "home", "building"),
    Drawing("castle", castle, "building"),
    Drawing("tent", tent, "camping tent"),
    Drawing("cup", cup, "mug", "coffee cup"),
    Drawing("bottle", bottle, "bottle of drink"),
    Drawing("chair", chair, "furniture"),
    Drawing("table", table, "desk", "furniture"),
    Drawing("sofa", sofa, "couch", "furniture"),
    Drawing("bed", bed, "furniture"),
    Drawing("lamp", lamp, "table lamp"),
    Drawing("book", book, "textbook"),
    Drawing("clock", clock, "wall clock"),
    Drawing("phone", phone, "smartphone", "mobile phone"),
    Drawing("laptop", laptop, "computer"),
    Drawing("camera", camera, "photo camera"),
    Drawing("umbrella", umbrella, "parasol"),
    Drawing("hat", hat, "cap", "clothing"),
    Drawing("t-shirt", shirt, "shirt", "clothing"),
    Drawing("dress", dress, "clothing"),
    Drawing("shoe", shoe, "sneaker", "footwear"),
    Drawing("ball", ball, "toy"),
    Drawing("balloon", balloon, "party balloon"),
    Drawing("kite", kite, "toy"),
    Drawing("key", key, "door key"),
    Drawing("envelope", envelope, "letter", "mail"),
    Drawing("gift", gift, "present", "gift box"),
    Drawing("guitar", guitar, "musical instrument"),
    Drawing("robot", robot, "machine"),
    Drawing("traffic light", traffic_light, "stop light", own_colour="black"),
    Drawing("apple", apple, "fruit", "food", usual=("red", "green", "yellow")),
    Drawing("banana", banana, "fruit", "food", own_colour="yellow"),
    Drawing("pear", pear, "fruit", "food", usual=("green", "yellow")),
    Drawing("cherry", cherry, "cherries", "fruit", own_colour="red"),
    Drawing("carrot", carrot, "vegetable", "food", own_colour="orange"),
    Drawing("pizza", pizza, "food", own_colour="yellow"),
    Drawing("cake", cake, "birthday cake", "food"),
    Drawing("ice cream", ice_cream, "dessert", "food"),
    Drawing("hamburger", burger, "burger", "food", own_colour="brown"),
    Drawing("doughnut", doughnut, "donut", "food"),
    Drawing("fried egg", fried_egg, "egg", "food", own_colour="white"),
    Drawing("loaf of bread", bread, "bread", "food", own_colour="brown"),
)
