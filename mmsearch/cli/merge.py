"""`mmsearch merge`: indexes made elsewhere become one."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from mmsearch.cli import options
from mmsearch.cli.common import complain, emit, guarded
from mmsearch.cli.index_path import locate_all, locate_for_writing
from mmsearch.errors import IndexMismatch, UsageError
from mmsearch.output.tables import to_json

if TYPE_CHECKING:
    from mmsearch.store import Reader
    from mmsearch.store.paths import Moves


@guarded
def merge(
    sources: options.Sources = None,
    into: options.Target = None,
    moved: options.Moved = None,
    as_json: options.Json = False,
    trust_index: options.TrustIndex = False,
) -> None:
    """Join indexes of the same model and settings in a new one, or in one that is there.

    Vectors are copied as they are, and nothing is computed. Contents that several indexes hold are kept once; of files
    with the same path the newer one counts, and what is there already stays. The indexes to join are only read. Paths
    stay absolute as they are now, unless --map says that the files lie elsewhere here. Interrupted or repeated, it
    goes on from what was finished.

    Examples:

      mmsearch merge laptop.index box.index -o both.index

      mmsearch merge from-ci/.mmsearch -o ~/Pictures/.mmsearch --map /build/photos=~/Pictures
    """
    from mmsearch.store import Reader
    from mmsearch.store.transfer import require_comparable

    if not sources or into is None:
        raise UsageError("say which indexes to join and into which one: mmsearch merge A B -o C")
    moves = parse_moves(moved or [])
    target, directories = locate_for_writing(into), locate_all(sources)
    if os.path.realpath(target) in map(os.path.realpath, directories):
        raise UsageError(f"{target} is what the others are joined in: leave it out of those to join")
    with ExitStack() as opened:
        readers = [opened.enter_context(Reader.open(directory, trust_index)) for directory in directories]
        require_comparable(readers)
        require_like_target(readers[0], target)
        _warn_of_absent(readers, moves)
        report = _merged(readers, target, moves)
    warn_of_moves(moves)
    if as_json:
        emit(to_json({"indexes": directories, "index": target, **report}) + "\n")
    else:
        summarise(report, target)


def parse_moves(given: Sequence[str]) -> Moves:
    """The pairs of `--map OLD=NEW`."""
    from mmsearch.store.paths import Moves

    pairs = []
    for one in given:
        old, equals, new = one.partition("=")
        if not old or not equals or not new:
            raise UsageError(f"--map {one}: give the old folder and the new one, such as /build/photos=~/Pictures")
        pairs.append((os.path.expanduser(old), os.path.abspath(os.path.expanduser(new))))
    return Moves(pairs)


def require_like_target(reader: Reader, target: str) -> None:
    """Make sure that what is in a reader may go into the index in a directory, if there is one; else IndexMismatch."""
    from mmsearch.store import read_identity
    from mmsearch.store.transfer import describe_differences

    known = read_identity(target)
    if known is not None and (differences := known.differences(reader.identity)):
        raise IndexMismatch(describe_differences(target, reader.directory, differences))


def _merged(readers: Sequence[Reader], target: str, moves: Moves) -> dict[str, float]:
    from mmsearch.cli.progress import counting
    from mmsearch.store import read_identity
    from mmsearch.store.transfer import Importer, count_files, merge
    from mmsearch.store.writer import Writer

    began = time.monotonic()
    total = sum(map(count_files, readers))
    with (
        # The identity of a source may name its model otherwise, which is no matter of the target's.
        Writer.open(target, read_identity(target) or readers[0].identity, on_wait=complain) as writer,
        counting("files", total) as heard,
    ):
        if readers[0].allows_identity() and writer.identity == readers[0].identity:
            writer.allow_model()
        adoption = Importer(writer, moves, heard)
        merge(readers, adoption)
        return {**adoption.counts, "seconds": round(time.monotonic() - began, 3)}


def _warn_of_absent(readers: Sequence[Reader], moves: Moves) -> None:
    """Tell of folders that are not on this machine, while nothing is joined yet."""
    from mmsearch.store.transfer import roots

    for root in sorted({root for reader in readers for root in roots(reader)}):
        if not os.path.lexists(named := moves(root)):
            complain(f"warning: {named} is not on this machine: if its files lie elsewhere here, add --map {root}=DIR")


def warn_of_moves(moves: Moves) -> None:
    """Tell which of the pairs of `--map` meant nothing."""
    for old in sorted(moves.unused):
        complain(f"warning: --map {old}: no path begins so")


def summarise(report: Mapping[str, float], target: str) -> None:
    """The counts that are not zero, on stderr."""
    told = ", ".join(f"{value} {name}" for name, value in report.items() if value and name != "seconds")
    complain(f"{told or 'nothing to do'} in {report['seconds']:.1f} s; index at {target}")
