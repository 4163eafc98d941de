"""An index as one table: writes and reads the rows of its files and their parts.

Each part of a content is a row with its vector, under the first file that holds it. Each further file with the same
content, and each without one, is a row without a vector. docs/exchange.md describes the columns. Knows nothing about
Arrow or any file format.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

from mmsearch import __version__
from mmsearch.errors import MmsearchError, UsageError, one_line
from mmsearch.store import FileRecord, FileStatus, Identity
from mmsearch.store.transfer import Content
from mmsearch.system.disk_space import FULL, is_full, reason
from mmsearch.types import EARLIEST_NS, LATEST_NS, MODALITIES, FileMetadata, Item, Modality, Span, Unit

VERSION = 1
KEY = "mmsearch"
"""Key of the table's metadata, a JSON object."""
FACTS = ("width", "height", "duration", "taken")
REQUIRED = ("path", "digest", "kind", "modality", "size", "mtime_ns", "vector")
"""Columns that every table needs."""
MAX_COUNT = 1 << 40
MAX_POSITION = 1 << 53
LONGEST_PATH = 32_767
Row = dict[str, Any]


def item_id(digest: str, kind: str, partition: str, ordinal: int) -> str:
    """The lasting name of a part, the same in every index: a UUID of version 5."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mmsearch:{digest}:{kind}:{partition}:{ordinal}"))


def content_rows(content: Content) -> list[Row]:
    """The rows of a content: those of its parts first, for which it has vectors, then those of further files."""
    first, *copies = content.files
    common = {**file_row(first), **{name: getattr(content.facts, name) for name in FACTS}}
    parts = [
        common
        | {
            "id": item_id(content.digest, content.kind, item.partition, item.ordinal),
            "partition": item.partition,
            "ordinal": item.ordinal,
            "span_unit": item.span.unit,
            "span_start": float(item.span.start),
            "span_end": float(item.span.end),
            "text": item.text,
        }
        for item in content.items
    ]
    return parts + [file_row(record) for record in copies]


def file_row(record: FileRecord) -> Row:
    """The row of a file without its content."""
    path, exact_path = plain(os.fsencode(record.path))
    reason, exact_reason = plain(record.reason.encode("utf-8", "surrogatepass"))
    return {
        "path": path,
        "path_bytes": exact_path,
        "digest": record.digest,
        "kind": record.kind,
        "modality": record.modality,
        "size": record.size,
        "mtime_ns": record.mtime_ns,
        "status": record.status,
        "reason": reason,
        "reason_bytes": exact_reason,
        "missing": record.missing,
    }


def plain(raw: bytes) -> tuple[str, bytes | None]:
    """A name as text, and its bytes if they are not UTF-8."""
    try:
        return raw.decode(), None
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace"), raw


@dataclass(frozen=True)
class About:
    """The metadata of a table.

    Attributes:
        identity: that of the exported index; None if the table was made elsewhere.
        model: name of the model that made the vectors, if there is no identity.
        roots: folders that were indexed.
    """

    identity: Identity | None = None
    model: str | None = None
    roots: tuple[str, ...] = ()

    def to_json(self) -> str:
        """One JSON object in ASCII."""
        identity = json.loads(self.identity.to_json()) if self.identity else None
        fields = {"version": VERSION, "made_by": f"mmsearch {__version__}", "roots": list(self.roots)}
        return json.dumps(fields | {"identity": identity})

    @classmethod
    def from_json(cls, text: str, name: str) -> About:
        """Parse the metadata of a table called `name`; raises UsageError if it makes no sense."""
        try:
            data = json.loads(text)
            if data.get("version", VERSION) > VERSION:
                raise UsageError(
                    f"{name} has version {data['version']}, this mmsearch reads {VERSION}: upgrade mmsearch"
                )
            identity = Identity.from_json(json.dumps(data["identity"])) if data.get("identity") else None
            if identity and not (identity.dim > 0 and identity.modalities <= set(MODALITIES)):
                raise ValueError("no such modalities")
            model = data.get("model")
            return cls(identity, None if model is None else str(model), tuple(map(str, data.get("roots", ()))))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"{name}: its metadata {KEY!r} cannot be read ({error}): docs/exchange.md tells how"
            ) from None


class RowReader:
    """Makes contents and files of rows, one after the other; the rows of a content follow each other.

    Rows are kept no longer than their content.
    """

    def __init__(self, name: str, base: str) -> None:
        """Errors call the table `name`; relative paths start from the folder `base`."""
        self._name = name
        self._base = base
        self._rows: list[Row] = []
        self._number = self._first = self._current = 0

    def feed(self, row: Row) -> Iterator[tuple[Content, list[Any]] | FileRecord]:
        """Take the next row and yield the entries that it completes: contents with their vectors, and files.

        Raises:
            UsageError: a value is not possible; names the number of its row.
        """
        self._number += 1
        names = ("path", "path_bytes", "digest", "kind")
        if self._rows and (
            row.get("vector") is None or any(row.get(name) != self._rows[0].get(name) for name in names)
        ):
            yield self._content()
        self._current = self._number
        if row.get("vector") is None:
            yield self._file(row)
            return
        if not self._rows:
            self._first = self._number
        self._rows.append(row)

    def finish(self) -> Iterator[tuple[Content, list[Any]]]:
        """The last content, after the last row."""
        if self._rows:
            yield self._content()

    def fail(self, reason: str) -> UsageError:
        """An error about the row of the last content or file."""
        return UsageError(f"{self._name}, row {self._current}: {reason}")

    def _content(self) -> tuple[Content, list[Any]]:
        rows, self._rows, self._current = self._rows, [], self._first
        record = self._file(rows[0])
        if record.status != "ok" or record.digest is None or record.kind is None or record.modality is None:
            raise self.fail("a row with a vector has status ok, and a digest, kind and modality")
        items = tuple(self._item(record, row, position) for position, row in enumerate(rows))
        width, height, duration, taken = (rows[0].get(name) for name in FACTS)
        for name, value in (("width", width), ("height", height), ("duration", duration)):
            if value is not None:
                self._bounded(name, value, 0, sys.float_info.max)
        facts = FileMetadata(width, height, duration, taken)
        content = Content(record.digest, record.kind, record.modality, facts, items, (), (record,))
        return content, [row["vector"] for row in rows]

    def _item(self, record: FileRecord, row: Row, position: int) -> Item:
        partition = self._one_of(row, "partition", MODALITIES, record.modality)
        unit: Unit = self._one_of(row, "span_unit", get_args(Unit), "whole")
        start, end = (row.get(name) or 0.0 for name in ("span_start", "span_end"))
        for name, bound in (("span_start", start), ("span_end", end)):
            self._bounded(name, bound, -MAX_POSITION, MAX_POSITION)
        if unit != "second":
            start, end = (int(bound) if float(bound).is_integer() else bound for bound in (start, end))
        ordinal = row.get("ordinal")
        text = row.get("text") or ""
        assert record.digest is not None and record.modality is not None  # as the caller has seen
        span = Span(unit, start, end)
        ordinal = position if ordinal is None else int(self._bounded("ordinal", ordinal, 0, MAX_COUNT))
        return Item(record.path, record.digest, record.modality, partition, ordinal, span, text)

    def _file(self, row: Row) -> FileRecord:
        status: FileStatus = self._one_of(row, "status", get_args(FileStatus), "ok")
        for name in ("size", "mtime_ns"):
            if row.get(name) is None:
                raise self.fail(f"{name} is null")
        digest, kind = (row["digest"], row["kind"]) if status == "ok" else (None, None)
        modality: Modality | None = self._one_of(row, "modality", MODALITIES, None) if status == "ok" else None
        if status == "ok" and not (digest and kind):
            raise self.fail("a file of status ok needs a digest and a kind")
        raw = row.get("reason_bytes")
        reason = (row.get("reason") or "") if raw is None else raw.decode("utf-8", "surrogatepass")
        self._bounded("size", row["size"], 0, LATEST_NS)
        mtime_ns = min(max(row["mtime_ns"], EARLIEST_NS), LATEST_NS)
        missing = bool(row.get("missing"))
        return FileRecord(self._path(row), row["size"], mtime_ns, status, reason, digest, kind, modality, missing)

    def _path(self, row: Row) -> str:
        raw = row.get("path_bytes")
        path = row["path"] if raw is None else os.fsdecode(raw)
        if not path or "\0" in path or len(path) > LONGEST_PATH:
            raise self.fail("path is null" if path is None else f"{path[:80]!r} is no path")
        foreign = path[1:2] == ":" or path.startswith("/")
        if foreign and ".." in path.replace("\\", "/").split("/"):
            raise self.fail(f"{path[:80]!r} goes up and is no plain path")
        return str(path) if foreign else os.path.normpath(os.path.join(self._base, path))

    def _bounded(self, name: str, value: float, low: float, high: float) -> float:
        """A number within bounds, and no NaN."""
        if not low <= value <= high:
            raise self.fail(f"{name} is {value}, not a number from {low} to {high}")
        return value

    def _one_of(self, row: Row, name: str, choices: Sequence[str], default: Any) -> Any:
        value = row.get(name)
        if value is None:
            value = default
        if value not in choices:
            raise self.fail(f"{name} is {value!r:.80}: choose from {', '.join(choices)}")
        return value


def require_columns(names: Sequence[str], name: str) -> None:
    """Raises UsageError if a table lacks a column that it needs."""
    if lacking := [column for column in REQUIRED if column not in names]:
        raise UsageError(f"{name} has no column {', '.join(lacking)}: docs/exchange.md tells what they hold")


@contextmanager
def client_errors(name: str, client_error: type[Exception]) -> Iterator[None]:
    """Turn errors of a client library into one line about `name`."""
    try:
        yield
    except MmsearchError:
        raise
    except (client_error, OSError, RuntimeError, ValueError) as error:
        message = reason(error) if isinstance(error, OSError) else FULL if is_full(error) else one_line(error)
        raise MmsearchError(f"{name}: {message}") from error


def payload(content: Content, position: int) -> Mapping[str, Any]:
    """The payload of a part in a vector database: the existing files that hold it, and its position in them."""
    item, files = content.items[position], [record for record in content.files if not record.missing]
    path, raw = plain(os.fsencode(files[0].path))
    fields = {
        "path": path,
        "path_bytes": raw.hex() if raw else None,
        "paths": [plain(os.fsencode(record.path))[0] for record in files],
        "digest": content.digest,
        "kind": content.kind,
        "modality": content.modality,
        "partition": item.partition,
        "ordinal": item.ordinal,
        "span_unit": item.span.unit,
        "span_start": item.span.start,
        "span_end": item.span.end,
        "text": item.text,
        "size": files[0].size,
        "mtime_ns": files[0].mtime_ns,
        **{name: getattr(content.facts, name) for name in FACTS},
    }
    return {name: value for name, value in fields.items() if value is not None}
