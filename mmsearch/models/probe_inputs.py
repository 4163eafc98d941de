"""Inputs drawn in code on which two ways of computing with one model are compared.

They are many things at once, because models have values for some inputs that they never have for others. Knows
nothing about models.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from PIL import Image, ImageDraw

from mmsearch.types import Content, Kind, Picture

SIDE = 224
"""Pixels along an edge: what most models of pictures see. Those that see more or less scale it."""
TEXTS = (
    "cat",
    "a red car in front of the house by the sea, photographed at sunset from a moving train",
    "Invoice no. 2024-117: 3 × 49,90 € = 149,70 €, payable within 14 days to the account stated below.",
    "def area(radius):\n    return 3.14159 * radius ** 2",
)


def contents(kinds: Collection[Kind]) -> list[list[Content]]:
    """Probes of those of the kinds that there are any of, each kind in a list of its own."""
    drawn: list[list[Content]] = []
    if "image" in kinds:
        drawn.append([_smooth(1), _noise(2), _drawing(), _page()])
    if "text" in kinds:
        drawn.append(list(TEXTS))
    return drawn


def _smooth(seed: int) -> Picture:
    """Soft blobs of colour, as in photos of landscapes."""
    tiles = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return np.array(Image.fromarray(tiles).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _noise(seed: int) -> Picture:
    """Detail at every scale, as in foliage or gravel."""
    random = np.random.default_rng(seed)
    layers = [random.integers(0, 256, (edge, edge, 3), dtype=np.uint8) for edge in (7, 28, SIDE)]
    whole = [np.asarray(Image.fromarray(layer).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for layer in layers]
    picture: Picture = np.mean(whole, axis=0).astype(np.uint8)
    return picture


def _drawing() -> Picture:
    """Plain shapes on a plain ground, as in icons and charts."""
    image = Image.new("RGB", (SIDE, SIDE), (30, 90, 180))
    pen = ImageDraw.Draw(image)
    pen.ellipse((30, 40, 120, 130), fill=(250, 210, 40))
    pen.rectangle((110, 120, 210, 200), fill=(190, 30, 40))
    pen.polygon([(20, 210), (70, 140), (120, 210)], fill=(20, 120, 50))
    return np.array(image)


def _page() -> Picture:
    """Dark lines on white, as in scanned pages and screenshots."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(image)
    for line, text in enumerate("\n".join(TEXTS).splitlines() * 4):
        pen.text((8, 6 + 13 * line), text, fill=(20, 20, 20))
    return np.array(image)
