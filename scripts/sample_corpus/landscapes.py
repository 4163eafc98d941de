"""Landscapes and views from above, painted in layers: sunset, mountains, forest, city, maps. Knows no files."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .canvas import Array, Board, Point, Rgb, Sheet, layer, over, photo, ramp, skyline
from .noise import clouds, f32

W, H = 768, 512


def _grid(h: int = H, w: int = W) -> tuple[Array, Array]:
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    return y, x


def beach_sunset() -> Sheet:
    y, x = _grid()
    horizon = 270
    pic = ramp(
        H,
        W,
        (0, (0.16, 0.12, 0.32)),
        (0.25, (0.55, 0.22, 0.38)),
        (0.42, (0.95, 0.45, 0.2)),
        (0.53, (1.0, 0.75, 0.35)),
        (1, (0.3, 0.2, 0.25)),
    )
    wisps = np.clip((clouds(W, H, 70, 3, 5, 4.5) - 0.5) * 5, 0, 1) * (y < horizon) * np.clip(y / 160, 0, 1)
    pic = over(pic, (0.98, 0.5, 0.35), wisps * 0.55)
    away = np.hypot(x - 470, y - 240)
    pic = over(pic, (1.0, 0.85, 0.5), np.exp(-((away / 120) ** 2)) * 0.75)
    pic = over(pic, (1.0, 0.97, 0.82), np.clip((38 - away) / 2, 0, 1))
    sea = ramp(H, W, (0.5, (0.85, 0.5, 0.3)), (0.6, (0.42, 0.24, 0.33)), (0.8, (0.2, 0.2, 0.33)), (1, (0.2, 0.2, 0.3)))
    depth = np.clip((y - horizon) / 150, 0.01, 2)
    ripple = clouds(W, H, 7, 8, 4, 9)
    glint = np.exp(-(((x - 470) / (30 + 90 * depth)) ** 2)) * np.clip((ripple - 0.46) * 7, 0, 1)
    sea = over(sea * (0.7 + 0.6 * ripple[..., None]), (1.0, 0.8, 0.45), glint)
    pic = over(pic, sea, np.clip(y - horizon, 0, 1))
    shore = 395 + 16 * np.sin(x / 90) + 7 * np.sin(x / 33 + 1)
    sand = f32([0.55, 0.38, 0.27]) * (0.62 + 0.55 * clouds(W, H, 9, 5, 4, 2))[..., None]
    wet = np.clip(1 - (y - shore) / 45, 0, 1)
    pic = over(pic, over(sand, (0.75, 0.45, 0.32), wet * 0.55), np.clip((y - shore) / 2, 0, 1))
    pic = over(pic, (1.0, 0.9, 0.8), np.exp(-(((y - shore + 3) / 4) ** 2)) * (0.5 + 0.5 * ripple))
    board = Board(W, H, picture=photo(pic, 1))
    _palm(board, 120, 470, 250, 0.35)
    _palm(board, 60, 480, 190, -0.25)
    return board.sheet()


def _palm(board: Board, x: float, y: float, tall: float, lean: float) -> None:
    trunk = [(x + lean * tall * (t / 10) ** 2, y - tall * t / 10) for t in range(11)]
    for i, (a, b) in enumerate(pairwise(trunk)):
        board.line(*a, *b, "#160d12", 13 - 0.6 * i)
    tx, ty = trunk[-1]
    for k in range(9):
        way = np.pi * (0.05 + 0.9 * k / 8) + (0.3 if k % 2 else 0)
        reach = 95 - 10 * (k % 3)
        rib = [
            (tx + reach * t * np.cos(way), ty - reach * (t * np.sin(way) * 0.7 - 0.75 * t * t))
            for t in np.linspace(0, 1, 14)
        ]
        board.poly(rib, "#160d12", 3, close=False)
        for j, (px, py) in enumerate(rib[2:]):
            drop = 22 - abs(j - 5) * 1.6
            board.line(px, py, px + 5 * np.cos(way), py + drop, "#160d12", 2.2)


def snowy_mountains() -> Sheet:
    y, _x = _grid()
    pic = ramp(H, W, (0, (0.18, 0.4, 0.75)), (0.5, (0.72, 0.84, 0.94)), (1, (0.8, 0.88, 0.95)))
    pic = over(pic, (1, 1, 1), np.clip((clouds(W, H, 80, 21, 5, 2.6) - 0.55) * 4, 0, 1) * (y < 230))
    ranges = [
        (0.7, [(90, 120, 0.7), (250, 90, 0.8), (430, 130, 0.75), (560, 80, 0.7), (700, 110, 0.9)]),
        (
            0.96,
            [(20, 190, 0.8), (210, 215, 0.95), (330, 150, 0.75), (500, 265, 1.05), (640, 175, 0.8), (760, 215, 0.9)],
        ),
    ]
    for i, (tone, peaks) in enumerate(ranges):
        pic = _range(pic, 300 if i == 0 else 385, peaks, tone, 40 + i)
    lake = 392
    mirror = pic[np.clip(2 * lake - np.arange(H), 0, H - 1)]
    shimmer = clouds(W, H, 6, 60, 3, 12)[..., None]
    pic = over(pic, mirror * (0.55 + 0.25 * shimmer) * f32([0.8, 0.95, 1.05]), np.clip(y - lake, 0, 1))
    board = Board(W, H, picture=photo(pic, 2))
    rng = np.random.default_rng(3)
    for _ in range(90):
        px = rng.uniform(-10, W + 10)
        near = abs(px - 400) / 400
        if rng.uniform() < 1.15 - near:
            _pine(board, px, lake + rng.uniform(0, 6), rng.uniform(14, 30), "#1b3528")
    for px in (20, 70, 130, 640, 700, 750, 690):
        _pine(board, px, 512 + rng.uniform(-10, 12), rng.uniform(140, 230), "#0f2219")
    return board.sheet()


def _range(pic: Array, foot: float, peaks: list[tuple[int, int, float]], tone: float, seed: int) -> Array:
    """A chain of peaks `(x, height, steepness)` over `pic`, lit from the left, hazier with a lower `tone`."""
    y, x = _grid()
    relief = clouds(W, H, 60, seed, 6)
    jag = (clouds(W, H, 46, seed + 5, 6) - 0.5) * 70
    facets = np.gradient(clouds(W, H, 26, seed + 9, 5), axis=1) * 7
    for centre, height, steep in sorted(peaks, key=lambda peak: -peak[1]):
        below = y - (foot - height + np.abs(x - centre) * steep - jag)
        side = np.tanh((centre - x + (relief - 0.5) * 150 + 0.25 * below) / 9)
        lit = np.clip(0.62 + 0.33 * side + facets, 0.1, 1.1)[..., None]
        snow = np.clip((relief * 260 - below + 15) / 14, 0, 1)
        white = f32([0.5, 0.62, 0.85]) * (1 - lit) + f32([1.0, 0.99, 0.96]) * lit
        face = over(np.asarray(f32([0.42, 0.4, 0.42]) * lit, np.float32), np.asarray(white, np.float32), snow)
        hazy = np.asarray(face * tone + f32([0.72, 0.83, 0.93]) * (1 - tone), np.float32)
        pic = over(pic, hazy, np.clip(below, 0, 1))
    return pic


def _pine(board: Board, x: float, y: float, tall: float, colour: str | Rgb) -> None:
    board.line(x, y, x, y - tall * 0.5, "#1d140e", max(1.0, tall * 0.05))
    steps = 7
    for k in range(steps):
        low, half = y - tall * (0.1 + 0.78 * k / steps), tall * 0.24 * (1 - k / (steps + 0.6))
        board.poly(
            [
                (x - half, low),
                (x - half * 0.4, low - tall * 0.06),
                (x, low - tall * 0.26),
                (x + half * 0.4, low - tall * 0.06),
                (x + half, low),
            ],
            colour,
        )


def forest() -> Sheet:
    y, x = _grid()
    glow = np.exp(-(((x - 400) / 190) ** 2) - ((y - 190) / 200) ** 2)
    pic = over(
        ramp(H, W, (0, (0.2, 0.33, 0.12)), (0.55, (0.45, 0.58, 0.3)), (1, (0.15, 0.2, 0.07))),
        (0.97, 0.97, 0.75),
        glow * 0.85,
    )
    pic = over(
        pic,
        f32([0.2, 0.36, 0.08]) * (0.5 + clouds(W, H, 16, 71, 4)[..., None]),
        np.clip((clouds(W, H, 55, 70, 5) - 0.36 - 0.35 * glow) * 5, 0, 1) * np.clip(1.25 - y / 300, 0, 1),
    )
    path = np.abs(x - 400 - 60 * np.sin((y - 300) / 90)) / np.clip((y - 290) * 0.55, 1, 400)
    floor = f32([0.22, 0.3, 0.09]) * (0.4 + 1.0 * clouds(W, H, 7, 72, 4, 2.5))[..., None]
    floor = over(
        floor,
        f32([0.5, 0.38, 0.24]) * (0.6 + 0.6 * clouds(W, H, 10, 73, 4, 2)[..., None]),
        np.clip((1 - path) * 4, 0, 1),
    )
    pic = over(pic, floor, np.clip((y - 296 - 8 * clouds(W, H, 30, 74, 3)) / 12, 0, 1))
    rng = np.random.default_rng(8)
    for depth in np.linspace(0, 1, 34):
        px = rng.uniform(0, W)
        if abs(px - 400) < 60 + 170 * depth:
            px = 400 + np.sign(px - 399) * (70 + 190 * depth + rng.uniform(0, 150))
        wide, foot = 5 + 38 * depth**1.6, 305 + 190 * depth**1.5
        edge = px + 5 * depth * np.sin(y / 37 + px)
        across = (x - edge) / wide
        bark = clouds(W, H, 5 + 5 * depth, int(100 + px), 3, 0.4)
        tone = (
            f32([0.3, 0.21, 0.14]) * (0.35 + 0.8 * bark + 0.35 * across * np.sign(400 - px))[..., None]
        ) * depth + f32([0.45, 0.52, 0.32]) * (1 - depth)
        pic = over(
            pic,
            tone,
            np.clip((1 - np.abs(across)) * wide * 0.5, 0, 1) * np.clip(foot - y + wide * 0.4 * across**2, 0, 1),
        )
    for k in range(5):
        beam = np.exp(-(((x - 330 - 45 * k + (y - 60) * (0.5 - 0.05 * k)) / 17) ** 2)) * np.clip(1 - y / 420, 0, 1)
        pic = over(pic, (1.0, 0.98, 0.75), beam * 0.28)
    crown = np.clip((clouds(W, H, 60, 75, 6) - 0.32 - y / 420 + np.abs(x - 400) / 1700) * 6, 0, 1)
    return photo(over(pic, f32([0.1, 0.24, 0.05]) * (0.4 + 1.3 * clouds(W, H, 9, 76, 4)[..., None]), crown), 4)


def night_city() -> Sheet:
    y, x = _grid()
    pic = ramp(
        H, W, (0, (0.01, 0.015, 0.06)), (0.5, (0.1, 0.09, 0.22)), (0.72, (0.35, 0.2, 0.25)), (1, (0.02, 0.02, 0.05))
    )
    stars = (np.random.default_rng(1).uniform(0, 1, (H, W)) > 0.9988) & (y < 240)
    pic = over(pic, (1, 1, 0.95), stars.astype(np.float32) * 0.9)
    moon = np.hypot(x - 620, y - 75)
    pic = over(
        over(pic, (0.8, 0.8, 0.7), np.exp(-((moon / 70) ** 2)) * 0.4), (0.97, 0.96, 0.88), np.clip(27 - moon, 0, 1)
    )
    board, rng = Board(W, H, picture=photo(pic, 5, 0.01)), np.random.default_rng(6)
    for row, (tone, low, high) in enumerate([("#171a33", 120, 250), ("#0d1022", 80, 210), ("#05060f", 50, 150)]):
        px = -10.0
        while px < W:
            wide, tall = rng.uniform(34, 74), rng.uniform(low, high)
            board.rect(px, 372 - tall, wide, tall + 8, tone)
            if rng.uniform() < 0.3:
                board.line(px + wide / 2, 372 - tall, px + wide / 2, 372 - tall - 30, tone, 3)
                board.circle(px + wide / 2, 372 - tall - 31, 2.5, "#ff4030")
            for wy in np.arange(372 - tall + 7, 366, 9):
                for wx in np.arange(px + 5, px + wide - 6, 8):
                    if rng.uniform() < 0.42:
                        colour = ["#ffd98a", "#ffc060", "#fff2cc", "#a8d0ff"][rng.integers(4)]
                        board.rect(wx, wy, 4.2, 5, colour, alpha=0.45 + 0.2 * row)
            px += wide + rng.uniform(0, 5)
    lit = layer(board.sheet())
    rows = np.arange(H - 376)
    sway = (3 + rows / 14)[:, None] * np.sin(rows[:, None] / 2.3 + np.arange(W)[None, :] / 60)
    source = np.clip(np.arange(W)[None, :] + sway, 0, W - 1).astype(int)
    mirrored = lit[np.clip(376 - rows * 1.5, 0, H - 1).astype(int)][np.arange(len(rows))[:, None], source]
    lit[376:] = mirrored * 0.5 * (0.6 + 0.8 * clouds(W, len(rows), 5, 9, 3, 14)[..., None]) + f32([0.01, 0.015, 0.04])
    return photo(np.asarray(lit, np.float32), 7, 0.02)


def desert() -> Sheet:
    y, x = _grid()
    pic = ramp(H, W, (0, (0.25, 0.5, 0.82)), (0.45, (0.85, 0.88, 0.86)), (1, (0.9, 0.8, 0.6)))
    for i, (base, swing, cell) in enumerate([(250, 25, 260), (290, 45, 320), (350, 60, 400), (450, 80, 520)]):
        top = skyline(W, base, swing, cell, 80 + i)[None, :]
        crest = x - W * (0.25 + 0.17 * i) - 90 * np.sin((y - top) / 70 + i)
        shadow = 0.5 + 0.5 * np.tanh(crest / 12)
        waves = np.sin((y - top) / (1.6 + 0.9 * i) + 3 * clouds(W, H, 90, 90 + i, 3)) * 0.05
        lit = f32([0.93, 0.66, 0.36]) * (1 + waves)[..., None]
        dune = over(
            lit,
            f32([0.5, 0.28, 0.16]) * (1 + waves)[..., None],
            shadow * np.clip(1 - (y - top) / (120 + 40 * i), 0, 1),
        )
        haze = 0.5 - 0.16 * i
        pic = over(pic, dune * (1 - haze) + f32([0.9, 0.82, 0.7]) * haze, np.clip(y - top, 0, 1))
    return photo(pic, 8, 0.022)


def starry_tent() -> Sheet:
    y, x = _grid()
    pic = ramp(H, W, (0, (0.01, 0.02, 0.08)), (0.6, (0.05, 0.1, 0.25)), (0.8, (0.2, 0.22, 0.35)), (1, (0.1, 0.1, 0.2)))
    way = np.exp(-(((x - 1.3 * y - 120) / 110) ** 2))
    pic = over(pic, f32([0.62, 0.55, 0.72]), way * np.clip(clouds(W, H, 60, 120, 6) * 1.7 - 0.45, 0, 1) * 0.7)
    rng = np.random.default_rng(9)
    board = Board(W, H, picture=photo(pic, 9, 0.012))
    for _ in range(900):
        sx, sy = rng.uniform(0, W), rng.uniform(0, 400)
        board.circle(sx, sy, rng.exponential(0.55) + 0.3, "#ffffff", alpha=float(rng.uniform(0.3, 1)))
    ridge = skyline(W, 395, 40, 200, 130, ridged=True)
    board.poly([(0, H), *[(float(i), float(v)) for i, v in enumerate(ridge)], (W, H)], "#0a0f18")
    for px in (40, 85, 640, 700, 735):
        _pine(board, px, 500, rng.uniform(110, 180), "#04070b")
    board.circle(390, 430, 150, "#ff9a30", alpha=0.22, blur=50)
    board.poly([(290, 478), (390, 372), (490, 478)], "#e8862a")
    board.poly([(390, 372), (490, 478), (530, 462), (425, 366)], "#9c4a14")
    board.poly([(365, 478), (390, 400), (415, 478)], "#ffdf94")
    return board.sheet()


def aerial_view() -> Sheet:
    y, x = _grid(640, 640)
    rng = np.random.default_rng(12)
    seeds = rng.uniform(0, 640, (60, 2)).astype(np.float32)
    tones = f32(
        [
            (0.34, 0.46, 0.18),
            (0.55, 0.55, 0.22),
            (0.72, 0.64, 0.34),
            (0.24, 0.38, 0.15),
            (0.5, 0.38, 0.24),
            (0.42, 0.52, 0.25),
        ]
    )
    turn = x * 0.94 + y * 0.34, y * 0.94 - x * 0.34
    away = [
        np.maximum(np.abs(turn[0] - (a * 0.94 + b * 0.34)), np.abs(turn[1] - (b * 0.94 - a * 0.34))) for a, b in seeds
    ]
    order = np.argsort(away, axis=0)[:2]
    near, second = np.take_along_axis(np.stack(away), order, 0)
    pic = tones[order[0] % 6] * (0.75 + 0.5 * clouds(640, 640, 26, 140, 5))[..., None]
    rows = np.sin((turn[0] * (order[0] % 2) + turn[1] * (1 - order[0] % 2)) * 1.1) * 0.06
    pic = over(
        np.asarray(pic * (1 + rows)[..., None], np.float32), (0.14, 0.24, 0.1), np.clip(3.5 - (second - near), 0, 1)
    )
    bend = np.abs(x - 150 - 75 * np.sin(y / 95) - 0.25 * y)
    pic = over(
        over(pic, (0.18, 0.28, 0.12), np.clip((34 - bend) / 6, 0, 1)),
        f32([0.12, 0.27, 0.33]) * (0.85 + 0.3 * clouds(640, 640, 12, 141, 3)[..., None]),
        np.clip((21 - bend) / 2, 0, 1),
    )
    board = Board(640, 640, picture=photo(pic, 10, 0.02, 0.1))
    for line, wide in (
        ([(-10, 430), (200, 400), (420, 330), (650, 330)], 13.0),
        ([(420, 330), (470, 520), (450, 650)], 9.0),
    ):
        board.poly(line, "#8d8a84", wide, close=False, smooth=True)
        board.poly(line, "#d8d5cc", 1.2, close=False, smooth=True)
    for _ in range(70):
        px, py = rng.normal(455, 62), rng.normal(300, 55)
        if abs(py - 330) < 16 or abs(px - 430) < 14:
            continue
        w, h = rng.uniform(12, 24), rng.uniform(9, 15)
        board.rect(px + 4, py + 4, w, h, "#101810", alpha=0.5)
        roof = ["#a4563a", "#b9694a", "#7d4535", "#8f8a86"][rng.integers(4)]
        board.rect(px, py, w, h / 2, roof)
        board.rect(px, py + h / 2, w, h / 2, "#6d3426")
    for _ in range(420):
        px, py = rng.uniform(0, 640, 2)
        if abs(px - 150 - 75 * np.sin(py / 95) - 0.25 * py) < 55 or rng.uniform() < 0.2:
            r = rng.uniform(3, 7)
            board.circle(px + 2, py + 2, r, "#0c160a", alpha=0.5)
            board.circle(px, py, r, ["#27451d", "#335626", "#1f3a18"][rng.integers(3)])
    return board.sheet()


def street_map() -> Sheet:
    board, rng = Board(800, 600, "#f2efe9"), np.random.default_rng(14)
    board.poly(
        [
            (0, 470),
            (160, 440),
            (330, 480),
            (520, 420),
            (800, 450),
            (800, 560),
            (540, 525),
            (330, 585),
            (150, 540),
            (0, 575),
        ],
        "#aad3df",
        smooth=False,
    )
    board.rect(470, 60, 210, 150, "#c8e3ae", 14)
    board.rect(60, 250, 110, 90, "#c8e3ae", 14)
    board.circle(590, 140, 26, "#aad3df")
    streets: list[tuple[list[Point], str, float]] = []
    streets += [([(x, -5.0), (x + 36, 440.0)], "#ffffff", 9) for x in range(30, 800, 88)]
    streets += [([(-5.0, y), (805.0, y - 34)], "#ffffff", 9) for y in range(55, 460, 74)]
    streets += [
        ([(-5, 385), (250, 330), (520, 300), (805, 150)], "#fcd6a4", 15),
        ([(300, -5), (350, 250), (420, 605)], "#f9b29c", 17),
    ]
    for edge in (2.5, 0.0):
        for points, colour, wide in streets:
            ends_at_park = colour == "#ffffff" and 480 < points[0][0] < 660
            course = [(points[0][0] + 16, 215.0), points[1]] if ends_at_park else points
            board.poly(course, "#c9c2b8" if edge else colour, wide + edge, close=False)
    for _ in range(150):
        x, y = rng.uniform(0, 780), rng.uniform(0, 420)
        if not (450 < x < 690 and 40 < y < 220):
            board.rect(x, y, rng.uniform(10, 22), rng.uniform(8, 16), "#d9d0c9", alpha=0.75)
    board.rect(470, 60, 210, 150, "#c8e3ae", 14)
    board.circle(600, 145, 28, "#aad3df")
    board.poly([(480, 190), (540, 120), (660, 90)], "#fa9a85", 2, close=False, smooth=True)
    for x, y, words, turn in (
        (505, 100, "Linden Park", 0),
        (330, 505, "River Alder", -4),
        (95, 357, "Mill Road", -12),
        (352, 120, "Station Street", 82),
        (600, 262, "Harbour Avenue", -27),
        (66, 300, "Old Orchard", 0),
    ):
        board.text(
            x, y, words, 14, "#4a5a4a" if "Park" in words or "Orch" in words else "#555555", bold=True, turn=turn
        )
    for x, y, mark, colour in (
        (230, 190, "P", "#0060b0"),
        (560, 360, "H", "#c02020"),
        (390, 330, "T", "#6a3fa0"),
        (690, 300, "P", "#0060b0"),
    ):
        board.rect(x, y, 20, 20, colour, 4)
        board.text(x + 10, y + 16, mark, 15, "#ffffff", bold=True, align="center")
    board.poly([(300, 258), (283, 222), (317, 222)], "#d8232a")
    board.circle(300, 214, 19, "#d8232a")
    board.circle(300, 214, 7, "#ffffff")
    board.card(18, 545, 150, 38)
    board.poly([(35, 568), (35, 574), (115, 574), (115, 568)], "#333333", 2, close=False)
    board.text(122, 576, "200 m", 13)
    return board.sheet()


def world_map() -> Sheet:
    w, h = 960, 560
    y, x = _grid(h, w)
    lift = (
        clouds(w, h, 190, 151, 6, 1.25)
        + 0.1 * np.cos((y - h / 2) / h * np.pi)
        - 0.35 * (np.abs(x - w / 2) / (w / 2)) ** 5
    )
    land = np.clip((lift - 0.555) * 220, 0, 1)
    cold = np.clip((np.abs(y - h / 2) / (h / 2) - 0.62) * 5, 0, 1)
    dry = np.clip((clouds(w, h, 140, 152, 4) - 0.5) * 6, 0, 1)
    ground = over(
        over(np.broadcast_to(f32([0.45, 0.62, 0.34]), (h, w, 3)).copy(), (0.87, 0.78, 0.53), dry),
        (0.95, 0.96, 0.97),
        cold,
    )
    ground = over(ground, (0.6, 0.45, 0.3), np.clip((lift - 0.66) * 12, 0, 1) * 0.8)
    shade = np.clip(1 + np.gradient(clouds(w, h, 24, 153, 5), axis=1) * 5, 0.7, 1.25)[..., None]
    sea = f32([0.55, 0.76, 0.88]) * (0.9 + 0.2 * np.clip((lift - 0.35) * 4, 0, 1))[..., None]
    pic = over(np.asarray(sea, np.float32), np.asarray(ground * shade, np.float32), land)
    coast = np.hypot(*np.gradient(land)) > 0.25
    board = Board(w, h, picture=photo(over(pic, (0.2, 0.3, 0.35), coast.astype(np.float32) * 0.7), 11, 0.006, 0.1))
    for k in range(1, 12):
        board.line(k * w / 12, 0, k * w / 12, h, "#ffffff", 0.8, 0.45)
    for k in range(1, 6):
        board.line(0, k * h / 6, w, k * h / 6, "#ffffff", 1.6 if k == 3 else 0.8, 0.6)
    board.text(14, h / 2 - 6, "Equator", 13, "#1d3c50", serif=True)
    for px, py, words in ((640, 430, "SOUTHERN OCEAN"), (760, 120, "NORTHERN SEA")):
        board.text(px, py, words, 17, "#2a5a78", serif=True)
    board.card(w - 190, h - 66, 170, 48, "#fbf6e6")
    board.text(w - 105, h - 36, "WORLD MAP", 18, "#4a3a20", bold=True, serif=True, align="center")
    return board.sheet()


SHEETS = {
    "beach_sunset": beach_sunset,
    "snowy_mountains": snowy_mountains,
    "forest": forest,
    "night_city": night_city,
    "desert": desert,
    "starry_tent": starry_tent,
    "aerial_view": aerial_view,
    "street_map": street_map,
    "world_map": world_map,
}
