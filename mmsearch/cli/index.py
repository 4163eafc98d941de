"""`mmsearch index`: bring the index up to date with folders and files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NoReturn

from typer import Exit

from mmsearch.cli import options
from mmsearch.cli.common import handle_errors, locate, locate_for_writing, log_line, only, parse_object, write_json
from mmsearch.cli.index_run import ClusterOptions, IndexRun, ListedFiles
from mmsearch.cli.optimize import maintain, optimize_request, optimized_fields, summarise_optimized
from mmsearch.errors import UsageError
from mmsearch.search.open import named_by_user
from mmsearch.system.safe_open import regular_or_handed

if TYPE_CHECKING:
    from mmsearch.types import IndexReport

NEW_FAILURES = 5
NEGATABLE = ("dummy_weights", "tiles")
"""Model options whose False is an answer too."""
WATCHED_COUNTS = ("added", "changed", "removed", "reused", "failed")


@handle_errors
def index(
    roots: options.Roots = None,
    index: options.IndexDir = None,
    prune: options.Prune = False,
    retry_failed: options.RetryFailed = False,
    rebuild: options.Rebuild = False,
    dry_run: options.DryRun = False,
    watch: options.Watch = False,
    files_from: options.FilesFrom = None,
    null: options.Null = False,
    globs: options.Globs = None,
    hidden: options.Hidden = False,
    no_ignore: options.NoIgnore = False,
    follow: options.Follow = False,
    progress: options.Progress = False,
    as_json: options.Json = False,
    model: options.Model = None,
    revision: options.Revision = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    attn: options.Attn = None,
    max_pixels: options.MaxPixels = None,
    batch_size: options.BatchSize = None,
    exact: options.Exact = False,
    tiles: options.Tiles = None,
    model_kwargs: options.ModelKwargs = None,
    processor_kwargs: options.ProcessorKwargs = None,
    dummy_weights: options.DummyWeights = None,
    optimize: options.Optimize = False,
    index_kind: options.IndexKind = None,
    dim: options.Cut = None,
    shared: options.Shared = None,
    jobs: options.Jobs = None,
    timeout: options.Timeout = None,
    memory: options.Memory = None,
    engine: options.Engine = options.EngineChoice.local,
    ray_address: options.RayAddress = None,
    shards: options.Shards = None,
    trust_remote_code: options.TrustRemoteCode = False,
    trust_index: options.TrustIndex = False,
) -> None:
    """Index folders and files, or bring the index up to date.

    Only new and changed files are read; renamed and copied files keep their vectors. Without PATH, the folders of
    earlier runs are indexed again.

    \b
    Examples:
      mmsearch index ~/Pictures ~/Documents
      mmsearch index --prune
      fd -0 . | mmsearch index --files-from - -0
      mmsearch index ~/Pictures --watch
      mmsearch index ~/Pictures --model ./my-model --index ~/Pictures/.mmsearch
      mmsearch index s3://bucket/photos --engine ray --ray-address auto
      mmsearch index --optimize
      mmsearch index --shared
    """
    from mmsearch.indexing.pipeline import IndexOptions
    from mmsearch.indexing.pool import Limits
    from mmsearch.scan import ScanOptions

    model_options: dict[str, Any] = {
        "name": named_by_user(model) if model else None, "revision": revision, "device": device, "dtype": dtype,
        "attn": attn, "max_pixels": max_pixels, "batch_size": batch_size, "exact": exact, "tiles": tiles,
        "model_kwargs": parse_object(model_kwargs, "--model-kwargs"),
        "processor_kwargs": parse_object(processor_kwargs, "--processor-kwargs"),
        "trust_remote_code": trust_remote_code, "dummy_weights": dummy_weights,
    }  # fmt: skip
    # Only the given ones, so that the others stay as they are in the index.
    user_options = {
        name: value for name, value in model_options.items() if value or (value is False and name in NEGATABLE)
    }
    if engine is options.EngineChoice.ray:
        cluster = ClusterOptions.of(ray_address, shards, jobs, device, progress)
    elif ray_address is not None or shards is not None:
        raise UsageError(f"{'--shards' if ray_address is None else '--ray-address'} belongs to --engine ray")
    else:
        cluster = None
    directory = only(index, "--index")
    directory = locate(directory) if dry_run else locate_for_writing(directory)
    request = optimize_request(optimize, index_kind, dim, dry_run)
    if shared is not None and dry_run:
        raise UsageError(f"--dry-run tells what would be indexed: leave out --{'' if shared else 'no-'}shared")
    other_options = (globs, hidden, no_ignore, follow, prune, retry_failed, rebuild, watch, cluster)
    if (request or shared is not None) and not any((roots, files_from, null, user_options, *other_options)):
        maintain(directory, request, shared, progress, as_json)
        return
    paths = [_existing_root(root, cluster is not None) for root in roots or []]
    if watch and cluster is not None:
        raise UsageError("--watch is for local runs: leave out --engine ray")
    if watch and (files_from is not None or dry_run):
        raise UsageError(f"--watch keeps running: leave out {'--dry-run' if dry_run else '--files-from'}")
    default = Limits()
    limits = Limits(
        default.jobs if jobs is None else jobs,
        default.seconds if timeout is None else timeout,
        default.memory if memory is None else int(memory * 2**30),
    )
    scan = ScanOptions(hidden, not no_ignore, tuple(globs or ()), follow, (directory,))
    run = IndexRun(
        directory, paths, user_options, IndexOptions(scan, prune, retry_failed, limits), progress, rebuild, cluster,
        request, shared, trust_index,
    )  # fmt: skip
    with _listed_files(files_from, null) as files:
        if watch:
            _watch(run, as_json)
        report = run.plan(files) if dry_run else run.run(files)
    if as_json:
        write_json(report.to_json() | ({} if run.optimized is None else optimized_fields(run.optimized)))
    else:
        _summarise(report, directory, dry_run)
        summarise_optimized(run.optimized, directory)
    if report.failed:
        raise Exit(NEW_FAILURES)


def _existing_root(root: str, with_objects: bool) -> str:
    """A root in the form that the index keeps. Raises UsageError if it does not exist."""
    from mmsearch.scan import spelled
    from mmsearch.types import is_object_url

    if is_object_url(root):
        if not with_objects:
            raise UsageError(f"{root}: objects of stores are read with --engine ray")
        from mmsearch.scan.object_stores import normal

        return normal(root)
    if not os.path.lexists(root):
        raise UsageError(f"no such file or folder: {root}")
    return spelled(root)


@contextmanager
def _listed_files(source: str | None, null: bool) -> Iterator[ListedFiles | None]:
    """The paths of `--files-from`; None without the option."""
    from mmsearch.indexing.worker_process import LOOK_AT
    from mmsearch.scan import read_paths

    if source is None:
        if null:
            raise UsageError("-0 belongs to --files-from")
        yield None
        return
    try:
        # Entered below, so that an error of the run is not reported as one of the list.
        source_file = nullcontext(sys.stdin.buffer) if source == "-" else open(source, "rb", opener=regular_or_handed)  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"--files-from {source}: {error.strerror or error}") from None
    with source_file as stream:
        paths = read_paths(stream, null)
        first = list(islice(paths, LOOK_AT)) if os.path.isfile(source) else []
        yield ListedFiles(chain(first, paths), first)


def _watch(run: IndexRun, as_json: bool) -> NoReturn:
    """Index, then index again what has changed, until Ctrl-C or SIGTERM; between updates they end with exit code 0."""
    from mmsearch.scan.watch import Watcher

    run.existing_identity(None)
    run.find_roots(None)
    if not run.roots:
        raise UsageError("nothing to watch: give the folders to index, such as `mmsearch index ~/Pictures --watch`")
    hidden = run.options.scan.hidden or bool(run.options.scan.globs)  # a glob may include hidden files
    updates = Watcher(run.roots, run.directory, hidden, log_line).updates()
    first, running = True, False
    try:
        for due in updates:
            running = True
            if first:
                report = run.run(None)
                summarise_optimized(run.optimized, run.directory)
            else:
                report = run.run_again([root for root in due.roots if os.path.lexists(root)], due.busy)
            running = False
            counts = [f"{count} {name}" for name in WATCHED_COUNTS if (count := getattr(report, name))]
            if as_json and (first or counts):
                write_json({"at": datetime.now().isoformat(timespec="seconds"), **report.to_json()}, indent=None)
            elif first:
                _summarise(report, run.directory, False)
            elif counts:
                log_line(f"{datetime.now():%H:%M:%S} {', '.join(counts)} in {report.seconds:.1f} s")
            if first:
                log_line(f"watching {', '.join(run.roots[:3])}{', ...' if len(run.roots) > 3 else ''}; Ctrl-C ends it")
            first = False
    except KeyboardInterrupt:
        if not running:
            raise Exit(0) from None
        raise
    raise AssertionError("updates never end")


def _summarise(report: IndexReport, directory: str, dry_run: bool) -> None:
    """Counts that are not zero, on stderr: stdout is for data."""
    counts = [(name, value) for name, value in report.to_json().items() if value and name not in ("seconds", "stages")]
    summary = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in counts) or "nothing to do"
    if dry_run:
        log_line(f"would do: {summary}")
        return
    log_line(f"{summary} in {report.seconds:.1f} s; index at {directory}")
    if report.failed:
        log_line("`mmsearch status --failures` lists what failed and why")
