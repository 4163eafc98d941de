"""Recognising a full disk behind an error: not every library says so."""

from __future__ import annotations

import errno
import os

from mmsearch.errors import one_line

FULL = "the disk is full: free some space and run it again"
_MIN_BYTES, _MIN_FILES = 256 << 10, 8
"""Free bytes and inodes below which any failed write counts as a full disk; a failed step may have freed some again."""


def is_full(error: BaseException, folder: str = "") -> bool:
    """Whether an error says that a disk or a quota is full, or comes while the disk of `folder` is."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return os.strerror(errno.ENOSPC) in str(error) or (bool(folder) and not has_room(folder))


def reason(error: OSError) -> str:
    """The meaning of an error of the file system, without the file's name."""
    if error.errno == errno.EBADF:
        return "the stream is closed"
    return FULL if is_full(error) else error.strerror or one_line(error)


def has_room(folder: str) -> bool:
    """Whether the disk of a folder takes more bytes and files; True if the system does not say."""
    if not hasattr(os, "statvfs"):
        return True
    try:
        status = os.statvfs(folder)
    except OSError:
        return True
    return status.f_bavail * status.f_frsize >= _MIN_BYTES and (not status.f_files or status.f_favail >= _MIN_FILES)
