"""Charts of many kinds and a dashboard, drawn by hand from invented numbers. Knows nothing about other sheets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from .canvas import Board, Point, Sheet
from .noise import clouds

TONES = ("#3366cc", "#dc3912", "#ff9900", "#109618", "#990099", "#0099c6")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Frame:
    """Axes on a board: maps data to pixels and draws the grid, the ticks and the titles."""

    def __init__(
        self, board: Board, box: tuple[float, float, float, float], top: float, title: str, unit: str, ticks: int = 5
    ) -> None:
        self.board, (self.x, self.y, self.w, self.h), self.top = board, box, top
        board.text(self.x, self.y - 22, title, 20, "#222222", bold=True)
        for i in range(ticks + 1):
            y = self.y + self.h * (1 - i / ticks)
            board.line(self.x, y, self.x + self.w, y, "#dddddd" if i else "#444444", 1)
            board.text(self.x - 8, y + 5, f"{top * i / ticks:g}", 12, "#555555", align="right")
        board.text(self.x - 48, self.y + self.h / 2, unit, 13, "#555555", align="center", turn=-90)

    def at(self, i: float, value: float) -> Point:
        """Pixel of a value at the share `i` (0..1) of the width."""
        return self.x + self.w * i, self.y + self.h * (1 - value / self.top)

    def labels(self, words: Sequence[str]) -> None:
        """Names under the horizontal axis."""
        for i, word in enumerate(words):
            self.board.text(
                self.x + self.w * (i + 0.5) / len(words), self.y + self.h + 20, word, 12, "#444444", align="center"
            )


def _legend(board: Board, x: float, y: float, names: Sequence[str]) -> None:
    for i, name in enumerate(names):
        board.rect(x, y + 24 * i - 11, 14, 14, TONES[i], 2)
        board.text(x + 21, y + 24 * i + 1, name, 13)


def bars() -> Sheet:
    board = Board(800, 520)
    frame = Frame(board, (90, 80, 660, 360), 500, "Bakery sales per month, 2023", "loaves sold")
    for i, value in enumerate((210, 195, 260, 310, 345, 372, 401, 388, 352, 330, 298, 455)):
        x, y = frame.at((i + 0.18) / 12, value)
        board.rect(x, y, 35, 440 - y, TONES[0] if i < 11 else TONES[1], 2)
        board.text(x + 17, y - 6, str(value), 11, "#444444", align="center")
    frame.labels(MONTHS)
    return board.sheet()


def lines() -> Sheet:
    board = Board(800, 500)
    frame = Frame(board, (90, 70, 540, 350), 30, "Average temperature in three towns", "degrees Celsius", 6)
    for k, (mean, swing) in enumerate(((12, 11), (15, 7), (21, 6))):
        values = [mean - swing * np.cos((i - 0.6) / 12 * 2 * np.pi) for i in range(12)]
        points = [frame.at((i + 0.5) / 12, max(v, 0.4)) for i, v in enumerate(values)]
        board.poly(points, TONES[k], 3, close=False)
        for p in points:
            board.circle(*p, 4.5, TONES[k])
    frame.labels(MONTHS)
    _legend(board, 655, 120, ("Hill town", "Sea town", "South town"))
    return board.sheet()


def pie() -> Sheet:
    board = Board(720, 480)
    board.text(40, 50, "Household budget: where the money goes", 21, bold=True)
    start = 0.0
    names = ("Rent 34%", "Food 22%", "Transport 13%", "Savings 15%", "Leisure 9%", "Other 7%")
    for i, share in enumerate((34, 22, 13, 15, 9, 7)):
        board.pie(260, 270, 170, start, share * 3.6, TONES[i])
        middle = np.radians(start + share * 1.8)
        board.text(
            260 + 118 * np.sin(middle),
            276 - 118 * np.cos(middle),
            f"{share}%",
            16,
            "#ffffff",
            bold=True,
            align="center",
        )
        start += share * 3.6
    _legend(board, 500, 190, names)
    return board.sheet()


def scatter() -> Sheet:
    board, rng = Board(720, 540), np.random.default_rng(3)
    frame = Frame(board, (90, 70, 580, 390), 100, "Study time and test result", "points in the test")
    for _ in range(140):
        hours = rng.uniform(0, 10)
        result = float(np.clip(28 + 6.2 * hours + rng.normal(0, 9), 3, 99))
        board.circle(*frame.at(hours / 10, result), 5, TONES[3], alpha=0.6)
    board.line(*frame.at(0, 28), *frame.at(1, 90), TONES[1], 2)
    for i in range(11):
        board.text(frame.x + frame.w * i / 10, 482, str(i), 12, "#444444", align="center")
    board.text(380, 512, "hours of study per week", 14, "#444444", align="center")
    return board.sheet()


def heatmap() -> Sheet:
    board, rng = Board(760, 440), np.random.default_rng(5)
    board.text(40, 42, "Visitors by weekday and hour", 20, bold=True)
    for d, day in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")):
        board.text(78, 100 + d * 42, day, 14, align="right")
        for h in range(24):
            busy = np.exp(-(((h - 13) / 3.6) ** 2)) * (0.6 if d < 5 else 1.0) + 0.5 * np.exp(
                -(((h - 19) / 2.2) ** 2)
            ) * (d in {4, 5})
            v = float(np.clip(busy + rng.normal(0, 0.05), 0, 1))
            board.rect(90 + h * 26, 74 + d * 42, 25, 40, (0.99 - 0.05 * v, 0.95 - 0.75 * v, 0.8 - 0.68 * v))
    for h in range(0, 24, 3):
        board.text(103 + h * 26, 390, f"{h}:00", 12, "#444444", align="center")
    return board.sheet()


def stacked() -> Sheet:
    board = Board(820, 500)
    frame = Frame(board, (90, 70, 520, 350), 120, "Electricity by source", "terawatt hours", 6)
    data = ((42, 38, 33, 26, 20, 14), (18, 18, 17, 16, 14, 12), (9, 13, 18, 25, 33, 41), (4, 7, 11, 17, 24, 32))
    for year in range(6):
        base = 0.0
        for k, row in enumerate(data):
            x, y = frame.at((year + 0.2) / 6, base + row[year])
            board.rect(x, y, 54, row[year] / 120 * 350, TONES[k])
            base += row[year]
    frame.labels(("2018", "2019", "2020", "2021", "2022", "2023"))
    _legend(board, 640, 130, ("Coal", "Nuclear", "Wind", "Solar"))
    return board.sheet()


def dashboard() -> Sheet:
    board, rng = Board(1024, 640, "#eef1f5"), np.random.default_rng(7)
    board.rect(0, 0, 180, 640, "#1f2a44")
    board.text(22, 42, "Webshop", 20, "#ffffff", bold=True)
    for i, word in enumerate(("Overview", "Orders", "Customers", "Stock", "Reports", "Settings")):
        if not i:
            board.rect(10, 74, 160, 34, "#34446e", 6)
        board.text(26, 97 + 40 * i, word, 14, "#d7deee")
    for i, (name, value, change) in enumerate(
        (
            ("Revenue", "48,210", "+12.4%"),
            ("Orders", "1,382", "+3.1%"),
            ("Visitors", "27,904", "-1.8%"),
            ("Refunds", "31", "-9.0%"),
        )
    ):
        x = 200 + 204 * i
        board.card(x, 20, 190, 92)
        board.text(x + 16, 46, name, 13, "#6b7280")
        board.text(x + 16, 82, value, 26, bold=True)
        board.text(x + 174, 82, change, 13, "#15803d" if change[0] == "+" else "#b91c1c", align="right")
    board.card(200, 130, 530, 270)
    frame = Frame(board, (260, 190, 440, 170), 100, "Revenue, last 30 days", "")
    values = np.clip(np.cumsum(rng.normal(0.9, 5, 30)) + 45, 8, 95)
    points = [frame.at(i / 29, float(v)) for i, v in enumerate(values)]
    board.poly([(260.0, 360.0), *points, (700.0, 360.0)], TONES[0], alpha=0.2)
    board.poly(points, TONES[0], 3, close=False)
    board.card(750, 130, 254, 270)
    board.text(768, 160, "Traffic source", 15, bold=True)
    start = 0.0
    for i, share in enumerate((46, 27, 17, 10)):
        board.pie(876, 280, 90, start * 3.6, share * 3.6, TONES[i])
        start += share
    board.circle(876, 280, 48, "#ffffff")
    board.card(200, 420, 804, 200)
    board.text(220, 450, "Latest orders", 15, bold=True)
    rows = (
        ("#10482", "Desk lamp, brass", "Shipped", "79.00"),
        ("#10481", "Oak shelf", "Paid", "145.50"),
        ("#10480", "Tea pot, blue", "Shipped", "32.90"),
        ("#10479", "Wool blanket", "Refunded", "64.00"),
    )
    for i, row in enumerate(rows):
        for x, word in zip((220, 340, 660, 900), row, strict=True):
            board.text(x, 486 + 34 * i, word, 14, "#374151")
        board.line(220, 498 + 34 * i, 984, 498 + 34 * i, "#e5e7eb")
    return board.sheet()


def monitoring() -> Sheet:
    board, rng = Board(960, 600, "#111418"), np.random.default_rng(9)
    board.text(24, 36, "Cluster health  /  last 6 hours", 18, "#d8dee6", bold=True)
    for k, (name, tone) in enumerate(
        (
            ("CPU load", "#73bf69"),
            ("Memory", "#f2cc0c"),
            ("Disk writes MB/s", "#5794f2"),
            ("Network in Mbit/s", "#ff7f50"),
        )
    ):
        x, y = 20 + 470 * (k % 2), 60 + 268 * (k // 2)
        board.rect(x, y, 450, 250, "#1b2026", 4)
        board.text(x + 14, y + 26, name, 14, "#c7d0d9")
        for i in range(5):
            board.line(x + 40, y + 50 + 42 * i, x + 435, y + 50 + 42 * i, "#2c333b")
        values = np.clip(90 + np.cumsum(rng.normal(0, 5, 132)) + (60 * (np.arange(132) > 90) if k == 0 else 0), 8, 168)
        points = [(x + 40 + 3 * i, y + 218 - float(v)) for i, v in enumerate(values)]
        board.poly([(x + 40.0, y + 218.0), *points, (points[-1][0], y + 218.0)], tone, alpha=0.18)
        board.poly(points, tone, 1.8, close=False)
    board.rect(700, 16, 236, 30, "#7a1f1f", 4)
    board.text(818, 37, "ALERT  cpu > 90 % on node 3", 12, "#ffd0d0", bold=True, align="center")
    return board.sheet()


def contour() -> Sheet:
    board = Board(640, 520)
    levels = np.floor(clouds(540, 400, 120, 60, 3) * 14) / 14
    tone = np.stack([0.25 + 0.7 * levels, 0.55 + 0.35 * levels, 0.35 + 0.2 * levels], -1)
    edges = (np.hypot(*np.gradient(levels)) > 0.01)[..., None]
    board.paste(np.asarray(np.where(edges, 0.3, tone) * 255, np.uint8), 50, 70)
    board.text(50, 48, "Elevation contours, north ridge", 20, bold=True)
    return board.sheet()


SHEETS = {
    "sales_2023.png": bars,
    "plot_temperature.png": lines,
    "figure_3.png": pie,
    "figure_4.png": scatter,
    "visitors.png": heatmap,
    "energy_mix.png": stacked,
    "dashboard_shop.png": dashboard,
    "Screenshot_ops.png": monitoring,
    "contour.png": contour,
}


def make(folder: Path) -> None:
    """Write every chart into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in SHEETS.items():
        Image.fromarray(draw()).quantize(128, dither=Image.Dither.NONE).save(folder / name, optimize=True)
