"""A model's odds: right answers of all kinds rank together although their cosines differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.conftest import TINY
from training import checkpoints
from training.clips import synthetic_clips
from training.model import Model
from training.odds import Known, known, logistic, measure, mixed_search, read, save
from training.pictures import Packed
from training.texts import TextPairs
from training.tokens import Words

DIM = 24


def gapped(offset: float, noise: float, count: int, seed: int) -> Known:
    """Things that lie `noise` away from their texts, all of them `offset` along one axis from all texts."""
    draw = np.random.default_rng(seed)
    texts = draw.standard_normal((count, DIM)).astype(np.float32)
    texts[:, 0] = 3
    things = texts + noise * draw.standard_normal((count, DIM)).astype(np.float32)
    things[:, 0] += offset

    def units(rows: np.ndarray) -> np.ndarray:
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    return Known(units(things), units(texts), [f"{seed} {i}" for i in range(count)])


def test_odds_find_across_a_modality_gap_what_cosine_cannot() -> None:
    kinds = {"image": gapped(0, 0.4, 500, 1), "text": gapped(-6, 0.4, 500, 2), "audio": gapped(4, 0.8, 300, 3)}
    found = mixed_search(kinds, measure(kinds, 0), 0)
    by_cosine = np.mean([found[f"mixed folder by cosine, {k} R@5"].mean().item() for k in kinds])
    by_odds = np.mean([found[f"mixed folder by odds, {k} R@5"].mean().item() for k in kinds])
    assert by_odds > by_cosine + 0.2
    assert by_odds > 0.9


def test_odds_are_even_halfway_between_two_equal_hills() -> None:
    draw = np.random.default_rng(0)
    base, slope = logistic(draw.normal(3, 1, 4000).astype(np.float32), draw.normal(0, 1, 9000).astype(np.float32))
    assert -base / slope == pytest.approx(1.5, abs=0.05)
    assert slope == pytest.approx(3, rel=0.1)


def test_odds_of_a_model_survive_its_checkpoint(
    tmp_path: Path, rendered: Packed, pairs: list[TextPairs], words: Words
) -> None:
    torch.manual_seed(0)
    model = Model(TINY).eval()
    kinds = known(model, words, [rendered], pairs[0], synthetic_clips(6, 0, seed=0), "train", 0)
    assert set(kinds) == {"image", "text", "audio"}
    found = measure(kinds, 0)
    save(tmp_path / "model.pt", model, found, {"image": (0.5, 2.0)})
    assert read(tmp_path / "model.pt") == (found, {"image": (0.5, 2.0)})


def test_model_without_odds_says_which_stage_is_missing(tmp_path: Path) -> None:
    model = Model(TINY)
    checkpoints.save(tmp_path / "model.pt", model, model.state_dict())
    with pytest.raises(ValueError, match="stage `odds`"):
        read(tmp_path / "model.pt")
