"""How inputs go through a model: how many in one pass, and on a CPU several passes in parallel.

A budget of tokens bounds a pass; it shrinks when the memory does not hold one. Knows nothing of the computation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from mmsearch.errors import OutOfMemory
from mmsearch.types import Audio, Clip, Content, ResizeRule

if TYPE_CHECKING:
    import torch

Input = TypeVar("Input")
Output = TypeVar("Output")

HOST_TOKENS, HOST_INPUTS = 4096, 32
"""On a CPU larger passes are no faster, and take memory from decoding."""
DEVICE_INPUTS = 512
DEVICE_SHARE = 0.5
"""Share of a device's free memory that a pass may fill by estimate."""
VALUES_PER_TOKEN = 64
"""Numbers kept for a token at once, in widths of the model: a guess on the safe side, since a pass may be halved."""
RAISE_AFTER = 16
"""Passes in a row that fit before a budget that was cut is raised again."""

TEXT_CHARS = 3
SOUND_TOKENS = 50
DEFAULT_EDGE, DEFAULT_MAX_TOKENS = 28, 2048
"""Pixels along a token's edge, and most tokens of a picture, where the model's own are not known."""
PHRASES = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
"""Words for memory that ran out in errors of other classes than torch's own: on a CPU, Apple's GPU, by cuBLAS."""
PARALLEL_FAMILIES = frozenset({"clip", "siglip", "siglip2"})
"""Architectures, as transformers names them, whose passes leave nothing behind in the model that another would see."""
MAX_PARALLEL = 4
"""Each pass reads all weights for itself, so more of them would wait for the memory."""

_cuts: ContextVar[bool] = ContextVar("cuts", default=True)


@contextmanager
def uncut() -> Iterator[None]:
    """Inside the block a pass that runs out of memory raises OutOfMemory instead of being cut in half."""
    token = _cuts.set(False)
    try:
        yield
    finally:
        _cuts.reset(token)


class BatchBudget:
    """How many tokens, padding included, and how many inputs one pass may hold."""

    def __init__(self, tokens: int, inputs: int) -> None:
        self._first = self._tokens = max(1, tokens)
        self._inputs = inputs
        self._passes_since_cut = 0

    def count(self, costs: Sequence[int]) -> int:
        """How many of the next inputs, with these costs in tokens, go into one pass: at least one."""
        widest = 0
        for count, cost in enumerate(costs[: self._inputs]):
            widest = max(widest, cost)
            if count and widest * (count + 1) > self._tokens:
                return count
        return min(len(costs), self._inputs)

    def failed(self, costs: Sequence[int]) -> None:
        """A pass of inputs with these costs did not fit: the next ones are half as large."""
        self._tokens = max(1, max(costs) * len(costs) // 2)
        self._passes_since_cut = 0

    def passed(self) -> None:
        """A pass fitted: after some of them the budget doubles, up to its first size."""
        self._passes_since_cut += 1
        if self._passes_since_cut >= RAISE_AFTER and self._tokens < self._first:
            self._tokens = min(self._first, 2 * self._tokens)
            self._passes_since_cut = 0


def budget_for(device: str, dtype: torch.dtype, width: int, batch_size: int | None) -> BatchBudget:
    """The budget for a model whose states are `width` numbers wide, already loaded on the device.

    A `batch_size` that the user gave is kept to, until the memory does not hold it.
    """
    import torch

    if not device.startswith("cuda"):
        return BatchBudget(HOST_TOKENS, HOST_INPUTS) if batch_size is None else BatchBudget(1 << 40, batch_size)
    if batch_size is not None:
        return BatchBudget(1 << 40, batch_size)
    free = torch.cuda.mem_get_info(device)[0]
    return BatchBudget(int(free * DEVICE_SHARE / (VALUES_PER_TOKEN * max(1, width) * dtype.itemsize)), DEVICE_INPUTS)


def in_passes(
    run: Callable[[Sequence[Input]], list[Output]], inputs: Sequence[Input], costs: Sequence[int], budget: BatchBudget
) -> list[Output]:
    """The results of `run` for all inputs in order, some in each pass; a pass that runs out of memory is cut in half.

    Raises OutOfMemory when a single input does not fit.
    """
    results: list[Output] = []
    while len(results) < len(inputs):
        start = len(results)
        end = start + budget.count(costs[start:])
        try:
            results += run(inputs[start:end])
        except Exception as error:
            if not out_of_memory(error):
                raise
            if end - start == 1 or not _cuts.get():
                items = "a single item" if end - start == 1 else f"{end - start} items"
                raise OutOfMemory(
                    f"out of device memory on {items}: lower --max-pixels, use --dtype bf16 or --device cpu"
                ) from error
            budget.failed(costs[start:end])
        else:
            budget.passed()
            continue
        # Outside the handler: the exception's traceback holds the tensors that did not fit.
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return results


def out_of_memory(error: Exception) -> bool:
    """Whether an exception says that a pass needs more memory than there is."""
    import torch

    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(phrase in str(error) for phrase in PHRASES)
    )


class ParallelPasses:
    """A pool of threads that each run passes with their share of the cores; started at first use.

    Threads that compute one layer together wait for each other after every step, and burn time while one of them is not
    running: beside decoding processes that is half of the time, on a busy machine nearly all of it. Independent passes
    never wait.
    """

    def __init__(self, count: int, threads: int) -> None:
        """`count` passes at once, each on `threads` threads."""
        self.count = count
        self._threads = threads
        self._pool = ThreadPoolExecutor(count, "mmsearch: model")

    def __call__(self, run: Callable[[Sequence[Input]], Sequence[Output]], inputs: Sequence[Input]) -> list[Output]:
        """The results of `run` for the inputs, in order; the inputs are dealt out to the threads."""
        import torch

        def run_alone(share: Sequence[Input]) -> Sequence[Output]:
            torch.set_num_threads(self._threads)
            return run(share)

        count = min(self.count, len(inputs))
        if count < 2:
            return list(run(inputs))
        threads_before = torch.get_num_threads()
        try:
            # Each in a context of its own, which no two threads can enter at once.
            futures = [self._pool.submit(copy_context().run, run_alone, inputs[i::count]) for i in range(count)]
            wait(futures)
            outputs = [future.result() for future in futures]
        finally:
            torch.set_num_threads(threads_before)  # some libraries have one number for all threads
        results: list[Output] = [outputs[0][0]] * len(inputs)
        for i, output in enumerate(outputs):
            results[i::count] = output
        return results


def parallel_passes(device: str, family: str | None) -> ParallelPasses | None:
    """Parallel passes on torch's cores, None for a device or an architecture that needs all of them for one pass."""
    import torch

    cores = torch.get_num_threads()
    if device != "cpu" or family not in PARALLEL_FAMILIES or cores < 2:
        return None
    count = min(MAX_PARALLEL, cores)
    return ParallelPasses(count, cores // count)


def tokens(content: Content, rule: ResizeRule | None, step: int) -> int:
    """About how many tokens a content becomes; pictures that a fixed-size model sees cost the same.

    `step` is the edge of a token in pixels.
    """
    if isinstance(content, str):
        return 1 + len(content) // TEXT_CHARS
    if isinstance(content, Audio):
        return 1 + int(len(content.samples) / content.rate * SOUND_TOKENS)
    if isinstance(content, Clip):
        return max(1, len(content.frames) * tokens(content.frames[0], None, step) // 2)
    width, height = content.shape[1], content.shape[0]
    if rule is not None:
        width, height = rule.cut(width, height)[0]
    count = int(width * height / step**2)
    return max(1, count if rule is not None else min(DEFAULT_MAX_TOKENS, count))


def state_width(config: Any) -> int:
    """The widest hidden state of a model by its configuration; a guess on the safe side where none is stated."""
    parts = [config, *(getattr(config, name, None) for name in ("text_config", "vision_config", "audio_config"))]
    return max((int(getattr(part, "hidden_size", 0) or 0) for part in parts), default=0) or 4096


def token_edge(config: Any, rule: ResizeRule | None) -> int:
    """Pixels along the edge of the part of a picture that one token shows."""
    if rule is not None and rule.step:
        return rule.step
    patch = getattr(getattr(config, "vision_config", None), "patch_size", None)
    return int(patch) if isinstance(patch, int) and patch > 0 else DEFAULT_EDGE
