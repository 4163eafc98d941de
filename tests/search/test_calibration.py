"""Evidence of cosines: by a model's line, or by deviations from the background of each partition."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.search.calibration import (
    LEAST_KNOWN,
    MISSED,
    Background,
    Deviations,
    Scale,
    backgrounds,
    deviations,
    line,
)
from mmsearch.search.relevance import Evidence, log_prior

DIM = 32


def partition(rng: np.random.Generator, offset: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    rows = rng.normal(size=(count, DIM)).astype(np.float32) * 0.3 + offset
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def unit(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    vector = rng.normal(size=DIM).astype(np.float32)
    return vector / np.linalg.norm(vector)


# --- lines ---


def test_lines_bring_every_partition_to_one_scale() -> None:
    text, image = line((-4.0, 10.0), 1.0), line((-6.0, 20.0), 1.0)
    assert text.evidence(0.4) == pytest.approx(image.evidence(0.3)) == pytest.approx(0.0, abs=1e-9)
    assert image.evidence(0.45) > text.evidence(0.6) > 0


def test_a_low_cosine_speaks_against_a_file_only_so_much_as_the_model_misses_answers() -> None:
    scale = line((-6.0, 20.0), 1.0)
    assert scale.evidence(-1.0) == pytest.approx(math.log(MISSED), abs=1e-6)
    assert scale.evidence(10.0) == 194.0, "and a high one is not bounded"


def test_of_a_text_that_the_model_does_not_know_the_cosine_says_less() -> None:
    whole, half, nothing = (line((-6.0, 20.0), known) for known in (1.0, 0.5, 0.0))
    for score in (0.1, 0.5):
        assert half.evidence(score) == pytest.approx(0.5 * whole.evidence(score))
        assert nothing.evidence(score) == pytest.approx(LEAST_KNOWN * whole.evidence(score))


@given(
    st.sampled_from([line((-6.0, 20.0), 0.7), Deviations(Background(0.2, 0.1)), Deviations(Background(0, 0.05), 0.4)]),
    st.floats(-1, 1),
    st.floats(-1, 1),
)
def test_evidence_is_finite_and_never_falls_as_the_cosine_rises(scale: Scale, first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert math.log(MISSED) - 1e-9 <= scale.evidence(low) <= scale.evidence(high) < math.inf


# --- deviations ---


def test_evidence_does_not_jump_where_it_begins_to_grow_evenly() -> None:
    scale = Deviations(Background(0.0, 1.0))
    assert scale.evidence(4.0) == pytest.approx(scale.evidence(4.0 - 1e-9), abs=1e-6)
    assert scale.evidence(9.0) - scale.evidence(8.0) == pytest.approx(
        scale.evidence(6.0) - scale.evidence(5.0), abs=0.01
    )


@pytest.mark.parametrize("count", [10, 100, 1_000, 10_000, 100_000, 1_000_000])
def test_the_best_of_irrelevant_scores_is_less_likely_than_not(count: int) -> None:
    """Whatever the number of files: of scores that are normal, without any answer among them."""
    normal = NormalDist()
    # The best of N numbers between 0 and 1 is as the N-th root of one.
    best = [normal.inv_cdf(draw ** (1 / count)) for draw in np.random.default_rng(count).uniform(size=1000)]
    scale, prior = Deviations(Background(0.0, 1.0)), log_prior(count)
    relevances = [Evidence(prior, scale.evidence(score)).relevance for score in best]
    assert float(np.mean(relevances)) < -1
    assert np.mean([relevance >= 0 for relevance in relevances]) < 0.03


@pytest.mark.parametrize("count", [10, 1_000, 1_000_000])
def test_a_score_far_above_the_best_of_the_others_is_more_likely_than_not(count: int) -> None:
    usual_best = math.sqrt(2 * math.log(count))
    scale = Deviations(Background(0.0, 1.0))
    assert Evidence(log_prior(count), scale.evidence(usual_best + 2.0)).relevance > 0


def test_order_within_a_partition_is_kept() -> None:
    rng = np.random.default_rng(0)
    rows, query = partition(rng, unit(rng), 50), unit(rng)
    scale = deviations(query, {"text": rows})["text"]
    scores = np.sort(rows @ query)
    evidence = [scale.evidence(score) for score in scores]
    assert evidence == sorted(set(evidence))


def test_a_modality_offset_is_taken_out() -> None:
    rng = np.random.default_rng(1)
    query = unit(rng)
    near, far = partition(rng, query * 2, 200), partition(rng, -query * 2, 200)
    scales = backgrounds(query, {"text": near, "image": far})
    text = np.mean([scales["text"].deviation(s) for s in near @ query])
    image = np.mean([scales["image"].deviation(s) for s in far @ query])
    assert abs(text - image) < 0.1


def test_a_match_in_the_far_modality_beats_the_background_of_the_near_one() -> None:
    rng = np.random.default_rng(2)
    query = unit(rng)
    near, far = partition(rng, query * 2, 200), partition(rng, -query * 2, 200)
    scales = deviations(query, {"text": near, "image": far})
    match = float((far @ query).max()) + 0.3
    assert match < (near @ query).min(), "the raw score must not decide this"
    assert scales["image"].evidence(match) > max(scales["text"].evidence(s) for s in near @ query)


def test_partitions_of_what_is_like_an_example_have_one_background() -> None:
    rng = np.random.default_rng(2)
    query = unit(rng)
    rows = {"image": partition(rng, query * 2, 200), "video": partition(rng, -query * 2, 50)}
    rows["text"] = partition(rng, -query, 1000)
    scales = deviations(query, rows, together=("image", "video"))
    assert scales["image"] == scales["video"], "so a lower cosine of another kind is not made to count as much"
    seen = np.concatenate([rows["image"], rows["video"]])
    joined = backgrounds(query, {"seen": seen, "text": rows["text"]})["seen"]
    assert scales["image"].background.mean == joined.mean
    assert scales["image"].background.spread == pytest.approx(joined.spread)
    assert scales["text"].background.mean == deviations(query, rows)["text"].background.mean
    assert deviations(query, rows)["image"].background.mean > deviations(query, rows)["video"].background.mean + 0.5


def test_of_a_text_that_the_model_does_not_know_deviations_say_less() -> None:
    rng = np.random.default_rng(4)
    query, rows = unit(rng), {"text": partition(rng, unit(rng), 100)}
    whole, half, nothing = (deviations(query, rows, known)["text"].evidence(0.9) for known in (1.0, 0.5, 0.0))
    assert (half, nothing) == pytest.approx((0.5 * whole, LEAST_KNOWN * whole))


# --- backgrounds ---


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
    assert scales["image"].deviation(0.95) > 2 * scales["text"].deviation(0.25) > 0


def test_identical_vectors_give_finite_evidence() -> None:
    row = np.zeros((3, DIM), np.float32)
    row[:, 0] = 1
    assert math.isfinite(deviations(row[0], {"text": row})["text"].evidence(1.0))


def test_a_single_vector_is_ranked_all_the_same() -> None:
    row = np.eye(DIM, dtype=np.float32)[:1]
    assert backgrounds(row[0], {"text": row})["text"].deviation(0.5) == 0.5


@pytest.mark.parametrize("together", [(), ("text", "image")])
def test_nothing_indexed_gives_no_scales(together: tuple[str, ...]) -> None:
    empty, query = np.zeros((0, DIM), np.float32), np.zeros(DIM, np.float32)
    assert backgrounds(query, {"text": empty}) == {}
    assert deviations(query, {"text": empty}, together=together) == {}
    assert deviations(query, {}, together=together) == {}
