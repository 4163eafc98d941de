"""Paper and what is shown on a wall.

Letters, invoices, receipts, scans, slides, maps, signs, diagrams, contact sheets.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.render.canvas import (
    COLOURS,
    NAMES,
    PLACES,
    TOPICS,
    VIVID,
    WORDS,
    Drawn,
    Rgb,
    blend,
    font,
    lighter,
    listed,
    paragraph,
    phrase,
    shade,
    sheet,
)
from training.render.charts import small_chart
from training.render.objects import any_thing, draw_thing

INK: Rgb = (40, 40, 48)


def scanned(image: Image.Image, rng: random.Random) -> Image.Image:
    """Turned a little, greyed and speckled, as from a scanner or a phone."""
    image = image.rotate(
        rng.uniform(-4, 4),
        Image.Resampling.BILINEAR,
        fillcolor=rng.choice(((225, 222, 215), (60, 50, 45), (250, 250, 250))),
    )
    if rng.random() < 0.5:
        image = image.convert("L").convert("RGB")
    # Pillow's own noise has a seed of its own, so that no two pictures of one seed would be alike.
    spread, dice = rng.uniform(5, 30), np.random.default_rng(rng.getrandbits(32))
    speckles = dice.normal(128, spread, (image.height, image.width)).clip(0, 255).astype(np.uint8)
    noise = Image.fromarray(speckles).convert("RGB")
    image = Image.blend(image, noise, rng.uniform(0.02, 0.12))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.8)))


def page(rng: random.Random, size: int) -> Drawn:
    kind = rng.choice(tuple(_PAGES))
    image, draw = sheet((size * rng.uniform(0.68, 0.8), size), rng.choice(((255, 255, 255), (252, 250, 242))))
    texts = _PAGES[kind](draw, image.width, image.height, rng)
    if rng.random() < 0.45:
        image = scanned(image, rng)
        texts = (*texts, f"scanned {texts[0]}", "a scanned document")
    return Drawn(image, (*texts, "document page"), f"page:{kind}")


def _letter(d: ImageDraw.ImageDraw, w: int, h: int, rng: random.Random) -> tuple[str, ...]:
    d.text((w * 0.1, h * 0.06), rng.choice(NAMES), font=font(rng, h * 0.03), fill=INK)
    d.text((w * 0.6, h * 0.06), rng.choice(PLACES), font=font(rng, h * 0.03), fill=INK)
    d.text((w * 0.1, h * 0.24), f"Dear {rng.choice(NAMES)},", font=font(rng, h * 0.035), fill=INK)
    paragraph(d, rng, (w * 0.1, h * 0.32, w * 0.9, h * rng.uniform(0.55, 0.75)), h * 0.026, INK)
    d.text((w * 0.1, h * 0.8), "Kind regards,", font=font(rng, h * 0.03), fill=INK)
    points = [(w * (0.1 + 0.02 * i), h * (0.88 + 0.02 * math.sin(i * 1.7))) for i in range(12)]
    d.line(points, fill=(30, 40, 120), width=2)
    return ("letter", "a letter with a signature", "business letter")


def _invoice(d: ImageDraw.ImageDraw, w: int, h: int, rng: random.Random) -> tuple[str, ...]:
    accent = shade(rng.choice(VIVID), rng)
    d.rectangle((0, 0, w, h * 0.04), fill=accent)
    d.text((w * 0.08, h * 0.07), rng.choice(("INVOICE", "Invoice", "BILL")), font=font(rng, h * 0.06), fill=accent)
    paragraph(d, rng, (w * 0.08, h * 0.17, w * 0.45, h * 0.28), h * 0.025, INK)
    d.rectangle((w * 0.08, h * 0.34, w * 0.92, h * 0.38), fill=lighter(accent, 0.7))
    for i in range(rng.randint(3, 8)):
        y = h * (0.4 + 0.045 * i)
        d.text((w * 0.09, y), phrase(rng, 2), font=font(rng, h * 0.025), fill=INK)
        d.text((w * 0.78, y), f"{rng.randint(5, 900)}.00", font=font(rng, h * 0.025), fill=INK)
        d.line((w * 0.08, y + h * 0.04, w * 0.92, y + h * 0.04), fill=(205, 205, 210))
    d.text((w * 0.6, h * 0.84), f"Total {rng.randint(50, 9000)}.00", font=font(rng, h * 0.035), fill=INK)
    return ("invoice", "an invoice with prices and a total", "bill")


def _receipt(d: ImageDraw.ImageDraw, w: int, h: int, rng: random.Random) -> tuple[str, ...]:
    d.rectangle((0, 0, w * 0.2, h), fill=(200, 198, 192))
    d.rectangle((w * 0.8, 0, w, h), fill=(200, 198, 192))
    d.text((w * 0.3, h * 0.04), rng.choice(("STORE", "MARKET", "CAFE", "RECEIPT")), font=font(rng, h * 0.05), fill=INK)
    for i in range(rng.randint(6, 14)):
        y = h * (0.14 + 0.045 * i)
        d.text((w * 0.23, y), rng.choice(WORDS).upper(), font=font(rng, h * 0.028, True), fill=INK)
        d.text((w * 0.62, y), f"{rng.uniform(1, 60):.2f}", font=font(rng, h * 0.028, True), fill=INK)
    d.text((w * 0.23, h * 0.82), f"TOTAL {rng.uniform(20, 200):.2f}", font=font(rng, h * 0.04), fill=INK)
    for i in range(24):
        x = w * (0.28 + 0.018 * i)
        d.line((x, h * 0.9, x, h * 0.96), fill=INK, width=rng.randint(1, 3))
    return ("receipt", "shop receipt with prices and total", "a paper receipt")


def _article(d: ImageDraw.ImageDraw, w: int, h: int, rng: random.Random) -> tuple[str, ...]:
    d.text((w * 0.12, h * 0.05), phrase(rng, 3).title(), font=font(rng, h * 0.045), fill=INK)
    columns = rng.choice((1, 2, 2, 3))
    for i in range(columns):
        x = w * (0.08 + 0.86 * i / columns)
        paragraph(d, rng, (x, h * 0.15, x + w * 0.8 / columns, h * 0.95), h * 0.022, INK)
    if rng.random() < 0.5:
        area = (w * 0.1, h * 0.5, w * 0.48 if columns == 2 else w * 0.9, h * 0.72)
        d.rectangle(area, fill=(255, 255, 255))
        small_chart(d, area, (255, 255, 255), rng)
    return (
        "page of text",
        "scientific paper" if columns == 2 else "text document",
        "an article with columns of text" if columns > 1 else "a page with paragraphs",
    )


def _handwriting(d: ImageDraw.ImageDraw, w: int, h: int, rng: random.Random) -> tuple[str, ...]:
    ink = rng.choice(((30, 40, 130), (40, 40, 45)))
    for i in range(rng.randint(6, 14)):
        y = h * (0.1 + 0.065 * i)
        d.line((0, y + h * 0.02, w, y + h * 0.02), fill=(190, 205, 230))
        x, points = w * 0.08, []
        while x < w * rng.uniform(0.6, 0.95):
            points.append((x, y + rng.uniform(-1, 1) * h * 0.014))
            x += w * 0.012
        d.line(points, fill=ink, width=2)
    return ("handwritten notes", "handwriting on lined paper", "a handwritten page")


def _form(d: ImageDraw.ImageDraw, w: int, h: int, rng: random.Random) -> tuple[str, ...]:
    d.text((w * 0.1, h * 0.05), f"{rng.choice(WORDS)} form".title(), font=font(rng, h * 0.045), fill=INK)
    for i in range(9):
        y = h * (0.16 + 0.088 * i)
        d.text(
            (w * 0.1, y),
            rng.choice(("Name", "Address", "Date", "City", "Signature", "Phone")),
            font=font(rng, h * 0.025),
            fill=INK,
        )
        d.rectangle((w * 0.35, y, w * 0.9, y + h * 0.05), outline=(90, 90, 95))
        if rng.random() < 0.3:
            d.rectangle((w * 0.04, y, w * 0.07, y + h * 0.03), outline=INK)
    return ("paper form", "a form with boxes to fill in", "application form")


def _table(d: ImageDraw.ImageDraw, w: int, h: int, rng: random.Random) -> tuple[str, ...]:
    rows, columns = rng.randint(6, 16), rng.randint(3, 6)
    for i in range(rows + 1):
        y = h * (0.12 + 0.8 * i / rows)
        d.line((w * 0.06, y, w * 0.94, y), fill=(120, 120, 125))
        for j in range(columns if i < rows else 0):
            value = rng.choice(WORDS) if j == 0 or i == 0 else str(rng.randint(0, 999))
            d.text((w * (0.07 + 0.88 * j / columns), y + 2), value, font=font(rng, h * 0.025), fill=INK)
    return ("table", "a document with a table", "table of numbers on a page")


def _sheet_music(d: ImageDraw.ImageDraw, w: int, h: int, rng: random.Random) -> tuple[str, ...]:
    for staff in range(6):
        y = h * (0.08 + 0.15 * staff)
        for i in range(5):
            d.line((w * 0.06, y + i * h * 0.014, w * 0.94, y + i * h * 0.014), fill=INK)
        for i in range(12):
            x, q = w * (0.12 + 0.068 * i), y + rng.uniform(-0.01, 0.06) * h
            d.ellipse((x - 3, q - 2, x + 3, q + 2), fill=INK)
            d.line((x + 3, q, x + 3, q - h * 0.045), fill=INK)
    return ("sheet music", "musical notes on staves", "music score")


_PAGES: dict[str, Callable[[ImageDraw.ImageDraw, int, int, random.Random], tuple[str, ...]]] = {
    "letter": _letter,
    "invoice": _invoice,
    "receipt": _receipt,
    "article": _article,
    "handwriting": _handwriting,
    "form": _form,
    "table": _table,
    "music": _sheet_music,
}


def slide(rng: random.Random, size: int) -> Drawn:
    dark = rng.random() < 0.3
    paper = (
        shade(rng.choice(("blue", "black", "purple")), rng)
        if dark
        else rng.choice(((255, 255, 255), lighter(shade(rng.choice(VIVID), rng), 0.85)))
    )
    ink: Rgb = (245, 245, 248) if dark else INK
    image, draw = sheet((size * 1.6, size), paper)
    w, h = image.size
    topic, kind = rng.choice(TOPICS), rng.choice(("title", "bullets", "bullets", "chart", "picture"))
    accent = shade(rng.choice(VIVID), rng)
    if rng.random() < 0.5:
        draw.rectangle(rng.choice(((0, 0, w, h * 0.05), (0, h * 0.93, w, h), (0, 0, w * 0.03, h))), fill=accent)
    draw.text(
        (w * 0.07, h * (0.38 if kind == "title" else 0.08)),
        f"{topic} {phrase(rng, 1)}".title(),
        font=font(rng, h * 0.13),
        fill=ink,
    )
    if kind == "title":
        draw.text(
            (w * 0.07, h * 0.6),
            f"{rng.choice(NAMES)}, {rng.choice(PLACES)} 2024",
            font=font(rng, h * 0.06),
            fill=accent,
        )
    else:
        wide = 0.9 if kind == "bullets" else 0.45
        for i in range(rng.randint(3, 5)):
            y = h * (0.32 + 0.13 * i)
            draw.ellipse((w * 0.07, y + h * 0.02, w * 0.085, y + h * 0.045), fill=accent)
            draw.text(
                (w * 0.1, y), phrase(rng, 5 if wide > 0.5 else 2).capitalize(), font=font(rng, h * 0.065), fill=ink
            )
    area = (w * 0.55, h * 0.3, w * 0.94, h * 0.88)
    if kind == "chart":
        small_chart(draw, area, paper, rng)
    elif kind == "picture":
        draw_thing(draw, any_thing(rng), (w * 0.6, h * 0.32, w * 0.9, h * 0.88), rng)
    other = {
        "title": "title slide",
        "bullets": "slide with bullet points",
        "chart": "slide with a chart",
        "picture": "slide with a picture",
    }[kind]
    return Drawn(
        image, (other, "presentation slide", f"slide about {topic}", "a slide of a presentation"), f"slide:{kind}"
    )


def street_map(rng: random.Random, size: int) -> Drawn:
    kind = rng.choice(("street", "street", "country", "subway"))
    image, draw = sheet(
        (size * rng.uniform(1, 1.5), size),
        rng.choice(((240, 236, 226), (232, 240, 228), (40, 46, 58), (248, 248, 246))),
    )
    w, h = image.size
    if kind == "country":
        image.paste((160, 200, 230), (0, 0, w, h))
        for _ in range(rng.randint(1, 4)):
            x, y, q = rng.uniform(0.2, 0.8) * w, rng.uniform(0.2, 0.8) * h, rng.uniform(0.15, 0.4) * h
            points = [
                (x + q * rng.uniform(0.6, 1.1) * math.cos(a * 0.4), y + q * rng.uniform(0.6, 1.1) * math.sin(a * 0.4))
                for a in range(16)
            ]
            draw.polygon(
                points, fill=blend(shade(rng.choice(COLOURS), rng), (230, 225, 200), 0.5), outline=(110, 110, 110)
            )
        texts: tuple[str, ...] = ("map of countries", "map with land and sea", "geographic map")
    elif kind == "subway":
        image.paste((250, 250, 250), (0, 0, w, h))
        for _ in range(rng.randint(3, 7)):
            points = [(rng.uniform(0, w), rng.uniform(0, h)) for _ in range(4)]
            draw.line(points, fill=shade(rng.choice(VIVID), rng), width=4, joint="curve")
            for x, y in points:
                draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill="white", outline=INK)
        texts = ("subway map", "metro network plan", "public transport map")
    else:
        for _ in range(rng.randint(1, 4)):
            x, y = rng.uniform(0, w), rng.uniform(0, h)
            draw.rectangle((x, y, x + w * 0.3, y + h * 0.25), fill=(185, 220, 175))
        draw.line(
            [(rng.uniform(0, w), 0), (rng.uniform(0, w), h / 2), (rng.uniform(0, w), h)],
            fill=(160, 200, 235),
            width=int(h * 0.07),
        )
        for i in range(rng.randint(8, 18)):
            a, b = rng.uniform(-0.2, 1.2) * w, rng.uniform(-0.2, 1.2) * h
            line = [(a, 0), (a + rng.uniform(-30, 30), h)] if i % 2 else [(0, b), (w, b + rng.uniform(-30, 30))]
            draw.line(
                line, fill=rng.choice(((255, 255, 255), (250, 215, 120), (255, 255, 255))), width=rng.randint(2, 7)
            )
        texts = ("street map", "city map with roads", "map of a town")
    for _ in range(rng.randint(1, 5)):
        x, y = rng.uniform(0.1, 0.8) * w, rng.uniform(0.1, 0.85) * h
        draw.text((x, y), rng.choice(PLACES), font=font(rng, h * 0.06), fill=(90, 90, 95))
    if rng.random() < 0.4:
        x, y, q = rng.uniform(0.2, 0.8) * w, rng.uniform(0.3, 0.8) * h, h * 0.05
        draw.polygon([(x, y), (x - q * 0.7, y - q), (x + q * 0.7, y - q)], fill=(220, 50, 45))
        draw.ellipse((x - q, y - q * 2.4, x + q, y - q * 0.6), fill=(220, 50, 45))
    return Drawn(image, (*texts, "a map"), f"map:{kind}")


_SIGNS = listed(
    "STOP EXIT OPEN CLOSED SALE WELCOME HELLO DANGER PARKING TAXI HOTEL CAFE WARNING FREE NEW THANK-YOU LOVE "
    "HAPPY-BIRTHDAY"
)


def lettering(rng: random.Random, size: int) -> Drawn:
    """A word or two, large: signs, posters and cards."""
    word = rng.choice(_SIGNS).replace("-", " ") if rng.random() < 0.7 else rng.choice(WORDS).upper()
    colour = rng.choice(COLOURS)
    paper = shade(colour, rng)
    image, draw = sheet((size * rng.uniform(1, 1.8), size), paper)
    ink: Rgb = (250, 250, 250) if sum(paper) < 400 else (25, 25, 30)
    longest = max(word.split(), key=len)
    for i, part in enumerate(word.split()):
        draw.text(
            (image.width * 0.08, size * (0.3 + 0.3 * i - 0.15 * word.count(" "))),
            part,
            font=font(rng, image.width * 1.25 / (len(longest) + 1)),
            fill=ink,
        )
    texts = (
        f"the word {word.lower()}",
        f"a {colour} sign saying {word.lower()}",
        f"text {word.lower()}",
        "a sign with text",
        f"{colour} sign",
    )
    return Drawn(image, texts, f"word:{word.lower()}")


def diagram(rng: random.Random, size: int) -> Drawn:
    image, draw = sheet(
        (size * rng.uniform(1, 1.7), size), rng.choice(((255, 255, 255), (248, 249, 252), (30, 32, 40)))
    )
    w, h = image.size
    count, kind = rng.randint(4, 8), rng.choice(("flowchart", "network diagram", "organisation chart"))
    fill = lighter(shade(rng.choice(VIVID), rng), 0.4)
    if kind == "network diagram":
        places = [
            (w * (0.5 + 0.36 * math.cos(6.28 * i / count)), h * (0.5 + 0.36 * math.sin(6.28 * i / count)))
            for i in range(count)
        ]
        links = [(i, rng.randrange(count)) for i in range(count) for _ in range(2)]
    elif kind == "flowchart":
        places = [(w * (0.15 + 0.7 * (i % 3) / 2), h * (0.2 + 0.32 * (i // 3))) for i in range(count)]
        links = [(i, i + 1) for i in range(count - 1)]
    else:
        places = [(w * 0.5, h * 0.15)] + [
            (w * (0.12 + 0.76 * i / max(1, count - 2)), h * 0.6) for i in range(count - 1)
        ]
        links = [(0, i) for i in range(1, count)]
    for a, b in links:
        draw.line([places[a], places[b]], fill=(130, 132, 140), width=2)
    for x, y in places:
        box = (x - w * 0.08, y - h * 0.08, x + w * 0.08, y + h * 0.08)
        rng.choice((draw.rectangle, draw.rectangle, draw.ellipse))(box, fill=fill, outline=(90, 90, 100))
        draw.text((x - w * 0.06, y - h * 0.03), rng.choice(WORDS), font=font(rng, h * 0.05), fill=INK)
    return Drawn(image, (kind, f"a {kind}", "diagram with boxes and arrows", "diagram"), f"diagram:{kind}")


def contact_sheet(rng: random.Random, size: int, parts: Sequence[Image.Image]) -> Drawn:
    """A grid of small pictures."""
    columns = rng.randint(2, 5)
    rows = max(2, min(5, columns + rng.choice((-1, 0, 0, 1))))
    image, _ = sheet(
        (size * columns / max(columns, rows), size * rows / max(columns, rows)),
        rng.choice(((255, 255, 255), (20, 20, 22), (200, 200, 205))),
    )
    cell, gap = size / max(columns, rows), rng.randint(0, 5)
    for i in range(columns * rows):
        small = parts[i % len(parts)].resize((max(4, int(cell - gap)), max(4, int(cell - gap * rng.choice((1, 1, 3))))))
        image.paste(small, (int(i % columns * cell), int(i // columns * cell)))
    return Drawn(
        image, ("contact sheet", "a grid of pictures", "many small photos", "thumbnails", "collage of pictures"), "grid"
    )
