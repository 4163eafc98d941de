"""Linear layers of transformer blocks in float32 with their weights laid out for oneDNN, where that is faster.

The library that torch asks by itself is slower on some CPUs, by a tenth to a fifth on those of AMD. The numbers are the
same but for the order in which they are added up. Knows nothing about what a model reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mmsearch.models.int8 import fits, inside_blocks

ROWS = 400
"""Of an input by which the two are compared: eight pictures of CLIP."""
TIMES = 3
GAIN = 1.05
"""The rows of a second are more by such a factor at least, or nothing is changed."""


def pack_if_faster(model: nn.Module) -> int:
    """Changes a model in place if its widest layer becomes faster; how many layers were changed."""
    found = [(parent, name, child) for parent in inside_blocks(model) for name, child in parent.named_children()]
    layers: list[tuple[nn.Module, str, Any]] = [one for one in found if fits(one[2])]
    if not layers or not supported() or not _gains(max((layer for *_, layer in layers), key=_size)):
        return 0
    for parent, name, layer in layers:
        setattr(parent, name, PackedLinear(layer))
    return len(layers)


def supported() -> bool:
    """Whether this torch can lay out weights, in the way that its compiler has it done, and computes with them."""
    layer = nn.Linear(48, 32)
    given = torch.linspace(-1, 1, 2 * 3 * 48).view(2, 3, 48)
    try:
        with torch.inference_mode():
            return torch.allclose(PackedLinear(layer)(given), layer(given), atol=1e-5)
    except (RuntimeError, AttributeError, TypeError):
        return False


class PackedLinear(nn.Module):
    """A linear layer whose weight is kept in oneDNN's layout: float32 `(..., in)` to new float32 `(..., out)`."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self._packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), None)
        self._bias = None if layer.bias is None else layer.bias.detach()

    def forward(self, given: Tensor) -> Tensor:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(given, self._packed, self._bias, "none", [], "")
        return result


def _size(layer: Any) -> int:
    return int(layer.weight.numel())


def _gains(layer: Any) -> bool:
    """Whether a layer is faster, on one core and in turn: passes side by side have one each."""
    given = torch.rand(ROWS, layer.in_features)
    packed = PackedLinear(layer)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with torch.inference_mode():
            runs = [(_seconds(layer, given), _seconds(packed, given)) for _ in range(TIMES)]
    finally:
        torch.set_num_threads(threads)
    return min(plain for plain, _ in runs) > GAIN * min(quick for _, quick in runs)


def _seconds(layer: Callable[[Tensor], Tensor], given: Tensor) -> float:
    began = time.perf_counter()
    layer(given)
    return time.perf_counter() - began
