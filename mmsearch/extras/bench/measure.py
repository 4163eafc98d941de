"""Measures cells of one loaded model: warmed up, synchronised, repeated for a bounded time, on inputs made in code.

The first pass is the warm-up; operations and tokens are counted in it. The clock is read only when the device has
finished. Memory that runs out is a result like any other. Knows models by their interface and their probe.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from PIL import Image

from mmsearch.errors import one_line
from mmsearch.extras.bench.job import MAX_BATCH, Job, Row
from mmsearch.models.costs import Probe, estimated_tokens, ran_out, release
from mmsearch.models.estimate import Estimate, Sizes
from mmsearch.models.passes import uncut
from mmsearch.types import (
    Audio,
    Clip,
    Content,
    Embedder,
    Item,
    LoaderSettings,
    Modality,
    Picture,
    Query,
    QueryPart,
    Reranker,
    Segment,
)

MIN_GAIN = 0.05
"""A doubled batch must bring at least this share more items a second."""
MIN_REPEATS, MAX_REPEATS = 3, 200
PATIENCE = 4
"""Slow passes are repeated fewer times: no more after this many times the bound."""
USUAL: tuple[Modality, ...] = ("text", "image", "audio", "video")
"""The default modalities; a page is a picture to a model."""

DIFFERENT = 16
"""Number of different inputs; larger batches repeat them, so that their memory stays small."""
WORDS = (
    *("the", "red", "car", "on", "a", "road", "by", "the", "sea", "with", "two", "people", "and", "one", "dog"),
    *("near", "an", "old", "house", "in", "winter", "light", "under", "green", "trees", "after", "rain"),
)
ASPECT = 4 / 3
_TILE = 32
"""Edge in pixels of the tiles of a picture, which should be neither flat nor noise."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A loaded model to be measured.

    Attributes:
        rate: operations a second of a large matrix product.
        expected: the estimate made before loading, None if the architecture is not understood.
    """

    job: Job
    model: Embedder | Reranker
    probe: Probe
    loader: LoaderSettings
    load_seconds: float
    rate: float
    expected: Estimate | None

    @property
    def modalities(self) -> list[str]:
        """The modalities to be measured, in order."""
        reads = self.model.spec.modalities if self.job.role == "embedder" else self.model.modalities  # type: ignore[union-attr]
        chosen = USUAL if self.job.modalities is None else self.job.modalities
        return [modality for modality in chosen if modality in reads]

    def unread(self) -> list[str]:
        """The modalities of the job that the model does not read."""
        return [modality for modality in self.job.modalities or () if modality not in self.modalities]

    def row(self, modality: str, batch: int) -> Row:
        """An empty row for a cell."""
        return self.job.row(
            modality,
            batch,
            device=self.probe.device,
            gpu=self.probe.gpu,
            dtype=self.probe.dtype,
            weights=self.probe.weights,
            load_seconds=round(self.load_seconds, 2),
            matrix_tflops=round(self.rate / 1e12, 4),
            estimated=self.expected.peak(cast(Modality, modality), batch, self.job.sizes) if self.expected else None,
        )

    def inputs(self, modality: str, count: int) -> list[Segment]:
        """So many inputs of the job's sizes."""
        return segments(cast(Modality, modality), count, self.job.sizes, self.loader)

    def run(self, inputs: Sequence[Segment]) -> Any:
        """One pass."""
        if self.job.role == "embedder":
            return cast(Embedder, self.model).embed(inputs)
        query = Query((QueryPart("a red car on a road by the sea"),), "bench")
        return cast(Reranker, self.model).score(query, inputs)


def cells(subject: Subject, modality: str, on_begin: Callable[[str, int], None]) -> Iterator[Row]:
    """The rows of one modality, by growing batch; `on_begin` is called before each is measured."""
    best = 0.0
    full: int | None = None
    doubled = [1 << power for power in range(MAX_BATCH.bit_length())]
    on_begin(modality, next(iter(subject.job.batches), 1))
    with suppress(Exception):  # loads parts that the model loads late; the cells report the same errors
        subject.run(subject.inputs(modality, 1))
    for batch in subject.job.batches or doubled:
        if full is not None:
            yield replace(subject.row(modality, batch), status="oom", reason=f"a batch of {full} did not fit")
            continue
        on_begin(modality, batch)
        row = measured(subject, modality, batch)
        yield row
        if row.status == "oom":
            full = batch
        speed = row.items_per_s or 0.0
        if not subject.job.batches and (row.status != "ok" or speed < best * (1 + MIN_GAIN)):
            return
        best = max(best, speed)


def measured(subject: Subject, modality: str, batch: int) -> Row:
    """One cell; memory that runs out and failures of the model become its status."""
    row = subject.row(modality, batch)
    try:
        with uncut():
            return _timed(subject, row, modality, batch)
    except Exception as error:  # an error of the model is this cell's result, and the others go on
        row = replace(row, status="oom" if ran_out(error) else "failed", reason=one_line(error, with_class=True))
    # Outside the handler: the exception's traceback holds the tensors that did not fit.
    release()
    return row


def _timed(subject: Subject, row: Row, modality: str, batch: int) -> Row:
    probe = subject.probe
    inputs = subject.inputs(modality, batch)
    before = probe.reset()
    operations, tokens = probe.counted(lambda: subject.run(inputs))
    probe.synchronize()
    tokens = tokens or estimated_tokens(subject.model, inputs)
    seconds = repeated(lambda: subject.run(inputs), probe.synchronize, subject.job.time)
    peaks = probe.peaks()
    quarter, middle, three, late = np.percentile(seconds, [25, 50, 75, 95])
    peak = peaks.resident if peaks.allocated is None else peaks.allocated
    return replace(
        row,
        items_per_s=_rounded(batch / middle),
        spread=_rounded((three - quarter) / middle),
        tokens_per_item=None if tokens is None else _rounded(tokens / batch),
        tokens_per_s=None if tokens is None else _rounded(tokens / middle),
        ms_p50=_rounded(1e3 * middle / batch),
        ms_p95=_rounded(1e3 * late / batch),
        repeats=len(seconds),
        peak_allocated=peaks.allocated,
        peak_reserved=peaks.reserved,
        peak_driver=peaks.driver,
        peak_resident=peaks.resident,
        activations=max(0, (peak or 0) - before),
        tflops=None if operations is None else _rounded(operations / middle / 1e12),
    )


def repeated(run: Callable[[], Any], synchronize: Callable[[], None], bound: float) -> list[float]:
    """Seconds of each repetition: a few if fast, at least one if slow, otherwise as many as the bound allows."""
    seconds: list[float] = []
    while True:
        began = time.perf_counter()
        run()
        synchronize()
        seconds.append(time.perf_counter() - began)
        spent = sum(seconds)
        enough = spent >= bound and len(seconds) >= MIN_REPEATS
        if enough or spent >= PATIENCE * bound or len(seconds) >= MAX_REPEATS:
            return seconds


def _rounded(value: float) -> float:
    """Four digits: more would be noise."""
    return float(f"{value:.4g}")


def segments(modality: Modality, count: int, sizes: Sizes, loader: LoaderSettings) -> list[Segment]:
    """So many segments of one modality, the same in every call; every sixteenth is the same."""
    contents = [_content(modality, seed, sizes, loader) for seed in range(min(count, DIFFERENT))]
    result = []
    for i in range(count):
        content = contents[i % DIFFERENT]
        text = content if isinstance(content, str) else ""
        result.append(Segment(Item(f"input-{i}", f"{modality}-{i}", modality, modality, i, text=text), content))
    return result


def _content(modality: Modality, seed: int, sizes: Sizes, loader: LoaderSettings) -> Content:
    rng = np.random.default_rng(seed)
    if modality == "text":
        return " ".join(cast("Sequence[str]", rng.choice(WORDS, sizes.tokens)))
    if modality == "audio":
        count = round((sizes.seconds or loader.audio_seconds) * loader.audio_rate)
        return Audio(rng.normal(0.0, 0.1, count).astype(np.float32), loader.audio_rate)
    if modality != "video":
        return _picture(rng, sizes.pixels, loader)
    count = sizes.frames or loader.clip_frames
    frames = np.stack([_picture(rng, sizes.pixels, loader) for _ in range(count)])
    return Clip(frames, np.arange(count, dtype=np.float64) * (loader.clip_seconds / count))


def _picture(rng: np.random.Generator, pixels: int, loader: LoaderSettings) -> Picture:
    """A picture of four by three as the loader makes it: at the model's scale, if that is known."""
    width, height = max(1, round((pixels * ASPECT) ** 0.5)), max(1, round((pixels / ASPECT) ** 0.5))
    if loader.exact:
        pass
    elif loader.image_fit is not None:
        width, height = loader.image_fit.cut(width, height)[0]
    elif loader.image_side is not None and width > loader.image_side:
        width, height = loader.image_side, max(1, round(loader.image_side / ASPECT))
    tiles = rng.integers(0, 256, (height // _TILE + 2, width // _TILE + 2, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(tiles).resize((width, height), Image.Resampling.BICUBIC))
