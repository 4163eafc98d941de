"""`mmsearch status`: the content of the index, its failures, and its soundness."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from typer import Exit

from mmsearch.cli import options
from mmsearch.cli.common import handle_errors, locate_all, log_line, write_json, write_stdout
from mmsearch.errors import IndexDamaged, IndexMismatch, ModelUnavailable, UsageError
from mmsearch.output.tables import counts, harmless

if TYPE_CHECKING:
    from mmsearch.store import AnyReader

SHOWN_MISSING = 3
"""Missing files that are named; the rest are only counted."""


@handle_errors
def status(
    index: options.IndexDirs = None,
    failures: options.Failures = False,
    check: options.Check = False,
    repair: options.Repair = False,
    as_json: options.Json = False,
    trust_index: options.TrustIndex = False,
) -> None:
    """Show what is indexed, with which model, and what failed.

    \b
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
            raise UsageError("--repair repairs one index at a time: name it with --index")
        _repair(directories[0], as_json)
        return
    with open_reader(directories) as reader:
        if check:
            _check(reader, directories, as_json, trust_index)
        elif failures:
            failed = [(record.path, record.reason) for record in reader.failures()]
            if as_json:
                write_json([{"path": path, "reason": reason} for path, reason in failed])
            else:
                write_stdout("".join(f"{harmless(path)}: {harmless(reason)}\n" for path, reason in failed))
        else:
            _status(reader, directories, as_json)


def _status(reader: AnyReader, directories: list[str], as_json: bool) -> None:
    from mmsearch.server import discovery

    state = reader.status()
    files, missing, failed = state.files, state.missing, state.files.get("failed", 0)
    identity = state.identity
    running = discovery.server(directories[0]) if len(directories) == 1 else None  # several indexes have no server
    server = None if running is None else {"url": str(running["url"]), "pid": int(running["pid"])}
    if as_json:
        names = ("files", "modalities", "items", "missing", "segments", "tombstones", "bytes")
        write_json({
            **_index_fields(directories), "format": state.format, "model": identity.options.name, "dim": identity.dim,
            "roots": list(state.roots), **{name: getattr(state, name) for name in names},
            "lookups": [asdict(partition) for partition in state.lookups], "server": server,
        })  # fmt: skip
        return
    searched = []
    for partition in state.lookups:
        if partition.kind == "flat":
            searched.append(f"{partition.partition} one by one")
            continue
        dims = f" over {partition.dim} dimensions" if partition.dim and partition.dim < identity.dim else ""
        recall = f"{100 * (partition.recall or 0):.1f} % of the best found"
        rest = partition.vectors - partition.covered
        searched.append(
            f"{partition.partition} by {partition.kind}{dims}, {recall}" + (f", {rest} one by one" if rest else "")
        )
    rows = [
        ("model", f"{identity.options.name}, {identity.dim} dimensions"),
        ("folders", ", ".join(state.roots) or "none, only listed files"),
        ("files", _sum_of({"indexed": files.get("ok", 0), **state.modalities})),
        ("items", _sum_of({"vectors": sum(state.items.values()), **state.items})),
        ("missing", f"{missing}, forgotten with `mmsearch index --prune`" if missing else "0"),
        ("failed", f"{failed}, listed with `mmsearch status --failures`" if failed else "0"),
        ("unsupported", str(files.get("unsupported", 0))),
        ("searched", "; ".join(searched) or "nothing"),
        ("on disk", f"{state.bytes / 1e6:.1f} MB in {state.segments} vector files"),
    ]
    rows += [("server", f"{server['url']}, process {server['pid']}")] if server else []
    write_stdout(counts(", ".join(directories), rows))


def _sum_of(counts: dict[Any, int]) -> str:
    """`6 indexed: 3 text, 3 image`: the first is the sum of the others."""
    (name, total), *parts = counts.items()
    summary = ", ".join(f"{count} {part}" for part, count in parts if count)
    return f"{total} {name}" + (f": {summary}" if summary else "")


def _index_fields(directories: list[str]) -> dict[str, Any]:
    """The JSON fields that name the index; for several indexes `index` is null."""
    return {"index": directories[0]} if len(directories) == 1 else {"index": None, "indexes": directories}


def _check(reader: AnyReader, directories: list[str], as_json: bool, trust_index: bool) -> None:
    """Problems on stdout, one a line; exit code 3 if there are any. Outdated files are no problem."""
    from mmsearch.search.open import open_indexes

    problems, missing = list(reader.problems(log_line)), list(reader.catalog.absent_files())
    model = "ok"
    try:
        open_indexes(directories, None, trust_index=trust_index)[0].close()
    except (IndexMismatch, ModelUnavailable) as error:
        model = str(error)
    if as_json:
        write_json({**_index_fields(directories), "problems": problems, "gone": missing, "model": model})
    else:
        write_stdout("".join(f"{harmless(line)}\n" for line in problems))
        if missing:
            examples = ", ".join(missing[:SHOWN_MISSING]) + (", ..." if len(missing) > SHOWN_MISSING else "")
            log_line(f"{len(missing)} files are no longer there: {examples}: `mmsearch index --prune` forgets them")
        if model != "ok":
            log_line(f"the model: {model}")
        state = reader.status()
        vectors = f"{sum(state.items.values())} vectors in {state.segments} files"
        verdict = f"{len(problems)} problems; `mmsearch status --repair` mends what can be mended"
        log_line(f"checked {sum(state.files.values())} files and {vectors}: {verdict if problems else 'all is well'}")
    if problems:
        raise Exit(IndexDamaged.exit_code)


def _repair(directory: str, as_json: bool) -> None:
    from mmsearch.store.integrity import repair

    repaired = repair(directory, log_line)
    if as_json:
        fields = {"problems": repaired.problems, "index_again": repaired.lost, "vectors_lost": repaired.vectors}
        write_json({"index": directory, **fields})
        return
    write_stdout("".join(f"{harmless(path)}\n" for path in repaired.lost))
    if not repaired.problems:
        log_line("nothing to mend")
    elif not repaired.lost:
        log_line(f"mended {len(repaired.problems)} problems; nothing was lost")
    else:
        log_line(
            f"mended {len(repaired.problems)} problems; {repaired.vectors} vectors of {len(repaired.lost)} files "
            "were lost: `mmsearch index` reads them again"
        )
