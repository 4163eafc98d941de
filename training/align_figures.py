"""Figures of aligned pictures and texts on what was held out: naming pictures, and finding them by their captions.

Each is a share with the half-width of its 95 % interval.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.align import TOLD, Alignment, Pictures, words_of
from training.evaluate import recall, share

PHOTOGRAPHS = (*TOLD, "basedcooking", "houses")
"""Sources whose held-out photographs are searched together."""
CLASSES = ("caltech101", "clothing", "houses", "pacs", "tinyin")
"""Sources of which each picture shows one thing, which its group stands for."""
_BATCH = 512
_COMMON, _RARE, _FREQUENT = 300, 5, 120


@torch.no_grad()
def figures(
    model: Alignment, pictures: Pictures, texts: Tensor, words: dict[str, Tensor]
) -> dict[str, tuple[float, float]]:
    """Every figure there are held-out pictures for, by name."""
    held = pictures.of("val")
    found = torch.cat(
        [model.pictures(pictures.features[held[i : i + _BATCH]].float()) for i in range(0, len(held), _BATCH)]
    )
    evaluation = _Evaluation(model, pictures, texts, dict(zip(held, found, strict=True)))
    sources = sorted({pictures.views[place].source for place in held})
    told: dict[str, tuple[float, float]] = {}
    for source in sources:
        told |= evaluation.classes(source) if source in CLASSES else evaluation.captions(source)
    return told | evaluation.words(words)


class _Evaluation:
    def __init__(self, model: Alignment, pictures: Pictures, texts: Tensor, found: dict[int, Tensor]) -> None:
        self.model, self.pictures, self.texts, self.found = model, pictures, texts, found
        self.groups = pictures.groups()
        self.pool = [place for place in found if pictures.views[place].source in PHOTOGRAPHS]

    def _of(self, source: str) -> list[int]:
        return [place for place in self.found if self.pictures.views[place].source == source]

    def _rows(self, places: list[int]) -> Tensor:
        return torch.stack([self.found[place] for place in places])

    def _first_texts(self, places: list[int]) -> Tensor:
        return torch.tensor([self.pictures.texts[place][0] for place in places])

    def captions(self, source: str) -> dict[str, tuple[float, float]]:
        """The first text of each picture must find it, or one that is the same, among its source or the photographs."""
        asked = self._of(source)
        pool = self.pool if source in PHOTOGRAPHS else asked
        said, there = self._first_texts(asked), self._first_texts(pool)
        relevant = (said[:, None] == there) | (self.groups[asked][:, None] == self.groups[pool])
        queries, items = self.model.texts(self.texts[said]), self._rows(pool)
        return {f"{source} R@{k} of {len(pool)}": share(recall(queries, items, relevant, k)) for k in (1, 10)}

    def classes(self, source: str) -> dict[str, tuple[float, float]]:
        """Each picture is named among the classes of its source, and finds others of its class."""
        places = self._of(source)
        label = torch.unique(self.groups[places], return_inverse=True)[1]
        first = [int((label == number).nonzero()[0]) for number in range(int(label.max()) + 1)]
        names, rows = self.model.texts(self.texts[self._first_texts([places[i] for i in first])]), self._rows(places)
        told = {f"{source} top-1 of {len(first)}": share((rows @ names.T).argmax(1) == label)}
        likeness = (rows @ rows.T).fill_diagonal_(-1)
        nearest = label[likeness.argmax(1)] == label
        return told | {f"{source} picture to picture, first right": share(nearest)}

    def words(self, words: dict[str, Tensor]) -> dict[str, tuple[float, float]]:
        """One-word queries over the photographs: a picture is right if a caption of it has the word."""
        told = [words_of(self.pictures.views[place]) for place in self.pool]
        often = {word: sum(word in one for one in told) for word in list(words)[:_COMMON]}
        asked = [word for word, count in often.items() if _RARE <= count <= _FREQUENT]
        if not asked:
            return {}
        queries = self.model.texts(torch.stack([words[word] for word in asked]))
        right = torch.tensor([[word in one for one in told] for word in asked])
        best = right.gather(1, (queries @ self._rows(self.pool).T).topk(min(10, len(self.pool)), 1).indices)
        return {"one word, first right": share(best[:, 0]), "one word, right among ten": share(best.flatten())}
