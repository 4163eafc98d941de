"""A generated benchmark with a known modality gap: every item is a topic, a disturbance and the offset of its modality.

Topics are directions, the same for all modalities, so an item's topic says what it answers; the offset says only what
kind of file it is. Queries are texts: they have an offset of their own, nearest to that of passages, so raw cosines
put all passages before all pictures. Nothing in it is fitted to how mmsearch ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmsearch.extras.evaluation import Question
from mmsearch.types import Modality, Vectors
from tests.given import Given, GivenEmbedder, one, unit

ANSWERS = 2
"""Files of one modality that have the same topic."""
ASKED = 20
"""Most questions of a sort."""


@dataclass(frozen=True)
class Gap:
    """What a benchmark is made of.

    Attributes:
        sizes: files of each modality.
        nearness: cosine between a modality's offset and that of queries; offsets are else orthogonal.
        offset: length of the offsets; a topic has length 1.
        noise: length of what an item has beside topic and offset, by modality: 0.8 unless named.
        blur: the same for queries.
        dim: of the vectors.
    """

    sizes: Mapping[Modality, int]
    nearness: Mapping[Modality, float] = field(
        default_factory=lambda: {"text": 0.9, "image": 0.2, "document": 0.4, "audio": 0.0, "video": 0.1}
    )
    offset: float = 1.0
    noise: Mapping[Modality, float] = field(default_factory=dict)
    blur: float = 0.4
    dim: int = 64


@dataclass(frozen=True)
class World:
    """Files with their vectors, and questions: answered by several modalities (`mixed`), or by one."""

    files: Sequence[Given]
    embedder: GivenEmbedder
    mixed: Sequence[Question]
    single: Sequence[Question]


def generate(gap: Gap, folder: Path, seed: int) -> World:
    """A world whose files lie in `folder`/files. Of each modality's topics every other one is its own."""
    rng = np.random.default_rng(seed)
    base, *own = np.linalg.qr(_normal(rng, gap.dim, gap.dim))[0][: len(gap.sizes) + 1]
    topics: dict[str, Vectors] = {}
    answers: dict[str, dict[Modality, dict[str, float]]] = {}
    files: list[Given] = []
    for (modality, size), direction in zip(gap.sizes.items(), own, strict=True):
        near = gap.nearness[modality]
        offset = gap.offset * (near * base + np.sqrt(1 - near**2) * direction)
        for at in range(size):
            number = at // ANSWERS
            topic = f"{modality} {number}" if number % 2 else f"shared {number}"
            centre = topics.setdefault(topic, unit(_normal(rng, gap.dim)))
            noise = gap.noise.get(modality, 0.8) * unit(_normal(rng, gap.dim))
            files.append(one(f"{modality}/{at}", modality, unit(centre + offset + noise)))
            path = str(folder / "files" / files[-1].name)
            answers.setdefault(topic, {}).setdefault(modality, {})[path] = 1.0
    queries = {
        topic: unit(centre + gap.offset * base + gap.blur * unit(_normal(rng, gap.dim)))
        for topic, centre in topics.items()
    }
    return World(files, GivenEmbedder(queries, gap.dim), *_questions(answers))


def _questions(answers: Mapping[str, Mapping[Modality, Mapping[str, float]]]) -> tuple[list[Question], list[Question]]:
    """At most so many that are answered by several modalities, and of those answered by one as many for each."""
    groups: dict[str, list[Question]] = {}
    for topic, some in answers.items():
        pair = next(iter(some)) if len(some) == 1 else "mixed"
        relevant = {path: grade for files in some.values() for path, grade in files.items()}
        group = groups.setdefault(pair, [])
        if len(group) < ASKED:
            group.append(Question(topic, topic, "", relevant, pair))
    mixed = groups.pop("mixed", [])
    return mixed, [question for group in groups.values() for question in group]


def _normal(rng: np.random.Generator, *shape: int) -> Vectors:
    return np.asarray(rng.standard_normal(shape), np.float32)
