"""Linear layers of transformer blocks in 8-bit integers, for CPUs that multiply those several times faster than floats.

Weights have one scale for each output, inputs one for each row, measured as they come: so the vector of an input does
not depend on what else is in its pass. Everything between the layers stays in float32. Knows nothing about what a
model reads or how good its vectors are.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmsearch.core import Vectors
from mmsearch.errors import MmsearchError, UsageError

FAMILIES = frozenset({"clip", "siglip", "siglip2"})
"""Architectures, as transformers names them, that may be changed unasked. Their blocks are ordinary encoders; decoders
have single values hundreds of times as large as all others of a row, for inputs that no handful of probes foresees."""
WORTHWHILE = 256
"""Inputs of the widest layer from which on the multiplication takes so much of the time that the rest is repaid."""
ALIKE_MEAN, ALIKE_LEAST = 0.998, 0.99
"""Cosines to float32 that the probes must have. At the mean a score moves by some thousandths, about as much as by
decoding pictures at a smaller scale (0.995 at least); a single input may be somewhat farther off."""
LEAST = 32
"""Layers with fewer inputs or outputs stay as they are: they choose between experts, and take no time."""
CHUNK = 1 << 16
"""Numbers that are scaled at a time: in float32, with what comes of them, they stay in the cache of a core."""
TOP = 127
SMALLEST = 1e-30
"""Stands for the largest number of a row of zeros, which must not be divided by."""
SIBLINGS = ({"q_proj", "k_proj", "v_proj"}, {"query", "key", "value"}, {"gate_proj", "up_proj"})
"""Layers of one module that get the very same input, which needs to be scaled only once."""

log = logging.getLogger(__name__)


def is_worthwhile(model: nn.Module, family: str | None) -> bool:
    """Whether a model that nobody asked to change can be expected to become faster and to stay as good."""
    wide = any(_fits(module) and module.in_features >= WORTHWHILE for module in _inside_blocks(model))
    return family in FAMILIES and wide and supported()


def convert(model: nn.Module, device: str) -> None:
    """Changes a float32 model in place. Raises UsageError where it cannot compute in int8."""
    if device != "cpu":
        raise UsageError(f"dtype int8 is for the CPU, not for {device}: leave --dtype out, or add --device cpu")
    if not supported():
        raise UsageError("dtype int8 needs a CPU with AVX512-VNNI, which this one lacks: leave --dtype out")
    if not Quantised(model).layers:
        raise UsageError(
            "dtype int8 needs a model with blocks of linear layers, which this one lacks: leave --dtype out"
        )


def convert_if_alike(model: nn.Module, probe: Callable[[], Vectors]) -> bool:
    """Changes a float32 model in place if the unit rows that `probe` gives stay what they were; whether it did."""
    try:
        before = probe()
    except MmsearchError as error:
        log.info("computing in float32: the model does not take the probes: %s", error)
        return False
    changed = Quantised(model)
    try:
        cosines = (before * probe()).sum(axis=1)
        alike = bool(cosines.mean() >= ALIKE_MEAN and cosines.min() >= ALIKE_LEAST)
        told = f"mean cosine {cosines.mean():.4f}, least {cosines.min():.4f}"
    except MmsearchError as error:
        alike, told = False, str(error)
    if not alike:
        changed.undo()
    log.info("computing in %s: probes in int8 against float32: %s", "int8" if alike else "float32", told)
    return alike


def supported() -> bool:
    """Whether this CPU multiplies 8-bit integers fast (AVX512-VNNI), and torch knows how and gets it right."""
    vnni: Callable[[], bool] = getattr(torch.cpu, "_is_vnni_supported", bool)
    return bool(vnni()) and hasattr(torch, "_int_mm") and _has_onednn() and _multiplies()


def _has_onednn() -> bool:
    """Whether torch has the library that multiplies 8-bit integers fast; its own way is a plain loop."""
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _multiplies() -> bool:
    left = (torch.arange(33 * 64) * 37 % 255 - TOP).view(33, 64)
    right = (torch.arange(48 * 64) * 53 % 255 - TOP).view(48, 64)
    try:
        product = torch._int_mm(left.to(torch.int8), right.to(torch.int8).t())
    except RuntimeError:
        return False
    return torch.equal(product.long(), left @ right.t())


class Quantised:
    """A model whose blocks compute in 8-bit integers, until it is put back into float32.

    Attributes:
        layers: how many of them were replaced.
    """

    def __init__(self, model: nn.Module) -> None:
        """Replaces the layers in place. The float32 weights are kept for as long as this object is."""
        self.layers = 0
        self._replaced: list[tuple[nn.Module, str, nn.Module]] = []
        memory = _Memory()
        for parent in _inside_blocks(model):
            self._replace_in(parent, memory)

    def undo(self) -> None:
        """Puts the float32 layers back."""
        for parent, name, module in self._replaced:
            setattr(parent, name, module)

    def _replace_in(self, parent: nn.Module, memory: _Memory) -> None:
        linears: dict[str, Any] = {name: child for name, child in parent.named_children() if _fits(child)}
        for name, linear in linears.items():
            shares = any(name in group and len(group & linears.keys()) > 1 for group in SIBLINGS)
            self._replace(parent, name, Int8Linear(linear, memory, parent if shares else None))
            self.layers += 1
        # What the first layer of such a pair gives is new memory that nobody else looks at.
        if {"fc1", "fc2"} <= linears.keys():
            for name, child in list(parent.named_children()):
                if type(child).__name__ == "QuickGELUActivation":
                    self._replace(parent, name, InPlaceQuickGelu())

    def _replace(self, parent: nn.Module, name: str, module: nn.Module) -> None:
        self._replaced.append((parent, name, getattr(parent, name)))
        setattr(parent, name, module.eval())


def _inside_blocks(model: nn.Module) -> Iterator[Any]:
    """The modules of stacked blocks, not of what stands before and after them, such as the last projection."""
    for stack in model.modules():
        if isinstance(stack, nn.ModuleList):
            yield from stack.modules()


def _fits(module: Any) -> bool:
    """Whether it is a plain float32 layer on the CPU. Those of derived classes may be used in other ways."""
    if type(module) is not nn.Linear or min(module.in_features, module.out_features) < LEAST:
        return False
    return module.weight.dtype is torch.float32 and module.weight.device.type == "cpu"


class _Memory(threading.local):
    """The last input that siblings share, with the rows made of it; one for a whole model, so that it stays small.

    Passes may go side by side, and each has its own.
    """

    def __init__(self) -> None:
        self.last: tuple[Int8Linear, Tensor, Rows] | None = None


Rows = tuple[Tensor, Tensor]
"""int8 `(n, in)` and the float32 scales `(n, 1)` of its rows."""


class Int8Linear(nn.Module):
    """A linear layer that multiplies 8-bit integers: float32 `(..., in)` to new float32 `(..., out)`."""

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear, memory: _Memory, parent: nn.Module | None = None) -> None:
        """The layer that stands for `linear`; layers with the same `parent` share the scaling of their input."""
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight, scale = scaled(linear.weight.detach().float())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale.flatten())
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach().float())
        self._memory = memory
        self._parent = (parent,)  # in a tuple, because a module would register it as a child of its own child

    def forward(self, given: Tensor) -> Tensor:
        rows, scales = self._rows(given)
        whole = torch._int_mm(rows, self.weight.t())
        # The floats go where the integers are: fresh memory costs more time than what is computed in it.
        result = whole.view(torch.float32)
        count = _rows_at_a_time(self.out_features)
        for part, products, scale in _chunks(count, result, whole, scales):
            part.copy_(products).mul_(scale)
            if self.bias is None:
                part.mul_(self.scale)
            else:
                torch.addcmul(self.bias, part, self.scale, out=part)
        return result.view(*given.shape[:-1], self.out_features)

    def _rows(self, given: Tensor) -> Rows:
        """The input in integers; remembered for siblings, which are called one after the other with the same object."""
        last = self._memory.last
        # A layer that comes by again is in another pass, where the same object may hold other numbers.
        if last is not None and last[1] is given and last[0] is not self and last[0].parent is self.parent is not None:
            return last[2]
        rows = scaled(given.reshape(-1, self.in_features))
        self._memory.last = None if self.parent is None else (self, given, rows)
        return rows

    @property
    def parent(self) -> nn.Module | None:
        """The module in which there are siblings, None where there are none."""
        return self._parent[0]


def scaled(numbers: Tensor) -> Rows:
    """Float32 `(n, m)` as int8 with the scale of each row, by which it is to be multiplied.

    Rows that hold something that is not finite get a scale that is not.
    """
    whole = torch.empty(numbers.shape, dtype=torch.int8)
    scales = torch.empty(len(numbers), 1)
    count = _rows_at_a_time(numbers.shape[1])
    room = torch.empty(min(count, len(numbers)), numbers.shape[1])
    for part, rows, scale in _chunks(count, numbers, whole, scales):
        high, low = part.amax(1, keepdim=True), part.amin(1, keepdim=True)
        torch.maximum(high, low.neg_(), out=scale).clamp_min_(SMALLEST).div_(TOP)
        rows.copy_(torch.mul(part, scale.reciprocal(), out=room[: len(part)]).round_())
    return whole, scales


def _rows_at_a_time(width: int) -> int:
    return max(1, CHUNK // width)


def _chunks(count: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The same `count` rows of each tensor, one after the other."""
    return zip(*(torch.split(tensor, count) for tensor in tensors), strict=True)


class InPlaceQuickGelu(nn.Module):
    """`x * sigmoid(1.702 x)` over what it is given, by way of one function that torch computes in one go."""

    RATE = 1.702

    def forward(self, given: Tensor) -> Tensor:
        for (part,) in _chunks(CHUNK, given.view(-1)):
            functional.silu(part.mul_(self.RATE), inplace=True).mul_(1 / self.RATE)
        return given
