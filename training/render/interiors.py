"""Views of rooms: a box with floor, walls and ceiling, furnished with the shared solids, seen from inside."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from training.render import coasts, heavens, solids, terrain
from training.render.atmosphere import MOST_LINES, ROUGH, SMOOTH, Array, Shot, developed, finish, plane, rgb, told
from training.render.canvas import Drawn, Rgb, lighter, shade
from training.render.kit import Kit
from training.render.rays import Light, Paint, cast, ground_shadow, linear, look, shine, yaw_matrix
from training.render.sprites import paste, solid

WHITE, STEEL, DARK = Paint((238, 238, 234), 0.3), Paint((170, 174, 180), 0.7), Paint((44, 44, 48), 0.3)
OAK = Paint((166, 118, 72), 0.15, pattern="grain", second=(136, 92, 54))
_HIGH, _BACK = 2.6, -2.0  # of the ceiling and the wall opposite, in units of a metre


@dataclass
class Room:
    """What is put into a room, and words for it; colour words stand in brackets."""

    kit: Kit
    rng: random.Random
    words: list[str]
    wall: Rgb
    floor: str
    half: float  # of its width
    shelves: bool = False  # books all over the wall opposite
    tiled: bool = False

    def put(
        self,
        name: str,
        x: float,
        z: float,
        turn: float = 0.0,
        scale: float = 1.0,
        y: float = 0.0,
        colour: str = "",
        say: bool = True,
    ) -> None:
        """A shared solid in its own size, turned by so many degrees."""
        rng = self.rng
        model = rng.choice(solids.BY_NAME[name])
        colour = colour or solids.colour_for(name, rng)
        kit = Kit(rng, shade(colour, rng), rng.choice((0.05, 0.2, 0.4)))
        model.build(kit)
        low, high = solids.bounds(kit.parts)
        k = scale * 2 / float(max(high[0] - low[0], (high[1] - low[1]) * 1.15, (high[2] - low[2]) * 0.8))
        matrix = yaw_matrix(turn + rng.uniform(-6, 6), k)
        middle = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2], np.float32)
        self.kit.parts += [p.placed(matrix, np.array([x, y, z], np.float32) - matrix @ middle) for p in kit.parts]
        if say:
            self.words.append(f"a [{colour}] {name}")

    def window(self, x: float, wide: float = 0.5) -> None:
        """A window in the wall opposite."""
        sky = self.rng.choice(((170, 208, 240), (226, 234, 240), (190, 216, 200), (250, 214, 170)))
        self.kit.block((x, 1.55, _BACK + 0.02), (wide, 0.55, 0.03), WHITE)
        for s in (-1, 1):
            self.kit.block(
                (x + s * wide * 0.49, 1.55, _BACK + 0.04), (wide * 0.43, 0.48, 0.03), Paint(sky, 0, glow=0.85)
            )
        if self.rng.random() < 0.4:
            curtain = Paint(shade(self.rng.choice(("red", "blue", "white", "green", "brown")), self.rng), 0.05)
            for s in (-1, 1):
                self.kit.block((x + s * (wide + 0.12), 1.35, _BACK + 0.1), (0.13, 0.85, 0.05), curtain)
        if self.rng.random() < 0.7:
            self.words.append("a window")

    def picture(self, x: float) -> None:
        self.kit.block((x, 1.6, _BACK + 0.02), (0.3, 0.24, 0.02), self.kit.some(OAK, DARK, WHITE))
        self.kit.block(
            (x, 1.6, _BACK + 0.04),
            (0.25, 0.19, 0.02),
            Paint(
                shade(self.rng.choice(("blue", "green", "orange", "gray")), self.rng),
                0.1,
                pattern="speckles",
                second=(220, 210, 190),
                per_unit=2,
            ),
        )

    def rug(self, z: float) -> None:
        tone = shade(self.rng.choice(("red", "blue", "gray", "brown", "green")), self.rng)
        self.kit.tube(
            (0, 0, z),
            (0, 0.015, z),
            1.0,
            Paint(tone, 0, pattern=self.rng.choice(("", "checks", "stripes")), second=lighter(tone, 0.3), per_unit=3),
        )


def living(room: Room) -> tuple[str, ...]:
    rng = room.rng
    room.window(rng.choice((-0.9, 0.9, 0.0)))
    if rng.random() < 0.6:
        room.rug(-0.3)
    room.put("sofa", rng.uniform(-0.4, 0.4), -1.35, 0, 1.0)
    room.put("armchair", rng.choice((-1, 1)) * 1.5, -0.4, 0, 0.55, say=rng.random() < 0.7)
    room.put("table", 0, -0.3, 0, 0.45, colour="brown", say=False)
    if rng.random() < 0.6:
        room.put("lamp", rng.choice((-1, 1)) * 1.7, -1.6, 0, 0.85)
    if rng.random() < 0.4:
        room.put("bookshelf", rng.choice((-1.5, 1.5)), -1.75, 0, 1.0, colour="brown")
    room.picture(rng.uniform(-0.5, 0.5))
    return "living room", "lounge", "sofa in a living room", "living room interior"


def bedroom(room: Room) -> tuple[str, ...]:
    rng, s = room.rng, room.rng.choice((-1, 1))
    room.window(s * 1.1)
    room.put("bed", -s * 0.3, -0.7, 0, 1.05)
    room.put("lamp", s * 1.2, -1.6, 0, 0.7)
    if rng.random() < 0.6:
        room.put("cupboard", -s * 1.7, -1.5, 0, 1.05)
    room.picture(-s * 0.4)
    return "bedroom", "bed in a bedroom", "hotel room", "bedroom interior"


def kitchen(room: Room) -> tuple[str, ...]:
    rng, kit = room.rng, room.kit
    colour = rng.choice(("white", "white", "brown", "gray", "blue", "green", "red"))
    front, top = Paint(shade(colour, rng), 0.3), kit.some(DARK, OAK, STEEL, WHITE)
    side = rng.choice((-1, 1))
    for i in range(5):
        x = side * (-1.45 + i * 0.62)
        kit.block((x, 0.42, -1.7), (0.295, 0.42, 0.3), front if i != 2 else kit.some(STEEL, DARK, front))
        kit.block((x, 0.7, -1.39), (0.12, 0.015, 0.02), STEEL)
        if i not in (2,):
            kit.block((x, 1.85, -1.82), (0.295, 0.32, 0.18), front)
            kit.block((x, 1.58, -1.62), (0.1, 0.015, 0.02), STEEL)
    kit.block((side * -0.2, 0.87, -1.7), (1.56, 0.03, 0.32), top)
    for dx in (-0.13, 0.13):
        kit.tube((side * -0.21 + dx, 0.9, -1.6), (side * -0.21 + dx, 0.92, -1.6), 0.1, DARK)
    kit.block((side * -0.21, 0.42, -1.39), (0.22, 0.2, 0.02), DARK)
    kit.block((side * -0.21, 1.85, -1.8), (0.25, 0.12, 0.2), STEEL)
    room.words += [f"[{colour}] cupboards", "a stove"]
    if rng.random() < 0.75:
        room.put(
            "refrigerator", side * 1.65, -1.6, 0, 1.0, colour=rng.choice(("white", "white", "gray", "red")), say=False
        )
        room.words.append("a fridge")
    if rng.random() < 0.6:
        room.put("table", -side * 0.3, 0.0, 0, 0.75, colour="brown", say=False)
        for x in (-0.9, 0.5):
            room.put("chair", x, 0.1, 80 if x < 0 else -80, 0.5, colour="brown", say=False)
        room.words.append("a wooden table")
    room.put(rng.choice(("pot", "teapot", "bottle", "bowl")), side * 0.4, -1.65, 0, 0.16, y=0.9, say=False)
    return "kitchen", "kitchen with cupboards", "modern kitchen", "kitchen interior"


def bathroom(room: Room) -> tuple[str, ...]:
    rng, kit, s = room.rng, room.kit, room.rng.choice((-1, 1))
    room.tiled = True
    kit.block((-s * 0.95, 0.28, -1.3), (0.85, 0.28, 0.42), WHITE, soft=0.1)
    kit.block(
        (-s * 0.95, 0.56, -1.3), (0.72, 0.012, 0.31), kit.some(Paint((150, 200, 216), 0.6), Paint((206, 212, 216), 0.4))
    )
    kit.tube((-s * 0.2, 0.6, -1.3), (-s * 0.2, 0.8, -1.3), 0.03, STEEL)
    kit.ball((s * 0.5, 0.85, -1.6), (0.36, 0.2, 0.28), WHITE, below=0.3)
    kit.tube((s * 0.5, 0, -1.65), (s * 0.5, 0.8, -1.65), 0.09, WHITE)
    kit.block((s * 0.5, 1.5, _BACK + 0.03), (0.33, 0.4, 0.02), STEEL)
    kit.block((s * 0.5, 1.5, _BACK + 0.05), (0.3, 0.37, 0.02), Paint((196, 212, 222), 0.9, glow=0.3))
    kit.ball((s * 1.35, 0.32, -1.25), (0.24, 0.2, 0.33), WHITE, below=0.4)
    kit.tube((s * 1.35, 0, -1.3), (s * 1.35, 0.3, -1.3), 0.15, WHITE)
    kit.block((s * 1.35, 0.6, -1.7), (0.26, 0.24, 0.12), WHITE, soft=0.05)
    room.words += ["a bathtub", "a washbasin with a mirror", "a toilet"]
    if rng.random() < 0.5:
        kit.block(
            (-s * 1.6, 1.2, _BACK + 0.08), (0.2, 0.35, 0.03), Paint(shade(rng.choice(("blue", "pink", "yellow")), rng))
        )
        room.words.append("a towel")
    return "bathroom", "bath and washbasin", "tiled bathroom", "bathroom interior"


def office(room: Room) -> tuple[str, ...]:
    rng, kit = room.rng, room.kit
    room.window(rng.choice((-1.0, 1.0)))
    kit.block((0, 0.72, -1.2), (1.1, 0.03, 0.5), kit.some(OAK, WHITE, DARK))
    for x in (-1.0, 1.0):
        kit.block((x, 0.35, -1.2), (0.05, 0.35, 0.45), kit.some(OAK, DARK))
    for x in ((0.0,), (-0.38, 0.42))[rng.random() < 0.3]:
        kit.block((x, 1.12, -1.35), (0.38, 0.25, 0.025), DARK)
        kit.block(
            (x, 1.12, -1.32),
            (0.355, 0.225, 0.02),
            Paint(rng.choice(((90, 140, 210), (230, 236, 242), (40, 60, 90))), 0.3, glow=0.8),
        )
        kit.block((x, 0.8, -1.35), (0.05, 0.08, 0.04), DARK)
    kit.block((0, 0.765, -1.0), (0.26, 0.015, 0.09), kit.some(DARK, WHITE))
    room.put("cup", rng.choice((-0.7, 0.65)), -1.05, 0, 0.09, y=0.75, say=False)
    room.put(
        "lamp", rng.choice((-0.85, 0.85)), -1.35, 0, 0.3, y=0.75, say=False
    ) if rng.random() < 0.5 else room.picture(rng.uniform(-0.6, 0.6))
    room.put(
        "chair", rng.uniform(-0.3, 0.3), -0.4, 180, 0.55, colour=rng.choice(("black", "gray", "blue", "red")), say=False
    )
    room.words += ["a computer screen", "a keyboard", "an office chair"]
    return "office desk", "desk with a computer", "office", "workplace", "computer on a desk"


def classroom(room: Room) -> tuple[str, ...]:
    kit, rng = room.kit, room.rng
    tone = rng.choice(((44, 84, 64), (36, 40, 42), (245, 246, 246)))
    kit.block((0, 1.55, _BACK + 0.03), (1.15, 0.5, 0.02), OAK)
    kit.block(
        (0, 1.55, _BACK + 0.05),
        (1.1, 0.45, 0.02),
        Paint(tone, 0.2, pattern="speckles" if tone[0] < 90 else "", second=lighter(tone, 0.12), per_unit=4),
    )
    for z in (-1.0, 0.0):
        for x in (-1.2, 0.0, 1.2):
            kit.block((x, 0.68, z), (0.42, 0.025, 0.25), OAK)
            for s in (-1, 1):
                kit.block((x + s * 0.36, 0.34, z), (0.02, 0.34, 0.2), STEEL)
            kit.block((x, 0.42, z + 0.4), (0.2, 0.02, 0.18), kit.some(OAK, kit.c))
            kit.block((x, 0.65, z + 0.56), (0.2, 0.14, 0.02), kit.some(OAK, kit.c))
    board = "whiteboard" if tone[0] > 200 else "blackboard"
    room.words += [f"a {board}", "rows of desks and chairs"]
    return "classroom", "school classroom", "empty classroom", f"classroom with a {board}"


def library(room: Room) -> tuple[str, ...]:
    room.shelves = True
    if room.rng.random() < 0.7:
        room.put("table", 0, -0.6, 0, 0.75, colour="brown", say=False)
        room.put("chair", 0.7, -0.3, -30, 0.5, colour="brown", say=False)
        room.words.append("a reading table")
    room.words += ["shelves full of books", "many colourful books"]
    return "library", "bookshelves", "shelves of books", "library with bookshelves"


def workshop(room: Room) -> tuple[str, ...]:
    kit, rng = room.kit, room.rng
    kit.block((0, 0.8, -1.5), (1.5, 0.05, 0.4), OAK)
    for x in (-1.3, 1.3):
        kit.block((x, 0.38, -1.5), (0.07, 0.38, 0.3), OAK)
    kit.block((0, 1.55, _BACK + 0.02), (1.4, 0.45, 0.02), Paint((176, 146, 106), 0.05))
    for i in range(9):
        x, long = -1.2 + i * 0.3, kit.about(0.15, 0.3)
        kit.block(
            (x, 1.5 - long * 0.3, _BACK + 0.06),
            (0.03, long, 0.02),
            kit.some(OAK, Paint((190, 50, 40), 0.3), Paint((230, 180, 40), 0.3)),
        )
        kit.block((x, 1.55 + long * 0.7, _BACK + 0.06), (kit.about(0.04, 0.11), 0.05, 0.03), STEEL)
    for _ in range(4):
        kit.block(
            (kit.about(-1.2, 1.2), 0.92, kit.about(-1.7, -1.3)),
            (kit.about(0.06, 0.2), kit.about(0.04, 0.1), 0.08),
            kit.some(STEEL, OAK, kit.c),
        )
    room.put(rng.choice(("stool", "bucket", "barrel")), rng.uniform(-1, 1), -0.5, 0, 0.5)
    room.words += ["a workbench", "tools hanging on the wall"]
    return "workshop", "tools in a workshop", "workbench", "garage with tools"


def stairs(room: Room) -> tuple[str, ...]:
    kit, s = room.kit, room.rng.choice((-1, 1))
    paint = kit.some(OAK, OAK, Paint((196, 192, 186), 0.1), WHITE)
    count = 10
    for i in range(count):
        h = 0.2 * (i + 1)
        kit.block((s * 0.1, h / 2, 0.9 - i * 0.27), (0.75, h / 2, 0.14), paint, soft=0.01)
        kit.block((s * 0.1, h, 0.91 - i * 0.27), (0.77, 0.02, 0.15), OAK)
    for i in range(count):
        kit.tube(
            (s * 0.85, 0.2 * (i + 1), 0.9 - i * 0.27),
            (s * 0.85, 0.2 * (i + 1) + 0.75, 0.9 - i * 0.27),
            0.02,
            kit.some(DARK, OAK),
        )
    kit.tube((s * 0.85, 0.95, 0.9), (s * 0.85, 2.75, 0.9 - 9 * 0.27), 0.04, OAK)
    room.words += ["a handrail", "steps"]
    return "staircase", "stairs", "stairs in a house", "steps leading up"


def dining(room: Room) -> tuple[str, ...]:
    rng = room.rng
    room.window(rng.uniform(-0.8, 0.8), 0.7)
    room.put("table", 0, -0.9, 0, 1.0, colour="brown", say=False)
    count = rng.choice((2, 4))
    for x, z, turn in ((-1.1, -0.9, 90), (1.1, -0.9, -90), (-0.4, -0.2, 180), (0.45, -0.2, 180))[:count]:
        room.put("chair", x, z, turn, 0.62, colour=rng.choice(("brown", "white", "black")), say=False)
    room.put(rng.choice(("vase", "bowl", "candle")), 0, -0.9, 0, 0.18, y=0.9, say=False)
    room.words += ["a wooden table", f"{'two' if count == 2 else 'four'} chairs"]
    return "dining room", "table and chairs", "dining table with chairs"


def _light(rng: random.Random) -> tuple[Light, bool]:
    """Light of a room, and whether it is evening there."""
    evening = rng.random() < 0.25
    a, up = rng.uniform(-1, 1), rng.uniform(0.8, 2.0)
    towards = np.array([a, up, rng.uniform(0.4, 1.2)], np.float32)
    warm = 0.25 if evening else rng.uniform(-0.06, 0.12)
    tone = np.array([1 + warm, 1, 1 - warm], np.float32)
    lamp, fill = (0.4, 0.3) if evening else (rng.uniform(0.4, 0.7), rng.uniform(0.4, 0.6))
    return Light(
        (towards / np.linalg.norm(towards)).astype(np.float32),
        tone * np.float32(lamp),
        tone * np.float32(fill),
        tone * np.float32(fill * 0.75),
        0.6,
    ), evening


def _shell(room: Room, shot: Shot, eye: Array, rays: Array, light: Light) -> tuple[Array, Array, Array]:
    """Colours `(3, h, w)` of the empty room, its points, and where the floor is."""
    dx, dy, dz = rays[0], rays[1], rays[2]
    ts = np.stack(
        [
            np.where(dy < -1e-4, -eye[1] / np.minimum(dy, -1e-4), 1e4),
            np.where(dy > 1e-4, (_HIGH - eye[1]) / np.maximum(dy, 1e-4), 1e4),
            np.where(dz < -1e-4, (_BACK - eye[2]) / np.minimum(dz, -1e-4), 1e4),
            np.where(
                np.abs(dx) > 1e-4, (np.sign(dx) * room.half - eye[0]) / np.where(np.abs(dx) > 1e-4, dx, 1e-4), 1e4
            ),
        ]
    )
    which = ts.argmin(0)
    p = np.asarray(eye[:, None, None] + np.min(ts, 0) * rays, np.float32)
    normals = np.array([(0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, 0)], np.float32)[which].transpose(2, 0, 1)
    normals[0] += np.where(which == 3, -np.sign(dx), 0)
    wall = linear(room.wall)[:, None, None]
    colour = np.where(
        which == 1,
        linear((242, 242, 238))[:, None, None],
        wall * (0.94 + 0.12 * shot.noise(p[0] * 9 + p[2] * 9, p[1] * 9)),
    )
    across = np.where(which == 3, p[2], p[0])
    if room.tiled:
        joint = ((across * 4 % 1 < 0.07) | (p[1] * 4 % 1 < 0.07)) & (p[1] < 1.7) & (which >= 2)
        colour = np.where(joint, colour * 0.7, colour)
    if room.shelves:
        colour = np.where(which >= 2, _books(shot, across, p[1]), colour)
    colour = np.where(which == 0, _floor(room, shot, p), colour)
    gap = np.sort(np.stack([p[1], _HIGH - p[1], p[2] - _BACK, room.half - np.abs(p[0])]), 0)[1]
    corner = 1 - 0.35 * np.exp(-np.maximum(gap, 0) * 4)
    return np.asarray(colour * light.on(normals) * corner, np.float32), p, which == 0


def _floor(room: Room, shot: Shot, p: Array) -> Array:
    rng, x, z = room.rng, p[0], p[2]
    if room.floor == "boards":
        row = np.floor(x * 5)
        tone = (np.sin(row * 12.9 + np.floor(z * 0.7 + row * 0.4) * 78.2) * 437.5) % 1
        base = linear(rng.choice(((170, 120, 74), (120, 80, 50), (206, 166, 116), (150, 140, 128))))
        shading = (0.7 + 0.3 * tone + 0.3 * (shot.noise(x * 60, z * 8, ROUGH) - 0.5)) * np.where(
            x * 5 - row < 0.06, 0.6, 1
        )
    elif room.floor == "tiles":
        base = linear(rng.choice(((210, 206, 198), (120, 122, 126), (190, 160, 130))))
        shading = np.where(
            ((np.floor(x * 2.5) + np.floor(z * 2.5)) % 2 == 0) & (rng.random() < 0.5), 0.35, 1.0
        ) * np.where((x * 2.5 % 1 < 0.05) | (z * 2.5 % 1 < 0.05), 0.7, 1)
    else:
        base = linear(lighter(shade(rng.choice(("gray", "brown", "blue", "red", "green")), rng), 0.35))
        shading = 0.85 + 0.4 * (shot.noise(x * 50, z * 50, ROUGH) - 0.5)
    return np.asarray(base[:, None, None] * shading, np.float32)


def _books(shot: Shot, across: Array, y: Array) -> Array:
    """Spines on shelves."""
    row = np.floor(y / 0.34)
    up = y / 0.34 - row
    place = np.floor(across / 0.055 + (row * 0.37) % 1)
    a, b, c = (((np.sin(place * k + row * 78.2) * 437.5) % 1) for k in (12.9, 37.7, 5.3))
    inks = np.stack(
        [
            linear(t)
            for t in (
                (150, 40, 36),
                (40, 70, 120),
                (46, 96, 62),
                (196, 160, 90),
                (60, 50, 46),
                (214, 206, 190),
                (110, 70, 44),
                (170, 96, 40),
            )
        ]
    )
    colour = inks[(a * 8).astype(int) % 8].transpose(2, 0, 1) * (0.6 + 0.6 * c)
    post = (across % 1.3) < 0.06
    wood = linear((120, 80, 50))[:, None, None]
    return np.asarray(
        np.where((up < 0.1) | post, wood, np.where(up > 0.62 + 0.35 * b, wood * 0.15, colour)), np.float32
    )


_ROOMS: dict[str, tuple[Callable[[Room], tuple[str, ...]], int]] = {
    "living room": (living, 3),
    "bedroom": (bedroom, 3),
    "kitchen": (kitchen, 4),
    "bathroom": (bathroom, 2),
    "office": (office, 3),
    "classroom": (classroom, 1),
    "library": (library, 2),
    "workshop": (workshop, 1),
    "staircase": (stairs, 1),
    "dining room": (dining, 2),
}


def furnished(fill: Callable[[Room], tuple[str, ...]]) -> Callable[[random.Random, int], Drawn]:
    """A kind of view of rooms that `fill` furnishes."""

    def make(rng: random.Random, _: int) -> Drawn:
        wall = lighter(
            shade(rng.choice(("white", "white", "yellow", "blue", "green", "gray", "pink", "brown", "orange")), rng),
            rng.uniform(0.5, 0.85),
        )
        floor = rng.choice(("boards", "boards", "tiles", "carpet"))
        room = Room(
            Kit(rng, shade(rng.choice(("blue", "red", "green", "orange")), rng), 0.2),
            rng,
            [],
            wall,
            floor,
            rng.uniform(2.0, 2.4),
        )
        labels = fill(room)
        image, coloured, evening = _photographed(room)
        details = room.words if len(room.words) <= 4 else rng.sample(room.words, 4)
        if floor == "boards" and rng.random() < 0.4:
            details.append("a wooden floor")
        when = ("in the evening", "in warm light") if evening else ("in daylight", "with bright light")
        article = "an" if labels[0][0] == "o" else "a"
        return told(rng, image, labels, f"{article} {labels[0]}", details, when, coloured)

    return make


def _photographed(room: Room) -> tuple[Image.Image, bool, bool]:
    """The room as a picture, whether in colour, and whether in the evening."""
    rng = room.rng
    height = min(MOST_LINES, 88)
    width = int(height * rng.uniform(1.0, 1.45))
    shot = Shot(rng, height, ("day",), 0.5, width / height)
    light, evening = _light(rng)
    target = np.array([rng.uniform(-0.3, 0.3), rng.uniform(0.75, 1.05), -1.0], np.float32)
    view = look(rng.uniform(-22, 22), rng.uniform(4, 20), rng.uniform(2.6, 4.2), target)
    eye = view.eye.copy()
    eye[0] = np.clip(eye[0], -room.half + 0.2, room.half - 0.2)
    wide = rng.uniform(0.36, 0.55) * width / height
    view = replace(view, eye=eye, window=(-wide, wide, -wide * height / width, wide * height / width))
    rays = view.rays(width, height)
    image, points, on_floor = _shell(room, shot, eye, rays, light)
    hard = ground_shadow(room.kit.parts, view, points, light) * on_floor
    soft = (
        np.asarray(Image.fromarray((hard * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.5)), np.float32)
        / 255
    )
    image = image * (1 - 0.5 * soft)
    frame = cast(room.kit.parts, view, rays)
    image[:, frame.covered] = shine(frame, rays, eye, room.kit.parts, light, light.above, light.below)
    display = np.clip(image * rng.uniform(0.9, 1.2), 0, 1) ** (1 / 2.2)
    picture, coloured = developed(np.asarray(display.transpose(1, 2, 0), np.float32), rng)
    return picture, coloured, evening


_OUTSIDE = {**terrain.KINDS, **coasts.KINDS, **heavens.KINDS}


def window_view(rng: random.Random, size: int) -> Drawn:
    """A landscape through a window, with something on the sill."""
    kind = rng.choice(("mountains", "hills", "winter", "beach", "lake", "cloudy sky"))
    outside = _OUTSIDE[kind][0](rng, size)
    shot = Shot(rng, size, ("day",), 0.3)
    wall = lighter(shade(rng.choice(("white", "gray", "blue", "brown", "yellow", "green")), rng), rng.uniform(0.1, 0.8))
    n = shot.noise(shot.u * 25, shot.v * 25, SMOOTH)
    shot.pix = np.asarray(rgb(wall) * rng.uniform(0.35, 0.8) * (0.85 + 0.3 * n)[..., None], np.float32)
    x0, x1, y0, sill = (
        rng.uniform(0.05, 0.22) * shot.aspect,
        rng.uniform(0.78, 0.95) * shot.aspect,
        rng.uniform(0.04, 0.12),
        rng.uniform(0.75, 0.85),
    )
    box = [round(c * shot.h) for c in (x0, y0, x1, sill)]
    pane = outside.image.resize((box[2] - box[0], box[3] - box[1]))
    inside = rgb(np.asarray(pane, np.float32))
    shot.pix[box[1] : box[3], box[0] : box[2]] = inside
    frame = rgb(rng.choice(((240, 240, 236), (120, 84, 54), (60, 60, 64))))
    bars = [x0, x1, *((x0 + x1) / 2 for _ in range(rng.random() < 0.8))]
    within = (shot.v > y0 - 0.02) & (shot.v < sill + 0.02) & (shot.u > x0 - 0.02) & (shot.u < x1 + 0.02)
    for x in bars:
        shot.cover((np.abs(shot.u - x) < 0.02) * within, frame * np.float32(0.9))
    for y in (y0, *((sill * 0.45,) if rng.random() < 0.5 else ())):
        shot.cover((np.abs(shot.v - y) < 0.018) * within, frame * np.float32(0.85))
    shot.horizon = sill - 0.15
    plane(shot, ((214, 206, 194), (204, 196, 184)), 3, from_v=sill)
    name = rng.choice(("cat", "vase", "cup", "flower", "candle", "book"))
    sprite, colour = solid(shot, name, steep=14)
    paste(shot, sprite, rng.uniform(0.25, 0.75) * shot.aspect, rng.uniform(sill + 0.05, 0.95), rng.uniform(0.25, 0.4))
    scene = {
        "beach": "the sea",
        "cloudy sky": "the sky",
        "winter": "a snowy landscape",
        "hills": "hills",
        "lake": "a lake",
        "mountains": "mountains",
    }[kind]
    labels = ["window with a view", f"view of {scene} through a window", "window", f"{name} on a windowsill"]
    return finish(
        shot, labels, f"a window with a view of {scene}", [f"a [{colour}] {name} on the windowsill"], timed=False
    )


KINDS: dict[str, tuple[Callable[[random.Random, int], Drawn], int]] = {
    **{name: (furnished(fill), share) for name, (fill, share) in _ROOMS.items()},
    "window view": (window_view, 2),
}
