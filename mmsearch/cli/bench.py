"""`mmsearch bench`: memory and speed of models on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from typer import Exit

from mmsearch.cli import options
from mmsearch.cli.common import handle_errors, log_line, write_stdout
from mmsearch.errors import UsageError
from mmsearch.extras.bench import BenchFormat
from mmsearch.output.tables import harmless
from mmsearch.search.open import named_by_user

if TYPE_CHECKING:
    from mmsearch.extras.bench.job import Job

AUTO = "auto"
FAILED = 5


@handle_errors
def bench(
    models: options.Models = None,
    rerankers: options.Rerankers = None,
    batch_size: options.BatchSizes = AUTO,
    modality: options.Modalities = None,
    tokens: options.Tokens = 128,
    max_pixels: options.Pixels = 1_000_000,
    frames: options.Frames = None,
    seconds: options.Seconds = None,
    files: options.BenchFiles = None,
    for_files: options.ForFiles = 100_000,
    time: options.CellTime = 2.0,
    memory_limit: options.MemoryLimit = None,
    form: Annotated[BenchFormat, options.Output("--format", help="How rows are written.")] = BenchFormat.table,
    plot: options.Plot = None,
    dummy_weights: options.DummyWeights = False,
    device: options.Device = None,
    dtype: options.Dtype = None,
    attn: options.Attn = None,
    trust_remote_code: options.TrustRemoteCode = False,
) -> None:
    """Measure speed and memory of models, for each kind of input and batch size.

    Each model runs in a process of its own. Memory that runs out is a result (OOM), not an end. The table goes to
    stdout; advice on the batch size, and how long your files would take, to stderr.

    \b
    Examples:
      mmsearch bench
      mmsearch bench --model qwen3-vl-2b --model siglip2-base --modality image --batch-size 1,8,32
      mmsearch bench --model qwen3-vl-8b --dummy-weights --device cuda --plot speed.html
      mmsearch bench --model builtin --files ~/Pictures --format json
    """
    from mmsearch.extras.bench import process
    from mmsearch.extras.bench.report import advice, circumstances, formatted
    from mmsearch.models.estimate import Sizes

    if files is not None and not os.path.exists(files):
        raise UsageError(f"--files {files}: no such file or folder")
    model_options: dict[str, Any] = {
        "device": device, "dtype": dtype, "attn": attn,
        "trust_remote_code": trust_remote_code, "dummy_weights": dummy_weights,
    }  # fmt: skip
    job_options: dict[str, Any] = {
        "batches": _batches(batch_size), "modalities": _modalities(modality), "time": time, "files": files,
        "memory": None if memory_limit is None else int(memory_limit * 2**30),
    }  # fmt: skip
    jobs = _jobs(models, rerankers, model_options, {**job_options, "sizes": Sizes(tokens, max_pixels, frames, seconds)})
    if plot is not None:
        from mmsearch.extras.bench.plot import check

        check(plot)
    machine_state = circumstances()
    with _listening() as listener:
        rows = process.run(jobs, listener)
    write_stdout(formatted(rows, form, machine_state))
    if plot is not None:
        from mmsearch.extras.bench.plot import plot as draw

        draw(rows, plot)
    for line in advice(rows, for_files):
        log_line(line)
    if any(row.status == "failed" for row in rows):
        raise Exit(FAILED)


def _batches(text: str) -> tuple[int, ...]:
    """`1,4,16` ascending; empty for `auto`."""
    if text.strip() == AUTO:
        return ()
    numbers = [part.strip() for part in text.split(",") if part.strip()]
    if not numbers or not all(part.isdecimal() and int(part) for part in numbers):
        raise UsageError(f"--batch-size wants numbers from 1 on such as 1,4,16, or {AUTO}, not {text!r}")
    return tuple(sorted({int(part) for part in numbers}))


def _modalities(text: str | None) -> tuple[str, ...] | None:
    from mmsearch.search.request import parse_types
    from mmsearch.types import MODALITIES

    modalities = parse_types(text)
    return None if modalities is None else tuple(modality for modality in MODALITIES if modality in modalities)


def _jobs(
    models: list[str] | None, rerankers: list[str] | None, model_options: dict[str, Any], job_options: dict[str, Any]
) -> list[Job]:
    """A job for each model and each reranker; the built-in model where none is named."""
    from mmsearch.extras.bench.job import Job
    from mmsearch.models import BUILTIN
    from mmsearch.types import ModelOptions

    if job_options["files"] is not None and rerankers:
        raise UsageError("--files measures an index run, which has no reranker: leave --reranker out")
    if job_options["files"] is not None and job_options["modalities"]:
        raise UsageError("--files takes what is there: leave --modality out")
    if not models and not rerankers:
        models = [BUILTIN]
    embedders = [
        Job(ModelOptions(name, **model_options), "embedder", **job_options)
        for name in dict.fromkeys(map(named_by_user, models or ()))
    ]
    return embedders + [
        Job(ModelOptions(name, **model_options), "reranker", **job_options)
        for name in dict.fromkeys(map(named_by_user, rerankers or ()))
    ]


class _Listener:
    """Shows on a terminal the measurement at hand, nothing elsewhere."""

    def __init__(self, status: Any = None) -> None:
        self._status = status

    def begin(self, model: str, modality: str | None, batch: int | None) -> None:
        if self._status is not None:
            step = "loading" if modality is None else f"{modality}, batch {batch or AUTO}"
            self._status.update(f"{harmless(model)}: {step}".replace("[", "\\["))


@contextmanager
def _listening() -> Iterator[_Listener]:
    if not sys.stderr.isatty():
        yield _Listener()
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield _Listener(status)
