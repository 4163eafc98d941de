"""A checkpoint comes back as it was, and parts of one model fit on another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.conftest import TINY
from training import checkpoints
from training.model import Model


def seeded(seed: int) -> Model:
    torch.manual_seed(seed)
    return Model(TINY)


def test_saved_model_comes_back(tmp_path: Path) -> None:
    model = seeded(0)
    checkpoints.save(tmp_path / "model.pt", model, model.state_dict())
    back = checkpoints.load_model(tmp_path / "model.pt").state_dict()
    assert all(torch.equal(value, back[name]) for name, value in model.state_dict().items())


def test_halved_model_takes_half_the_room_and_stays_what_it_is_when_halved_again(tmp_path: Path) -> None:
    model = seeded(0)
    checkpoints.save(tmp_path / "whole.pt", model, model.state_dict())
    checkpoints.save(tmp_path / "half.pt", model, checkpoints.halved(model.state_dict()))
    assert (tmp_path / "half.pt").stat().st_size < 0.6 * (tmp_path / "whole.pt").stat().st_size
    back = checkpoints.load_model(tmp_path / "half.pt")
    checkpoints.save(tmp_path / "again.pt", back, checkpoints.halved(back.state_dict()))
    again = checkpoints.load_model(tmp_path / "again.pt").state_dict()
    for name, value in back.state_dict().items():
        assert torch.equal(value, again[name])
        assert torch.allclose(value.float(), model.state_dict()[name].float(), rtol=1e-3, atol=1e-6)


def test_graft_takes_the_part_and_leaves_the_rest() -> None:
    other = seeded(1)
    taken = checkpoints.graft(seeded(0), other, ["sound"]).state_dict()
    before, after = seeded(0).state_dict(), other.state_dict()
    for name, value in taken.items():
        from_other = name.startswith("sound.") and ".states." not in name
        assert torch.equal(value, after[name] if from_other else before[name]), name
    both = checkpoints.graft(seeded(0), other, ["sound", "reranker"]).state_dict()
    assert torch.equal(both["sound.states.project.weight"], after["sound.states.project.weight"])
    assert torch.equal(both["text.state_norm.weight"], after["text.state_norm.weight"])
    assert torch.equal(both["text.project.weight"], before["text.project.weight"])


def test_graft_between_shapes_is_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        checkpoints.graft(seeded(0), Model(replace(TINY, dim=16)), ["sound"])


def test_graft_brings_the_grid_of_the_reranker_along() -> None:
    other = Model(replace(TINY, grid=3, rerank_layers=1))
    grafted = checkpoints.graft(seeded(0), other, ["reranker"])
    assert (grafted.shape.grid, grafted.shape.rerank_layers) == (3, 1)
    assert grafted.picture.states.where.shape[0] == 9
    assert torch.equal(grafted.state_dict()["text.embedding.weight"], seeded(0).state_dict()["text.embedding.weight"])
