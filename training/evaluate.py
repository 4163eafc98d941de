"""Figures of a trained model on what it never saw: naming pictures, finding them, and finding texts.

Every figure is a share with its 95 % interval half-width, so that two runs can be told apart. Trains nothing.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training import screens
from training.model import Model
from training.pictures import Packed
from training.synthetic import RENDERED
from training.texts import PASSAGES, TextPairs
from training.tokens import Words, embed_all
from training.towers import MIDDLE

Figures = dict[str, float]
_LABELLED = ("tinyin", "caltech101", "intel", "clothing", "grocery", "houses", "popanimals", "vehicles")
_POOL = 2000  # passages in a text search


def share(hits: Tensor) -> tuple[float, float]:
    """The mean of 0/1 values and the half-width of its 95 % interval."""
    mean, n = hits.float().mean().item(), len(hits)
    return round(mean, 4), round(1.96 * math.sqrt(max(mean * (1 - mean), 1e-4) / n), 4)


def recall(queries: Tensor, items: Tensor, relevant: Tensor, k: int = 10) -> Tensor:
    """0/1 for each query: is any of its relevant items, bool `(queries, items)`, among the first `k`?"""
    best = (queries @ items.T).topk(min(k, len(items)), 1).indices
    return relevant.gather(1, best).any(1)


@torch.no_grad()
def embed_pictures(model: Model, packed: Packed, indices: Sequence[int]) -> Tensor:
    """Unit embeddings `(n, dim)` of packed pictures: the mean of a look at the whole and one at the middle."""
    size, found = model.shape.image_size, []
    for first in range(0, len(indices), 250):
        looks = [resized(packed, indices[first : first + 250], size, share) for share in (1.0, MIDDLE)]
        rows = [model.picture.embed_normalised(model.picture.normalise(x.to(model.log_scale.device)))[0] for x in looks]
        found.append(F.normalize(rows[0] + rows[1], dim=-1).cpu())
    return torch.cat(found)


def resized(packed: Packed, indices: Sequence[int], size: int, share: float = 1.0) -> Tensor:
    """The middle `share` of packed pictures as the product shows it to the model: `(n, size, size, 3)` in 0..255."""
    x = torch.from_numpy(packed.pixels[np.asarray(indices)]).permute(0, 3, 1, 2).float()
    edge = round(x.shape[2] * (1 - share) / 2)
    x = x[:, :, edge : x.shape[2] - edge, edge : x.shape[3] - edge]
    return F.interpolate(x, (size, size), mode="bilinear", antialias=True).clamp(0, 255).permute(0, 2, 3, 1)


def by_words(held: Sequence[tuple[str, ...]], k: int = 10) -> Tensor:
    """0/1 for each pair: does BM25 over stems find its passage among the first `k`? The bar to be measured by."""
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute("CREATE VIRTUAL TABLE passages USING fts5(body, tokenize='porter')")
        base.executemany("INSERT INTO passages(rowid, body) VALUES (?, ?)", [(i, p[1]) for i, p in enumerate(held)])
        find = "SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY bm25(passages) LIMIT ?"
        hits = []
        for pair in held:
            words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", pair[0]))
            found = base.execute(find, (words, k)).fetchall() if words else []
            hits.append(any(held[i][1] == pair[1] for (i,) in found))
    return torch.tensor(hits)


class Evaluation:
    """All figures of one model over packed sets and text pairs."""

    def __init__(self, model: Model, words: Words, sets: Sequence[Packed], pairs: Sequence[TextPairs]) -> None:
        self.model, self.words, self.sets, self.pairs = model.eval(), words, list(sets), list(pairs)
        self.figures: dict[str, tuple[float, float]] = {}

    @torch.no_grad()
    def texts(self, texts: Sequence[str]) -> Tensor:
        return embed_all(self.model.text, self.words, texts).cpu()

    def run(self) -> dict[str, tuple[float, float]]:
        """Every figure there is data for, by name."""
        for packed in self.sets:
            sources = sorted({r.source for r in packed.rows if r.split == "val"})
            for name in sources:
                _BY_SOURCE.get(name, Evaluation._captioned)(self, packed, name)
            if shots := [i for i in packed.indices("val") if packed.rows[i].source.startswith("ms_")]:
                self._by_first_text(packed, shots, "screenshots")
                self._screens(packed, shots)
        for pairs in self.pairs:
            self._text_search(pairs)
        return self.figures

    def _classes(self, packed: Packed, source: str) -> None:
        """Naming each picture among the classes, and finding a picture of each class."""
        indices = packed.indices("val", source)
        names = {packed.rows[i].group: packed.rows[i].texts[0] for i in indices}
        groups = list(names)
        pictures, texts = embed_pictures(self.model, packed, indices), self.texts(list(names.values()))
        label = torch.tensor([groups.index(packed.rows[i].group) for i in indices])
        self.figures[f"{source} top-1 of {len(groups)}"] = share((pictures @ texts.T).argmax(1) == label)
        relevant = torch.arange(len(groups))[:, None] == label[None, :]
        self.figures[f"{source} class to picture R@10 of {len(indices)}"] = share(recall(texts, pictures, relevant))

    def _captioned(self, packed: Packed, source: str) -> None:
        indices = packed.indices("val", source)
        if not source.startswith("ms_") and len(indices) > 20:
            self._by_first_text(packed, indices, source)

    def _by_first_text(self, packed: Packed, indices: Sequence[int], name: str) -> None:
        """Each picture's first text must find it, or one with the very same text."""
        pictures = embed_pictures(self.model, packed, indices)
        texts = [packed.rows[i].texts[0] for i in indices]
        same = torch.tensor([[a == b for b in texts] for a in texts])
        self.figures[f"{name} R@10 of {len(indices)}"] = share(recall(self.texts(texts), pictures, same))

    def _screens(self, packed: Packed, indices: Sequence[int]) -> None:
        """How many of the first ten are what a plain name such as "error message" asks for, over all such names."""
        pictures = embed_pictures(self.model, packed, indices)
        told = [screens.kinds([t for t in packed.rows[i].texts if t not in screens.KINDS]) for i in indices]
        names = [n for n in screens.KINDS if sum(n in t for t in told) >= 10]
        right = torch.tensor([[name in t for t in told] for name in names])
        best = (self.texts(names) @ pictures.T).topk(10, 1).indices
        for name, hits in zip(names, right.gather(1, best), strict=True):
            self.figures[f"screenshots of {name}, right among the first 10"] = share(hits)
        self.figures["screenshots by plain name, right among the first 10"] = share(right.gather(1, best).flatten())
        self.figures["screenshots by plain name, right by chance"] = share(right.flatten())

    def _rendered(self, packed: Packed, source: str) -> None:
        """Each group's plainest text must find one of its pictures; and colours must stay with their objects."""
        indices = packed.indices("val", source)
        pictures = embed_pictures(self.model, packed, indices)
        groups = [packed.rows[i].group for i in indices]
        names = {packed.rows[i].group: packed.rows[i].texts[0] for i in indices if packed.rows[i].group}
        if not names:
            self._by_first_text(packed, indices, source)
            return
        relevant = torch.tensor([[g == other for other in groups] for g in names])
        texts = self.texts(list(names.values()))
        self.figures[f"{source} R@10 of {len(indices)}"] = share(recall(texts, pictures, relevant))
        objects = torch.tensor([g.startswith("object:") for g in names])
        if objects.any():
            one = recall(texts[objects], pictures, relevant[objects], 1)
            self.figures[f"{source} coloured object first of all"] = share(one)

    def _text_search(self, pairs: TextPairs) -> None:
        """The asking side must find the other among `_POOL`; for glosses, the gloss must find its word."""
        held = pairs.val[:_POOL]
        if pairs.name == PASSAGES:
            self.figures[f"{pairs.name} R@10 of {len(held)}, BM25"] = share(by_words(held))
        asked, found = (1, 0) if pairs.name == "glosses" else (0, 1)
        queries, items = self.texts([t[asked] for t in held]), self.texts([t[found] for t in held])
        same = torch.tensor([[a[found] == b[found] for b in held] for a in held])
        self.figures[f"{pairs.name} R@10 of {len(held)}"] = share(recall(queries, items, same))

    def background(self) -> Figures:
        """Mean and spread of the cosine of things that do not belong together: what "unrelated" looks like."""
        packed = self.sets[0]
        draw = np.random.default_rng(0)
        indices = draw.choice(packed.indices("val"), 1000).tolist()
        pictures = embed_pictures(self.model, packed, indices)
        queries = self.texts([packed.rows[i].texts[0] for i in indices])
        out: Figures = {}
        for name, a, b in (
            ("text-picture", queries, pictures),
            ("text-text", queries, queries),
            ("picture-picture", pictures, pictures),
        ):
            cosine = (a @ b[torch.randperm(len(b), generator=torch.Generator().manual_seed(0))].T).flatten()
            out |= {f"{name} mean": round(cosine.mean().item(), 4), f"{name} sd": round(cosine.std().item(), 4)}
        if held := next((p.val[:1000] for p in self.pairs if p.name == "headings"), None):
            cosine = self.texts([t[0] for t in held]) @ self.texts([t[1] for t in held]).T
            apart = cosine[~torch.eye(len(held), dtype=torch.bool)]
            out |= {
                "query-passage mean": round(apart.mean().item(), 4),
                "query-passage sd": round(apart.std().item(), 4),
            }
            out |= {"query-own passage mean": round(cosine.diagonal().mean().item(), 4)}
        return out


_BY_SOURCE: dict[str, Callable[[Evaluation, Packed, str], None]] = {
    **dict.fromkeys(_LABELLED, Evaluation._classes),
    "sroie": lambda *_: None,
    **dict.fromkeys(RENDERED, Evaluation._rendered),
}
