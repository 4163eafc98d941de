"""Draws training batches of pictures and texts: which pictures, which of their texts, and which of those match.

Pictures stay uint8, on the device when it is a GPU, and are cropped, tilted in colour and normalised there.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.colours import NAMES
from training.pictures import Packed, Row
from training.render.canvas import COLOURS
from training.synthetic import RENDERED
from training.texts import templated

# Share of each source in a batch; those that a packed set lacks are left out and the rest grow alike.
SHARES = {
    "tinyin": 0.40,
    "intel": 0.04,
    "caltech101": 0.08,
    "flowers102": 0.040,
    "clothing": 0.05,
    "grocery": 0.02,
    "houses": 0.02,
    "popanimals": 0.03,
    "vehicles": 0.03,
    "ucm": 0.02,
    "vicap": 0.035,
    "ms_kusto": 0.022,
    "ms_powerquery": 0.030,
    "ms_cpp": 0.018,
    "ms_liveshare": 0.001,
    "ms_bing": 0.0005,
    "ms_terminal": 0.0005,
    "ms_wsl": 0.0005,
    "vegalite": 0.008,
    "sroie": 0.006,
    "emoji": 0.060,
    "rendered": 0.17,
    "solids": 0.13,
    "views": 0.12,
}
_NEVER_MIRRORED = ("ms_", "vegalite", "sroie", *RENDERED, "emoji")
PLAIN = (*RENDERED, "emoji")  # their texts are whole phrases: no template around them
_CLUSTERS, _CLUSTER_SIZE = 4, 6


@dataclass(frozen=True)
class Batch:
    """Pictures `(n, size, size, 3)`, their distinct texts, which match, `(n, texts)`, and the rows they came from."""

    pixels: Tensor
    texts: list[str]
    positive: Tensor
    chosen: list[int]


class PictureBatches:
    """Endless random batches over packed sets."""

    def __init__(self, sets: Sequence[Packed], size: int, seed: int, device: str = "cpu") -> None:
        self.rows: list[Row] = [row for packed in sets for row in packed.rows]
        self.size, self.device = size, device
        self.rng, self.draw = random.Random(seed), np.random.default_rng(seed)
        self.noise = torch.Generator().manual_seed(seed)
        self._pixels = [packed.pixels for packed in sets]
        self._starts = np.cumsum([0] + [len(packed.rows) for packed in sets])
        self._on_device: list[Tensor] | None = None
        if device != "cpu":
            self._on_device = [torch.from_numpy(np.asarray(p)).to(device) for p in self._pixels]
        self._index()

    def _index(self) -> None:
        by_source: dict[str, list[int]] = defaultdict(list)
        clusters: dict[str, list[int]] = defaultdict(list)
        for i, row in enumerate(self.rows):
            if row.split == "train":
                by_source[row.source].append(i)
                if row.group.startswith("object:"):
                    clusters[without_colour(row.group.removeprefix("object:"))].append(i)
        self.by_source = {s: np.array(v) for s, v in by_source.items() if s in SHARES}
        if not self.by_source:
            raise ValueError("no training pictures: pack or render some first")
        shares = np.array([SHARES[s] for s in self.by_source])
        self.shares = shares / shares.sum()
        self.things = sorted({row.texts[0] for row in self.rows if row.group and row.source not in PLAIN})
        self.clusters = [np.array(v) for v in clusters.values() if len(v) >= _CLUSTER_SIZE]

    def next(self, count: int) -> Batch:
        """`count` pictures; a few clusters show one object in many colours, so that the colour decides."""
        chosen: list[int] = []
        texts: list[str] = []
        shared: list[bool] = []
        for _ in range(min(_CLUSTERS, count // 32) if self.clusters else 0):
            members = self.draw.choice(self.rng.choice(self.clusters), _CLUSTER_SIZE, replace=False)
            chosen += members.tolist()
            texts += [self.rng.choice(self.rows[i].texts[:3]) for i in members]
            shared += [True] * len(members)
        wrong: list[str] = []
        counts = self.draw.multinomial(count - len(chosen), self.shares)
        plain = [self.draw.choice(rows, n) for rows, n in zip(self.by_source.values(), counts, strict=True) if n]
        for i in np.concatenate(plain).tolist() if plain else []:
            text = self._text(self.rows[i])
            chosen.append(i)
            texts.append(self._phrase(self.rows[i], text))
            shared.append(self.rows[i].source in PLAIN or without_colour(text) == text)
            wrong += self._swapped(self.rows[i], text)
        distinct = list(dict.fromkeys(texts + wrong))
        positive = self._positives(chosen, texts, shared, distinct)
        return Batch(self.augmented(chosen), distinct, positive, chosen)

    def chance(self) -> tuple[Any, ...]:
        """The state of every random source, for a checkpoint."""
        return self.rng.getstate(), self.draw.bit_generator.state, self.noise.get_state()

    def restore_chance(self, state: tuple[Any, ...]) -> None:
        own, numpy_state, torch_state = state
        self.rng.setstate(own)
        self.draw.bit_generator.state = numpy_state
        self.noise.set_state(torch_state)

    def _text(self, row: Row) -> str:
        first = row.group and row.source not in PLAIN and self.rng.random() < 0.45
        return row.texts[0] if first else self.rng.choice(row.texts)

    def _phrase(self, row: Row, text: str) -> str:
        return templated(self.rng, text) if row.group and row.source not in PLAIN else text

    def _swapped(self, row: Row, text: str) -> list[str]:
        """For a text with a colour, the same thing in another colour and another thing in this one: wrong answers."""
        thing = without_colour(text)
        if thing == text or row.source in PLAIN:
            return []
        colour = text.removesuffix(thing).strip()
        others = [f"{self.rng.choice(NAMES)} {thing}", f"{colour} {self.rng.choice(self.things)}"]
        return [other for other in others if other not in row.texts]

    def _positives(self, chosen: list[int], texts: list[str], shared: list[bool], distinct: list[str]) -> Tensor:
        """Which text is right for which picture: its own, those of its group, and any that is among its alternatives.

        A text that names a colour is not `shared` by the group: it is right for some cars and wrong for others.
        """
        column = {text: j for j, text in enumerate(distinct)}
        rows = [self.rows[i] for i in chosen]
        groups: dict[str, int] = {}
        own = torch.tensor([column[t] for t in texts])
        group = torch.tensor(
            [groups.setdefault(r.group or f"#{i}", len(groups)) for i, r in zip(chosen, rows, strict=True)]
        )
        same = ((group[:, None] == group[None, :]) & torch.tensor(shared)[None, :]).float()
        same.fill_diagonal_(1)
        positive = torch.zeros(len(rows), len(distinct)).index_add_(1, own, same).clamp(max=1)
        for i, row in enumerate(rows):
            for text in row.texts:
                if text in column:
                    positive[i, column[text]] = 1
        return positive.to(self.device)

    def gather(self, chosen: Sequence[int]) -> Tensor:
        """uint8 `(n, PACKED, PACKED, 3)` on the device."""
        at = np.asarray(chosen)
        part = np.searchsorted(self._starts, at, side="right") - 1
        out: Tensor | None = None
        for p in np.unique(part):
            where, inner = np.flatnonzero(part == p), at[part == p] - self._starts[p]
            if self._on_device is not None:
                pixels = self._on_device[p][torch.from_numpy(inner).to(self.device)]
            else:
                pixels = torch.from_numpy(self._pixels[p][inner])
            if out is None:
                out = torch.empty((len(at), *pixels.shape[1:]), dtype=torch.uint8, device=self.device)
            out[torch.from_numpy(where).to(self.device)] = pixels
        assert out is not None
        return out

    def augmented(self, chosen: Sequence[int]) -> Tensor:
        """Random crops, mirror images where that changes no meaning, light and contrast.

        `(n, size, size, 3)` in 0..255.
        """
        mirrored = [not self.rows[i].source.startswith(_NEVER_MIRRORED) for i in chosen]
        x = self.gather(chosen).permute(0, 3, 1, 2).float()
        x = crop(x, torch.tensor(mirrored), self.size, self.noise)
        return relight(x, self.noise).clamp(0, 255).permute(0, 2, 3, 1)


def without_colour(phrase: str) -> str:
    first, _, rest = phrase.partition(" ")
    return rest if first in COLOURS and rest else phrase


def _uniform(shape: tuple[int, ...], low: float, high: float, noise: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=noise) * (high - low) + low


def crop(x: Tensor, may_mirror: Tensor, size: int, noise: torch.Generator) -> Tensor:
    """Boxes of 65 to 100 % of the side, slightly stretched, from `(n, 3, h, w)` to `(n, 3, size, size)`."""
    n = len(x)
    scale, stretch = _uniform((n,), 0.65, 1, noise), _uniform((n,), 0.88, 1.14, noise).sqrt()
    mirror = (torch.rand(n, generator=noise) < 0.5) & may_mirror
    place = torch.zeros(n, 2, 3)
    place[:, 0, 0] = scale * stretch * torch.where(mirror, -1.0, 1.0)
    place[:, 1, 1] = scale / stretch
    place[:, :, 2] = _uniform((n, 2), -1, 1, noise) * (1 - scale)[:, None]
    grid = F.affine_grid(place, [n, 3, size, size], align_corners=False).to(x.device)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def relight(x: Tensor, noise: torch.Generator) -> Tensor:
    """Brightness, contrast and saturation, never hue: the words name colours. Now and then a patch is hidden."""
    n, size = len(x), x.shape[-1]
    gain, lift, colour = (
        _uniform((n, 1, 1, 1), low, high, noise).to(x.device) for low, high in ((0.75, 1.25), (-25, 25), (0.8, 1.2))
    )
    x = x * gain + lift
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * colour
    for i in (torch.rand(n, generator=noise) < 0.25).nonzero().flatten().tolist():
        h, w, y, left, level = torch.rand(5, generator=noise).tolist()
        h, w = int(size * (0.12 + 0.25 * h)), int(size * (0.12 + 0.25 * w))
        top, side = int(y * (size - h)), int(left * (size - w))
        x[i, :, top : top + h, side : side + w] = level * 255
    return x
