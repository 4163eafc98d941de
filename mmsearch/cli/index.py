"""`mmsearch index`: bring the index up to date with folders and files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from mmsearch.cli import options
from mmsearch.cli.command import Exit
from mmsearch.cli.common import complain, emit, guarded, parse_object
from mmsearch.cli.locate import locate, locate_for_writing
from mmsearch.cli.optimizing import (
    advise,
    optimize_alone,
    optimized,
    optimized_json,
    summarise_optimized,
    wanted_of,
)
from mmsearch.errors import IndexDamaged, IndexMismatch, UsageError
from mmsearch.opening import permitted
from mmsearch.render import to_json

if TYPE_CHECKING:
    from mmsearch.build import BuildOptions
    from mmsearch.core import Embedder, IndexReport, ModelOptions
    from mmsearch.feed.pool import Limits
    from mmsearch.feed.processes import Spares
    from mmsearch.scan import Entry, ScanOptions
    from mmsearch.store import Identity, Optimized, Wanted

NEW_FAILURES = 5
TURNED_OFF = ("dummy_weights", "tiles")
"""Switches that are also given by saying no."""


@guarded
def index(
    roots: options.Roots = None,
    index: options.IndexDir = None,
    files_from: options.FilesFrom = None,
    null: options.Null = False,
    globs: options.Globs = None,
    hidden: options.Hidden = False,
    no_ignore: options.NoIgnore = False,
    follow: options.Follow = False,
    prune: options.Prune = False,
    retry_failed: options.RetryFailed = False,
    rebuild: options.Rebuild = False,
    optimize: options.Optimize = False,
    index_kind: options.IndexKind = None,
    dim: options.Cut = None,
    dry_run: options.DryRun = False,
    progress: options.Progress = False,
    jobs: options.Jobs = None,
    timeout: options.Timeout = None,
    memory: options.Memory = None,
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
    trust_remote_code: options.TrustRemoteCode = False,
    dummy_weights: options.DummyWeights = None,
) -> None:
    """Index folders and files, or bring the index up to date.

    Only new and changed files are read; renamed and copied ones keep their vectors. Without PATH the folders of earlier
    runs are gone through again.

    Examples:

      mmsearch index ~/Pictures ~/Documents

      mmsearch index --prune

      fd -0 . | mmsearch index --files-from - -0

      mmsearch index ~/Pictures --model ./my-model --index ~/Pictures/.mmsearch

      mmsearch index --optimize
    """
    from mmsearch.build import BuildOptions
    from mmsearch.scan import ScanOptions

    given = _given(
        name=model, revision=revision, device=device, dtype=dtype, attn=attn, max_pixels=max_pixels,
        batch_size=batch_size, exact=exact, tiles=tiles,
        model_kwargs=parse_object(model_kwargs, "--model-kwargs"),
        processor_kwargs=parse_object(processor_kwargs, "--processor-kwargs"), trust_remote_code=trust_remote_code,
        dummy_weights=dummy_weights,
    )  # fmt: skip
    directory = locate(index) if dry_run else locate_for_writing(index)
    wanted = wanted_of(optimize, index_kind, dim, dry_run)
    if wanted and not any((roots, files_from, null, prune, retry_failed, rebuild, given)):
        done = optimize_alone(directory, wanted, progress)
        emit(to_json(optimized_json(done)) + "\n") if as_json else summarise_optimized(done, directory)
        return
    scan = ScanOptions(hidden, not no_ignore, tuple(globs or ()), follow, (directory,))
    places = _existing(roots or [])
    with _listed(files_from, null) as files:
        if dry_run:
            report, made = _plan(directory, places, files, scan), None
        else:
            how = BuildOptions(scan, prune, retry_failed, _limits(jobs, timeout, memory))
            report, made = _run(directory, places, files, given, how, rebuild, progress, wanted)
    if as_json:
        emit(to_json(report.to_json() | ({} if made is None else optimized_json(made))) + "\n")
    else:
        _summarise(report, directory, dry_run)
        if made is not None:
            summarise_optimized(made, directory)
    if report.failed:
        raise Exit(NEW_FAILURES)


def _given(**options: Any) -> dict[str, Any]:
    """The model options that were given, so that those of an existing index stand where none was.

    A directory is remembered absolute: the index will be searched from elsewhere.
    """
    if options["name"] and os.path.isdir(options["name"]):
        options["name"] = os.path.abspath(options["name"])
    return {name: value for name, value in options.items() if value or (value is False and name in TURNED_OFF)}


def _limits(jobs: int | None, seconds: float | None, gib: float | None) -> Limits:
    """What was given, over the defaults."""
    from mmsearch.feed.pool import Limits

    usual = Limits()
    return Limits(
        usual.jobs if jobs is None else jobs,
        usual.seconds if seconds is None else seconds,
        usual.memory if gib is None else int(gib * 2**30),
    )


def _existing(roots: list[str]) -> list[str]:
    from mmsearch.scan import spelled

    for root in roots:
        if not os.path.lexists(root):
            raise UsageError(f"no such file or folder: {root}")
    return [spelled(root) for root in roots]


class Listed(NamedTuple):
    """Paths of `--files-from`: all of them, as they come, and the first where looking keeps nobody waiting."""

    paths: Iterator[str]
    first: list[str]


@contextmanager
def _listed(source: str | None, null: bool) -> Iterator[Listed | None]:
    """What `--files-from` gives; None without the option."""
    from mmsearch.feed.processes import LOOK_AT
    from mmsearch.scan import read_paths

    if source is None:
        if null:
            raise UsageError("-0 belongs to --files-from")
        yield None
        return
    with _opened(source) as stream:
        paths = read_paths(stream, null)
        first = list(islice(paths, LOOK_AT)) if os.path.isfile(source) else []
        yield Listed(chain(first, paths), first)


def _opened(source: str) -> AbstractContextManager[BinaryIO]:
    if source == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return open(source, "rb")
    except OSError as error:
        raise UsageError(f"--files-from {source}: {error.strerror}") from None


def _run(
    directory: str,
    roots: list[str],
    files: Listed | None,
    given: dict[str, Any],
    how: BuildOptions,
    rebuild: bool,
    progress: bool,
    wanted: Wanted | None,
) -> tuple[IndexReport, list[Optimized] | None]:
    from mmsearch.build import Builder
    from mmsearch.cli.progress import Ahead, listening
    from mmsearch.feed.processes import Spares
    from mmsearch.store import Identity, Writer

    known = _known_identity(directory, rebuild)
    if known is None and not roots and files is None:
        raise UsageError(f"no index at {directory} yet: give the folders to index, such as `mmsearch index ~/Pictures`")
    model = permitted(_model_options(known, given), "trust_remote_code" in given, directory)
    # Asked for before the writer opens, because a rebuild forgets them.
    places = roots if roots or files is not None else _still_there(_known_roots(directory))
    with Spares() as spares:
        if known is None or rebuild:
            _start_early(spares, model, places, files.first if files else [], how)
        embedder = _embedder(model, None if rebuild else known, directory)
        identity = Identity.of(model, embedder.spec)
        ahead = Ahead(lambda: _to_read(directory, places, how), embedder, how.limits.jobs) if files is None else None
        with Writer.open(directory, identity, rebuild=rebuild, on_wait=complain) as writer:
            with listening(ahead, progress) as listener:
                report = Builder(writer, embedder, how, listener, spares).run(places, files.paths if files else ())
            made = optimized(writer, wanted, progress) if wanted else None
            if made is None:
                advise(writer)
            return report, made


def _start_early(spares: Spares, model: ModelOptions, roots: list[str], files: list[str], how: BuildOptions) -> None:
    """Has workers start while the model loads, where all files are new and that takes a while."""
    from mmsearch.models import needs_torch
    from mmsearch.scan import Entry, entry, walk

    if needs_torch(model):
        found = chain(*(walk(root, how.scan) for root in roots), map(entry, files))
        spares.start((one for one in found if isinstance(one, Entry)), how.limits.jobs)


def _embedder(model: ModelOptions, known: Identity | None, directory: str) -> Embedder:
    """The model, loaded now unless the index tells all that has to be known until the first content needs a vector."""
    from mmsearch.models import fingerprint_of, load_embedder

    if known is None or model != known.options or known.fingerprint != fingerprint_of(model):
        return load_embedder(model, many=True)
    from mmsearch.models.late import LateEmbedder
    from mmsearch.store import Identity

    def load() -> Embedder:
        embedder = load_embedder(model, many=True)
        known.require(Identity.of(model, embedder.spec), directory)
        return embedder

    return LateEmbedder(known.spec, load)


def _known_identity(directory: str, rebuild: bool) -> Identity | None:
    """The identity of the existing index, if any; a rebuild may replace one that cannot be read."""
    from mmsearch.store import read_identity

    try:
        return read_identity(directory)
    except (IndexDamaged, IndexMismatch):
        if rebuild:
            return None
        raise


def _known_roots(directory: str) -> list[str]:
    from mmsearch.store import read_roots

    return read_roots(directory)


def _model_options(known: Identity | None, given: dict[str, Any]) -> ModelOptions:
    """Options of the existing index with what was given put over them; another model starts from nothing."""
    from mmsearch.core import ModelOptions

    if known is None or ("name" in given and given["name"] != known.options.name):
        return ModelOptions(**given)
    return replace(known.options, **given)


def _still_there(roots: list[str]) -> list[str]:
    """The index's roots that exist; the others may be on a drive that is not plugged in, and are left alone."""
    for root in roots:
        if not os.path.exists(root):
            complain(f"warning: {root} is not there now: its files are left as they are")
    return [root for root in roots if os.path.exists(root)]


def _to_read(directory: str, roots: list[str], how: BuildOptions) -> Iterator[Entry]:
    """The files that a run has to read, by stat alone, while it goes on."""
    from mmsearch.build import to_read
    from mmsearch.scan import walk
    from mmsearch.store import Reader

    with Reader.open(directory) as reader:
        for root in roots:
            yield from to_read(reader.file, walk(root, how.scan))


def _plan(directory: str, roots: list[str], files: Listed | None, scan: ScanOptions) -> IndexReport:
    from mmsearch.build import plan
    from mmsearch.scan import entry, walk
    from mmsearch.store import Reader, read_identity

    reader = Reader.open(directory) if read_identity(directory) else None
    places = roots or (_still_there(list(reader.status().roots)) if reader and files is None else [])
    listed = (entry(path) for path in (files.paths if files else ()) if not os.path.isdir(path))
    return plan(reader.file if reader else lambda _: None, chain(*(walk(root, scan) for root in places), listed))


def _summarise(report: IndexReport, directory: str, dry_run: bool) -> None:
    """Counts that are not zero, on stderr: stdout is for data."""
    counts = [(name, value) for name, value in report.to_json().items() if value and name not in ("seconds", "stages")]
    told = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in counts) or "nothing to do"
    if dry_run:
        complain(f"would do: {told}")
        return
    complain(f"{told} in {report.seconds:.1f} s; index at {directory}")
    if report.failed:
        complain("`mmsearch status --failures` lists what failed and why")
