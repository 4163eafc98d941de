"""Pairs of texts that mean the same, for the text tower: captions, dictionary glosses, headings with their paragraphs.

Each source keeps a fixed part back for validation, chosen by position and never by chance. Without a data folder the
rendered set's alternative texts serve.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Pair = tuple[str, str]
PASSAGES = "headings"  # the source whose second texts are passages, as a search finds them
_HOLD_EVERY = {"headings": 30, "glosses": 50, "captions": 50}
_CUT_WORDS = 32
_TEMPLATES = (
    "{}",
    "{}",
    "{}",
    "a {}",
    "a photo of a {}",
    "a picture of {}",
    "the {}",
    "a {} in the picture",
    "close up of a {}",
)


@dataclass(frozen=True)
class TextPairs:
    """One source: sets of texts that are positives of one another, first the shorter or asking side."""

    name: str
    train: list[tuple[str, ...]]
    val: list[tuple[str, ...]]

    def sample(self, rng: random.Random, count: int) -> list[Pair]:
        """`count` training pairs of different sets; long passages are sometimes buried among others."""
        chosen = rng.sample(self.train, min(count, len(self.train)))
        if self.name == "captions":
            return [_two(rng, texts) for texts in chosen]
        pairs = [(texts[0], rng.choice(texts[1:])) for texts in chosen]
        return [(a, _bury(rng, b, self.train)) if self.name == "headings" else (a, b) for a, b in pairs]


def _two(rng: random.Random, texts: Sequence[str]) -> Pair:
    first, second = rng.sample(list(texts), 2)
    return first, second


def _bury(rng: random.Random, passage: str, others: Sequence[tuple[str, ...]]) -> str:
    # Real passages are longer than these paragraphs; without this the later positions would never be trained.
    chance = rng.random()
    if chance > 0.15:
        return _cut(rng, passage) if chance > 0.5 else passage
    parts = [passage] + [rng.choice(others)[-1] for _ in range(rng.randint(1, 3))]
    rng.shuffle(parts)
    return " ".join(parts)


def _cut(rng: random.Random, passage: str) -> str:
    """A run of at most `_CUT_WORDS` words: much cheaper than whole paragraphs, and real passages begin anywhere."""
    words = passage.split()
    first = rng.randint(0, max(0, len(words) - _CUT_WORDS))
    return " ".join(words[first : first + _CUT_WORDS])


def load(data: Path) -> list[TextPairs]:
    """The three sources of a data folder; those whose file is missing are left out."""
    readers: dict[str, Callable[[Any], tuple[str, ...]]] = {
        "captions": _caption_set,
        "glosses": _gloss_set,
        "headings": _heading_set,
    }
    found = []
    for name, reader in readers.items():
        path = data / f"{name}.jsonl.gz"
        if path.exists():
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                found.append(split(name, [reader(json.loads(line)) for line in lines]))
    return found


def split(name: str, sets: Sequence[tuple[str, ...]]) -> TextPairs:
    """Keep every n-th set back; sets of fewer than two texts are dropped."""
    usable = [s for s in sets if len(s) > 1]
    every = _HOLD_EVERY.get(name, 50)
    held = [s for i, s in enumerate(usable) if i % every == 0]
    return TextPairs(name, [s for i, s in enumerate(usable) if i % every], held)


def _caption_set(entry: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip(" .") for text in entry))


def _gloss_set(entry: dict[str, Any]) -> tuple[str, ...]:
    words = entry["words"]
    return (
        words[0],
        entry["gloss"],
        *(f"{w}: {entry['gloss']}" for w in words[1:2]),
        *entry["examples"][:2],
        *words[1:3],
    )


def _heading_set(entry: dict[str, str]) -> tuple[str, ...]:
    return entry["query"], entry["passage"]


def templated(rng: random.Random, label: str) -> str:
    """A class name in one of the ways people ask for it."""
    return rng.choice(_TEMPLATES).format(label)
