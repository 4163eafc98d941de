"""Solid models of what a hand can lift."""

from __future__ import annotations

import math

from training.render.kit import BARK, CREAM, DARK, GLASS, GREEN, LAMP, METAL, RED, WHITE, WOOD, YELLOW, Kit, Model
from training.render.rays import Paint

COFFEE = Paint((70, 42, 25), 0.5)


def cup(kit: Kit) -> None:
    h, low, top = kit.about(0.8, 1.1), kit.about(0.32, 0.42), kit.about(0.42, 0.52)
    kit.tube((0, 0.03, 0), (0, h, 0), low, kit.c, top)
    kit.tube((0, h, 0), (0, h + 0.006, 0), top - 0.05, kit.some(COFFEE, COFFEE, kit.shaded(0.55), CREAM))
    kit.ring((0, h, 0), (0, 1, 0), top - 0.02, 0.03, kit.shaded(-0.1))
    kit.ring(((low + top) / 2, h * 0.52, 0), (0, 0, 1), h * 0.27, 0.06, kit.c)
    if kit.rng.random() < 0.4:
        kit.tube((0, 0, 0), (0, 0.05, 0), 0.5, kit.some(WHITE, kit.c), 0.85)


def teapot(kit: Kit) -> None:
    kit.ball((0, 0.45, 0), (0.58, 0.45, 0.58), kit.c)
    kit.tube((0, 0.85, 0), (0, 0.92, 0), 0.28, kit.c, 0.2)
    kit.ball((0, 0.98, 0), 0.09, kit.some(kit.c, METAL, WOOD))
    kit.tube((0.45, 0.35, 0), (0.95, 0.85, 0), 0.15, kit.c, 0.06)
    kit.ring((-0.58, 0.5, 0), (0, 0, 1), 0.28, 0.055, kit.c)


def bottle(kit: Kit) -> None:
    r, h = kit.about(0.26, 0.34), kit.about(0.8, 1.1)
    kit.tube((0, 0, 0), (0, h, 0), r, kit.c)
    kit.ball((0, h, 0), (r, r * 1.1, r), kit.c, above=0.0)
    kit.tube((0, h, 0), (0, h + 0.65, 0), r * 0.36, kit.c)
    kit.tube((0, h + 0.62, 0), (0, h + 0.75, 0), r * 0.4, kit.some(DARK, METAL, WHITE))
    if kit.rng.random() < 0.6:
        kit.tube((0, h * 0.3, 0), (0, h * 0.7, 0), r + 0.006, kit.some(WHITE, CREAM))


def vase(kit: Kit) -> None:
    kit.ball((0, 0.48, 0), (0.42, 0.5, 0.42), kit.c)
    kit.tube((0, 0, 0), (0, 0.25, 0), 0.26, kit.c, 0.3)
    kit.tube((0, 0.8, 0), (0, 1.15, 0), 0.22, kit.c, 0.3)
    kit.tube((0, 1.15, 0), (0, 1.155, 0), 0.24, DARK)
    if kit.rng.random() < 0.4:
        for x, z in ((-0.2, 0.0), (0.05, 0.1), (0.22, -0.05)):
            kit.tube((0, 1, 0), (x * 1.6, 1.6, z), 0.02, GREEN)
            kit.ball((x * 1.6, 1.65, z), 0.13, kit.some(WHITE, YELLOW))


def bowl(kit: Kit) -> None:
    kit.ball((0, 0.55, 0), (0.75, 0.52, 0.75), kit.c, below=0.0)
    kit.tube((0, 0, 0), (0, 0.12, 0), 0.32, kit.c)
    kit.tube((0, 0.55, 0), (0, 0.556, 0), 0.68, kit.shaded(0.3))
    kit.ring((0, 0.55, 0), (0, 1, 0), 0.72, 0.035, kit.c)
    if kit.rng.random() < 0.35:
        for x, z in ((-0.25, 0.1), (0.2, 0.2), (0.05, -0.2)):
            kit.ball((x, 0.6, z), 0.22, kit.some(RED, YELLOW, GREEN))


def pot(kit: Kit) -> None:
    kit.tube((0, 0, 0), (0, 0.65, 0), 0.6, kit.c)
    kit.tube((0, 0.65, 0), (0, 0.72, 0), 0.63, METAL)
    kit.ball((0, 0.7, 0), (0.6, 0.18, 0.6), kit.c, above=0.0)
    kit.ball((0, 0.92, 0), 0.08, DARK)
    for s in (-1, 1):
        kit.block((s * 0.7, 0.52, 0), (0.12, 0.04, 0.14), DARK)


def candle(kit: Kit) -> None:
    h = kit.about(0.6, 1.3)
    kit.tube((0, 0.05, 0), (0, h, 0), 0.22, kit.c)
    kit.tube((0, 0, 0), (0, 0.06, 0), 0.36, kit.some(METAL, WHITE, WOOD))
    kit.tube((0, h, 0), (0, h + 0.1, 0), 0.02, DARK)
    if kit.rng.random() < 0.75:
        kit.ball((0, h + 0.2, 0), (0.06, 0.15, 0.06), Paint((255, 205, 90), 0, glow=1.0))


def book(kit: Kit) -> None:
    if kit.rng.random() < 0.6:  # upright
        kit.block((0, 0.62, 0), (0.46, 0.62, 0.11), kit.c, soft=0.015)
        kit.block((0.02, 0.62, 0), (0.46, 0.59, 0.085), CREAM, soft=0.01)
        kit.block((-0.02, 0.85, 0.111), (0.3, 0.09, 0.004), kit.some(WHITE, YELLOW, DARK))
        kit.block((-0.02, 0.6, 0.111), (0.2, 0.03, 0.004), kit.some(WHITE, YELLOW))
        return
    for i in range(kit.rng.choice((1, 1, 1, 2))):
        y = 0.14 + 0.28 * i
        kit.block((0, y + 0.12, 0), (0.7, 0.025, 0.5), kit.c, soft=0.01)
        kit.block((0, y - 0.12, 0), (0.7, 0.025, 0.5), kit.c, soft=0.01)
        kit.block((-0.68, y, 0), (0.02, 0.14, 0.5), kit.c, soft=0.01)
        kit.block((0, y, 0), (0.66, 0.1, 0.47), CREAM, soft=0.01)


def suitcase(kit: Kit) -> None:
    w, h = kit.about(0.5, 0.8), kit.about(0.5, 0.65)
    kit.block((0, h, 0), (w, h - 0.08, 0.24), kit.c, soft=0.07)
    for x in (-w * 0.55, w * 0.55):
        kit.block((x, h, 0), (0.05, h - 0.075, 0.247), kit.some(DARK, kit.shaded(0.3)))
        kit.ball((x, 0.05, 0), 0.06, DARK)
    kit.ring((0, 2 * h - 0.08, 0), (0, 0, 1), 0.16, 0.035, DARK)


def backpack(kit: Kit) -> None:
    kit.block((0, 0.62, 0), (0.46, 0.58, 0.26), kit.c, soft=0.2)
    kit.ball((0, 1.0, 0), (0.46, 0.36, 0.28), kit.c)
    kit.block((0, 0.42, 0.26), (0.34, 0.27, 0.12), kit.shaded(0.18), soft=0.1)
    kit.block((0, 0.66, 0.36), (0.33, 0.02, 0.03), DARK)
    kit.ring((0, 1.36, -0.05), (0, 0, 1), 0.12, 0.03, DARK)
    for s in (-1, 1):
        kit.block((s * 0.47, 0.6, 0.05), (0.05, 0.3, 0.05), DARK)


def gift(kit: Kit) -> None:
    w, h = kit.about(0.5, 0.65), kit.about(0.4, 0.55)
    ribbon = kit.some(WHITE, YELLOW) if kit.c.colour[1] < 140 else kit.some(RED, DARK)
    kit.block((0, h, 0), (w, h, w), kit.c, soft=0.02)
    kit.block((0, 2 * h - 0.1, 0), (w + 0.03, 0.1, w + 0.03), kit.c, soft=0.02)
    for half in ((0.08, h + 0.006, w + 0.037), (w + 0.037, h + 0.006, 0.08)):
        kit.block((0, h, 0), half, ribbon)
    for s in (-1, 1):
        kit.ball((s * 0.16, 2 * h + 0.1, 0), (0.17, 0.1, 0.1), ribbon, tilt=s * 25)


def umbrella(kit: Kit) -> None:
    kit.tube((0, 0.08, 0), (0, 1.75, 0), 0.03, kit.some(WOOD, METAL, DARK))
    kit.ring((0.1, 0.1, 0), (0, 0, 1), 0.09, 0.03, kit.some(WOOD, DARK))
    dome = Paint(kit.c.colour, 0.15, pattern="bars", second=kit.shaded(0.15).colour, per_unit=8)
    if kit.rng.random() < 0.25:
        dome = Paint(kit.c.colour, 0.15, pattern="bars", second=WHITE.colour, per_unit=4)
    kit.ball((0, 1.1, 0), (0.95, 0.66, 0.95), dome, above=0.12)
    kit.ball((0, 1.16, 0), (0.9, 0.02, 0.9), kit.shaded(0.55))
    kit.tube((0, 1.72, 0), (0, 1.9, 0), 0.02, METAL)


def hat(kit: Kit) -> None:
    h = kit.about(0.4, 0.65)
    brim = kit.about(0.75, 1.0)
    kit.tube((0, 0, 0), (0, 0.06, 0), brim, kit.c, brim * 0.96)
    kit.tube((0, 0.04, 0), (0, h, 0), 0.5, kit.c, 0.42)
    kit.ball((0, h, 0), (0.42, kit.about(0.03, 0.2), 0.42), kit.c)
    kit.tube((0, 0.07, 0), (0, 0.2, 0), 0.508, kit.some(DARK, kit.shaded(0.5), WHITE), 0.49)


def shoe(kit: Kit) -> None:
    sole = kit.some(WHITE, WHITE, DARK)
    kit.ball((0.3, 0.2, 0), (0.58, 0.26, 0.27), kit.c)
    kit.tube((-0.4, 0.1, 0), (-0.42, 0.62, 0), 0.3, kit.c, 0.26, flat=0.85)
    kit.ball((-0.05, 0.3, 0), (0.45, 0.28, 0.25), kit.c, tilt=-25)
    kit.tube((-0.42, 0.62, 0), (-0.42, 0.63, 0), 0.21, DARK, flat=0.8)
    kit.prism([(-0.72, 0), (0.8, 0), (0.9, 0.12), (-0.72, 0.12)], 0.28, sole, soft=0.1)
    for i in range(4):
        x = 0.05 + i * 0.12
        kit.tube((x, 0.52 - i * 0.035, -0.15), (x, 0.52 - i * 0.035, 0.15), 0.03, WHITE)


def ball(kit: Kit) -> None:
    c = kit.c.colour
    kind = kit.rng.random()
    paint = kit.c
    if kind < 0.2:
        paint = Paint(c, 0.3, pattern="bars", second=WHITE.colour, per_unit=3)
    elif kind < 0.35:
        paint = Paint(c, 0.1, pattern="speckles", second=kit.shaded(0.3).colour)
    kit.ball((0, 0.7, 0), 0.7, paint)
    if kind > 0.75:
        for axis in ((1.0, 0.1, 0.0), (0.0, 1.0, 0.2), (0.2, 0.0, 1.0)):
            kit.ring((0, 0.7, 0), axis, 0.695, 0.016, kit.some(DARK, WHITE))


def balloon(kit: Kit) -> None:
    kit.ball((0, 1.35, 0), (0.52, 0.62, 0.52), kit.c)
    kit.tube((0, 0.68, 0), (0, 0.84, 0), 0.09, kit.c, 0.03)
    kit.path([(0, 0.7, 0), (0.05, 0.45, 0), (-0.03, 0.2, 0), (0.02, 0, 0)], 0.012, WHITE)


def blocks(kit: Kit) -> None:
    s = 0.3
    for x, y, z in ((-s - 0.03, s, 0.0), (s + 0.05, s, 0.08), (0.02, 3 * s, 0.0))[: kit.rng.randint(2, 3)]:
        kit.block((x, y, z), (s, s, s), kit.c, soft=0.04)
        kit.block((x, y, z), (s * 0.55, s * 0.55, s + 0.01), kit.shaded(-0.5))


def drum(kit: Kit) -> None:
    h = kit.about(0.6, 0.95)
    kit.tube((0, 0.04, 0), (0, h, 0), 0.6, kit.c)
    for y in (0.05, h):
        kit.ring((0, y, 0), (0, 1, 0), 0.6, 0.05, kit.some(METAL, WHITE))
    kit.tube((0, h, 0), (0, h + 0.02, 0), 0.57, CREAM)
    for s in (-1, 1):
        kit.tube((s * 0.1, h + 0.06, 0.1), (s * 0.5, h + 0.12, 0.6), 0.03, WOOD)


def guitar(kit: Kit) -> None:
    for y, r in ((0.42, 0.44), (0.95, 0.32)):
        kit.tube((0, y, -0.1), (0, y, 0.1), r, kit.c)
    kit.block((0, 0.7, 0), (0.24, 0.2, 0.1), kit.c)
    kit.tube((0, 0.8, 0.1), (0, 0.8, 0.105), 0.13, DARK)
    kit.block((0, 1.45, 0.1), (0.055, 0.62, 0.03), BARK)
    kit.block((0, 2.12, 0.08), (0.1, 0.14, 0.03), DARK)
    kit.block((0, 0.4, 0.11), (0.18, 0.03, 0.02), DARK)


def telephone(kit: Kit) -> None:
    kit.prism([(-0.5, 0), (0.5, 0), (0.36, 0.5), (-0.36, 0.5)], 0.45, kit.c, taper=0.35, soft=0.06)
    kit.tube((0, 0.26, 0.3), (0, 0.3, 0.44), 0.22, WHITE)
    kit.tube((0, 0.27, 0.4), (0, 0.31, 0.47), 0.09, DARK)
    kit.tube((-0.5, 0.64, 0), (0.5, 0.64, 0), 0.075, kit.c)
    for s in (-1, 1):
        kit.ball((s * 0.54, 0.58, 0), (0.15, 0.13, 0.15), kit.c)


def bucket(kit: Kit) -> None:
    kit.tube((0, 0, 0), (0, 0.9, 0), 0.42, kit.c, 0.56)
    kit.tube((0, 0.9, 0), (0, 0.906, 0), 0.5, kit.shaded(0.5))
    kit.ring((0, 0.9, 0), (0, 1, 0), 0.55, 0.035, kit.c)
    kit.ring((0, 0.9, 0), (0, 0.45, 1), 0.56, 0.02, METAL)


def barrel(kit: Kit) -> None:
    kit.tube((0, 0, 0), (0, 0.55, 0), 0.4, kit.c, 0.5)
    kit.tube((0, 0.55, 0), (0, 1.1, 0), 0.5, kit.c, 0.4)
    for y, r in ((0.15, 0.435), (0.4, 0.48), (0.7, 0.48), (0.95, 0.435)):
        kit.tube((0, y - 0.03, 0), (0, y + 0.03, 0), r + 0.008, DARK)
    kit.tube((0, 1.1, 0), (0, 1.105, 0), 0.35, kit.shaded(0.3))


def watering_can(kit: Kit) -> None:
    kit.tube((0, 0, 0), (0, 0.75, 0), 0.42, kit.c, 0.38)
    kit.tube((0.3, 0.2, 0), (1.0, 0.85, 0), 0.1, kit.c, 0.06)
    kit.tube((0.95, 0.8, 0), (1.05, 0.92, 0), 0.07, kit.c, 0.17)
    kit.ring((-0.4, 0.5, 0), (0, 0, 1), 0.3, 0.045, kit.c)
    kit.tube((0, 0.75, 0), (0, 0.755, 0), 0.3, kit.shaded(0.5))


def clock(kit: Kit) -> None:
    kit.tube((0, 0.72, -0.12), (0, 0.72, 0.1), 0.68, kit.c)
    kit.tube((0, 0.72, 0.1), (0, 0.72, 0.105), 0.56, WHITE)
    for i in range(12):
        a = math.pi * i / 6
        kit.ball((0.47 * math.sin(a), 0.72 + 0.47 * math.cos(a), 0.11), 0.035, DARK)
    for length, thick in ((0.28, 0.035), (0.42, 0.025)):
        a = kit.about(0, 2 * math.pi)
        kit.tube((0, 0.72, 0.12), (length * math.sin(a), 0.72 + length * math.cos(a), 0.12), thick, DARK)
    for s in (-1, 1):
        kit.tube((s * 0.4, 0.12, 0), (s * 0.5, 0, 0), 0.06, kit.c)
        if kit.rng.random() < 0.4:
            kit.ball((s * 0.4, 1.38, 0), (0.22, 0.17, 0.2), METAL, tilt=-s * 30)


def robot(kit: Kit) -> None:
    kit.block((0, 0.8, 0), (0.36, 0.36, 0.25), kit.c)
    kit.block((0, 1.42, 0), (0.27, 0.22, 0.22), kit.c)
    kit.tube((0, 1.1, 0), (0, 1.25, 0), 0.08, METAL)
    kit.tube((0, 1.62, 0), (0, 1.85, 0), 0.02, METAL)
    kit.ball((0, 1.87, 0), 0.06, RED)
    kit.block((0, 0.85, 0.26), (0.2, 0.14, 0.01), METAL)
    for s in (-1, 1):
        kit.ball((s * 0.11, 1.47, 0.22), 0.065, LAMP)
        kit.path([(s * 0.4, 1.05, 0), (s * 0.58, 0.75, 0), (s * 0.55, 0.5, 0.12)], 0.08, METAL)
        kit.ball((s * 0.55, 0.46, 0.14), 0.11, kit.c)
        kit.block((s * 0.18, 0.24, 0), (0.11, 0.24, 0.13), METAL)
        kit.block((s * 0.18, 0.05, 0.06), (0.14, 0.06, 0.2), kit.c)


def cake(kit: Kit) -> None:
    h, r = kit.about(0.4, 0.6), kit.about(0.62, 0.75)
    kit.tube((0, 0, 0), (0, 0.04, 0), r + 0.2, kit.some(WHITE, METAL))
    kit.tube((0, 0.04, 0), (0, h, 0), r, kit.c)
    top = kit.some(WHITE, CREAM, kit.c)
    kit.tube((0, h, 0), (0, h + 0.05, 0), r + 0.01, top)
    for i in range(10):
        a = i * math.pi / 5
        kit.ball((r * 0.85 * math.cos(a), h + 0.08, r * 0.85 * math.sin(a)), 0.09, kit.some(top, RED))
    for i in range(kit.rng.choice((0, 1, 3, 5))):
        x, z = 0.3 * math.cos(i * 1.3), 0.3 * math.sin(i * 1.3)
        kit.tube((x, h, z), (x, h + 0.32, z), 0.03, kit.some(WHITE, YELLOW, RED))
        kit.ball((x, h + 0.4, z), (0.035, 0.07, 0.035), Paint((255, 200, 80), 0, glow=1.0))


def ice_cream(kit: Kit) -> None:
    cone = Paint((210, 155, 85), 0.05, pattern="checks", second=(180, 122, 62), per_unit=8)
    kit.tube((0, 0.0, 0), (0, 1.0, 0), 0.04, cone, 0.36)
    kit.ball((0, 1.15, 0), 0.4, kit.c)
    if kit.rng.random() < 0.5:
        kit.ball((0, 1.58, 0), 0.3, kit.c)


def plate(kit: Kit) -> None:
    kit.tube((0, 0, 0), (0, 0.08, 0), 0.5, kit.c, 0.9)
    kit.ring((0, 0.08, 0), (0, 1, 0), 0.87, 0.03, kit.c)
    for x, z in ((-0.3, 0.1), (0.25, 0.2), (0.1, -0.3))[: kit.rng.randint(0, 3)]:
        kit.ball((x, 0.12, z), (0.22, 0.12, 0.18), kit.some(GREEN, CREAM, BARK))


def telescreen(kit: Kit) -> None:
    """A phone that stands."""
    kit.block((0, 0.8, 0), (0.4, 0.78, 0.05), kit.c, soft=0.05, lean=-10)
    kit.block((0, 0.8, 0.045), (0.35, 0.66, 0.012), GLASS, lean=-10)


THINGS = (
    Model("cup", cup, ("mug", "coffee cup"), "table", 80),
    Model("teapot", teapot, ("tea pot",), "table"),
    Model("bottle", bottle, ("bottle of drink",), "table"),
    Model("vase", vase, ("flower vase",), "table"),
    Model("bowl", bowl, ("dish",), "table"),
    Model("plate", plate, ("dish",), "table"),
    Model("pot", pot, ("cooking pot", "saucepan"), "table"),
    Model("candle", candle, ("burning candle",), "table"),
    Model("book", book, ("textbook",), "table", 40),
    Model("suitcase", suitcase, ("luggage", "travel bag"), "room"),
    Model("backpack", backpack, ("rucksack", "bag"), "room", 45),
    Model("gift", gift, ("present", "gift box"), "table"),
    Model("umbrella", umbrella, ("parasol",), "nature"),
    Model("hat", hat, ("cap", "clothing"), "table"),
    Model("shoe", shoe, ("sneaker", "footwear"), "room", 50),
    Model("ball", ball, ("toy",), "nature"),
    Model("balloon", balloon, ("party balloon",), "air"),
    Model("toy block", blocks, ("building block", "toy"), "table"),
    Model("drum", drum, ("musical instrument",), "room"),
    Model("guitar", guitar, ("musical instrument",), "room", 35),
    Model("telephone", telephone, ("old telephone", "phone"), "table", 40),
    Model("phone", telescreen, ("smartphone", "mobile phone"), "table", 40),
    Model("bucket", bucket, ("pail",), "nature"),
    Model("barrel", barrel, ("cask",), "nature"),
    Model("watering can", watering_can, ("garden tool",), "nature", 45),
    Model("clock", clock, ("wall clock",), "table", 35),
    Model("robot", robot, ("machine",), "room", 45),
    Model("cake", cake, ("birthday cake", "food"), "table"),
    Model("ice cream", ice_cream, ("dessert", "food"), "table"),
)  # fmt: skip
