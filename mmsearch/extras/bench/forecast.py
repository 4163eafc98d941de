"""How long an index run will take: from the names and sizes of its files, the model's estimate and this machine.

A rough figure for plans, before there is anything to measure; what the run itself shows replaces it soon. Models of
torch are not run for it, since they are busy: their operations are known from their configuration, and what the device
does at best from a matrix product. Small models of ONNX Runtime are tried on a few inputs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from mimetypes import guess_type
from typing import Any, cast

from mmsearch.extras.bench import inputs
from mmsearch.models.costs import probe
from mmsearch.models.estimate import Estimate, Sizes, of_network
from mmsearch.types import Embedder, LoaderSettings, Modality

EFFICIENCY = 0.5
"""Share of the matrix rate that models reach, processors and small layers included; between 0.4 and 0.7 on CPUs."""
TRIED = 4
"""Inputs that a small model is tried on."""
READ_SECONDS: Mapping[Modality, float] = {"text": 0.002, "image": 0.03, "document": 0.4, "audio": 0.3, "video": 2.0}
"""What reading and decoding a file takes one processor."""
PAGE_BYTES, SOUND_BYTES, FILM_BYTES = 100_000, 16_000, 250_000
"""Bytes of a page, and of a second of sound and of video, in files of the usual kinds."""
MOST_PARTS = 500
"""Passages of one text that are counted: the largest files are rarely prose."""
NAMES: Mapping[Modality, str] = {
    "text": "texts",
    "image": "pictures",
    "document": "documents",
    "audio": "sounds",
    "video": "videos",
}


@dataclass(slots=True)
class Kind:
    """Files of one modality by their names, and their bytes."""

    files: int = 0
    bytes: int = 0


def kind_by_name(path: str) -> Modality:
    """What a file probably is: the run will know by its content, but has not read it yet."""
    guessed = guess_type(path)[0] or ""
    top = guessed.partition("/")[0]
    if guessed == "application/pdf":
        return "document"
    return cast(Modality, top) if top in ("image", "audio", "video") else "text"


class Expectation:
    """What a loaded model and `jobs` readers on this machine will make of files."""

    def __init__(self, embedder: Embedder, jobs: int) -> None:
        self._embedder = embedder
        self._jobs = max(1, jobs)

    def seconds(self, kinds: Mapping[Modality, Kind]) -> float:
        """How long reading and embedding all files takes, at once on a device and in turn on a CPU."""
        known = {kind: work for kind, work in kinds.items() if work.files}
        reading = sum(work.files * READ_SECONDS[kind] for kind, work in known.items()) / self._jobs
        embedding = sum(
            parts * self._item(part) for kind, work in known.items() for part, parts in self._parts(kind, work).items()
        )
        return max(reading, embedding) if self._device else reading + embedding

    def batches(self, kinds: Mapping[Modality, Kind]) -> str:
        """How many inputs of the most frequent kinds go into one pass: `32 pictures or 64 texts at a time`."""
        rule = getattr(self._embedder, "batch", None)
        if rule is None:
            return ""
        often = sorted((kind for kind in kinds if kinds[kind].files), key=lambda kind: -kinds[kind].files)
        parts = dict.fromkeys("image" if kind == "document" else kind for kind in often[:2])
        told = [f"{rule(self._sample(kind, 1)[0])} {NAMES[kind]}" for kind in parts if kind in self._reads]
        return f"{' or '.join(told)} at a time" if told else ""

    @property
    def _reads(self) -> frozenset[Modality]:
        return self._embedder.spec.modalities

    @property
    def _loader(self) -> LoaderSettings:
        return self._embedder.spec.loader

    @cached_property
    def _gauge(self) -> Any:
        return probe(self._embedder)

    @property
    def _device(self) -> bool:
        """Whether the model has a processor of its own."""
        return not str(self._gauge.device).startswith("cpu")

    @cached_property
    def _rate(self) -> float:
        return float(self._gauge.matrix_rate()) * EFFICIENCY

    @cached_property
    def _estimate(self) -> Estimate | None:
        network = getattr(self._embedder, "network", None)
        return of_network(network) if network is not None else None

    def _parts(self, kind: Modality, work: Kind) -> dict[Modality, float]:
        """What files of one kind become, by partition, as far as the model embeds it."""
        count, size = work.files, work.bytes
        made: dict[Modality, float]
        if kind == "text":
            made = {"text": min(count * MOST_PARTS, count + size / self._loader.passage_chars)}
        elif kind == "document":
            pages = count + size / PAGE_BYTES
            made = {"document": pages, "text": pages}
        elif kind == "audio":
            made = {"audio": count + size / SOUND_BYTES / self._loader.audio_seconds}
        elif kind == "video":
            stretches = count + size / FILM_BYTES / self._loader.clip_seconds
            made = {"video": stretches, "audio": stretches}
        else:
            made = {"image": count}
        return {part: parts for part, parts in made.items() if part in self._reads}

    def _item(self, part: Modality) -> float:
        """Seconds that the model takes for one item."""
        if self._estimate is not None:
            return self._estimate.operations(part, self._sizes) / self._rate
        return self._tried(part)

    @property
    def _sizes(self) -> Sizes:
        fit, chars = self._loader.image_fit, self._loader.passage_chars
        pixels = fit.most if fit is not None and fit.most else 1_000_000
        return Sizes(chars // 4, pixels, self._loader.clip_frames, self._loader.audio_seconds)

    def _tried(self, part: Modality) -> float:
        if getattr(self._embedder, "network", None) is not None:
            return 0.0  # a network that is not understood is not disturbed either
        given = self._sample(part, TRIED)
        self._embedder.embed(given[:1])
        began = time.perf_counter()
        self._embedder.embed(given)
        return (time.perf_counter() - began) / TRIED

    def _sample(self, part: Modality, count: int) -> list[Any]:
        return inputs.segments(part, count, self._sizes, self._loader)
