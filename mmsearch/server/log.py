"""The log of a server that runs for months: one line a problem, not too many of them, in a file of limited size.

Knows loggers and the file that a server in the background writes to.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from mmsearch.server.discovery import LOG
from mmsearch.system.safe_open import Folder

MOST_AT_ONCE = 50
"""Lines in a burst; after that, one every `SECONDS_EACH`."""
SECONDS_EACH = 10.0
MOST_BYTES = 1 << 20
KEPT_BYTES = 256 << 10
_STDERR = 2


class Brief(logging.Filter):
    """Makes a traceback one line, and leaves lines out where there are too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._room, self._updated = float(MOST_AT_ONCE), clock()
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._clock()
        self._room = min(float(MOST_AT_ONCE), self._room + (now - self._updated) / SECONDS_EACH)
        self._updated = now
        if self._room < 1:
            self._left_out += 1
            return False
        self._room -= 1
        message = " ".join(record.getMessage().split())
        if record.exc_info and (error := record.exc_info[1]) is not None:
            message += f": {type(error).__name__}: {' '.join(str(error).split())}"
        if self._left_out:
            message += f" ({self._left_out} more messages were left out)"
            self._left_out = 0
        record.msg, record.args, record.exc_info, record.exc_text, record.stack_info = (
            message[:500],
            (),
            None,
            None,
            None,
        )
        return True


@contextmanager
def brief() -> Iterator[None]:
    """Within the block, messages are brief, unless the level is DEBUG."""
    if logging.root.isEnabledFor(logging.DEBUG):
        yield
        return
    filters = [(handler, Brief()) for handler in logging.root.handlers]
    for handler, short in filters:
        handler.addFilter(short)
    try:
        yield
    finally:
        for handler, short in filters:
            handler.removeFilter(short)


def trim(directory: str, max_bytes: int = MOST_BYTES, kept_bytes: int = KEPT_BYTES, handle: int = _STDERR) -> None:
    """Keep only the end of the log of the index in `directory`, if this process writes to it."""
    with suppress(OSError), Folder.open(directory) as folder, folder.read(LOG) as file:
        output, log_file = os.fstat(handle), os.fstat(file.fileno())
        if (output.st_dev, output.st_ino) == (log_file.st_dev, log_file.st_ino) and output.st_size > max_bytes:
            file.seek(-kept_bytes, os.SEEK_END)
            end = file.read(kept_bytes).partition(b"\n")[2]
            os.ftruncate(handle, 0)
            os.lseek(handle, 0, os.SEEK_SET)
            os.write(handle, end)
