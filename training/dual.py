"""Trains the picture and text towers together: pictures against their texts.

And texts against texts of the same meaning.

A run is a folder with `last.pt`, from which it goes on where it stopped, `warm.pt`, the same from before the rate fell,
`model.pt`, the averaged weights for use, and `log.jsonl`. Knows nothing of sound, reranking or export.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training import checkpoints
from training.batches import PLAIN, PictureBatches
from training.model import Model
from training.naming import Naming
from training.texts import PASSAGES, TextPairs
from training.tokens import Words, embed, embed_all

_TEXT_SCALE = 20.0  # fixed: a learned one would be pulled apart by the very different text tasks
_TEXT_COUNTS = {"captions": 64, "glosses": 96, "headings": 64}
_TEXT_TURNS = {"captions": 1, "glosses": 2, "headings": 2}  # captions come with every picture as well
_HIGHEST_SCALE = 80.0


@dataclass(frozen=True)
class Settings:
    """How long and how fast; `minutes` bounds a run by its own clock where `samples` is 0.

    The rate stays what it is until the last share of the run, `cooling`, in which it falls to nothing.
    """

    batch: int = 256
    rate: float = 1.5e-3
    samples: int = 0
    minutes: float = 60.0
    warm_steps: int = 200
    cooling: float = 0.2
    weight_decay: float = 0.05
    text_weight: float = 0.7
    naming_weight: float = 0.3
    averaging: float = 0.999
    save_minutes: float = 3.0
    seed: int = 0


def contrastive(
    pictures: Tensor, texts: Tensor, positive: Tensor, scale: Tensor, passages: Tensor | None = None
) -> Tensor:
    """Cross-entropy both ways with several right answers; texts without a picture count as wrong answers alone.

    `passages` are wrong answers to every text.
    """
    scores = scale * pictures @ texts.T
    wanted = positive / positive.sum(1, keepdim=True)
    forward = -(wanted * scores.log_softmax(1)).sum(1).mean()
    asked = positive.sum(0) > 0
    found = positive.T[asked] / positive.T[asked].sum(1, keepdim=True)
    answers = scores.T[asked]
    if passages is not None:
        answers = torch.cat([answers, scale * texts[asked] @ passages.T], 1)
    return (forward - (found * answers.log_softmax(1)[:, : len(pictures)]).sum(1).mean()) / 2


def pairwise(first: Tensor, second: Tensor, pictures: Tensor | None = None) -> Tensor:
    """Cross-entropy both ways where row i of one side belongs to row i of the other; `pictures` belong to none."""
    scores = _TEXT_SCALE * first @ second.T
    target = torch.arange(len(scores), device=scores.device)
    answers = scores if pictures is None else torch.cat([scores, _TEXT_SCALE * first @ pictures.T], 1)
    return (F.cross_entropy(answers, target) + F.cross_entropy(scores.T, target)) / 2


def grouped_parameters(module: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms and embeddings do not."""
    wide = [p for n, p in module.named_parameters() if p.ndim > 1 and "embedding" not in n and p.requires_grad]
    rest = [p for n, p in module.named_parameters() if not (p.ndim > 1 and "embedding" not in n) and p.requires_grad]
    return [{"params": wide, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def falling_rate(rate: float, step: int, done: float, warm: int) -> float:
    """The learning rate when `done` in [0, 1] of a run is over: it rises for `warm` steps, and falls by a cosine."""
    return rate * min(1.0, (step + 1) / warm) * (0.49 * (1 + math.cos(math.pi * done)) + 0.02)


class DualRun:
    """One training run of the two towers."""

    def __init__(
        self,
        folder: Path,
        model: Model,
        batches: PictureBatches,
        pairs: Sequence[TextPairs],
        words: Words,
        settings: Settings,
    ) -> None:
        self.folder, self.model, self.batches, self.words = folder, model, batches, words
        self.pairs = [source for source in pairs for _ in range(_TEXT_TURNS.get(source.name, 1))]
        self.settings = settings
        self.towers = nn.ModuleDict({"picture": model.picture, "text": model.text})
        model.picture.to(memory_format=torch.channels_last)
        groups = grouped_parameters(self.towers, settings.weight_decay)
        groups.append({"params": [model.log_scale], "weight_decay": 0.0})
        self.optimiser = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.98))
        self.average = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.naming = Naming(batches.rows, PLAIN)
        self.rng = random.Random(settings.seed + 1)
        self.step_count, self.seen, self.elapsed, self.loss = 0, 0, 0.0, math.nan
        self.cooled = False

    @property
    def progress(self) -> float:
        """0 at the start, 1 when the run is over."""
        if self.settings.samples:
            return self.seen / self.settings.samples
        return self.elapsed / 60 / self.settings.minutes

    def rate(self) -> float:
        warm = min(1.0, (self.step_count + 1) / self.settings.warm_steps)
        left = max(0.0, 1 - self.progress) / self.settings.cooling if self.settings.cooling else 1.0
        # The square root's form of the fall (Hägele et al. 2024, arXiv 2405.18392) needs fewer samples than a line.
        return self.settings.rate * warm * (1 - math.sqrt(1 - min(1.0, left)))

    def step(self) -> float:
        """One update; returns its loss."""
        self.towers.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        batch = self.batches.next(self.settings.batch)
        pixels = self.model.picture.normalise(batch.pixels).contiguous(memory_format=torch.channels_last)
        pictures, _ = self.model.picture.embed_normalised(pixels)
        texts = embed(self.model.text, self.words, batch.texts)
        scale = self.model.log_scale.exp().clamp(max=_HIGHEST_SCALE)
        if not self.pairs:
            loss = contrastive(pictures, texts, batch.positive, scale)
        else:
            source = self.pairs[self.step_count % len(self.pairs)]
            asking, answers = self._text_batch(source)
            # One search looks among pictures and passages together, so each must learn to lose against the other.
            # Captions and glosses are no such rivals: theirs may well be true of a picture in the batch.
            rivals = source.name == PASSAGES
            loss = contrastive(pictures, texts, batch.positive, scale, answers if rivals else None)
            loss = loss + self.settings.text_weight * pairwise(asking, answers, pictures if rivals else None)
        named = self.naming.loss(pictures, batch.chosen, scale, self._plain_texts)
        loss = loss + self.settings.naming_weight * named
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.towers.parameters(), 1.0)
        self.optimiser.step()
        self._count(len(pictures), loss.item())
        return loss.item()

    def _plain_texts(self, texts: list[str]) -> Tensor:
        return embed_all(self.model.text, self.words, texts)

    def _text_batch(self, source: TextPairs) -> tuple[Tensor, Tensor]:
        """Embeddings of both sides of some pairs, each `(n, dim)`."""
        pairs = source.sample(self.rng, _TEXT_COUNTS.get(source.name, 64))
        both = embed(self.model.text, self.words, [text for pair in pairs for text in pair])
        return both[::2], both[1::2]

    def _count(self, seen: int, loss: float) -> None:
        self.step_count += 1
        self.seen += seen
        self.loss = loss if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * loss
        # A short memory at first, so that the average does not drag the untrained start along.
        keep = min(self.settings.averaging, (1 + self.step_count) / (10 + self.step_count))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                mean = self.average[name]
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - keep)
                else:
                    mean.copy_(value)

    def train(self) -> None:
        """Run to the end, saving now and then.

        Ends early and cleanly when a file named `stop` appears in the folder.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        saved = last = time.monotonic()
        while self.progress < 1 and not (self.folder / "stop").exists():
            if not self.cooled and self.progress >= 1 - self.settings.cooling:
                self.save()
                # A longer run goes on from here: what has cooled down learns slowly ever after.
                shutil.copyfile(self.folder / "last.pt", self.folder / "warm.pt")
                self.cooled = True
            self.step()
            now = time.monotonic()
            self.elapsed, last = self.elapsed + now - last, now
            if self.step_count % 25 == 0:
                self._log()
            if now - saved > self.settings.save_minutes * 60:
                self.save()
                saved = now
        self.save()

    def _log(self) -> None:
        scale = self.model.log_scale.exp().item()
        entry = {"step": self.step_count, "seen": self.seen, "loss": round(self.loss, 4), "scale": round(scale, 2)}
        entry |= {"minutes": round(self.elapsed / 60, 2), "rate": self.rate()}
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(entry) + "\n")

    def save(self) -> None:
        """Write `model.pt` (averaged weights) and then `last.pt` (all that is needed to go on)."""
        checkpoints.save(self.folder / "model.pt", self.model, self.average, seen=self.seen, minutes=self.elapsed / 60)
        state = {
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "counters": (self.step_count, self.seen, self.elapsed, self.loss),
            "cooled": self.cooled,
            "chance": (self.rng.getstate(), torch.get_rng_state(), self.batches.chance()),
        }
        checkpoints.save(self.folder / "last.pt", self.model, self.model.state_dict(), **state)

    def resume(self) -> bool:
        """Go on from `last.pt` of the folder, chance included; False when there is none."""
        path = self.folder / "last.pt"
        if not path.exists():
            return False
        found = checkpoints.read(path, own=True)
        self.model.load_state_dict(found["weights"])
        self.average = found["average"]
        self.optimiser.load_state_dict(found["optimiser"])
        self.step_count, self.seen, self.elapsed, self.loss = found["counters"]
        self.cooled = found.get("cooled", False)
        own, shared, batches = found["chance"]
        self.rng.setstate(own)
        torch.set_rng_state(shared)
        self.batches.restore_chance(batches)
        return True
