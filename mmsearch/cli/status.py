"""`mmsearch status`: what is indexed, what failed, and whether the index is sound."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mmsearch.cli import options
from mmsearch.cli.command import Exit
from mmsearch.cli.common import complain, emit, guarded
from mmsearch.cli.index_path import locate_all
from mmsearch.errors import IndexDamaged, IndexMismatch, ModelUnavailable, UsageError
from mmsearch.output.tables import counts, harmless, to_json

if TYPE_CHECKING:
    from mmsearch.store import AnyReader, StoreStatus
    from mmsearch.store.records import IndexedPartition


GONE_TOLD = 3
"""Files named among those that are gone; the rest are counted."""


@guarded
def status(
    index: options.IndexDirs = None,
    failures: options.Failures = False,
    check: options.Check = False,
    repair: options.Repair = False,
    as_json: options.Json = False,
    trust_index: options.TrustIndex = False,
) -> None:
    """Tell what is indexed, with which model, and what failed.

    Examples:

      mmsearch status

      mmsearch status --failures

      mmsearch status --check

      mmsearch status --json
    """
    from mmsearch.store import open_reader

    if sum((failures, check, repair)) > 1:
        raise UsageError("choose one of --failures, --check and --repair")
    directories = locate_all(index)
    if repair:
        if len(directories) > 1:
            raise UsageError("--repair mends one index at a time: name it with --index")
        _repair(directories[0], as_json)
        return
    with open_reader(directories) as reader:
        if check:
            _check(reader, directories, as_json, trust_index)
        elif failures:
            emit(_failures(reader, as_json))
        else:
            _status(reader, directories, as_json)


def _status(reader: AnyReader, directories: list[str], as_json: bool) -> None:
    there = _server(directories)
    if as_json:
        emit(to_json({**_named(directories), **_fields(reader.status()), "server": there}) + "\n")
    else:
        told = [("server", f"{there['url']}, process {there['pid']}")] if there else []
        emit(counts(", ".join(directories), _rows(reader.status()) + told))


def _server(directories: list[str]) -> dict[str, Any] | None:
    """Address and process of the server of an index, where one runs; several indexes have none."""
    from mmsearch.server import discovery

    there = discovery.server(directories[0]) if len(directories) == 1 else None
    return None if there is None else {"url": str(there["url"]), "pid": int(there["pid"])}


def _named(directories: list[str]) -> dict[str, Any]:
    """How JSON names what it is about; for several indexes `index` is null."""
    return {"index": directories[0]} if len(directories) == 1 else {"index": None, "indexes": directories}


def _check(reader: AnyReader, directories: list[str], as_json: bool, trust_index: bool) -> None:
    """Problems on stdout, one a line; exit code 3 when there are any. What is merely out of date is none."""
    found, gone = list(reader.problems(complain)), list(reader.catalog.gone())
    model = _model(directories, trust_index)
    if as_json:
        emit(to_json({**_named(directories), "problems": found, "gone": gone, "model": model}) + "\n")
    else:
        emit("".join(f"{harmless(line)}\n" for line in found))
        if gone:
            told = ", ".join(gone[:GONE_TOLD]) + (", ..." if len(gone) > GONE_TOLD else "")
            complain(f"{len(gone)} files are no longer there: {told}: `mmsearch index --prune` forgets them")
        if model != "ok":
            complain(f"the model: {model}")
        seen = reader.status()
        vectors = f"{sum(seen.items.values())} vectors in {seen.segments} files"
        complain(f"checked {sum(seen.files.values())} files and {vectors}: {_verdict(found)}")
    if found:
        raise Exit(IndexDamaged.exit_code)


def _verdict(found: list[str]) -> str:
    if not found:
        return "all is well"
    return f"{len(found)} problems; `mmsearch status --repair` mends what can be mended"


def _model(directories: list[str], trust_index: bool) -> str:
    """`ok`, or why the model that made the index is not the one that is here now."""
    from mmsearch.search.open import open_indexes

    try:
        reader, _ = open_indexes(directories, None, trust_index=trust_index)
    except (IndexMismatch, ModelUnavailable) as error:
        return str(error)
    reader.close()
    return "ok"


def _repair(directory: str, as_json: bool) -> None:
    from mmsearch.store.integrity import repair

    done = repair(directory, complain)
    if as_json:
        fields = {"problems": done.found, "index_again": done.lost, "vectors_lost": done.vectors}
        emit(to_json({"index": directory, **fields}) + "\n")
        return
    emit("".join(f"{harmless(path)}\n" for path in done.lost))
    if not done.found:
        complain("nothing to mend")
    elif not done.lost:
        complain(f"mended {len(done.found)} problems; nothing was lost")
    else:
        complain(
            f"mended {len(done.found)} problems; {done.vectors} vectors of {len(done.lost)} files were lost: "
            "`mmsearch index` reads them again"
        )


def _failures(reader: AnyReader, as_json: bool) -> str:
    found = [(record.path, record.reason) for record in reader.failures()]
    if as_json:
        return to_json([{"path": path, "reason": reason} for path, reason in found]) + "\n"
    return "".join(f"{harmless(path)}: {harmless(reason)}\n" for path, reason in found)


def _fields(found: StoreStatus) -> dict[str, Any]:
    """The JSON object of a status."""
    identity = found.identity
    return {
        "format": found.format,
        "model": identity.options.name,
        "dim": identity.dim,
        "roots": list(found.roots),
        "files": found.files,
        "modalities": found.modalities,
        "items": found.items,
        "missing": found.missing,
        "segments": found.segments,
        "tombstones": found.tombstones,
        "bytes": found.bytes,
        "lookups": [asdict(one) for one in found.lookups],
    }


def _rows(found: StoreStatus) -> list[tuple[str, str]]:
    identity = found.identity
    failed, unsupported = found.files.get("failed", 0), found.files.get("unsupported", 0)
    return [
        ("model", f"{identity.options.name}, {identity.dim} dimensions"),
        ("folders", ", ".join(found.roots) or "none, only listed files"),
        ("files", _numbers({"indexed": found.files.get("ok", 0), **found.modalities})),
        ("items", _numbers({"vectors": sum(found.items.values()), **found.items})),
        ("missing", f"{found.missing}, forgotten with `mmsearch index --prune`" if found.missing else "0"),
        ("failed", f"{failed}, listed with `mmsearch status --failures`" if failed else "0"),
        ("unsupported", str(unsupported)),
        ("searched", "; ".join(_lookup(one, found.identity.dim) for one in found.lookups) or "nothing"),
        ("on disk", f"{found.bytes / 1e6:.1f} MB in {found.segments} vector files"),
    ]


def _lookup(one: IndexedPartition, dim: int) -> str:
    """`image by ivf, 98.4 % of the best found`."""
    if one.kind == "flat":
        return f"{one.partition} one by one"
    cut = f" over {one.dim} dimensions" if one.dim and one.dim < dim else ""
    rest = one.vectors - one.covered
    return f"{one.partition} by {one.kind}{cut}, {100 * (one.recall or 0):.1f} % of the best found" + (
        f", {rest} one by one" if rest else ""
    )


def _numbers(counts: dict[Any, int]) -> str:
    """`6 indexed: 3 text, 3 image`: the first is the sum of the others."""
    (name, total), *parts = counts.items()
    told = ", ".join(f"{count} {part}" for part, count in parts if count)
    return f"{total} {name}" + (f": {told}" if told else "")
