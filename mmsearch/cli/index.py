"""`mmsearch index`: bring the index up to date with folders and files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn

from mmsearch.cli import options
from mmsearch.cli.command import Exit
from mmsearch.cli.common import complain, emit, guarded, parse_object, tell_refused
from mmsearch.cli.dry_run import plan, still_there
from mmsearch.cli.index_path import locate, locate_for_writing
from mmsearch.cli.optimize import (
    advise,
    optimize_alone,
    optimized,
    optimized_json,
    summarise_optimized,
    wanted_of,
)
from mmsearch.cli.sharing import require_writing, share_alone
from mmsearch.errors import IndexDamaged, IndexMismatch, UsageError
from mmsearch.output.tables import to_json
from mmsearch.search.open import named_by_user, permitted
from mmsearch.system.safe_open import regular_or_handed

if TYPE_CHECKING:
    from mmsearch.cli.ray import ClusterOptions
    from mmsearch.indexing.pipeline import IndexOptions
    from mmsearch.indexing.pool import Limits
    from mmsearch.indexing.worker_process import PrestartedWorkers
    from mmsearch.scan import Entry
    from mmsearch.store import Allowed, Identity, Optimized, OptimizeRequest
    from mmsearch.store.writer import Writer
    from mmsearch.types import Embedder, IndexReport, ModelOptions

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
    shared: options.Shared = None,
    dry_run: options.DryRun = False,
    watch: options.Watch = False,
    progress: options.Progress = False,
    engine: options.Engine = options.EngineChoice.local,
    ray_address: options.RayAddress = None,
    shards: options.Shards = None,
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
    trust_index: options.TrustIndex = False,
    dummy_weights: options.DummyWeights = None,
) -> None:
    """Index folders and files, or bring the index up to date.

    Only new and changed files are read; renamed and copied ones keep their vectors. Without PATH the folders of earlier
    runs are gone through again.

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
    from mmsearch.scan import ScanOptions

    given = _given(
        name=model, revision=revision, device=device, dtype=dtype, attn=attn, max_pixels=max_pixels,
        batch_size=batch_size, exact=exact, tiles=tiles,
        model_kwargs=parse_object(model_kwargs, "--model-kwargs"),
        processor_kwargs=parse_object(processor_kwargs, "--processor-kwargs"), trust_remote_code=trust_remote_code,
        dummy_weights=dummy_weights,
    )  # fmt: skip
    ray = _cluster_options(engine, ray_address, shards, jobs, device, progress)
    directory = locate(index) if dry_run else locate_for_writing(index)
    wanted = wanted_of(optimize, index_kind, dim, dry_run)
    chosen = (globs, hidden, no_ignore, follow, prune, retry_failed, rebuild, watch, ray)
    require_writing(shared, dry_run)
    if (wanted or shared is not None) and not any((roots, files_from, null, given, *chosen)):
        _alone(directory, wanted, shared, progress, as_json)
        return
    scan = ScanOptions(hidden, not no_ignore, tuple(globs or ()), follow, (directory,))
    places = [_existing(root, ray is not None) for root in roots or []]
    if watch and ray is not None:
        raise UsageError("--watch is for local runs: leave out --engine ray")
    if watch and (files_from is not None or dry_run):
        raise UsageError(f"--watch goes on for ever: leave out {'--dry-run' if dry_run else '--files-from'}")
    made: list[Optimized] | None = None
    with _listed(files_from, null) as files:
        if dry_run:
            report = plan(directory, places, files and files.paths, scan, ray is not None, trust_index)
        else:
            how = IndexOptions(scan, prune, retry_failed, _limits(jobs, timeout, memory))
            job = _Job(directory, places, given, how, progress, ray, wanted, shared, trust_index)
            if watch:
                _watch(job, rebuild, as_json)
            report, made = job.run(files, rebuild), job.made
    if as_json:
        emit(to_json(report.to_json() | ({} if made is None else optimized_json(made))) + "\n")
    else:
        _summarise(report, directory, dry_run)
        summarise_optimized(made, directory)
    if report.failed:
        raise Exit(NEW_FAILURES)


def _alone(directory: str, wanted: OptimizeRequest | None, shared: bool | None, progress: bool, as_json: bool) -> None:
    """Share or optimize an index, where no file is to be read."""
    if shared is not None:
        share_alone(directory, shared)
    if wanted:
        done = optimize_alone(directory, wanted, progress)
        emit(to_json(optimized_json(done)) + "\n") if as_json else summarise_optimized(done, directory)


def _given(**options: Any) -> dict[str, Any]:
    """The model options that were given, so that those of an existing index stand where none was.

    A directory is remembered absolute: the index will be searched from elsewhere.
    """
    if options["name"]:
        options["name"] = named_by_user(options["name"])
    return {name: value for name, value in options.items() if value or (value is False and name in TURNED_OFF)}


def _limits(jobs: int | None, seconds: float | None, gib: float | None) -> Limits:
    """What was given, over the defaults."""
    from mmsearch.indexing.pool import Limits

    usual = Limits()
    return Limits(
        usual.jobs if jobs is None else jobs,
        usual.seconds if seconds is None else seconds,
        usual.memory if gib is None else int(gib * 2**30),
    )


def _cluster_options(
    engine: options.EngineChoice,
    address: str | None,
    shards: str | None,
    jobs: int | None,
    device: str | None,
    progress: bool,
) -> ClusterOptions | None:
    """What was asked of a cluster, None for a local run; an option that would do nothing is an error."""
    if engine is options.EngineChoice.local:
        for name, value in (("--ray-address", address), ("--shards", shards)):
            if value is not None:
                raise UsageError(f"{name} belongs to --engine ray")
        return None
    from mmsearch.cli.ray import ClusterOptions

    return ClusterOptions.of(address, shards, jobs, device, progress)


def _existing(root: str, objects_too: bool) -> str:
    """A root as it is kept. Raises UsageError where there is nothing."""
    from mmsearch.scan import spelled
    from mmsearch.types import is_object_url

    if is_object_url(root):
        if not objects_too:
            raise UsageError(f"{root}: objects of stores are read with --engine ray")
        from mmsearch.scan.object_stores import normal

        return normal(root)
    if not os.path.lexists(root):
        raise UsageError(f"no such file or folder: {root}")
    return spelled(root)


class Listed(NamedTuple):
    """Paths of `--files-from`: all of them, as they come, and the first where looking keeps nobody waiting."""

    paths: Iterator[str]
    first: list[str]


@contextmanager
def _listed(source: str | None, null: bool) -> Iterator[Listed | None]:
    """What `--files-from` gives; None without the option."""
    from mmsearch.indexing.worker_process import LOOK_AT
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
        return open(source, "rb", opener=regular_or_handed)
    except OSError as error:
        raise UsageError(f"--files-from {source}: {error.strerror or error}") from None


def _watch(job: _Job, rebuild: bool, as_json: bool) -> NoReturn:
    from mmsearch.cli.watch import keep_current

    job.require_roots(None, rebuild)
    job.find_roots(None)
    hidden = job.how.scan.hidden or bool(job.how.scan.globs)  # a glob may take what is hidden
    tell = None if as_json else lambda report: _summarise(report, job.directory, False)

    def run(roots: list[str], busy: frozenset[str]) -> IndexReport:
        if job.embedder is not None:
            return job.again(roots, busy)
        report = job.run(None, rebuild)
        summarise_optimized(job.made, job.directory)
        return report

    keep_current(job.roots, job.directory, hidden, run, tell)


@dataclass
class _Job:
    """An index run, which may be done again with the model that it has loaded; `made` is what it has optimized."""

    directory: str
    roots: list[str]
    given: dict[str, Any]
    how: IndexOptions
    progress: bool
    ray: ClusterOptions | None = None
    wanted: OptimizeRequest | None = None
    shared: bool | None = None
    trust_index: bool = False
    made: list[Optimized] | None = None
    embedder: Embedder | None = None
    identity: Identity | None = None

    def run(self, files: Listed | None, rebuild: bool) -> IndexReport:
        """Bring the index up to date with the roots, or else those of the index, and the files."""
        from mmsearch.indexing.worker_process import PrestartedWorkers
        from mmsearch.store import Identity

        known = self.require_roots(files, rebuild)
        model = _model_options(known, self.given)
        own = known is None or ("name" in self.given and self.given["name"] != known.options.name)
        allowed = own or _allowed(self.directory, rebuild, self.trust_index).identity
        model = permitted(model, "trust_remote_code" in self.given, self.directory, allowed, self.given)
        # Asked for before the writer opens, because a rebuild forgets them.
        self.find_roots(files)
        places = self.roots
        if self.ray is not None:
            from mmsearch.cli.ray import run

            listed = files.paths if files else ()
            how = self.how
            return run(self.ray, self.directory, places, listed, model, how, known, rebuild, self._allow, self._finish)
        with PrestartedWorkers() as spares:
            if known is None or rebuild:
                _start_early(spares, model, places, files.first if files else [], self.how)
            self.embedder = _embedder(model, None if rebuild else known, self.directory)
            self.identity = Identity.of(model, self.embedder.spec)
            return self._build(places, files, rebuild, spares, self.how, self._finish)

    def require_roots(self, files: Listed | None, rebuild: bool) -> Identity | None:
        """The identity of the index if there is one; raises UsageError where there is nothing to index."""
        known = _known_identity(self.directory, rebuild)
        if known is None and not self.roots and files is None:
            raise UsageError(
                f"no index at {self.directory} yet: give the folders to index, such as `mmsearch index ~/Pictures`"
            )
        return known

    def find_roots(self, files: Listed | None) -> None:
        """Go through those of the index where none was given, as far as its user has named them."""
        if self.roots or files is not None:
            return
        allowed = _allowed(self.directory, False, self.trust_index)
        tell_refused(allowed.refused, self.directory)
        self.roots = still_there(list(allowed.roots), self.ray is not None)
        self.how = replace(self.how, scan=replace(self.how.scan, confined=allowed.confined))

    def _allow(self, writer: Writer) -> None:
        """Keep that the user has named these folders and this model for the index."""
        from mmsearch.models.permissions import needing

        if self.trust_index:
            writer.allow_everything()
        writer.allow_roots([root for root in self.roots if root not in self.how.scan.confined])
        if needing(writer.identity.options):
            writer.allow_model()  # it has been permitted

    def again(self, roots: list[str], busy: frozenset[str]) -> IndexReport:
        """Bring the index up to date with some of its roots, but for files that are being written."""
        how = replace(self.how, scan=replace(self.how.scan, skip=busy), retry_failed=False)
        return self._build(roots, None, False, None, how, lambda _: None)

    def _finish(self, writer: Writer) -> None:
        """Share it if that is wanted, and optimize, or say so where that would make searches faster."""
        if self.shared is not None:
            writer.share(self.shared)
        if self.wanted is None:
            advise(writer)
        else:
            self.made = optimized(writer, self.wanted, self.progress)

    def _build(
        self,
        places: list[str],
        files: Listed | None,
        rebuild: bool,
        spares: PrestartedWorkers | None,
        how: IndexOptions,
        finish: Callable[[Writer], None],
    ) -> IndexReport:
        from mmsearch.cli.progress import Ahead, listening
        from mmsearch.indexing.pipeline import Indexer
        from mmsearch.store.writer import Writer

        assert self.embedder is not None
        assert self.identity is not None
        ahead = None
        if files is None:
            ahead = Ahead(lambda: _to_read(self.directory, places, how), self.embedder, how.limits.jobs)
        with Writer.open(self.directory, self.identity, rebuild=rebuild, on_wait=complain) as writer:
            self._allow(writer)
            with listening(ahead, self.progress) as listener:
                report = Indexer(writer, self.embedder, how, listener, spares).run(places, files.paths if files else ())
            finish(writer)
            return report


def _start_early(
    spares: PrestartedWorkers, model: ModelOptions, roots: list[str], files: list[str], how: IndexOptions
) -> None:
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
    from mmsearch.models.lazy import LazyEmbedder
    from mmsearch.store import Identity

    def load() -> Embedder:
        embedder = load_embedder(model, many=True)
        known.require(Identity.of(model, embedder.spec), directory)
        return embedder

    return LazyEmbedder(known.spec, load)


def _known_identity(directory: str, rebuild: bool) -> Identity | None:
    """The identity of the existing index, if any; a rebuild may replace one that cannot be read."""
    from mmsearch.store import read_identity

    try:
        return read_identity(directory)
    except (IndexDamaged, IndexMismatch):
        if rebuild:
            return None
        raise


def _allowed(directory: str, rebuild: bool, trusted: bool) -> Allowed:
    """What the existing index may name, if any; nothing where it cannot be read and is replaced."""
    from mmsearch.store import Allowed, read_allowed

    try:
        return read_allowed(directory, trusted)
    except (IndexDamaged, IndexMismatch):
        if rebuild:
            return Allowed(identity=False)
        raise


def _model_options(known: Identity | None, given: dict[str, Any]) -> ModelOptions:
    """Options of the existing index with what was given put over them; another model starts from nothing."""
    from mmsearch.types import ModelOptions

    if known is None or ("name" in given and given["name"] != known.options.name):
        return ModelOptions(**given)
    return replace(known.options, **given)


def _to_read(directory: str, roots: list[str], how: IndexOptions) -> Iterator[Entry]:
    """The files that a run has to read, by stat alone, while it goes on."""
    from mmsearch.indexing.pipeline import to_read
    from mmsearch.scan import walk
    from mmsearch.store import Reader

    with Reader.open(directory) as reader:
        for root in roots:
            yield from to_read(reader.file, walk(root, how.scan))


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
