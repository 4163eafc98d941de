"""`mmsearch merge`, `export` and `import`: indexes from other indexes, and from and to tables of vectors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from mmsearch.cli import options
from mmsearch.cli.common import handle_errors, locate, locate_all, locate_for_writing, log_line, only, write_json
from mmsearch.errors import IndexMismatch, ModelUnavailable, UsageError

if TYPE_CHECKING:
    from mmsearch.extras.exchange.tables import Table
    from mmsearch.store import Identity, Reader
    from mmsearch.store.paths import Moves


@handle_errors
def merge(
    sources: options.Sources = None,
    into: options.Target = None,
    moved: options.Moved = None,
    as_json: options.Json = False,
    trust_index: options.TrustIndex = False,
) -> None:
    """Join indexes of the same model and settings in a new index, or in an existing one.

    Vectors are copied as they are; nothing is computed. A content that several indexes hold is kept once. If files have
    the same path, the newer one wins, and what the target holds already stays. The joined indexes are only read. Paths
    stay absolute as they are, unless --map says that the files are elsewhere on this machine. If the command is
    interrupted or repeated, it continues from what was finished.

    \b
    Examples:
      mmsearch merge laptop.index box.index -o both.index
      mmsearch merge from-ci/.mmsearch -o ~/Pictures/.mmsearch --map /build/photos=~/Pictures
    """
    from mmsearch.cli.progress import counting
    from mmsearch.store import Reader, read_identity
    from mmsearch.store.transfer import Importer, count_files, describe_differences, require_comparable, roots
    from mmsearch.store.transfer import merge as copy_all
    from mmsearch.store.writer import Writer

    output = only(into, "-o")
    if not sources or output is None:
        raise UsageError("say which indexes to join and into which one: mmsearch merge A B -o C")
    moves = _parse_moves(moved or [])
    target, directories = locate_for_writing(output), locate_all(sources)
    if os.path.realpath(target) in map(os.path.realpath, directories):
        raise UsageError(f"{target} is what the others are joined in: leave it out of those to join")
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader.open(directory, trust_index)) for directory in directories]
        require_comparable(readers)
        first, existing = readers[0], read_identity(target)
        if existing is not None and (differences := existing.differences(first.identity)):
            raise IndexMismatch(describe_differences(target, first.directory, differences))
        for root in sorted({root for reader in readers for root in roots(reader)}):
            if not os.path.lexists(path := moves(root)):
                log_line(
                    f"warning: {path} is not on this machine: if its files are elsewhere here, add --map {root}=DIR"
                )
        began = time.monotonic()
        # The identity of a source may have another name for the model; that of the target stays.
        writer = stack.enter_context(Writer.open(target, existing or first.identity, on_wait=log_line))
        on_progress = stack.enter_context(counting("files", sum(map(count_files, readers))))
        if first.allows_identity() and writer.identity == first.identity:
            writer.allow_model()
        importer = Importer(writer, moves, on_progress)
        copy_all(readers, importer)
    _report({"indexes": directories}, target, importer.counts, time.monotonic() - began, moves, as_json)


@handle_errors
def export(
    to: options.Ways = None,
    target: options.Outside = None,
    collection: options.Collection = "mmsearch",
    force: options.Force = False,
    as_json: options.Json = False,
    index: options.IndexDir = None,
) -> None:
    """Write the index for other programs: vectors, metadata, and which model made them.

    A Parquet file or a Lance dataset can be imported again without loss. A Qdrant collection, in a folder or on a
    server ($QDRANT_API_KEY), is brought up to date by each export. Each format needs an extra, such as
    `pip install "mmsearch[parquet]"`; docs/exchange.md describes what is written.

    \b
    Examples:
      mmsearch export --to parquet -o photos.parquet
      mmsearch export --to lance -o photos.lance --force
      mmsearch export --to qdrant -o http://localhost:6333 --collection photos
    """
    from mmsearch.cli.progress import counting
    from mmsearch.store import Reader
    from mmsearch.store.transfer import count_files

    output = only(target, "-o")
    if to is None or output is None:
        raise UsageError("say what to write and where: mmsearch export --to parquet -o FILE")
    began = time.monotonic()
    write = _export_function(to, output, collection, force)
    with Reader.open(locate(only(index, "--index"))) as reader:
        files, items = count_files(reader), sum(reader.counts().values())
        with counting("files", files) as on_progress:
            items = write(reader, on_progress) or items
    seconds = time.monotonic() - began
    if as_json:
        fields = {"to": to.value, "target": output, "files": files, "items": items, "seconds": round(seconds, 3)}
        write_json({"index": reader.directory, **fields})
    else:
        log_line(f"{items} items of {files} files in {seconds:.1f} s; {to.value} at {output}")


def _export_function(
    to: options.ExchangeChoice, target: str, collection: str, force: bool
) -> Callable[[Reader, Callable[[int], None]], int | None]:
    """The function that writes an index; it returns the number of items if it counts them."""
    path = os.path.abspath(os.path.expanduser(target))
    try:
        if to is options.ExchangeChoice.qdrant:
            from mmsearch.extras.exchange import qdrant

            location = target if "://" in target else path

            def upload(reader: Reader, on_progress: Callable[[int], None]) -> int:
                with closing(qdrant.connect(location)) as client:
                    return qdrant.to_qdrant(reader, client, collection, on_progress, force=force)

            return upload
        from mmsearch.extras.exchange import tables

        if to is options.ExchangeChoice.lance:
            import lance  # noqa: F401  # report a missing package before anything is written

            return lambda reader, on_progress: tables.to_lance(reader, path, on_progress, force=force)
        return lambda reader, on_progress: tables.to_parquet(reader, path, on_progress, force=force)
    except ImportError as error:
        raise ModelUnavailable(
            f'--to {to.value} needs an extra ({error}): pip install "mmsearch[{to.value}]"'
        ) from None


@handle_errors
def import_(
    table: options.TableFile,
    model: options.ImportModel = None,
    moved: options.Moved = None,
    as_json: options.Json = False,
    index: options.IndexDir = None,
    trust_remote_code: options.TrustRemoteCode = False,
    trust_index: options.TrustIndex = False,
) -> None:
    """Add the contents of a Parquet file or a Lance dataset to the index, or make an index of them.

    The table was written by `mmsearch export`, or its vectors were made elsewhere by a model that its metadata or
    --model names; docs/exchange.md lists the columns it needs. If files have the same path, the newer one wins. If the
    command is interrupted or repeated, it continues from what was finished.

    \b
    Examples:
      mmsearch import photos.parquet --index ~/Pictures/.mmsearch
      mmsearch import vectors.parquet --model clip-b32 --map /data/photos=~/Pictures
    """
    from mmsearch.cli.progress import counting
    from mmsearch.models.permissions import needing
    from mmsearch.search.open import named_by_user
    from mmsearch.store.transfer import Importer
    from mmsearch.store.writer import Writer

    extra = "lance" if os.path.isdir(table) else "parquet"
    try:
        from mmsearch.extras.exchange.tables import Table

        source = Table(table)
    except ImportError as error:
        raise ModelUnavailable(f'import needs an extra ({error}): pip install "mmsearch[{extra}]"') from None
    moves = _parse_moves(moved or [])
    target = locate_for_writing(only(index, "--index"))
    identity = _table_identity(source, named_by_user(model) if model else None, target, trust_remote_code, trust_index)
    began = time.monotonic()
    with (
        Writer.open(target, identity, on_wait=log_line) as writer,
        counting("rows", source.rows) as on_progress,
    ):
        if model and needing(identity.options):
            writer.allow_model()
        importer = Importer(writer, moves)
        source.read_into(importer, identity.dim, on_progress)
        if trust_index:
            writer.allow_everything()
    _report({"table": table}, target, importer.counts, time.monotonic() - began, moves, as_json)


def _table_identity(table: Table, model: str | None, target: str, trust: bool, trust_index: bool) -> Identity:
    """The model and settings of a table's vectors, which must be those of the index.

    Raises:
        UsageError: neither the table nor --model names the model.
        ModelUnavailable: the table names a model in a folder, and the user has not.
        IndexMismatch: another model made the vectors of the index, or those of the table.
    """
    from mmsearch.models import load_embedder
    from mmsearch.models.permissions import is_known_name
    from mmsearch.store import Identity, read_identity
    from mmsearch.store.transfer import describe_differences
    from mmsearch.types import ModelOptions

    existing, identity = read_identity(target), table.about.identity
    name = model or (None if identity else table.about.model)
    if name is not None:
        if not model and not trust_index and not is_known_name(name):
            raise ModelUnavailable(
                f"{table.path} names the model {name}: if that is right, name it with --model {name}"
            )
        if existing is not None and existing.options.name == name:
            model_identity = existing
        else:
            model_options = ModelOptions(name, trust_remote_code=trust)
            model_identity = Identity.of(model_options, load_embedder(model_options).spec)
        if identity is not None and (differences := identity.differences(model_identity)):
            raise IndexMismatch(describe_differences(table.path, f"--model {name}", differences))
        identity = model_identity  # the user decides how the model is loaded, not the table
    if identity is None:
        raise UsageError(f"{table.path} does not say which model made its vectors: name it with --model")
    if existing is not None and (differences := existing.differences(identity)):
        raise IndexMismatch(describe_differences(target, table.path, differences))
    return existing or identity


def _parse_moves(pairs: Sequence[str]) -> Moves:
    """The pairs of `--map OLD=NEW`."""
    from mmsearch.store.paths import Moves

    moves = []
    for pair in pairs:
        old, _, new = pair.partition("=")
        if not old or not new:
            raise UsageError(f"--map {pair}: give the old folder and the new one, such as /build/photos=~/Pictures")
        moves.append((os.path.expanduser(old), os.path.abspath(os.path.expanduser(new))))
    return Moves(moves)


def _report(
    source: Mapping[str, object],
    target: str,
    counts: Mapping[str, int],
    seconds: float,
    moves: Moves,
    as_json: bool,
) -> None:
    """Report the import: JSON on stdout, or the counts that are not zero on stderr."""
    for old in sorted(moves.unused):
        log_line(f"warning: --map {old}: no path begins with it")
    if as_json:
        write_json({**source, "index": target, **counts, "seconds": round(seconds, 3)})
    else:
        summary = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        log_line(f"{summary or 'nothing to do'} in {seconds:.1f} s; index at {target}")
