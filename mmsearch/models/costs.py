"""What a loaded model costs: memory, operations, tokens, and what the device could do at best.

One probe for models of torch and one for all others, with the same methods. Knows nothing of cells, batches or tables.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mmsearch.errors import OutOfMemory, UsageError
from mmsearch.models import memory
from mmsearch.models.batch_budget import PHRASES
from mmsearch.types import Embedder, ModelOptions, Reranker, Segment

if TYPE_CHECKING:
    import torch

RATE_SECONDS = 0.3
"""How long the matrix product is repeated, after a first time that is not counted."""
HOST_SIDE, DEVICE_SIDE = 1024, 8192
"""Sides of the matrices: large enough that the product, not the memory, is the bound."""
HOST_PHRASES = (*PHRASES, "bad_alloc", "Failed to allocate memory", "could not create a memory")
"""How memory that ran out is told by ONNX Runtime and oneDNN, besides what torch says."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """Most bytes at once since the last reset; None where there is no such memory.

    Attributes:
        resident: of this process in the machine's memory.
        allocated: of the device by tensors.
        reserved: of the device by torch, which keeps what it had once.
        driver: of the device by everything that uses it, as its driver sees it.
    """

    resident: int | None = None
    allocated: int | None = None
    reserved: int | None = None
    driver: int | None = None


class Probe(Protocol):
    """Measures one model; `weights` are the bytes of its parameters."""

    @property
    def device(self) -> str: ...

    @property
    def gpu(self) -> str | None:
        """What the device calls itself, where it is one."""

    @property
    def dtype(self) -> str: ...

    @property
    def weights(self) -> int: ...

    def synchronize(self) -> None:
        """Waits until the device has done all it was asked for."""

    def reset(self) -> int:
        """Starts new peaks; the bytes held now, of the device where there is one, else of the process."""

    def peaks(self) -> Peaks: ...

    def counted(self, run: Callable[[], Any]) -> tuple[int | None, int | None]:
        """Runs once: floating point operations and tokens, None where they cannot be told."""

    def matrix_rate(self) -> float:
        """Floating point operations a second of a large matrix product on the device in the model's format."""


def probe(model: Embedder | Reranker) -> Probe:
    """The probe that suits a model."""
    network = getattr(model, "network", None)
    return HostProbe(model) if network is None else TorchProbe(network)


class HostProbe:
    """A model of ONNX Runtime on the CPU. Its operations cannot be counted."""

    device, gpu, dtype = "cpu", None, "float32"

    def __init__(self, model: Any) -> None:
        self._model = model

    @property
    def weights(self) -> int:
        return sum(os.path.getsize(path) for path in self._model.towers.graphs)

    def synchronize(self) -> None:
        pass

    def reset(self) -> int:
        memory.reset_peak()
        return memory.resident()

    def peaks(self) -> Peaks:
        return Peaks(resident=memory.peak_resident())

    def counted(self, run: Callable[[], Any]) -> tuple[int | None, int | None]:
        run()
        return None, None

    def matrix_rate(self) -> float:
        import numpy as np

        one = np.full((HOST_SIDE, HOST_SIDE), 0.5, np.float32)
        out = np.empty_like(one)
        return _rate(lambda: np.matmul(one, one, out=out), HOST_SIDE, lambda: None)


class TorchProbe:
    """A model of torch, on whatever device its parameters are."""

    def __init__(self, network: Any) -> None:
        first = next(network.parameters())
        self._device: torch.device = first.device
        self.device = str(first.device)
        self.gpu = _gpu_name(first.device)
        self.dtype = str(first.dtype).removeprefix("torch.")
        self._format: torch.dtype = first.dtype
        self.weights = _stored(network)
        self._network = network
        self._tokens: int | None = None
        self._listens = False

    @property
    def _cuda(self) -> bool:
        return self._device.type == "cuda"

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

        self._listen()
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
        one = torch.full((side, side), 0.5, dtype=self._format, device=self._device)
        out = torch.empty_like(one)
        with torch.inference_mode():
            return _rate(lambda: torch.mm(one, one, out=out), side, self.synchronize)

    def _listen(self) -> None:
        """Has the model's host part tell how many tokens it made of its inputs."""
        preprocess = getattr(self._network, "preprocess", None)
        if preprocess is None or self._listens:
            return

        def heard(*given: Any, **more: Any) -> Any:
            features = preprocess(*given, **more)
            if self._tokens is not None:
                self._tokens += tokens_of(features)
            return features

        self._network.preprocess = heard
        self._listens = True


def tokens_of(features: Any) -> int:
    """Tokens of a batch, without padding; 0 for features that hold none, such as a picture's alone."""
    if not isinstance(features, Mapping):
        return 0
    for name in ("attention_mask", "input_ids"):
        value: Any = features.get(name)
        if hasattr(value, "shape"):
            return int(value.sum()) if name == "attention_mask" else int(value.numel())
    return 0


def estimated_tokens(model: Any, segments: Sequence[Segment]) -> int | None:
    """Tokens by the model's own rule for the segments, where it has one."""
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


def bound(device: str | None, most: int | None) -> None:
    """Has the device, or the process where the device has no memory of its own, do with about `most` bytes.

    It stays so for the life of the process. Raises UsageError where the system knows no such bound.
    """
    if most is None:
        return
    torch = sys.modules.get("torch")
    if torch is not None and str(device).startswith("cuda"):
        total = torch.cuda.mem_get_info(device)[1]
        torch.cuda.set_per_process_memory_fraction(min(1.0, most / total), device)
    elif not memory.limit(most):
        raise UsageError("this system cannot bound a process's memory: leave --memory-limit out")


def release() -> None:
    """Gives back what a failed pass has left."""
    memory.reset_peak()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        with suppress(RuntimeError):
            torch.cuda.empty_cache()


def _gpu_name(device: torch.device) -> str | None:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else None


def _stored(network: Any) -> int:
    """Bytes of parameters and buffers; what is shared counts once."""
    tensors = {id(one): one for one in (*network.parameters(), *network.buffers())}
    return sum(one.numel() * one.element_size() for one in tensors.values())


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


def import_libraries() -> None:
    """Imports what loading a torch model imports, so that what the process holds then is known before loading."""
    import sentence_transformers  # noqa: F401
    import transformers  # noqa: F401


def will_run(options: ModelOptions) -> tuple[str, int]:
    """The device that a torch model will run on, and the bytes of a number in the format it will be loaded in."""
    from mmsearch.models.device import choose_device, choose_dtype

    device = choose_device(options.device)
    return device, choose_dtype(options.dtype, device).itemsize
