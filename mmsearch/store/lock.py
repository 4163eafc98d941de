"""The lock of the one writer, and the note that says who holds it.

The lock is the system's own on `write.lock`, so it ends with its process, however that ends. `writer.json` is for
people: it may be wrong or left over, and nothing depends on it.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from mmsearch.errors import MmsearchError

LOCK = "write.lock"
NOTE = "writer.json"


class WriteLock:
    """Held from `acquire` to `release`."""

    def __init__(self, directory: str) -> None:
        from filelock import FileLock  # late: a search locks nothing and should not wait for it

        self._directory = directory
        self._lock = FileLock(os.path.join(directory, LOCK))

    def acquire(self, on_wait: Callable[[str], None] | None, timeout: float | None) -> None:
        """Take the lock; `on_wait` hears once who has it when it is not free.

        Args:
            on_wait: called with one line before waiting.
            timeout: seconds to wait, 0 not at all; None waits for as long as it takes.

        Raises:
            MmsearchError: the other process still holds it when the time is up.
        """
        from filelock import Timeout

        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            self._wait(on_wait, timeout)
        except NotImplementedError as error:
            raise MmsearchError(f"the index in {self._directory}: this file system has no file locks") from error
        self._sign()

    def _wait(self, on_wait: Callable[[str], None] | None, timeout: float | None) -> None:
        from filelock import Timeout

        if on_wait is not None and timeout != 0:
            on_wait(self._holder())
        try:
            self._lock.acquire(timeout=-1 if timeout is None else timeout)
        except Timeout as error:
            raise MmsearchError(f"the index in {self._directory} is in use: {self._holder()}") from error

    def release(self) -> None:
        """Give the lock back; the note goes first, so that it never names the wrong one."""
        if self._lock.is_locked:
            with suppress(OSError):
                os.unlink(os.path.join(self._directory, NOTE))
            self._lock.release()

    def _sign(self) -> None:
        note = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now().isoformat(" ", "seconds")}
        path = os.path.join(self._directory, NOTE)
        with suppress(OSError):
            with open(path + ".tmp", "w", encoding="utf-8") as file:
                json.dump(note, file)
            os.replace(path + ".tmp", path)

    def _holder(self) -> str:
        try:
            with open(os.path.join(self._directory, NOTE), encoding="utf-8") as file:
                note = json.load(file)
            return f"process {note['pid']} on {note['host']} has been writing since {note['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process is writing"
