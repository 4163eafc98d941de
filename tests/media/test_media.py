"""The public face: from a path to a kind, from a stream to a picture."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from mmsearch import media
from mmsearch.errors import MediaError, UnsupportedMedia
from mmsearch.types import LoaderSettings

SETTINGS = LoaderSettings(image_side=8)


def png(size: tuple[int, int] = (16, 4)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, "PNG")
    return buffer.getvalue()


def test_kind_of_a_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "really a picture.txt"
    path.write_bytes(png())
    assert media.identify(str(path)) == media.KINDS["image"]


@pytest.mark.parametrize("name", ["gone", "."])
def test_unreadable_file_says_so_in_a_way_the_index_can_tell(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError) as caught:
        media.identify(str(tmp_path / name))
    assert str(caught.value).startswith(media.UNREADABLE)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_forbidden_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("x")
    path.chmod(0)
    with pytest.raises(MediaError, match="Permission denied"):
        media.identify(str(path))


def test_query_picture_comes_from_a_file_or_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(png())
    for source in (str(path), io.BytesIO(png())):
        picture = media.load_picture(source, SETTINGS)
        assert picture.shape == (2, 8, 3)
        assert picture[0, 0].tolist() == [255, 0, 0]


def test_stream_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    media.load_picture(io.BytesIO(png()), SETTINGS)
    with pytest.raises(MediaError):
        media.load_picture(io.BytesIO(png()[:40]), SETTINGS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (b"a note", MediaError, "not a picture but text"),
        (b"", MediaError, "empty file"),
        (b"\x7fELF\2\1\1\0", UnsupportedMedia, "a program"),
    ],
)
def test_query_that_is_no_picture_says_what_it_is(data: bytes, error: type[MediaError], reason: str) -> None:
    with pytest.raises(error, match=reason):
        media.load_picture(io.BytesIO(data), SETTINGS)
