"""What a part of a file looks like, small, without reading more of the file than that takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmsearch import media
from mmsearch.errors import MediaError
from mmsearch.media import encode_image
from mmsearch.types import WHOLE, Box, Item, LoaderSettings, Modality, Span
from tests.media.make_av import shots, tone, write_video
from tests.media.make_pdf import pdf

SETTINGS = LoaderSettings(image_side=40, page_side=40)
RED, GREEN, BLUE = (200, 30, 30), (30, 180, 40), (30, 40, 200)


def item(path: Path, modality: Modality, span: Span = WHOLE, ordinal: int = 0, partition: str = "") -> Item:
    return Item(str(path), "", modality, partition or modality, ordinal, span)  # type: ignore[arg-type]


def test_of_a_picture_it_is_a_small_one(tmp_path: Path) -> None:
    Image.new("RGB", (800, 400), "red").save(tmp_path / "a.jpg")
    assert media.preview(item(tmp_path / "a.jpg", "image"), SETTINGS).shape == (20, 40, 3)


def test_a_part_of_a_picture_is_seen_alone(tmp_path: Path) -> None:
    sheet = Image.new("RGB", (300, 100), "white")
    sheet.paste("red", (200, 0, 300, 100))
    sheet.save(tmp_path / "a.png")
    seen = media.preview(item(tmp_path / "a.png", "image", Span.of_box(Box(200, 0, 100, 100)), ordinal=3), SETTINGS)
    assert seen.shape[0] == seen.shape[1]
    assert seen[seen.shape[0] // 2, 2].tolist() == [255, 0, 0]


def test_of_an_animation_it_is_the_moment_that_was_found(tmp_path: Path) -> None:
    moments = [Image.new("RGB", (30, 30), colour) for colour in ("red", "lime", "blue")]
    moments[0].save(tmp_path / "a.gif", save_all=True, append_images=moments[1:], duration=100)
    seen = media.preview(item(tmp_path / "a.gif", "image", Span("second", 0.1, 0.2), ordinal=1), SETTINGS)
    assert seen[15, 15].tolist() == [0, 255, 0]


@pytest.mark.parametrize(("partition", "ordinal"), [("document", 1), ("text", 7)])
def test_of_a_page_and_of_its_text_it_is_the_page(partition: str, ordinal: int, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["written", "", "written"], size=(200, 100)))
    seen = media.preview(item(tmp_path / "a.pdf", "document", Span("page", 2, 2), ordinal, partition), SETTINGS)
    assert seen.shape == (20, 40, 3)
    assert seen[18, 2].tolist() == [0, 0, 0], "the page with a box in its lower left quarter"


@pytest.mark.parametrize("keyframe_every", [12, 1000])
@pytest.mark.parametrize(("start", "end", "colour"), [(0, 3, RED), (3, 6, GREEN), (6, 9, BLUE), (2.9, 3.4, None)])
def test_of_a_video_it_is_a_frame_of_the_stretch(
    start: float, end: float, colour: tuple[int, int, int] | None, keyframe_every: int, tmp_path: Path
) -> None:
    frames = shots([RED, GREEN, BLUE], 3)
    path = write_video(tmp_path / "a.mp4", frames, "libx264", keyframe_every=keyframe_every, sound=tone(9))
    for partition in ("video", "audio"):
        seen = media.preview(item(path, "video", Span("second", start, end), 0, partition), SETTINGS)
        assert seen.shape == (27, 40, 3)
        assert colour is None or np.abs(seen[2, 2].astype(int) - colour).max() < 25


def test_beyond_the_end_of_a_video_it_is_the_last_frame_or_an_error(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", shots([RED], 1))
    assert media.preview(item(path, "video", Span("second", 50, 60)), SETTINGS).shape == (27, 40, 3)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MediaError):
        media.preview(item(path, "video", Span("second", 0, 1)), SETTINGS)


def test_what_has_no_looks_is_an_error(tmp_path: Path) -> None:
    for modality in ("text", "audio"):
        one = item(tmp_path / "a", modality)  # type: ignore[arg-type]
        assert not media.preview_kind(one)
        with pytest.raises(MediaError, match="nothing to look at"):
            media.preview(one, SETTINGS)


def test_a_part_that_is_gone_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["one"]))
    for one in (item(tmp_path / "a.pdf", "document", Span("page", 2, 2)), item(tmp_path / "no.png", "image")):
        with pytest.raises(MediaError):
            media.preview(one, SETTINGS)


def test_few_colours_are_kept_as_they_are() -> None:
    picture = np.zeros((10, 12, 3), np.uint8)
    picture[:, 6:] = (255, 10, 0)
    pixels, colours = encode_image.quantize(picture, 16)
    assert pixels.shape == (10, 12) and len(colours) <= 16
    assert (colours[pixels] == picture).all()
