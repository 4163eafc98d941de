"""Linear layers of transformer blocks in 8-bit integers, for CPUs that multiply those several times faster than floats.

Weights have one scale for each output, inputs one for each row, measured as they come: so the vector of an input does
not depend on the other inputs of its pass. Everything between the layers stays in float32. Knows nothing about the
inputs of a model or the quality of its vectors.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional

from mmsearch.errors import MmsearchError, UsageError
from mmsearch.types import Content, Kind, Picture, Vectors

FAMILIES = frozenset({"clip", "siglip", "siglip2"})
"""Architectures, as transformers names them, that may be converted unasked. Their blocks are encoders; decoders
have single values hundreds of times as large as all others of a row, for inputs that no handful of probes foresees."""
WORTHWHILE = 256
"""Inputs of the widest layer above which the faster multiplication repays the scaling."""
MIN_MEAN_COSINE, MIN_COSINE = 0.998, 0.99
"""Cosines to float32 that the probes must have. At the mean a score moves by some thousandths, about as much as by
decoding pictures at a smaller scale (0.995 at least); a single input may be somewhat farther off."""
MIN_WIDTH = 32
"""Layers with fewer inputs or outputs stay in float32: they choose between experts, and take no time."""
CHUNK = 1 << 17
"""Numbers scaled at a time: in float32, with their results, they stay in the cache of a core."""
MAX_INTEGER = 127
SMALLEST = 1e-30
"""Replaces the largest number of a row of zeros, so that nothing is divided by zero."""
PAIRS = frozenset({"CLIPMLP", "SiglipMLP", "Siglip2MLP"})
"""Modules of transformers that are `fc2(activation_fn(fc1(x)))` and nothing else."""
PAIR_ROWS = 512
"""Rows that go through both layers of a pair before others do."""
QUICK_GELU = 1.702
GELU_LINEAR = 2 * math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715 * GELU_LINEAR
SIBLINGS = ({"q_proj", "k_proj", "v_proj"}, {"query", "key", "value"}, {"gate_proj", "up_proj"})
"""Layers of one module that get the very same input, which needs to be scaled only once."""
PROBE_SIDE = 224
"""Pixels along an edge of a probe, the size that most models of pictures see. Others scale it."""
PROBE_TEXTS = (
    "cat",
    "a red car in front of the house by the sea, photographed at sunset from a moving train",
    "Invoice no. 2024-117: 3 × 49,90 € = 149,70 €, payable within 14 days to the account stated below.",
    "def area(radius):\n    return 3.14159 * radius ** 2",
)

log = logging.getLogger(__name__)


def is_candidate(family: str | None) -> bool:
    """Whether models of an architecture may be converted unasked, and this CPU has nothing else as fast.

    AMX tiles multiply bfloat16 so fast that int8 gains next to nothing.
    """
    tiles: Callable[[], bool] = getattr(torch.cpu, "_is_amx_tile_supported", bool)
    return family in FAMILIES and supported() and not tiles()


def is_worthwhile(model: nn.Module) -> bool:
    """Whether a float32 model has layers wide enough to become faster."""
    return any(is_convertible(module) and module.in_features >= WORTHWHILE for module in inside_blocks(model))


def convert(model: nn.Module, device: str) -> None:
    """Converts a float32 model in place. Raises UsageError if it cannot compute in int8."""
    if device != "cpu":
        raise UsageError(f"dtype int8 is for the CPU, not for {device}: leave --dtype out, or add --device cpu")
    if not supported():
        raise UsageError("dtype int8 needs a CPU with AVX512-VNNI, which this one lacks: leave --dtype out")
    if not Quantised(model).layers:
        raise UsageError(
            "dtype int8 needs a model with blocks of linear layers, which this one lacks: leave --dtype out"
        )


def convert_if_alike(model: nn.Module, probe: Callable[[], Vectors]) -> bool:
    """Converts a float32 model in place if the unit rows that `probe` gives stay nearly the same; True if it did."""
    try:
        before = probe()
    except MmsearchError as error:
        log.info("no int8: the model does not take the probes: %s", error)
        return False
    quantised = Quantised(model)
    try:
        cosines = (before * probe()).sum(axis=1)
        alike = bool(cosines.mean() >= MIN_MEAN_COSINE and cosines.min() >= MIN_COSINE)
        reason = f"mean cosine {cosines.mean():.4f}, least {cosines.min():.4f}"
    except MmsearchError as error:
        alike, reason = False, str(error)
    if not alike:
        quantised.undo()
    log.info("%s: probes in int8 against float32: %s", "computing in int8" if alike else "no int8", reason)
    return alike


def supported() -> bool:
    """Whether this CPU multiplies 8-bit integers fast (AVX512-VNNI), and torch knows how and gets it right."""
    vnni: Callable[[], bool] = getattr(torch.cpu, "_is_vnni_supported", bool)
    if not (vnni() and hasattr(torch, "_int_mm") and _has_onednn()):
        return False
    left = (torch.arange(33 * 64) * 37 % 255 - MAX_INTEGER).view(33, 64)
    right = (torch.arange(48 * 64) * 53 % 255 - MAX_INTEGER).view(48, 64)
    try:
        product = torch._int_mm(left.to(torch.int8), right.to(torch.int8).t())
    except RuntimeError:
        return False
    return torch.equal(product.long(), left @ right.t())


def _has_onednn() -> bool:
    """Whether torch has the library that multiplies 8-bit integers fast; its own way is a plain loop."""
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


class Quantised:
    """A model whose blocks compute in 8-bit integers, until it is put back into float32.

    Attributes:
        layers: how many of them were replaced.
    """

    def __init__(self, model: nn.Module) -> None:
        """Replaces the layers in place. The float32 weights live as long as this object."""
        self.layers = 0
        self._replaced: list[tuple[nn.Module, str, nn.Module]] = []
        last_input = _LastInput()
        for parent in inside_blocks(model):
            children: dict[str, Any] = dict(parent.named_children())
            for name, child in children.items():
                if type(child).__name__ in PAIRS and is_convertible(child.fc1) and is_convertible(child.fc2):
                    self._replace(parent, name, Int8Pair(child.fc1, child.fc2, child.activation_fn), 2)
            linears = {name: child for name, child in children.items() if is_convertible(child)}
            for name, linear in linears.items():
                shares = any(name in group and len(group & linears.keys()) > 1 for group in SIBLINGS)
                owner = parent if shares else None
                self._replace(parent, name, Int8Linear(linear.weight, linear.bias, last_input, owner))
        for parent in list(model.modules()) if self.layers else []:
            for name, child in list(parent.named_children()):
                if _is_patch_layer(child):
                    self._replace(parent, name, Int8Patches(child))

    def undo(self) -> None:
        """Puts the float32 layers back."""
        for parent, name, module in self._replaced:
            setattr(parent, name, module)

    def _replace(self, parent: nn.Module, name: str, module: nn.Module, layers: int = 1) -> None:
        self.layers += layers
        self._replaced.append((parent, name, getattr(parent, name)))
        setattr(parent, name, module.eval())


def inside_blocks(model: nn.Module) -> Iterator[Any]:
    """The modules inside stacked blocks, without those before and after them, such as the last projection."""
    for stack in model.modules():
        if isinstance(stack, nn.ModuleList):
            yield from stack.modules()


def is_convertible(module: Any) -> bool:
    """Whether a module is a plain linear float32 layer on the CPU. Derived classes may be used in other ways."""
    if type(module) is not nn.Linear or min(module.in_features, module.out_features) < MIN_WIDTH:
        return False
    return module.weight.dtype is torch.float32 and module.weight.device.type == "cpu"


def _is_patch_layer(module: Any) -> bool:
    """Whether a module is a plain float32 layer on the CPU that turns each patch of a picture into a vector."""
    if type(module) is not nn.Conv2d or module.kernel_size != module.stride or module.out_channels < MIN_WIDTH:
        return False
    plain = (module.padding, module.dilation, module.groups) in (((0, 0), (1, 1), 1), ("valid", (1, 1), 1))
    return plain and module.weight.dtype is torch.float32 and module.weight.device.type == "cpu"


class _LastInput(threading.local):
    """The last input that siblings share, with its rows; one for a whole model, so that it stays small.

    Each of the parallel passes has its own.
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
        self, weight: Tensor, bias: Tensor | None, last_input: _LastInput | None = None, parent: nn.Module | None = None
    ) -> None:
        """The layer of a weight `(out, in)`; layers with the same `parent` share the scaling of their input."""
        super().__init__()
        self.out_features, self.in_features = weight.shape
        integers, scale = scaled(weight.detach().float())
        self.register_buffer("weight", integers)
        self.register_buffer("scale", scale.flatten())
        self.register_buffer("bias", None if bias is None else bias.detach().float())
        self._last_input = last_input or _LastInput()
        self._parent = (parent,)  # in a tuple, because a module would register it as a child of its own child

    def forward(self, inputs: Tensor) -> Tensor:
        rows, scales = self._rows(inputs)
        products = torch._int_mm(rows, self.weight.t())
        for _ in self.floats(products, scales):
            pass
        return products.view(torch.float32).view(*inputs.shape[:-1], self.out_features)

    def floats(self, products: Tensor, scales: Tensor) -> Iterator[Tensor]:
        """Turns products, int32 `(n, out)` of rows with these scales, into floats, some rows at a time.

        The floats take the place of the integers: fresh memory costs more time than the computation.
        """
        count = _chunk_rows(self.out_features)
        for part, integers, scale in _chunks(count, products.view(torch.float32), products, scales):
            part.copy_(integers).mul_(scale)
            if self.bias is None:
                part.mul_(self.scale)
            else:
                torch.addcmul(self.bias, part, self.scale, out=part)
            yield part

    def _rows(self, inputs: Tensor) -> Rows:
        """The input in integers; kept for siblings, which are called one after the other with the same object."""
        last = self._last_input.last
        # A layer that is called again is in another pass, where the same object may hold other numbers.
        if last is not None and last[1] is inputs and last[0] is not self and last[0].parent is self.parent is not None:
            return last[2]
        rows = scaled(inputs.reshape(-1, self.in_features))
        self._last_input.last = None if self.parent is None else (self, inputs, rows)
        return rows

    @property
    def parent(self) -> nn.Module | None:
        """The module in which there are siblings, None where there are none."""
        return self._parent[0]


def scaled(numbers: Tensor) -> Rows:
    """Float32 `(n, m)` as int8 and the scale of each row, which multiplies it back.

    The scale of a row with an infinite number or NaN is not finite.
    """
    integers = torch.empty(numbers.shape, dtype=torch.int8)
    scales = torch.empty(len(numbers), 1)
    count = _chunk_rows(numbers.shape[1])
    buffer = torch.empty(min(count, len(numbers)), numbers.shape[1])
    for part, rows, scale in _chunks(count, numbers, integers, scales):
        _scale(part, rows, scale, buffer[: len(part)])
    return integers, scales


def _scale(numbers: Tensor, rows: Tensor, scales: Tensor, buffer: Tensor) -> None:
    """Scales float32 `(n, m)` into int8 `rows` and their `scales`; `buffer`, of the same shape, may be `numbers`."""
    high, low = numbers.amax(1, keepdim=True), numbers.amin(1, keepdim=True)
    torch.maximum(high, low.neg_(), out=scales).clamp_min_(SMALLEST).div_(MAX_INTEGER)
    rows.copy_(torch.mul(numbers, scales.reciprocal(), out=buffer).round_())


def _chunk_rows(width: int) -> int:
    return max(1, CHUNK // width)


def _chunks(count: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The same `count` rows of each tensor, one after the other."""
    return zip(*(torch.split(tensor, count) for tensor in tensors), strict=True)


class Int8Pair(nn.Module):
    """Two linear layers with a function between them, in 8-bit integers: float32 `(..., in)` to new `(..., out)`.

    Some rows go through both layers before the next ones do, so that the values between never leave the cache.
    """

    def __init__(self, first: nn.Linear, second: nn.Linear, between: nn.Module) -> None:
        super().__init__()
        rate = QUICK_GELU if type(between).__name__ == "QuickGELUActivation" else 1.0
        bias = None if first.bias is None else first.bias * rate
        self.first = Int8Linear(first.weight * rate, bias)
        self.second = Int8Linear(second.weight / rate, second.bias)
        self.between = between

    def forward(self, inputs: Tensor) -> Tensor:
        rows = inputs.reshape(-1, self.first.in_features)
        result = torch.empty(len(rows), self.second.out_features)
        wide = self.first.out_features
        products = torch.empty(min(PAIR_ROWS, len(rows)), wide, dtype=torch.int32)
        inner, scales = torch.empty(products.shape, dtype=torch.int8), torch.empty(len(products), 1)
        for block, out in _chunks(PAIR_ROWS, rows, result):
            count = len(block)
            integers, scale = scaled(block)
            torch._int_mm(integers, self.first.weight.t(), out=products[:count])
            parts = _chunks(_chunk_rows(wide), inner[:count], scales[:count])
            for part, (quantised, part_scale) in zip(self.first.floats(products[:count], scale), parts, strict=True):
                activated = self._activate(part)
                _scale(activated, quantised, part_scale, activated)
            last = out.view(torch.int32)
            torch._int_mm(inner[:count], self.second.weight.t(), out=last)
            for _ in self.second.floats(last, scales[:count]):
                pass
        return result.view(*inputs.shape[:-1], self.second.out_features)

    def _activate(self, part: Tensor) -> Tensor:
        """The function between the layers; may overwrite its input."""
        name = type(self.between).__name__
        if name == "QuickGELUActivation":  # of x it is silu(1.702 x) / 1.702, and the layers do the rest
            return functional.silu(part, inplace=True)
        if name == "GELUTanh":  # x sigmoid(1.6 x + 0.07 x³), several times as quick as torch's own
            inner = (part * part).mul_(GELU_CUBIC).add_(GELU_LINEAR).mul_(part)
            return part.mul_(inner.sigmoid_())
        activated: Tensor = self.between(part)
        return activated


class Int8Patches(nn.Module):
    """Turns each patch of pictures into a vector, in 8-bit integers.

    Float32 `(n, channels, height, width)` to `(n, out, rows, columns)`.
    """

    def __init__(self, plain: Any) -> None:
        """Replaces a convolution whose windows lie side by side."""
        super().__init__()
        self.layer = Int8Linear(plain.weight.flatten(1), plain.bias)
        self.sides: tuple[int, int] = plain.kernel_size

    @property
    def weight(self) -> Tensor:
        """A float32 tensor: models ask the weight only for the number format of pixels."""
        return self.layer.scale

    def forward(self, pixels: Tensor) -> Tensor:
        count, channels, height, width = pixels.shape
        high, wide = self.sides
        rows, columns = height // high, width // wide
        grid = pixels[:, :, : rows * high, : columns * wide].reshape(count, channels, rows, high, columns, wide)
        patches = grid.permute(0, 2, 4, 1, 3, 5).reshape(count * rows * columns, -1)
        vectors: Tensor = self.layer(patches).view(count, rows, columns, -1)
        return vectors.permute(0, 3, 1, 2)


def probes(kinds: Collection[Kind]) -> list[list[Content]]:
    """Inputs on which int8 and float32 are compared, a list for each of the kinds that there are probes for.

    They are of many sorts, because models have values for some inputs that they never have for others.
    """
    contents: list[list[Content]] = []
    if "image" in kinds:
        contents.append([_blobs(), _noise(), _drawing(), _page()])
    if "text" in kinds:
        contents.append(list(PROBE_TEXTS))
    return contents


def _blobs() -> Picture:
    """Soft blobs of colour, as in photos of landscapes."""
    return _enlarged(np.random.default_rng(1).integers(0, 256, (5, 5, 3), dtype=np.uint8))


def _noise() -> Picture:
    """Detail at every scale, as in foliage or gravel."""
    random = np.random.default_rng(2)
    layers = [random.integers(0, 256, (edge, edge, 3), dtype=np.uint8) for edge in (7, 28, PROBE_SIDE)]
    picture: Picture = np.mean([_enlarged(layer) for layer in layers], axis=0).astype(np.uint8)
    return picture


def _enlarged(tiles: Picture) -> Picture:
    return np.array(Image.fromarray(tiles).resize((PROBE_SIDE, PROBE_SIDE), Image.Resampling.BICUBIC))


def _drawing() -> Picture:
    """Plain shapes on a plain ground, as in icons and charts."""
    image = Image.new("RGB", (PROBE_SIDE, PROBE_SIDE), (30, 90, 180))
    pen = ImageDraw.Draw(image)
    pen.ellipse((30, 40, 120, 130), fill=(250, 210, 40))
    pen.rectangle((110, 120, 210, 200), fill=(190, 30, 40))
    pen.polygon([(20, 210), (70, 140), (120, 210)], fill=(20, 120, 50))
    return np.array(image)


def _page() -> Picture:
    """Dark lines on white, as in scanned pages and screenshots."""
    image = Image.new("RGB", (PROBE_SIDE, PROBE_SIDE), "white")
    pen = ImageDraw.Draw(image)
    for line, text in enumerate("\n".join(PROBE_TEXTS).splitlines() * 4):
        pen.text((8, 6 + 13 * line), text, fill=(20, 20, 20))
    return np.array(image)
