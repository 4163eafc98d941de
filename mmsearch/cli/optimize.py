"""`mmsearch index --optimize`: what is asked for, its progress on stderr, and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mmsearch.cli.common import complain
from mmsearch.errors import IndexMissing, UsageError

if TYPE_CHECKING:
    from mmsearch.cli.options import IndexKindChoice
    from mmsearch.store import Identity, Optimized, OptimizeRequest
    from mmsearch.store.records import OnProgress
    from mmsearch.store.writer import Writer


def wanted_of(optimize: bool, kind: IndexKindChoice | None, dim: int | None, dry_run: bool) -> OptimizeRequest | None:
    """What the options ask for; None where nothing is to be optimized."""
    if not optimize:
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


def optimize_alone(directory: str, wanted: OptimizeRequest, always: bool) -> list[Optimized]:
    """Optimize an index; nothing is scanned and no model is loaded."""
    from mmsearch.store import read_identity
    from mmsearch.store.writer import Writer

    identity = read_identity(directory)
    if identity is None:
        raise IndexMissing(f"no index in {directory}: make one with `mmsearch index`, or name another with --index")
    with Writer.open(directory, identity, on_wait=complain) as writer:
        return optimized(writer, wanted, always)


def optimized(writer: Writer, wanted: OptimizeRequest, always: bool) -> list[Optimized]:
    """Optimize an open index."""
    if wanted.dim is not None:
        _warn_of_cut(writer.identity, wanted.dim)
    with _telling(always) as told:
        return writer.optimize(wanted, told)


def advise(writer: Writer) -> None:
    """Say so where searches are slower than they need to be."""
    if count := writer.count_slow():
        complain(f"{count:,} vectors are compared one by one: `mmsearch index --optimize` makes searches faster")


def optimized_json(made: list[Optimized]) -> dict[str, Any]:
    """The field of the JSON object that an index run prints."""
    return {"optimized": [asdict(one) for one in made]}


def summarise_optimized(made: list[Optimized] | None, directory: str) -> None:
    """One line on stderr for each partition; None where nothing was to be optimized."""
    for one in made or ():
        how = "compared one by one" if one.kind == "flat" else f"looked up by {one.kind}"
        cut = f" over {one.dim} dimensions" if one.dim else ""
        found = "" if one.recall is None else f", {100 * one.recall:.1f} % of the best found"
        kept = "" if one.changed or one.kind == "flat" else ", as before"
        complain(f"{one.partition}: {one.vectors:,} vectors {how}{cut}{found}{kept}")
    if made == []:
        complain(f"nothing to optimize in {directory}")


def _warn_of_cut(identity: Identity, dim: int) -> None:
    from mmsearch.models.catalog import ANY_LENGTH, find

    entry, name = find(identity.options.name), identity.options.name
    lengths = entry.matryoshka if entry else None
    if lengths is None:
        complain(
            f"warning: whether vectors of {name} may be cut to {dim} numbers is not known; status tells the recall"
        )
    elif not lengths:
        complain(f"warning: {name} was not trained for vectors cut to {dim} numbers; status tells the recall")
    elif dim not in lengths and not (entry and ANY_LENGTH in entry.note and dim >= lengths[0]):
        told = ", ".join(map(str, lengths))
        complain(f"warning: {name} was trained for vectors cut to {told} numbers, not {dim}; status tells the recall")


@contextmanager
def _telling(always: bool) -> Iterator[OnProgress]:
    """Progress that suits stderr: a bar on a terminal, elsewhere a line for each step if that is wanted."""
    if not sys.stderr.isatty():
        seen: set[str] = set()

        def tell(what: str, done: int, total: int) -> None:
            if always and what not in seen:
                complain(what)
            seen.add(what)

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("reading the index", total=None)
        yield lambda what, done, total: bar.update(line, description=what, completed=done, total=total or None)
