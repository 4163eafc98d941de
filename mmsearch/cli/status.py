"""`mmsearch status`: what is indexed, and what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmsearch.cli import options
from mmsearch.cli.common import emit, guarded
from mmsearch.cli.locate import locate
from mmsearch.render import counts, harmless, to_json

if TYPE_CHECKING:
    from mmsearch.store import Reader, StoreStatus


@guarded
def status(index: options.IndexDir = None, failures: options.Failures = False, as_json: options.Json = False) -> None:
    """Tell what is indexed, with which model, and what failed.

    Examples:

      mmsearch status

      mmsearch status --failures

      mmsearch status --json
    """
    from mmsearch.store import Reader

    directory = locate(index)
    reader = Reader.open(directory)
    if failures:
        emit(_failures(reader, as_json))
    elif as_json:
        emit(to_json({"index": directory, **_fields(reader.status())}) + "\n")
    else:
        emit(counts(directory, _rows(reader.status())))


def _failures(reader: Reader, as_json: bool) -> str:
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
        ("on disk", f"{found.bytes / 1e6:.1f} MB in {found.segments} vector files"),
    ]


def _numbers(counts: dict[Any, int]) -> str:
    """`6 indexed: 3 text, 3 image`: the first is the sum of the others."""
    (name, total), *parts = counts.items()
    told = ", ".join(f"{count} {part}" for part, count in parts if count)
    return f"{total} {name}" + (f": {told}" if told else "")
