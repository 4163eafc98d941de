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
from queue import Full, Queue
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmsearch.errors import UsageError
from mmsearch.extras.exchange.rows import (
    KEY,
    About,
    Reading,
    Row,
    content_rows,
    file_row,
    require_columns,
    translated,
)
from mmsearch.store import Reader
from mmsearch.store.transfer import Content, Importer, contents, roots, unread, vectors_from
from mmsearch.system.safe_open import FILE_MODE, FOLDER_MODE, Folder, is_link
from mmsearch.types import Vectors

Heard: TypeAlias = Callable[[int], None]
ROWS_AT_ONCE = 4096
BUFFER = 1 << 20
"""Bytes of a column that are read at once, so that row groups of any size take no more memory."""
OFF_UNIT = 0.01
"""How far from 1 the length of a vector may be; half precision comes nowhere near."""
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
"""Columns but the vectors."""
VECTOR = "vector"


def schema_of(reader: Reader) -> Any:
    """The Arrow schema of an index, with what holds for all of it as metadata."""
    fields = [pa.field(name, kind) for name, kind in TYPES.items()]
    fields.append(pa.field(VECTOR, pa.list_(pa.float32(), reader.identity.dim)))
    about = About(reader.identity, roots=tuple(roots(reader)))
    return pa.schema(fields, metadata={KEY: about.to_json()})


def batches(reader: Reader, schema: Any, heard: Heard) -> Iterator[Any]:
    """All of an index as record batches; `heard` is told of so many more files that are done with."""
    reader.open_files()
    vectors_of = vectors_from(reader)
    for some in contents(reader):
        rows: list[Row] = []
        places: list[int] = []
        for content in some:
            places += range(len(rows), len(rows) + len(content.items))
            rows += content_rows(content)
        yield _batch(schema, rows, places, np.concatenate(vectors_of(some)))
        heard(sum(len(content.files) for content in some))
    rest: list[Row] = []
    for record in unread(reader):
        rest.append(file_row(record))
        if len(rest) == ROWS_AT_ONCE:
            yield _batch(schema, rest, [], np.zeros((0, reader.identity.dim), np.float32))
            heard(len(rest))
            rest = []
    if rest:
        yield _batch(schema, rest, [], np.zeros((0, reader.identity.dim), np.float32))
        heard(len(rest))


def _batch(schema: Any, rows: Sequence[Row], places: Sequence[int], vectors: Vectors) -> Any:
    """Rows of which those at `places` have these vectors, float32 `(len(places), dim)`."""
    columns = [pa.array([row.get(name) for row in rows], kind) for name, kind in TYPES.items()]
    whole = np.zeros((len(rows), vectors.shape[1]), np.float32)
    whole[list(places)] = vectors
    absent = np.ones(len(rows), np.bool_)
    absent[list(places)] = False
    flat = pa.array(whole.ravel(), pa.float32())
    columns.append(pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1], mask=pa.array(absent)))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


# --- out ---


def to_parquet(reader: Reader, target: str, heard: Heard, *, force: bool = False) -> None:
    """Write an index as one Parquet file, which is there under its name when it is whole.

    It holds passages: a new file is its user's alone, and one that is replaced keeps its mode. A link is replaced, and
    not what it leads to.

    Raises:
        UsageError: it is there already, and `force` does not have it replaced.
        MmsearchError: it cannot be written.
    """
    mode = _require_free(target, force)
    schema, (place, name) = schema_of(reader), os.path.split(target)
    words = [name for name in TYPES if name not in ("id", "text")]
    split = {f"{VECTOR}.list.element": "BYTE_STREAM_SPLIT"}  # half of their bytes are zeros, and compress to nothing
    with (
        translated(target, pa.ArrowException),
        Folder.open(place) as folder,
        folder.replacing(name, mode) as file,
        pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=words, column_encoding=split) as writer,
    ):
        for batch in batches(reader, schema, heard):
            writer.write_batch(batch)


def to_lance(reader: Reader, target: str, heard: Heard, *, force: bool = False) -> None:
    """Write an index as a Lance dataset, a folder; raises as `to_parquet` does."""
    import lance

    _require_free(target, force)
    schema, there = schema_of(reader), os.path.lexists(target)
    if there:
        _require_dataset(target)
    with translated(target, pa.ArrowException):
        if not there:
            os.mkdir(target, FOLDER_MODE)
        before = os.umask(0o077)  # the client makes folders and files of its own
        try:
            mode = "overwrite" if there else "create"
            with _Handing(schema, lambda found: lance.write_dataset(found, target, mode=mode)) as hand:
                for batch in batches(reader, schema, heard):
                    hand(batch)
        except BaseException:
            if not there:
                shutil.rmtree(target, ignore_errors=True)
            raise
        finally:
            os.umask(before)


def _require_dataset(target: str) -> None:
    """Make sure that a dataset may be written over: it is one, and all its folders lie in it. Raises UsageError."""
    if is_link(target):
        raise UsageError(f"{target} is a link: name the dataset itself")
    with suppress(OSError), Folder.open(target) as folder:
        for name in folder.names():
            if is_link(os.path.join(target, name)):
                raise UsageError(f"{os.path.join(target, name)} is a link: nothing of {target} is replaced")
        folder.folder("_versions").close()
        return
    raise UsageError(f"{target} is no Lance dataset: nothing of it is replaced")


class _Handing:
    """Hands batches to a client that takes them on threads of its own, where an index cannot be read.

    Called with each batch inside the block; leaving it waits until all are taken, and raises what the client raised.
    """

    def __init__(self, schema: Any, take: Callable[[Any], object]) -> None:
        self._waiting: Queue[Any] = Queue(2)
        self._pool = ThreadPoolExecutor(1)
        self._taking = self._pool.submit(take, pa.RecordBatchReader.from_batches(schema, self._arriving()))

    def _arriving(self) -> Iterator[Any]:
        while (batch := self._waiting.get()) is not None:
            if batch is _Handing:
                raise InterruptedError("there is no more of it")
            yield batch

    def __call__(self, batch: Any) -> None:
        while not self._taking.done():
            with suppress(Full):
                self._waiting.put(batch, timeout=0.1)
                return
        self._taking.result()  # which has failed: there was more to come

    def __enter__(self) -> _Handing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):
            self(None if error is None else _Handing)
        self._pool.shutdown(wait=True)
        if error is None:
            self._taking.result()


def _require_free(target: str, force: bool) -> int:
    """The mode of the file that is to be there. Raises UsageError where one is that is not to be replaced."""
    if not os.path.lexists(target):
        return FILE_MODE
    if not force:
        raise UsageError(f"{target} is there already: add --force to replace it")
    found = os.lstat(target).st_mode
    return stat.S_IMODE(found) & 0o777 if stat.S_ISREG(found) else FILE_MODE


# --- in ---


class Table:
    """A table to be read: a Parquet file, or a Lance dataset, which is a folder."""

    def __init__(self, path: str) -> None:
        """Open it.

        Raises:
            UsageError: it is not there, is no such table, or lacks a column.
        """
        self.path = path
        if not os.path.exists(path):
            raise UsageError(f"{path} is not there")
        try:
            _require_files(path)
            self._source: Any = _dataset(path) if os.path.isdir(path) else pq.ParquetFile(path, buffer_size=BUFFER)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise UsageError(f"{path} is no table that can be read: {' '.join(str(error).split())[:200]}") from error
        self._schema = self._source.schema if os.path.isdir(path) else self._source.schema_arrow
        require_columns(self._schema.names, path)
        metadata = self._schema.metadata or {}
        text = metadata.get(KEY.encode(), b"{}")
        self.about = About.from_json(text.decode("utf-8", "replace"), path)
        self.rows: int = self._source.count_rows() if os.path.isdir(path) else self._source.metadata.num_rows

    def read_into(self, adoption: Importer, dim: int, heard: Heard) -> None:
        """Take over all of it, and commit.

        Args:
            adoption: of the index that it goes into.
            dim: numbers of a vector there.
            heard: is told of so many more rows that are done with.

        Raises:
            UsageError: what it holds cannot be used; all before that row may be in the index by then.
        """
        reading = Reading(self.path, os.path.dirname(os.path.abspath(self.path)))
        adoption.roots(self.about.roots)
        for batch in self._batches():
            for row in self._rows(batch, dim, reading):
                self._adopt(reading.feed(row), adoption, reading)
            heard(batch.num_rows)
        self._adopt(reading.finish(), adoption, reading)
        adoption.finish()

    def _batches(self) -> Iterator[Any]:
        names = [name for name in (*TYPES, VECTOR) if name in self._schema.names and name != "id"]
        with translated(self.path, pa.ArrowException):
            if os.path.isdir(self.path):
                yield from self._source.to_batches(columns=names, batch_size=ROWS_AT_ONCE)
            else:
                yield from self._source.iter_batches(columns=names, batch_size=ROWS_AT_ONCE)

    def _rows(self, batch: Any, dim: int, reading: Reading) -> Iterator[Row]:
        columns: dict[str, list[Any]] = {}
        for name in batch.schema.names:
            if name != VECTOR:
                columns[name] = self._cast(name, batch.column(name)).to_pylist()
        vectors = iter(self._vectors(batch.column(VECTOR), dim, reading))
        present = batch.column(VECTOR).is_valid().to_pylist()
        for place, has in enumerate(present):
            row = {name: values[place] for name, values in columns.items()}
            yield row | {VECTOR: next(vectors) if has else None}

    def _cast(self, name: str, column: Any) -> Any:
        if pa.types.is_null(column.type) or column.type == TYPES[name]:
            return column
        try:
            return column.cast(TYPES[name])
        except pa.ArrowException:
            raise UsageError(f"{self.path}: column {name} is {column.type}, not {TYPES[name]}") from None

    def _vectors(self, column: Any, dim: int, reading: Reading) -> Vectors:
        """Those that are there, float32 `(n, dim)`."""
        kind = column.type
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        if not any(of(kind) for of in lists) or not pa.types.is_floating(kind.value_type):
            raise UsageError(f"{self.path}: column {VECTOR} is {kind}, not a list of floating-point numbers")
        there = column.drop_null()
        wrong = [length for length in pc.unique(pc.list_value_length(there)).to_pylist() if length != dim]
        if wrong:
            raise UsageError(f"{self.path} has vectors of {wrong[0]} numbers, those of this model have {dim}")
        flat = there.flatten()
        if flat.null_count:
            raise UsageError(f"{self.path}: column {VECTOR} has numbers that are null")
        rows = np.asarray(flat.to_numpy(zero_copy_only=False), np.float32).reshape(-1, dim)
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
        if not (np.abs(lengths - 1) <= OFF_UNIT).all():
            length = lengths[~(np.abs(lengths - 1) <= OFF_UNIT)][0]
            raise UsageError(f"{self.path} has a vector of length {length:.4g}: divide each by its length first")
        return rows

    def _adopt(self, found: Iterable[tuple[Content, list[Any]] | Any], adoption: Importer, reading: Reading) -> None:
        for one in found:
            if isinstance(one, tuple):
                adoption.content(one[0], np.stack(one[1]))
                continue
            try:
                adoption.files([one])
            except LookupError:
                raise reading.fail(f"no row before it gives the vectors of {one.digest} as {one.kind}") from None


def _require_files(path: str) -> None:
    """Raises UsageError where the table, or anything in its folder, is a pipe or a device, for which libraries wait."""
    found = [path]
    if os.path.isdir(path):
        found = [os.path.join(top, name) for top, folders, names in os.walk(path) for name in folders + names]
    for one in found:
        mode = (os.stat if one is path else os.lstat)(one).st_mode  # a dataset has no links in it
        if not stat.S_ISREG(mode) and not (stat.S_ISDIR(mode) and one is not path):
            raise UsageError(f"{one} is no regular file: {path} cannot be imported")


def _dataset(path: str) -> Any:
    import lance

    return lance.dataset(path)
