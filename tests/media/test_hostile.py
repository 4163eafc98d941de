"""Damaged files of every kind: a segment or a reason in one line, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mmsearch import media
from mmsearch.errors import MediaError
from mmsearch.types import LoaderSettings
from tests.media.make_pdf import LOCKED, pdf

SETTINGS = LoaderSettings(image_side=64, page_side=64)


def _pictures() -> dict[str, bytes]:
    ramp = Image.fromarray(np.arange(40 * 30 * 3, dtype=np.uint32).astype(np.uint8).reshape(30, 40, 3))
    found = {}
    for name in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM", "TGA", "ICO", "QOI", "PCX"):
        buffer = io.BytesIO()
        several = (
            {"save_all": True, "append_images": [ramp.rotate(90)]} if name in ("GIF", "PNG", "WEBP", "TIFF") else {}
        )
        ramp.save(buffer, name, **several)
        found[name] = buffer.getvalue()
    return found


GOOD = _pictures() | {
    "PDF": pdf(["hello", "", "world"]),
    "LOCKED": pdf(["hello"], encrypt=LOCKED),
    "SVG": b"<svg><title>x</title><text>a&amp;b</text></svg>",
}
CHANGES = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=6)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", GOOD)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(changes=CHANGES, share=st.one_of(st.just(1.0), st.floats(0.01, 1)))
def test_damaged_file_gives_segments_or_a_reason(
    tmp_path: Path, name: str, changes: list[tuple[int, int]], share: float
) -> None:
    data = bytearray(GOOD[name])
    for place, value in changes:
        data[place % min(len(data), 300)] = value
    path = tmp_path / f"x.{name.lower()}"
    path.write_bytes(data[: max(1, int(len(data) * share))])
    try:
        kind = media.kind_of(str(path), path.read_bytes()[: media.HEAD_BYTES])
        for part in media.load(str(path), "digest", kind, SETTINGS).segments:
            assert not isinstance(part.content, np.ndarray) or part.content.shape[2] == 3
    except MediaError as error:
        assert 0 < len(str(error)) < 300
        assert "\n" not in str(error)
        assert " object at 0x" not in str(error)
