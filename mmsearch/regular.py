"""Opening files that others may exchange at any moment: what is no regular file is refused, never waited for."""

from __future__ import annotations

import errno
import os
import stat

_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def regular(path: str, flags: int) -> int:
    """An `opener` for `open`: a FIFO put in a file's place since it was listed would keep us waiting for ever.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    handle = os.open(path, flags | _FLAGS)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return handle
