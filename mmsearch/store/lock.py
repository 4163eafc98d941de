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
from mmsearch.store.file_ownership import file_mode, lock_file
from mmsearch.system.safe_open import TEMPORARY, Folder

LOCK = "write.lock"
NOTE = "writer.json"
_MOST_NOTE = 4096
_LONGEST = 100


class WriteLock:
    """Held from `acquire` to `release`."""

    def __init__(self, directory: str) -> None:
        """`directory` is there. Raises IndexDamaged where a link stands in the place of the lock's file."""
        from filelock import FileLock  # late: a search locks nothing and should not wait for it

        self._directory = directory
        self._lock = FileLock(os.path.join(directory, LOCK), mode=lock_file(directory, LOCK))

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
            with suppress(OSError), Folder.open(self._directory) as folder:
                folder.remove(NOTE)
            self._lock.release()

    def _sign(self) -> None:
        note = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now().isoformat(" ", "seconds")}
        with suppress(OSError), Folder.open(self._directory) as folder:
            with folder.create(NOTE + TEMPORARY, file_mode(folder)) as file:
                file.write(json.dumps(note).encode())
            folder.rename(NOTE + TEMPORARY, NOTE)

    def _holder(self) -> str:
        try:
            with Folder.open(self._directory) as folder, folder.read(NOTE) as file:
                note = json.loads(file.read(_MOST_NOTE))
            pid, host, since = (str(note[name])[:_LONGEST] for name in ("pid", "host", "since"))
            return f"process {pid} on {host} has been writing since {since}"
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return "another process is writing"
