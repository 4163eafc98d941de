"""Work that goes on in a thread while its result is not needed yet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class BackgroundTask(Future[T]):
    """The result of a function that runs in a thread of its own from now on; the process waits for the thread.

    It gains where the function leaves the interpreter to others, as hashing, reading and loading graphs do; imports
    only take turns with the caller.
    """

    def __init__(self, work: Callable[[], T], name: str | None = None) -> None:
        """`name` is the thread's."""
        super().__init__()
        threading.Thread(target=self._run, args=(work,), name=name).start()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self.set_result(work())
        except BaseException as error:
            self.set_exception(error)
