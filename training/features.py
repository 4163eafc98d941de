"""What a picture shows, in numbers that training keeps: computed once for each view of each picture.

EfficientNet-Lite0 sees what things are, and forgets their colours; so the colours of the picture are counted beside
it: everywhere, in the middle, and where the network found what it recognised. Nothing here is trained.
"""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from training import backbone, pictures
from training.backbone import FEATURES, SIZE
from training.render import kinds

_LEVELS = (0.0, 85.0, 170.0, 255.0)
COLOURS = len(_LEVELS) ** 3
_SOFTNESS = 40.0
"""Standard deviation in levels of 255 by which a pixel counts for the colours around it."""
_COLOUR_STEP = 4  # colours are counted in means of so many pixels a side
_CELLS, _MIDDLE = 7, 28
_LAYOUT = 28
WIDTH = FEATURES + 2 * (24 + 40 + 112 + 320) + 3 * COLOURS + 3 * (SIZE // _LAYOUT) ** 2
"""Length of the features of one view."""
_BATCH = 32


class PictureFeatures(nn.Module):
    """uint8 pixels `(n, SIZE, SIZE, 3)` to features `(n, WIDTH)`.

    In this order: the mean of the network's last map, which its classifier reads; mean and maximum of four earlier
    maps; shares of `COLOURS` colours in the whole, where the recognised thing is, and in the middle; mean colours of
    8 x 8 cells.
    """

    centres: Tensor

    def __init__(self, network: backbone.EfficientNetLite0) -> None:
        super().__init__()
        self.network = network
        levels = torch.tensor(_LEVELS)
        grid = torch.meshgrid(levels, levels, levels, indexing="ij")
        self.register_buffer("centres", torch.stack(grid, -1).flatten(0, 2), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        taps, last = self.network(backbone.normalise(pixels))
        pooled = last.mean((2, 3))
        levels = pixels.float().permute(0, 3, 1, 2)
        shares = self._colours(F.avg_pool2d(levels, _COLOUR_STEP))
        cells = F.avg_pool2d(shares, shares.shape[-1] // _CELLS).flatten(2)
        edge = (shares.shape[-1] - _MIDDLE) // 2
        middle = shares[:, :, edge : edge + _MIDDLE, edge : edge + _MIDDLE].mean((2, 3))
        found = (cells * self._salience(pooled, last)).sum(2)
        layout = F.avg_pool2d(levels, _LAYOUT).flatten(1) / 128 - 1
        early = [number for tap in taps for number in (tap.mean((2, 3)), tap.amax((2, 3)))]
        return torch.cat([pooled, *early, cells.mean(2), found, middle, layout], 1)

    def _colours(self, levels: Tensor) -> Tensor:
        """Pixels `(n, 3, h, w)` in 0..255 to their shares of the colours, `(n, COLOURS, h, w)`."""
        centres = self.centres
        across = F.conv2d(levels, centres[:, :, None, None])
        squares = (levels**2).sum(1, keepdim=True) + (centres**2).sum(1)[:, None, None]
        return ((2 * across - squares) / (2 * _SOFTNESS**2)).softmax(1)

    def _salience(self, pooled: Tensor, last: Tensor) -> Tensor:
        """`(n, 1, cells)`: where the evidence for what the classifier names lies; sums to 1."""
        wanted = self.network.classify(pooled).softmax(1) @ self.network._fc.weight
        evidence = F.relu((last * wanted[:, :, None, None]).sum(1)).flatten(1)
        return (evidence / (evidence.sum(1, keepdim=True) + 1e-6)).unsqueeze(1)


@dataclass(frozen=True)
class View:
    """One view of one picture: alternatives for its text, the first being the plainest.

    Equal non-empty groups are interchangeable; `picture` counts the pictures of a source.
    """

    source: str
    texts: tuple[str, ...]
    split: str
    group: str
    picture: int
    view: int


Job = tuple[View, Image.Image]


def archive_jobs(archive: Path, views: int) -> Iterator[Job]:
    """The pictures of an archive with a `captions.csv`: of train pictures the plain view and `views - 1` others."""
    with zipfile.ZipFile(archive) as opened:
        for number, (file, row) in enumerate(pictures.read_captions(archive)):
            if row.texts:
                data = opened.read(file)
                for view in range(views if row.split == "train" else 1):
                    # Opened for each view, as threads decode them.
                    yield View(row.source, row.texts, row.split, row.group, number, view), Image.open(io.BytesIO(data))


def drawn_jobs(family: str, count: int, held_out: int, seed: int) -> Iterator[Job]:
    """Rendered pictures of a family, of the size that the network sees."""
    for place, (number, split) in enumerate(pictures.seeds(count, held_out, seed)):
        drawn = kinds.render(number, None, family, SIZE)
        yield View(family, tuple(drawn.texts), split, drawn.group, place, 0), drawn.image


def seen(picture: Image.Image, seed: int | None) -> NDArray[np.uint8]:
    """`(SIZE, SIZE, 3)`: the whole picture squashed, or by a `seed` a part of it, mirrored or of low resolution."""
    picture = pictures.on_white(picture)
    if seed is not None:
        picture = _varied(picture, random.Random(seed))
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def _varied(picture: Image.Image, rng: random.Random) -> Image.Image:
    side, aspect = rng.uniform(0.5, 1.0) ** 0.5, rng.uniform(0.85, 1.18)
    width = min(picture.width, max(8, int(picture.width * side * aspect)))
    height = min(picture.height, max(8, int(picture.height * side / aspect)))
    left, top = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
    picture = picture.crop((left, top, left + width, top + height))
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.3:
        low = rng.randint(64, 160)
        picture = picture.resize((low, low), Image.Resampling.BILINEAR)
    return picture


@torch.inference_mode()
def compute(network: PictureFeatures, jobs: Iterable[Job]) -> tuple[NDArray[np.float16], list[View]]:
    """Features `(n, WIDTH)` of all jobs, and their views."""
    rows: list[NDArray[np.float16]] = []
    views: list[View] = []
    with ThreadPoolExecutor(2) as pool:
        for batch in _batches(jobs):
            pixels = list(pool.map(lambda job: seen(job[1], _seed(job[0])), batch))
            rows.append(network(torch.from_numpy(np.stack(pixels))).half().numpy())
            views += [view for view, _ in batch]
    return np.concatenate(rows) if rows else np.empty((0, WIDTH), np.float16), views


def _seed(view: View) -> int | None:
    return view.picture * 10 + view.view if view.view else None


def _batches(jobs: Iterable[Job]) -> Iterator[Sequence[Job]]:
    batch: list[Job] = []
    for job in jobs:
        batch.append(job)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def save(folder: Path, name: str, features: NDArray[np.float16], views: Sequence[View]) -> None:
    """Write `NAME.npy` and `NAME.jsonl`; the second comes last, so its presence means that the set is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{name}.npy", features)
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(asdict(view)) + "\n" for view in views))


def load(folder: Path, name: str) -> tuple[NDArray[np.float16], list[View]]:
    """What `save` wrote; raises FileNotFoundError where a set was never finished."""
    lines = (folder / f"{name}.jsonl").read_text().splitlines()
    views = [View(**{**entry, "texts": tuple(entry["texts"])}) for entry in map(json.loads, lines)]
    return np.load(folder / f"{name}.npy"), views
