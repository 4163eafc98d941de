"""Loads weights of our first experiment, whose tensors have other names, into today's model.

The experiment had no sound tower, no reranker and 24 text positions; what it lacks keeps its initial value. Needed only
to repeat the first shipped version, which started from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from training.model import Model

_RENAMES = (
    (r"^vision\.embedder\.embedder\.", "picture.trunk.stem."),
    (r"^vision\.encoder\.stages\.(\d)\.layers\.(\d)\.layer\.0\.", r"picture.trunk.stages.\1.\2.first."),
    (r"^vision\.encoder\.stages\.(\d)\.layers\.(\d)\.layer\.1\.", r"picture.trunk.stages.\1.\2.second."),
    (r"^vision\.encoder\.stages\.(\d)\.layers\.(\d)\.shortcut\.", r"picture.trunk.stages.\1.\2.shortcut."),
    (r"\.convolution\.", ".conv."),
    (r"\.normalization\.", ".norm."),
    (r"^vproj\.", "picture.project."),
    (r"^text\.enc\.layers\.(\d)\.self_attn\.in_proj_", r"text.blocks.\1.attention.qkv."),
    (r"^text\.enc\.layers\.(\d)\.self_attn\.out_proj\.", r"text.blocks.\1.attention.out."),
    (r"^text\.enc\.layers\.(\d)\.linear1\.", r"text.blocks.\1.up."),
    (r"^text\.enc\.layers\.(\d)\.linear2\.", r"text.blocks.\1.down."),
    (r"^text\.enc\.layers\.(\d)\.", r"text.blocks.\1."),
    (r"^text\.enc\.norm\.", "text.norm."),
    (r"^text\.emb\.", "text.embedding."),
    (r"^text\.proj\.", "text.project."),
    (r"^text\.pos$", "text.places"),
    (r"^logit_scale$", "log_scale"),
)


def rename(name: str) -> str:
    """Today's name of one tensor of the experiment."""
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def load_first_experiment(model: Model, path: Path) -> None:
    """Fill `model` from a safetensors file; raises KeyError for a tensor that has no place in it."""
    fill(model, {rename(k): v for k, v in load_file(str(path)).items()})


def fill(model: Model, weights: Mapping[str, Tensor]) -> None:
    own = model.state_dict()
    for name, value in weights.items():
        if name not in own:
            raise KeyError(f"no tensor named {name!r} in the model")
        if name == "text.places" and value.shape[0] < own[name].shape[0]:
            rest = value[-4:].mean(0, keepdim=True).expand(own[name].shape[0] - value.shape[0], -1)
            # Positions never seen start where the last known ones are, which is closer than noise.
            own[name].copy_(torch.cat([value, rest]).float())
        else:
            own[name].copy_(value.float())
