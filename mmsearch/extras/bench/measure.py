"""Cells of one loaded model: warmed up, synchronised, repeated for a bounded time.

The first pass is the warm-up; operations and tokens are counted in it. The clock is read only when the device has done
all it was asked for. Memory that runs out is a result like any other. Knows models by their interface and their probe.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from mmsearch.extras.bench import inputs
from mmsearch.extras.bench.job import MOST_BATCH, Job, Row
from mmsearch.models.batch_budget import uncut
from mmsearch.models.costs import Probe, estimated_tokens, ran_out, release
from mmsearch.models.estimate import Estimate
from mmsearch.types import Embedder, LoaderSettings, Modality, Reranker

LEAST_GAIN = 0.05
"""A doubled batch that brings less than this share more items a second was not worth it."""
LEAST_REPEATS, MOST_REPEATS = 3, 200
PATIENCE = 4
"""Slow passes are repeated fewer times: no more once they have taken so many times what they should."""
USUAL: tuple[Modality, ...] = ("text", "image", "audio", "video")
"""What is measured where nothing is asked for; a page is a picture to a model."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A loaded model with what is known of it.

    Attributes:
        rate: operations a second of a large matrix product.
        expected: what was estimated before loading, where the architecture is understood.
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
        """What is to be measured, in order."""
        reads = self.model.spec.modalities if self.job.role == "embedder" else self.model.modalities  # type: ignore[union-attr]
        if self.job.modalities is None:
            return [modality for modality in USUAL if modality in reads]
        return [modality for modality in self.job.modalities if modality in reads]

    def unread(self) -> list[str]:
        """What was asked for and the model does not read."""
        return [modality for modality in self.job.modalities or () if modality not in self.modalities]

    def row(self, modality: str, batch: int) -> Row:
        """An empty row for a cell."""
        return replace(
            blank(self.job, modality, batch),
            device=self.probe.device,
            gpu=self.probe.gpu,
            dtype=self.probe.dtype,
            weights=self.probe.weights,
            load_seconds=round(self.load_seconds, 2),
            matrix_tflops=round(self.rate / 1e12, 4),
            estimated=self.expected.peak(cast(Modality, modality), batch, self.job.sizes) if self.expected else None,
        )


def blank(job: Job, modality: str | None, batch: int | None) -> Row:
    """A row that says only which cell of which model it is."""
    unit = "pairs" if job.role == "reranker" else "items"
    return Row(
        model=job.options.name,
        role=job.role,
        modality=modality,
        batch=batch,
        unit=unit,
        dummy=bool(job.options.dummy_weights),
    )


def cells(subject: Subject, modality: str, begin: Callable[[str, int], None]) -> Iterator[Row]:
    """The rows of one modality, by growing batch; `begin` hears of each before it is measured."""
    best = 0.0
    full: int | None = None
    begin(modality, next(iter(subject.job.batches), 1))
    _open(subject, modality)
    for batch in subject.job.batches or _doubled():
        if full is not None:
            reason = f"a batch of {full} did not fit"
            yield replace(subject.row(modality, batch), status="oom", reason=reason)
            continue
        begin(modality, batch)
        row = measured(subject, modality, batch)
        yield row
        if row.status == "oom":
            full = batch
        if not subject.job.batches and not _gains(row, best):
            return
        best = max(best, row.items_per_s or 0.0)


def _open(subject: Subject, modality: str) -> None:
    """Has the model load what it loads late for a kind of input, so that it does not count as part of a pass."""
    given = inputs.segments(cast(Modality, modality), 1, subject.job.sizes, subject.loader)
    with suppress(Exception):  # the cells meet the same, and say so
        _pass(subject, given)()


def _doubled() -> Iterator[int]:
    batch = 1
    while batch <= MOST_BATCH:
        yield batch
        batch *= 2


def _gains(row: Row, best: float) -> bool:
    return row.status == "ok" and (row.items_per_s or 0.0) >= best * (1 + LEAST_GAIN)


def measured(subject: Subject, modality: str, batch: int) -> Row:
    """One cell; memory that runs out and failures of the model become its status."""
    row = subject.row(modality, batch)
    try:
        with uncut():
            return _timed(subject, row, modality, batch)
    except Exception as error:  # whatever a model raises is this cell's result, and the others go on
        found: Any = {"status": "oom" if ran_out(error) else "failed", "reason": one_line(error)}
    # Outside the handler: the exception's traceback holds what did not fit.
    release()
    return replace(row, **found)


def _timed(subject: Subject, row: Row, modality: str, batch: int) -> Row:
    probe = subject.probe
    given = inputs.segments(cast(Modality, modality), batch, subject.job.sizes, subject.loader)
    run = _pass(subject, given)
    before = probe.reset()
    operations, tokens = probe.counted(run)
    probe.synchronize()
    tokens = tokens or estimated_tokens(subject.model, given)
    seconds = repeated(run, probe.synchronize, subject.job.time)
    peaks = probe.peaks()
    middle, late = np.percentile(seconds, [50, 95])
    quarter, three = np.percentile(seconds, [25, 75])
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
        activations=max(0, (peaks.resident if peaks.allocated is None else peaks.allocated or 0) - before),  # type: ignore[operator]
        tflops=None if operations is None else _rounded(operations / middle / 1e12),
    )


def _pass(subject: Subject, given: Sequence[Any]) -> Callable[[], Any]:
    model = subject.model
    if subject.job.role == "embedder":
        return lambda: cast(Embedder, model).embed(given)
    asked = inputs.query()
    return lambda: cast(Reranker, model).score(asked, given)


def repeated(run: Callable[[], Any], synchronize: Callable[[], None], bound: float) -> list[float]:
    """Seconds of each repetition: some, however fast; at least one, however slow; else as many as the bound holds."""
    seconds: list[float] = []
    while True:
        began = time.perf_counter()
        run()
        synchronize()
        seconds.append(time.perf_counter() - began)
        spent = sum(seconds)
        enough = spent >= bound and len(seconds) >= LEAST_REPEATS
        if enough or spent >= PATIENCE * bound or len(seconds) >= MOST_REPEATS:
            return seconds


def one_line(error: BaseException, limit: int = 200) -> str:
    """The message of an error on one line, with its type where it is not one of ours."""
    from mmsearch.errors import MmsearchError

    text = " ".join(str(error).split())
    told = text if isinstance(error, MmsearchError) else f"{type(error).__name__}: {text}"
    return told if len(told) <= limit else told[: limit - 1] + "…"


def _rounded(value: float) -> float:
    """Four digits: more would be noise."""
    return float(f"{value:.4g}")
