"""Solid models of buildings and of what stands in a room or a street; they look along z, towards the viewer."""

from __future__ import annotations

from collections.abc import Sequence

from training.render.kit import DARK, GLASS, LAMP, METAL, RED, WHITE, WOOD, YELLOW, Kit, Model, Spot
from training.render.rays import Paint

BRICK = Paint((160, 75, 58), 0.05, pattern="checks", second=(140, 62, 50), per_unit=7)
STONE = Paint((170, 165, 155), 0.05, pattern="speckles", second=(145, 140, 132))


def house(kit: Kit) -> None:
    w, d, h = kit.about(0.65, 1.0), kit.about(0.5, 0.7), kit.about(0.65, 1.1)
    kit.block((0, h / 2, 0), (w, h / 2, d), kit.c, soft=0.01)
    roof = kit.some(Paint((140, 62, 48), 0.05), Paint((82, 82, 92), 0.05), Paint((105, 70, 48), 0.05), kit.shaded(0.5))
    up, over = kit.about(0.4, 0.75), 0.1
    if kit.rng.random() < 0.5:  # gable over the front
        kit.prism([(-w, h), (w, h), (0, h + up)], d, kit.c)
        _roof(kit, w, h, up, d + over, roof)
    else:
        _roof(kit, w + over, h, up, d + over, roof, hip=True)
    kit.block((w * 0.5, h + up * 0.75, -d * 0.3), (0.09, 0.3, 0.09), BRICK)
    kit.block((0, 0.22, d), (0.13, 0.24, 0.02), kit.some(WOOD, DARK, WHITE, RED))
    _panes(kit, [(x * w, h * 0.55, d) for x in (-0.58, 0.58)])
    if h > 0.9:
        _panes(kit, [(0, h * 0.82, d)])
    for z in (-0.4, 0.4):
        for s in (-1, 1):
            kit.block((s * w, h * 0.55, z * d), (0.015, 0.14, 0.11), GLASS)


def _roof(kit: Kit, w: float, h: float, up: float, d: float, paint: Paint, hip: bool = False) -> None:
    if hip:
        kit.prism([(-w, h - 0.01), (w, h - 0.01), (w, h + 0.03), (0.7 * w, h + up), (-0.7 * w, h + up), (-w, h + 0.03)],
                  d, paint, taper=d / up * 0.95, soft=0.01)  # fmt: skip
        return
    for s in (-1, 1):
        a, b = (s * (w + 0.14), h - 0.1), (0.0, h + up + 0.04)
        c, e = (0.0, h + up - 0.05), (s * (w + 0.14), h - 0.19)
        kit.prism([e, a, b, c] if s > 0 else [e, c, b, a], d, paint, soft=0.01)


def _panes(kit: Kit, spots: Sequence[Spot]) -> None:
    for x, y, z in spots:
        kit.block((x, y, z), (0.15, 0.17, 0.015), WHITE)
        for s in (-1, 1):
            kit.block((x + s * 0.067, y, z + 0.01), (0.055, 0.14, 0.015), GLASS)


def church(kit: Kit) -> None:
    kit.block((0.35, 0.4, 0), (0.75, 0.4, 0.35), kit.c, soft=0.01)
    roof = kit.some(Paint((120, 60, 50), 0.05), Paint((80, 85, 95), 0.05))
    kit.prism([(-0.45, 0.8), (1.15, 0.8), (1.15, 1.2), (-0.45, 1.2)], 0.4, roof, 0.9)
    kit.block((-0.6, 0.75, 0), (0.27, 0.75, 0.27), kit.c, soft=0.01)
    kit.tube((-0.6, 1.5, 0), (-0.6, 2.4, 0), 0.34, roof, 0.01)
    kit.tube((-0.6, 1.15, 0), (-0.6, 1.15, 0.28), 0.13, WHITE)
    kit.block((-0.6, 0.25, 0.26), (0.1, 0.25, 0.02), WOOD)
    for x in (0.0, 0.4, 0.8):
        kit.block((x, 0.45, 0.35), (0.08, 0.2, 0.015), GLASS)


def lighthouse(kit: Kit) -> None:
    kit.tube((0, 0, 0), (0, 2, 0), 0.42, kit.c, 0.26)
    for y in kit.rng.choice(((0.5, 1.3), (0.9,), ())):
        k = 0.42 - 0.08 * y
        kit.tube((0, y, 0), (0, y + 0.32, 0), k + 0.008, WHITE, k - 0.017)
    kit.tube((0, 2, 0), (0, 2.06, 0), 0.36, DARK)
    kit.tube((0, 2.06, 0), (0, 2.36, 0), 0.2, LAMP)
    kit.tube((0, 2.36, 0), (0, 2.62, 0), 0.28, kit.c, 0.02)
    kit.ball((0, 0, 0), (0.9, 0.14, 0.8), STONE)
    kit.block((0, 0.25, 0.4), (0.09, 0.2, 0.04), DARK)


def tent(kit: Kit) -> None:
    if kit.rng.random() < 0.5:
        kit.ball((0, 0, 0), (1.0, 0.75, 0.8), kit.c, above=0.0)
        kit.ball((0, 0, 0.25), (0.36, 0.5, 0.6), Paint((40, 40, 45), 0.05), above=0.0)
    else:
        kit.prism([(-0.8, 0), (0.8, 0), (0, 1.05)], 0.9, kit.c)
        kit.prism([(-0.3, 0), (0.3, 0), (0, 0.85)], 0.92, Paint((45, 42, 42), 0.05))


def armchair(kit: Kit) -> None:
    _padded(kit, kit.about(0.36, 0.44), 1)


def sofa(kit: Kit) -> None:
    _padded(kit, kit.about(0.85, 1.15), kit.rng.choice((2, 2, 3)))


def _padded(kit: Kit, w: float, seats: int) -> None:
    """A seat with arms and back; the half width between the arms and the number of cushions."""
    cloth, arm = kit.cloth(), kit.about(0.56, 0.7)
    high, legs = kit.about(0.85, 1.1), kit.some(WOOD, DARK, METAL)
    side = kit.about(0.09, 0.14)
    kit.block((0, 0.28, 0), (w, 0.13, 0.42), cloth)
    kit.block((0, high / 2 + 0.08, -0.42), (w + side, high / 2 - 0.06, 0.13), cloth, soft=0.09, lean=-8)
    rolled = kit.rng.random() < 0.5
    for s in (-1, 1):
        x = s * (w + side)
        kit.block((x, arm / 2 + 0.08, -0.02), (side, arm / 2 - 0.06, 0.46), cloth, soft=0.07)
        if rolled:
            kit.tube((x, arm, -0.46), (x, arm, 0.46), side * 1.15, cloth)
        for z in (-0.4, 0.36):
            kit.tube((s * w, 0.18, z), (s * (w + 0.04), 0, z), 0.045, legs, 0.03)
    step = 2 * w / seats
    for i in range(seats):
        x = -w + step * (i + 0.5)
        kit.block((x, 0.45, 0.04), (step / 2 - 0.01, 0.1, 0.41), cloth, soft=0.09)
        kit.block((x, 0.72, -0.27), (step / 2 - 0.02, 0.24, 0.09), cloth, soft=0.09, lean=-12)
    if kit.rng.random() < 0.25:
        kit.block((w * 0.6, 0.68, -0.12), (0.18, 0.17, 0.07), kit.some(WHITE, YELLOW, DARK), 0.08, 10, -20)


def chair(kit: Kit) -> None:
    w, high = kit.about(0.3, 0.36), kit.about(1.15, 1.4)
    thick = kit.about(0.03, 0.05)
    legs = kit.some(kit.c, kit.c, METAL, WOOD)
    kit.block((0, 0.6, 0), (w, 0.05, w), kit.c)
    for x in (-w + 0.04, w - 0.04):
        kit.tube((x, 0.6, w - 0.05), (x * 1.1, 0, w), thick, legs)
        kit.tube((x, 0.6, -w + 0.05), (x * 1.1, 0, -w - 0.04), thick, legs)
        kit.tube((x, 0.6, -w + 0.04), (x, high, -w - 0.08), thick, kit.c)
    if kit.rng.random() < 0.5:
        kit.block((0, (high + 0.75) / 2, -w - 0.03), (w - 0.02, (high - 0.75) / 2, 0.035), kit.c, lean=-6)
    else:
        for y in (0.82, 1.0, high - 0.06):
            kit.block((0, y, -w - 0.03), (w - 0.04, 0.055, 0.03), kit.c)


def stool(kit: Kit) -> None:
    h, r = kit.about(0.6, 1.0), kit.about(0.28, 0.36)
    kit.tube((0, h - 0.1, 0), (0, h, 0), r, kit.c)
    for x, z in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
        kit.tube((x * r * 0.55, h - 0.08, z * r * 0.55), (x * r * 0.85, 0, z * r * 0.85), 0.045, kit.some(kit.c, WOOD))
    kit.ring((0, h * 0.4, 0), (0, 1, 0), r * 0.95, 0.025, METAL)


def table(kit: Kit) -> None:
    w, d, h = kit.about(0.8, 1.1), kit.about(0.45, 0.65), kit.about(0.6, 0.8)
    if kit.rng.random() < 0.3:
        kit.tube((0, h, 0), (0, h + 0.08, 0), 0.8, kit.c)
        kit.tube((0, 0, 0), (0, h, 0), 0.09, kit.c)
        kit.tube((0, 0, 0), (0, 0.06, 0), 0.42, kit.c, 0.3)
        return
    kit.block((0, h, 0), (w, 0.06, d), kit.c)
    for x in (-w + 0.09, w - 0.09):
        for z in (-d + 0.09, d - 0.09):
            kit.block((x, h / 2, z), (0.06, h / 2, 0.06), kit.c)


def bed(kit: Kit) -> None:
    frame = kit.some(WOOD, WOOD, WHITE, DARK)
    kit.block((0, 0.22, 0), (0.75, 0.12, 1.0), frame)
    kit.block((0, 0.55, -1.0), (0.78, 0.5, 0.06), frame)
    kit.block((0, 0.42, 0), (0.72, 0.13, 0.97), WHITE, soft=0.08)
    kit.block((0, 0.46, 0.25), (0.77, 0.15, 0.76), kit.cloth(), soft=0.1)
    for x in (-0.36, 0.36):
        kit.block((x, 0.6, -0.72), (0.28, 0.08, 0.17), WHITE, 0.09, lean=15)
    for x in (-0.68, 0.68):
        kit.block((x, 0.08, 0.9), (0.05, 0.1, 0.05), frame)


def cupboard(kit: Kit) -> None:
    w, h = kit.about(0.5, 0.75), kit.about(0.7, 1.05)
    kit.block((0, h, 0), (w, h - 0.06, 0.3), kit.c)
    knob = kit.some(METAL, DARK, WOOD)
    for s in (-1, 1):
        kit.block((s * w / 2, h, 0.3), (w / 2 - 0.03, h - 0.14, 0.02), kit.shaded(-0.12))
        kit.ball((s * 0.07, h, 0.34), 0.035, knob)
        kit.block((s * (w - 0.07), 0.04, 0.2), (0.05, 0.05, 0.05), DARK)


def bookshelf(kit: Kit) -> None:
    h, n = kit.about(1.5, 1.9), kit.rng.randint(3, 5)
    for s in (-1, 1):
        kit.block((s * 0.62, h / 2, 0), (0.05, h / 2, 0.25), kit.c)
    kit.block((0, h / 2, -0.22), (0.6, h / 2, 0.02), kit.shaded(0.25))
    for i in range(n + 1):
        kit.block((0, 0.05 + (h - 0.1) * i / n, 0), (0.6, 0.045, 0.25), kit.c)
        x = -0.52
        while i < n and x < 0.4:
            wide, high = kit.about(0.05, 0.11), kit.about(0.5, 0.8) * h / n / 2
            tone = (kit.rng.randint(60, 220), kit.rng.randint(60, 200), kit.rng.randint(50, 190))
            kit.block((x + wide, 0.1 + (h - 0.1) * i / n + high, 0.02), (wide, high, 0.17), Paint(tone))
            x += 2 * wide + kit.rng.choice((0.005, 0.005, 0.25))


def floor_lamp(kit: Kit) -> None:
    kit.tube((0, 0, 0), (0, 0.05, 0), 0.26, kit.some(DARK, METAL))
    kit.tube((0, 0, 0), (0, 1.6, 0), 0.03, kit.some(DARK, METAL, WOOD))
    shade = Paint(kit.c.colour, 0.05, glow=kit.rng.choice((0.0, 0.3, 0.6)))
    kit.tube((0, 1.25, 0), (0, 1.75, 0), 0.42, shade, 0.26)


def table_lamp(kit: Kit) -> None:
    base = kit.some(kit.c, METAL, WOOD, WHITE)
    kit.tube((0, 0, 0), (0, 0.06, 0), 0.24, base)
    kit.ball((0, 0.28, 0), (0.18, 0.24, 0.18), base)
    kit.tube((0, 0.3, 0), (0, 0.75, 0), 0.04, base)
    shade = Paint(kit.c.colour, 0.05, glow=kit.rng.choice((0.0, 0.3, 0.6)))
    kit.tube((0, 0.6, 0), (0, 1.1, 0), kit.about(0.42, 0.52), shade, kit.about(0.2, 0.36))


def television(kit: Kit) -> None:
    kit.block((0, 0.62, 0), (0.85, 0.48, 0.06), kit.c)
    screen = Paint((kit.rng.randint(15, 60), kit.rng.randint(20, 70), kit.rng.randint(25, 90)), 0.9)
    kit.block((0, 0.63, 0.05), (0.77, 0.4, 0.02), screen)
    kit.tube((0, 0.05, 0), (0, 0.2, 0), 0.06, kit.c)
    kit.block((0, 0.03, 0), (0.35, 0.03, 0.2), kit.c)


def refrigerator(kit: Kit) -> None:
    h, split = kit.about(1.5, 1.9), kit.about(0.55, 0.7)
    kit.block((0, h / 2, 0), (0.42, h / 2, 0.38), kit.c, soft=0.05)
    kit.block((0, h * split, 0.37), (0.43, 0.012, 0.03), DARK)
    for y in (h * split + 0.22, h * split - 0.28):
        kit.tube((-0.32, y - 0.12, 0.43), (-0.32, y + 0.12, 0.43), 0.025, METAL)


def washing_machine(kit: Kit) -> None:
    kit.block((0, 0.5, 0), (0.45, 0.5, 0.42), kit.c, soft=0.04)
    kit.ring((0, 0.44, 0.43), (0, 0, 1), 0.27, 0.045, METAL)
    kit.tube((0, 0.44, 0.4), (0, 0.44, 0.445), 0.25, GLASS)
    kit.block((-0.1, 0.88, 0.43), (0.3, 0.06, 0.01), kit.some(DARK, WHITE))
    kit.tube((0.32, 0.88, 0.4), (0.32, 0.88, 0.46), 0.05, METAL)


def traffic_cone(kit: Kit) -> None:
    kit.block((0, 0.04, 0), (0.42, 0.04, 0.42), kit.some(kit.c, DARK))
    kit.tube((0, 0.05, 0), (0, 1.1, 0), 0.32, kit.c, 0.05)
    kit.tube((0, 0.42, 0), (0, 0.66, 0), 0.234, WHITE, 0.175)
    if kit.rng.random() < 0.5:
        kit.tube((0, 0.8, 0), (0, 0.95, 0), 0.143, WHITE, 0.105)


def mailbox(kit: Kit) -> None:
    kit.block((0, 0.45, 0), (0.06, 0.45, 0.06), kit.some(WOOD, METAL))
    kit.block((0, 1.02, 0), (0.26, 0.18, 0.42), kit.c)
    kit.tube((0, 1.18, -0.42), (0, 1.18, 0.42), 0.26, kit.c)
    kit.block((0, 1.1, 0.43), (0.15, 0.03, 0.012), DARK)
    kit.block((0.28, 1.28, 0.1), (0.012, 0.16, 0.04), RED)


HOME = (
    Model("house", house, ("home", "building"), "nature", 50),
    Model("church", church, ("chapel", "building"), "nature", 40),
    Model("lighthouse", lighthouse, ("tower", "building"), "nature"),
    Model("tent", tent, ("camping tent",), "nature", 45),
    Model("armchair", armchair, ("easy chair", "chair", "furniture"), "room", 50),
    Model("sofa", sofa, ("couch", "furniture"), "room", 40),
    Model("chair", chair, ("furniture",), "room", 65),
    Model("stool", stool, ("bar stool", "furniture"), "room"),
    Model("table", table, ("desk", "furniture"), "room"),
    Model("bed", bed, ("furniture",), "room"),
    Model("cupboard", cupboard, ("cabinet", "furniture"), "room", 40),
    Model("bookshelf", bookshelf, ("bookcase", "furniture"), "room", 30),
    Model("lamp", floor_lamp, ("table lamp",), "room"),
    Model("lamp", table_lamp, ("table lamp",), "table"),
    Model("television", television, ("tv", "tv set"), "room", 30),
    Model("refrigerator", refrigerator, ("fridge", "appliance"), "room", 40),
    Model("washing machine", washing_machine, ("washer", "appliance"), "room", 40),
    Model("traffic cone", traffic_cone, ("road cone",), "road", usual=("orange", "red", "orange", "yellow", "green")),
    Model("mailbox", mailbox, ("letterbox",), "nature"),
)  # fmt: skip
