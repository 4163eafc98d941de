"""A decoded picture as a small JPEG, for whoever is to look at it. Knows no files."""

from __future__ import annotations

import io

from PIL import Image

from mmsearch.core import Picture

QUALITY = 85


def jpeg(picture: Picture, side: int) -> bytes:
    """The bytes of a JPEG of a uint8 `(h, w, 3)` picture whose longer side is at most `side` pixels."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
