"""The cluster: started on this machine or joined, and given the work as stages of Ray Data.

Ray does the scheduling and the back-pressure, and runs tasks again that died with their worker or node. It is kept
quiet: none of its output reaches stdout, and an error is one line. Knows nothing of indexes.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any

from mmsearch.errors import MmsearchError, ModelUnavailable, UsageError, one_line
from mmsearch.extras.ray import stages
from mmsearch.extras.ray.shards import Unit
from mmsearch.extras.ray.stages import Plan
from mmsearch.system import memory
from mmsearch.types import ModelOptions, ModelSpec

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "PYTHONWARNINGS": "ignore",
}
"""For Ray and all processes that it starts here, where the user has not said otherwise."""
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_raylet_start_wait_time_s": "180"}
"""Has a cluster of our own listen to this machine only, as on Windows and macOS, and gives it time to start on a busy
one; read when Ray is imported."""
MAX_OBJECT_STORE = 2 << 30
"""Memory for data between the stages of a cluster of our own; at most a quarter of the machine's."""
MAX_BLOCK = 32 << 20
_ANSWER_SECONDS = 10.0


def check_address(address: str) -> None:
    """Make sure that there may be a cluster to join, which Ray would try for minutes. Raises UsageError."""
    if address.startswith("ray://"):
        raise UsageError(
            f"--ray-address {address}: run mmsearch on a node of the cluster, or by `ray job submit`, "
            "and give the address that `ray start` showed there, or auto"
        )
    host, colon, port = address.rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UsageError(f"--ray-address {address}: no Ray cluster answers there: {_last_line(error)}") from None


@dataclass(frozen=True)
class _Resources:
    """The resources of one task and of one actor, and the most actors."""

    read: dict[str, float]
    embed: dict[str, float]
    actors: int | None

    @classmethod
    def of(cls, nodes: Sequence[dict[str, float]], device: str | None, torch: bool) -> _Resources:
        """By the resources of nodes: a GPU an actor if the model has use for one, else half of a node's processors."""
        cpus = [node["CPU"] for node in nodes if node.get("CPU")]
        gpus = sum(node.get("GPU", 0) for node in nodes)
        if not cpus:
            raise MmsearchError("the cluster has no processors for tasks")
        small = sum(cpus) < 2
        if torch and gpus and device != "cpu":
            return cls({"num_cpus": 0.5 if small else 1}, {"num_gpus": 1, "num_cpus": 0.5 if small else 1}, None)
        half = max(1, int(min(cpus)) // 2)
        return cls({"num_cpus": 0.5 if small else 1}, {"num_cpus": 0.5 if small else half}, len(cpus))


class Cluster:
    """Ray, from the first use to the end of the context."""

    def __init__(self, address: str | None, jobs: int, torch: bool) -> None:
        """`address` of a running cluster, None for one of our own with `jobs` processors; `torch`: of the model."""
        self._address = address
        self._jobs = jobs
        self._torch = torch
        self._ray: Any = None
        self._silence = ExitStack()
        self._claims: dict[str, Any] = {}

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        with self._silence:
            if self._ray is not None:
                with suppress(Exception):
                    self._ray.shutdown()
                self._ray = None

    def describe(self, options: ModelOptions) -> ModelSpec:
        """The spec of the model, from a node where it would run. Raises ModelUnavailable as loading it does."""
        ray = self._connected()
        resources = self._resources(options)
        with _cluster_errors():
            # A process of its own, so that the model is gone before the actors load it.
            return ray.get(ray.remote(max_calls=1, **resources.embed)(stages.describe).remote(options))  # type: ignore[no-any-return]

    def run(self, units: Sequence[Unit], plan: Plan, directory: str) -> Iterator[tuple[str, int, bool]]:
        """Read and embed the files of all units; name, number and whether it is the last, of each shard when written.

        `directory` is the index, whose contents are not decoded again. Raises MmsearchError.
        """
        resources = self._resources(plan.options)
        from ray.data import ActorPoolStrategy, from_items

        _silence_ray_data()
        claim = self._claim(directory)
        with _cluster_errors():
            rows = [{"unit": unit.to_json()} for unit in units]
            data = from_items(rows, override_num_blocks=len(rows))
            data = data.map_batches(
                stages.read, batch_size=1, batch_format="pyarrow", fn_args=(plan, claim), **resources.read
            )
            data = data.map_batches(
                stages.Model, batch_size=1, batch_format="pyarrow", fn_constructor_args=(plan,),
                compute=ActorPoolStrategy(min_size=1, max_size=resources.actors), **resources.embed,
            )  # fmt: skip
            for row in data.iter_rows():
                yield row["unit"], row["number"], row["last"]

    def size(self) -> int:
        """Processors of the cluster."""
        return max(1, int(self._connected().cluster_resources().get("CPU", 1)))

    def _resources(self, options: ModelOptions) -> _Resources:
        nodes = [node["Resources"] for node in self._connected().nodes() if node["Alive"]]
        return _Resources.of(nodes, options.device, self._torch)

    def _claim(self, directory: str) -> Callable[[list[stages.Claimed]], list[bool]]:
        """The function that asks the claims, from any node."""
        ray = self._connected()
        if directory not in self._claims:
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

            this_node = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
            actor = ray.remote(stages.Claims).options(
                num_cpus=0, scheduling_strategy=this_node, max_restarts=-1, max_task_retries=-1
            )
            self._claims = {directory: actor.remote(directory)}
        return ClaimClient(self._claims[directory])

    def _connected(self) -> Any:
        if self._ray is None:
            # Ray reports dead workers on stdout, at any time and while it shuts down.
            self._silence.enter_context(redirect_stdout(io.StringIO()))
            self._ray = _start(self._address, self._jobs)
        return self._ray


class ClaimClient:
    """Asks an actor for its claims and waits for the answer."""

    def __init__(self, claims: Any) -> None:
        self._claims = claims

    def __call__(self, files: list[stages.Claimed]) -> list[bool]:
        import ray

        return list(ray.get(self._claims.claim.remote(files)))


def _start(address: str | None, jobs: int) -> Any:
    for name, value in (_QUIET if address else _QUIET | _ALONE).items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise ModelUnavailable('--engine ray needs Ray: `pip install "mmsearch[ray]"`') from None
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    quiet["job_config"] = _job_config()
    shared = min(MAX_OBJECT_STORE, (memory.physical() or MAX_OBJECT_STORE) // 4)
    local_settings = {"num_cpus": jobs, "include_dashboard": False, "object_store_memory": shared}
    name = f"the Ray cluster at {address}" if address else "a Ray cluster on this machine"
    for tries_left in (1, 0):
        with _keep_signals(), _silent_stderr(), _without_web():
            try:
                ray.init(address=address, **quiet) if address else ray.init(address="local", **local_settings, **quiet)
                break
            except Exception as error:
                ray.shutdown()
                # Ray gives a node of its own 30 seconds, which a busy machine may need for something else.
                if address or not tries_left or "timed out" not in str(error):
                    raise MmsearchError(f"{name} is not available: {_last_line(error)}") from None
    return ray


def _job_config() -> Any:
    """Settings in which Ray cannot put the current folder first on the path of its workers, as it does otherwise."""
    from ray.job_config import JobConfig

    class Paths(list[str]):
        def extend(self, _: object) -> None:
            """Adds nothing: neither the current folder nor that of the script."""

    config = JobConfig()
    config._py_driver_sys_path = Paths(config._py_driver_sys_path)
    return config


def _silence_ray_data() -> None:
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.target_max_block_size = MAX_BLOCK
    for handler in list(logging.getLogger("ray.data").handlers):
        if isinstance(handler, logging.StreamHandler):
            logging.getLogger("ray.data").removeHandler(handler)


@contextmanager
def _keep_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself, and would leave without a last commit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextmanager
def _without_web() -> Iterator[None]:
    """Ray starts a web server also where no dashboard is wanted, and that asks the metadata servers of clouds where it
    runs, also where usage statistics are off. Nothing that we use needs it."""
    from ray._private.node import Node

    original = getattr(Node, "start_api_server", None)
    if original is None:
        yield
        return
    Node.start_api_server = lambda self, **_: setattr(self, "_webui_url", "")
    try:
        yield
    finally:
        Node.start_api_server = original


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """No output on stderr, where Ray prints a greeting under all settings; errors come as exceptions."""
    sys.stderr.flush()
    try:
        stderr_copy = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(stderr_copy, 2)
        os.close(stderr_copy)
        os.close(null)


@contextmanager
def _cluster_errors() -> Iterator[None]:
    """Raise our own errors as they were raised on a node, and all others as one line about the cluster."""
    from ray.exceptions import RayError

    try:
        yield
    except MmsearchError:
        raise
    except Exception as error:
        cause = _cause(error)
        if cause is not None:
            raise type(cause)(str(cause)) from None
        if isinstance(error, RayError) or type(error).__module__.startswith("ray."):
            raise MmsearchError(f"the cluster failed: {_last_line(error)}") from error
        raise


def _cause(error: BaseException | None) -> MmsearchError | None:
    """Our own error that caused one of Ray's."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        cause = pending.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        if isinstance(cause, MmsearchError):
            return cause
        pending += [getattr(cause, "cause", None), cause.__cause__, cause.__context__]
    return None


def _last_line(error: BaseException) -> str:
    """The last line of Ray's message, which is mostly a traceback."""
    return one_line(RuntimeError(str(error).strip().rpartition("\n")[2] or type(error).__name__))
