"""Checkpoints: one file with the weights, their shape and the state of a run; written whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from training.model import Model
from training.towers import Shape


def save(path: Path, model: Model, weights: dict[str, torch.Tensor], **state: Any) -> None:
    """Write `weights` and what else a run needs to go on. A reader never sees half a file."""
    write(path, {"shape": model.shape.as_dict(), "weights": weights, **state})


def write(path: Path, state: dict[str, Any]) -> None:
    """Write a state, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def read(path: Path, own: bool = False) -> dict[str, Any]:
    """What `save` or `write` wrote. Raises FileNotFoundError.

    Only tensors and plain values are read, so that a checkpoint from elsewhere runs no code; the random states in the
    `last.pt` of one's `own` run need more.
    """
    found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=not own)
    return found


def load_model(path: Path) -> Model:
    """The model of a checkpoint, in eval mode."""
    found = read(path)
    model = Model(Shape(**found["shape"]))
    model.load_state_dict(found["weights"])
    return model.eval()


def halved(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights with every matrix in half precision, as they ship: half the size of the file that is kept."""
    return {k: v.half() if v.is_floating_point() and v.ndim > 1 else v for k, v in weights.items()}


PARTS = {"sound": ("sound.",), "reranker": ("reranker.", "text.state_", "picture.states.", "sound.states.")}
"""What can be taken from another model: the sound tower, and the reranker with the layers that make its states."""


def graft(model: Model, other: Model, parts: Sequence[str]) -> Model:
    """A model of `model` with those `parts` of `other`. Raises ValueError when their towers differ in shape."""
    if _towers(model.shape) != _towers(other.shape):
        raise ValueError(f"the models differ in shape: {model.shape} and {other.shape}")
    found = Model(model.shape)
    if "reranker" in parts:
        found = Model(replace(model.shape, rerank_layers=other.shape.rerank_layers, grid=other.shape.grid))
    own = {name: value for name, value in model.state_dict().items() if not _belongs(name, parts)}
    taken = {name: value for name, value in other.state_dict().items() if _belongs(name, parts)}
    found.load_state_dict(own | taken)
    return found.train(model.training)


def _towers(shape: Shape) -> Shape:
    """The shape without what concerns the reranker alone, and without the size of pictures, which fixes no tensor."""
    return replace(shape, rerank_layers=0, grid=0, image_size=0)


def _belongs(name: str, parts: Sequence[str]) -> bool:
    """Whether a tensor is of one of the parts; the layers that make states are the reranker's, in every tower."""
    reranker = name.startswith(PARTS["reranker"])
    return "reranker" in parts if reranker else any(name.startswith(PARTS[part]) for part in parts)
