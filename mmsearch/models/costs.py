"""The costs of a loaded model: memory, operations and tokens, and the speed that the device reaches at best.

One probe for models of torch and one for all others, with the same methods. Knows nothing of cells, batches or tables.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mmsearch.errors import OutOfMemory, UsageError
from mmsearch.models.passes import PHRASES
from mmsearch.system import memory
from mmsearch.types import Embedder, Reranker, Segment

if TYPE_CHECKING:
    import torch

RATE_SECONDS = 0.3
"""How long the matrix product is repeated, after a first time that is not counted."""
HOST_SIDE, DEVICE_SIDE = 1024, 8192
"""Sides of the matrices: large enough that the product, not the memory, is the bound."""
HOST_PHRASES = (*PHRASES, "bad_alloc", "Failed to allocate memory", "could not create a memory")
"""Words for memory that ran out in errors of torch, ONNX Runtime and oneDNN."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """Most bytes at once since the last reset; None if there is no such memory.

    Attributes:
        resident: of this process in the machine's memory.
        allocated: of the device by tensors.
        reserved: of the device by torch, which keeps memory that it once had.
        driver: of the device by all its users, as its driver sees it.
    """

    resident: int | None = None
    allocated: int | None = None
    reserved: int | None = None
    driver: int | None = None


class HostProbe:
    """Measures a model of ONNX Runtime on the CPU. Its operations cannot be counted.

    Attributes:
        device: where the model runs.
        gpu: name of the device, None for the CPU.
        dtype: the number format.
        weights: bytes of the parameters.
    """

    device, gpu, dtype = "cpu", None, "float32"

    def __init__(self, model: Any) -> None:
        self._model = model

    @property
    def weights(self) -> int:
        """Read when it is needed: a forecast also probes embedders without files."""
        return sum(os.path.getsize(path) for path in self._model.towers.graphs)

    def synchronize(self) -> None:
        """Waits until the device has finished all work."""

    def reset(self) -> int:
        """Starts new peaks; returns the bytes held now, of the device if it has its own memory, else of the process."""
        memory.reset_peak()
        return memory.resident()

    def peaks(self) -> Peaks:
        """The peaks since the last reset."""
        return Peaks(resident=memory.peak_resident())

    def counted(self, run: Callable[[], Any]) -> tuple[int | None, int | None]:
        """Runs once and counts floating point operations and tokens, None if they cannot be counted."""
        run()
        return None, None

    def matrix_rate(self) -> float:
        """Floating point operations a second of a large matrix product on the device in the model's format."""
        import numpy as np

        matrix = np.full((HOST_SIDE, HOST_SIDE), 0.5, np.float32)
        out = np.empty_like(matrix)
        return _rate(lambda: np.matmul(matrix, matrix, out=out), HOST_SIDE, lambda: None)


class TorchProbe:
    """Measures a model of torch, on the device of its parameters; like `HostProbe`."""

    def __init__(self, network: Any) -> None:
        import torch

        first = next(network.parameters())
        self._device: torch.device = first.device
        self._cuda = first.device.type == "cuda"
        self.device = str(first.device)
        self.gpu = torch.cuda.get_device_name(first.device) if self._cuda else None
        self.dtype = str(first.dtype).removeprefix("torch.")
        self._format: torch.dtype = first.dtype
        tensors = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}  # shared ones once
        self.weights = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        self._network = network
        self._tokens: int | None = None
        self._counts_tokens = False

    def synchronize(self) -> None:
        import torch

        if self._cuda:
            torch.cuda.synchronize(self._device)
        elif self._device.type == "mps":
            torch.mps.synchronize()

    def reset(self) -> int:
        import torch

        memory.reset_peak()
        if not self._cuda:
            return memory.resident()
        self.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)
        return torch.cuda.memory_allocated(self._device)

    def peaks(self) -> Peaks:
        import torch

        if not self._cuda:
            return Peaks(resident=memory.peak_resident())
        self.synchronize()
        free, total = torch.cuda.mem_get_info(self._device)
        return Peaks(
            resident=memory.peak_resident(),
            allocated=torch.cuda.max_memory_allocated(self._device),
            reserved=torch.cuda.max_memory_reserved(self._device),
            driver=total - free,
        )

    def counted(self, run: Callable[[], Any]) -> tuple[int | None, int | None]:
        from torch.utils.flop_counter import FlopCounterMode

        self._count_tokens()
        self._tokens = 0
        counter = FlopCounterMode(display=False)
        operations: int | None = None
        try:
            with counter:
                run()
            operations = counter.get_total_flops() or None
        except Exception as error:
            if ran_out(error):
                raise
            self._tokens = 0
            run()  # the counter does not know every operation that a model may use
        tokens, self._tokens = self._tokens, None
        return operations, tokens or None

    def matrix_rate(self) -> float:
        import torch

        side = HOST_SIDE if self._device.type == "cpu" else DEVICE_SIDE
        matrix = torch.full((side, side), 0.5, dtype=self._format, device=self._device)
        out = torch.empty_like(matrix)
        with torch.inference_mode():
            return _rate(lambda: torch.mm(matrix, matrix, out=out), side, self.synchronize)

    def _count_tokens(self) -> None:
        """Makes the model's host part add up the tokens of its inputs, without padding."""
        preprocess = getattr(self._network, "preprocess", None)
        if preprocess is None or self._counts_tokens:
            return

        def counting(*args: Any, **kwargs: Any) -> Any:
            features = preprocess(*args, **kwargs)
            if self._tokens is not None and isinstance(features, Mapping):
                mask: Any = features.get("attention_mask")
                ids: Any = features.get("input_ids")
                if hasattr(mask, "shape"):
                    self._tokens += int(mask.sum())
                elif hasattr(ids, "shape"):
                    self._tokens += int(ids.numel())
            return features

        self._network.preprocess = counting
        self._counts_tokens = True


Probe: TypeAlias = HostProbe | TorchProbe


def probe(model: Embedder | Reranker) -> Probe:
    """The probe that suits a model."""
    network = getattr(model, "network", None)
    return HostProbe(model) if network is None else TorchProbe(network)


def estimated_tokens(model: Any, segments: Sequence[Segment]) -> int | None:
    """Tokens of the segments by the model's own rule, if it has one."""
    rule: Callable[[Segment], int] | None = getattr(model, "tokens", None)
    return sum(rule(segment) for segment in segments) if rule else None


def ran_out(error: BaseException | None) -> bool:
    """Whether an exception, or one that led to it, says that memory ran out. Imports nothing."""
    while error is not None:
        if isinstance(error, (OutOfMemory, MemoryError)) or type(error).__name__ == "OutOfMemoryError":
            return True
        if any(phrase in str(error) for phrase in HOST_PHRASES):
            return True
        error = error.__cause__ or error.__context__
    return False


def import_libraries() -> None:
    """Imports the libraries of torch models, so that the memory of the process before loading includes them."""
    import sentence_transformers  # noqa: F401
    import transformers  # noqa: F401


def limit_memory(device: str | None, max_bytes: int) -> None:
    """Limits the device, or the process if the device has no memory of its own, to about `max_bytes` bytes.

    Lasts for the life of the process. Raises UsageError if the system has no such limit.
    """
    torch = sys.modules.get("torch")
    if torch is not None and str(device).startswith("cuda"):
        total = torch.cuda.mem_get_info(device)[1]
        torch.cuda.set_per_process_memory_fraction(min(1.0, max_bytes / total), device)
    elif not memory.limit(max_bytes):
        raise UsageError("this system cannot bound a process's memory: leave --memory-limit out")


def release() -> None:
    """Gives back the memory of a failed pass."""
    memory.reset_peak()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        with suppress(RuntimeError):
            torch.cuda.empty_cache()


def _rate(multiply: Callable[[], Any], side: int, synchronize: Callable[[], None]) -> float:
    """Operations a second: the best of the repetitions, since others may use the machine too."""
    multiply()
    synchronize()
    best, end = float("inf"), time.perf_counter() + RATE_SECONDS
    while time.perf_counter() < end:
        began = time.perf_counter()
        multiply()
        synchronize()
        best = min(best, time.perf_counter() - began)
    return 2.0 * side**3 / best
