"""Runs the command line below the shim: `cold` in a fresh interpreter, or in forks of one that has imported it all.

The server reads a request, one JSON object a line: `argv`, `environment`, `stdout`, `stderr` (paths), `kill_after`
(seconds, or null), `patience` (seconds). It answers with the exit status of the fork, as `subprocess` has it, or null
when the fork had to be killed for its slowness.

Nothing of the program is replaced. Transactions that have returned are counted, the model is kept between forks, and
commits and merges are made to come so often that a small tree has many.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import pickle
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Any

SMALL = 3
"""So many parts are embedded at a time, and as many vectors make a commit."""
MOST_SEGMENTS = 2


def often() -> None:
    """Commit after a few vectors, merge after a few files of them."""
    from mmsearch.indexing import batching, results
    from mmsearch.store import compaction

    results.COMMIT_ITEMS, batching.MOST_PARTS, compaction.MOST_SEGMENTS = SMALL, SMALL, MOST_SEGMENTS


def observe() -> None:
    """Tell the shim of each transaction that has returned; with CRASH_STATES keep the state after each in that file."""
    from mmsearch.store import schema
    from tests.crash.state import read

    committed = ctypes.CDLL(None).crash_committed
    original, folder, directory = schema.transaction, os.environ.get("CRASH_STATES"), os.environ["CRASH_DIRECTORY"]
    states: list[Any] = []

    @contextmanager
    def transaction(db: Connection) -> Iterator[None]:
        with original(db):
            yield
        committed()
        if folder:
            states.append(read(directory))
            Path(folder).write_bytes(pickle.dumps(states))

    schema.transaction = transaction


def prepare() -> None:
    """Load the model and all that is imported late by using it, without threads: a fork would lack them."""
    import onnxruntime

    from mmsearch import models
    from mmsearch.types import Embedder, ModelOptions

    class Alone(onnxruntime.SessionOptions):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.intra_op_num_threads = 1

    onnxruntime.SessionOptions = Alone
    load, embedder = models.load_embedder, models.load_embedder(ModelOptions(), many=True)

    def loaded(options: ModelOptions, many: bool = False) -> Embedder:
        return embedder if options == ModelOptions() else load(options, many)

    models.load_embedder = loaded
    told = os.dup(1), os.dup(2)
    os.dup2(nowhere := os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(nowhere, 2)
    with tempfile.TemporaryDirectory() as folder:
        from tests.crash.histories import Tree

        Tree(Path(folder, "tree")).note(1)
        Tree(Path(folder, "tree")).picture(1)
        index = ["--index", os.path.join(folder, "index")]
        run(["index", "--jobs", "0", "--json", os.path.join(folder, "tree"), *index])
        run(["status", "--repair", *index])
    for number, handle in enumerate(told, 1):
        os.dup2(handle, number)
    if (threads := len(os.listdir("/proc/self/task"))) > 2:
        sys.exit(f"{threads} threads before the first fork")


def run(arguments: list[str]) -> int:
    """Run the command line; its exit code."""
    from mmsearch.cli import main as command

    sys.argv = ["mmsearch", *arguments]
    try:
        command()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def serve() -> list[str] | None:
    """Answer requests until there are none; in a fork, return the arguments to run with."""
    for line in sys.stdin.buffer:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            return _enter(request)
        print(json.dumps(_watched(child, request["kill_after"], request["patience"])), flush=True)
    return None


def _watched(child: int, kill_after: float | None, patience: float) -> int | None:
    handle = os.pidfd_open(child)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        ended = waiting.poll(1000 * (patience if kill_after is None else kill_after))
        if not ended:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(handle)
    if not ended and kill_after is None:
        return None
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _enter(request: dict[str, Any]) -> list[str]:
    os.environ.update(request["environment"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    ctypes.CDLL(None).crash_arm()
    return list(request["argv"])


def main() -> None:
    if sys.argv[1] == "cold":
        observe()
        often()
        sys.exit(run(sys.argv[2:]))
    prepare()
    print("ready", flush=True)
    arguments = serve()
    if arguments is not None:
        os._exit(_forked(arguments))  # what libraries do at exit waits for threads that the fork has not


def _forked(arguments: list[str]) -> int:
    try:
        observe()
        often()
        return run(arguments)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    main()
