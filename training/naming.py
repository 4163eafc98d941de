"""Names each picture of a class among all classes of its source: more wrong answers than a batch can hold.

A batch of pictures meets some eighty classes, one text of each. Here each picture meets every class of its source by
its plain name. The names are embedded anew only now and then and take no gradient, so they cost next to nothing.
Knows nothing of towers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from training.pictures import Row

_REFRESH = 20  # steps: the text tower moves slowly
_FEWEST = 3  # a source with fewer classes teaches nothing this way


class Naming:
    """The class names of all sources, and which of them is right for each picture."""

    def __init__(self, rows: Sequence[Row], plain: Sequence[str] = ()) -> None:
        """`plain` sources have whole phrases as texts, and no classes."""
        classes: dict[tuple[str, str], int] = {}
        self.names: list[str] = []
        found = [-1] * len(rows)
        for i, row in enumerate(rows):
            if row.split != "train" or not row.group or row.source in plain:
                continue
            key = (row.source, row.group)
            if key not in classes:
                classes[key] = len(self.names)
                self.names.append(row.texts[0])
            found[i] = classes[key]
        sources = sorted({source for source, _ in classes})
        self.source = torch.tensor([sources.index(source) for source, _ in classes], dtype=torch.int64)
        few = {s for s in range(len(sources)) if (self.source == s).sum() < _FEWEST}
        self.target = torch.tensor([-1 if t < 0 or int(self.source[t]) in few else t for t in found])
        self._bank: Tensor | None = None
        self._age = 0

    def loss(
        self, pictures: Tensor, chosen: Sequence[int], scale: Tensor, embed: Callable[[list[str]], Tensor]
    ) -> Tensor:
        """Mean cross-entropy of the `chosen` rows that have a class, `pictures` `(n, dim)`; 0 when none has."""
        target = self.target[torch.as_tensor(chosen)].to(pictures.device)
        named = target >= 0
        if not bool(named.any()):
            return pictures.new_zeros(())
        if self._bank is None or self._age >= _REFRESH:
            self._bank, self._age = embed(self.names), 0
        self._age += 1
        source = self.source.to(pictures.device)
        scores = scale * pictures[named] @ self._bank.T
        rivals = source[target[named]][:, None] == source[None, :]
        return F.cross_entropy(scores.masked_fill(~rivals, -torch.inf), target[named])
