"""`mmsearch index --engine ray`: what differs from a local run before and behind the builder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from mmsearch.cli.common import complain
from mmsearch.errors import ModelUnavailable, UsageError

if TYPE_CHECKING:
    from mmsearch.indexing.pipeline import IndexOptions
    from mmsearch.store import Identity
    from mmsearch.store.writer import Writer
    from mmsearch.types import IndexReport, ModelOptions

ADDRESS = "RAY_ADDRESS"
OWN_SHARDS = "shards"
"""Folder of the index where shards lie when nobody says otherwise."""
MISSING = '--engine ray needs Ray: `pip install "mmsearch[ray]"`'


@dataclass(frozen=True)
class ClusterOptions:
    """What was asked of the cluster: its address, where shards are to lie, and the processors of one of our own."""

    address: str | None
    shards: str | None
    jobs: int

    @classmethod
    def of(
        cls, address: str | None, shards: str | None, jobs: int | None, device: str | None, progress: bool
    ) -> ClusterOptions:
        """From the command line; raises UsageError for what makes no sense with a cluster."""
        address = address or os.environ.get(ADDRESS) or None
        if progress:
            raise UsageError("--progress foretells local runs only: leave it out with --engine ray")
        if device and ":" in device:
            raise UsageError(f"--device {device}: Ray hands out the devices of a cluster: give cuda or cpu")
        if jobs is not None and address:
            raise UsageError(f"--jobs is for a cluster that is started here: that at {address} has its own processors")
        if jobs == 0:
            raise UsageError("--jobs 0 reads in this process, and --engine ray in others: give 1 or more")
        if not (find_spec("ray") and find_spec("pyarrow")):
            raise ModelUnavailable(MISSING)
        from mmsearch.extras.ray import check_address
        from mmsearch.indexing.pool import default_jobs
        from mmsearch.types import is_object_url

        if address:
            check_address(address)
        place = None if shards is None else shards.rstrip("/") if is_object_url(shards) else os.path.abspath(shards)
        return cls(address, place, jobs or default_jobs())


def run(
    asked: ClusterOptions,
    directory: str,
    roots: list[str],
    files: Iterable[str],
    model: ModelOptions,
    how: IndexOptions,
    known: Identity | None,
    rebuild: bool,
    begin: Callable[[Writer], None],
    finish: Callable[[Writer], None],
) -> IndexReport:
    """An index run on a cluster; `known` is the identity of the index, if there is one.

    `begin` comes before anything is read, and `finish` last.
    """
    from dataclasses import replace

    from mmsearch.cli.progress import listening
    from mmsearch.extras.ray import Cluster, Folder, RayIndexer
    from mmsearch.indexing.pool import Limits
    from mmsearch.search.query import StoredEmbedder
    from mmsearch.store import Identity
    from mmsearch.store.writer import Writer

    how = replace(how, limits=Limits(1, how.limits.seconds, how.limits.memory))
    shards = Folder(asked.shards or os.path.join(directory, OWN_SHARDS), own=asked.shards is None)
    with Cluster(asked.address, asked.jobs, _needs_torch(model)) as cluster:
        same = known is not None and not rebuild and model.to_json() == known.options.to_json()
        identity = known if known and same else Identity.of(model, cluster.describe(model))
        with Writer.open(directory, identity, rebuild=rebuild, on_wait=complain) as writer:
            begin(writer)
            with listening() as listener:
                builder = RayIndexer(
                    writer, StoredEmbedder(identity), how, listener, cluster, model, shards,
                    own=asked.shards is None, resume=not rebuild,
                )  # fmt: skip
                report = builder.run(roots, files)
            finish(writer)
            return report


def _needs_torch(model: ModelOptions) -> bool:
    """Whether nodes run the model by torch; one that is not on this machine may be on those."""
    from mmsearch.models import needs_torch

    try:
        return needs_torch(model)
    except ModelUnavailable:
        return True
