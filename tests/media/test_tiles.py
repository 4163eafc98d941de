"""Panels of grids and stretches of strips: where they are, that none is missed, and that other pictures stay whole."""

from __future__ import annotations

import io
import random
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageDraw

from benchmarks import sheets
from benchmarks.pictures import DETAILED, SMOOTH, scene
from mmsearch import media
from mmsearch.errors import MediaError
from mmsearch.media import tiles
from mmsearch.types import WHOLE, Box, Item, LoaderSettings, Picture, ResizeRule, Segment, Span

CORPUS = Path(__file__).resolve().parents[2] / "sample_corpus"
TILED = LoaderSettings(tiles=True)


@cache
def scenes(detail: float) -> list[Image.Image]:
    return [Image.fromarray(scene(640, 480, seed, detail)) for seed in range(3)]


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """A part of a scene, another one for each seed."""
    left, top = 13 * seed % 300, 29 * seed % 200
    return scenes(SMOOTH)[seed % 3].resize((width, height), box=(left, top, left + 320, top + 240))


def noise(height: int, width: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def grid(columns: int, rows: int, cell: int = 120, gap: int = 8, paper: str = "white") -> tuple[Image.Image, list[Box]]:
    """A contact sheet, and where its panels are."""
    sheet = Image.new("RGB", (columns * (cell + gap) + gap, rows * (cell + gap) + gap), paper)
    places = [
        Box(gap + x * (cell + gap), gap + y * (cell + gap), cell, cell) for y in range(rows) for x in range(columns)
    ]
    for at, box in enumerate(places):
        sheet.paste(photo(cell, cell, at), (box.x, box.y))
    return sheet, places


def boxes(image: Image.Image) -> list[Box]:
    return tiles.boxes(np.asarray(image.convert("RGB")))


def near(found: list[Box], expected: list[Box], by: int) -> bool:
    return len(found) == len(expected) and bool(np.abs(np.subtract(found, expected)).max() <= by)


@pytest.mark.parametrize(("columns", "rows"), [(2, 1), (1, 2), (2, 2), (4, 3), (6, 6), (3, 1)])
@pytest.mark.parametrize("paper", ["white", "black", "#777"])
def test_panels_of_a_sheet_are_found_in_reading_order(columns: int, rows: int, paper: str) -> None:
    sheet, places = grid(columns, rows, paper=paper)
    # Three in a row are a strip, of which the stretches are panels and no more.
    assert near(boxes(sheet), places, by=3)


@pytest.mark.parametrize("quality", [30, 90])
def test_panels_survive_compression_and_size(quality: int) -> None:
    sheet, places = grid(4, 3)
    buffer = io.BytesIO()
    sheet.resize((sheet.width * 3, sheet.height * 3)).save(buffer, "JPEG", quality=quality)
    assert near(boxes(Image.open(buffer)), [Box(*(3 * side for side in box)) for box in places], by=9)


def test_a_panel_of_the_papers_colour_is_found_among_others() -> None:
    sheet, places = grid(3, 3, paper="black")
    night = Image.new("RGB", (120, 120), "#020206")
    ImageDraw.Draw(night).rectangle((10, 14, 108, 100), outline="yellow", width=6)
    sheet.paste(night, (places[4].x, places[4].y))
    assert len(boxes(sheet)) == 9


def test_a_finer_grid_has_no_more_panels_than_allowed() -> None:
    sheet, _ = grid(9, 9, cell=60, gap=6)
    found = boxes(sheet)
    assert 2 <= len(found) <= tiles.MOST_PANELS
    assert sum(box.width * box.height for box in found) > 0.7 * sheet.width * sheet.height


@pytest.mark.parametrize("seed", range(4))
def test_frames_of_a_comic_are_panels(seed: int) -> None:
    pictures = [photo(300, 200, 10 * seed + at) for at in range(6)]
    assert len(boxes(sheets.comic(pictures, random.Random(seed)))) == 6


@pytest.mark.parametrize("detail", [SMOOTH, DETAILED])
def test_photographs_stay_whole(detail: float) -> None:
    assert [boxes(one) for one in scenes(detail)] == [[], [], []]


def test_a_clear_sky_between_leaves_and_land_is_no_gutter() -> None:
    sky = np.linspace(60, 240, 480)[:, None, None] * np.array([0.5, 0.8, 1.0])
    picture = np.repeat(sky, 640, axis=1).astype(np.uint8)
    picture[:60, ::7] //= 3
    picture[400:] = np.asarray(photo(640, 80))
    assert tiles.boxes(picture) == []


def test_nothing_of_the_sample_corpus_is_cut_but_the_contact_sheet() -> None:
    found: dict[str, int] = {}
    for path in sorted(
        one for name in ("pictures", "charts", "screenshots", "slides") for one in (CORPUS / name).iterdir()
    ):
        count = len(boxes(Image.open(path)))
        if count:
            found[path.name] = count
    assert found == {"contact_sheet.jpg": 12}


def test_a_page_of_text_stays_whole() -> None:
    page = Image.new("RGB", (900, 1200), "white")
    draw = ImageDraw.Draw(page)
    for paragraph in range(4):
        for line in range(12):
            draw.text((80, 60 + 290 * paragraph + 20 * line), "the quick brown fox jumps over it " * 4, fill="black")
    assert boxes(page) == []


@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 3), st.sampled_from(["plain", "noise", "smooth"]))
@settings(max_examples=60, deadline=None)
def test_boxes_lie_inside_and_are_few_and_pictures_of_one_kind_have_no_panels(
    width: int, height: int, seed: int, kind: str
) -> None:
    picture = noise(height, width, seed)
    if kind == "plain":
        picture[:] = picture[0, 0]
    elif kind == "smooth":
        picture = np.asarray(Image.fromarray(picture[:4, :4]).resize((width, height)))
    found = tiles.boxes(picture)
    assert tiles.panels(picture) == []
    assert not (kind == "plain" and found)
    assert bool(found) <= tiles.elongated(width, height)
    assert len(found) <= tiles.MOST_STRETCHES
    for box in found:
        assert 0 <= box.x < box.x + box.width <= width
        assert 0 <= box.y < box.y + box.height <= height


@given(st.integers(20, 300), st.floats(2.5, 40), st.booleans(), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_stretches_of_a_strip_cover_it_and_overlap(short: int, ratio: float, tall: bool, seed: int) -> None:
    long = max(int(short * ratio), int(np.ceil(2.5 * short)))
    picture = noise(long, short, seed) if tall else noise(short, long, seed)
    found = tiles.stretches(picture)
    ends = [(box.y, box.y + box.height) if tall else (box.x, box.x + box.width) for box in found]
    assert 2 <= len(found) <= tiles.MOST_STRETCHES
    assert ends[0][0] == 0 and ends[-1][1] == long
    assert all(first[1] > second[0] for first, second in pairwise(ends))
    assert all({box.width, box.height} >= {short} for box in found)


def test_a_strip_is_cut_where_nothing_goes_on() -> None:
    picture = noise(3000, 500)
    calm = range(50, 3000, 100)
    for row in calm:
        picture[row : row + 4] = 255
    cuts = [box.y for box in tiles.stretches(picture)[1:]]
    assert cuts and all(any(row - 8 <= cut <= row + 8 for row in calm) for cut in cuts)


def test_blank_stretches_are_left_out() -> None:
    picture = np.full((4000, 400, 3), 250, np.uint8)
    picture[:700] = noise(700, 400)
    found = tiles.boxes(picture)
    assert found and max(box.y for box in found) < 1000


# --- as segments ---


def load(path: Path, settings: LoaderSettings = TILED) -> list[Segment]:
    return list(media.load(str(path), "digest", media.KINDS["image"], settings).segments)


def saved(folder: Path, image: Image.Image, name: str = "sheet.png", **options: object) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def test_the_whole_comes_first_and_its_parts_follow_with_their_boxes(tmp_path: Path) -> None:
    sheet, places = grid(3, 2)
    path = saved(tmp_path, sheet)
    whole, *parts = load(path)
    assert (whole.item.span, whole.item.ordinal) == (WHOLE, 0)
    assert [part.item.ordinal for part in parts] == [1, 2, 3, 4, 5, 6]
    assert near([part.item.span.box or Box(0, 0, 0, 0) for part in parts], places, by=3)
    for part, box in zip(parts, places, strict=True):
        inside = np.asarray(sheet.crop((box.x, box.y, box.x + box.width, box.y + box.height)))
        assert np.array_equal(np.asarray(part.content), inside)


def test_parts_are_only_made_where_they_are_asked_for(tmp_path: Path) -> None:
    path = saved(tmp_path, grid(3, 2)[0])
    assert len(load(path, LoaderSettings())) == 1
    assert len(media.load_query(str(path), "image", TILED)) == 1


@pytest.mark.parametrize(
    "settings",
    [
        TILED,
        LoaderSettings(tiles=True, image_side=64),
        LoaderSettings(tiles=True, exact=True),
        LoaderSettings(tiles=True, image_fit=ResizeRule("edge", 96, 96, edge=96)),
    ],
)
@pytest.mark.parametrize("name", ["sheet.png", "sheet.jpg"])
def test_a_part_is_loaded_again_as_it_was(tmp_path: Path, settings: LoaderSettings, name: str) -> None:
    big = grid(3, 2)[0]
    path = saved(tmp_path, big.resize((big.width * 4, big.height * 4)), name)
    parts = load(path, settings)
    assert len(parts) == 7
    for part in parts:
        assert np.array_equal(np.asarray(media.reload(part.item, "image", settings).content), np.asarray(part.content))


def test_parts_are_as_large_as_the_model_sees(tmp_path: Path) -> None:
    path = saved(tmp_path, photo(3200, 400))
    parts = load(path, LoaderSettings(tiles=True, image_fit=ResizeRule("squash", 96, 96)))
    assert len(parts) > 5
    assert {np.asarray(part.content).shape for part in parts} == {(96, 96, 3)}


def test_a_strip_that_a_model_sees_in_full_has_no_parts(tmp_path: Path) -> None:
    path = saved(tmp_path, photo(640, 128))
    fit = ResizeRule("patches", step=16, least=256, most=128 * 640)
    assert len(load(path, LoaderSettings(tiles=True, image_fit=fit))) == 1
    assert len(load(path)) > 3


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_boxes_are_those_of_the_upright_picture(tmp_path: Path, orientation: int) -> None:
    sheet, places = grid(3, 2)
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    stored = sheet.transpose(turns[orientation]) if orientation in turns else sheet
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = saved(tmp_path, stored, "turned.jpg", exif=exif, quality=95)
    _, *parts = load(path)
    assert near([part.item.span.box or Box(0, 0, 0, 0) for part in parts], places, by=4)


def test_boxes_of_a_picture_that_is_decoded_smaller_are_those_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet, places = grid(3, 2, cell=600, gap=40)
    monkeypatch.setattr("mmsearch.media.image.TILED_PIXELS", 300_000)
    for name in ("sheet.jpg", "sheet.png"):
        _, *parts = load(saved(tmp_path, sheet, name))
        assert near([part.item.span.box or Box(0, 0, 0, 0) for part in parts], places, by=12)
        assert max(np.asarray(parts[0].content).shape) < 600


def test_tiny_panels_moments_and_pages_have_no_parts(tmp_path: Path) -> None:
    assert len(load(saved(tmp_path, grid(3, 2, cell=40)[0]))) == 1
    sheet = grid(3, 2)[0]
    for name in ("moving.gif", "paged.tiff"):
        path = saved(tmp_path, sheet, name, save_all=True, append_images=[sheet.rotate(180)])
        assert [part.item.span.unit for part in load(path)] == ["second" if name == "moving.gif" else "page"] * 2


def test_a_box_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    path = saved(tmp_path, photo(64, 64))
    item = Item(str(path), "digest", "image", "image", 1, Span.of_box(Box(80, 80, 20, 20)))
    with pytest.raises(MediaError, match="no box 80,80 20x20"):
        media.reload(item, "image", TILED)


@given(*[st.integers(0, (1 << 25) - 1)] * 4)
def test_a_span_keeps_a_box(x: int, y: int, width: int, height: int) -> None:
    span = Span.of_box(Box(x, y, width, height))
    assert span.box == Box(x, y, width, height)
    assert Span("box", float(span.start), float(span.end)).box == span.box
    assert str(span) == f"box {x},{y} {width}x{height}"
