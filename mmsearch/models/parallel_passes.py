"""Passes of a model side by side on a CPU, each with some of the cores, rather than one after another with all of them.

Threads that compute one layer together wait for each other after every step, and burn time while one of them is not
running: beside decoding processes that is half of the time, on a busy machine nearly all of it. Passes that have
nothing to do with each other never wait. Knows nothing of what a pass computes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

Input = TypeVar("Input")
Output = TypeVar("Output")

FAMILIES = frozenset({"clip", "siglip", "siglip2"})
"""Architectures, as transformers names them, whose passes leave nothing behind in the model that another would see."""
MOST = 4
"""Each lane reads all weights for itself, so more of them would wait for the memory."""


class ParallelPasses:
    """Some threads that each compute with their share of the cores; started at first use."""

    def __init__(self, count: int, threads: int) -> None:
        """`count` lanes of so many threads each."""
        self.count = count
        self._threads = threads
        self._pool = ThreadPoolExecutor(count, "mmsearch: model")

    def __call__(self, work: Callable[[Sequence[Input]], Sequence[Output]], inputs: Sequence[Input]) -> list[Output]:
        """What `work` gives for the inputs, in order, when each lane does every so-manieth of them."""
        import torch

        share = min(self.count, len(inputs))
        if share < 2:
            return list(work(inputs))
        together = torch.get_num_threads()
        try:
            # Each in a context of its own, which no two threads can enter at once.
            jobs = [
                self._pool.submit(copy_context().run, self._alone, work, inputs[lane::share]) for lane in range(share)
            ]
            wait(jobs)
            done = [job.result() for job in jobs]
        finally:
            torch.set_num_threads(together)  # the lanes' own number is that of some libraries for all threads
        results: list[Output] = [done[0][0]] * len(inputs)
        for lane, outputs in enumerate(done):
            results[lane::share] = outputs
        return results

    def _alone(self, work: Callable[[Sequence[Input]], Sequence[Output]], inputs: Sequence[Input]) -> Sequence[Output]:
        import torch

        torch.set_num_threads(self._threads)
        return work(inputs)


def lanes_for(device: str, family: str | None) -> ParallelPasses | None:
    """The lanes for a model of an architecture, on the cores that torch would use; None where one pass has them all."""
    import torch

    cores = torch.get_num_threads()
    if device != "cpu" or family not in FAMILIES or cores < 2:
        return None
    count = min(MOST, cores)
    return ParallelPasses(count, cores // count)
