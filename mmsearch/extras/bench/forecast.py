"""Estimates how long an index run will take, from the names and sizes of its files, the model and this machine.

A rough figure for planning, soon replaced by the run's own speed. Models of torch are not run for it, since they are
busy: their operations are known from their configuration, and the device's best speed from a matrix product. Small
models of ONNX Runtime are tried on a few inputs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from mimetypes import guess_type
from typing import Any, cast

from mmsearch.extras.bench import measure
from mmsearch.models.costs import probe
from mmsearch.models.estimate import Estimate, Sizes, of_network
from mmsearch.types import Embedder, Modality

EFFICIENCY = 0.5
"""Share of the matrix rate that models reach, processors and small layers included; between 0.4 and 0.7 on CPUs."""
TRIAL_INPUTS = 4
"""Inputs that a small model is tried on."""
READ_SECONDS: Mapping[Modality, float] = {"text": 0.002, "image": 0.03, "document": 0.4, "audio": 0.3, "video": 2.0}
"""Seconds for one processor to read and decode a file."""
PAGE_BYTES, SOUND_BYTES, FILM_BYTES = 100_000, 16_000, 250_000
"""Bytes of a page, and of a second of sound and of video, in files of the usual kinds."""
MAX_PARTS = 500
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
    """The probable modality of a file; the run will decide by its content."""
    mime = guess_type(path)[0] or ""
    top = mime.partition("/")[0]
    if mime == "application/pdf":
        return "document"
    return cast(Modality, top) if top in ("image", "audio", "video") else "text"


class Expectation:
    """The expected speed of a loaded model and `jobs` readers on this machine."""

    def __init__(self, embedder: Embedder, jobs: int) -> None:
        self._embedder = embedder
        self._jobs = max(1, jobs)
        self._network = getattr(embedder, "network", None)
        self._reads = embedder.spec.modalities
        self._loader = loader = embedder.spec.loader
        pixels = loader.image_fit.most if loader.image_fit is not None and loader.image_fit.most else 1_000_000
        self._sizes = Sizes(loader.passage_chars // 4, pixels, loader.clip_frames, loader.audio_seconds)

    def seconds(self, kinds: Mapping[Modality, Kind]) -> float:
        """Time to read and embed all files: at once on a device, in turn on a CPU."""
        present = {kind: work for kind, work in kinds.items() if work.files}
        reading = sum(work.files * READ_SECONDS[kind] for kind, work in present.items()) / self._jobs
        embedding = sum(
            count * self._seconds_per_item(part)
            for kind, work in present.items()
            for part, count in self._parts(kind, work).items()
        )
        on_cpu = str(self._probe.device).startswith("cpu")
        return reading + embedding if on_cpu else max(reading, embedding)

    def batches(self, kinds: Mapping[Modality, Kind]) -> str:
        """How many inputs of the most frequent kinds go into one pass: `32 pictures or 64 texts at a time`."""
        rule = getattr(self._embedder, "batch", None)
        if rule is None:
            return ""
        often = sorted((kind for kind in kinds if kinds[kind].files), key=lambda kind: -kinds[kind].files)
        parts = dict.fromkeys("image" if kind == "document" else kind for kind in often[:2])
        batches = [f"{rule(self._sample(kind, 1)[0])} {NAMES[kind]}" for kind in parts if kind in self._reads]
        return f"{' or '.join(batches)} at a time" if batches else ""

    @cached_property
    def _probe(self) -> Any:
        return probe(self._embedder)

    @cached_property
    def _rate(self) -> float:
        return float(self._probe.matrix_rate()) * EFFICIENCY

    @cached_property
    def _estimate(self) -> Estimate | None:
        return of_network(self._network) if self._network is not None else None

    def _parts(self, kind: Modality, work: Kind) -> dict[Modality, float]:
        """Number of items that files of one kind become, by partition, if the model embeds it."""
        count, size = work.files, work.bytes
        items: dict[Modality, float]
        if kind == "text":
            items = {"text": min(count * MAX_PARTS, count + size / self._loader.passage_chars)}
        elif kind == "document":
            pages = count + size / PAGE_BYTES
            items = {"document": pages, "text": pages}
        elif kind == "audio":
            items = {"audio": count + size / SOUND_BYTES / self._loader.audio_seconds}
        elif kind == "video":
            clips = count + size / FILM_BYTES / self._loader.clip_seconds
            items = {"video": clips, "audio": clips}
        else:
            items = {"image": count}
        return {part: number for part, number in items.items() if part in self._reads}

    def _seconds_per_item(self, part: Modality) -> float:
        """Seconds that the model takes for one item."""
        if self._estimate is not None:
            return self._estimate.operations(part, self._sizes) / self._rate
        if self._network is not None:
            return 0.0  # a network that is not understood is not disturbed either
        inputs = self._sample(part, TRIAL_INPUTS)
        self._embedder.embed(inputs[:1])
        began = time.perf_counter()
        self._embedder.embed(inputs)
        return (time.perf_counter() - began) / TRIAL_INPUTS

    def _sample(self, part: Modality, count: int) -> list[Any]:
        return measure.segments(part, count, self._sizes, self._loader)
