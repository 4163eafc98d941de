"""A process that measures one model and tells of it line by line, in JSON; it may die, and the table is complete.

Its first line on standard input is the job; when that closes, its parent is gone. What libraries print to standard
output goes to standard error instead.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, TextIO

from mmsearch.errors import MmsearchError
from mmsearch.extras.bench import measure, pipeline
from mmsearch.extras.bench.job import FILES, MOST_BATCH, Job, Row
from mmsearch.models import costs, estimate, load_embedder, load_reranker, memory, needs_torch
from mmsearch.types import LoaderSettings, ModelOptions

Tell = Callable[..., None]


def main() -> None:
    """Entry point of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    job = Job.from_json(json.loads(sys.stdin.readline()))
    threading.Thread(target=_watch_parent, daemon=True).start()
    tell = _teller(answers)
    try:
        _serve(job, tell)
    except MmsearchError as error:
        if costs.ran_out(error):
            tell("full", reason=measure.one_line(error))
        else:
            tell("refused", reason=str(error), code=error.exit_code)
    except MemoryError as error:
        tell("full", reason=measure.one_line(error))
    tell("done")


def _watch_parent() -> None:
    with suppress(OSError, ValueError):
        sys.stdin.read()
    os._exit(1)


def _teller(answers: TextIO) -> Tell:
    def tell(event: str, **more: Any) -> None:
        answers.write(json.dumps({"event": event, **more}) + "\n")

    return tell


def _serve(job: Job, tell: Tell) -> None:
    if job.files is not None:
        rows = pipeline.rows(job, lambda batch: tell("begin", modality=FILES, batch=batch))
        _report(rows, tell)
        return
    subject = loaded(job)
    tell("loaded", modalities=subject.modalities)
    for modality in subject.unread():
        for batch in job.batches or (None,):
            row = measure.blank(job, modality, batch)
            _report(iter([replace(row, status="failed", reason=f"the model does not read {modality}")]), tell)
    for modality in subject.modalities:
        _report(measure.cells(subject, modality, lambda m, batch: tell("begin", modality=m, batch=batch)), tell)


def _report(rows: Iterator[Row], tell: Tell) -> None:
    for row in rows:
        tell("row", row=row.to_json())


def loaded(job: Job) -> measure.Subject:
    """The model of a job, loaded and ready to be measured.

    Raises ModelUnavailable and UsageError as loading does, and OutOfMemory where it does not fit.
    """
    began = time.perf_counter()
    torch = needs_torch(job.options, job.role == "reranker")
    options = job.options if torch else plain(job.options)
    job = replace(job, options=options)
    expected = None
    device: str | None = "cpu"
    if torch:
        options = replace(options, batch_size=MOST_BATCH)  # a pass is what the cell says, never less
        costs.import_libraries()
        device, itemsize = costs.will_run(options)
        organization = "cross-encoder" if job.role == "reranker" else "sentence-transformers"
        cuda = device.startswith("cuda")
        expected = estimate.before_loading(options, organization, itemsize, memory.resident(), cuda)
    costs.bound(device, job.memory)
    # Only where it is asked for: operations in int8 are none that torch counts.
    int8 = options.dtype == "int8"
    model = load_reranker(options) if job.role == "reranker" else load_embedder(options, many=int8)
    seconds = time.perf_counter() - began
    spec = getattr(model, "spec", None)
    loader = spec.loader if spec else LoaderSettings(image_side=1024)
    gauge = costs.probe(model)
    return measure.Subject(job, model, gauge, loader, seconds, gauge.matrix_rate(), expected)


def plain(options: ModelOptions) -> ModelOptions:
    """The options that concern a model of ONNX Runtime: it takes none of torch's, and no dummy weights."""
    kwargs = {key: options.model_kwargs[key] for key in ("backend", "variant") if key in options.model_kwargs}
    return ModelOptions(options.name, options.revision, model_kwargs=kwargs, exact=options.exact)


if __name__ == "__main__":
    main()
