"""The renderers give the same labelled picture or sound for the same seed, of every kind."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from training.render import dialogs, documents, kinds, noises, objects, puzzles
from training.render.canvas import COLOURS, Drawn, Pen, shade
from training.render.drawing import Drawing
from training.render.kinds import RealParts, render


@pytest.mark.parametrize("seed", [0, 7, 123_456])
def test_equal_seeds_draw_equal_pictures(seed: int) -> None:
    first, second = render(seed), render(seed)
    assert first.texts == second.texts
    assert first.image.tobytes() == second.image.tobytes()


def test_equal_seeds_scan_a_sheet_alike() -> None:
    sheet = Image.new("RGB", (80, 60), "white")
    first, second = (documents.scanned(sheet, random.Random(3)) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_different_seeds_draw_different_pictures() -> None:
    assert len({render(seed).image.tobytes() for seed in range(20)}) == 20


@pytest.mark.parametrize(
    "how", [how for family in kinds.FAMILIES.values() for how, _ in family], ids=lambda how: how.__name__
)
def test_every_kind_draws_something_with_words(how: Callable[[random.Random, int], Drawn]) -> None:
    for seed in range(6):
        drawn = how(random.Random(seed), 64)
        assert drawn.texts
        assert all(text == text.strip() and text for text in drawn.texts)
        assert np.asarray(drawn.image).std() > 1


@pytest.mark.parametrize("drawing", objects.DRAWINGS, ids=lambda d: d.draw.__name__)
def test_every_object_leaves_a_mark(drawing: Drawing) -> None:
    image = Image.new("RGB", (60, 60), (1, 2, 3))
    pen = Pen(ImageDraw.Draw(image), (0, 0, 60, 60), random.Random(0))
    drawing.draw(pen, (250, 20, 30))
    changed = (np.asarray(image) != (1, 2, 3)).any(-1)
    assert changed.mean() > 0.03


def test_object_of_one_colour_does_not_name_it() -> None:
    assert objects.Thing("banana", "yellow", named=False).phrase == "banana"
    assert objects.Thing("car", "red").phrase == "red car"


@pytest.mark.parametrize("name", COLOURS)
def test_shades_of_chromatic_names_keep_their_strongest_channel(name: str) -> None:
    strongest = {"red": 0, "green": 1, "blue": 2}.get(name)
    for seed in range(20):
        colour = shade(name, random.Random(seed))
        assert all(0 <= c <= 255 for c in colour)
        assert strongest is None or max(range(3), key=colour.__getitem__) == strongest


def test_real_screenshots_stand_behind_error_dialogs() -> None:
    shot = Image.new("RGB", (50, 40), (12, 200, 34))
    drawn = dialogs.error_over(shot, random.Random(3))
    assert "error" in drawn.texts[0]
    share = (np.asarray(drawn.image) == (12, 200, 34)).all(-1).mean()
    assert 0.02 < share < 0.98
    assert RealParts().screenshots == []


@pytest.mark.parametrize("seed", range(12))
def test_texts_of_a_puzzle_belong_to_one_picture_each(seed: int) -> None:
    _, pieces = puzzles.puzzle(seed, 64)
    texts = [text for piece in pieces for text in set(piece.texts)]
    assert len(pieces) == puzzles.PIECES
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("kind", sorted({k.__name__ for k in noises.KINDS}))
def test_sounds_are_finite_within_range_and_repeatable(kind: str) -> None:
    make = next(k for k in noises.KINDS if k.__name__ == kind)
    wave, texts = make(random.Random(5))
    again, _ = make(random.Random(5))
    assert wave.shape == (noises.COUNT,)
    assert np.isfinite(wave).all()
    assert np.array_equal(wave, again)
    assert texts


def test_noise_stays_within_full_scale() -> None:
    for seed in range(5):
        samples, _ = noises.noise(seed)
        assert samples.dtype == np.float32
        assert np.abs(samples).max() <= 1
