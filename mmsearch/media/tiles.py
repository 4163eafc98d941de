"""Which parts of a picture deserve a look of their own: the panels of a grid, the stretches of a long strip.

A grid is cut along lines of its paper's colour that cross it from side to side, and its parts again (the recursive
XY-cut of page analysis). What is left counts as a panel where it fills its rectangle, as photographs and frames do
and text does not; so pages, slides and ordinary photographs stay whole. Knows pixels; no files, formats or models.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmsearch.types import Box, Picture

LONG = 2.5
"""Sides in this ratio make a strip: longer than any screen, page or film frame."""
MOST_STRETCHES = 16
"""Of a longer strip each stretch is longer instead."""
OVERLAP = 0.25
"""Share of a stretch that the next one repeats, so that an object on a cut is whole in one of them."""
_SQUARISH = 1.4
"""Longer side of a panel of a strip, as a share of the strip's shorter one; longer ones are cut into stretches."""
MOST_PANELS = 36
"""A film's contact sheet; of a finer grid its rows or blocks are the panels."""
LEAST_PANEL = 1 / 14
"""Shorter side of a panel, as a share of the picture's longer one; of a strip, of as much of it as would be none."""
LEAST_COVER = 0.3
"""Share of the picture that panels must fill together: a page with a picture or two is no grid."""

_DETAIL = 512
"""Side in pixels of a reduced picture; it shows gutters of a third of a percent."""
_LEAST = 32
"""With fewer pixels in a line it may be of one colour by chance."""
_CALM = 6.0
"""Standard deviation of grey along a line that is of one colour, apart from JPEG noise."""
_TOLERANCE = 24
"""Difference in a channel from which a pixel is not of the paper's colour."""
_EXACT, _PLAIN = 10, 0.7
"""The share of the paper's pixels that must be within this difference; in a band of a gradient it is 10 in 24."""
_SHARP = 65536
"""Below so many pixels, gutters may be blurred away entirely."""
_SAMPLE = 16
"""About so many lines are sampled for the colour of the paper."""
_STRAY = 0.002
"""Share of a line's pixels that may differ from the paper."""
_FILLED, _TOUCHED = 0.75, 0.3
"""Share of a panel's four edges that is not paper, on the whole and of each. Of lines of text it is half or less."""
_EDGE = 0.02
"""How deep an edge is, as a share of the panel."""
_DEPTHS = (6, 5, 4, 3, 2, 1)

_Grey = npt.NDArray[np.float32]
_Mask = npt.NDArray[np.float32]
_Pixel = TypeVar("_Pixel", np.float32, np.uint8, np.bool_)


def boxes(picture: Picture) -> list[Box]:
    """Parts of a picture, in its pixels: panels, and of a strip the stretches that are not mostly panels.

    At most `MOST_PANELS` and `MOST_STRETCHES` of them, each in reading order; none of an ordinary picture.
    """
    panel_boxes = panels(picture)
    if not elongated(picture.shape[1], picture.shape[0]):
        return panel_boxes
    max_side = _SQUARISH * min(picture.shape[:2])
    panel_boxes = [box for box in panel_boxes if max(box.width, box.height) <= max_side]
    return panel_boxes + [
        stretch
        for stretch in stretches(picture)
        if 2 * sum(_shared(stretch, box) for box in panel_boxes) < _area(stretch)
    ]


def _area(box: Box) -> int:
    return box.width * box.height


def _shared(box: Box, other: Box) -> int:
    """Pixels that lie in both."""
    across = min(box.x + box.width, other.x + other.width) - max(box.x, other.x)
    down = min(box.y + box.height, other.y + other.height) - max(box.y, other.y)
    return max(0, across) * max(0, down)


def elongated(width: int, height: int) -> bool:
    """Whether a picture is a strip."""
    return max(width, height) >= LONG * min(width, height)


def panels(picture: Picture) -> list[Box]:
    """The panels of a grid, at most `MOST_PANELS`; none where there are fewer than two or they fill too little."""
    small, factor = _reduced(picture)
    paper = _paper(small) if min(small.shape[:2]) >= _LEAST else None
    if paper is None:
        return []
    ink = _ink(small, paper)
    min_side = max(2, round(LEAST_PANEL * min(max(ink.shape), LONG * min(ink.shape))))
    blocks: list[Box] = []
    for depth in _DEPTHS:
        blocks = list(_blocks(ink, Box(0, 0, *ink.shape[::-1]), min_side, depth))
        if len(blocks) <= MOST_PANELS:
            break
    filled = [box for box in blocks if _is_filled(box, ink, small)]
    covered = sum(map(_area, filled))
    is_no_grid = not 2 <= len(filled) <= MOST_PANELS or covered < LEAST_COVER * ink.size
    if is_no_grid or not _is_plain(small, paper, ink, filled):
        return []
    # Night on black paper and snow on white do not reach their edges, but are as large as the others.
    high, wide = (median(getattr(box, side) for box in filled) for side in ("height", "width"))
    panel_boxes = [box for box in blocks if box in filled or (2 * box.height >= high and 2 * box.width >= wide)]
    return [_enlarged(box, factor, picture) for box in panel_boxes][:MOST_PANELS]


def stretches(picture: Picture) -> list[Box]:
    """Overlapping stretches of a strip, at most `MOST_STRETCHES`, about square and cut at calm rows.

    Together they cover the strip except for blank stretches; empty if the picture is no strip, or all blank.
    """
    height, width = picture.shape[:2]
    if not elongated(width, height):
        return []
    small, factor = _reduced(picture)
    is_tall = height > width
    grey = small.astype(np.float32).mean(axis=2) if is_tall else small.astype(np.float32).mean(axis=2).T
    parts = [part for part in _stretches(grey) if grey[slice(*part)].std() >= _CALM]
    stretch_boxes = (Box(0, a, grey.shape[1], b - a) if is_tall else Box(a, 0, b - a, grey.shape[1]) for a, b in parts)
    return [_enlarged(box, factor, picture) for box in stretch_boxes]


def _reduced(picture: Picture) -> tuple[Picture, int]:
    """The picture with squares of pixels averaged, at no less than `_DETAIL`, and the side of such a square."""
    height, width = picture.shape[:2]
    factor = min(int(math.sqrt(width * height) / _DETAIL), width, height)
    if factor < 2:
        return picture, 1
    return np.asarray(Image.fromarray(picture).reduce(factor)), factor


def _enlarged(box: Box, factor: int, picture: Picture) -> Box:
    """A box of the reduced picture in pixels of the whole one."""
    height, width = picture.shape[:2]
    left, top = box.x * factor, box.y * factor
    right, bottom = min(width, left + box.width * factor), min(height, top + box.height * factor)
    return Box(left, top, right - left, bottom - top)


# --- grids ---


def _paper(small: Picture) -> list[int] | None:
    """The colour of lines that cross the picture between others; None where there is no such line."""
    green = small[:, :, 1].astype(np.float32)  # close to perceived grey, at a third of the work
    for lines, pixels in ((small, green), (small.swapaxes(0, 1), green.T)):
        # Products with a vector are several times faster than `std`, and every photograph comes this far.
        shares = np.full(pixels.shape[1], 1 / pixels.shape[1], np.float32)
        calm = (pixels * pixels) @ shares - (pixels @ shares) ** 2 < _CALM**2
        busy = np.flatnonzero(~calm)
        if len(busy) and (between := calm[busy[0] : busy[-1]]).any():
            sampled = (np.flatnonzero(between) + busy[0])[:: 1 + int(between.sum()) // _SAMPLE]
            return [int(np.median(lines[sampled, :, channel])) for channel in range(3)]
    return None


def _ink(small: Picture, paper: list[int], tolerance: int = _TOLERANCE) -> _Mask:
    """Float32 `(h, w)`, 1 where a pixel is not of the paper's colour and 0 where it is."""
    differs = np.zeros(small.shape[:2], np.bool_)
    for channel, shade in enumerate(paper):
        low, high = max(0, shade - tolerance), min(255, shade + tolerance)
        differs |= (small[:, :, channel] < low) | (small[:, :, channel] > high)
    return differs.astype(np.float32)


def _blocks(ink: _Mask, box: Box, min_side: int, depth: int) -> Iterator[Box]:
    """The rest of a part after cutting off its margins and gutters, recursively at most `depth` times."""
    if min(box.width, box.height) < min_side:
        return
    for rows in (True, False):
        runs = _runs(_part(ink, box), rows)
        if len(runs) > 1 and depth:
            for run in runs:
                yield from _blocks(ink, _between(box, run, rows), min_side, depth - 1)
            return
        box = _between(box, (runs[0][0], runs[-1][1]) if runs else (0, 0), rows)
    if min(box.width, box.height) >= min_side:
        yield box


def _between(box: Box, run: tuple[int, int], rows: bool) -> Box:
    """Some rows, or columns, of a box."""
    first, last = run
    if rows:
        return Box(box.x, box.y + first, box.width, last - first)
    return Box(box.x + first, box.y, last - first, box.height)


def _runs(ink: _Mask, rows: bool) -> list[tuple[int, int]]:
    """First and one past the last of each run of rows, or columns, that are not paper."""
    lines = ink if rows else ink.T
    busy = lines @ np.ones(lines.shape[1], np.float32) > _STRAY * lines.shape[1]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], busy, [False])).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _part(array: npt.NDArray[_Pixel], box: Box) -> npt.NDArray[_Pixel]:
    return array[box.y : box.y + box.height, box.x : box.x + box.width]


def _is_filled(box: Box, ink: _Mask, small: Picture) -> bool:
    """Whether something fills the box up to its edges, and is not all of one colour."""
    inside = _part(ink, box)
    if not inside.size:
        return False
    deep, wide = (max(2, round(_EDGE * side)) for side in inside.shape)
    edges = (inside[:deep].any(0), inside[-deep:].any(0), inside[:, :wide].any(1), inside[:, -wide:].any(1))
    shares = [float(edge.mean()) for edge in edges]
    filled = sum(shares) >= 4 * _FILLED and min(shares) >= _TOUCHED
    return filled and float(_part(small[:, :, 1], box).std()) >= _CALM


def _is_plain(small: Picture, paper: list[int], ink: _Mask, panel_boxes: list[Box]) -> bool:
    """Whether the area between panels is of one colour, and no band of a gradient such as a sky's.

    True for a picture so small that panels blur into the paper.
    """
    if ink.size < _SHARP:
        return True
    between = ink == 0
    for box in panel_boxes:
        _part(between, box)[:] = False
    exact = _ink(small, paper, _EXACT) == 0
    return bool((exact & between).sum() >= _PLAIN * between.sum())


# --- strips ---


def _stretches(grey: _Grey) -> Iterator[tuple[int, int]]:
    """First and one past the last row of each stretch of a tall picture."""
    long, short = grey.shape
    count = min(MOST_STRETCHES, math.ceil((long - short) / (short * (1 - OVERLAP))) + 1)
    length = long / (count - (count - 1) * OVERLAP)
    roughness = np.abs(np.diff(grey, axis=1)).mean(axis=1) if short > 1 else np.zeros(long, np.float32)
    slack = int(0.4 * OVERLAP * length)
    for number in range(count):
        start = number * length * (1 - OVERLAP)
        first = 0 if number == 0 else _calmest(roughness, round(start), slack)
        last = long if number == count - 1 else _calmest(roughness, round(start + length), slack)
        yield first, last


def _calmest(roughness: _Grey, row: int, slack: int) -> int:
    """The row with the least detail within `slack` of one; of equal ones the nearest."""
    first = max(0, row - slack)
    window = roughness[first : row + slack + 1]
    away = np.abs(np.arange(first, first + len(window)) - row)
    return first + int(np.lexsort((away, window))[0])
