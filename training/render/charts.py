"""Charts of every usual kind in every colour, light and dark, with and without axes, titles and legends."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from PIL import ImageDraw

from training.render.canvas import TOPICS, VIVID, WORDS, Drawn, Rgb, blend, font, lighter, shade, sheet

_SPANS = (
    "by month",
    "by quarter",
    "by year",
    "by region",
    "by country",
    "by product",
    "over time",
    "per day",
    "by category",
    "in 2023",
    "",
)
_LABELS = (
    "Jan Feb Mar Apr May Jun Jul Aug",
    "Q1 Q2 Q3 Q4",
    "A B C D E F G",
    "2019 2020 2021 2022 2023",
    "North South East West",
    "Mon Tue Wed Thu Fri",
)


@dataclass
class Plot:
    """Where a chart is drawn: the area of the data in pixels, its colours and its random source."""

    draw: ImageDraw.ImageDraw
    rng: random.Random
    area: tuple[float, float, float, float]
    main: Rgb
    palette: list[Rgb]
    ink: Rgb
    paper: Rgb

    def place(self, u: float, v: float) -> tuple[float, float]:
        """Data in 0..1, v up, to pixels."""
        x0, y0, x1, y1 = self.area
        return x0 + (x1 - x0) * u, y1 - (y1 - y0) * v

    def bar(self, u0: float, v0: float, u1: float, v1: float, fill: Rgb) -> None:
        (x0, y0), (x1, y1) = self.place(u0, max(v0, v1)), self.place(u1, min(v0, v1))
        self.draw.rectangle((x0, y0, max(x0, x1), max(y0, y1)), fill=fill)


def _walk(rng: random.Random, count: int) -> list[float]:
    value, trend, values = rng.uniform(0.2, 0.7), rng.uniform(-0.03, 0.04), []
    for _ in range(count):
        value = min(0.97, max(0.03, value + trend + rng.uniform(-0.1, 0.1)))
        values.append(value)
    return values


def _bars(p: Plot) -> None:
    n = p.rng.randint(3, 12)
    gap, mixed = p.rng.uniform(0.1, 0.3) / n, p.rng.random() < 0.15
    for i, value in enumerate(
        _walk(p.rng, n) if p.rng.random() < 0.5 else [p.rng.uniform(0.1, 0.95) for _ in range(n)]
    ):
        p.bar(i / n + gap / 2, 0, (i + 1) / n - gap / 2, value, p.palette[i % 6] if mixed else p.main)


def _flat_bars(p: Plot) -> None:
    n = p.rng.randint(3, 10)
    values = sorted((p.rng.uniform(0.1, 0.97) for _ in range(n)), reverse=p.rng.random() < 0.5)
    for i, value in enumerate(values):
        p.bar(0, (i + 0.12) / n, value, (i + 0.88) / n, p.main)


def _stacked(p: Plot) -> None:
    n, layers = p.rng.randint(3, 10), p.rng.randint(2, 4)
    for i in range(n):
        base = 0.0
        for k in range(layers):
            top = base + p.rng.uniform(0.06, 0.95 / layers)
            p.bar((i + 0.12) / n, base, (i + 0.88) / n, top, p.palette[k])
            base = top


def _grouped(p: Plot) -> None:
    n, each = p.rng.randint(3, 6), p.rng.randint(2, 3)
    for i in range(n):
        for k in range(each):
            p.bar(
                (i + 0.1 + 0.8 * k / each) / n,
                0,
                (i + 0.1 + 0.8 * (k + 1) / each) / n,
                p.rng.uniform(0.1, 0.95),
                p.palette[k],
            )


def _histogram(p: Plot) -> None:
    n, centre, spread = p.rng.randint(10, 26), p.rng.uniform(0.3, 0.7), p.rng.uniform(0.1, 0.25)
    for i in range(n):
        value = 0.9 * math.exp(-(((i + 0.5) / n - centre) ** 2) / (2 * spread**2)) * p.rng.uniform(0.8, 1.05)
        p.bar(i / n + 0.002, 0, (i + 1) / n - 0.004, max(0.01, min(0.98, value)), p.main)


def _lines(p: Plot) -> None:
    for k in range(p.rng.choice((1, 1, 2, 3, 4))):
        values = _walk(p.rng, p.rng.randint(6, 40))
        points = [p.place(i / (len(values) - 1), v) for i, v in enumerate(values)]
        p.draw.line(points, fill=p.palette[k], width=p.rng.randint(1, 4))
        if len(values) < 14:
            for x, y in points:
                p.draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=p.palette[k])


def _area(p: Plot) -> None:
    values = _walk(p.rng, p.rng.randint(8, 40))
    points = [p.place(i / (len(values) - 1), v) for i, v in enumerate(values)]
    p.draw.polygon([p.place(0, 0), *points, p.place(1, 0)], fill=blend(p.main, p.paper, p.rng.uniform(0.1, 0.6)))
    p.draw.line(points, fill=p.main, width=2)


def _dots(p: Plot) -> None:
    slope, groups = p.rng.uniform(-0.9, 0.9), p.rng.choice((1, 1, 2, 3))
    for _ in range(p.rng.randint(25, 150)):
        u = p.rng.random()
        v = min(0.98, max(0.02, 0.5 + slope * (u - 0.5) + p.rng.gauss(0, 0.12)))
        x, y = p.place(u, v)
        q = p.rng.uniform(1.5, 3.5)
        p.draw.ellipse((x - q, y - q, x + q, y + q), fill=p.palette[p.rng.randrange(groups)])


def _bubbles(p: Plot) -> None:
    for _ in range(p.rng.randint(8, 20)):
        (x, y), q = p.place(p.rng.uniform(0.08, 0.92), p.rng.uniform(0.1, 0.9)), p.rng.uniform(4, 18)
        p.draw.ellipse((x - q, y - q, x + q, y + q), fill=p.rng.choice(p.palette[:3]), outline=p.paper)


def _pie(p: Plot, hole: float = 0.0) -> None:
    x0, y0, x1, y1 = p.area
    q = min(x1 - x0, y1 - y0) * 0.48
    x, y, start = x0 + (x1 - x0) * p.rng.uniform(0.35, 0.55), (y0 + y1) / 2, p.rng.uniform(0, 360)
    shares = [p.rng.uniform(0.4, 2) for _ in range(p.rng.randint(2, 7))]
    for i, share in enumerate(shares):
        end = start + 360 * share / sum(shares)
        p.draw.pieslice((x - q, y - q, x + q, y + q), start, end, fill=p.palette[i % len(p.palette)], outline=p.paper)
        start = end
        p.draw.text((x + q * 1.25, y - q + i * q * 0.28), p.rng.choice(WORDS), font=font(p.rng, q * 0.2), fill=p.ink)
    if hole:
        p.draw.ellipse((x - q * hole, y - q * hole, x + q * hole, y + q * hole), fill=p.paper)


def _donut(p: Plot) -> None:
    _pie(p, p.rng.uniform(0.5, 0.7))


def _heat(p: Plot) -> None:
    columns, rows = p.rng.randint(5, 16), p.rng.randint(4, 12)
    for i in range(columns):
        for j in range(rows):
            fill = blend(lighter(p.main, 0.85), p.main, p.rng.random())
            p.bar(i / columns, j / rows, (i + 0.97) / columns, (j + 0.97) / rows, fill)


def _boxes(p: Plot) -> None:
    n = p.rng.randint(3, 8)
    for i in range(n):
        mid, half = p.rng.uniform(0.3, 0.7), p.rng.uniform(0.06, 0.18)
        x, w = (i + 0.5) / n, 0.3 / n
        p.draw.line([p.place(x, mid - half * 2), p.place(x, mid + half * 2)], fill=p.ink, width=2)
        p.bar(x - w, mid - half, x + w, mid + half, p.main)
        p.draw.line([p.place(x - w, mid), p.place(x + w, mid)], fill=p.ink, width=2)


def _radar(p: Plot) -> None:
    x0, y0, x1, y1 = p.area
    x, y, q, n = (x0 + x1) / 2, (y0 + y1) / 2, min(x1 - x0, y1 - y0) / 2, p.rng.randint(5, 8)

    def ring(values: list[float]) -> list[tuple[float, float]]:
        return [
            (x + q * v * math.sin(2 * math.pi * i / n), y - q * v * math.cos(2 * math.pi * i / n))
            for i, v in enumerate(values)
        ]

    for level in (0.25, 0.5, 0.75, 1.0):
        p.draw.polygon(ring([level] * n), outline=blend(p.ink, p.paper, 0.6))
    p.draw.polygon(ring([p.rng.uniform(0.3, 1) for _ in range(n)]), fill=blend(p.main, p.paper, 0.4), outline=p.main)


def _candles(p: Plot) -> None:
    values = _walk(p.rng, p.rng.randint(12, 30))
    for i, (a, b) in enumerate(pairwise(values)):
        fill = (40, 165, 90) if b > a else (215, 60, 55)
        u, w = (i + 0.5) / len(values), 0.35 / len(values)
        p.draw.line([p.place(u, min(a, b) - 0.05), p.place(u, max(a, b) + 0.05)], fill=fill)
        p.bar(u - w, a, u + w, b, fill)


_KINDS: dict[str, tuple[Callable[[Plot], None], tuple[str, ...], bool]] = {
    # name: how, other words, whether it has axes
    "bar chart": (_bars, ("column chart", "bar graph"), True),
    "horizontal bar chart": (_flat_bars, ("bar chart", "bar graph"), True),
    "stacked bar chart": (_stacked, ("bar chart", "stacked columns"), True),
    "grouped bar chart": (_grouped, ("bar chart", "clustered columns"), True),
    "histogram": (_histogram, ("distribution", "bar chart"), True),
    "line chart": (_lines, ("line graph", "time series"), True),
    "area chart": (_area, ("area graph",), True),
    "scatter plot": (_dots, ("scatterplot", "points chart"), True),
    "bubble chart": (_bubbles, ("bubble plot",), True),
    "pie chart": (_pie, ("pie graph", "circle diagram"), False),
    "donut chart": (_donut, ("doughnut chart", "ring chart"), False),
    "heatmap": (_heat, ("heat map", "matrix of colours"), False),
    "box plot": (_boxes, ("boxplot", "box and whisker plot"), True),
    "radar chart": (_radar, ("spider chart",), False),
    "candlestick chart": (_candles, ("stock chart", "stock prices"), True),
}
_COLOURED = ("bar chart", "horizontal bar chart", "histogram", "line chart", "area chart", "box plot", "heatmap")


def chart(rng: random.Random, size: int) -> Drawn:
    name = rng.choice(("bar chart", "line chart", *_KINDS))
    how, others, has_axes = _KINDS[name]
    colour, dark = rng.choice(VIVID), rng.random() < 0.2
    paper: Rgb = (
        (26, 28, 36) if dark else rng.choice(((255, 255, 255), (250, 250, 252), (243, 246, 250), (252, 248, 240)))
    )
    ink: Rgb = (220, 220, 225) if dark else (45, 45, 55)
    image, draw = sheet((size * rng.uniform(0.9, 1.8), size), paper)
    main = shade(colour, rng)
    others_first = [main, *(shade(c, rng) for c in rng.sample([v for v in VIVID if v != colour], 6))]
    w, h = image.size
    area = (
        w * rng.uniform(0.06, 0.16),
        h * rng.uniform(0.06, 0.2),
        w * rng.uniform(0.85, 0.97),
        h * rng.uniform(0.8, 0.9),
    )
    plot = Plot(draw, rng, area, main, others_first, ink, paper)
    if has_axes:
        _axes(plot, w, h)
    how(plot)
    topic, span = rng.choice(TOPICS), rng.choice(_SPANS)
    if rng.random() < 0.8:
        draw.text(
            (w * rng.choice((0.05, 0.3)), h * 0.02),
            f"{topic} {span}".strip().title(),
            font=font(rng, h * 0.08),
            fill=ink,
        )
    texts = [
        f"{name} of {topic} {span}".strip(),
        f"a {name}",
        name,
        f"{name} showing {topic}",
        f"chart of {topic}",
        *others,
        "chart",
    ]
    if name in _COLOURED:
        texts.insert(3, f"{colour} {name}")
    return Drawn(image, tuple(texts), f"chart:{name}")


def _axes(p: Plot, w: int, h: int) -> None:
    faint, labels = blend(p.ink, p.paper, 0.8), p.rng.choice(_LABELS).split()
    grid = p.rng.random() < 0.7
    for i in range(5):
        x, y = p.place(0, i / 4)
        if grid:
            p.draw.line((x, y, p.area[2], y), fill=faint)
        p.draw.text((max(0, x - w * 0.07), y - h * 0.03), str(i * 25), font=font(p.rng, h * 0.05), fill=p.ink)
    for i, label in enumerate(labels):
        x, y = p.place((i + 0.3) / len(labels), 0)
        p.draw.text((x, y + 2), label, font=font(p.rng, h * 0.05), fill=p.ink)
    p.draw.line([p.place(0, 1), p.place(0, 0), p.place(1, 0)], fill=p.ink)


def small_chart(
    draw: ImageDraw.ImageDraw, area: tuple[float, float, float, float], paper: Rgb, rng: random.Random
) -> str:
    """A bare chart inside a dashboard, page or slide; returns its name."""
    name = rng.choice(tuple(_KINDS))
    palette = [shade(c, rng) for c in rng.sample(VIVID, 7)]
    ink = (60, 60, 70) if sum(paper) > 380 else (210, 210, 215)
    _KINDS[name][0](Plot(draw, rng, area, palette[0], palette, ink, paper))
    return name
