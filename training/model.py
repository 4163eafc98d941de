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
    fits. `_reading` weighs just these numbers as the query alone says: "left of" is a difference of two places, and
    "without" a bad fit. The blocks see all the rest. The correction starts at zero, so an untrained reranker orders as
    the dual encoder does.
    """

    ROLES, SEEN = 8, PLACE + 2

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.dim = shape.dim
        self.sides = nn.Parameter(torch.randn(2, shape.dim) * 0.1)
        self.order = nn.Parameter(torch.randn(shape.max_query_tokens, shape.dim) * 0.1)
        self.sharpness = nn.Parameter(torch.tensor(math.log(8.0)))
        self.widen = nn.Linear(shape.dim, shape.dim)
        self.looked = nn.Linear(shape.dim + self.SEEN, shape.dim)
        self.heat = nn.Linear(2, shape.dim)
        self.place = nn.Linear(PLACE, shape.dim)
        self.parse = Block(shape.dim)
        self.parsed = nn.LayerNorm(shape.dim)
        self.roles = nn.Linear(shape.dim, self.ROLES)
        self.weigh = nn.Linear(shape.dim, self.ROLES * self.SEEN)
        self.blocks = nn.ModuleList(Block(shape.dim) for _ in range(shape.rerank_layers))
        self.norm = nn.LayerNorm(shape.dim)
        self.head = nn.Linear(shape.dim, 1)
        self.scale = nn.Parameter(torch.tensor(20.0))
        for start in (self.head, self.weigh):
            nn.init.zeros_(start.weight)
            nn.init.zeros_(start.bias)

    def forward(self, query_states: Tensor, query_mask: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """`(n, q, dim + PLACE)`, `(n, q)`, `(n, p, dim + PLACE)`, `(n, p)` to logits `(n,)`."""
        asked, found = query_states[..., : self.dim], states[..., : self.dim]
        alike, weight, seen = self._find(query_states, states, mask)
        read = (self._reading(asked, query_mask) @ seen.flatten(1).unsqueeze(-1)).flatten()
        words = self.widen(asked[:, 1:]) + self.looked(torch.cat([weight @ found[:, 1:], seen], -1))
        words = words + self.sides[0] + self.order[: words.shape[1]]
        spoken = query_mask[:, 1:, None].to(alike.dtype)
        level = (alike * spoken).sum(1) / spoken.sum(1).clamp(min=1)
        heat = torch.stack([alike.masked_fill(spoken == 0, -1.0).amax(1), level], -1)
        cells = self.widen(found[:, 1:]) + self.heat(heat) + self.place(states[:, 1:, self.dim :]) + self.sides[1]
        x = torch.cat([self._first(asked) + self.sides[0], words, self._first(found) + self.sides[1], cells], 1)
        both = torch.cat([query_mask, mask], 1)
        for block in self.blocks:
            x = block(x, both)
        correction: Tensor = self.head(self.norm(x[:, 0])).squeeze(-1)
        return self.scale * (asked[:, 0] * found[:, 0]).sum(-1) + read + correction

    def glance(self, query_states: Tensor, query_mask: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """`forward` without its blocks, for queries `(n, q, dim + PLACE)` with k items each, `(n, k, p, dim + PLACE)`.

        Gives logits `(n, k)`. It costs a small part, so training begins with it.
        """
        asked = query_states[..., : self.dim]
        _, _, seen = self._find(query_states.unsqueeze(1), states, mask)
        read = seen.flatten(2) @ self._reading(asked, query_mask).transpose(1, 2)
        cosine = (asked[:, None, 0] * states[:, :, 0, : self.dim]).sum(-1)
        return self.scale * cosine + read.squeeze(-1)

    def _first(self, states: Tensor) -> Tensor:
        """The embedding, widened. Unit vectors are dim ** 0.5 smaller than the normed positions beside them."""
        widened: Tensor = self.widen(states[..., :1, :] * math.sqrt(self.dim))
        return widened

    def _find(self, query_states: Tensor, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """How well each word fits each position, what it attends to, and what it has seen `(..., q - 1, SEEN)`.

        That is where it found what it means, and how well that fits.
        """
        words, cells = query_states[..., 1:, : self.dim], states[..., 1:, : self.dim]
        alike = words @ cells.transpose(-1, -2) / self.dim
        hidden = mask[..., None, 1:] == 0
        weight = (self.sharpness.exp() * alike).masked_fill(hidden, -1e9).softmax(-1)
        best, mean = alike.masked_fill(hidden, -1.0).amax(-1, keepdim=True), (weight * alike).sum(-1, keepdim=True)
        return alike, weight, torch.cat([weight @ states[..., 1:, self.dim :], best, mean], -1)

    def _reading(self, asked: Tensor, said: Tensor) -> Tensor:
        """What each number that a word has seen counts, `(n, 1, (q - 1) * SEEN)`, by the query alone.

        Each word has some roles, such as being what stands on the left, and each role its weights.
        """
        words = self.widen(asked[:, 1:]) + self.order[: asked.shape[1] - 1]
        x = self.parsed(self.parse(torch.cat([self._first(asked), words], 1), said))
        roles = self.roles(x[:, 1:]) * said[:, 1:, None].to(x.dtype)
        counts: Tensor = roles @ self.weigh(x[:, 0]).view(-1, self.ROLES, self.SEEN)
        return counts.flatten(1).unsqueeze(1)


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
