"""`mmsearch index --optimize` and `--shared`: changes to an index that read no files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mmsearch.cli.common import log_line, write_json
from mmsearch.errors import IndexMissing, UsageError

if TYPE_CHECKING:
    from mmsearch.cli.options import IndexKindChoice
    from mmsearch.store import Identity, Optimized, OptimizeRequest
    from mmsearch.store.records import OnProgress
    from mmsearch.store.writer import Writer


def optimize_request(
    enabled: bool, kind: IndexKindChoice | None, dim: int | None, dry_run: bool
) -> OptimizeRequest | None:
    """The request of the options; None without --optimize."""
    if not enabled:
        for name, value in (("--index-kind", kind), ("--dim", dim)):
            if value is not None:
                raise UsageError(f"{name} belongs to --optimize")
        return None
    if dry_run:
        raise UsageError("--dry-run tells what would be indexed: leave out --optimize")
    if dim is not None and kind is not None and kind.value == "flat":
        raise UsageError("--dim is for looking vectors up, and --index-kind flat compares them as they are")
    from mmsearch.store import OptimizeRequest

    return OptimizeRequest(None if kind is None else kind.value, dim)


def maintain(
    directory: str, request: OptimizeRequest | None, shared: bool | None, progress: bool, as_json: bool
) -> None:
    """Share or optimize an index; nothing is scanned and no model is loaded."""
    from mmsearch.store import read_identity
    from mmsearch.store.writer import Writer

    identity = read_identity(directory)
    if identity is None:
        raise IndexMissing(f"no index in {directory}: give the folders to index, or name another index with --index")
    if shared is not None:
        with Writer.open(directory, identity, on_wait=log_line) as writer:
            writer.share(shared)
        log_line(f"the index at {directory} is {'shared, as far as the umask lets others in' if shared else 'private'}")
    if request is not None:
        with Writer.open(directory, identity, on_wait=log_line) as writer:
            optimized = optimize(writer, request, progress)
        write_json(optimized_fields(optimized)) if as_json else summarise_optimized(optimized, directory)


def optimize(writer: Writer, request: OptimizeRequest, always: bool) -> list[Optimized]:
    """Optimize an open index."""
    if request.dim is not None:
        _warn_of_cut(writer.identity, request.dim)
    with _listening(always) as on_progress:
        return writer.optimize(request, on_progress)


def suggest_optimize(writer: Writer) -> None:
    """Suggest --optimize if searches are slower than they need to be."""
    if count := writer.count_slow():
        log_line(f"{count:,} vectors are compared one by one: `mmsearch index --optimize` makes searches faster")


def optimized_fields(optimized: list[Optimized]) -> dict[str, Any]:
    """The field of the JSON object that an index run prints."""
    return {"optimized": [asdict(result) for result in optimized]}


def summarise_optimized(optimized: list[Optimized] | None, directory: str) -> None:
    """One line on stderr for each partition; None if nothing was to be optimized."""
    for result in optimized or ():
        how = "compared one by one" if result.kind == "flat" else f"looked up by {result.kind}"
        dims = f" over {result.dim} dimensions" if result.dim else ""
        recall = "" if result.recall is None else f", {100 * result.recall:.1f} % of the best found"
        unchanged = "" if result.changed or result.kind == "flat" else ", as before"
        log_line(f"{result.partition}: {result.vectors:,} vectors {how}{dims}{recall}{unchanged}")
    if optimized == []:
        log_line(f"nothing to optimize in {directory}")


def _warn_of_cut(identity: Identity, dim: int) -> None:
    from mmsearch.models.catalog import ANY_LENGTH, find

    entry, name = find(identity.options.name), identity.options.name
    lengths = entry.matryoshka if entry else None
    if lengths is None:
        problem = f"whether vectors of {name} may be cut to {dim} numbers is not known"
    elif not lengths:
        problem = f"{name} was not trained for vectors cut to {dim} numbers"
    elif dim not in lengths and not (entry and ANY_LENGTH in entry.note and dim >= lengths[0]):
        problem = f"{name} was trained for vectors cut to {', '.join(map(str, lengths))} numbers, not {dim}"
    else:
        return
    log_line(f"warning: {problem}; status tells the recall")


@contextmanager
def _listening(always: bool) -> Iterator[OnProgress]:
    """Progress on stderr: a bar on a terminal, elsewhere a line for each step if `always`."""
    if not sys.stderr.isatty():
        printed: set[str] = set()

        def on_progress(step: str, done: int, total: int) -> None:
            if always and step not in printed:
                log_line(step)
            printed.add(step)

        yield on_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("reading the index", total=None)
        yield lambda step, done, total: bar.update(line, description=step, completed=done, total=total or None)
