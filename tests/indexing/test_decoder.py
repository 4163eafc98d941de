"""What is read in the process that holds the index, and what only by a worker."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from mmsearch import scan
from mmsearch.indexing.decode import DecodeRequest
from mmsearch.indexing.decoder import is_gentle


def jpeg(width: int, height: int, progressive: bool = False) -> bytes:
    """A small picture that says that it has these sides."""
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "JPEG", progressive=progressive)
    data = bytearray(out.getvalue())
    at = data.find(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def gentle(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    entry = scan.entry(str(path))
    assert isinstance(entry, scan.Entry)
    return is_gentle(DecodeRequest(entry, "digest", "image"))


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_read_here_by_the_pixels_it_claims(tmp_path: Path, progressive: bool) -> None:
    assert gentle(tmp_path / "a.jpg", jpeg(4000, 3000, progressive))
    assert not gentle(tmp_path / "b.jpg", jpeg(15_900, 15_900, progressive))


def test_a_jpeg_that_does_not_say_its_size_at_once_is_left_to_a_worker(tmp_path: Path) -> None:
    data = jpeg(16, 16)
    notes = b"\xff\xe1" + struct.pack(">H", 20_002) + bytes(20_000)
    assert not gentle(tmp_path / "a.jpg", data[:2] + notes + data[2:])
    assert not gentle(tmp_path / "b.jpg", data[:30])
