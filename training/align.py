"""Brings pictures and texts into one space, from features and text embeddings that stay as they are.

A picture's vector adds up two paths into the space of texts. The class path is the mean of the texts' vectors of
ImageNet's classes, weighted by their probabilities (Norouzi et al., "Zero-Shot Learning by Convex Combination of
Semantic Embeddings", 2013). The learned path is what captions teach about the features: colours, actions, scenes,
drawings, screens. Trained by contrast of pictures with their captions (Radford et al., "Learning Transferable Visual
Models From Natural Language Supervision", 2021); so that the classes are not forgotten, pictures must also place
themselves among the classes' names as the backbone does, and among words of captions.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training import checkpoints
from training.backbone import FEATURES
from training.dual import falling_rate
from training.features import View

DIM = 256
SHARES = {
    "flickr8k224": 0.34,
    "openstax_photos": 0.13,
    "tinyin": 0.12,
    "rendered": 0.1,
    "caltech101": 0.07,
    "daquar": 0.06,
    "vicap": 0.06,
    "emoji": 0.06,
    "pacs": 0.05,
    "solids": 0.05,
    "views": 0.05,
    "openstax_figures": 0.04,
    "openstax_screens": 0.04,
    "ucm": 0.04,
    "houses": 0.03,
    "basedcooking": 0.02,
    "clothing": 0.02,
}
"""How often training takes a picture of each source, in proportion."""
_OTHER_SHARE = 0.01
TOLD = ("flickr8k224", "openstax_photos", "vicap", "daquar")
"""Sources whose captions name most of what is seen, so that a word of them finds its pictures."""
_HIDDEN, _TEXT_HIDDEN, _DROPOUT = 1024, 512, 0.4
_BATCH, _RATE = 768, 1e-3
_CLASSES, _WORDS, _KEPT = 0.15, 0.3, 20.0
"""Weights in the loss, beside the contrast: of the classes' names, of words, and of texts that stay where they were."""
_MOST_WORDS, _LEAST_PICTURES = 900, 12
_PLAINEST = 0.3  # how often a picture is shown with the first of its texts
_LEFT_OUT = frozenset(
    re.findall(
        r"\w+",
        "a an the of in on at with and is are to for by from his her their its it this that as into out up down "
        "while over near behind front two three one some other through around who which has have be being there "
        "background foreground wearing standing sitting holding looking next large small picture photo photograph "
        "shows view shown something another top side off them he she they",
    )
)


class Alignment(nn.Module):
    """The two heads over frozen features `(n, WIDTH)` and text embeddings `(n, width)`; both give `(n, dim)`."""

    mean: Tensor
    spread: Tensor

    def __init__(self, classifier: nn.Linear, classes: Tensor, features: Tensor, texts: Tensor, dim: int = DIM) -> None:
        """`classes` are the text embeddings of the classes; `features` and `texts` are samples to start from."""
        super().__init__()
        width, count = texts.shape[1], features.shape[1]
        self.classifier = classifier.requires_grad_(False)
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("spread", features.std(0) + 1e-3)
        self.classes = nn.Parameter(classes.clone())
        self.learned = nn.Sequential(
            nn.Linear(count, _HIDDEN), nn.GELU(), nn.Dropout(_DROPOUT), nn.Linear(_HIDDEN, width)
        )
        self.straight = nn.Linear(count, width, bias=False)
        nn.init.normal_(self.straight.weight, std=0.003)
        self.shares = nn.Parameter(torch.tensor([1.0, 0.5]))
        self.dropout = nn.Dropout(_DROPOUT)
        last = nn.Linear(_TEXT_HIDDEN, width)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.text_moves = nn.Sequential(nn.Linear(width, _TEXT_HIDDEN), nn.GELU(), last)
        _, _, principal = torch.pca_lowrank(texts, q=dim, center=False)
        self.project = nn.Parameter(principal.T.contiguous())

    def probabilities(self, features: Tensor) -> Tensor:
        """Those of the backbone's classes, `(n, CLASSES)`."""
        found: Tensor = self.classifier(features[:, :FEATURES])
        return found.softmax(1)

    def pictures(self, features: Tensor) -> Tensor:
        """Unit embeddings `(n, dim)` of features."""
        named = self.probabilities(features) @ self.classes
        standard = self.dropout(((features - self.mean) / self.spread).clamp(-8, 8))
        learned = self.learned(standard) + self.straight(standard)
        both = self.shares[0] * F.normalize(named, dim=-1) + self.shares[1] * F.normalize(learned, dim=-1)
        return F.normalize(both @ self.project.T, dim=-1)

    def texts(self, embeddings: Tensor) -> Tensor:
        """Unit embeddings `(n, dim)` of the text model's embeddings."""
        return F.normalize((embeddings + self.text_moves(embeddings)) @ self.project.T, dim=-1)


@dataclass(frozen=True)
class Pictures:
    """Features `(n, WIDTH)` in half precision, their views, and the places of the views' texts in a list of texts."""

    features: Tensor
    views: list[View]
    texts: list[list[int]]

    def groups(self) -> Tensor:
        """A number for each view; equal numbers are interchangeable."""
        numbers: dict[str, int] = {}
        keys = (view.group or f"{view.source}:{view.picture}" for view in self.views)
        return torch.tensor([numbers.setdefault(key, len(numbers)) for key in keys])

    def of(self, split: str) -> list[int]:
        """The places of all views of a split."""
        return [place for place, view in enumerate(self.views) if view.split == split]


def words_of(view: View) -> set[str]:
    """The words of a view's captions that name something; none if its source does not tell most of what is seen."""
    if view.source not in TOLD:
        return set()
    words = re.findall(r"[a-z]{3,}", " ".join(view.texts).lower())
    return {word for word in words if word not in _LEFT_OUT}


def frequent_words(views: Sequence[View]) -> list[str]:
    """Words that are said of enough training pictures, the most frequent first."""
    told = Counter(word for view in views if view.split == "train" and not view.view for word in words_of(view))
    return [word for word, count in told.most_common(_MOST_WORDS) if count >= _LEAST_PICTURES]


class AlignRun:
    """Training of the heads for a number of steps; goes on from `path` when made anew."""

    def __init__(
        self, model: Alignment, pictures: Pictures, texts: Tensor, names: Tensor, words: dict[str, Tensor], path: Path
    ) -> None:
        """`texts`, the classes' `names` and `words` are embeddings of the text model."""
        self.model, self.pictures, self.texts, self.names, self.path = model, pictures, texts, names, path
        self.words, self.word_rows = list(words), torch.stack(list(words.values())) if words else texts[:0]
        places = {word: place for place, word in enumerate(self.words)}
        self.told = [sorted(places[w] for w in words_of(v) if w in places) for v in pictures.views]
        self.groups = pictures.groups()
        self.by_source: dict[str, list[int]] = {}
        for place in pictures.of("train"):
            self.by_source.setdefault(pictures.views[place].source, []).append(place)
        self.scales = nn.Parameter(torch.tensor([3.0, 3.0, 2.5]))  # of the contrast, the classes' names, the words
        self.optimiser = torch.optim.AdamW(self._parameters(), lr=_RATE)
        self.step = 0
        if path.exists():
            state = checkpoints.read(path)
            model.load_state_dict(state["weights"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.scales.data, self.step = state["scales"], state["step"]

    def _parameters(self) -> list[dict[str, object]]:
        wide = [self.model.learned[0].weight, self.model.learned[3].weight, self.model.straight.weight]
        slow = {self.model.classes: 0.3, self.model.project: 0.2}
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        rest = [p for p in trained if p not in slow and not any(p is one for one in wide)]
        return [
            {"params": wide, "weight_decay": 0.1, "share": 1.0},
            {"params": [*rest, self.scales], "weight_decay": 0.01, "share": 1.0},
            *({"params": [p], "weight_decay": 0.0, "share": share} for p, share in slow.items()),
        ]

    def train(self, steps: int, seed: int = 0, report: Callable[[str], None] = print) -> None:
        """Until `steps` have been made in all runs together."""
        self.model.train()
        began = time.monotonic()
        while self.step < steps:
            rng = random.Random(seed * 1_000_003 + self.step)
            rate = falling_rate(_RATE, self.step, self.step / steps, 50)
            for group in self.optimiser.param_groups:
                group["lr"] = rate * group["share"]
            torch.manual_seed(rng.randrange(1 << 30))
            loss = self._train_once(rng)
            self.step += 1
            if self.step % 200 == 0 or self.step == steps:
                self._save()
                report(f"align step {self.step} loss {loss:.3f}, {time.monotonic() - began:.0f} s")
        self.model.eval()

    def _train_once(self, rng: random.Random) -> float:
        chosen = self._draw(rng)
        texts = [
            told[0] if rng.random() < _PLAINEST else rng.choice(told)
            for told in (self.pictures.texts[place] for place in chosen)
        ]
        features = self.pictures.features[chosen].float()
        found, said = self.model.pictures(features), self.model.texts(self.texts[texts])
        scales = self.scales.clamp(max=4.2).exp()
        same = self.groups[chosen][:, None] == self.groups[chosen]
        same |= torch.tensor(texts)[:, None] == torch.tensor(texts)
        loss = contrast(scales[0] * found @ said.T, same.float())
        placed = (scales[1] * found @ self.model.texts(self.names).T).log_softmax(1)
        loss = loss + _CLASSES * F.kl_div(placed, self.model.probabilities(features), reduction="batchmean")
        loss = loss + _WORDS * self._word_loss(chosen, found, scales[2]) + _KEPT * self._moved(rng)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return loss.item()

    def _draw(self, rng: random.Random) -> list[int]:
        sources = list(self.by_source)
        shares = [SHARES.get(source, _OTHER_SHARE) for source in sources]
        return [rng.choice(self.by_source[source]) for source in rng.choices(sources, shares, k=_BATCH)]

    def _word_loss(self, chosen: Sequence[int], found: Tensor, scale: Tensor) -> Tensor:
        """Each word must find the pictures of the batch that it is said of."""
        rows = [row for row, place in enumerate(chosen) if self.told[place]]
        if not rows:
            return found.new_zeros(())
        said = torch.zeros(len(rows), len(self.words))
        for row, at in enumerate(rows):
            said[row, self.told[chosen[at]]] = 1
        scores = scale * found[rows] @ self.model.texts(self.word_rows).T
        used = said.sum(0) > 0
        return -((said * scores.log_softmax(0)).sum(0)[used] / said.sum(0)[used]).mean()

    def _moved(self, rng: random.Random) -> Tensor:
        """How much the likeness of texts has changed: passages must go on to find passages."""
        rows = self.texts[rng.choices(range(len(self.texts)), k=512)]
        now = self.model.texts(rows)
        return ((now @ now.T - rows @ rows.T) ** 2).mean()

    def _save(self) -> None:
        state = {"weights": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        checkpoints.write(self.path, state | {"scales": self.scales.data, "step": self.step})


def contrast(scores: Tensor, same: Tensor) -> Tensor:
    """Cross entropy of `(n, n)` scores both ways, spread over all that are the `same`, 0 or 1."""
    rows = -(same * scores.log_softmax(1)).sum(1) / same.sum(1)
    columns = -(same * scores.log_softmax(0)).sum(0) / same.sum(0)
    return (rows.mean() + columns.mean()) / 2


def embedded(texts: Sequence[str], embed: Callable[[Sequence[str]], np.ndarray], path: Path) -> Tensor:
    """Embeddings of texts in single precision, kept in `path` for the next time if they are still the same texts."""
    listing = path.with_suffix(".txt")
    listed = "\n".join(text.replace("\n", " ") for text in texts)
    if not (listing.exists() and listing.read_text() == listed):
        np.save(path, embed(texts))
        listing.write_text(listed)
    return torch.from_numpy(np.load(path)).float()
