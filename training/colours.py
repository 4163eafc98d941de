"""Measures the plain colour of a photographed thing from its pixels.

So that "red car" can be learned from pictures labelled "car".

Says nothing unless one colour holds the middle of the picture and not its border.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NAMES = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray")
_LEAST_IN_MIDDLE, _MOST_ON_BORDER = 0.5, 0.2


def classify(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Pixels `(h, w, 3)` to indices into `NAMES`, `(h, w)`."""
    hsv = np.asarray(Image.fromarray(pixels).convert("HSV")).astype(np.int64)
    hue, saturation, value = hsv[..., 0] * 360 // 255, hsv[..., 1], hsv[..., 2]
    named = np.select(
        [hue < 15, hue < 40, hue < 68, hue < 165, hue < 255, hue < 290, hue < 335],
        [NAMES.index(n) for n in ("red", "orange", "yellow", "green", "blue", "purple", "pink")],
        NAMES.index("red"),
    )
    named = np.where((hue < 45) & (value < 150), NAMES.index("brown"), named)
    named = np.where(((hue < 15) | (hue > 335)) & (saturation < 130) & (value > 170), NAMES.index("pink"), named)
    grey = np.where(value > 205, NAMES.index("white"), NAMES.index("gray"))
    named = np.where(saturation < 50, grey, named)
    return np.where(value < 75, NAMES.index("black"), named)


def plain_colour(pixels: NDArray[np.uint8]) -> str | None:
    """The colour of the thing in the middle of `(h, w, 3)`, or None where there is no single one."""
    named = classify(pixels)
    h, w = named.shape
    middle = np.bincount(named[h // 4 : -h // 4, w // 4 : -w // 4].ravel(), minlength=len(NAMES))
    edge = np.concatenate([named[: h // 8].ravel(), named[-h // 8 :].ravel(), named[:, : w // 8].ravel()])
    top = int(middle.argmax())
    border = np.bincount(edge, minlength=len(NAMES))[top] / edge.size
    if middle[top] < _LEAST_IN_MIDDLE * middle.sum() or border > _MOST_ON_BORDER:
        return None
    return NAMES[top]
