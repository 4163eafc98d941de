"""Runs each job in a process of its own and puts the table together, even if processes die."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import IO, Any, Protocol

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.extras.bench.job import Job, Row, Status, ordered
from mmsearch.extras.bench.measure import USUAL
from mmsearch.models.costs import HOST_PHRASES
from mmsearch.system.child_processes import command, environment

_ENTRY = "from mmsearch.extras.bench.worker import main; main()"
_MAX_ERROR_BYTES = 4096


class Listener(Protocol):
    """Is called for each measurement."""

    def begin(self, model: str, modality: str | None, batch: int | None) -> None:
        """A cell begins, or, without modality, the loading of a model."""


@dataclass(slots=True)
class _Outcome:
    """The events that one process reported before its end.

    Attributes:
        began: the cell that it began last.
        modalities: the ones that it was going to measure, once it knew.
        refused: why the model cannot be used at all, and the exit code for it.
        full: why it did not fit.
        errors: the end of its standard error.
    """

    rows: list[Row] = field(default_factory=list)
    began: tuple[str, int | None] | None = None
    modalities: list[str] | None = None
    refused: tuple[str, int] | None = None
    full: str | None = None
    finished: bool = False
    code: int = 0
    errors: str = ""


def run(jobs: Sequence[Job], listener: Listener) -> list[Row]:
    """The rows of all jobs, in order: one for each model, modality and batch.

    Raises ModelUnavailable or UsageError if not a single model can be used; otherwise that is a row of its own.
    """
    rows: list[Row] = []
    refused: list[tuple[str, int]] = []
    for job in jobs:
        job_rows, refusal = _measure(job, listener)
        rows += job_rows
        if refusal:
            refused.append(refusal)
    if len(refused) == len(jobs):
        reason, code = refused[0]
        raise (ModelUnavailable if code == ModelUnavailable.exit_code else UsageError)(reason)
    return ordered(rows, jobs)


def _measure(job: Job, listener: Listener) -> tuple[list[Row], tuple[str, int] | None]:
    """All rows of a job, and the reason and exit code if its model cannot be used at all.

    If its process dies, another one goes on with the next modality.
    """
    first = outcome = _process(job, listener)
    rows = list(outcome.rows)
    while not outcome.finished:
        rows += _rows_of_lost_process(job, outcome)
        if outcome.began is None or outcome.modalities is None:
            break
        remaining = outcome.modalities[outcome.modalities.index(outcome.began[0]) + 1 :]
        if not remaining:
            break
        job = replace(job, modalities=tuple(remaining))
        outcome = _process(job, listener)
        rows += outcome.rows
    if outcome.refused:
        rows += _all_cells(job, "failed", outcome.refused[0])
    if outcome.full:
        rows += _all_cells(job, "oom", outcome.full)
    return rows, first.refused


def _rows_of_lost_process(job: Job, outcome: _Outcome) -> list[Row]:
    """The rows of a process that died: of the cell that it was at and of larger ones, else of all."""
    status, reason = _cause(outcome)
    if outcome.began is None:
        return _all_cells(job, status, reason)
    modality, batch = outcome.began
    larger = [size for size in job.batches if batch is None or size > batch]
    return [job.row(modality, size, status=status, reason=reason) for size in (batch, *larger)]


def _all_cells(job: Job, status: Status, reason: str) -> list[Row]:
    """A row for each cell of the job; the default modalities are known only of models of the catalog."""
    from mmsearch.models import catalog

    entry = catalog.find(job.options.name)
    usual: list[str | None] = [modality for modality in USUAL if entry and modality in entry.modalities]
    return [
        job.row(modality, batch, status=status, reason=reason)
        for modality in job.modalities or usual or [None]
        for batch in job.batches or (None,)
    ]


def _cause(outcome: _Outcome) -> tuple[Status, str]:
    if outcome.code == -getattr(signal, "SIGKILL", 9):
        return "oom", "the process was killed, as the system does when memory runs out"
    if any(phrase in outcome.errors for phrase in HOST_PHRASES):
        return "oom", "the process died when memory ran out"
    how = f"signal {-outcome.code}" if outcome.code < 0 else f"exit code {outcome.code}"
    lines = [line.strip() for line in outcome.errors.splitlines() if line.strip()]
    return "failed", f"the process died ({how})" + (f": {lines[-1][:200]}" if lines else "")


def _process(job: Job, listener: Listener) -> _Outcome:
    """One process from start to end."""
    outcome = _Outcome()
    listener.begin(job.options.name, None, None)
    with tempfile.TemporaryFile() as errors:
        with _worker(job, errors) as process:
            assert process.stdout
            for line in process.stdout:
                with suppress(ValueError):  # a line that its death cut short
                    _apply_event(json.loads(line), outcome, job, listener)
            outcome.code = process.wait()
        errors.seek(max(0, errors.seek(0, 2) - _MAX_ERROR_BYTES))
        outcome.errors = errors.read().decode("utf-8", "replace")
    return outcome


@contextmanager
def _worker(job: Job, errors: IO[bytes]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(_ENTRY),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        encoding="utf-8",
        env=environment(),
    )
    try:
        assert process.stdin
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(job.to_json()) + "\n")
            process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.communicate()


def _apply_event(event: dict[str, Any], outcome: _Outcome, job: Job, listener: Listener) -> None:
    """Adds an event to the outcome of its process."""
    match event.pop("event"):
        case "begin":
            outcome.began = event["modality"], event["batch"]
            listener.begin(job.options.name, *outcome.began)
        case "row":
            outcome.rows.append(Row.from_json(event["row"]))
        case "loaded":
            outcome.modalities = event["modalities"]
        case "refused":
            outcome.refused = event["reason"], event["code"]
        case "full":
            outcome.full = event["reason"]
        case "done":
            outcome.finished = True
