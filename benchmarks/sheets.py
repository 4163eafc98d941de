"""Contact sheets, comics and long strips made of given pictures, for `benchmarks.tiles`. Knows no index."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageOps

Pictures = Sequence[Image.Image]
CELL = 240
GAP = 16
WIDTH = 720


def contact_sheet(pictures: Pictures, rng: random.Random) -> Image.Image:
    """Rows of thumbnails in their own shapes on black, grey or white, with numbers below or without."""
    columns = 3 if len(pictures) < 8 else 4
    paper = rng.choice(["#1c1c1e", "#808080", "white"])
    caption = rng.choice([0, 28])
    step = CELL + GAP + caption
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (CELL + GAP) + GAP, rows * step + GAP), paper)
    for at, picture in enumerate(pictures):
        small = ImageOps.contain(picture, (CELL, CELL))
        left, top = GAP + at % columns * (CELL + GAP), GAP + at // columns * step
        sheet.paste(small, (left + (CELL - small.width) // 2, top + (CELL - small.height) // 2))
        if caption:
            ImageDraw.Draw(sheet).text((left + CELL // 2 - 30, top + CELL + 8), f"IMG_{1000 + at}.jpg", fill="#999")
    return sheet


def comic(pictures: Pictures, rng: random.Random) -> Image.Image:
    """Framed panels of uneven width on white, two or three in a row."""
    left = list(pictures)
    rows: list[Image.Image] = []
    while left:
        count = min(len(left), rng.choice([2, 3]))
        shares = [rng.uniform(1, 2) for _ in range(count)]
        room = 2 * WIDTH - (count - 1) * GAP
        row = Image.new("RGB", (2 * WIDTH, 420), "white")
        at = 0
        for number, share in enumerate(shares):
            width = round(room * share / sum(shares)) if number < count - 1 else 2 * WIDTH - at
            panel = ImageOps.expand(ImageOps.fit(left.pop(0), (width - 6, 414)), 3, "black")
            row.paste(panel, (at, 0))
            at += width + GAP
        rows.append(row)
    return ImageOps.expand(_stacked(rows, GAP, "white"), 40, "white")


def feed(pictures: Pictures, rng: random.Random) -> Image.Image:
    """A long screenshot: posts of a name, a few lines and a picture."""
    posts: list[Image.Image] = []
    for picture in pictures:
        shown = ImageOps.contain(picture, (WIDTH - 48, WIDTH))
        lines = rng.randint(1, 3)
        post = Image.new("RGB", (WIDTH, shown.height + 90 + 22 * lines), "white")
        draw = ImageDraw.Draw(post)
        draw.ellipse((24, 12, 64, 52), fill=rng.choice(["#4c6ef5", "#f06595", "#20c997"]))
        draw.text((76, 24), rng.choice(["Alex", "Kim", "Sam"]) + f"   {rng.randint(1, 59)} min", fill="#333")
        for line in range(lines):
            draw.text(
                (24, 62 + 22 * line),
                " ".join(rng.choice(["so", "nice", "what", "look"]) for _ in range(12)),
                fill="#222",
            )
        post.paste(shown, (24, 66 + 22 * lines))
        posts.append(post)
    return _stacked(posts, 12, "#e8eaed")


def strip(pictures: Pictures, rng: random.Random) -> Image.Image:
    """Pictures one below or beside the other without any gap."""
    if rng.random() < 0.5:
        return _stacked([ImageOps.fit(picture, (WIDTH, 3 * WIDTH // 4)) for picture in pictures], 0, "white")
    turned = [ImageOps.fit(picture, (4 * CELL, 3 * CELL)).transpose(Image.Transpose.ROTATE_90) for picture in pictures]
    return _stacked(turned, 0, "white").transpose(Image.Transpose.ROTATE_270)


def _stacked(pictures: Pictures, gap: int, paper: str) -> Image.Image:
    height = sum(picture.height for picture in pictures) + gap * (len(pictures) - 1)
    whole = Image.new("RGB", (pictures[0].width, height), paper)
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height + gap
    return whole


LAYOUTS: dict[str, Callable[[Pictures, random.Random], Image.Image]] = {
    "contact sheet": contact_sheet,
    "comic": comic,
    "long screenshot": feed,
    "strip": strip,
}
"""By the name of what they make."""
