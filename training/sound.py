"""Trains the sound tower into the space of the finished text tower, which stays as it is.

Knows nothing of where sounds come from, and of pictures only that the tower starts from their trunk.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.clips import Clip
from training.dual import falling_rate, grouped_parameters
from training.evaluate import share
from training.model import Model
from training.tokens import Words, embed, embed_all
from training.towers import SoundTower

_STRANGERS = 128  # texts a step that no sound is about
_TEMPLATES = ("{}", "{}", "sound of {}", "the sound of {}", "{} sound", "audio recording of {}")


@torch.no_grad()
def logmels(tower: SoundTower, samples: Sequence[NDArray[np.float32]]) -> Tensor:
    """Log-mel maps `(n, 1, BANDS, FRAMES)` of clips, on the tower's device."""
    device = tower.project.weight.device
    parts = [
        tower.logmel(torch.from_numpy(np.stack(samples[i : i + 50])).to(device)) for i in range(0, len(samples), 50)
    ]
    return torch.cat(parts)


class SoundRun:
    """Training of the sound tower against fixed texts."""

    def __init__(
        self,
        model: Model,
        words: Words,
        clips: Sequence[Clip],
        seed: int,
        batch: int = 64,
        rate: float = 1e-3,
        strangers: Sequence[str] = (),
    ) -> None:
        """`strangers` are texts about pictures and passages.

        Sounds learn to keep away from those that share no word with the name of any sound.
        """
        self.model, self.words, self.batch, self.rate = model, words, batch, rate
        self.rng, self.noise = random.Random(seed), torch.Generator().manual_seed(seed)
        self.tower: SoundTower = model.sound
        self.rows = [c.row for c in clips]
        self.maps = logmels(self.tower, [c.samples for c in clips])
        self.names = sorted({t for r in self.rows for t in r.texts})
        column = {name: j for j, name in enumerate(self.names)}
        self.wanted = torch.zeros(len(self.rows), len(self.names))
        for i, row in enumerate(self.rows):
            for k, text in enumerate(row.texts):
                # The first name says it best; wider words follow it at a distance.
                self.wanted[i, column[text]] = 1.0 if k == 0 else 0.4
        self.wanted = (self.wanted / self.wanted.sum(1, keepdim=True)).to(self.maps.device)
        self.bank = self._bank()
        heard = {word for name in self.names for word in name.split()}
        apart = [text for text in strangers if heard.isdisjoint(text.lower().split())]
        self.strangers = embed_all(model.text, words, apart)
        self.scale = nn.Parameter(torch.tensor(math.log(14.0), device=self.maps.device))
        groups = [
            *grouped_parameters(nn.ModuleList([self.tower.trunk, self.tower.project]), 0.05),
            {"params": [self.scale], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=rate)

    @torch.no_grad()
    def _bank(self) -> Tensor:
        """Embeddings `(templates, names, dim)`."""
        self.model.eval()
        return torch.stack([embed(self.model.text, self.words, [t.format(n) for n in self.names]) for t in _TEMPLATES])

    def train(self, minutes: float = 0, steps: int = 0, report: Callable[[str], None] = print) -> None:
        """For a time or a number of steps, whichever is given."""
        train = [i for i, r in enumerate(self.rows) if r.split == "train"]
        by_name: dict[str, int] = {}
        for i in train:
            by_name[self.rows[i].texts[0]] = by_name.get(self.rows[i].texts[0], 0) + 1
        weights = [by_name[self.rows[i].texts[0]] ** -0.6 for i in train]
        began, step, done = time.monotonic(), 0, 0.0
        self.tower.train()
        while done < 1:
            for group in self.optimiser.param_groups:
                group["lr"] = falling_rate(self.rate, step, done, 30)
            loss = self._step(self.rng.choices(train, weights, k=self.batch))
            step += 1
            done = step / steps if steps else (time.monotonic() - began) / 60 / minutes
            if step % 50 == 0:
                report(f"sound step {step} loss {loss:.3f}")
        self.tower.eval()

    def _step(self, chosen: Sequence[int]) -> float:
        x, wanted = self._augmented(self.maps[list(chosen)]), self.wanted[list(chosen)]
        if self.rng.random() < 0.5:
            share, other = self.rng.betavariate(0.3, 0.3), torch.randperm(len(x), generator=self.noise)
            x, wanted = share * x + (1 - share) * x[other], share * wanted + (1 - share) * wanted[other]
        found, _ = self.tower.embed_maps(x)
        apart = self.strangers[torch.randperm(len(self.strangers), generator=self.noise)[:_STRANGERS]]
        texts = torch.cat([self.rng.choice(list(self.bank)), apart])
        scores = self.scale.exp().clamp(max=60) * found @ texts.T
        loss = -(wanted * scores.log_softmax(1)[:, : len(self.names)]).sum(1).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return float(loss.item())

    def _augmented(self, x: Tensor) -> Tensor:
        """Turned in time, with a stripe of frequencies and one of time hidden."""
        x = x.clone()
        bands, frames = x.shape[2:]
        for one in x:
            one.copy_(one.roll(self.rng.randrange(frames), 2))
            low, late = self.rng.randrange(bands - 8), self.rng.randrange(frames - 40)
            one[:, low : low + self.rng.randrange(10)] = 0
            one[:, :, late : late + self.rng.randrange(40)] = 0
        return x

    @torch.no_grad()
    def evaluate(self) -> dict[str, tuple[float, float]]:
        """Naming held-out sounds: all of them among all first names, and those of ESC-10 among its ten."""
        self.tower.eval()
        held = [i for i, r in enumerate(self.rows) if r.split == "val"]
        found = torch.cat([self.tower.embed_maps(self.maps[held[i : i + 50]])[0] for i in range(0, len(held), 50)])
        figures = {}
        for source in sorted({self.rows[i].source for i in held}):
            at = [k for k, i in enumerate(held) if self.rows[i].source == source]
            names = sorted({self.rows[held[k]].texts[0] for k in at})
            if len(names) > 1:
                bank = embed(self.model.text, self.words, names)
                right = torch.tensor([names.index(self.rows[held[k]].texts[0]) for k in at])
                figures[f"{source} sounds top-1 of {len(names)}"] = share((found[at] @ bank.T).argmax(1).cpu() == right)
        firsts = sorted({self.rows[i].texts[0] for i in held})
        right = torch.tensor([firsts.index(self.rows[i].texts[0]) for i in held])
        scores = found @ embed(self.model.text, self.words, firsts).T
        figures[f"all sounds top-1 of {len(firsts)}"] = share(scores.argmax(1).cpu() == right)
        return figures
