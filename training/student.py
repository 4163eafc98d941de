"""The text tower: three layers of the teacher, narrowed, that learn to give the teacher's states.

A folder of documentation has hundreds of thousands of passages, and the teacher takes 25 ms of one core for 100 tokens.
"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import BertModel

from training import checkpoints, texts
from training.dual import falling_rate
from training.evaluate import recall
from training.teacher import TextModel, by_length, mean_of_tokens
from training.texts import PASSAGES
from training.tokens import padded

LAYERS = (0, 2, 5)
"""Layers of the teacher that the student begins with."""
INNER = 1024
"""Width of the student's feed-forward layers; the teacher's have 1536."""
_DRAWN, _TOKENS_A_STEP = 512, 2048
_COSINE, _ALIKE = 4.0, 10.0
_CLIP = 1.0


def narrowed(teacher: BertModel, layers: Sequence[int] = LAYERS, inner: int = INNER) -> BertModel:
    """A copy of some layers, of whose feed-forward units only the weightiest stay."""
    student = copy.deepcopy(teacher)
    student.encoder.layer = nn.ModuleList(student.encoder.layer[i] for i in layers)
    for layer in student.encoder.layer:
        into, out = layer.intermediate.dense, layer.output.dense
        kept = (into.weight.norm(dim=1) * out.weight.norm(dim=0)).topk(inner).indices.sort().values
        into.weight, into.bias = nn.Parameter(into.weight[kept]), nn.Parameter(into.bias[kept])
        out.weight = nn.Parameter(out.weight[:, kept])
        into.out_features = out.in_features = inner
    student.config.num_hidden_layers, student.config.intermediate_size = len(layers), inner
    for module in student.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return student


def trained(teacher: TextModel, path: Path) -> TextModel:
    """The student as `StudentRun` left it; raises FileNotFoundError."""
    student = narrowed(teacher.bert)
    student.load_state_dict(checkpoints.read(path)["weights"])
    return TextModel(student.eval(), teacher.tokenizer)


@dataclass(frozen=True)
class Texts:
    """What the student reads, by kind; of headings with their passages a fixed part is held out."""

    queries: list[str]
    passages: list[str]
    short: list[str]
    held: list[tuple[str, str]]

    def draw(self, rng: random.Random) -> str:
        """One text: passages, alone or joined to others, as often as short ones."""
        chance = rng.random()
        if chance < 0.27:
            return rng.choice(self.passages)
        if chance < 0.36:
            return f"{rng.choice(self.queries)}. {rng.choice(self.passages)} {rng.choice(self.passages)}"
        return rng.choice(self.queries if chance < 0.48 else self.short)


def read_texts(data: Path, captions: Sequence[str]) -> Texts:
    """The texts of a data folder but for those held out; `captions` are those of the pictures."""
    sources = {source.name: source for source in texts.load(data)}
    if PASSAGES not in sources:
        raise FileNotFoundError(f"{data} has no {PASSAGES}.jsonl.gz")
    headings = sources.pop(PASSAGES)
    short = {text for source in sources.values() for alike in source.train for text in alike}
    queries, passages = map(list, zip(*headings.train, strict=True))
    return Texts(queries, passages, sorted({*short, *captions}), [(asks, found) for asks, found in headings.val])


class StudentRun:
    """Training of the student for a time; goes on from `path` when made anew."""

    def __init__(self, teacher: TextModel, read: Texts, path: Path, seed: int, rate: float = 4e-4) -> None:
        self.teacher, self.texts, self.path, self.rate = teacher, read, path, rate
        self.student = TextModel(narrowed(teacher.bert), teacher.tokenizer)
        self.optimiser = torch.optim.AdamW(self.student.bert.parameters(), lr=rate, weight_decay=0.01)
        self.rng, self.step, self.seconds = random.Random(seed), 0, 0.0
        if path.exists():
            state = checkpoints.read(path)
            self.student.bert.load_state_dict(state["weights"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.seconds = state["step"], state["seconds"]
            self.rng.seed(seed + self.step)

    def train(self, minutes: float, report: Callable[[str], None] = print) -> None:
        """Until `minutes` have been spent in all runs together."""
        while self.seconds < minutes * 60:
            began = time.monotonic()
            self._train_some(min(1.0, self.seconds / 60 / minutes))
            self.seconds += time.monotonic() - began
            self._save()
            report(f"student step {self.step}, {self.seconds / 60:.1f} minutes, cosine {self.cosine:.4f}")

    def _train_some(self, done: float) -> None:
        rate = falling_rate(self.rate, self.step, done, 100)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        ids = self.teacher.tokens([self.texts.draw(self.rng) for _ in range(_DRAWN)])
        batches = list(by_length([len(one) for one in ids], _TOKENS_A_STEP))
        self.rng.shuffle(batches)
        self.student.bert.train()
        self.cosine = sum(self._step(*padded([ids[i] for i in places])) for places in batches) / len(batches)

    def _step(self, ids: Tensor, mask: Tensor) -> float:
        with torch.no_grad():
            wanted = self.teacher.states(ids, mask)
        found = self.student.states(ids, mask)
        loss, cosine = distance(found, wanted, mask)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.student.bert.parameters(), _CLIP)
        self.optimiser.step()
        self.step += 1
        return cosine

    def _save(self) -> None:
        state = {"weights": self.student.bert.state_dict(), "optimiser": self.optimiser.state_dict()}
        checkpoints.write(self.path, state | {"step": self.step, "seconds": self.seconds})


def distance(found: Tensor, wanted: Tensor, mask: Tensor) -> tuple[Tensor, float]:
    """Loss between states `(n, t, width)`, and the mean cosine of the embeddings.

    It adds up: the error of each token's state as a share of its square, of the embeddings, and of their likeness to
    one another.
    """
    weight = mask.to(found.dtype)
    errors = ((found - wanted) ** 2).sum(-1)
    tokens = (errors * weight).sum() / ((wanted**2).sum(-1) * weight).sum()
    a, b = mean_of_tokens(found, mask), mean_of_tokens(wanted, mask)
    cosine = (a * b).sum(1).mean()
    alike = ((a @ a.T - b @ b.T) ** 2).mean()
    return tokens + _COSINE * (1 - cosine) + _ALIKE * alike, cosine.item()


def found_among_ten(model: TextModel, held: Sequence[tuple[str, str]]) -> float:
    """The share of headings whose passage is among the ten nearest."""
    queries, passages = (torch.from_numpy(model.embed(list(side))).float() for side in zip(*held, strict=True))
    return recall(queries, passages, torch.eye(len(held), dtype=torch.bool)).float().mean().item()
