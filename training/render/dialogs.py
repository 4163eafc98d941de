"""A window to draw in, and the dialogs that report an error: drawn alone or upon a real screenshot."""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from training.render.canvas import VIVID, WORDS, Drawn, Rgb, blend, font, lighter, paragraph, phrase, shade

_ERRORS = (
    "Error",
    "Something went wrong",
    "File not found",
    "Access denied",
    "Connection failed",
    "Fatal error",
    "404 Not Found",
    "Permission denied",
    "Out of memory",
    "Invalid password",
    "Unable to open file",
    "Network error",
    "Crash report",
    "Disk full",
)


@dataclass
class Screen:
    """A window to draw in: its picture, size, theme and random source."""

    image: Image.Image
    rng: random.Random
    paper: Rgb
    ink: Rgb
    panel: Rgb
    accent: Rgb

    @property
    def draw(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)

    @property
    def w(self) -> int:
        return self.image.width

    @property
    def h(self) -> int:
        return self.image.height

    def text(self, x: float, y: float, text: str, size: float, fill: Rgb | None = None, fixed: bool = False) -> None:
        """Text at shares of the window, its size a share of the height."""
        self.draw.text((x * self.w, y * self.h), text, font=font(self.rng, size * self.h, fixed), fill=fill or self.ink)

    def box(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        fill: Rgb | None = None,
        outline: Rgb | None = None,
        radius: float = 0,
    ) -> None:
        place = (x0 * self.w, y0 * self.h, x1 * self.w, y1 * self.h)
        self.draw.rounded_rectangle(place, radius * self.h, fill=fill, outline=outline)

    def lines(self, x0: float, y0: float, x1: float, y1: float, size: float = 0.04, fill: Rgb | None = None) -> None:
        place = (x0 * self.w, y0 * self.h, x1 * self.w, y1 * self.h)
        paragraph(self.draw, self.rng, place, size * self.h, fill or self.ink)


def new_screen(rng: random.Random, size: int, portrait: bool = False, dark_share: float = 0.3) -> Screen:
    """An empty window on a light or dark theme."""
    shape = (int(size * rng.uniform(0.5, 0.62)), size) if portrait else (int(size * rng.uniform(1.2, 1.8)), size)
    dark = rng.random() < dark_share
    paper: Rgb = (
        rng.choice(((28, 30, 36), (18, 18, 20), (36, 40, 52)))
        if dark
        else rng.choice(((255, 255, 255), (246, 247, 249), (250, 248, 244)))
    )
    ink: Rgb = (224, 225, 230) if dark else (38, 40, 46)
    panel = blend(paper, ink, rng.uniform(0.06, 0.16))
    accent = shade(rng.choice(VIVID), rng)
    return Screen(Image.new("RGB", shape, paper), rng, paper, ink, panel, accent)


def chrome(s: Screen) -> None:
    """A title bar of one of the usual kinds, or none."""
    rng, kind = s.rng, s.rng.choice(("mac", "win", "browser", "browser", "none"))
    if kind == "none":
        return
    s.box(0, 0, 1, 0.08, s.panel if rng.random() < 0.7 else s.accent)
    if kind == "win":
        for i, mark in enumerate("-ox"):
            s.text(0.86 + 0.045 * i, 0.01, mark, 0.05)
        s.text(0.02, 0.015, phrase(rng, 2).title(), 0.045)
        return
    for i, dot in enumerate(((255, 95, 86), (255, 189, 46), (39, 201, 63))):
        s.box(0.015 + 0.03 * i, 0.025, 0.033 + 0.03 * i, 0.055, dot, radius=0.02)
    if kind == "browser":
        s.box(0.15, 0.015, 0.9, 0.065, lighter(s.panel, 0.4), radius=0.02)
        s.text(0.17, 0.018, f"{rng.choice(WORDS)}.example/{rng.choice(WORDS)}", 0.035, (110, 110, 115))


def page_behind(s: Screen) -> None:
    """What a dialog lies upon: text, tiles, a list or nothing."""
    kind = s.rng.choice(("text", "grid", "list", "none"))
    if kind == "text":
        s.lines(0.04, 0.12, 0.95, 1, 0.045, blend(s.ink, s.paper, 0.4))
    elif kind == "grid":
        for i in range(12):
            s.box(0.04 + 0.24 * (i % 4), 0.14 + 0.28 * (i // 4), 0.24 + 0.24 * (i % 4), 0.36 + 0.28 * (i // 4), s.panel)
    elif kind == "list":
        for i in range(9):
            s.box(0.03, 0.12 + 0.1 * i, 0.97, 0.2 + 0.1 * i, s.panel)


def error(s: Screen) -> tuple[str, ...]:
    """An error upon some page, with its texts."""
    page_behind(s)
    message = s.rng.choice(_ERRORS)
    error_dialog(s, message)
    return (
        "screenshot with an error message",
        f"error dialog saying {message.lower()}",
        "an error message",
        "error popup window",
        "a screenshot of an error",
    )


def error_dialog(s: Screen, message: str) -> None:
    """A dialog, banner or full page that reports an error."""
    rng = s.rng
    red = shade("red", rng)
    kind = rng.choice(("dialog", "dialog", "dialog", "banner", "page"))
    if kind == "banner":
        y = rng.uniform(0.1, 0.7)
        s.box(0.04, y, 0.96, y + 0.18, lighter(red, 0.75), red)
        s.text(0.08, y + 0.05, f"! {message}: {phrase(rng, 3)}", 0.06, red)
        return
    if kind == "page":
        s.box(0, 0.08, 1, 1, s.paper)
        s.text(0.3, 0.25, rng.choice(("404", "500", ":(", "Oops!", "X")), 0.2, s.ink)
        s.text(0.2, 0.55, message, 0.09, red)
        s.lines(0.2, 0.7, 0.8, 0.82)
        return
    x0, y0, x1, y1 = rng.uniform(0.08, 0.25), rng.uniform(0.18, 0.34), rng.uniform(0.72, 0.92), rng.uniform(0.62, 0.84)
    s.box(x0 + 0.01, y0 + 0.015, x1 + 0.01, y1 + 0.015, (115, 115, 120))
    s.box(x0, y0, x1, y1, s.paper if rng.random() < 0.5 else (252, 252, 252), (120, 120, 125), rng.choice((0, 0.03)))
    if rng.random() < 0.6:
        s.box(x0, y0, x1, y0 + 0.08, rng.choice((s.accent, s.panel, red)))
    _error_mark(s, x0 + (x1 - x0) * 0.14, (y0 + y1) / 2, 0.07, red)
    s.text(x0 + (x1 - x0) * 0.28, y0 + 0.11, message, 0.075, rng.choice((red, (40, 40, 45))))
    s.lines(x0 + (x1 - x0) * 0.28, y0 + 0.22, x1 - 0.03, y1 - 0.14, 0.042, (70, 70, 75))
    buttons = rng.choice((("OK",), ("Retry", "Cancel"), ("Close",), ("Details", "OK")))
    for i, label in enumerate(buttons):
        bx = x1 - 0.16 * (len(buttons) - i)
        s.box(bx, y1 - 0.12, bx + 0.14, y1 - 0.03, s.accent if i == 0 else s.panel, radius=0.015)
        s.text(bx + 0.02, y1 - 0.11, label, 0.05, (255, 255, 255) if i == 0 else s.ink)


def _error_mark(s: Screen, x: float, y: float, q: float, red: Rgb) -> None:
    px, py, r = x * s.w, y * s.h, q * s.h
    if s.rng.random() < 0.7:
        s.draw.ellipse((px - r, py - r, px + r, py + r), fill=red)
        for d in (-1, 1):
            s.draw.line((px - r * 0.4, py - d * r * 0.4, px + r * 0.4, py + d * r * 0.4), fill="white", width=3)
    else:
        s.draw.polygon([(px, py - r), (px + r, py + r), (px - r, py + r)], fill=(245, 190, 40))
        s.draw.text((px - r * 0.15, py - r * 0.3), "!", font=font(s.rng, r), fill=(30, 30, 30))


def error_over(background: Image.Image, rng: random.Random) -> Drawn:
    """An error dialog laid upon a real screenshot; of everything drawn here it comes nearest to a real one."""
    dark = rng.random() < 0.25
    paper: Rgb = (40, 42, 48) if dark else (252, 252, 252)
    ink: Rgb = (225, 225, 228) if dark else (40, 40, 45)
    screen = Screen(
        background.convert("RGB").resize((256, 192)),
        rng,
        paper,
        ink,
        blend(paper, ink, 0.1),
        shade(rng.choice(VIVID), rng),
    )
    message = rng.choice(_ERRORS)
    error_dialog(screen, message)
    texts = (
        "screenshot with an error message",
        "an error message",
        f"error dialog saying {message.lower()}",
        "screenshot",
        "error popup window",
    )
    return Drawn(screen.image, texts, "ui:error")
