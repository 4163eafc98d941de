"""A file system with troubles: shows a folder read-only, but slow, with read errors, or blind to the case of names.

    python -m tests.field.troubled SOURCE MOUNTPOINT [--delay NAME:SECONDS] [--fail NAME:OFFSET] [--caseless]

Speaks the kernel's FUSE protocol itself (Linux, root), so that no library is needed: what a network drive, a dying disk
or a file system of another system does can then be had by any test. Serves until it is killed or unmounted.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import stat
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress

_HEADER = struct.Struct("<IIQQIIIHH")
_REPLY = struct.Struct("<IiQ")
_ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
_READ = struct.Struct("<QQI")
_DIRECT_IO = 1
_ROOT = 1
_BUFFER = 1 << 20
(
    LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT, BATCH,
) = (1, 2, 3, 14, 15, 17, 18, 25, 26, 27, 28, 29, 36, 42)  # fmt: skip


class Troubled:
    """Answers the kernel's requests about the files below `source`."""

    def __init__(self, device: int, source: str, delay: dict[str, float], fail: dict[str, int], caseless: bool) -> None:
        self._device = device
        self._delay = delay
        self._fail = fail
        self._caseless = caseless
        self._paths = {_ROOT: source}
        self._numbers = {source: _ROOT}
        self._answers: dict[int, Callable[[int, bytes], bytes]] = {
            LOOKUP: self._lookup,
            GETATTR: lambda node, _: struct.pack("<QII", 0, 0, 0) + self._attributes(node),
            OPEN: lambda node, _: struct.pack("<QIi", node, _DIRECT_IO, 0),
            OPENDIR: lambda node, _: struct.pack("<QIi", node, 0, 0),
            READ: self._read,
            READDIR: self._list,
            STATFS: lambda node, _: struct.pack("<QQQQQIII6I", 0, 0, 0, 0, 0, 4096, 255, 4096, *[0] * 6),
            INIT: lambda node, body: self._start(body),
            **dict.fromkeys((RELEASE, FLUSH, RELEASEDIR), lambda node, _: b""),
        }

    def serve(self) -> None:
        """Answer until the file system is unmounted."""
        while True:
            try:
                request = os.read(self._device, _BUFFER)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                continue
            _, code, unique, node, *_ = _HEADER.unpack_from(request)
            if code in (FORGET, BATCH, INTERRUPT):
                continue
            self._reply(unique, code, node, request[_HEADER.size :])

    def _reply(self, unique: int, code: int, node: int, body: bytes) -> None:
        number, data = 0, b""
        try:
            answer = self._answers.get(code)
            if answer is None:
                number = errno.ENOSYS
            else:
                data = answer(node, body)
        except OSError as error:
            number = error.errno or errno.EIO
        with suppress(OSError):  # whoever asked has gone
            os.write(self._device, _REPLY.pack(_REPLY.size + len(data), -number, unique) + data)

    def _start(self, body: bytes) -> bytes:
        _, minor, ahead = struct.unpack_from("<III", body)
        return struct.pack("<IIIIHHIIHHI7I", 7, min(minor, 31), ahead, 0, 16, 12, 4096, 1, 0, 0, 0, *[0] * 7)

    def _lookup(self, node: int, body: bytes) -> bytes:
        name = os.fsdecode(body.rstrip(b"\0"))
        path = os.path.join(self._paths[node], name)
        if self._caseless and not os.path.lexists(path):
            here = self._paths[node]
            same = [one for one in os.listdir(here) if one.casefold() == name.casefold()]
            path = os.path.join(here, same[0]) if same else path
        os.lstat(path)
        number = self._numbers.setdefault(path, len(self._numbers) + 1)
        self._paths[number] = path
        return struct.pack("<QQQQII", number, 0, 0, 0, 0, 0) + self._attributes(number)

    def _attributes(self, node: int) -> bytes:
        found = os.lstat(self._paths[node])
        times = [divmod(ns, 10**9) for ns in (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)]
        return _ATTRIBUTES.pack(
            node, found.st_size, found.st_blocks, *(seconds for seconds, _ in times), *(rest for _, rest in times),
            found.st_mode & ~0o222, found.st_nlink, found.st_uid, found.st_gid, 0, 4096, 0,
        )  # fmt: skip

    def _read(self, node: int, body: bytes) -> bytes:
        _, offset, size = _READ.unpack_from(body)
        path = self._paths[node]
        time.sleep(self._delay.get(os.path.basename(path), self._delay.get("", 0.0)))
        most = self._fail.get(os.path.basename(path))
        if most is not None and offset + size > most:
            raise OSError(errno.EIO, "the disk is dying")
        with open(path, "rb") as file:
            return os.pread(file.fileno(), size, offset)

    def _list(self, node: int, body: bytes) -> bytes:
        _, offset, size = _READ.unpack_from(body)
        found = b""
        names = sorted(os.listdir(self._paths[node]))
        for place, name in enumerate(names[offset:], offset + 1):
            mode = os.lstat(os.path.join(self._paths[node], name)).st_mode
            raw = os.fsencode(name)
            entry = struct.pack("<QQII", 2**32 + place, place, len(raw), stat.S_IFMT(mode) >> 12) + raw
            entry += bytes(-len(entry) % 8)
            if len(found) + len(entry) > size:
                break
            found += entry
        return found


def mount(point: str) -> int:
    """Mount an empty FUSE there; the device through which it is served.

    Raises:
        OSError: the system does not let us.
    """
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"troubled", os.fsencode(point), b"fuse", 0, options.encode()):
        number = ctypes.get_errno()
        os.close(device)
        raise OSError(number, os.strerror(number))
    return device


def main() -> None:
    """Entry point; prints a line when it serves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("point")
    parser.add_argument("--delay", action="append", default=[], metavar="NAME:SECONDS", help="each read; no name: all")
    parser.add_argument("--fail", action="append", default=[], metavar="NAME:OFFSET")
    parser.add_argument("--caseless", action="store_true")
    given = parser.parse_args()
    delay = {name: float(seconds) for name, _, seconds in (one.rpartition(":") for one in given.delay)}
    fail = {name: int(offset) for name, _, offset in (one.rpartition(":") for one in given.fail)}
    device = mount(given.point)
    print("serving", flush=True)
    Troubled(device, os.path.abspath(given.source), delay, fail, given.caseless).serve()


if __name__ == "__main__":
    sys.exit(main())
