"""Slides of invented talks. Knows nothing about the pictures it shows but their file names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from .canvas import Board, Sheet


def _slide(title: str, tone: str = "#14365c") -> Board:
    board = Board(960, 540)
    board.rect(0, 0, 960, 84, tone)
    board.text(48, 54, title, 30, "#ffffff", bold=True)
    return board


def _bullets(board: Board, x: float, y: float, words: list[str], size: float = 22) -> None:
    for i, row in enumerate(words):
        board.circle(x, y + i * size * 2.1 - size * 0.32, 5, "#d9822b")
        board.text(x + 22, y + i * size * 2.1, row, size)


def roadmap(pictures: Path) -> Sheet:
    board = _slide("Roadmap 2025")
    for i, (quarter, words, tone) in enumerate(
        (
            ("Q1", ("Beta release", "User interviews"), "#2f7ed8"),
            ("Q2", ("Mobile app", "Offline mode"), "#38a169"),
            ("Q3", ("Payments", "Five languages"), "#d9822b"),
            ("Q4", ("Public launch", "Partner program"), "#b83280"),
        )
    ):
        x = 50 + 220 * i
        board.poly([(x, 180), (x + 180, 180), (x + 208, 225), (x + 180, 270), (x, 270), (x + 28, 225)], tone)
        board.text(x + 104, 236, quarter, 28, "#ffffff", bold=True, align="center")
        for k, word in enumerate(words):
            board.text(x + 104, 320 + 36 * k, word, 19, align="center")
    return board.sheet()


def title_slide(pictures: Path) -> Sheet:
    board = Board(960, 540)
    with Image.open(pictures / "panorama.jpg") as image:
        board.paste(np.asarray(image.convert("RGB")), 0, 0, 960, 640)
    board.rect(0, 300, 960, 150, "#0b2038", alpha=0.78)
    board.text(60, 365, "Glaciers in retreat", 44, "#ffffff", bold=True)
    board.text(60, 412, "What thirty years of photographs tell us", 23, "#dbe7f5")
    return board.sheet()


def water_cycle(pictures: Path) -> Sheet:
    board = _slide("The water cycle", "#0f5c5c")
    board.rect(0, 84, 960, 456, "#d7ecf7")
    board.poly([(0, 540), (0, 400), (180, 240), (300, 360), (420, 420), (560, 450), (560, 540)], "#7a9b5c")
    board.poly([(140, 276), (180, 240), (218, 280)], "#ffffff")
    board.rect(540, 450, 420, 90, "#3182bd")
    board.circle(860, 160, 44, "#ffce3a")
    for x, y in ((260, 170), (300, 155), (345, 172)):
        board.circle(x, y, 36, "#9aa9b5")
    for k in range(9):
        board.line(240 + 16 * k, 215, 230 + 16 * k, 260, "#2c6fa6", 3)
    for x0, y0, x1, y1 in ((760, 440, 760, 240), (680, 180, 420, 165), (330, 400, 520, 470)):
        board.line(x0, y0, x1, y1, "#c0392b", 5)
        a = np.arctan2(y1 - y0, x1 - x0)
        board.poly(
            [
                (x1, y1),
                (x1 - 20 * np.cos(a - 0.5), y1 - 20 * np.sin(a - 0.5)),
                (x1 - 20 * np.cos(a + 0.5), y1 - 20 * np.sin(a + 0.5)),
            ],
            "#c0392b",
        )
    for x, y, word in (
        (775, 340, "evaporation"),
        (500, 150, "condensation"),
        (385, 250, "rain"),
        (330, 455, "run-off"),
        (700, 500, "sea"),
    ):
        board.text(x, y, word, 20, "#ffffff" if word == "sea" else "#1d2b36", bold=True)
    return board.sheet()


def agenda(pictures: Path) -> Sheet:
    board = _slide("Team offsite: agenda", "#5b2a6e")
    _bullets(
        board,
        80,
        160,
        [
            "09:00  Welcome and coffee",
            "09:30  Results of the customer survey",
            "11:00  Workshop: shorter release cycles",
            "13:00  Lunch by the lake",
            "14:30  Budget for next year",
            "16:00  Walk and open questions",
        ],
    )
    return board.sheet()


def comparison(pictures: Path) -> Sheet:
    board = _slide("Electric or petrol? Cost over ten years", "#284b2f")
    head = ("", "Electric", "Petrol")
    rows = (
        ("Purchase price", "36,000", "28,000"),
        ("Energy", "6,200", "17,500"),
        ("Service", "3,900", "8,100"),
        ("Tax and insurance", "7,400", "9,200"),
        ("Total", "53,500", "62,800"),
    )
    for i, row in enumerate((head, *rows)):
        y = 112 + 64 * i
        board.rect(60, y, 560, 60, "#e5efe6" if i % 2 else "#f6faf6")
        for j, word in enumerate(row):
            board.text(
                80 if not j else 420 + 170 * (j - 1), y + 38, word, 20, bold=i in (0, 5), align="right" if j else "left"
            )
    with Image.open(pictures / "DSC_0113.jpg") as image:
        board.paste(np.asarray(image.convert("RGB")), 650, 180, 270, 202)
    return board.sheet()


SHEETS = {
    "slide_02.png": roadmap,
    "talk_cover.jpg": title_slide,
    "lecture_07.png": water_cycle,
    "slide_agenda.png": agenda,
    "slide_09.jpg": comparison,
}


def make(folder: Path, pictures: Path) -> None:
    """Write every slide into `folder`, with photographs from `pictures`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in SHEETS.items():
        image = Image.fromarray(draw(pictures))
        if name.endswith(".jpg"):
            image.save(folder / name, quality=85, optimize=True)
        else:
            image.quantize(128, dither=Image.Dither.NONE).save(folder / name, optimize=True)
