"""Vector files: immutable FAISS indexes, written once and then only read or removed.

A file is written under a temporary name, synced and renamed, so one under its final name is whole. An ANN index is
written and read here too, with tables behind it. Knows nothing about items, SQLite or which of the files
are listed. FAISS is imported at first use.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from mmsearch.errors import IndexDamaged
from mmsearch.store import faiss_headers, file_ownership
from mmsearch.system.lazy_import import LazyModule
from mmsearch.system.safe_open import NOFOLLOW, TEMPORARY, Folder, is_link, regular
from mmsearch.types import Vectors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = LazyModule("numpy")

FOLDER = file_ownership.VECTORS
INDEX_KIND = "flat-fp16"
BYTES_PER_NUMBER = 2
REMEDY = "`mmsearch status --repair` keeps what is sound"
_CHUNK = 1 << 20
_ALIGNMENT = 8
"""Tables begin at a multiple of this many bytes, so that they can be memory-mapped."""
_ROWS_AT_ONCE = 1 << 14
_NAME = re.compile(r"[0-9]{1,18}\.(faiss|ann)")
"""With no more digits than SQLite counts to."""

Rows: TypeAlias = "npt.NDArray[np.int64]"


def segment_name(partition: str, number: int) -> str:
    """The name of a file below the vectors folder, with `/` on every system."""
    return f"{partition}/{number}.faiss"


def segment_path(directory: str, name: str) -> str:
    """The path of a file, to read it. Raises IndexDamaged if a folder of it is a link or a file."""
    partition, _, file = name.rpartition("/")
    folder = os.path.join(directory, FOLDER)
    for path in (folder, os.path.join(folder, partition)):
        file_ownership.require_folder(path)
    return os.path.join(folder, partition, file)


class SegmentBuilder:
    """Collects vectors for one file; they are stored as float16."""

    def __init__(self, dim: int) -> None:
        faiss = load_faiss()
        self.index: Any = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)

    def add(self, vectors: Vectors) -> None:
        """Append float32 `(n, dim)` rows."""
        self.index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def write(self, directory: str, name: str) -> str:
        """Write the file as `write_index` does; returns the checksum of its bytes."""
        return write_index(self.index, directory, name)


def write_index(index: Any, directory: str, name: str, *tables: npt.NDArray[np.int64]) -> str:
    """Write an index, and tables behind it, so that they survive a power cut; returns the checksum of the file.

    Args:
        index: of FAISS.
        directory: the directory of the mmsearch index.
        name: below the vectors folder, as `segment_name` gives it.
        tables: int64, of one dimension.

    Raises:
        OSError: the disk is full or cannot be written, or a folder on the way is a link; nothing is left under either
            name.
    """
    partition, _, file_name = name.rpartition("/")
    with Folder.open(directory) as home, file_ownership.vectors_of(home, partition, make=True) as folder:
        with folder.replacing(file_name, file_ownership.file_mode(home)) as file:
            digest = _stream(index, tables, file)
        folder.sync()
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
        write(bytes(-file.tell() % _ALIGNMENT))
    for table in tables:
        for start in range(0, len(table), _CHUNK):
            write(np.asarray(table[start : start + _CHUNK], "<i8").tobytes())
    if problems:
        raise problems[0]
    return hasher.hexdigest()


class SegmentFile:
    """One open file, memory-mapped if the installed FAISS and the name of the file allow it."""

    def __init__(self, path: str, dim: int, count: int) -> None:
        """Open it.

        Raises:
            FileNotFoundError: it is gone.
            IndexDamaged: it is not a whole index of `count` vectors of `dim` columns.
        """
        self._path, self._count = path, count
        self._index: Any = read_index(path, lambda file: faiss_headers.require_segment(file, dim, count))

    def search(self, queries: Vectors, k: int, alive: npt.NDArray[np.bool_] | None) -> list[tuple[Rows, Vectors]]:
        """For each query the rows with the highest inner product among those `alive`, and the products, best first.

        Args:
            queries: float32 `(n, dim)`.
            k: how many; fewer are returned only if there are no more.
            alive: bool `(count,)`; None for every row.
        """
        faiss = load_faiss()
        params = faiss.SearchParameters()
        if alive is not None:
            params = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(np.packbits(alive, bitorder="little")))
        with threads_for(len(queries)):
            scores, rows = self._index.search(queries, k, params=params)
        results = [(row[row >= 0], score[row >= 0]) for row, score in zip(rows, scores, strict=True)]
        return [(row, self._require_finite(score)) for row, score in results]

    def products(self, queries: Vectors, rows: Rows) -> Vectors:
        """The inner product of each query, float32 `(n, dim)`, with each of some rows: float32 `(n, len(rows))`.

        Equal to the products that `search` gives, to the last digit.
        """
        swig_ptr = load_faiss().swig_ptr
        products = np.empty((len(queries), len(rows)), np.float32)
        self._require_rows(rows)
        computer, numbers = self._index.get_distance_computer(), rows.tolist()
        for query, scores in zip(np.ascontiguousarray(queries, np.float32), products, strict=True):
            computer.set_query(swig_ptr(query))
            scores[:] = [computer(number) for number in numbers]
        return self._require_finite(products)

    def read(self, rows: Rows) -> Iterator[Vectors]:
        """The vectors of these rows in order, in blocks of float32 `(n, dim)`."""
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            batch = np.ascontiguousarray(rows[start : start + _ROWS_AT_ONCE])
            self._require_rows(batch)
            block: Vectors = self._index.reconstruct_batch(batch)
            self._require_finite(block.sum())
            yield block

    def _require_finite(self, numbers: Vectors) -> Vectors:
        if not np.isfinite(numbers).all():
            raise IndexDamaged(f"{self._path} holds vectors that are no numbers: {REMEDY}")
        return numbers

    def _require_rows(self, rows: Rows) -> None:
        """Check that these rows are in the file, for FAISS does not. Raises IndexDamaged."""
        if len(rows) and (rows.min() < 0 or rows.max() >= self._count):
            raise IndexDamaged(f"{self._path} has {self._count} rows, an item is said to be beyond: {REMEDY}")


def load_faiss() -> Any:
    """FAISS, imported late: it takes 0.2 s, and reading records does not need it. Its type stubs lack half of it."""
    import faiss

    return faiss


def open_file(path: str) -> BinaryIO:
    """A vector file, opened to read.

    Raises:
        FileNotFoundError: it is gone.
        IndexDamaged: something else is in its place, such as a link or a FIFO.
        OSError: it cannot be read.
    """

    def opener(path: str, flags: int) -> int:
        if is_link(path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        return regular(path, flags | NOFOLLOW)

    try:
        return open(path, "rb", buffering=0, opener=opener)  # FAISS may go on from where we have read to
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ELOOP, errno.ENXIO) and not os.path.isdir(path):
            raise IndexDamaged(f"{path} is no file of its own: {REMEDY}") from error
        raise


def read_index(path: str, check: Callable[[BinaryIO], object], lists: bool = False) -> Any:
    """Open the index in a file, memory-mapped if possible, so that unused parts are never read.

    Args:
        path: of the file.
        check: checks it before FAISS reads it, which believes everything; raises `faiss_headers.HeaderMismatch`.
        lists: map it in a way that touches no list, where the system can: an index of a million vectors has thousands
            of lists, each of which would be a page to read.

    Raises:
        FileNotFoundError: it is gone.
        IndexDamaged: it is not what it should be, or FAISS cannot read it.
    """
    faiss = load_faiss()
    with open_file(path) as file:  # before FAISS: its own error for a missing file has no type
        try:
            check(file)
            file.seek(0)
            # FAISS takes names as UTF-8 at best; this one is of the very file that was checked.
            own_name = f"/dev/fd/{file.fileno()}"
            name = own_name if os.path.exists(own_name) else path if path.isascii() else None
            if lists and name is not None and os.name == "posix":
                index = faiss.read_index(name, faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
                faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0  # 32 threads for each query
                return index
            mapped = getattr(faiss, "IO_FLAG_MMAP_IFC", None)
            if mapped is None or name is None:
                return faiss.read_index(faiss.PyCallbackIOReader(file.read))
            return faiss.read_index(name, mapped)
        except faiss_headers.HeaderMismatch as error:
            raise IndexDamaged(f"{path} cannot be used: {error}: {REMEDY}") from error
        except (RuntimeError, AttributeError, MemoryError) as error:  # or it has no lists
            if not os.path.exists(path):  # a merge has replaced it between our check and FAISS
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
            raise IndexDamaged(f"{path} cannot be read: {REMEDY}") from error


@contextmanager
def threads_for(queries: int) -> Iterator[None]:
    """Use no more threads than queries: starting a thread costs more than it saves for one query."""
    faiss = load_faiss()
    previous = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(min(previous, queries))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(previous)


def checksum(path: str) -> str:
    """The checksum of a file's bytes, as `write_index` returns it."""
    hasher = hashlib.blake2b(digest_size=16)
    with open_file(path) as file:
        while block := file.read(_CHUNK):
            hasher.update(block)
    return hasher.hexdigest()


def require_rows(path: str, count: int) -> None:
    """Check that a file can hold `count` vectors, before memory is allocated for them.

    Raises:
        FileNotFoundError: it is gone.
        IndexDamaged: it is too short.
    """
    size = os.stat(path, follow_symlinks=False).st_size
    if count * BYTES_PER_NUMBER > size:
        raise IndexDamaged(f"{path} of {size} bytes does not hold {count} vectors: {REMEDY}")


def unlisted_files(directory: str, listed: set[str]) -> list[str]:
    """The unlisted or half-written files with names that this module gives. Raises OSError if the folder is a link."""
    return [
        name
        for partition, file in _files(directory)
        if (name := f"{partition}/{file}") not in listed and _NAME.fullmatch(file.removesuffix(TEMPORARY))
    ]


def remove(directory: str, names: list[str]) -> None:
    """Remove files of these names; those that are in use (Windows keeps open files) go later."""
    with suppress(OSError), Folder.open(directory) as home:
        for name in names:
            partition, _, file = name.rpartition("/")
            with suppress(OSError), file_ownership.vectors_of(home, partition) as folder:
                folder.remove(file)


def highest_number(directory: str) -> int:
    """The highest number among the files present, 0 if there are none. Raises OSError as `unlisted_files` does."""
    return max((int(file.split(".")[0]) for _, file in _files(directory) if _NAME.match(file)), default=0)


def _files(directory: str) -> Iterator[tuple[str, str]]:
    """Partition and name of all files in the vectors folder; a partition that is a link is skipped."""
    with suppress(FileNotFoundError), Folder.open(directory) as home, home.folder(FOLDER) as inner:
        for partition in inner.names():
            with suppress(OSError), inner.folder(partition) as folder:
                for file in folder.names():
                    yield partition, file


def sync_folders(directory: str) -> None:
    """Sync the database and the folders that a killed writer may have left unsynced."""
    with Folder.open(directory) as home:
        home.sync()
        with suppress(FileNotFoundError), home.folder(FOLDER) as inner:
            inner.sync()
