"""The whole model as it ships: the three towers and the reranker over their states."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from training.layers import Block
from training.towers import PLACE, PictureTower, Shape, SoundTower, TextTower


class Reranker(nn.Module):
    """Scores `(query, item)` pairs from their states: the cosine of the embeddings plus a learned correction.

    Each word first looks for what it means among the item's states, and takes along where that was and how well it
    fits: "left of" is then a matter of comparing two places. The correction starts at zero, so an untrained reranker
    orders as the dual encoder does.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.dim = shape.dim
        self.sides = nn.Parameter(torch.randn(2, shape.dim) * 0.1)
        self.order = nn.Parameter(torch.randn(shape.max_query_tokens, shape.dim) * 0.1)
        self.sharpness = nn.Parameter(torch.tensor(math.log(8.0)))
        self.widen = nn.Linear(shape.dim, shape.dim)
        self.looked = nn.Linear(shape.dim + PLACE + 2, shape.dim)
        self.heat = nn.Linear(2, shape.dim)
        self.place = nn.Linear(PLACE, shape.dim)
        self.blocks = nn.ModuleList(Block(shape.dim) for _ in range(shape.rerank_layers))
        self.norm = nn.LayerNorm(shape.dim)
        self.head = nn.Linear(shape.dim, 1)
        self.scale = nn.Parameter(torch.tensor(20.0))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, query_states: Tensor, query_mask: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """`(n, q, dim + PLACE)`, `(n, q)`, `(n, p, dim + PLACE)`, `(n, p)` to logits `(n,)`."""
        asked, found, where = query_states[..., : self.dim], states[..., : self.dim], states[..., self.dim :]
        cosine = (asked[:, 0] * found[:, 0]).sum(-1)
        words, cells = self._look(asked[:, 1:], query_mask[:, 1:], found[:, 1:], where[:, 1:], mask[:, 1:])
        # Unit embeddings are dim ** 0.5 smaller than the normed positions beside them.
        first = self.widen(asked[:, :1] * math.sqrt(self.dim)) + self.sides[0]
        other = self.widen(found[:, :1] * math.sqrt(self.dim)) + self.sides[1]
        x = torch.cat([first, words, other, cells], 1)
        both = torch.cat([query_mask, mask], 1)
        for block in self.blocks:
            x = block(x, both)
        correction: Tensor = self.head(self.norm(x[:, 0])).squeeze(-1)
        return self.scale * cosine + correction

    def _look(self, words: Tensor, said: Tensor, cells: Tensor, where: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Both sides for the blocks: words with what they found and where, cells with how well they fit any word."""
        alike = words @ cells.transpose(1, 2) / self.dim
        hidden = mask[:, None, :] == 0
        weight = (self.sharpness.exp() * alike).masked_fill(hidden, -1e9).softmax(-1)
        best, mean = alike.masked_fill(hidden, -1.0).amax(-1, keepdim=True), (weight * alike).sum(-1, keepdim=True)
        seen = torch.cat([weight @ cells, weight @ where, best, mean], -1)
        asked = self.widen(words) + self.looked(seen) + self.sides[0] + self.order[: words.shape[1]]
        spoken = said[:, :, None].to(alike.dtype)
        level = (alike * spoken).sum(1) / spoken.sum(1).clamp(min=1)
        heat = torch.stack([alike.masked_fill(spoken == 0, -1.0).amax(1), level], -1)
        return asked, self.widen(cells) + self.heat(heat) + self.place(where) + self.sides[1]


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
