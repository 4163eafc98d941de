"""Work that goes on in a thread while its result is not needed yet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class BackgroundTask(Generic[T]):
    """What a function gives that runs in a thread of its own from now on.

    It gains where the function leaves the interpreter to others, as hashing, reading and loading graphs do; imports
    only take turns with what the caller does meanwhile.
    """

    def __init__(self, work: Callable[[], T], name: str | None = None) -> None:
        """`name` is the thread's."""
        self._work = work
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def result(self) -> T:
        """Waits for it. Raises what the function raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:  # told where the result is waited for
            self._error = error
