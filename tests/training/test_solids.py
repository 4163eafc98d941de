"""Shaded solids: repeatable, complete, in the colours that their texts name."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from training.colours import NAMES, classify
from training.render import objects, puzzles, solids
from training.render.canvas import COLOURS
from training.render.kit import Kit, Model
from training.render.objects import Thing
from training.render.rays import Light, Paint, Part, View, cast, ground_shadow, look, own_shadow
from training.render.surroundings import surroundings

LAMP_ABOVE, LAMP_BESIDE = (
    Light(*(np.array(v, np.float32) for v in (towards, (1, 1, 1), (0.4,) * 3, (0.25,) * 3)))
    for towards in ((0, 1, 0), (0.36, 0.64, 0.68))
)


def parts_of(draw: str, *args: object) -> list[Part]:
    kit = Kit(random.Random(0), (200, 30, 30), 0.1)
    getattr(kit, draw)(*args)
    return kit.parts


def straight_ahead(at: tuple[float, float, float] = (0, 0, 0)) -> View:
    return look(0, 0, 10, np.array(at, np.float32))


def test_ray_meets_a_ball_where_its_surface_is() -> None:
    view = straight_ahead()
    rays = view.rays(3, 3)
    frame = cast(parts_of("ball", (0, 0, 0), 1.5, Paint((255, 0, 0))), view, rays)
    assert frame.depth[1, 1] == pytest.approx(8.5, abs=1e-3)
    assert frame.normal[:, 1, 1] == pytest.approx([0, 0, 1], abs=1e-3)
    assert not frame.covered[0, 0]


@pytest.mark.parametrize(
    ("draw", "args"),
    [
        ("block", ((0, 0, 0), (1, 1, 1), Paint((0, 0, 0)))),
        ("tube", ((0, 0, -1), (0, 0, 1), 0.7, Paint((0, 0, 0)), 0.4)),
        ("prism", ([(-1, -1), (1, -1), (0, 1)], 1.0, Paint((0, 0, 0)))),
    ],
)
def test_ray_meets_the_front_of_every_body(draw: str, args: tuple[object, ...]) -> None:
    view = straight_ahead()
    frame = cast(parts_of(draw, *args), view, view.rays(3, 3))
    assert frame.depth[1, 1] == pytest.approx(9, abs=1e-3)


def test_cone_seen_from_its_tip_has_no_second_half_behind_it() -> None:
    view = look(0, 89.9, 5, np.zeros(3, np.float32))
    frame = cast(parts_of("tube", (0, 0, 0), (0, 1, 0), 0.5, Paint((0, 0, 0)), 0.0), view, view.rays(41, 41))
    assert frame.depth[20, 20] == pytest.approx(4, abs=0.02)
    radius = np.sqrt(frame.covered.sum() / np.pi) / 41
    assert radius == pytest.approx(0.5 / 5, rel=0.1)


def test_ring_lets_rays_through_its_hole() -> None:
    view = straight_ahead()
    frame = cast(parts_of("ring", (0, 0, 0), (0, 0, 1), 1.0, 0.2, Paint((0, 0, 0))), view, view.rays(41, 41))
    assert not frame.covered[20, 20]
    assert frame.covered[20].sum() >= 2


def test_nearer_body_hides_the_farther_whatever_their_order() -> None:
    near, far = (parts_of("ball", (0, 0, z), 1.0, Paint(c)) for z, c in ((2, (255, 0, 0)), (-2, (0, 0, 255))))
    view = straight_ahead()
    for parts in (near + far, far + near):
        assert cast(parts, view, view.rays(3, 3)).colour[:, 1, 1] == pytest.approx([1, 0, 0], abs=1e-6)


def test_shadow_falls_on_the_ground_below_and_on_what_is_covered() -> None:
    parts = parts_of("ball", (0, 2, 0), 1.0, Paint((0, 0, 0)))
    view = look(0, 40, 12, np.zeros(3, np.float32))
    spots = np.array([[0, 0.9, 3], [0, 0, 0], [0, 0, 0]], np.float32)
    grid = np.broadcast_to(spots[:, None, :1], (3, 20, 20))
    assert ground_shadow(parts, view, grid, LAMP_ABOVE).max() == 1
    assert own_shadow(parts, spots, LAMP_ABOVE).tolist() == [1, 1, 0]


@pytest.mark.parametrize("make", [solids.solid, solids.solid_pair, solids.solid_count])
def test_equal_seeds_give_equal_pictures(make: object) -> None:
    assert callable(make)
    first, second, other = (make(random.Random(seed), 64) for seed in (5, 5, 6))
    assert first.image.tobytes() == second.image.tobytes()
    assert first.texts == second.texts
    assert other.image.tobytes() != first.image.tobytes()


@pytest.mark.parametrize("model", solids.MODELS, ids=lambda m: m.build.__name__)
def test_every_model_is_built_in_every_colour_it_takes(model: Model) -> None:
    view = look(0, 15, 8, np.array([0, 1, 0], np.float32))
    for colour in (model.own_colour,) if model.own_colour else model.usual or COLOURS:
        parts = solids.build(model, colour, random.Random(1))
        low, high = solids.bounds(parts)
        assert low[1] == pytest.approx(0, abs=1e-4)
        assert 0.5 < (high - low).max() < 3.5
    frame = cast(parts, replace(view, window=(-0.3, 0.3, -0.3, 0.3)), view.rays(32, 32))
    assert np.isfinite(frame.normal).all()
    assert frame.covered.any()


@pytest.mark.parametrize("name", ["car", "armchair", "cup", "ball", "suitcase", "bus", "balloon", "sofa"])
@pytest.mark.parametrize("colour", ["red", "green", "blue", "yellow", "pink", "black"])
def test_named_colour_is_the_most_frequent_on_the_thing(name: str, colour: str) -> None:
    counts = np.zeros(len(NAMES), np.int64)
    for seed in range(4):
        rng = random.Random(seed)
        place = replace(surroundings(rng, "table"), light=LAMP_BESIDE, behind="open")
        pixels = np.asarray(solids.picture(solids.build(solids.BY_NAME[name][0], colour, rng), place, 64, rng, 0.95))
        height, width, _ = pixels.shape
        middle = classify(pixels)[height // 4 : -height // 4, width // 4 : -width // 4]
        counts += np.bincount(middle.ravel(), minlength=len(NAMES))
    assert NAMES[int(counts.argmax())] == colour


def test_texts_and_group_follow_the_flat_objects() -> None:
    for seed in range(25):
        drawn = solids.solid(random.Random(seed), 48)
        phrase = drawn.texts[0]
        assert drawn.group == f"object:{phrase}"
        assert drawn.texts[1].split(" ", 1)[1] == phrase
        assert len(drawn.texts) == len(set(drawn.texts))


def test_shared_names_take_the_same_colours_as_flat_ones() -> None:
    shared = set(solids.BY_NAME) & set(objects.BY_NAME)
    assert {"car", "house", "cup", "apple", "cat"} <= shared
    for name in shared:
        flat, solid = objects.BY_NAME[name][0], solids.BY_NAME[name][0]
        assert (flat.own_colour, set(flat.usual)) == (solid.own_colour, set(solid.usual)), name


def test_counted_solids_name_their_count_in_text_and_group() -> None:
    drawn = solids.solid_count(random.Random(2), 48)
    number = drawn.texts[0].split()[0]
    assert number in ("two", "three", "four", "five")
    assert drawn.group.startswith("count:")


def test_thing_above_stands_higher_in_the_picture() -> None:
    red, blue = Thing("ball", "red"), Thing("ball", "blue")
    for seed in range(4):
        pixels = np.asarray(solids.compose_pair(red, "above", blue, 64, random.Random(seed)).convert("RGB")).astype(int)
        reddish = pixels[..., 0] - pixels[..., 2]
        rows = np.arange(len(pixels))[:, None]
        assert (rows * np.maximum(reddish, 0)).sum() / np.maximum(reddish, 0).sum() < (
            rows * np.maximum(-reddish, 0)
        ).sum() / np.maximum(-reddish, 0).sum()


@pytest.mark.parametrize("kind", sorted(puzzles.KINDS))
def test_texts_of_a_solid_puzzle_belong_to_one_picture_each(kind: str) -> None:
    pieces = puzzles.KINDS[kind](puzzles.SOLID, random.Random(4), 40)
    texts = [text for piece in pieces for text in set(piece.texts)]
    assert len(pieces) == puzzles.PIECES
    assert len(texts) == len(set(texts))
