"""Solid models of vehicles, which look along x."""

from __future__ import annotations

from collections.abc import Sequence

from training.render.kit import DARK, GLASS, LAMP, METAL, RED, RUBBER, WHITE, WOOD, YELLOW, Kit, Model


def _wheels(kit: Kit, spots: Sequence[float], radius: float, out: float) -> None:
    rim = kit.some(METAL, METAL, DARK)
    for x in spots:
        for s in (-1, 1):
            kit.tube((x, radius, s * (out - 0.13)), (x, radius, s * (out + 0.01)), radius, RUBBER)
            kit.tube((x, radius, s * out), (x, radius, s * (out + 0.025)), radius * 0.62, rim)


def _lights(kit: Kit, front: float, back: float, y: float, out: float) -> None:
    for s in (-1, 1):
        kit.ball((front, y, s * out), (0.035, 0.05, 0.08), LAMP)
        kit.block((back, y, s * out), (0.03, 0.045, 0.07), RED)


def _car(kit: Kit, body: Sequence[tuple[float, float]], cabin: Sequence[tuple[float, float]], low: float) -> None:
    """A lower body and a cabin of glass with a roof and posts in the body's colour; `low` is the waistline."""
    half = kit.about(0.40, 0.46)
    kit.prism(body, half, kit.c, taper=0.1, soft=0.05)
    kit.prism(cabin, half - 0.03, GLASS, taper=0.35, soft=0.04)
    (x0, _), (x1, _), (x2, y2), (x3, _) = cabin
    roof = half - 0.03 - 0.35 * (y2 - low) + 0.012
    kit.prism([(x3 - 0.02, y2 - 0.045), (x2 + 0.02, y2 - 0.045), (x2, y2 + 0.015), (x3, y2 + 0.015)], roof, kit.c)
    for s in (-1, 1):
        for bottom, top in ((x0, x3), (x1, x2), ((x0 + x1) / 2, (x2 + x3) / 2)):
            kit.tube((bottom, low, s * (half - 0.025)), (top, y2 - 0.01, s * roof), 0.03, kit.c)
        kit.block((x1 - 0.12, low + 0.05, s * (half + 0.05)), (0.03, 0.035, 0.05), kit.c)
    front, back = max(x for x, _ in body), min(x for x, _ in body)
    _lights(kit, front - 0.05, back + 0.01, body[2][1] - 0.04, half - 0.13)
    kit.block((front - 0.01, 0.25, 0), (0.04, 0.05, half - 0.1), DARK)
    _wheels(kit, (back + 0.36, front - 0.38), kit.about(0.19, 0.22), half)


def sedan(kit: Kit) -> None:
    top = kit.about(0.82, 0.92)
    body = [(-1.1, 0.18), (1.1, 0.18), (1.14, 0.42), (0.55, 0.57), (-0.75, 0.59), (-1.13, 0.55)]
    _car(kit, body, [(-0.82, 0.55), (0.6, 0.55), (0.2, top), (-0.45, top)], 0.55)


def hatchback(kit: Kit) -> None:
    top = kit.about(0.9, 1.05)
    body = [(-0.95, 0.18), (0.95, 0.18), (0.99, 0.45), (0.55, 0.6), (-0.9, 0.62), (-0.98, 0.5)]
    _car(kit, body, [(-0.93, 0.58), (0.62, 0.58), (0.22, top), (-0.7, top)], 0.58)


def sports_car(kit: Kit) -> None:
    top = kit.about(0.66, 0.72)
    body = [(-1.1, 0.14), (1.18, 0.14), (1.2, 0.28), (0.4, 0.48), (-0.7, 0.52), (-1.14, 0.5)]
    _car(kit, body, [(-0.85, 0.48), (0.45, 0.47), (0.02, top), (-0.35, top)], 0.47)
    if kit.rng.random() < 0.5:
        kit.block((-1.05, 0.62, 0), (0.1, 0.02, 0.4), kit.c)


def old_car(kit: Kit) -> None:
    """Round, as of the fifties."""
    kit.ball((0, 0.4, 0), (1.02, 0.28, 0.42), kit.c)
    kit.ball((-0.05, 0.52, 0), (0.68, 0.44, 0.36), GLASS)
    kit.ball((-0.05, 0.52, 0), (0.69, 0.45, 0.37), kit.c, above=0.72)
    for x, size in ((-0.45, 0.83), (-0.05, 1.0), (0.3, 0.87)):
        kit.ring((x, 0.52, 0), (1, 0, 0), 0.355 * size, 0.03, kit.c, 1.22)
    for s in (-1, 1):
        kit.ball((0.16, 0.66, s * 0.12), (0.26, 0.17, 0.235), GLASS)
        kit.ball((-0.3, 0.66, s * 0.12), (0.24, 0.17, 0.23), GLASS)
        for x in (-0.6, 0.62):
            kit.ball((x, 0.28, s * 0.36), (0.3, 0.22, 0.14), kit.c)
        kit.ball((0.84, 0.4, s * 0.26), 0.085, LAMP)
    _wheels(kit, (-0.6, 0.62), 0.21, 0.45)


def pickup(kit: Kit) -> None:
    body = [(-1.15, 0.24), (1.1, 0.24), (1.13, 0.5), (0.62, 0.64), (-1.15, 0.64)]
    _car(kit, body, [(-0.2, 0.62), (0.66, 0.62), (0.36, 1.0), (-0.14, 1.0)], 0.62)
    kit.block((-0.7, 0.64, 0), (0.4, 0.02, 0.33), DARK)


def off_roader(kit: Kit) -> None:
    top = kit.about(1.08, 1.2)
    body = [(-1.0, 0.24), (1.0, 0.24), (1.03, 0.62), (0.5, 0.72), (-1.0, 0.72)]
    _car(kit, body, [(-0.98, 0.7), (0.56, 0.7), (0.32, top), (-0.92, top)], 0.7)


def van(kit: Kit) -> None:
    top = kit.about(1.15, 1.3)
    kit.prism([(-1, 0.22), (1.02, 0.22), (1.04, 0.5), (0.9, 0.68), (0.62, top), (-1, top)], 0.42, kit.c, 0.06, 0.05)
    kit.prism([(0.52, 0.72), (0.89, 0.72), (0.66, top - 0.1), (0.52, top - 0.1)], 0.425, GLASS, 0.06)
    kit.prism([(0.7, 0.7), (0.91, 0.7), (0.66, top - 0.05), (0.6, top - 0.05)], 0.36, GLASS)
    if kit.rng.random() < 0.5:
        kit.prism([(-0.3, 0.74), (0.4, 0.74), (0.4, top - 0.1), (-0.3, top - 0.1)], 0.424, GLASS, 0.06)
    _lights(kit, 1.02, -1.0, 0.46, 0.3)
    _wheels(kit, (-0.62, 0.66), 0.21, 0.43)


def bus(kit: Kit) -> None:
    top = kit.about(1.05, 1.2)
    kit.prism([(-1.5, 0.2), (1.5, 0.2), (1.52, 0.5), (1.47, top), (-1.5, top)], 0.42, kit.c, soft=0.06)
    n = kit.rng.randint(4, 7)
    for i in range(n):
        x = -1.38 + 2.65 * i / n
        kit.prism([(x, 0.62), (x + 2.3 / n, 0.62), (x + 2.3 / n, top - 0.15), (x, top - 0.15)], 0.428, GLASS)
    kit.block((1.49, 0.78, 0), (0.03, 0.2, 0.36), GLASS)
    _lights(kit, 1.51, -1.5, 0.38, 0.3)
    _wheels(kit, (-0.9, 0.95), 0.21, 0.43)


def truck(kit: Kit) -> None:
    high = kit.about(1.15, 1.4)
    cabin = kit.c
    box = kit.c if kit.rng.random() < 0.75 else WHITE
    kit.block((-0.42, (high + 0.4) / 2, 0), (0.95, (high - 0.4) / 2, 0.44), box)
    kit.block((0, 0.34, 0), (1.2, 0.07, 0.34), DARK)
    kit.prism([(0.62, 0.24), (1.28, 0.24), (1.3, 0.62), (1.18, 1.02), (0.62, 1.04)], 0.42, cabin, soft=0.05)
    kit.prism([(0.8, 0.66), (1.3, 0.66), (1.2, 0.97), (0.8, 0.97)], 0.425, GLASS)
    _lights(kit, 1.29, -1.36, 0.4, 0.3)
    _wheels(kit, (-1.0, -0.6, 0.95), 0.22, 0.43)


def tractor(kit: Kit) -> None:
    kit.block((0.35, 0.62, 0), (0.55, 0.19, 0.22), kit.c, soft=0.06)
    kit.block((-0.3, 0.55, 0), (0.3, 0.16, 0.24), kit.c)
    kit.block((-0.3, 0.98, 0), (0.27, 0.28, 0.27), GLASS)
    kit.block((-0.3, 1.28, 0), (0.32, 0.05, 0.32), kit.c)
    kit.tube((0.6, 0.8, 0.1), (0.6, 1.2, 0.1), 0.035, DARK)
    for s in (-1, 1):
        kit.tube((-0.4, 0.46, s * 0.28), (-0.4, 0.46, s * 0.5), 0.46, RUBBER)
        kit.tube((-0.4, 0.46, s * 0.5), (-0.4, 0.46, s * 0.52), 0.25, YELLOW)
        kit.tube((0.65, 0.26, s * 0.24), (0.65, 0.26, s * 0.4), 0.26, RUBBER)
        kit.tube((0.65, 0.26, s * 0.4), (0.65, 0.26, s * 0.42), 0.14, YELLOW)
        kit.ball((-0.4, 0.74, s * 0.38), (0.42, 0.24, 0.12), kit.c, above=0.5)


def locomotive(kit: Kit) -> None:
    kit.tube((-0.3, 0.68, 0), (1.05, 0.68, 0), 0.3, kit.c)
    kit.tube((1.03, 0.68, 0), (1.09, 0.68, 0), 0.26, DARK)
    kit.block((-0.65, 0.8, 0), (0.4, 0.45, 0.36), kit.c)
    kit.block((-0.65, 1.0, 0), (0.28, 0.15, 0.37), GLASS)
    kit.block((-0.65, 1.28, 0), (0.5, 0.04, 0.42), DARK)
    kit.block((0, 0.33, 0), (1.12, 0.06, 0.34), DARK)
    kit.tube((0.8, 0.9, 0), (0.8, 1.35, 0), 0.09, DARK, 0.13)
    kit.ball((0.3, 0.98, 0), (0.13, 0.15, 0.13), METAL)
    kit.prism([(1.05, 0.05), (1.3, 0.05), (1.05, 0.35)], 0.3, RED)
    _wheels(kit, (-0.85, -0.4, 0.1, 0.5, 0.85), 0.19, 0.36)


def railcar(kit: Kit) -> None:
    kit.prism([(-1.7, 0.15), (1.6, 0.15), (1.8, 0.4), (1.5, 1.0), (-1.7, 1.0)], 0.36, kit.c, soft=0.08)
    kit.prism([(-1.6, 0.58), (1.3, 0.58), (1.3, 0.84), (-1.6, 0.84)], 0.366, GLASS)
    kit.prism([(1.5, 0.6), (1.73, 0.6), (1.62, 0.84), (1.5, 0.84)], 0.3, GLASS)
    for x in (-1.2, -0.4, 0.5):
        kit.prism([(x, 0.2), (x + 0.26, 0.2), (x + 0.26, 0.9), (x, 0.9)], 0.37, kit.shaded(-0.3))
    kit.block((0, 0.1, 0), (1.6, 0.08, 0.3), DARK)
    kit.block((0, 0.02, 0.28), (2.2, 0.03, 0.03), METAL)
    kit.block((0, 0.02, -0.28), (2.2, 0.03, 0.03), METAL)


def bicycle(kit: Kit) -> None:
    r, thick = kit.about(0.36, 0.42), kit.about(0.024, 0.04)
    rear, front = (-0.6, r, 0.0), (0.6, r, 0.0)
    for at in (rear, front):
        kit.ring(at, (0, 0, 1), r, thick * 0.9, RUBBER)
        kit.ring(at, (0, 0, 1), r * 0.9, thick * 0.5, METAL)
        kit.tube((at[0], r, -0.05), (at[0], r, 0.05), 0.05, METAL)
        kit.tube((at[0], 0.04, 0), (at[0], 2 * r - 0.04, 0), 0.008, METAL)
        kit.tube((at[0] - r, r, 0), (at[0] + r, r, 0), 0.008, METAL)
    foot, seat, head = (-0.08, r - 0.05, 0.0), (-0.24, r + 0.52, 0.0), (0.4, r + 0.46, 0.0)
    for a, b in ((rear, foot), (rear, seat), (foot, seat), (foot, head), (seat, head), (head, front)):
        kit.tube(a, b, thick * 1.15, kit.c)
    kit.tube(seat, (-0.27, r + 0.62, 0), thick * 0.8, METAL)
    kit.ball((-0.28, r + 0.65, 0), (0.16, 0.05, 0.08), DARK)
    kit.tube(head, (0.36, r + 0.64, 0), thick, METAL)
    kit.tube((0.36, r + 0.64, -0.26), (0.36, r + 0.64, 0.26), thick, DARK)
    kit.tube((-0.08, r - 0.05, 0.03), (-0.08, r - 0.05, 0.06), 0.1, METAL)


def motorcycle(kit: Kit) -> None:
    for x in (-0.62, 0.65):
        kit.ring((x, 0.32, 0), (0, 0, 1), 0.27, 0.075, RUBBER)
        kit.tube((x, 0.32, -0.06), (x, 0.32, 0.06), 0.13, METAL)
    kit.ball((0.12, 0.74, 0), (0.34, 0.17, 0.16), kit.c)
    kit.ball((-0.68, 0.62, 0), (0.32, 0.09, 0.11), kit.c, tilt=-15)
    kit.ball((-0.3, 0.72, 0), (0.34, 0.08, 0.13), DARK)
    kit.block((0.0, 0.4, 0), (0.24, 0.18, 0.13), METAL)
    kit.ball((0.65, 0.5, 0), (0.28, 0.16, 0.09), kit.c, above=0.2)
    for s in (-1, 1):
        kit.tube((0.65, 0.32, s * 0.09), (0.42, 0.95, s * 0.09), 0.035, METAL)
        kit.tube((0.1, 0.28, s * 0.15), (-0.85, 0.3, s * 0.16), 0.05, METAL)
        kit.tube((0.42, 0.95, 0), (0.34, 0.99, s * 0.34), 0.025, DARK)
    kit.ball((0.52, 0.86, 0), 0.11, LAMP)


def airplane(kit: Kit) -> None:
    kit.ball((0, 0.55, 0), (1.35, 0.2, 0.2), kit.c)
    kit.tube((-0.9, 0.55, 0), (0.9, 0.55, 0), 0.19, kit.c)
    for s in (-1, 1):
        kit.path([(0.25, 0.5, s * 0.1), (-0.15, 0.54, s * 1.2)], 0.02, kit.c)
        for i in range(5):
            z = 0.15 + i * 0.22
            kit.ball((0.12 - z * 0.3, 0.5, s * z), (0.3 - z * 0.14, 0.03, 0.16), kit.c)
        kit.ball((-1.15, 0.6, s * 0.2), (0.17, 0.02, 0.3), kit.c)
        kit.tube((-0.1, 0.38, s * 0.5), (0.28, 0.38, s * 0.5), 0.08, METAL)
        for i in range(6):
            kit.ball((0.7 - i * 0.24, 0.6, s * 0.175), (0.05, 0.045, 0.03), GLASS)
    kit.prism([(-1.3, 0.6), (-0.9, 0.6), (-1.2, 1.1), (-1.38, 1.1)], 0.03, kit.some(kit.c, kit.shaded(0.3)))
    kit.ball((1.12, 0.62, 0), (0.13, 0.07, 0.12), GLASS)


def sailboat(kit: Kit) -> None:
    _hull(kit, 0.34)
    kit.tube((0.05, 0.2, 0), (0.05, 1.95, 0), 0.03, WOOD)
    sail = kit.some(WHITE, WHITE, kit.shaded(-0.55))
    kit.prism([(-0.85, 0.5), (0.0, 0.5), (0.0, 1.85)], 0.02, sail)
    kit.prism([(0.12, 0.5), (0.9, 0.45), (0.12, 1.6)], 0.02, sail)


def _hull(kit: Kit, half: float) -> None:
    kit.ball((0, 0.42, 0), (1.05, 0.42, half), kit.c, below=0.0)
    kit.block((0, 0.43, 0), (0.8, 0.012, half * 0.6), WOOD)


def ship(kit: Kit) -> None:
    kit.prism([(-1.1, 0.0), (1.05, 0.0), (1.45, 0.5), (-1.2, 0.42)], 0.3, kit.c, taper=-0.15)
    kit.block((-0.3, 0.58, 0), (0.65, 0.16, 0.22), WHITE)
    kit.block((-0.25, 0.82, 0), (0.42, 0.1, 0.18), WHITE)
    for i in range(5):
        kit.tube((-0.75 + i * 0.22, 0.6, -0.23), (-0.75 + i * 0.22, 0.6, 0.23), 0.05, GLASS)
    for x in (-0.45, -0.05)[: kit.rng.randint(1, 2)]:
        kit.tube((x, 0.9, 0), (x - 0.04, 1.25, 0), 0.1, kit.c)
        kit.tube((x - 0.04, 1.2, 0), (x - 0.05, 1.28, 0), 0.102, DARK)
    kit.tube((0.9, 0.5, 0), (0.9, 1.0, 0), 0.02, METAL)


def motorboat(kit: Kit) -> None:
    kit.prism([(-1.0, 0.0), (0.7, 0.0), (1.3, 0.45), (-1.05, 0.4)], 0.28, kit.c, taper=-0.35, soft=0.05)
    kit.block((0, 0.44, 0), (0.95, 0.03, 0.34), WHITE)
    kit.prism([(-0.1, 0.45), (0.5, 0.45), (0.2, 0.78), (-0.1, 0.78)], 0.28, GLASS, taper=0.3)
    kit.block((-0.5, 0.52, 0), (0.22, 0.1, 0.25), kit.some(WOOD, kit.shaded(-0.4)))
    kit.block((-1.08, 0.4, 0), (0.08, 0.2, 0.1), DARK)


VEHICLES = (
    *(Model("car", build, ("automobile", "vehicle"), "road", 60)
      for build in (sedan, sedan, hatchback, hatchback, sports_car, old_car, off_roader)),
    Model("pickup truck", pickup, ("pickup", "truck", "vehicle"), "road"),
    Model("van", van, ("minibus", "vehicle"), "road"),
    Model("bus", bus, ("coach", "vehicle"), "road"),
    Model("truck", truck, ("lorry", "vehicle"), "road"),
    Model("tractor", tractor, ("farm tractor", "vehicle"), "nature"),
    Model("train", locomotive, ("locomotive", "vehicle"), "nature"),
    Model("train", railcar, ("locomotive", "vehicle"), "nature"),
    Model("bicycle", bicycle, ("bike", "vehicle"), "road", 35),
    Model("motorcycle", motorcycle, ("motorbike", "vehicle"), "road", 45),
    Model("airplane", airplane, ("plane", "aircraft"), "air"),
    Model("sailboat", sailboat, ("boat", "boat on the water"), "water", 45),
    Model("ship", ship, ("boat", "vessel"), "water", 50),
    Model("boat", motorboat, ("motorboat", "vessel"), "water", 50),
)  # fmt: skip
