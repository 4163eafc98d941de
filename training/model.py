"""The whole model as it ships: the three towers and the reranker over their states."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from training.layers import Block
from training.towers import PictureTower, Shape, SoundTower, TextTower


class Reranker(nn.Module):
    """Scores `(query, item)` pairs from their states: the cosine of the embeddings plus a learned correction.

    The correction starts at zero, so an untrained reranker orders as the dual encoder does.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.sides = nn.Parameter(torch.randn(2, shape.dim) * 0.1)
        self.widen = nn.Linear(shape.dim, shape.dim)
        self.blocks = nn.ModuleList(Block(shape.dim) for _ in range(shape.rerank_layers))
        self.norm = nn.LayerNorm(shape.dim)
        self.head = nn.Linear(shape.dim, 1)
        self.scale = nn.Parameter(torch.tensor(20.0))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, query_states: Tensor, query_mask: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """`(n, q, dim)`, `(n, q)`, `(n, p, dim)`, `(n, p)` to logits `(n,)`."""
        cosine = (query_states[:, 0] * states[:, 0]).sum(-1)
        sides = [self._side(query_states, 0), self._side(states, 1)]
        x = torch.cat(sides, 1)
        both = torch.cat([query_mask, mask], 1)
        for block in self.blocks:
            x = block(x, both)
        correction: Tensor = self.head(self.norm(x[:, 0])).squeeze(-1)
        return self.scale * cosine + correction

    def _side(self, states: Tensor, side: int) -> Tensor:
        # Unit embeddings are dim ** 0.5 smaller than the normed positions beside them.
        first = states[:, :1] * math.sqrt(states.shape[-1])
        widened: Tensor = self.widen(torch.cat([first, states[:, 1:]], 1))
        return widened + self.sides[side]


class Model(nn.Module):
    """Everything that ships: the towers, the reranker and the temperature of the contrastive loss."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.picture = PictureTower(shape)
        self.text = TextTower(shape)
        self.sound = SoundTower(shape)
        self.reranker = Reranker(shape)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
