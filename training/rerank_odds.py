"""What a reranker's scores mean: for each kind the odds that a thing on the shortlist is the right one.

A reranker trained on pictures against pictures and passages against passages puts the two on scales of their own, and a
search reranks both together. Trains no weights.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.clips import Clip
from training.model import Model
from training.odds import Known, Odds, Rows, asked_for, log_odds, logistic, ranked, sampled_pairs, small_folder
from training.pictures import Packed
from training.rerank import GridPool, Pool, Question, TextPool, picture_pool, score, sound_pool
from training.sound import logmels
from training.texts import TextPairs
from training.tokens import Words, embed_all

_DEPTH = 20  # as the product reranks
_MOST = {"image": 1200, "text": 600, "audio": 300}


@dataclass(frozen=True)
class Readable:
    """Things of one kind as the reranker reads them, the query of each, and what is known of them."""

    pool: Pool
    queries: list[str]
    known: Known


@dataclass(frozen=True)
class Shortlist:
    """The first hits of one query: for each kind its scores `(n,)` and which are right, bool `(n,)`."""

    asked: str
    scores: dict[str, Rows]
    right: dict[str, np.ndarray]


@torch.no_grad()
def readable(
    model: Model,
    words: Words,
    sets: Sequence[Packed],
    passages: TextPairs,
    clips: Sequence[Clip],
    split: str,
    seed: int,
) -> dict[str, Readable]:
    """A sample of pictures, passages and sounds of one split."""
    rng = random.Random(seed)
    found = {"image": _pictures(model, words, sets, split, rng)}
    pairs = sampled_pairs(passages, split, _MOST["text"], rng)
    queries = [p[0] for p in pairs]
    texts = TextPool(model, words, [p[1] for p in pairs])
    found["text"] = Readable(texts, queries, _known(model, words, texts, queries, queries))
    if clips := [c for c in clips if c.row.split == split]:
        clips = rng.sample(clips, min(_MOST["audio"], len(clips)))
        queries = [c.row.texts[0] for c in clips]
        sounds = sound_pool(model, logmels(model.sound, [c.samples for c in clips]))
        found["audio"] = Readable(sounds, queries, _known(model, words, sounds, queries, queries))
    return found


def _pictures(model: Model, words: Words, sets: Sequence[Packed], split: str, rng: random.Random) -> Readable:
    pools: list[GridPool] = []
    queries: list[str] = []
    keys: list[str] = []
    for packed in sets:
        indices = packed.indices(split)
        indices = rng.sample(indices, min(_MOST["image"] // len(sets), len(indices)))
        pools.append(picture_pool(model, packed, indices))
        asked, own = asked_for(packed, indices, rng)
        queries += asked
        keys += own
    together = [torch.cat([getattr(pool, part) for pool in pools]) for part in ("embeddings", "cells")]
    pool = GridPool(model.picture, *together)
    return Readable(pool, queries, _known(model, words, pool, queries, keys))


def _known(model: Model, words: Words, pool: Pool, queries: list[str], keys: list[str]) -> Known:
    texts = embed_all(model.text, words, queries)
    return Known(pool.embeddings.cpu().numpy(), texts.cpu().numpy(), keys)


@torch.no_grad()
def shortlists(
    model: Model, words: Words, kinds: dict[str, Readable], odds: Odds, rounds: int, seed: int
) -> list[Shortlist]:
    """The reranked first hits of queries of every kind over small folders of all kinds."""
    draw = np.random.default_rng(seed)
    sizes, found = {kind: len(one.queries) for kind, one in kinds.items()}, []
    for _ in range(rounds):
        folder = small_folder(sizes, draw)
        for asked, places in folder.items():
            found.append(_shortlist(model, words, kinds, odds, folder, asked, int(draw.choice(places))))
    return found


def _shortlist(
    model: Model, words: Words, kinds: dict[str, Readable], odds: Odds, folder: dict[str, Rows], asked: str, one: int
) -> Shortlist:
    query, key = kinds[asked].queries[one], kinds[asked].known.keys[one]
    scores: dict[str, Rows] = {}
    right: dict[str, np.ndarray] = {}
    for kind, at in ranked({k: r.known for k, r in kinds.items()}, odds, folder, asked, one, _DEPTH).items():
        logits = score(model, words, kinds[kind].pool, [Question(query, int(at[0]), [int(i) for i in at[1:]])])
        scores[kind] = logits[0].cpu().numpy()
        right[kind] = np.array([kind == asked and kinds[kind].known.keys[i] == key for i in at])
    return Shortlist(asked, scores, right)


def measure(found: Sequence[Shortlist]) -> Odds:
    """The odds from shortlists of the train split; a kind that was never right, or always, keeps its scores."""
    lines: Odds = {}
    for kind in sorted({kind for one in found for kind in one.scores}):
        scores = np.concatenate([one.scores[kind] for one in found if kind in one.scores])
        right = np.concatenate([one.right[kind] for one in found if kind in one.right])
        if right.any() and not right.all():
            base, slope = logistic(scores[right], scores[~right], (~right).sum() / right.sum())
            lines[kind] = round(base, 4), round(slope, 4)
    return lines


def figures(found: Sequence[Shortlist], odds: Odds) -> dict[str, Tensor]:
    """Whether the first hit is right, by the reranker's scores as they are and by their odds."""
    hits: dict[str, list[float]] = {}
    for one in found:
        right = np.concatenate(list(one.right.values()))
        placed = {k: log_odds(odds.get(k, (0.0, 1.0)), s) for k, s in one.scores.items()}
        for name, scores in (("scores", one.scores), ("odds", placed)):
            first = right[int(np.concatenate(list(scores.values())).argmax())]
            hits.setdefault(f"mixed folder reranked by {name}, {one.asked} first hit", []).append(float(first))
    return {name: torch.tensor(values) for name, values in hits.items()}
