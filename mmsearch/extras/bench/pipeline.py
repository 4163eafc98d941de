"""The real pipeline over real files: `mmsearch index` into an index that is thrown away, timed as it reports itself."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from mmsearch.extras.bench.job import FILES, Job, Row
from mmsearch.indexing.pipeline import Indexer, IndexOptions
from mmsearch.models import costs, load_embedder, needs_torch
from mmsearch.store import Identity
from mmsearch.store.writer import Writer
from mmsearch.types import IndexReport, ModelOptions


class _Silent:
    """A listener that only counts nothing: failures are in the report."""

    def past(self, path: str, count: int) -> None:
        pass

    def done(self, path: str, size: int) -> None:
        pass

    def failure(self, path: str, reason: str) -> None:
        pass


def rows(job: Job, begin: Callable[[int | None], None]) -> Iterator[Row]:
    """A row for each batch size; models of ONNX Runtime, and `auto`, have one, with the sizes they pick themselves."""
    batches: tuple[int | None, ...] = job.batches or (None,)
    if not needs_torch(job.options):
        batches = (None,)
    for batch in batches:
        begin(batch)
        yield _row(job, batch)


def _row(job: Job, batch: int | None) -> Row:
    began = time.perf_counter()
    options = job.options if needs_torch(job.options) else ModelOptions(job.options.name)
    embedder = load_embedder(replace(options, batch_size=batch), many=True)
    seconds = time.perf_counter() - began
    gauge = costs.probe(embedder)
    before = gauge.reset()
    with tempfile.TemporaryDirectory(prefix="mmsearch-bench-") as directory:
        index = os.path.join(directory, "index")
        with Writer.open(index, Identity.of(options, embedder.spec)) as writer:
            report = Indexer(writer, embedder, IndexOptions(), _Silent()).run([os.path.abspath(str(job.files))])
    peaks = gauge.peaks()
    held = peaks.resident if peaks.allocated is None else peaks.allocated
    files = report.added
    return Row(
        model=job.options.name,
        role="embedder",
        modality=FILES,
        batch=batch,
        status="ok" if files else "failed",
        reason=None if files else _nothing(job, report),
        unit="files",
        device=gauge.device,
        gpu=gauge.gpu,
        dtype=gauge.dtype,
        dummy=bool(options.dummy_weights),
        items_per_s=files / report.seconds if files else None,
        ms_p50=1e3 * report.seconds / files if files else None,
        repeats=1,
        peak_allocated=peaks.allocated,
        peak_reserved=peaks.reserved,
        peak_driver=peaks.driver,
        peak_resident=peaks.resident,
        weights=gauge.weights,
        activations=max(0, (held or 0) - before),
        load_seconds=round(seconds, 2),
        stages={name: round(value, 3) for name, value in report.stages.items()},
    )


def _nothing(job: Job, report: IndexReport) -> str:
    return f"no file of {job.files} could be indexed: {report.failed} failed, {report.unsupported} are not supported"
