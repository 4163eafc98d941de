"""One run of `mmsearch index`: on this machine, on a Ray cluster, or only its plan. Knows nothing of argv."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from mmsearch.cli.common import log_line, warn_of_refused
from mmsearch.cli.optimize import optimize, suggest_optimize
from mmsearch.errors import IndexDamaged, IndexMismatch, ModelUnavailable, UsageError
from mmsearch.search.open import permitted

if TYPE_CHECKING:
    from mmsearch.indexing.pipeline import IndexOptions
    from mmsearch.indexing.worker_process import PrestartedWorkers
    from mmsearch.scan import Entry, Problem
    from mmsearch.store import Allowed, Identity, Optimized, OptimizeRequest
    from mmsearch.store.writer import Writer
    from mmsearch.types import Embedder, IndexReport, ModelOptions

OWN_SHARDS = "shards"
"""Default folder for shards, in the index."""


class ListedFiles(NamedTuple):
    """Paths of `--files-from`: all of them as they arrive, and the first if the list is a file."""

    paths: Iterator[str]
    first: list[str]


@dataclass(frozen=True)
class ClusterOptions:
    """A Ray cluster: its address, where its nodes leave shards, and the processors of a cluster that we start."""

    address: str | None
    shards: str | None
    jobs: int

    @classmethod
    def of(
        cls, address: str | None, shards: str | None, jobs: int | None, device: str | None, progress: bool
    ) -> ClusterOptions:
        """From the command line; raises UsageError for options that make no sense with a cluster."""
        address = address or os.environ.get("RAY_ADDRESS") or None
        if progress:
            raise UsageError("--progress estimates local runs only: leave it out with --engine ray")
        if device and ":" in device:
            raise UsageError(f"--device {device}: Ray hands out the devices of a cluster: give cuda or cpu")
        if jobs is not None and address:
            raise UsageError(f"--jobs is for a cluster that is started here: that at {address} has its own processors")
        if jobs == 0:
            raise UsageError("--jobs 0 reads in this process, and --engine ray in others: give 1 or more")
        if not (find_spec("ray") and find_spec("pyarrow")):
            raise ModelUnavailable('--engine ray needs Ray: `pip install "mmsearch[ray]"`')
        from mmsearch.extras.ray import check_address
        from mmsearch.indexing.pool import default_jobs
        from mmsearch.types import is_object_url

        if address:
            check_address(address)
        if shards is not None:
            shards = shards.rstrip("/") if is_object_url(shards) else os.path.abspath(shards)
        return cls(address, shards, jobs or default_jobs())


@dataclass
class IndexRun:
    """A run that can be repeated with the model it has loaded.

    Attributes:
        roots: folders and files to index; those of the index if there are none and no list of files.
        model: the model options that the user gave; the others are those of the index.
        optimize: what to optimize at the end; `optimized` is the result.
        shared: True or False to share the index or make it private.
    """

    directory: str
    roots: list[str]
    model: dict[str, Any]
    options: IndexOptions
    progress: bool = False
    rebuild: bool = False
    cluster: ClusterOptions | None = None
    optimize: OptimizeRequest | None = None
    shared: bool | None = None
    trust_index: bool = False
    optimized: list[Optimized] | None = None
    embedder: Embedder | None = None
    identity: Identity | None = None

    def existing_identity(self, files: ListedFiles | None) -> Identity | None:
        """The identity of the index if it exists; raises UsageError if there is nothing to index."""
        from mmsearch.store import read_identity

        try:
            existing = read_identity(self.directory)
        except (IndexDamaged, IndexMismatch):
            if not self.rebuild:
                raise
            existing = None  # it is replaced
        if existing is None and not self.roots and files is None:
            raise UsageError(
                f"no index at {self.directory} yet: give the folders to index, such as `mmsearch index ~/Pictures`"
            )
        return existing

    def find_roots(self, files: ListedFiles | None) -> None:
        """Use the roots of the index if none were given, as far as its user has named them."""
        from mmsearch.types import is_object_url

        if self.roots or files is not None:
            return
        allowed = self._allowed()
        warn_of_refused(allowed.refused, self.directory)
        for root in allowed.roots:
            if is_object_url(root) and self.cluster is None:
                log_line(f"warning: {root} is read with --engine ray: its objects are left as they are")
            elif is_object_url(root) or os.path.exists(root):
                self.roots.append(root)
            else:  # perhaps on a drive that is not plugged in
                log_line(f"warning: {root} is not there now: its files are left as they are")
        self.options = replace(self.options, scan=replace(self.options.scan, confined=allowed.confined))

    def plan(self, files: ListedFiles | None) -> IndexReport:
        """The report of `run` in advance, from the files' stat alone."""
        from mmsearch.indexing.pipeline import plan
        from mmsearch.scan import entry, object_stores, walk
        from mmsearch.store import Reader, read_identity
        from mmsearch.types import is_object_url

        def entry_of(path: str) -> Entry | Problem:
            return object_stores.entry(path) if self.cluster is not None and is_object_url(path) else entry(path)

        reader = Reader.open(self.directory) if read_identity(self.directory) else None
        if reader:
            self.find_roots(files)
        scan = self.options.scan
        listed = (entry_of(path) for path in (files.paths if files else ()) if not os.path.isdir(path))
        walked = (object_stores.walk(root, scan) if is_object_url(root) else walk(root, scan) for root in self.roots)
        report = plan(reader.file if reader else lambda _: None, chain(chain.from_iterable(walked), listed))
        if reader:
            reader.close()
        return report

    def run(self, files: ListedFiles | None) -> IndexReport:
        """Bring the index up to date with the roots and the files."""
        from mmsearch.indexing.worker_process import PrestartedWorkers
        from mmsearch.models import needs_torch
        from mmsearch.scan import Entry, entry, walk
        from mmsearch.store import Identity
        from mmsearch.types import ModelOptions

        existing = self.existing_identity(files)
        if existing is None or self.model.get("name", existing.options.name) != existing.options.name:
            model, allowed = ModelOptions(**self.model), True
        else:
            model, allowed = replace(existing.options, **self.model), self._allowed().identity
        model = permitted(model, "trust_remote_code" in self.model, self.directory, allowed, self.model)
        self.find_roots(files)  # before the writer opens, because a rebuild forgets them
        if self.cluster is not None:
            return self._run_on_cluster(self.cluster, files, model, existing)
        with PrestartedWorkers() as workers:
            if (existing is None or self.rebuild) and needs_torch(model):
                # All files are new and the model takes a while to load: workers start meanwhile.
                walked = chain.from_iterable(walk(root, self.options.scan) for root in self.roots)
                entries = chain(walked, map(entry, files.first if files else ()))
                workers.start(
                    (candidate for candidate in entries if isinstance(candidate, Entry)), self.options.limits.jobs
                )
            self.embedder = self._load_embedder(model, None if self.rebuild else existing)
            self.identity = Identity.of(model, self.embedder.spec)
            return self._build(self.roots, self.options, files, workers)

    def run_again(self, roots: list[str], busy: frozenset[str]) -> IndexReport:
        """Bring the index up to date with some of its roots, except for files that are being written."""
        scan = replace(self.options.scan, skip=busy)
        return self._build(roots, replace(self.options, scan=scan, retry_failed=False), is_repeat=True)

    def _build(
        self,
        roots: list[str],
        options: IndexOptions,
        files: ListedFiles | None = None,
        workers: PrestartedWorkers | None = None,
        is_repeat: bool = False,
    ) -> IndexReport:
        from mmsearch.cli.progress import RunForecast, listening
        from mmsearch.indexing.pipeline import Indexer, to_read
        from mmsearch.scan import walk
        from mmsearch.store import Reader
        from mmsearch.store.writer import Writer

        def files_to_read() -> Iterator[Entry]:
            with Reader.open(self.directory) as reader:  # its own, for it is called on another thread
                for root in roots:
                    yield from to_read(reader.file, walk(root, options.scan))

        assert self.embedder is not None
        assert self.identity is not None
        forecast = RunForecast(files_to_read, self.embedder, options.limits.jobs) if files is None else None
        rebuild = self.rebuild and not is_repeat
        with Writer.open(self.directory, self.identity, rebuild=rebuild, on_wait=log_line) as writer:
            self._grant(writer)
            with listening(forecast, self.progress) as listener:
                indexer = Indexer(writer, self.embedder, options, listener, workers)
                report = indexer.run(roots, files.paths if files else ())
            if not is_repeat:
                self._finish(writer)
            return report

    def _run_on_cluster(
        self, cluster_options: ClusterOptions, files: ListedFiles | None, model: ModelOptions, existing: Identity | None
    ) -> IndexReport:
        from mmsearch.cli.progress import listening
        from mmsearch.extras.ray import Cluster, Folder, RayIndexer
        from mmsearch.indexing.pool import Limits
        from mmsearch.models import needs_torch
        from mmsearch.search.query import StoredEmbedder
        from mmsearch.store import Identity
        from mmsearch.store.writer import Writer

        limits = self.options.limits
        options = replace(self.options, limits=Limits(1, limits.seconds, limits.memory))
        owns_shards = cluster_options.shards is None
        shards = Folder(cluster_options.shards or os.path.join(self.directory, OWN_SHARDS), private=owns_shards)
        try:
            torch = needs_torch(model)
        except ModelUnavailable:  # on this machine, but perhaps not on the nodes
            torch = True
        with Cluster(cluster_options.address, cluster_options.jobs, torch) as cluster:
            is_same_model = existing is not None and not self.rebuild and model.to_json() == existing.options.to_json()
            identity = existing if existing and is_same_model else Identity.of(model, cluster.describe(model))
            with Writer.open(self.directory, identity, rebuild=self.rebuild, on_wait=log_line) as writer:
                self._grant(writer)
                with listening() as listener:
                    indexer = RayIndexer(
                        writer, StoredEmbedder(identity), options, listener, cluster, model, shards,
                        private=owns_shards, resume=not self.rebuild,
                    )  # fmt: skip
                    report = indexer.run(self.roots, files.paths if files else ())
                self._finish(writer)
                return report

    def _allowed(self) -> Allowed:
        """The names that the index may use; none if it cannot be read and is replaced."""
        from mmsearch.store import Allowed, read_allowed

        try:
            return read_allowed(self.directory, self.trust_index)
        except (IndexDamaged, IndexMismatch):
            if self.rebuild:
                return Allowed(identity=False)
            raise

    def _grant(self, writer: Writer) -> None:
        """Record that the user has named these folders and this model for the index."""
        from mmsearch.models.permissions import needing

        if self.trust_index:
            writer.allow_everything()
        writer.allow_roots([root for root in self.roots if root not in self.options.scan.confined])
        if needing(writer.identity.options):
            writer.allow_model()  # `permitted` has passed it

    def _load_embedder(self, model: ModelOptions, existing: Identity | None) -> Embedder:
        """The model, loaded now unless the index describes it and it can wait until a content needs a vector."""
        from mmsearch.models import fingerprint_of, load_embedder

        if existing is None or model != existing.options or existing.fingerprint != fingerprint_of(model):
            return load_embedder(model, many=True)
        from mmsearch.models.lazy import LazyEmbedder
        from mmsearch.store import Identity

        def load() -> Embedder:
            embedder = load_embedder(model, many=True)
            existing.require(Identity.of(model, embedder.spec), self.directory)
            return embedder

        return LazyEmbedder(existing.spec, load)

    def _finish(self, writer: Writer) -> None:
        if self.shared is not None:
            writer.share(self.shared)
        if self.optimize is None:
            suggest_optimize(writer)
        else:
            self.optimized = optimize(writer, self.optimize, self.progress)
