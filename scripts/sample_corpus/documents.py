"""PDF files: an invoice, a manual, a report, a menu, a ticket, and a letter that exists only as scanned pages.

Knows nothing about the notes; its texts are its own.
"""

# ruff: noqa: E501 - rows of words and numbers are tables
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped, import-not-found, unused-ignore]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped, import-not-found, unused-ignore]

from .canvas import Board
from .noise import clouds

WIDE, TALL = A4


def _page(path: Path, title: str) -> Canvas:
    pdf = Canvas(str(path), pagesize=A4, invariant=1)
    pdf.setTitle(title)
    return pdf


def _text(
    pdf: Canvas, x: float, y: float, rows: Sequence[str], size: float = 11, font: str = "Helvetica", gap: float = 1.45
) -> float:
    for row in rows:
        pdf.setFont(font, size)
        pdf.drawString(x, y, row)
        y -= size * gap
    return y


def invoice(path: Path) -> None:
    """One page: an invoice of a joiner's workshop."""
    pdf = _page(path, "Invoice 2024-0187")
    pdf.setFillColorRGB(0.2, 0.35, 0.3)
    pdf.rect(0, TALL - 90, WIDE, 90, stroke=0, fill=1)
    pdf.setFillColorRGB(1, 1, 1)
    _text(pdf, 50, TALL - 55, ["Oak & Ash Joinery"], 24, "Helvetica-Bold")
    pdf.setFillColorRGB(0, 0, 0)
    _text(pdf, 50, TALL - 140, ["Bill to:", "Lakeside Guest House", "4 Harbour Road"], 11)
    _text(
        pdf, 370, TALL - 140, ["Invoice no. 2024-0187", "Date: 14 May 2024", "Due: 13 June 2024"], 11, "Helvetica-Bold"
    )
    rows = (
        ("Description", "Qty", "Price", "Amount"),
        ("Oak dining table, 2.2 m", "1", "1,480.00", "1,480.00"),
        ("Chair, ash, woven seat", "6", "210.00", "1,260.00"),
        ("Delivery and assembly", "1", "140.00", "140.00"),
        ("Subtotal", "", "", "2,880.00"),
        ("VAT 20 %", "", "", "576.00"),
        ("Total due", "", "", "3,456.00"),
    )
    for i, row in enumerate(rows):
        y = TALL - 250 - 30 * i
        pdf.setFont("Helvetica-Bold" if i in (0, 6) else "Helvetica", 12)
        pdf.drawString(55, y, row[0])
        for x, word in zip((340, 440, 540), row[1:], strict=True):
            pdf.drawRightString(x, y, word)
        pdf.setLineWidth(1.2 if i in (0, 5) else 0.3)
        pdf.line(50, y - 9, 545, y - 9)
    _text(
        pdf,
        50,
        150,
        [
            "Please pay within 30 days by bank transfer and quote the invoice number.",
            "The wood comes from forests within forty kilometres. Thank you for your order.",
        ],
        10,
    )
    pdf.save()


def manual(path: Path) -> None:
    """Four pages: the manual of a coffee machine."""
    pdf = _page(path, "Espresso machine E20: manual")
    pages = (
        ("Espresso machine E20", ("User manual", "", "Contents", "  1  Safety and first use", "  2  Making coffee and frothing milk", "  3  Descaling and troubleshooting")),
        ("1  Safety and first use", ("Put the machine on a level, dry surface, out of the reach of children. The steam pipe", "gets hot: hold it only by the rubber grip.", "", "Before the first cup, rinse the water tank, fill it to the upper mark, and run two", "tanks of clean water through the brew head and the steam pipe.", "", "Never open the filter holder while the pressure lamp is on.")),
        ("2  Making coffee and frothing milk", ("Fill the basket with 18 grams of finely ground coffee. Press it level with the tamper,", "wipe the rim, and lock the holder. A double espresso should take 25 to 30 seconds.", "Faster means that the grind is too coarse, slower that it is too fine.", "", "For milk foam, open the steam valve for a second to blow out the water, hold the tip", "just below the surface until the jug feels warm, then dip it deeper and swirl the milk", "until it is too hot to touch.")),
        ("3  Descaling and troubleshooting", ("Descale every two months, or when the red drop lights up. Dissolve one sachet of citric", "acid in a litre of water, run half of it through, wait for twenty minutes, run the rest,", "and rinse with two tanks of clean water.", "", "No water comes out: the tank is not seated, or there is air in the pump. Open the steam", "valve and switch on the pump for ten seconds.", "", "Coffee drips from the edge of the holder: clean or replace the rubber seal.")),
    )  # fmt: skip
    for number, (title, rows) in enumerate(pages, 1):
        _text(pdf, 60, TALL - 100, [title], 26 if number == 1 else 18, "Helvetica-Bold")
        _text(pdf, 60, TALL - 150, rows, 12)
        if number == 1:
            _machine(pdf)
        pdf.drawRightString(WIDE - 60, 50, str(number))
        pdf.showPage()
    pdf.save()


def _machine(pdf: Canvas) -> None:
    pdf.setFillColorRGB(0.75, 0.76, 0.78)
    pdf.roundRect(180, 200, 230, 260, 18, fill=1)
    pdf.setFillColorRGB(0.15, 0.15, 0.16)
    pdf.roundRect(200, 390, 190, 50, 8, fill=1)
    pdf.rect(205, 225, 180, 130, fill=1)
    pdf.setFillColorRGB(0.6, 0.6, 0.62)
    pdf.rect(260, 325, 70, 28, fill=1)
    pdf.roundRect(325, 330, 95, 14, 6, fill=1)
    pdf.setFillColorRGB(1, 1, 1)
    pdf.roundRect(268, 232, 54, 46, 8, fill=1)
    for i in range(3):
        pdf.circle(240 + 55 * i, 415, 11, fill=1)


def report(path: Path, charts: Path) -> None:
    """Three pages with two charts: electricity in a small country."""
    pdf = _page(path, "Energy report")
    _text(pdf, 60, TALL - 90, ["Where our electricity comes from"], 22, "Times-Bold")
    y = _text(
        pdf,
        60,
        TALL - 130,
        (
            "In six years coal fell from 42 to 14 terawatt hours, while wind grew from 9 to 41. Solar power",
            "was an afterthought in 2018 and is now the third largest source. Nuclear output declines slowly",
            "as the two oldest reactors are taken off the grid.",
        ),
        12,
        "Times-Roman",
    )
    pdf.drawImage(str(charts / "energy_mix.png"), 60, y - 310, 470, 287)
    _text(pdf, 60, y - 330, ["Figure 1. Generation by source, 2018 to 2023."], 10, "Times-Italic")
    pdf.showPage()
    _text(pdf, 60, TALL - 90, ["Storage"], 18, "Times-Bold")
    _text(
        pdf,
        60,
        TALL - 125,
        (
            "Wind and sun need storage. Pumped hydro holds eight hours of average demand; batteries, though",
            "their number doubles every year, hold twenty minutes. The cheapest storage is a flexible customer:",
            "cold stores, water works and charging cars can wait until the wind picks up.",
            "",
            "We recommend hourly prices for all meters by 2026.",
        ),
        12,
        "Times-Roman",
    )
    pdf.showPage()
    _text(pdf, 60, TALL - 90, ["Weather and demand"], 18, "Times-Bold")
    y = _text(
        pdf,
        60,
        TALL - 125,
        (
            "Demand follows the temperature. Each degree below twelve costs 310 megawatts of heating; each degree",
            "above twenty-four costs 120 megawatts of cooling.",
        ),
        12,
        "Times-Roman",
    )
    pdf.drawImage(str(charts / "plot_temperature.png"), 60, y - 300, 450, 281)
    pdf.save()


def menu(path: Path) -> None:
    """One page: the menu of a restaurant."""
    pdf = _page(path, "Menu")
    pdf.setFillColorRGB(0.98, 0.95, 0.88)
    pdf.rect(0, 0, WIDE, TALL, stroke=0, fill=1)
    pdf.setFillColorRGB(0.35, 0.1, 0.1)
    pdf.setFont("Times-BoldItalic", 34)
    pdf.drawCentredString(WIDE / 2, TALL - 110, "The Copper Pot")
    rows = (
        "Starters",
        "Tomato soup with basil  6",
        "Beetroot and goat cheese  8",
        "",
        "Mains",
        "Pizza with salami and olives  12",
        "Grilled sardines, lemon potatoes  15",
        "Mushroom risotto  14",
        "",
        "Desserts",
        "Apple cake with cream  6",
        "Chocolate mousse  7",
    )
    for i, row in enumerate(rows):
        pdf.setFont("Times-Bold" if i in (0, 4, 9) else "Times-Roman", 20 if i in (0, 4, 9) else 15)
        pdf.drawCentredString(WIDE / 2, TALL - 190 - 36 * i, row)
    pdf.save()


def lease(path: Path) -> None:
    """Two pages: a rental contract."""
    pdf = _page(path, "Rental agreement")
    _text(pdf, 60, TALL - 90, ["Rental agreement"], 22, "Times-Bold")
    _text(
        pdf,
        60,
        TALL - 135,
        (
            "1. The flat. The landlord lets to the tenant the flat on the second floor left, with three rooms, kitchen,",
            "bath and a cellar. Two keys are handed over.",
            "",
            "2. Rent. The rent is 940 a month, payable by the third working day. Heating and water are charged",
            "separately once a year by meter.",
            "",
            "3. Deposit. The tenant pays a deposit of two months' rent. It is returned within six weeks after the",
            "end of the tenancy, less the cost of damage.",
        ),
        11.5,
        "Times-Roman",
    )
    pdf.showPage()
    _text(
        pdf,
        60,
        TALL - 90,
        (
            "4. Notice. Either side may end the agreement in writing with three months' notice to the end of a month.",
            "",
            "5. Pets. Cats and small animals need no permission. A dog needs the consent of the landlord, which",
            "may be refused only for good reason.",
            "",
            "6. House rules. Bicycles belong in the yard, not in the stairwell. Music ends at ten in the evening.",
        ),
        11.5,
        "Times-Roman",
    )
    pdf.save()


LETTER = (
    ("Harbour Town, 2 November 1987", "", "Dear friends,", "", "the lighthouse has been repaired at last. For three weeks the mason", "hung on ropes under the gallery and filled the cracks with lime,", "and on Thursday the lamp was lit again for the first time since", "the storm in January. The whole town stood on the pier.", "", "The new lens came by ship in eleven boxes. It weighs as much as a", "cow, floats on a ring of mercury, and a child can turn it with one", "finger. On a clear night the light is seen for twenty miles."),
    ("Not everybody is pleased. The fishermen say that the herring shy", "from the beam, and the baker, whose bedroom looks north, has bought", "shutters. But when the fog came on Sunday and the horn answered the", "ferry, even he went out to listen.", "", "Come and visit us in spring, when the boats are painted. The room", "under the roof is yours, and you can see the lamp from the bed.", "", "With warm greetings,", "the keeper's family"),
)  # fmt: skip


def scan(path: Path) -> None:
    """Two pages that are only pictures of typed text: slightly turned, grey and noisy."""
    sheets = []
    for number, rows in enumerate(LETTER):
        board = Board(1000, 1414, "#f4efe2")
        board.lines(120, 200, rows, 20, 1.9, "#2a2622", mono=True)
        if number:
            board.poly(
                [(120, 640), (160, 600), (190, 650), (230, 610), (300, 640), (380, 615)],
                "#1f2f66",
                3,
                close=False,
                smooth=True,
            )
        board.circle(60, 500, 17, "#9a9388")
        board.circle(60, 914, 17, "#9a9388")
        image = (
            Image.fromarray(board.sheet())
            .rotate((-1.4, 0.9)[number], Image.Resampling.BICUBIC, fillcolor=(190, 186, 176))
            .filter(ImageFilter.GaussianBlur(0.7))
        )
        noise = np.random.default_rng(number).normal(0, 7, (1414, 1000))
        grey = (
            np.asarray(image.convert("L"), np.float32) * (0.88 + 0.15 * clouds(1000, 1414, 260, number + 3, 3)) + noise
        )
        sheets.append(Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)))
    sheets[0].save(path, save_all=True, append_images=sheets[1:], resolution=120, quality=60)


def make(folder: Path, charts: Path) -> None:
    """Write every document into `folder`; the report shows pictures from `charts`."""
    folder.mkdir(parents=True, exist_ok=True)
    invoice(folder / "inv_0187.pdf")
    manual(folder / "E20_en.pdf")
    report(folder / "energy_report.pdf", charts)
    menu(folder / "menu.pdf")
    lease(folder / "contract_2nd_floor.pdf")
    scan(folder / "scan_0003.pdf")
