"""Linear layers of transformer blocks in 8-bit integers, for CPUs that multiply those several times faster than floats.

Weights have one scale for each output, inputs one for each row, measured as they come: so the vector of an input does
not depend on what else is in its pass. Everything between the layers stays in float32. Knows nothing about what a
model reads or how good its vectors are.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmsearch.errors import MmsearchError, UsageError
from mmsearch.types import Vectors

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
CHUNK = 1 << 17
"""Numbers that are scaled at a time: in float32, with what comes of them, they stay in the cache of a core."""
TOP = 127
SMALLEST = 1e-30
"""Stands for the largest number of a row of zeros, which must not be divided by."""
PAIRS = frozenset({"CLIPMLP", "SiglipMLP", "Siglip2MLP"})
"""Modules of transformers that are `fc2(activation_fn(fc1(x)))` and nothing else."""
PAIR_ROWS = 512
"""Rows that go through both layers of a pair before others do."""
QUICK_GELU = 1.702
GELU_LINEAR = 2 * math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715 * GELU_LINEAR
SIBLINGS = ({"q_proj", "k_proj", "v_proj"}, {"query", "key", "value"}, {"gate_proj", "up_proj"})
"""Layers of one module that get the very same input, which needs to be scaled only once."""

log = logging.getLogger(__name__)


def is_candidate(family: str | None) -> bool:
    """Whether models of an architecture may be changed unasked, and this CPU does nothing else as fast.

    AMX tiles multiply bfloat16 so fast that what int8 adds to it is not worth trying.
    """
    tiles: Callable[[], bool] = getattr(torch.cpu, "_is_amx_tile_supported", bool)
    return family in FAMILIES and supported() and not tiles()


def is_worthwhile(model: nn.Module) -> bool:
    """Whether a float32 model has layers wide enough to become faster."""
    return any(fits(module) and module.in_features >= WORTHWHILE for module in inside_blocks(model))


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
        log.info("no int8: the model does not take the probes: %s", error)
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
    log.info("%s: probes in int8 against float32: %s", "computing in int8" if alike else "no int8", told)
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
        for parent in inside_blocks(model):
            self._replace_in(parent, memory)
        for parent in list(model.modules()) if self.layers else []:
            for name, child in list(parent.named_children()):
                if _cuts_patches(child):
                    self._replace(parent, name, Int8Patches(child))
                    self.layers += 1

    def undo(self) -> None:
        """Puts the float32 layers back."""
        for parent, name, module in self._replaced:
            setattr(parent, name, module)

    def _replace_in(self, parent: nn.Module, memory: _Memory) -> None:
        children: dict[str, Any] = dict(parent.named_children())
        for name, child in children.items():
            if type(child).__name__ in PAIRS and fits(child.fc1) and fits(child.fc2):
                self._replace(parent, name, Int8Pair(child.fc1, child.fc2, child.activation_fn))
                self.layers += 2
        linears = {name: child for name, child in children.items() if fits(child)}
        for name, linear in linears.items():
            shares = any(name in group and len(group & linears.keys()) > 1 for group in SIBLINGS)
            self._replace(parent, name, Int8Linear(linear.weight, linear.bias, memory, parent if shares else None))
            self.layers += 1

    def _replace(self, parent: nn.Module, name: str, module: nn.Module) -> None:
        self._replaced.append((parent, name, getattr(parent, name)))
        setattr(parent, name, module.eval())


def inside_blocks(model: nn.Module) -> Iterator[Any]:
    """The modules of stacked blocks, not of what stands before and after them, such as the last projection."""
    for stack in model.modules():
        if isinstance(stack, nn.ModuleList):
            yield from stack.modules()


def fits(module: Any) -> bool:
    """Whether it is a plain float32 layer on the CPU. Those of derived classes may be used in other ways."""
    if type(module) is not nn.Linear or min(module.in_features, module.out_features) < LEAST:
        return False
    return module.weight.dtype is torch.float32 and module.weight.device.type == "cpu"


def _cuts_patches(module: Any) -> bool:
    """Whether it is a plain float32 layer on the CPU that turns each patch of a picture into a vector."""
    if type(module) is not nn.Conv2d or module.kernel_size != module.stride or module.out_channels < LEAST:
        return False
    plain = (module.padding, module.dilation, module.groups) in (((0, 0), (1, 1), 1), ("valid", (1, 1), 1))
    return plain and module.weight.dtype is torch.float32 and module.weight.device.type == "cpu"


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

    def __init__(
        self, weight: Tensor, bias: Tensor | None, memory: _Memory | None = None, parent: nn.Module | None = None
    ) -> None:
        """The layer of a weight `(out, in)`; layers with the same `parent` share the scaling of their input."""
        super().__init__()
        self.out_features, self.in_features = weight.shape
        whole, scale = scaled(weight.detach().float())
        self.register_buffer("weight", whole)
        self.register_buffer("scale", scale.flatten())
        self.register_buffer("bias", None if bias is None else bias.detach().float())
        self._memory = memory or _Memory()
        self._parent = (parent,)  # in a tuple, because a module would register it as a child of its own child

    def forward(self, given: Tensor) -> Tensor:
        rows, scales = self._rows(given)
        whole = torch._int_mm(rows, self.weight.t())
        for _ in self.floats(whole, scales):
            pass
        return whole.view(torch.float32).view(*given.shape[:-1], self.out_features)

    def floats(self, whole: Tensor, scales: Tensor) -> Iterator[Tensor]:
        """Makes products, int32 `(n, out)` of rows with these scales, the floats they stand for, some rows at a time.

        The floats go where the integers are: fresh memory costs more time than what is computed in it.
        """
        count = _rows_at_a_time(self.out_features)
        for part, products, scale in _chunks(count, whole.view(torch.float32), whole, scales):
            part.copy_(products).mul_(scale)
            if self.bias is None:
                part.mul_(self.scale)
            else:
                torch.addcmul(self.bias, part, self.scale, out=part)
            yield part

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
        _scale(part, rows, scale, room[: len(part)])
    return whole, scales


def _scale(numbers: Tensor, rows: Tensor, scales: Tensor, room: Tensor) -> None:
    """Float32 `(n, m)` into int8 `rows` and their `scales`, by way of `room` for as many numbers, or of themselves."""
    high, low = numbers.amax(1, keepdim=True), numbers.amin(1, keepdim=True)
    torch.maximum(high, low.neg_(), out=scales).clamp_min_(SMALLEST).div_(TOP)
    rows.copy_(torch.mul(numbers, scales.reciprocal(), out=room).round_())


def _rows_at_a_time(width: int) -> int:
    return max(1, CHUNK // width)


def _chunks(count: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The same `count` rows of each tensor, one after the other."""
    return zip(*(torch.split(tensor, count) for tensor in tensors), strict=True)


class Int8Pair(nn.Module):
    """Two linear layers with a function between them, in 8-bit integers: float32 `(..., in)` to new `(..., out)`.

    Some rows go all the way before the next ones do, so that what lies between them never leaves the cache.
    """

    def __init__(self, first: nn.Linear, second: nn.Linear, between: nn.Module) -> None:
        super().__init__()
        rate = QUICK_GELU if type(between).__name__ == "QuickGELUActivation" else 1.0
        bias = None if first.bias is None else first.bias * rate
        self.first = Int8Linear(first.weight * rate, bias)
        self.second = Int8Linear(second.weight / rate, second.bias)
        self.between = between

    def forward(self, given: Tensor) -> Tensor:
        rows = given.reshape(-1, self.first.in_features)
        result = torch.empty(len(rows), self.second.out_features)
        wide = self.first.out_features
        products = torch.empty(min(PAIR_ROWS, len(rows)), wide, dtype=torch.int32)
        inner, scales = torch.empty(products.shape, dtype=torch.int8), torch.empty(len(products), 1)
        for some, out in _chunks(PAIR_ROWS, rows, result):
            count = len(some)
            whole, scale = scaled(some)
            torch._int_mm(whole, self.first.weight.t(), out=products[:count])
            parts = _chunks(_rows_at_a_time(wide), inner[:count], scales[:count])
            for part, (small, by) in zip(self.first.floats(products[:count], scale), parts, strict=True):
                found = self._function(part)
                _scale(found, small, by, found)
            last = out.view(torch.int32)
            torch._int_mm(inner[:count], self.second.weight.t(), out=last)
            for _ in self.second.floats(last, scales[:count]):
                pass
        return result.view(*given.shape[:-1], self.second.out_features)

    def _function(self, part: Tensor) -> Tensor:
        """What lies between the layers, of some numbers that need not be kept."""
        name = type(self.between).__name__
        if name == "QuickGELUActivation":  # of x it is silu(1.702 x) / 1.702, and the layers do the rest
            return functional.silu(part, inplace=True)
        if name == "GELUTanh":  # x sigmoid(1.6 x + 0.07 x³), several times as quick as torch's own
            inner = (part * part).mul_(GELU_CUBIC).add_(GELU_LINEAR).mul_(part)
            return part.mul_(inner.sigmoid_())
        found: Tensor = self.between(part)
        return found


class Int8Patches(nn.Module):
    """Turns each patch of pictures into a vector, in 8-bit integers.

    Float32 `(n, channels, height, width)` to `(n, out, rows, columns)`.
    """

    def __init__(self, plain: Any) -> None:
        """The layer that stands for a convolution whose windows lie side by side."""
        super().__init__()
        self.layer = Int8Linear(plain.weight.flatten(1), plain.bias)
        self.sides: tuple[int, int] = plain.kernel_size

    @property
    def weight(self) -> Tensor:
        """Float32, which is all that a model asks of it: what pixels are to be."""
        return self.layer.scale

    def forward(self, pixels: Tensor) -> Tensor:
        count, channels, height, width = pixels.shape
        high, wide = self.sides
        rows, columns = height // high, width // wide
        grid = pixels[:, :, : rows * high, : columns * wide].reshape(count, channels, rows, high, columns, wide)
        patches = grid.permute(0, 2, 4, 1, 3, 5).reshape(count * rows * columns, -1)
        found: Tensor = self.layer(patches).view(count, rows, columns, -1)
        return found.permute(0, 3, 1, 2)
