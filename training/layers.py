"""Building blocks shared by the towers and the reranker: a pre-norm transformer block and a small residual network.

Knows nothing of modalities, losses or data. Attention is written out in plain products, so that it exports to ONNX as
it stands.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head self-attention over `(n, t, width)`; positions whose mask is 0 are never attended to."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        n, t, width = x.shape
        query, key, value = self.qkv(x).view(n, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = query @ key.transpose(-1, -2) / math.sqrt(width // self.heads)
        # A large finite number and not -inf: a row without any valid position must not become NaN.
        scores = scores.masked_fill(mask[:, None, None, :] == 0, -1e9)
        mixed = scores.softmax(-1) @ value
        joined: Tensor = self.out(mixed.transpose(1, 2).reshape(n, t, width))
        return joined


class Block(nn.Module):
    """Pre-norm transformer block, `(n, t, width)` to the same shape."""

    def __init__(self, width: int, heads: int = 4, expand: int = 3) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, expand * width)
        self.down = nn.Linear(expand * width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x), mask)
        added: Tensor = self.down(F.gelu(self.up(self.norm2(x))))
        return x + added


class ConvNorm(nn.Module):
    """Convolution and batch norm, folded into one convolution by `fold_norms` before export."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        folded: Tensor = self.norm(self.conv(x))
        return folded


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, 3, stride)
        self.second = ConvNorm(outputs, outputs, 3)
        self.shortcut = ConvNorm(inputs, outputs, 1, stride) if inputs != outputs or stride != 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


class ResNet(nn.Module):
    """Four stages of basic blocks; `forward` returns the maps of the last three, at 1/8, 1/16 and 1/32 of the input."""

    def __init__(self, channels: int, width: int, depth: int = 2) -> None:
        super().__init__()
        self.width = width
        self.stem = ConvNorm(channels, width, 7, 2)
        self.pool = nn.MaxPool2d(3, 2, 1)
        widths = [width, 2 * width, 4 * width, 8 * width]
        stages = []
        for i, outputs in enumerate(widths):
            inputs = widths[max(0, i - 1)]
            blocks = [Residual(inputs, outputs, 1 if i == 0 else 2)]
            blocks += [Residual(outputs, outputs, 1) for _ in range(depth - 1)]
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.stages[0](self.pool(F.relu(self.stem(x))))
        eighth = self.stages[1](x)
        sixteenth = self.stages[2](eighth)
        return eighth, sixteenth, self.stages[3](sixteenth)


def fold_norms(module: nn.Module) -> None:
    """Merge every batch norm into its convolution, in place; the module must be in eval mode."""
    for part in module.modules():
        if isinstance(part, ConvNorm) and isinstance(part.norm, nn.BatchNorm2d):
            part.conv = torch.nn.utils.fusion.fuse_conv_bn_eval(part.conv, part.norm)
            part.norm = nn.Identity()
