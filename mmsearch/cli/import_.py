"""`mmsearch import`: an index from a table of vectors, one that was exported or one made elsewhere."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from mmsearch.cli import options
from mmsearch.cli.common import complain, emit, guarded
from mmsearch.cli.index_path import locate_for_writing
from mmsearch.cli.merge import parse_moves, summarise, warn_of_moves
from mmsearch.errors import IndexMismatch, ModelUnavailable, UsageError
from mmsearch.models.permissions import is_known_name, needing
from mmsearch.output.tables import to_json
from mmsearch.search.open import named_by_user

if TYPE_CHECKING:
    from mmsearch.extras.exchange.tables import Table
    from mmsearch.store import Identity
    from mmsearch.store.paths import Moves


@guarded
def import_(
    table: options.TableFile,
    model: options.ImportModel = None,
    moved: options.Moved = None,
    as_json: options.Json = False,
    index: options.IndexDir = None,
    trust_remote_code: options.TrustRemoteCode = False,
    trust_index: options.TrustIndex = False,
) -> None:
    """Add what a Parquet file or a Lance dataset holds to the index, or make one of it.

    It may be one that `mmsearch export` wrote, or one with vectors made elsewhere, whose model its metadata or --model
    names; docs/exchange.md tells which columns it needs. Of files with the same path the newer one counts. Interrupted
    or repeated, it goes on from what was finished.

    Examples:

      mmsearch import photos.parquet --index ~/Pictures/.mmsearch

      mmsearch import vectors.parquet --model clip-b32 --map /data/photos=~/Pictures
    """
    found = _opened(table)
    moves = parse_moves(moved or [])
    target = locate_for_writing(index)
    identity = _identity(found, named_by_user(model) if model else None, target, trust_remote_code, trust_index)
    report = _read(found, target, identity, moves, bool(model), trust_index)
    warn_of_moves(moves)
    if as_json:
        emit(to_json({"table": table, "index": target, **report}) + "\n")
    else:
        summarise(report, target)


def _opened(path: str) -> Table:
    extra = "lance" if os.path.isdir(path) else "parquet"
    try:
        from mmsearch.extras.exchange.tables import Table

        return Table(path)
    except ImportError as error:
        raise ModelUnavailable(f'import needs an extra ({error}): pip install "mmsearch[{extra}]"') from None


def _identity(table: Table, model: str | None, target: str, trust: bool, trust_index: bool) -> Identity:
    """What the vectors of a table are of, which must be what those of the index are of.

    Raises:
        UsageError: nothing says which model made them.
        ModelUnavailable: the table names one in a folder, and the user has not.
        IndexMismatch: another one made those of the index, or not the one that was named.
    """
    from mmsearch.store import read_identity
    from mmsearch.store.transfer import describe_differences

    known = read_identity(target)
    named = model or (None if table.about.identity else table.about.model)
    found = table.about.identity
    if named is not None and not model and not trust_index and not is_known_name(named):
        raise ModelUnavailable(f"{table.path} names the model {named}: if that is right, name it with --model {named}")
    if named is not None:
        meant = known if known is not None and known.options.name == named else _identity_of(named, trust)
        if found is not None and (differences := found.differences(meant)):
            raise IndexMismatch(describe_differences(table.path, f"--model {named}", differences))
        found = meant  # what the table says of how to load it is no matter of the user's
    if found is None:
        raise UsageError(f"{table.path} does not say which model made its vectors: name it with --model")
    if known is not None and (differences := known.differences(found)):
        raise IndexMismatch(describe_differences(target, table.path, differences))
    return known or found


def _identity_of(name: str, trust: bool) -> Identity:
    from mmsearch.models import load_embedder
    from mmsearch.store import Identity
    from mmsearch.types import ModelOptions

    options = ModelOptions(name, trust_remote_code=trust)
    return Identity.of(options, load_embedder(options).spec)


def _read(
    table: Table, target: str, identity: Identity, moves: Moves, named: bool, trust_index: bool
) -> dict[str, float]:
    from mmsearch.cli.progress import counting
    from mmsearch.store.transfer import Importer
    from mmsearch.store.writer import Writer

    began = time.monotonic()
    with (
        Writer.open(target, identity, on_wait=complain) as writer,
        counting("rows", table.rows) as heard,
    ):
        if named and needing(identity.options):
            writer.allow_model()
        adoption = Importer(writer, moves)
        table.read_into(adoption, identity.dim, heard)
        if trust_index:
            writer.allow_everything()
        return {**adoption.counts, "seconds": round(time.monotonic() - began, 3)}
