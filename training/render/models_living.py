"""Solid models of plants, fruit, animals and people; animals look along x."""

from __future__ import annotations

import math

from training.render.kit import BARK, CREAM, DARK, GREEN, RED, WHITE, WOOD, YELLOW, Kit, Model, Spot
from training.render.living import FUR
from training.render.rays import Paint

CLAY = Paint((176, 96, 62), 0.05)
SKINS = (Paint((225, 175, 140), 0.1), Paint((165, 115, 80), 0.1), Paint((110, 72, 52), 0.1))


def tree(kit: Kit) -> None:
    kit.tube((0, 0, 0), (0, 0.9, 0), 0.12, BARK, 0.08)
    leaves = Paint(kit.c.colour, 0.02, pattern="speckles", second=kit.shaded(0.35).colour, per_unit=9)
    for _ in range(kit.rng.randint(5, 8)):
        at = (kit.about(-0.42, 0.42), kit.about(0.95, 1.65), kit.about(-0.35, 0.35))
        kit.ball(at, (kit.about(0.3, 0.5), kit.about(0.28, 0.42), kit.about(0.3, 0.45)), leaves)


def fir(kit: Kit) -> None:
    kit.tube((0, 0, 0), (0, 0.4, 0), 0.1, BARK)
    green = Paint(kit.c.colour, 0.02, pattern="speckles", second=kit.shaded(0.35).colour, per_unit=9)
    for i in range(4):
        kit.tube((0, 0.3 + i * 0.36, 0), (0, 0.95 + i * 0.38, 0), 0.68 - i * 0.14, green, 0.02)


def flower(kit: Kit) -> None:
    pot_high = 0.0
    if kit.rng.random() < 0.5:
        pot_high = 0.45
        kit.tube((0, 0, 0), (0, 0.45, 0), 0.24, kit.some(CLAY, WHITE, WOOD), 0.34)
        kit.tube((0, 0.45, 0), (0, 0.455, 0), 0.3, BARK)
    top = pot_high + kit.about(0.6, 0.85)
    kit.tube((0, pot_high * 0.9, 0), (0, top, 0), 0.035, GREEN)
    for s in (-1, 1):
        kit.ball((s * 0.2, (pot_high + top) / 2, 0.04), (0.22, 0.045, 0.1), GREEN, tilt=s * 30)
    n, size = kit.rng.randint(6, 9), kit.about(0.15, 0.19)
    for i in range(n):
        a = 2 * math.pi * i / n
        kit.ball((0.3 * math.cos(a), top + 0.3 * math.sin(a), 0.02), (size * 1.25, size * 0.8, 0.05), kit.c,
                 tilt=math.degrees(a))  # fmt: skip
    kit.ball((0, top, 0.04), (0.15, 0.15, 0.08), YELLOW if kit.c.colour[2] > 100 or kit.c.colour[1] < 140 else BARK)


def tulip(kit: Kit) -> None:
    kit.tube((0, 0, 0), (0, 1.0, 0), 0.035, GREEN)
    for s in (-1, 1):
        kit.ball((s * 0.16, 0.42, 0), (0.4, 0.05, 0.1), GREEN, tilt=s * 65)
    kit.ball((0, 1.15, 0), (0.24, 0.28, 0.24), kit.c)
    for i in range(5):
        a = 2 * math.pi * i / 5
        x, z = 0.13 * math.cos(a), 0.13 * math.sin(a)
        kit.ball((x, 1.28, z), (0.12, 0.27, 0.12), kit.shaded((i % 2) * 0.12))


def mushroom(kit: Kit) -> None:
    kit.tube((0, 0, 0), (0, 0.6, 0), 0.2, CREAM, 0.16)
    kit.ball((0, 0.5, 0), (0.62, 0.48, 0.62), kit.c, above=0.0)
    if kit.c.colour[0] > 170:
        for i in range(9):
            a, up = i * 2.4, 0.25 + 0.07 * i
            r = math.sqrt(1 - up * up) * 0.61
            kit.ball((r * math.cos(a), 0.5 + 0.475 * up, r * math.sin(a)), 0.06, WHITE)


def apple(kit: Kit) -> None:
    kit.ball((0, 0.5, 0), (0.56, 0.5, 0.56), kit.c)
    for s in (-1, 1):
        kit.ball((s * 0.14, 0.56, 0), (0.44, 0.45, 0.5), kit.c)
    kit.ball((0, 1.0, 0), (0.16, 0.05, 0.16), kit.shaded(0.4))
    kit.tube((0, 0.92, 0), (0.06, 1.2, 0), 0.03, BARK)
    if kit.rng.random() < 0.6:
        kit.ball((0.2, 1.12, 0), (0.17, 0.03, 0.08), GREEN, tilt=25)


def pear(kit: Kit) -> None:
    kit.ball((0, 0.46, 0), (0.48, 0.46, 0.48), kit.c)
    kit.tube((0, 0.66, 0), (0, 1.12, 0), 0.44, kit.c, 0.2)
    kit.ball((0, 1.1, 0), (0.215, 0.2, 0.215), kit.c)
    kit.tube((0, 1.25, 0), (0.06, 1.5, 0), 0.03, BARK)


def citrus(kit: Kit) -> None:
    skin = Paint(kit.c.colour, 0.3, pattern="speckles", second=kit.shaded(0.12).colour, per_unit=20)
    kit.ball((0, 0.55, 0), (0.56, 0.54, 0.56), skin)
    kit.ball((0, 1.08, 0), (0.05, 0.03, 0.05), GREEN)


def lemon(kit: Kit) -> None:
    kit.ball((0, 0.42, 0), (0.58, 0.42, 0.42), kit.c)
    for s in (-1, 1):
        kit.ball((s * 0.54, 0.42, 0), (0.16, 0.12, 0.12), kit.c)


def tomato(kit: Kit) -> None:
    kit.ball((0, 0.46, 0), (0.6, 0.46, 0.6), kit.c)
    for i in range(5):
        a = i * 1.257
        kit.ball((0.15 * math.cos(a), 0.9, 0.15 * math.sin(a)), (0.17, 0.03, 0.06), GREEN, tilt=-12)
    kit.tube((0, 0.88, 0), (0, 1.02, 0), 0.03, GREEN)


def banana(kit: Kit) -> None:
    spots: list[Spot] = []
    for i in range(7):
        a = math.radians(200 + i * 24)
        spots.append((0.8 * math.cos(a), 0.95 + 0.8 * math.sin(a), 0.0))
    radii = (0.11, 0.15, 0.175, 0.18, 0.165, 0.12, 0.06)
    for start, end, thick, thin in zip(spots, spots[1:], radii, radii[1:], strict=False):
        kit.tube(start, end, thick, kit.c, thin)
        kit.ball(end, thin, kit.c)
    kit.tube(spots[-1], (spots[-1][0] + 0.06, spots[-1][1] + 0.2, 0), 0.05, BARK)
    kit.ball(spots[0], 0.1, BARK)


def carrot(kit: Kit) -> None:
    kit.tube((-0.75, 0.2, 0), (0.7, 0.1, 0), 0.22, kit.c, 0.03)
    kit.ball((-0.75, 0.2, 0), (0.1, 0.22, 0.22), kit.c)
    for s in (-1, 0, 1):
        kit.tube((-0.8, 0.22, 0), (-1.25, 0.34 + 0.1 * abs(s), s * 0.2), 0.03, GREEN, 0.07)


def pumpkin(kit: Kit) -> None:
    for i in range(8):
        a = i * math.pi / 4
        kit.ball((0.3 * math.cos(a), 0.5, 0.3 * math.sin(a)), (0.38, 0.5, 0.38), kit.c)
    kit.tube((0, 0.9, 0), (0.05, 1.2, 0), 0.09, GREEN, 0.06)


def _legs(kit: Kit, spots: tuple[float, ...], z: float, top: float, thick: float, paint: Paint) -> None:
    for x in spots:
        for s in (-1, 1):
            kit.tube((x, top, s * z), (x + kit.about(-0.05, 0.05), 0, s * z), thick, paint, thick * 0.8)


def _face(kit: Kit, x: float, y: float, apart: float, nose: float) -> None:
    for s in (-1, 1):
        kit.ball((x, y, s * apart), 0.045, DARK)
    kit.ball((nose, y - 0.14, 0), (0.06, 0.05, 0.06), DARK)


def dog(kit: Kit) -> None:
    kit.ball((0, 0.68, 0), (0.6, 0.25, 0.24), kit.c)
    _legs(kit, (-0.42, 0.42), 0.14, 0.62, 0.09, kit.c)
    kit.tube((0.45, 0.75, 0), (0.62, 1.05, 0), 0.17, kit.c, 0.15)
    kit.ball((0.66, 1.1, 0), (0.23, 0.21, 0.2), kit.c)
    kit.ball((0.88, 1.03, 0), (0.18, 0.1, 0.11), kit.c)
    for s in (-1, 1):
        kit.ball((0.56, 1.08, s * 0.2), (0.09, 0.2, 0.05), kit.shaded(0.35), tilt=-10)
    _face(kit, 0.84, 1.18, 0.1, 1.05)
    kit.tube((-0.55, 0.78, 0), (-0.85, 1.1, 0), 0.07, kit.c, 0.04)


def cat(kit: Kit) -> None:
    if kit.rng.random() < 0.5:  # sitting
        kit.ball((-0.1, 0.42, 0), (0.36, 0.44, 0.3), kit.c)
        kit.ball((0.1, 0.7, 0), (0.24, 0.36, 0.22), kit.c)
        _legs(kit, (0.26,), 0.12, 0.5, 0.08, kit.c)
        head, tail = (0.2, 1.14, 0.0), [(-0.4, 0.15, 0.0), (-0.7, 0.1, 0.2), (-0.6, 0.08, 0.5)]
    else:
        kit.ball((-0.1, 0.58, 0), (0.52, 0.21, 0.2), kit.c)
        _legs(kit, (-0.45, 0.22), 0.12, 0.55, 0.07, kit.c)
        head, tail = (0.45, 0.86, 0.0), [(-0.58, 0.62, 0.0), (-0.8, 0.85, 0.0), (-0.78, 1.15, 0.0)]
    x, y, _ = head
    kit.ball(head, (0.24, 0.22, 0.25), kit.c)
    kit.ball((x + 0.18, y - 0.07, 0), (0.1, 0.08, 0.11), kit.shaded(-0.4))
    for s in (-1, 1):
        kit.tube((x, y + 0.12, s * 0.14), (x, y + 0.38, s * 0.18), 0.11, kit.c, 0.01)
        kit.ball((x + 0.2, y + 0.06, s * 0.1), 0.045, YELLOW)
    kit.ball((x + 0.28, y - 0.04, 0), 0.03, DARK)
    kit.path(tail, 0.06, kit.c)


def horse(kit: Kit) -> None:
    kit.ball((0, 0.95, 0), (0.65, 0.27, 0.25), kit.c)
    _legs(kit, (-0.48, 0.46), 0.14, 0.9, 0.085, kit.c)
    kit.tube((0.48, 1.0, 0), (0.78, 1.5, 0), 0.2, kit.c, 0.13, flat=0.8)
    kit.tube((0.76, 1.54, 0), (1.12, 1.3, 0), 0.14, kit.c, 0.09)
    mane = kit.shaded(0.6) if sum(kit.c.colour) > 150 else kit.shaded(-0.25)
    kit.tube((0.38, 1.15, 0), (0.68, 1.62, 0), 0.09, mane, flat=0.6)
    kit.path([(-0.62, 1.05, 0), (-0.78, 0.8, 0), (-0.8, 0.45, 0)], 0.07, mane)
    for s in (-1, 1):
        kit.tube((0.74, 1.6, s * 0.08), (0.74, 1.76, s * 0.1), 0.05, kit.c, 0.01)
        kit.ball((0.88, 1.5, s * 0.12), 0.035, DARK)


def elephant(kit: Kit) -> None:
    kit.ball((-0.1, 0.9, 0), (0.7, 0.5, 0.45), kit.c)
    _legs(kit, (-0.5, 0.28), 0.25, 0.8, 0.17, kit.c)
    kit.ball((0.68, 1.1, 0), (0.34, 0.36, 0.32), kit.c)
    kit.path([(0.92, 1.0, 0), (1.08, 0.65, 0), (1.08, 0.32, 0), (1.2, 0.18, 0)], 0.095, kit.c)
    for s in (-1, 1):
        kit.ball((0.5, 1.12, s * 0.36), (0.1, 0.36, 0.26), kit.shaded(0.12))
        kit.ball((0.93, 1.2, s * 0.18), 0.04, DARK)
        kit.tube((0.9, 0.88, s * 0.14), (1.2, 0.8, s * 0.17), 0.04, CREAM, 0.01)
    kit.tube((-0.78, 1.0, 0), (-0.88, 0.6, 0), 0.03, kit.c)


def bird(kit: Kit) -> None:
    kit.ball((0, 0.58, 0), (0.45, 0.28, 0.26), kit.c, tilt=20)
    kit.ball((0.38, 0.88, 0), 0.2, kit.c)
    kit.tube((0.54, 0.88, 0), (0.78, 0.84, 0), 0.07, YELLOW, 0.01)
    kit.ball((-0.58, 0.4, 0), (0.32, 0.05, 0.13), kit.shaded(0.25), tilt=25)
    for s in (-1, 1):
        kit.ball((-0.08, 0.6, s * 0.22), (0.36, 0.17, 0.07), kit.shaded(0.25), tilt=20)
        kit.tube((0.05, 0.35, s * 0.08), (0.1, 0, s * 0.1), 0.025, YELLOW)
        kit.ball((0.5, 0.94, s * 0.14), 0.035, DARK)


def duck(kit: Kit) -> None:
    kit.ball((0, 0.36, 0), (0.6, 0.34, 0.38), kit.c)
    kit.ball((-0.55, 0.52, 0), (0.22, 0.12, 0.16), kit.c, tilt=-35)
    kit.tube((0.36, 0.5, 0), (0.44, 0.85, 0), 0.18, kit.c)
    kit.ball((0.47, 0.92, 0), 0.26, kit.c)
    kit.ball((0.76, 0.86, 0), (0.17, 0.05, 0.12), Paint((240, 140, 40), 0.3))
    for s in (-1, 1):
        kit.ball((-0.1, 0.42, s * 0.32), (0.36, 0.18, 0.1), kit.shaded(0.12))
        kit.ball((0.62, 1.0, s * 0.17), 0.04, DARK)


def fish(kit: Kit) -> None:
    kit.ball((0.1, 0.5, 0), (0.62, 0.34, 0.2), kit.c)
    for s in (-1, 1):
        kit.ball((-0.72, 0.5 + s * 0.16, 0), (0.28, 0.1, 0.04), kit.shaded(0.15), tilt=-s * 40)
        kit.ball((0.5, 0.58, s * 0.14), 0.07, WHITE)
        kit.ball((0.53, 0.58, s * 0.19), 0.04, DARK)
        kit.ball((0.1, 0.42, s * 0.2), (0.16, 0.08, 0.03), kit.shaded(0.2), tilt=-25)
    kit.ball((0.05, 0.84, 0), (0.3, 0.14, 0.03), kit.shaded(0.15))


def person(kit: Kit) -> None:
    skin = kit.some(*SKINS)
    legs = kit.some(DARK, Paint((55, 65, 110)), Paint((95, 90, 85)))
    kit.tube((0, 0.78, 0), (0, 1.42, 0), 0.24, kit.c, 0.29, flat=0.65)
    for s in (-1, 1):
        kit.tube((s * 0.13, 0.82, 0), (s * 0.15, 0.05, 0), 0.125, legs, 0.09)
        kit.ball((s * 0.15, 0.05, 0.07), (0.09, 0.06, 0.17), DARK)
        hand = kit.rng.choice(((s * 0.46, 0.78, 0.05), (s * 0.42, 0.85, 0.15), (s * 0.62, 1.75, 0.0)))
        kit.ball((s * 0.29, 1.38, 0), 0.11, kit.c)
        kit.tube((s * 0.3, 1.38, 0), hand, 0.1, kit.c, 0.07)
        kit.ball(hand, 0.08, skin)
        kit.ball((s * 0.07, 1.72, 0.16), 0.025, DARK)
    kit.tube((0, 1.4, 0), (0, 1.55, 0), 0.08, skin)
    kit.ball((0, 1.68, 0), (0.17, 0.2, 0.18), skin)
    hair = kit.some(DARK, BARK, YELLOW, Paint((150, 145, 140)))
    kit.ball((0, 1.72, -0.03), (0.19, 0.21, 0.19), hair, above=0.25)


def snowman(kit: Kit) -> None:
    snow = Paint(kit.c.colour, 0.05)
    for y, r in ((0.42, 0.46), (1.05, 0.34), (1.56, 0.25)):
        kit.ball((0, y, 0), r, snow)
    kit.tube((0, 1.72, 0), (0, 1.76, 0), 0.32, DARK)
    kit.tube((0, 1.74, 0), (0, 2.05, 0), 0.2, DARK)
    kit.tube((0, 1.56, 0.22), (0, 1.54, 0.52), 0.06, Paint((240, 130, 40)), 0.01)
    kit.ring((0, 1.34, 0), (0, 1, 0), 0.22, 0.06, kit.some(RED, GREEN, Paint((50, 90, 190))))
    for s in (-1, 1):
        kit.ball((s * 0.09, 1.64, 0.22), 0.035, DARK)
        kit.path([(s * 0.3, 1.1, 0), (s * 0.75, 1.35, 0)], 0.025, BARK)
    for y in (0.9, 1.05, 1.2):
        kit.ball((0, y, 0.34), 0.04, DARK)


LIVING = (
    Model("tree", tree, ("plant",), "nature", usual=("green", "green", "orange", "red", "yellow")),
    Model("fir tree", fir, ("pine tree", "christmas tree"), "nature", own_colour="green"),
    Model("flower", flower, ("blossom", "plant"), "nature", 40),
    Model("tulip", tulip, ("flower", "plant"), "nature"),
    Model("mushroom", mushroom, ("fungus",), "nature", usual=("red", "brown", "orange")),
    Model("apple", apple, ("fruit", "food"), "table", usual=("red", "green", "yellow")),
    Model("pear", pear, ("fruit", "food"), "table", usual=("green", "yellow")),
    Model("orange fruit", citrus, ("orange", "fruit", "food"), "table", own_colour="orange"),
    Model("lemon", lemon, ("fruit", "food"), "table", own_colour="yellow"),
    Model("tomato", tomato, ("vegetable", "food"), "table", own_colour="red"),
    Model("banana", banana, ("fruit", "food"), "table", 40, own_colour="yellow"),
    Model("carrot", carrot, ("vegetable", "food"), "table", 40, own_colour="orange"),
    Model("pumpkin", pumpkin, ("vegetable", "food"), "nature", own_colour="orange"),
    Model("dog", dog, ("puppy", "pet animal"), "nature", 50, usual=FUR),
    Model("cat", cat, ("kitten", "pet animal"), "room", 60, usual=FUR),
    Model("horse", horse, ("pony", "farm animal"), "nature", 45, usual=("brown", "black", "white", "gray")),
    Model("elephant", elephant, ("animal",), "nature", 50, usual=("gray", "gray", "blue", "pink")),
    Model("bird", bird, ("animal",), "nature"),
    Model("duck", duck, ("bird", "animal"), "water", usual=("yellow", "white", "brown", "green")),
    Model("fish", fish, ("animal",), "air", 35),
    Model("person", person, ("man", "someone standing"), "road", 45),
    Model("snowman", snowman, ("winter snowman",), "nature", 40, own_colour="white"),
)  # fmt: skip
