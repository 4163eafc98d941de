"""The three towers of the dual encoder: picture, text and sound to one space of unit vectors.

A tower gives an `embedding`, and on request the `states` that the reranker reads, `(n, 1 + positions, dim + PLACE)`:
the first position is the unit embedding itself, the others come from the feature maps or the tokens. Knows nothing of
losses, data or files.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.layers import Block, ResNet

PLACE = 4  # numbers that tell where a state lies in its picture
PIXEL_MEAN = (0.48, 0.45, 0.41)
PIXEL_STD = (0.27, 0.26, 0.27)
SAMPLE_RATE = 16000
CLIP_SAMPLES = 5 * SAMPLE_RATE


@dataclass(frozen=True)
class Shape:
    """Sizes that fix every tensor of the model; stored in each checkpoint.

    The reranker reads feature maps at `grid` x `grid` positions.
    """

    vocabulary: int = 8000
    dim: int = 192
    image_width: int = 32
    image_depth: int = 2
    image_size: int = 96
    text_layers: int = 2
    max_tokens: int = 128
    max_query_tokens: int = 32
    rerank_layers: int = 2
    grid: int = 4

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


MIDDLE = 0.75
"""Share of each side that a second look at a picture takes: things are smaller in pictures than in training's crops."""


class GridStates(nn.Module):
    """Feature maps of a `ResNet` to `(n, 1 + grid * grid, dim + PLACE)`; the first position is the given embedding.

    The others begin as what the tower's own projection makes of each cell. An embedding is the mean of just these, so
    they lie where the words lie: the reranker need not learn anew which word means what it sees. After the `dim`
    columns follow `PLACE` more, where the cell lies.
    """

    where: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.grid = shape.grid
        self.project = nn.Linear((2 + 4 + 8) * shape.image_width, shape.dim)
        nn.init.normal_(self.project.weight, std=0.01)
        self.norm = nn.LayerNorm(shape.dim)
        self.register_buffer("where", _coordinates(shape.grid), persistent=False)

    def cells(self, maps: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """What does not learn with the reranker: `(n, grid * grid, channels)`."""
        return torch.cat([self._to_grid(m) for m in maps], 1).flatten(2).transpose(1, 2)

    def from_cells(self, cells: Tensor, embedding: Tensor, common: nn.Linear) -> Tensor:
        """States of cells; `common` is the tower's projection of its last map."""
        seen = self.norm(common(cells[..., -common.in_features :]) + self.project(cells))
        placed = torch.cat([seen, self.where.expand(seen.shape[0], -1, -1)], -1)
        return torch.cat([without_place(embedding.unsqueeze(1)), placed], 1)

    def forward(self, maps: tuple[Tensor, Tensor, Tensor], embedding: Tensor, common: nn.Linear) -> Tensor:
        return self.from_cells(self.cells(maps), embedding, common)

    def _to_grid(self, x: Tensor) -> Tensor:
        """`(n, c, h, w)` to `(n, c, grid, grid)`: the mean over each cell's area, whatever the sizes."""
        height, width = (_areas(self.grid, size).to(x.device) for size in x.shape[2:])
        return height @ x @ width.T


def without_place(states: Tensor) -> Tensor:
    """States of what lies nowhere, `(n, p, dim)` to `(n, p, dim + PLACE)`."""
    return F.pad(states, (0, PLACE))


def _coordinates(grid: int) -> Tensor:
    """`(grid * grid, PLACE)`: how far down and to the right each cell lies, in [-1, 1], and the squares of both."""
    steps = (torch.arange(grid) * 2 + 1) / grid - 1
    down, right = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([down, right, down**2, right**2], -1).flatten(0, 1)


def _areas(cells: int, size: int) -> Tensor:
    """`(cells, size)`: the share of each of `size` positions in each of `cells` equal stretches; rows sum to 1."""
    edges = [i * size / cells for i in range(cells + 1)]
    rows = [
        [max(0.0, min(right, j + 1) - max(left, j)) * cells / size for j in range(size)]
        for left, right in itertools.pairwise(edges)
    ]
    return torch.tensor(rows)


class PictureTower(nn.Module):
    """uint8 pixels `(n, size, size, 3)` to embeddings `(n, dim)`."""

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.trunk = ResNet(3, shape.image_width, shape.image_depth)
        self.project = nn.Linear(8 * shape.image_width, shape.dim, bias=False)
        self.states = GridStates(shape)
        self.register_buffer("pixel_mean", torch.tensor(PIXEL_MEAN).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("pixel_std", torch.tensor(PIXEL_STD).view(1, 3, 1, 1) * 255, persistent=False)

    def normalise(self, pixels: Tensor) -> Tensor:
        """Pixels `(n, h, w, 3)` in 0..255 to the trunk's input `(n, 3, h, w)`."""
        return (pixels.permute(0, 3, 1, 2).float() - self.pixel_mean) / self.pixel_std

    def embed_normalised(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        maps = self.trunk(x)
        return F.normalize(self.project(maps[2].mean((2, 3))), dim=-1), maps

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        embedding, maps = self.embed_normalised(self.normalise(pixels))
        return embedding, self.states(maps, embedding, self.project)


class TextTower(nn.Module):
    """Token ids `(n, t)` and mask `(n, t)` to embeddings `(n, dim)`.

    A small transformer, mean over the valid tokens.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, shape.dim)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.places = nn.Parameter(torch.randn(shape.max_tokens, shape.dim) * 0.02)
        self.blocks = nn.ModuleList(Block(shape.dim) for _ in range(shape.text_layers))
        self.norm = nn.LayerNorm(shape.dim)
        self.project = nn.Linear(shape.dim, shape.dim, bias=False)
        self.state_project = nn.Linear(shape.dim, shape.dim)
        nn.init.normal_(self.state_project.weight, std=0.01)
        self.state_norm = nn.LayerNorm(shape.dim)

    def encode(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings `(n, dim)` and the last hidden layer `(n, t, dim)`."""
        # The factor keeps rows of std 0.02 from drowning in the residual stream while the learning rate stays one.
        x = self.embedding(ids) * 5 + self.places[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        weight = mask.unsqueeze(-1).to(x.dtype)
        pooled = (x * weight).sum(1) / weight.sum(1).clamp(min=1)
        return F.normalize(self.project(pooled), dim=-1), x

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        embedding, hidden = self.encode(ids, mask)
        return embedding, self.states(embedding, hidden)

    def states(self, embedding: Tensor, hidden: Tensor) -> Tensor:
        """`(n, t, dim + PLACE)`: the embedding takes the place of the first token."""
        tokens = self.state_norm(self.project(hidden[:, 1:]) + self.state_project(hidden[:, 1:]))
        return without_place(torch.cat([embedding.unsqueeze(1), tokens], 1))


class LogMel(nn.Module):
    """Samples `(n, CLIP_SAMPLES)` in [-1, 1] to standardised log-mel maps `(n, 1, BANDS, FRAMES)`.

    The Fourier transform is a strided convolution. Its kernels are looked up in one table of cosines, so that the
    exported file holds the table and not the kernels.
    """

    cosines: Tensor
    steps: Tensor
    bands: Tensor
    WINDOW, HOP, BANDS, LOW, HIGH = 1024, 320, 64, 40.0, 7800.0
    FRAMES = CLIP_SAMPLES // HOP

    def __init__(self) -> None:
        super().__init__()
        turns = torch.arange(self.WINDOW) * (2 * math.pi / self.WINDOW)
        self.register_buffer("cosines", torch.cos(turns.double()).float(), persistent=False)
        self.register_buffer("steps", torch.arange(self.WINDOW), persistent=False)
        self.register_buffer("bands", self._bands(), persistent=False)

    def _bands(self) -> Tensor:
        """Triangular mel filters `(BANDS, WINDOW / 2)`, each at least one bin wide."""

        def mel(hz: float) -> float:
            return 2595 * math.log10(1 + hz / 700)

        marks = torch.linspace(mel(self.LOW), mel(self.HIGH), self.BANDS + 2, dtype=torch.float64)
        bins = 700 * (10 ** (marks / 2595) - 1) * self.WINDOW / SAMPLE_RATE
        left, centre, right = bins[:-2, None], bins[1:-1, None], bins[2:, None]
        place = torch.arange(self.WINDOW // 2, dtype=torch.float64)
        rise = (place - left) / (centre - left).clamp(min=1)
        fall = (right - place) / (right - centre).clamp(min=1)
        return torch.minimum(rise, fall).clamp(min=0).float()

    def _kernels(self) -> Tensor:
        """Windowed cosine and sine kernels `(WINDOW, 1, WINDOW)`: a half of each."""
        phase = (self.steps[: self.WINDOW // 2, None] * self.steps) % self.WINDOW
        sine = (phase + self.WINDOW // 4) % self.WINDOW
        window = 0.5 - 0.5 * self.cosines
        return (torch.cat([self.cosines[phase], self.cosines[sine]]) * window).unsqueeze(1)

    def forward(self, samples: Tensor) -> Tensor:
        margin = (self.WINDOW - self.HOP) // 2
        waves = F.conv1d(F.pad(samples, (margin, margin)).unsqueeze(1), self._kernels(), stride=self.HOP)
        half = self.WINDOW // 2
        power = waves[:, :half] ** 2 + waves[:, half:] ** 2
        logs = torch.log(self.bands @ power + 1e-6)
        mean = logs.mean((1, 2), keepdim=True)
        spread = ((logs - mean) ** 2).mean((1, 2), keepdim=True).sqrt()
        return ((logs - mean) / (spread + 1e-3)).unsqueeze(1)


class SoundTower(nn.Module):
    """Samples `(n, CLIP_SAMPLES)` to embeddings `(n, dim)`: a log-mel picture through the same kind of trunk."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.logmel = LogMel()
        self.trunk = ResNet(1, shape.image_width, shape.image_depth)
        self.project = nn.Linear(8 * shape.image_width, shape.dim, bias=False)
        self.states = GridStates(shape)

    def embed_maps(self, logmel: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Embeddings of `(n, 1, BANDS, FRAMES)`; training augments at this point."""
        maps = self.trunk(logmel)
        return F.normalize(self.project(maps[2].mean((2, 3))), dim=-1), maps

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        embedding, maps = self.embed_maps(self.logmel(samples))
        return embedding, self.states(maps, embedding, self.project)

    def start_from(self, picture: PictureTower) -> None:
        """Copy a trained picture trunk; its three colour channels are summed into the one channel of sound."""
        weights = {k: v.clone() for k, v in picture.trunk.state_dict().items()}
        weights["stem.conv.weight"] = weights["stem.conv.weight"].sum(1, keepdim=True)
        self.trunk.load_state_dict(weights)
