"""Photo-like views: repeatable, varied, every kind with texts that hold together."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

from training.render import atmosphere, views
from training.render.atmosphere import MOODS, Shot, developed, told
from training.render.sprites import Sprite, paste


@pytest.mark.parametrize("kind", sorted(views.KINDS))
def test_every_kind_gives_a_picture_with_several_plain_texts(kind: str) -> None:
    make, share = views.KINDS[kind]
    assert share > 0
    for seed in range(3):
        drawn = make(random.Random(seed), 48)
        assert min(drawn.image.size) >= 36
        assert np.asarray(drawn.image).std() > 2
        assert len(set(drawn.texts)) >= 3
        for text in drawn.texts:
            assert not re.search(r"[\[\]]|  | ,|\b[Aa] [aeiou]| $|^ ", text), text


@pytest.mark.parametrize("kind", sorted(views.KINDS))
def test_equal_seeds_give_equal_pictures_and_others_differ(kind: str) -> None:
    make = views.KINDS[kind][0]
    first, again, other = (make(random.Random(seed), 48) for seed in (3, 3, 4))
    assert first.image.tobytes() == again.image.tobytes()
    assert first.texts == again.texts
    assert first.image.tobytes() != other.image.tobytes()


def test_view_picks_many_kinds() -> None:
    labels = {views.view(random.Random(seed), 40).texts[0] for seed in range(60)}
    assert len(labels) > 25


def test_colour_words_leave_with_the_colours() -> None:
    image = views.view(random.Random(1), 40).image
    coloured = told(random.Random(0), image, ["[orange] car"], "a [orange] car", ["a [red] roof"])
    grey = told(random.Random(0), image, ["[orange] car"], "a [orange] car", ["a [red] roof"], coloured=False)
    assert coloured.texts[0] == "orange car"
    assert coloured.texts[2] == "an orange car"
    assert not any("orange" in text or "red " in text for text in grey.texts)
    assert any("black and white" in text or "monochrome" in text or "grayscale" in text for text in grey.texts)


def test_colourless_pictures_are_those_said_to_be() -> None:
    for seed in range(60):
        image, coloured = developed(np.full((8, 8, 3), (0.8, 0.3, 0.2), np.float32), random.Random(seed))
        spread = np.ptp(np.asarray(image).astype(int), axis=2).mean()
        assert (spread > 20) == coloured


@pytest.mark.parametrize("mood", sorted(MOODS))
def test_sky_is_as_bright_as_its_mood(mood: str) -> None:
    shot = Shot(random.Random(0), 40, (mood,), 0.9)
    atmosphere.sky(shot, 0.0)
    brightness = float(shot.pix.mean())
    assert brightness < 0.3 if mood in ("night",) else brightness > 0.2


def test_water_mirrors_what_stands_above_it() -> None:
    shot = Shot(random.Random(0), 60, ("day",), 0.5)
    shot.pix[:30, :, :] = (1, 0, 0)
    atmosphere.water(shot, 0.5, (0, 0, 255), 0.9, 0.0)
    assert (shot.pix[35, :, 0] > shot.pix[35, :, 2]).all()


def test_sprite_outside_the_picture_changes_nothing() -> None:
    shot = Shot(random.Random(0), 40, ("day",), 0.5)
    before = shot.pix.copy()
    sprite = Sprite(np.ones((10, 10, 4), np.float32))
    paste(shot, sprite, 9.0, 0.5, 0.2)
    assert (shot.pix == before).all()
    paste(shot, sprite, shot.aspect / 2, 0.5, 0.2)
    assert (shot.pix != before).any()
