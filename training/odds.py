"""What a model's scores mean: the odds that a thing of each kind is what a text asks for, from their cosine.

Pictures, passages and sounds live at different distances from the texts that ask for them, so a search that ranks them
together ranks them by these odds. They are those of single pairs, with which the odds of the reranker are measured; the
odds of a hit in a folder, beside words and names, are fitted by `relevance.py`. Trains no weights.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import checkpoints
from training.clips import Clip
from training.evaluate import embed_pictures
from training.model import Model
from training.pictures import Packed
from training.sound import logmels
from training.texts import TextPairs
from training.tokens import Words, embed_all

_ASKED, _ALIKE = 1200, 60  # matched pairs, and unmatched things for each query
_MOST_OF_ONE_SOURCE, _MOST_PASSAGES = 250, 2000
_NEWTON_STEPS, _RIDGE = 30, 1e-3
_FOLDER = {"image": 75, "text": 60, "audio": 20}
_ROUNDS, _FIRST = 200, 5

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Known:
    """Things of one kind with one text each, as unit rows `(n, dim)`; things of an equal key are interchangeable."""

    things: Rows
    texts: Rows
    keys: list[str]


Odds = dict[str, tuple[float, float]]
"""For each kind the base and slope of the log-odds, as a line over the cosine."""


@torch.no_grad()
def known(
    model: Model,
    words: Words,
    sets: Sequence[Packed],
    passages: TextPairs,
    clips: Sequence[Clip],
    split: str,
    seed: int,
) -> dict[str, Known]:
    """Pictures of every source, passages and sounds of one split."""
    rng = random.Random(seed)
    found = {"image": _pictures(model, words, sets, split, rng)}
    pairs = sampled_pairs(passages, split, _MOST_PASSAGES, rng)
    keys = [p[0] for p in pairs]
    found["text"] = Known(_texts(model, words, [p[1] for p in pairs]), _texts(model, words, keys), keys)
    clips = [c for c in clips if c.row.split == split]
    if clips:
        keys = [c.row.texts[0] for c in clips]
        found["audio"] = Known(_sounds(model, clips), _texts(model, words, keys), keys)
    return found


def sampled_pairs(passages: TextPairs, split: str, most: int, rng: random.Random) -> list[tuple[str, ...]]:
    """Headings with their passages, but for those that are the same."""
    pairs = [p for p in (passages.train if split == "train" else passages.val) if p[0] != p[1]]
    return rng.sample(pairs, min(most, len(pairs)))


def asked_for(packed: Packed, indices: Sequence[int], rng: random.Random) -> tuple[list[str], list[str]]:
    """What each picture is asked for by, and its key."""
    rows = [packed.rows[i] for i in indices]
    queries = [row.texts[0] if row.group else rng.choice(row.texts) for row in rows]
    return queries, [row.group or f"{row.source}#{i}" for row, i in zip(rows, indices, strict=True)]


def _pictures(model: Model, words: Words, sets: Sequence[Packed], split: str, rng: random.Random) -> Known:
    things: list[Tensor] = []
    texts: list[str] = []
    keys: list[str] = []
    for packed in sets:
        for source in sorted({row.source for row in packed.rows}):
            indices = packed.indices(split, source)
            indices = rng.sample(indices, min(_MOST_OF_ONE_SOURCE, len(indices)))
            if indices:
                things.append(embed_pictures(model, packed, indices))
                queries, own = asked_for(packed, indices, rng)
                texts += queries
                keys += own
    return Known(torch.cat(things).numpy(), _texts(model, words, texts), keys)


def _texts(model: Model, words: Words, texts: Sequence[str]) -> Rows:
    rows: Rows = embed_all(model.text, words, texts).cpu().numpy()
    return rows


def _sounds(model: Model, clips: Sequence[Clip]) -> Rows:
    maps = logmels(model.sound, [c.samples for c in clips])
    parts = [model.sound.embed_maps(maps[i : i + 100])[0] for i in range(0, len(maps), 100)]
    rows: Rows = torch.cat(parts).cpu().numpy()
    return rows


def measure(kinds: dict[str, Known], seed: int) -> Odds:
    """The odds of a model from things of the train split."""
    draw = np.random.default_rng(seed)
    return {kind: _line(kind, kinds, draw) for kind in kinds}


def _line(kind: str, kinds: dict[str, Known], draw: np.random.Generator) -> tuple[float, float]:
    here = kinds[kind]
    asked = draw.permutation(len(here.texts))[:_ASKED]
    right = (here.texts[asked] * here.things[asked]).sum(1)
    wrong = []
    for other, found in kinds.items():
        for i in draw.permutation(len(found.texts))[: _ASKED // len(kinds)]:
            near = draw.permutation(len(here.things))[:_ALIKE]
            if other == kind:
                near = np.array([j for j in near if here.keys[j] != here.keys[i]], np.int64)
            wrong.append(here.things[near] @ found.texts[i])
    base, slope = logistic(right, np.concatenate(wrong))
    return round(base, 4), round(slope, 4)


def log_odds(line: tuple[float, float], scores: Rows) -> Rows:
    """The line over scores of any shape."""
    base, slope = line
    return base + slope * scores


def small_folder(sizes: Mapping[str, int], draw: np.random.Generator) -> dict[str, NDArray[np.int64]]:
    """Places of a few things of each kind, of `sizes` that there are."""
    return {kind: draw.permutation(sizes[kind])[:n] for kind, n in _FOLDER.items() if kind in sizes}


def ranked(
    kinds: dict[str, Known], odds: Odds, folder: dict[str, NDArray[np.int64]], asked: str, one: int, depth: int
) -> dict[str, NDArray[np.int64]]:
    """The first `depth` of a folder by odds for query `one` of a kind, as places of each kind that has any there."""
    scores = {k: log_odds(odds[k], kinds[k].things[at] @ kinds[asked].texts[one]) for k, at in folder.items()}
    least = np.sort(np.concatenate(list(scores.values())))[-depth:][0]
    return {k: at[scores[k] >= least] for k, at in folder.items() if (scores[k] >= least).any()}


def logistic(right: Rows, wrong: Rows, odds: float = 1.0) -> tuple[float, float]:
    """Base and slope of a logistic fit by Newton's method, where the wrong ones together weigh `odds` to 1."""
    x = np.stack([np.ones(len(right) + len(wrong)), np.concatenate([right, wrong])], 1)
    y = np.concatenate([np.ones(len(right)), np.zeros(len(wrong))])
    weight = np.concatenate([np.full(len(right), 1 / len(right)), np.full(len(wrong), odds / len(wrong))])
    weight *= len(y) / weight.sum()
    line = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ line, -30, 30)))
        slope = x.T @ (weight * (y - p)) - _RIDGE * line
        curve = (x * (weight * p * (1 - p))[:, None]).T @ x + _RIDGE * np.eye(2)
        line = line + np.linalg.solve(curve, slope)
    return float(line[0]), float(line[1])


def mixed_search(kinds: dict[str, Known], odds: Odds, seed: int) -> dict[str, Tensor]:
    """Recall@5 of each query over small folders of all kinds, ranked by cosine and by odds, 0 to 1."""
    draw = np.random.default_rng(seed)
    hits: dict[str, list[float]] = {}
    sizes = {kind: len(found.things) for kind, found in kinds.items()}
    for _ in range(_ROUNDS):
        folder = small_folder(sizes, draw)
        for asked, places in folder.items():
            one = int(draw.choice(places))
            right = np.concatenate(
                [[k == asked and kinds[k].keys[i] == kinds[asked].keys[one] for i in at] for k, at in folder.items()]
            )
            cosine = {k: kinds[k].things[at] @ kinds[asked].texts[one] for k, at in folder.items()}
            by_odds = {k: log_odds(odds[k], scores) for k, scores in cosine.items()}
            for name, scores in (("cosine", cosine), ("odds", by_odds)):
                best = right[np.argsort(-np.concatenate(list(scores.values())))[:_FIRST]].sum()
                hits.setdefault(f"mixed folder by {name}, {asked} R@{_FIRST}", []).append(
                    best / min(_FIRST, right.sum())
                )
    return {name: torch.tensor(values) for name, values in hits.items()}


def save(path: Path, model: Model, towers: Odds, reranker: Odds) -> None:
    """Write the model, halved already, with its odds into one checkpoint."""
    checkpoints.save(path, model, checkpoints.halved(model.state_dict()), odds={"towers": towers, "reranker": reranker})


def read(path: Path) -> tuple[Odds, Odds]:
    """The odds of a checkpoint's towers and reranker.

    Raises ValueError where none were measured since its weights last changed.
    """
    found: dict[str, Odds] | None = checkpoints.read(path).get("odds")
    if found is None:
        raise ValueError(f"{path} has no odds: run the stage `odds` first")
    return found["towers"], found["reranker"]
