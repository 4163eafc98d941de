"""An index as Arrow record batches, to Parquet and Lance and back; needs pyarrow, and Lance its own client.

Batches come and go one at a time, so memory does not grow with the index.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from queue import Full, Queue
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmsearch.errors import UsageError
from mmsearch.extras.exchange.rows import (
    KEY,
    About,
    Row,
    RowReader,
    client_errors,
    content_rows,
    file_row,
    require_columns,
)
from mmsearch.store import Reader
from mmsearch.store.transfer import Content, Importer, contents, roots, unread, vectors_from
from mmsearch.system.safe_open import FILE_MODE, FOLDER_MODE, Folder, is_link
from mmsearch.types import Vectors

OnProgress: TypeAlias = Callable[[int], None]
ROWS_AT_ONCE = 4096
BUFFER = 1 << 20
"""Bytes of a column that are read at once, so that large row groups take no more memory."""
OFF_UNIT = 0.01
"""How far from 1 the length of a vector may be; rounding to half precision stays far below."""
TYPES = {
    "id": pa.string(),
    "path": pa.string(),
    "path_bytes": pa.binary(),
    "digest": pa.string(),
    "kind": pa.string(),
    "modality": pa.string(),
    "size": pa.int64(),
    "mtime_ns": pa.int64(),
    "status": pa.string(),
    "reason": pa.string(),
    "reason_bytes": pa.binary(),
    "missing": pa.bool_(),
    "width": pa.int64(),
    "height": pa.int64(),
    "duration": pa.float64(),
    "taken": pa.string(),
    "partition": pa.string(),
    "ordinal": pa.int64(),
    "span_unit": pa.string(),
    "span_start": pa.float64(),
    "span_end": pa.float64(),
    "text": pa.string(),
}
"""Columns except the vectors."""
VECTOR = "vector"


def schema_of(reader: Reader) -> Any:
    """The Arrow schema of an index, with its metadata."""
    fields = [pa.field(name, kind) for name, kind in TYPES.items()]
    fields.append(pa.field(VECTOR, pa.list_(pa.float32(), reader.identity.dim)))
    about = About(reader.identity, roots=tuple(roots(reader)))
    return pa.schema(fields, metadata={KEY: about.to_json()})


def batches(reader: Reader, schema: Any, on_progress: OnProgress) -> Iterator[Any]:
    """All of an index as record batches; `on_progress(n)`: n more files done."""
    reader.open_files()
    vectors_of = vectors_from(reader)
    for batch in contents(reader):
        rows: list[Row] = []
        positions: list[int] = []
        for content in batch:
            positions += range(len(rows), len(rows) + len(content.items))
            rows += content_rows(content)
        yield _batch(schema, rows, positions, np.concatenate(vectors_of(batch)))
        on_progress(sum(len(content.files) for content in batch))
    records = iter(unread(reader))
    while rows := [file_row(record) for record in islice(records, ROWS_AT_ONCE)]:
        yield _batch(schema, rows, [], np.zeros((0, reader.identity.dim), np.float32))
        on_progress(len(rows))


def _batch(schema: Any, rows: Sequence[Row], positions: Sequence[int], vectors: Vectors) -> Any:
    """Rows of which those at `positions` have these vectors, float32 `(len(positions), dim)`."""
    columns = [pa.array([row.get(name) for row in rows], kind) for name, kind in TYPES.items()]
    dense = np.zeros((len(rows), vectors.shape[1]), np.float32)
    dense[list(positions)] = vectors
    absent = np.ones(len(rows), np.bool_)
    absent[list(positions)] = False
    flat = pa.array(dense.ravel(), pa.float32())
    columns.append(pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1], mask=pa.array(absent)))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


# --- out ---


def to_parquet(reader: Reader, target: str, on_progress: OnProgress, *, force: bool = False) -> None:
    """Write an index as one Parquet file, which gets its name when it is complete.

    It holds passages, so only its user can read a new file; a replaced file keeps its mode. A link is replaced itself,
    not its target.

    Raises:
        UsageError: it exists already, and `force` is not set.
        MmsearchError: it cannot be written.
    """
    mode = _require_free(target, force)
    schema, (parent, name) = schema_of(reader), os.path.split(target)
    repetitive = [name for name in TYPES if name not in ("id", "text")]
    split = {f"{VECTOR}.list.element": "BYTE_STREAM_SPLIT"}  # half of their bytes are zeros, and compress to nothing
    with (
        client_errors(target, pa.ArrowException),
        Folder.open(parent) as folder,
        folder.replacing(name, mode) as file,
        pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=repetitive, column_encoding=split) as writer,
    ):
        for batch in batches(reader, schema, on_progress):
            writer.write_batch(batch)


def to_lance(reader: Reader, target: str, on_progress: OnProgress, *, force: bool = False) -> None:
    """Write an index as a Lance dataset, a folder; raises as `to_parquet` does."""
    import lance

    _require_free(target, force)
    schema, exists = schema_of(reader), os.path.lexists(target)
    if exists:
        _require_dataset(target)
    with client_errors(target, pa.ArrowException):
        if not exists:
            os.mkdir(target, FOLDER_MODE)
        before = os.umask(0o077)  # the client makes folders and files of its own
        try:
            mode = "overwrite" if exists else "create"
            with _BatchFeed(schema, lambda stream: lance.write_dataset(stream, target, mode=mode)) as feed:
                for batch in batches(reader, schema, on_progress):
                    feed(batch)
        except BaseException:
            if not exists:
                shutil.rmtree(target, ignore_errors=True)
            raise
        finally:
            os.umask(before)


def _require_dataset(target: str) -> None:
    """Raises UsageError unless this is a Lance dataset without links, which may be overwritten."""
    if is_link(target):
        raise UsageError(f"{target} is a link: name the dataset itself")
    with suppress(OSError), Folder.open(target) as folder:
        for name in folder.names():
            if is_link(os.path.join(target, name)):
                raise UsageError(f"{os.path.join(target, name)} is a link: nothing of {target} is replaced")
        folder.folder("_versions").close()
        return
    raise UsageError(f"{target} is no Lance dataset: nothing of it is replaced")


class _BatchFeed:
    """Feeds batches to a client that takes them on its own threads, where an index cannot be read.

    Call it with each batch inside the block; the end of the block waits for the client, and raises its error.
    """

    def __init__(self, schema: Any, take: Callable[[Any], object]) -> None:
        self._queue: Queue[Any] = Queue(2)
        self._pool = ThreadPoolExecutor(1)
        self._client_task = self._pool.submit(take, pa.RecordBatchReader.from_batches(schema, self._queued_batches()))

    def _queued_batches(self) -> Iterator[Any]:
        while (batch := self._queue.get()) is not None:
            if batch is _BatchFeed:
                raise InterruptedError("there is no more of it")
            yield batch

    def __call__(self, batch: Any) -> None:
        while not self._client_task.done():
            with suppress(Full):
                self._queue.put(batch, timeout=0.1)
                return
        self._client_task.result()  # which has failed: there was more to come

    def __enter__(self) -> _BatchFeed:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with suppress(Exception):
            self(None if error is None else _BatchFeed)
        self._pool.shutdown(wait=True)
        if error is None:
            self._client_task.result()


def _require_free(target: str, force: bool) -> int:
    """The mode of the file to be written. Raises UsageError if it exists and is not to be replaced."""
    if not os.path.lexists(target):
        return FILE_MODE
    if not force:
        raise UsageError(f"{target} is there already: add --force to replace it")
    mode = os.lstat(target).st_mode
    return stat.S_IMODE(mode) & 0o777 if stat.S_ISREG(mode) else FILE_MODE


# --- in ---


class Table:
    """A table to read: a Parquet file, or a Lance dataset, which is a folder."""

    def __init__(self, path: str) -> None:
        """Open it.

        Raises:
            UsageError: it does not exist, is no such table, or lacks a column.
        """
        self.path = path
        if not os.path.exists(path):
            raise UsageError(f"{path} is not there")
        try:
            _require_files(path)
            if os.path.isdir(path):
                import lance

                self._source: Any = lance.dataset(path)
            else:
                self._source = pq.ParquetFile(path, buffer_size=BUFFER)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise UsageError(f"{path} is no table that can be read: {' '.join(str(error).split())[:200]}") from error
        self._schema = self._source.schema if os.path.isdir(path) else self._source.schema_arrow
        require_columns(self._schema.names, path)
        metadata = self._schema.metadata or {}
        text = metadata.get(KEY.encode(), b"{}")
        self.about = About.from_json(text.decode("utf-8", "replace"), path)
        self.rows: int = self._source.count_rows() if os.path.isdir(path) else self._source.metadata.num_rows

    def read_into(self, importer: Importer, dim: int, on_progress: OnProgress) -> None:
        """Import all of it, and commit.

        Args:
            importer: of the target index.
            dim: dimensions of its vectors.
            on_progress: called with the number of rows that are done in addition.

        Raises:
            UsageError: a row cannot be used; the rows before it may be in the index by then.
        """
        row_reader = RowReader(self.path, os.path.dirname(os.path.abspath(self.path)))
        importer.roots(self.about.roots)
        for batch in self._batches():
            for row in self._rows(batch, dim, row_reader):
                self._import(row_reader.feed(row), importer, row_reader)
            on_progress(batch.num_rows)
        self._import(row_reader.finish(), importer, row_reader)
        importer.finish()

    def _batches(self) -> Iterator[Any]:
        names = [name for name in (*TYPES, VECTOR) if name in self._schema.names and name != "id"]
        with client_errors(self.path, pa.ArrowException):
            if os.path.isdir(self.path):
                yield from self._source.to_batches(columns=names, batch_size=ROWS_AT_ONCE)
            else:
                yield from self._source.iter_batches(columns=names, batch_size=ROWS_AT_ONCE)

    def _rows(self, batch: Any, dim: int, row_reader: RowReader) -> Iterator[Row]:
        columns: dict[str, list[Any]] = {}
        for name in batch.schema.names:
            if name != VECTOR:
                columns[name] = self._cast(name, batch.column(name)).to_pylist()
        vectors = iter(self._vectors(batch.column(VECTOR), dim, row_reader))
        present = batch.column(VECTOR).is_valid().to_pylist()
        for index, is_valid in enumerate(present):
            row = {name: values[index] for name, values in columns.items()}
            yield row | {VECTOR: next(vectors) if is_valid else None}

    def _cast(self, name: str, column: Any) -> Any:
        if pa.types.is_null(column.type) or column.type == TYPES[name]:
            return column
        try:
            return column.cast(TYPES[name])
        except pa.ArrowException:
            raise UsageError(f"{self.path}: column {name} is {column.type}, not {TYPES[name]}") from None

    def _vectors(self, column: Any, dim: int, row_reader: RowReader) -> Vectors:
        """Those that are there, float32 `(n, dim)`."""
        kind = column.type
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        if not any(of(kind) for of in lists) or not pa.types.is_floating(kind.value_type):
            raise UsageError(f"{self.path}: column {VECTOR} is {kind}, not a list of floating-point numbers")
        present = column.drop_null()
        wrong = [length for length in pc.unique(pc.list_value_length(present)).to_pylist() if length != dim]
        if wrong:
            raise UsageError(f"{self.path} has vectors of {wrong[0]} numbers, those of this model have {dim}")
        flat = present.flatten()
        if flat.null_count:
            raise UsageError(f"{self.path}: column {VECTOR} has numbers that are null")
        rows = np.asarray(flat.to_numpy(zero_copy_only=False), np.float32).reshape(-1, dim)
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
        if not (np.abs(lengths - 1) <= OFF_UNIT).all():
            length = lengths[~(np.abs(lengths - 1) <= OFF_UNIT)][0]
            raise UsageError(f"{self.path} has a vector of length {length:.4g}: divide each by its length first")
        return rows

    @staticmethod
    def _import(entries: Iterable[tuple[Content, list[Any]] | Any], importer: Importer, row_reader: RowReader) -> None:
        for entry in entries:
            if isinstance(entry, tuple):
                importer.content(entry[0], np.stack(entry[1]))
                continue
            try:
                importer.files([entry])
            except LookupError:
                raise row_reader.fail(f"no row before it gives the vectors of {entry.digest} as {entry.kind}") from None


def _require_files(path: str) -> None:
    """Raises UsageError if the table, or anything in its folder, is a pipe or a device: libraries would wait for it."""
    paths = [path]
    if os.path.isdir(path):
        paths = [os.path.join(top, name) for top, folders, names in os.walk(path) for name in folders + names]
    for entry in paths:
        mode = (os.stat if entry is path else os.lstat)(entry).st_mode  # a dataset has no links in it
        if not stat.S_ISREG(mode) and not (stat.S_ISDIR(mode) and entry is not path):
            raise UsageError(f"{entry} is no regular file: {path} cannot be imported")
