"""The key of this user on this machine, by which grants of the user are told from what anybody may write in an index.

It is 32 random bytes in the user's own state folder, and never leaves this machine. Knows nothing of indexes.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from mmsearch.system.user_folders import state_folder

NAME = "key"
BYTES = 32
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def read_key() -> bytes | None:
    """The key; None where there is none that only this user can have written."""
    folder = state_folder()
    try:
        if not _is_own(os.stat(folder)):
            return None
        handle = os.open(os.path.join(folder, NAME), _READ)
    except (OSError, ValueError):
        return None
    try:
        found = os.fstat(handle)
        key = os.read(handle, BYTES + 1) if stat.S_ISREG(found.st_mode) and _is_own(found) else b""
    except OSError:
        return None
    finally:
        os.close(handle)
    return key if len(key) == BYTES else None


def make_key() -> bytes | None:
    """The key, made where there is none yet; None where that cannot be."""
    if (key := read_key()) is not None:
        return key
    folder = state_folder()
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not _is_own(os.stat(folder)):
            return None
        _put(os.path.join(folder, NAME), os.urandom(BYTES))
    except (OSError, ValueError):
        return None
    return read_key()  # that of another process, where that was first


def _put(path: str, key: bytes) -> None:
    """Make the file as a whole, or leave one that is there."""
    made = f"{path}.{os.urandom(8).hex()}"
    handle = os.open(made, _MAKE, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(handle)
        try:
            os.link(made, path)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            if not os.path.lexists(path):
                os.rename(made, path)
    finally:
        with suppress(OSError):
            os.unlink(made)


def _is_own(found: os.stat_result) -> bool:
    """Whether nobody else may write there."""
    if not hasattr(os, "geteuid"):
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_MAY_WRITE
