"""A process that measures one model and reports its events line by line, in JSON; it may die at any time.

Its first line on standard input is the job; when that closes, its parent is gone. Output of libraries goes to standard
error instead of standard output.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from mmsearch.errors import MmsearchError, one_line
from mmsearch.extras.bench import measure
from mmsearch.extras.bench.job import FILES, MAX_BATCH, Job, Row
from mmsearch.indexing.pipeline import Indexer, IndexOptions
from mmsearch.models import costs, estimate, load_embedder, load_reranker, needs_torch
from mmsearch.store import Identity
from mmsearch.store.writer import Writer
from mmsearch.system import memory
from mmsearch.types import LoaderSettings, ModelOptions

Send = Callable[..., None]
"""Reports an event to the parent: `send(event, **values)`."""


def main() -> None:
    """Entry point of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    job = Job.from_json(json.loads(sys.stdin.readline()))
    threading.Thread(target=_watch_parent, daemon=True).start()

    def send(event: str, **values: Any) -> None:
        events.write(json.dumps({"event": event, **values}) + "\n")

    try:
        _measure(job, send)
    except MmsearchError as error:
        if costs.ran_out(error):
            send("full", reason=one_line(error, with_class=True))
        else:
            send("refused", reason=str(error), code=error.exit_code)
    except MemoryError as error:
        send("full", reason=one_line(error, with_class=True))
    send("done")


def _watch_parent() -> None:
    with suppress(OSError, ValueError):
        sys.stdin.read()
    os._exit(1)


def _measure(job: Job, send: Send) -> None:
    def send_rows(rows: Iterable[Row]) -> None:
        for row in rows:
            send("row", row=row.to_json())

    if job.files is not None:
        # Models of ONNX Runtime pick their batches themselves.
        for batch in (job.batches if needs_torch(job.options) else ()) or (None,):
            send("begin", modality=FILES, batch=batch)
            send_rows([indexed(job, batch)])
        return
    subject = loaded(job)
    send("loaded", modalities=subject.modalities)
    for modality in subject.unread():
        reason = f"the model does not read {modality}"
        send_rows(job.row(modality, batch, status="failed", reason=reason) for batch in job.batches or (None,))
    for modality in subject.modalities:
        send_rows(measure.cells(subject, modality, lambda m, batch: send("begin", modality=m, batch=batch)))


def loaded(job: Job) -> measure.Subject:
    """The model of a job, loaded and ready to be measured.

    Raises ModelUnavailable and UsageError as loading does, and OutOfMemory if it does not fit.
    """
    from mmsearch.models.device import choose_device, choose_dtype

    began = time.perf_counter()
    torch = needs_torch(job.options, job.role == "reranker")
    options = job.options if torch else plain(job.options)
    job = replace(job, options=options)
    expected = None
    device: str | None = "cpu"
    if torch:
        options = replace(options, batch_size=MAX_BATCH)  # a pass has the size of the cell, never less
        costs.import_libraries()
        device = choose_device(options.device)
        itemsize = choose_dtype(options.dtype, device).itemsize
        organization = "cross-encoder" if job.role == "reranker" else "sentence-transformers"
        cuda = device.startswith("cuda")
        expected = estimate.before_loading(options, organization, itemsize, memory.resident(), cuda)
    if job.memory is not None:
        costs.limit_memory(device, job.memory)
    # Only if the user chose it: operations in int8 are none that torch counts.
    int8 = options.dtype == "int8"
    model = load_reranker(options) if job.role == "reranker" else load_embedder(options, many=int8)
    seconds = time.perf_counter() - began
    spec = getattr(model, "spec", None)
    loader = spec.loader if spec else LoaderSettings(image_side=1024)
    probe = costs.probe(model)
    return measure.Subject(job, model, probe, loader, seconds, probe.matrix_rate(), expected)


def plain(options: ModelOptions) -> ModelOptions:
    """The options of a model of ONNX Runtime: it takes none of torch's, and no dummy weights."""
    kwargs = {key: options.model_kwargs[key] for key in ("backend", "variant") if key in options.model_kwargs}
    return ModelOptions(options.name, options.revision, model_kwargs=kwargs, exact=options.exact)


class _Silent:
    """A listener that does nothing: failures are in the report."""

    def past(self, path: str, count: int) -> None:
        pass

    def done(self, path: str, size: int) -> None:
        pass

    def failure(self, path: str, reason: str) -> None:
        pass


def indexed(job: Job, batch: int | None) -> Row:
    """A row of the real pipeline over real files: `mmsearch index` into a temporary index, by its own report."""
    began = time.perf_counter()
    options = job.options if needs_torch(job.options) else ModelOptions(job.options.name)
    embedder = load_embedder(replace(options, batch_size=batch), many=True)
    seconds = time.perf_counter() - began
    probe = costs.probe(embedder)
    before = probe.reset()
    with tempfile.TemporaryDirectory(prefix="mmsearch-bench-") as directory:
        index = os.path.join(directory, "index")
        with Writer.open(index, Identity.of(options, embedder.spec)) as writer:
            report = Indexer(writer, embedder, IndexOptions(), _Silent()).run([os.path.abspath(str(job.files))])
    peaks = probe.peaks()
    peak = peaks.resident if peaks.allocated is None else peaks.allocated
    files, reason = report.added, None
    if not files:
        counts = f"{report.failed} failed, {report.unsupported} are not supported"
        reason = f"no file of {job.files} could be indexed: {counts}"
    return job.row(
        FILES,
        batch,
        status="ok" if files else "failed",
        reason=reason,
        unit="files",
        device=probe.device,
        gpu=probe.gpu,
        dtype=probe.dtype,
        dummy=bool(options.dummy_weights),
        items_per_s=files / report.seconds if files else None,
        ms_p50=1e3 * report.seconds / files if files else None,
        repeats=1,
        peak_allocated=peaks.allocated,
        peak_reserved=peaks.reserved,
        peak_driver=peaks.driver,
        peak_resident=peaks.resident,
        weights=probe.weights,
        activations=max(0, (peak or 0) - before),
        load_seconds=round(seconds, 2),
        stages={name: round(value, 3) for name, value in report.stages.items()},
    )


if __name__ == "__main__":
    main()
