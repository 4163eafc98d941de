"""Relevance makes scores of partitions with different offsets comparable."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmsearch.search.calibration import LogOddsCalibration, backgrounds

DIM = 32


def partition(rng: np.random.Generator, offset: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    rows = rng.normal(size=(count, DIM)).astype(np.float32) * 0.3 + offset
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def unit(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    vector = rng.normal(size=DIM).astype(np.float32)
    return vector / np.linalg.norm(vector)


def test_order_within_a_partition_is_kept() -> None:
    rng = np.random.default_rng(0)
    rows, query = partition(rng, unit(rng), 50), unit(rng)
    scale = backgrounds(query, {"text": rows})["text"]
    scores = rows @ query
    assert np.argsort(scores).tolist() == np.argsort([scale.relevance(s) for s in scores]).tolist()


def test_a_modality_offset_is_taken_out() -> None:
    rng = np.random.default_rng(1)
    query = unit(rng)
    near, far = partition(rng, query * 2, 200), partition(rng, -query * 2, 200)
    scales = backgrounds(query, {"text": near, "image": far})
    text = np.mean([scales["text"].relevance(s) for s in near @ query])
    image = np.mean([scales["image"].relevance(s) for s in far @ query])
    assert abs(text - image) < 0.1


def test_a_match_in_the_far_modality_beats_the_background_of_the_near_one() -> None:
    rng = np.random.default_rng(2)
    query = unit(rng)
    near, far = partition(rng, query * 2, 200), partition(rng, -query * 2, 200)
    scales = backgrounds(query, {"text": near, "image": far})
    match = float((far @ query).max()) + 0.3
    assert match < (near @ query).min(), "the raw score must not decide this"
    assert scales["image"].relevance(match) > max(scales["text"].relevance(s) for s in near @ query)


def test_a_partition_of_one_leans_on_the_others() -> None:
    rng = np.random.default_rng(3)
    query = unit(rng)
    rows = {"text": partition(rng, query, 100), "image": partition(rng, -query, 1)}
    scales = backgrounds(query, rows)
    assert scales["image"].mean == scales["text"].mean
    assert 0.05 <= scales["image"].spread < 1


def test_the_match_stands_out_in_a_partition_of_three() -> None:
    query = np.eye(DIM, dtype=np.float32)[0]
    pictures = np.array([[0.95, 0.31], [0.40, 0.92], [0.35, 0.94]], np.float32)
    passages = np.array([[0.25, 0.97], [0.18, 0.98], [0.15, 0.99]], np.float32)
    rows = {"image": np.pad(pictures, ((0, 0), (0, DIM - 2))), "text": np.pad(passages, ((0, 0), (0, DIM - 2)))}
    scales = backgrounds(query, rows)
    assert scales["image"].relevance(0.95) > 2 * scales["text"].relevance(0.25) > 0


def test_identical_vectors_give_finite_relevance() -> None:
    row = np.zeros((3, DIM), np.float32)
    row[:, 0] = 1
    scale = backgrounds(row[0], {"text": row})["text"]
    assert np.isfinite(scale.relevance(1.0))


def test_a_single_vector_is_ranked_all_the_same() -> None:
    row = np.eye(DIM, dtype=np.float32)[:1]
    assert backgrounds(row[0], {"text": row})["text"].relevance(0.5) == 0.5


def test_nothing_indexed_gives_no_background() -> None:
    assert backgrounds(np.zeros(DIM, np.float32), {"text": np.zeros((0, DIM), np.float32)}) == {}


def test_odds_move_every_partition_to_one_scale() -> None:
    text, image = LogOddsCalibration(-4.0, 10.0), LogOddsCalibration(-6.0, 20.0)
    assert text.relevance(0.4) == image.relevance(0.3) == 0
    assert image.relevance(0.45) > text.relevance(0.6)
