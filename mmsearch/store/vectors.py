"""Files of vectors: immutable FAISS indexes, written once and then only read or removed.

A file comes into being by a temporary name, fsync and rename, so one under its final name is whole. What is written
and read here may also be an accelerator, which has tables behind its index. Knows nothing about items, SQLite or which
of the files count. FAISS is imported at first use.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from mmsearch.core import Vectors
from mmsearch.deferred import Deferred
from mmsearch.errors import IndexDamaged

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = Deferred("numpy")

FOLDER = "vectors"
INDEX_KIND = "flat-fp16"
BYTES_PER_NUMBER = 2
TEMPORARY = ".tmp"
REMEDY = "`mmsearch status --repair` keeps what is sound"
_CHUNK = 1 << 20
_ALIGNED = 8
"""Tables begin at a multiple of so many bytes, so that they can be used where they lie."""
_ROWS_AT_ONCE = 1 << 14
_NAME = re.compile(r"[0-9]+\.(faiss|ann)")

Rows: TypeAlias = "npt.NDArray[np.int64]"


def segment_name(partition: str, number: int) -> str:
    """The name of a file below the vectors folder, with `/` on every system."""
    return f"{partition}/{number}.faiss"


def segment_path(directory: str, name: str) -> str:
    """Where the file lies."""
    return os.path.join(directory, FOLDER, *name.split("/"))


class SegmentBuilder:
    """Collects vectors for one file; they are kept as float16."""

    def __init__(self, dim: int) -> None:
        faiss = load_faiss()
        self.index: Any = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)

    def add(self, vectors: Vectors) -> None:
        """Append float32 `(n, dim)` rows."""
        self.index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def write(self, path: str) -> str:
        """Write the file as `write_index` does; the checksum of its bytes."""
        return write_index(self.index, path)


def write_index(index: Any, path: str, *tables: npt.NDArray[np.int64]) -> str:
    """Write an index, and tables behind it, so that they survive a power cut; the checksum of the file's bytes.

    Raises:
        OSError: the disk is full or cannot be written; nothing is left under either name.
    """
    make_directory(os.path.dirname(path))
    temporary = path + TEMPORARY
    try:
        with open(temporary, "wb") as file:
            digest = _stream(index, tables, file)
            file.flush()
            _sync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    sync_directory(os.path.dirname(path))
    return digest


def _stream(index: Any, tables: tuple[npt.NDArray[np.int64], ...], file: BinaryIO) -> str:
    hasher = hashlib.blake2b(digest_size=16)
    problems: list[OSError] = []

    def write(data: bytes) -> int:
        try:
            file.write(data)
        except OSError as error:  # an exception cannot cross FAISS: it is kept and raised on this side
            problems.append(error)
            return 0
        hasher.update(data)
        return len(data)

    faiss = load_faiss()
    try:
        faiss.write_index(index, faiss.PyCallbackIOWriter(write))
    except RuntimeError:
        if not problems:
            raise
    if tables:
        write(bytes(-file.tell() % _ALIGNED))
    for table in tables:
        for start in range(0, len(table), _CHUNK):
            write(np.asarray(table[start : start + _CHUNK], "<i8").tobytes())
    if problems:
        raise problems[0]
    return hasher.hexdigest()


class SegmentFile:
    """One open file, memory-mapped where the installed FAISS and the name of the file allow it."""

    def __init__(self, path: str, dim: int, count: int) -> None:
        """Open it.

        Raises:
            FileNotFoundError: it is gone.
            IndexDamaged: it is not a whole index of `count` vectors of `dim` columns.
        """
        self._index: Any = read_index(path)
        if (self._index.d, self._index.ntotal) != (dim, count):
            raise IndexDamaged(
                f"{path} holds {self._index.ntotal} vectors of {self._index.d} columns, not {count} of {dim}: {REMEDY}"
            )

    def search(self, queries: Vectors, k: int, alive: npt.NDArray[np.bool_] | None) -> list[tuple[Rows, Vectors]]:
        """For each query the rows with the highest inner product among those `alive`, and the products, best first.

        Args:
            queries: float32 `(n, dim)`.
            k: how many; fewer come back only when there are no more.
            alive: bool `(count,)`; None lets every row answer.
        """
        faiss = load_faiss()
        params = faiss.SearchParameters()
        if alive is not None:
            params = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(np.packbits(alive, bitorder="little")))
        with threads_for(len(queries)):
            scores, rows = self._index.search(queries, k, params=params)
        return [(row[row >= 0], score[row >= 0]) for row, score in zip(rows, scores, strict=True)]

    def products(self, queries: Vectors, rows: Rows) -> Vectors:
        """The inner product of each query, float32 `(n, dim)`, with each of some rows: float32 `(n, len(rows))`.

        To the last digit what `search` gives for that row, whatever is asked for beside it.
        """
        swig_ptr = load_faiss().swig_ptr
        found = np.empty((len(queries), len(rows)), np.float32)
        computer, numbers = self._index.get_distance_computer(), rows.tolist()
        for query, scores in zip(np.ascontiguousarray(queries, np.float32), found, strict=True):
            computer.set_query(swig_ptr(query))
            scores[:] = [computer(number) for number in numbers]
        return found

    def read(self, rows: Rows) -> Iterator[Vectors]:
        """Float32 `(n, dim)` blocks that together are the vectors of these rows, in order."""
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield self._index.reconstruct_batch(np.ascontiguousarray(rows[start : start + _ROWS_AT_ONCE]))


def load_faiss() -> Any:
    """FAISS, imported late: 0.2 s that reading records does not need. Its type stubs lack half of it."""
    import faiss

    return faiss


def read_index(path: str, lists: bool = False) -> Any:
    """Open the index in a file, mapped into memory where that is possible, so that only what is used is ever read.

    One of `lists` is mapped in a way that looks at none of them, where the system has it: an index of a million vectors
    has thousands, each of which would be a page to read.

    Raises:
        FileNotFoundError: it is gone.
        IndexDamaged: FAISS cannot read it.
    """
    faiss = load_faiss()
    with open(path, "rb") as file:  # before FAISS looks: its own error for a missing file has no type
        try:
            name = _for_faiss(path, file)
            if lists and name is not None and os.name == "posix":
                index = faiss.read_index(name, faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
                faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0  # 32 threads for each query
                return index
            mapped = getattr(faiss, "IO_FLAG_MMAP_IFC", None)
            if mapped is None or name is None:
                return faiss.read_index(faiss.PyCallbackIOReader(file.read))
            return faiss.read_index(name, mapped)
        except (RuntimeError, AttributeError) as error:  # or it has no lists
            if not os.path.exists(path):  # a merge has replaced it between our look and that of FAISS
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
            raise IndexDamaged(f"{path} cannot be read: {REMEDY}") from error


def _for_faiss(path: str, file: BinaryIO) -> str | None:
    """A name for an open file that FAISS understands, which takes them as UTF-8 at best; None where there is none."""
    if path.isascii():
        return path
    name = f"/dev/fd/{file.fileno()}"
    return name if os.path.exists(name) else None


@contextmanager
def threads_for(queries: int) -> Iterator[None]:
    """One query has no work for two threads, and starting them costs more than it does."""
    faiss = load_faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(min(before, queries))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def checksum(path: str) -> str:
    """The checksum of a file's bytes, as `SegmentBuilder.write` returns it."""
    hasher = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(_CHUNK):
            hasher.update(block)
    return hasher.hexdigest()


def garbage(directory: str, listed: set[str]) -> list[str]:
    """The files nobody lists and what was left half written. Only names that this module gives are among them."""
    return [
        os.path.join(directory, FOLDER, partition, file)
        for partition, file in _files(os.path.join(directory, FOLDER))
        if f"{partition}/{file}" not in listed and _NAME.fullmatch(file.removesuffix(TEMPORARY))
    ]


def remove(paths: list[str]) -> None:
    """Remove files. What cannot be removed now (Windows keeps open files) goes later."""
    for path in paths:
        with suppress(OSError):
            os.unlink(path)


def highest_number(directory: str) -> int:
    """The highest number among the files present, 0 when there are none."""
    numbers = [int(file.split(".")[0]) for _, file in _files(os.path.join(directory, FOLDER)) if _NAME.match(file)]
    return max(numbers, default=0)


def _files(folder: str) -> Iterator[tuple[str, str]]:
    with suppress(FileNotFoundError), os.scandir(folder) as partitions:
        for partition in partitions:
            if partition.is_dir(follow_symlinks=False):
                for file in os.listdir(partition.path):
                    yield partition.name, file


def make_directory(path: str) -> None:
    """Make a directory and its parents, so that they survive a power cut."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    make_directory(parent)
    with suppress(FileExistsError):
        os.mkdir(path)
    if not os.path.isdir(path):
        raise NotADirectoryError(20, "a file is in the way of the directory", path)
    sync_directory(parent)


def sync_folders(directory: str) -> None:
    """Make durable what the last writer may have made and been killed before it was: the database and the folders."""
    for folder in (directory, os.path.join(directory, FOLDER)):
        if os.path.isdir(folder):
            sync_directory(folder)


def sync_directory(path: str) -> None:
    """Make the names in a directory durable, where the system lets a directory be opened."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems refuse it, and keep names durable by themselves
            os.fsync(handle)
    finally:
        os.close(handle)


def _sync(handle: int) -> None:
    try:
        import fcntl

        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)  # type: ignore[attr-defined,unused-ignore]  # macOS only
    except (ImportError, AttributeError, OSError):
        os.fsync(handle)
