"""Checksums of the database's pages, in a file beside it, so that a page that has changed since is seen.

The file tells the state of the database that it is of: a number that changes with each commit, in the header of the
database and once more in a row. A log beside the database holds newer pages; those are not compared. A file that is of
another state, or not whole, counts as none. Knows the layout of SQLite's files, and nothing of tables.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from mmsearch.store import file_ownership
from mmsearch.system.safe_open import NOFOLLOW, TEMPORARY, Folder, regular

NAME = "meta.sums"
_MAGIC = b"mmsums1\n"
_HEADER = struct.Struct(">8sIIII")
_SUM = 8
_SEAL = 16
_LOG_HEADER, _FRAME_HEADER = 32, 24
_LOG_MAGICS = (0x377F0682, 0x377F0683)
_LOCKED = 0x40000000
"""The page at this byte is SQLite's for locks and holds nothing; Windows lets nobody read it."""
_STATE_AT = 60
"""Of the database's header: `PRAGMA user_version`."""
# Kind of page of a tree -> bytes of its header.
_TREES = {2: 12, 5: 12, 10: 8, 13: 8}
_MOST_PAGES = 0x02000000 - 1
"""In a database of more pages than that, pages of other kinds might look like pages of a tree."""


@dataclass
class PageChecksums:
    """The checksums of all pages.

    Attributes:
        page_size: bytes of a page.
        state: the database's number when it was as these say.
        table: eight bytes for each page.
        untidy: that some pages may hold what should be overwritten, and could not be.
    """

    page_size: int
    state: int
    table: bytearray
    untidy: bool = False

    def __len__(self) -> int:
        return len(self.table) // _SUM

    def of(self, number: int) -> bytes:
        """The checksum of a page; pages are counted from 1."""
        return bytes(self.table[(number - 1) * _SUM : number * _SUM])

    def put(self, number: int, page: bytes) -> None:
        """Take a page as it is now."""
        self.table[(number - 1) * _SUM : number * _SUM] = page_sum(page)

    def resize(self, pages: int) -> None:
        """Have so many pages; new ones have no sum yet."""
        del self.table[pages * _SUM :]
        self.table.extend(bytes(pages * _SUM - len(self.table)))

    def save(self, directory: str) -> None:
        """Write the file as a whole. It need not outlive a power cut: what is left then is known to be old or broken.

        Raises:
            OSError: it cannot be written.
        """
        data = _HEADER.pack(_MAGIC, self.page_size, self.state, len(self), self.untidy) + self.table
        with Folder.open(directory) as folder:
            try:
                with folder.create(NAME + TEMPORARY, file_ownership.file_mode(folder)) as file:
                    file.write(data + _seal(data))
                folder.rename(NAME + TEMPORARY, NAME)
            except BaseException:
                with suppress(OSError):
                    folder.remove(NAME + TEMPORARY)
                raise


def load(directory: str) -> PageChecksums | None:
    """What the file says; None where there is none, or it is not whole."""
    try:
        with open(regular(os.path.join(directory, NAME), os.O_RDONLY | NOFOLLOW), "rb") as file:
            magic, page_size, state, pages, untidy = _HEADER.unpack(file.read(_HEADER.size))
            if magic != _MAGIC or os.fstat(file.fileno()).st_size != _HEADER.size + pages * _SUM + _SEAL:
                return None
            table, seal = bytearray(file.read(pages * _SUM)), file.read()
    except (OSError, struct.error):
        return None
    good = seal == _seal(_HEADER.pack(magic, page_size, state, pages, untidy) + table)
    return PageChecksums(page_size, state, table, bool(untidy)) if good and 512 <= page_size <= 65536 else None


def discard(directory: str) -> None:
    """Remove the file: what comes now is not told of in it."""
    with suppress(FileNotFoundError), Folder.open(directory) as folder:
        for name in (NAME + TEMPORARY, NAME):
            folder.remove(name)


def page_sum(page: bytes) -> bytes:
    return hashlib.blake2b(page, digest_size=_SUM).digest()


def _seal(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_SEAL).digest()


def state_in(handle: int) -> int:
    """The state in the database's header, which the log may have newer; -1 where there is no whole header."""
    data = _read(handle, _STATE_AT, 4)
    return int.from_bytes(data, "big") if len(data) == 4 else -1


def read(handle: int, number: int, page_size: int) -> bytes:
    """A page of the database."""
    start = (number - 1) * page_size
    return b"" if start == _LOCKED else _read(handle, start, page_size)


def _read(handle: int, start: int, size: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(handle, size, start)
    os.lseek(handle, start, os.SEEK_SET)
    return os.read(handle, size)


def _write(handle: int, start: int, data: bytes) -> None:
    if hasattr(os, "pwrite"):
        os.pwrite(handle, data, start)
        return
    os.lseek(handle, start, os.SEEK_SET)
    os.write(handle, data)


def in_log(path: str) -> set[int]:
    """The pages that a log may have newer, and perhaps more; none where there is no log."""
    found: set[int] = set()
    try:
        handle = regular(path, os.O_RDONLY | NOFOLLOW)  # SQLite holds no locks on this one
    except FileNotFoundError:
        return found
    with open(handle, "rb", buffering=0) as file:
        header = file.read(_LOG_HEADER)
        if len(header) < _LOG_HEADER or int.from_bytes(header[:4], "big") not in _LOG_MAGICS:
            return found
        step = _FRAME_HEADER + int.from_bytes(header[8:12], "big")
        at, salts = _LOG_HEADER, header[16:24]
        while len(frame := _read(file.fileno(), at, _FRAME_HEADER)) == _FRAME_HEADER and frame[8:16] == salts:
            found.add(int.from_bytes(frame[:4], "big"))
            at += step
    return found


def left_over(number: int, page: bytes, pages: int) -> slice | None:
    """What SQLite has left in the unused middle of a page of a tree; None where there is nothing.

    With `secure_delete` it overwrites what it deletes, but not what a page held before its rows moved to others.
    """
    head = 100 if number == 1 else 0
    if pages > _MOST_PAGES or len(page) < 512 or page[head] not in _TREES:
        return None
    cells = int.from_bytes(page[head + 3 : head + 5], "big")
    start = head + _TREES[page[head]] + 2 * cells
    end = int.from_bytes(page[head + 5 : head + 7], "big") or 65536
    if not start < end <= len(page) or page.count(0, start, end) == end - start:
        return None
    return slice(start, end)


def wipe(handle: int, number: int, page: bytes, where: slice) -> bytes:
    """Overwrite a part of a page in the file; the page as it is then."""
    zeros = bytes(where.stop - where.start)
    _write(handle, (number - 1) * len(page) + where.start, zeros)
    return page[: where.start] + zeros + page[where.stop :]


def differing(handle: int, sums: PageChecksums, numbers: Iterable[int]) -> Iterator[int]:
    """Those of some pages that are not as they were written."""
    for number in numbers:
        if page_sum(read(handle, number, sums.page_size)) != sums.of(number):
            yield number
