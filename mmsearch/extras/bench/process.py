"""Runs each job in a process of its own and puts the table together, whatever becomes of the processes."""

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
from mmsearch.extras.bench.measure import USUAL, blank
from mmsearch.models.costs import HOST_PHRASES
from mmsearch.system.child_processes import command, environment

_ENTRY = "from mmsearch.extras.bench.worker import main; main()"
_LAST_WORDS = 4096
LOADING = "loading"


class Listener(Protocol):
    """Hears what is being measured."""

    def begin(self, model: str, modality: str | None, batch: int | None) -> None:
        """A cell begins, or, without modality, the loading of a model."""


@dataclass(slots=True)
class _Outcome:
    """What one process has told before its end.

    Attributes:
        began: the cell it was at.
        modalities: what it was going to measure, once it knew.
        refused: why the model cannot be used at all, and the exit code for it.
        full: why it did not fit.
        last: the end of what it wrote to standard error.
    """

    rows: list[Row] = field(default_factory=list)
    began: tuple[str, int | None] | None = None
    modalities: list[str] | None = None
    refused: tuple[str, int] | None = None
    full: str | None = None
    done: bool = False
    code: int = 0
    last: str = ""


def run(jobs: Sequence[Job], listener: Listener) -> list[Row]:
    """The rows of all jobs, in order: one for each model, modality and batch.

    Raises ModelUnavailable or UsageError where not a single model can be used; otherwise that is a row of its own.
    """
    rows: list[Row] = []
    refused: list[tuple[str, int]] = []
    for job in jobs:
        outcome = _measured(job, listener)
        if outcome.refused:
            refused.append(outcome.refused)
        rows += outcome.rows
    if len(refused) == len(jobs):
        reason, code = refused[0]
        raise (ModelUnavailable if code == ModelUnavailable.exit_code else UsageError)(reason)
    return ordered(rows, jobs)


def _measured(job: Job, listener: Listener) -> _Outcome:
    """All rows of a job; where its process dies, another one goes on with the next modality."""
    first = outcome = _process(job, listener)
    rows = list(outcome.rows)
    while not outcome.done:
        rows += _lost(job, outcome)
        left = _left(outcome)
        if not left:
            break
        job = replace(job, modalities=tuple(left))
        outcome = _process(job, listener)
        rows += outcome.rows
    if outcome.refused:
        rows += _all(job, "failed", outcome.refused[0])
    if outcome.full:
        rows += _all(job, "oom", outcome.full)
    return replace(first, rows=rows)


def _left(outcome: _Outcome) -> list[str]:
    """Modalities that a process had not come to when it died."""
    if outcome.began is None or outcome.modalities is None:
        return []
    return outcome.modalities[outcome.modalities.index(outcome.began[0]) + 1 :]


def _lost(job: Job, outcome: _Outcome) -> list[Row]:
    """The rows of a process that died: of the cell it was at and of larger ones, else of all."""
    status, reason = _cause(outcome)
    if outcome.began is None:
        return _all(job, status, reason)
    modality, batch = outcome.began
    larger = [size for size in job.batches if batch is None or size > batch]
    after = [replace(blank(job, modality, size), status=status, reason=reason) for size in larger]
    return [replace(blank(job, modality, batch), status=status, reason=reason), *after]


def _all(job: Job, status: Status, reason: str) -> list[Row]:
    """A row for each cell that was asked for; what the model reads by itself is known only of the catalog's."""
    from mmsearch.models import catalog

    entry = catalog.find(job.options.name)
    usual: list[str | None] = [modality for modality in USUAL if entry and modality in entry.modalities]
    empty = [
        blank(job, modality, batch)
        for modality in job.modalities or usual or [None]
        for batch in job.batches or (None,)
    ]
    return [replace(row, status=status, reason=reason) for row in empty]


def _cause(outcome: _Outcome) -> tuple[Status, str]:
    if outcome.code == -getattr(signal, "SIGKILL", 9):
        return "oom", "the process was killed, as the system does when memory runs out"
    if any(phrase in outcome.last for phrase in HOST_PHRASES):
        return "oom", "the process died when memory ran out"
    how = f"signal {-outcome.code}" if outcome.code < 0 else f"exit code {outcome.code}"
    lines = [line.strip() for line in outcome.last.splitlines() if line.strip()]
    return "failed", f"the process died ({how})" + (f": {lines[-1][:200]}" if lines else "")


def _process(job: Job, listener: Listener) -> _Outcome:
    """One process from start to end."""
    outcome = _Outcome()
    listener.begin(job.options.name, None, None)
    with tempfile.TemporaryFile() as errors:
        with _started(job, errors) as process:
            for event in _events(process):
                _hear(outcome, event, job, listener)
            outcome.code = process.wait()
        errors.seek(max(0, errors.seek(0, 2) - _LAST_WORDS))
        outcome.last = errors.read().decode("utf-8", "replace")
    return outcome


@contextmanager
def _started(job: Job, errors: IO[bytes]) -> Iterator[subprocess.Popen[str]]:
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


def _events(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """What the process tells; a line that its death cut short is left out."""
    assert process.stdout
    for line in process.stdout:
        with suppress(ValueError):
            event: dict[str, Any] = json.loads(line)
            yield event


def _hear(outcome: _Outcome, event: dict[str, Any], job: Job, listener: Listener) -> None:
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
            outcome.done = True
