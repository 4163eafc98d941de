"""Pictures: every mode to upright RGB on white, animations by moments, bombs and torn files refused."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image, ImageOps

from mmsearch import media
from mmsearch.errors import MediaError
from mmsearch.media import image as loader
from mmsearch.types import WHOLE, FileMetadata, LoaderSettings, ResizeRule, Segment

IMAGE = media.KINDS["image"]
SETTINGS = LoaderSettings()


def encoded(picture: Image.Image, format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_name, **options)
    return buffer.getvalue()


def load(folder: Path, data: bytes, settings: LoaderSettings = SETTINGS) -> tuple[FileMetadata, list[Segment]]:
    path = folder / "picture"
    path.write_bytes(data)
    loaded = media.load(str(path), "digest", media.kind_of(str(path), data[: media.HEAD_BYTES]), settings)
    return loaded.facts, list(loaded.segments)


def pixels(folder: Path, data: bytes, settings: LoaderSettings = SETTINGS) -> npt.NDArray[np.uint8]:
    _, (part,) = load(folder, data, settings)
    assert isinstance(part.content, np.ndarray)
    assert part.content.dtype == np.uint8
    assert part.content.ndim == 3
    assert part.content.shape[2] == 3
    assert part.content.flags.c_contiguous
    assert part.item.span == WHOLE
    return part.content


def quarters() -> Image.Image:
    """48 × 32: red, green above blue, white, so that every turn of it looks different."""
    picture = Image.new("RGB", (48, 32), "white")
    picture.paste("red", (0, 0, 24, 16))
    picture.paste("lime", (24, 0, 48, 16))
    picture.paste("blue", (0, 16, 24, 32))
    return picture


@pytest.mark.parametrize("format_name", ["PNG", "BMP", "TIFF", "PPM", "TGA", "PCX", "QOI", "ICO", "DDS", "SGI", "IM"])
def test_lossless_formats_keep_every_pixel(tmp_path: Path, format_name: str) -> None:
    picture = quarters().crop((0, 0, 32, 32))
    path = tmp_path / f"picture.{format_name.lower()}"
    data = encoded(picture, format_name)
    path.write_bytes(data)
    kind = media.kind_of(str(path), data[: media.HEAD_BYTES])
    (part,) = media.load(str(path), "digest", kind, SETTINGS).segments
    assert np.array_equal(part.content, np.asarray(picture))  # type: ignore[arg-type]


@pytest.mark.parametrize("format_name", ["JPEG", "WEBP", "AVIF", "JPEG2000", "MPO"])
def test_lossy_formats_keep_the_picture(tmp_path: Path, format_name: str) -> None:
    found = pixels(tmp_path, encoded(quarters(), format_name)).astype(int)
    assert np.abs(found[8, 12] - (255, 0, 0)).max() < 40
    assert np.abs(found[24, 36] - (255, 255, 255)).max() < 40


def test_heic_is_read_with_its_extra(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    heif.from_pillow(quarters()).save(buffer, quality=95)
    found = pixels(tmp_path, buffer.getvalue()).astype(int)
    assert np.abs(found[8, 12] - (255, 0, 0)).max() < 40


def test_heic_without_its_extra_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    with pytest.raises(MediaError, match=r'pip install "mmsearch\[heic\]"'):
        load(tmp_path, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))


def test_one_pixel_is_a_picture(tmp_path: Path) -> None:
    data = encoded(Image.new("RGB", (1, 1), (9, 8, 7)), "PNG")
    assert pixels(tmp_path, data, LoaderSettings(image_side=224)).tolist() == [[[9, 8, 7]]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("side", [None, 24])
def test_picture_is_turned_upright(tmp_path: Path, orientation: int, format_name: str, side: int | None) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"quality": 100, "subsampling": 0} if format_name == "JPEG" else {}
    data = encoded(quarters(), format_name, exif=exif, **options)
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    facts, (part,) = load(tmp_path, data, LoaderSettings(image_side=side))
    assert (facts.width, facts.height) == turned.size == ((48, 32) if orientation < 5 else (32, 48))
    scale = 48 // (side or 48)
    expected = np.asarray(turned.resize((turned.width // scale, turned.height // scale), Image.Resampling.NEAREST))
    assert np.array_equal(np.asarray(part.content) > 127, expected > 127)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_does_not_lose_the_picture(tmp_path: Path) -> None:
    data = encoded(quarters(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    assert pixels(tmp_path, data).shape == (32, 48, 3)


def test_moment_of_exposure_is_iso_8601(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2021:08:09 10:11:12"
    assert load(tmp_path, encoded(quarters(), "JPEG", exif=exif))[0].taken == "2021-08-09T10:11:12"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "0000:00:00 00:00:00"
    assert load(tmp_path, encoded(quarters(), "JPEG", exif=exif))[0].taken is None


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_becomes_white(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGBA", (4, 2), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 2, 2))
    found = pixels(tmp_path, encoded(picture.convert(mode), "PNG"))
    assert found[0, 0].tolist() == [0, 0, 0]
    assert found[0, 3].tolist() == [255, 255, 255]


def test_reduced_transparency_leaves_no_fringe(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 31, 64))
    found = pixels(tmp_path, encoded(picture, "PNG"), LoaderSettings(image_side=16))
    assert found[..., 0].min() >= 254


def test_transparent_colour_of_a_palette_becomes_white(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([200, 0, 0, 0, 0, 200])
    picture.putpixel((1, 0), 1)
    for options in ({"transparency": 0}, {"transparency": b"\x00\xff"}):
        found = pixels(tmp_path, encoded(picture, "PNG", **options))
        assert found.tolist() == [[[255, 255, 255], [0, 0, 200]]]


def test_half_transparent_red_is_pink(tmp_path: Path) -> None:
    found = pixels(tmp_path, encoded(Image.new("RGBA", (1, 1), (255, 0, 0, 128)), "PNG"))
    assert found.tolist() == [[[255, 127, 127]]]


@pytest.mark.parametrize("format_name", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(tmp_path: Path, format_name: str) -> None:
    found = pixels(tmp_path, encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), format_name)).astype(int)
    assert np.abs(found[8, 8] - (255, 0, 0)).max() < 8


def test_lab_becomes_rgb(tmp_path: Path) -> None:
    white = Image.new("LAB", (4, 4), (255, 128, 128))
    assert pixels(tmp_path, encoded(white, "TIFF")).min() > 240


def test_one_bit_picture_is_black_and_white(tmp_path: Path) -> None:
    picture = Image.new("1", (8, 8), 1)
    picture.putpixel((0, 0), 0)
    found = pixels(tmp_path, encoded(picture, "PNG"))
    assert found[0, 0].tolist() == [0, 0, 0]
    assert found[7, 7].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([[0, 32768, 65535]], np.uint16), [0, 128, 255]),
        (np.array([[0, 2048, 4095]], np.uint16), [0, 128, 255]),
        (np.array([[0, 100, 255]], np.uint16), [0, 100, 255]),
        (np.array([[-50, 0, 50]], np.int32), [0, 128, 255]),
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, 0.0, np.inf]], np.float32), [0, 0, 0]),
        (np.array([[0, 0, 0]], np.uint16), [0, 0, 0]),
    ],
    ids=["16 bits", "12 bits", "8 bits in 16", "signed", "float", "not numbers", "black"],
)
def test_deep_grey_keeps_its_tones(tmp_path: Path, samples: npt.NDArray[Any], expected: list[int]) -> None:
    found = pixels(tmp_path, encoded(Image.fromarray(samples), "TIFF"))
    assert found[0, :, 0].tolist() == expected
    assert (found[..., 0] == found[..., 2]).all()


def test_16_bit_colour_png_keeps_its_tones(tmp_path: Path) -> None:
    row = b"\0" + struct.pack(">6H", 65535, 0, 0, 0, 32768, 65535)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">2I5B", 2, 1, 16, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    assert pixels(tmp_path, data).tolist() == [[[255, 0, 0], [0, 128, 255]]]


@pytest.mark.parametrize(
    ("size", "expected"), [((400, 100), (25, 100)), ((100, 400), (100, 25)), ((3000, 1), (1, 100))]
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "I;16", "CMYK"])
def test_longer_side_is_reduced(tmp_path: Path, size: tuple[int, int], expected: tuple[int, int], mode: str) -> None:
    facts, (part,) = load(tmp_path, encoded(Image.new(mode, size), "TIFF"), LoaderSettings(image_side=100))
    assert np.asarray(part.content).shape[:2] == expected
    assert (facts.width, facts.height) == size


def test_small_pictures_are_not_enlarged(tmp_path: Path) -> None:
    assert pixels(tmp_path, encoded(quarters(), "PNG"), LoaderSettings(image_side=500)).shape == (32, 48, 3)


def test_reduced_jpeg_is_near_the_full_one(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 1600).astype(np.uint8)
    picture = Image.fromarray(np.stack([np.tile(ramp, (1200, 1))] * 3, axis=2))
    found = pixels(tmp_path, encoded(picture, "JPEG", quality=95), LoaderSettings(image_side=160))
    exact = np.asarray(picture.resize((160, 120), Image.Resampling.BICUBIC))
    assert np.abs(found.astype(int) - exact).max() <= 4


@pytest.mark.parametrize("format_name", ["GIF", "PNG", "WEBP", "AVIF"])
def test_animation_is_a_few_moments(tmp_path: Path, format_name: str) -> None:
    frames = [Image.new("RGB", (32, 16), (0, 0, 12 * number)) for number in range(20)]
    data = encoded(frames[0], format_name, save_all=True, append_images=frames[1:], duration=100)
    _, parts = load(tmp_path, data, LoaderSettings(animation_frames=4))
    spans = [(part.item.span.unit, part.item.span.start, part.item.span.end) for part in parts]
    assert spans == [("second", pytest.approx(part * 0.5), pytest.approx(part * 0.5 + 0.5)) for part in range(4)]
    assert [part.item.ordinal for part in parts] == [0, 1, 2, 3]
    blues = [int(np.asarray(part.content)[8, 16, 2]) for part in parts]
    assert blues == [pytest.approx(12 * middle, abs=8) for middle in (2, 7, 12, 17)]


def test_frames_of_an_animation_build_on_each_other(tmp_path: Path) -> None:
    frames = [Image.new("RGBA", (8, 8)) for _ in range(3)]
    for number, frame in enumerate(frames):
        frame.paste((255, 0, 0, 255), (0, 0, 2 * number + 2, 8))
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=[100, 300, 50])
    _, parts = load(tmp_path, data)
    assert [(part.item.span.start, part.item.span.end) for part in parts] == [(0, 0.1), (0.1, 0.4), (0.4, 0.45)]
    assert [int((np.asarray(part.content)[0] == (255, 0, 0)).all(axis=1).sum()) for part in parts] == [2, 4, 6]


def test_short_animation_gives_each_frame_once(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), 100 * number) for number in range(2)]
    _, parts = load(tmp_path, encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=40))
    assert len(parts) == 2


def test_endless_animation_is_read_by_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MAX_ANIMATED_PIXELS", 16 * 6)
    frames = [Image.new("L", (4, 4), 10 * number) for number in range(20)]
    _, parts = load(tmp_path, encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100))
    assert [part.item.span.end for part in parts] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])


@pytest.mark.parametrize("format_name", ["GIF", "TIFF"])
def test_reload_gives_the_same_part_again(tmp_path: Path, format_name: str) -> None:
    frames = [Image.new("RGB", (8, 8), (20 * number, 0, 0)) for number in range(11)]
    _, parts = load(tmp_path, encoded(frames[0], format_name, save_all=True, append_images=frames[1:]))
    for part in parts:
        again = media.reload(part.item, "image", SETTINGS)
        assert again.item == part.item
        assert np.array_equal(again.content, part.content)  # type: ignore[arg-type]


def test_pages_of_a_tiff_are_pages(tmp_path: Path) -> None:
    pages = [Image.new("L", (10 + number, 10), 80 * number) for number in range(3)]
    facts, parts = load(tmp_path, encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert [str(part.item.span) for part in parts] == ["p.1", "p.2", "p.3"]
    assert [np.asarray(part.content).shape for part in parts] == [(10, 10, 3), (10, 11, 3), (10, 12, 3)]
    assert (facts.width, facts.height) == (10, 10)


def test_preview_inside_a_jpeg_is_not_a_second_moment(tmp_path: Path) -> None:
    data = encoded(quarters(), "MPO", save_all=True, append_images=[quarters().resize((12, 8))])
    assert pixels(tmp_path, data).shape == (32, 48, 3)


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM", "ICO"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_picture_is_a_failure(tmp_path: Path, format_name: str, share: float) -> None:
    data = encoded(Image.effect_noise((64, 64), 90).convert("RGB"), format_name)
    with pytest.raises(MediaError, match=r"truncated|broken"):
        load(tmp_path, data[: int(len(data) * share)])


def test_truncated_png_says_so(tmp_path: Path) -> None:
    data = encoded(Image.effect_noise((64, 64), 90), "PNG")
    with pytest.raises(MediaError, match=r"^truncated PNG: "):
        load(tmp_path, data[:2000])


def bomb(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\1\0IDAT"


@pytest.mark.parametrize("size", [(16001, 16001), (65535, 65535)])
def test_bomb_is_refused_by_its_header(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(MediaError, match=r"too big.* 256 megapixels"):
        load(tmp_path, bomb(*size))


def test_bomb_on_a_later_page_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [Image.new("L", (10, 10)), Image.new("L", (100, 100))]
    monkeypatch.setattr(loader, "MAX_PIXELS", 5000)
    with pytest.raises(MediaError, match="too big"):
        load(tmp_path, encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))


def test_missing_file_is_a_media_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="No such file"):
        media.load(str(tmp_path / "gone.png"), "digest", IMAGE, SETTINGS)


def test_reason_never_names_an_object_or_spans_lines(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        load(tmp_path, b"\xff\xd8\xff\xe0" + os.urandom(50))
    assert "0x" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_decoder_writes_nothing_to_stderr(tmp_path: Path) -> None:
    script = (
        "import sys; from mmsearch import media; from mmsearch.types import LoaderSettings\n"
        "from mmsearch.media import image; image.Image.MAX_IMAGE_PIXELS = 1000\n"
        "for path in sys.argv[1:]:\n"
        "    try: list(media.load(path, '', media.KINDS['image'], LoaderSettings()).segments)\n"
        "    except media.loaded.MediaError: pass\n"
    )
    palette = Image.new("P", (4, 4))
    palette.putpalette([1, 2, 3, 4, 5, 6])
    files = {
        "large.png": encoded(quarters(), "PNG"),
        "bytes.png": encoded(palette, "PNG", transparency=b"\0\xff"),
        "exif.jpg": encoded(quarters(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05garbage"),
        "cut.tiff": encoded(quarters(), "TIFF", compression="tiff_lzw")[:-40],
        "cut.jpg": encoded(quarters(), "JPEG")[:-40],
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", script, *(str(tmp_path / name) for name in files)], capture_output=True, check=True
    )
    assert (done.stdout, done.stderr) == (b"", b"")


CROPPED = ResizeRule("edge", 32, 32, edge=32)
SQUASHED = ResizeRule("squash", 32, 64)
PATCHED = ResizeRule("patches", step=16, least=16 * 16, most=64 * 64)


def wide() -> Image.Image:
    """320 × 160: red, green and blue side by side, the green in the middle half."""
    picture = Image.new("RGB", (320, 160), "red")
    picture.paste("lime", (80, 0, 240, 160))
    picture.paste("blue", (240, 0, 320, 160))
    return picture


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(("fit", "shape"), [(CROPPED, (32, 32)), (SQUASHED, (32, 64)), (PATCHED, (32, 80))])
def test_picture_is_brought_to_what_the_model_sees(
    tmp_path: Path, format_name: str, fit: ResizeRule, shape: tuple[int, int]
) -> None:
    found = pixels(tmp_path, encoded(wide(), format_name), LoaderSettings(image_fit=fit)).astype(int)
    assert found.shape[:2] == shape
    edges = ((0, 255, 0), (0, 255, 0)) if fit is CROPPED else ((255, 0, 0), (0, 0, 255))
    for column, colour in zip((2, -3), edges, strict=True):
        assert np.abs(found[shape[0] // 2, column] - colour).max() < 40


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize("fit", [CROPPED, SQUASHED, PATCHED])
def test_fitted_picture_is_upright(tmp_path: Path, orientation: int, fit: ResizeRule) -> None:
    picture = wide()
    picture.paste("white", (0, 0, 320, 60))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    found = pixels(tmp_path, encoded(picture, "JPEG", exif=exif), LoaderSettings(image_fit=fit)).astype(int)
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded(picture, "PNG", exif=exif))))
    expected = pixels(tmp_path, encoded(turned, "PNG"), LoaderSettings(image_fit=fit)).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 6


@pytest.mark.parametrize("size", [(40, 40), (700, 30), (1, 1), (5000, 9)])
@pytest.mark.parametrize("fit", [CROPPED, PATCHED])
def test_small_pictures_and_strips_are_left_to_the_processor(
    tmp_path: Path, size: tuple[int, int], fit: ResizeRule
) -> None:
    data = encoded(Image.effect_noise(size, 60), "PNG")
    assert np.array_equal(pixels(tmp_path, data, LoaderSettings(image_fit=fit)), pixels(tmp_path, data))


@pytest.mark.parametrize("settings", [LoaderSettings(image_fit=CROPPED), LoaderSettings(image_side=32)])
def test_exact_keeps_every_pixel(tmp_path: Path, settings: LoaderSettings) -> None:
    data = encoded(wide(), "JPEG")
    assert np.array_equal(pixels(tmp_path, data, replace(settings, exact=True)), pixels(tmp_path, data))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16", "CMYK", "1"])
def test_every_mode_is_fitted(tmp_path: Path, mode: str) -> None:
    data = encoded(Image.new(mode, (200, 300)), "TIFF")
    assert pixels(tmp_path, data, LoaderSettings(image_fit=CROPPED)).shape == (32, 32, 3)


def test_pages_and_moments_are_fitted(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (200, 100), (0, 0, 12 * number)) for number in range(3)]
    for format_name in ("TIFF", "GIF"):
        data = encoded(frames[0], format_name, save_all=True, append_images=frames[1:])
        _, parts = load(tmp_path, data, LoaderSettings(image_fit=CROPPED))
        assert [np.asarray(part.content).shape for part in parts] == [(32, 32, 3)] * 3


def test_truncated_jpeg_is_a_failure_at_any_scale(tmp_path: Path) -> None:
    data = encoded(Image.effect_noise((640, 640), 90).convert("RGB"), "JPEG")
    with pytest.raises(MediaError, match=r"^truncated JPEG"):
        load(tmp_path, data[: len(data) // 2], LoaderSettings(image_fit=CROPPED))
