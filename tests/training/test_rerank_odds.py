"""A reranker's odds: its scores for pictures and passages mean the same."""

from __future__ import annotations

import numpy as np
import torch

from tests.training.conftest import TINY
from training import odds
from training.clips import synthetic_clips
from training.model import Model
from training.pictures import Packed
from training.rerank_odds import Shortlist, figures, measure, readable, shortlists
from training.texts import TextPairs
from training.tokens import Words


def drawn(count: int, seed: int) -> list[Shortlist]:
    """Right things score 3 more than wrong ones of their kind, and every passage scores 10 less than a picture."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        asked = ("image", "text")[number % 2]
        scores = {k: draw.standard_normal(10).astype(np.float32) - 10 * (k == "text") for k in ("image", "text")}
        right = {k: np.arange(10) == (0 if k == asked else -1) for k in scores}
        scores[asked][0] += 3
        found.append(Shortlist(asked, scores, right))
    return found


def test_odds_bring_passages_and_pictures_to_one_scale() -> None:
    found = {name: hits.mean().item() for name, hits in figures(drawn(400, 1), measure(drawn(400, 0))).items()}
    assert found["mixed folder reranked by scores, text first hit"] == 0
    assert found["mixed folder reranked by odds, text first hit"] > 0.6
    assert found["mixed folder reranked by odds, image first hit"] > 0.6


def test_shortlists_of_a_model_hold_twenty_things_of_all_kinds(
    rendered: Packed, pairs: list[TextPairs], words: Words
) -> None:
    torch.manual_seed(0)
    model = Model(TINY).eval()
    given = (model, words, [rendered], pairs[0], synthetic_clips(24, 0, seed=0))
    kinds = readable(*given, "train", 0)
    found = shortlists(model, words, kinds, odds.measure(odds.known(*given, "train", 0), 0), rounds=2, seed=0)
    assert [one.asked for one in found] == ["image", "text", "audio"] * 2
    assert all(sum(map(len, one.scores.values())) >= 20 for one in found)
    assert all(len(one.scores[kind]) == len(one.right[kind]) for one in found for kind in one.scores)
