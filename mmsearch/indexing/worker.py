"""A worker process: answers requests on its standard input, confined to that, and dies when its parent does.

Imports neither a model's library nor the store. A decoder that breaks this process costs one file.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import BinaryIO

from mmsearch import media
from mmsearch.indexing import ipc, sandbox
from mmsearch.indexing.decode import DecodeRequest, Failed, Timed
from mmsearch.indexing.ipc import Accepted, Note, Ready, WorkerSetup

_SACRIFICE = "500"
"""Where the system runs out of memory, it ends this process rather than the one that holds the index."""
_PR_SET_PDEATHSIG = 1


def main(preload: bool = False) -> None:
    """Entry point of the process; never returns. With `preload` it imports the picture decoder before its setup."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which commits first
    die_with_parent()
    requests, answers = _channels()
    _keep_bytecode()
    sandbox.confine()  # before anything can start a thread, which would keep its rights
    if preload:
        media.preload_decoders()
    setup: WorkerSetup = ipc.receive(requests)
    if not _limit_memory(setup.memory):
        setup = replace(setup, memory=0)
    logging.basicConfig(level=logging.WARNING, handlers=[_Forward(answers)])
    ipc.send(answers, Ready())
    waiting: queue.SimpleQueue[DecodeRequest] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    while True:
        _serve(setup, waiting.get(), answers)


def _serve(setup: WorkerSetup, request: DecodeRequest, answers: BinaryIO) -> None:
    try:
        ipc.send(answers, Accepted())
        for timed in setup.reader.answers(request):
            answer = timed.answer
            if isinstance(answer, Failed) and answer.memory and setup.memory:
                answer = replace(answer, reason=f"took more than {setup.memory / 2**30:.3g} GiB of memory")
            ipc.send(answers, Timed(answer, timed.seconds))
    except OSError:
        os._exit(1)  # nobody listens any more


def _listen(requests: BinaryIO, waiting: queue.SimpleQueue[DecodeRequest]) -> None:
    """Queue the requests; when the stream ends, the parent has ended, and so does this process."""
    with suppress(Exception):
        while True:
            waiting.put(ipc.receive(requests))
    os._exit(0)


class _Forward(logging.Handler):
    def __init__(self, answers: BinaryIO) -> None:
        super().__init__()
        self._answers = answers

    def emit(self, record: logging.LogRecord) -> None:
        ipc.send(self._answers, Note(record.name, record.levelno, record.getMessage()))


def _channels() -> tuple[BinaryIO, BinaryIO]:
    """The pipes from and to the parent. What libraries print must not get between the answers."""
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, 0)
    os.dup2(silence, 1)
    os.close(silence)
    return requests, answers


def _keep_bytecode() -> None:
    """Import all decoders where Python has not kept their bytecode yet, which many installers leave to the first use.

    A confined process cannot write it, and each one would take half a second to compile them again.
    """
    names = ["PIL", "av", "pypdfium2", *(f"{media.__name__}.{name}" for name in set(media.LOADERS.values()))]
    specs = [] if sys.dont_write_bytecode else [find_spec(name) for name in names]
    for spec in filter(None, specs):
        if spec.origin and spec.cached and not os.path.exists(spec.cached):
            folder = sys.pycache_prefix or os.path.dirname(spec.origin)
            if os.access(folder, os.W_OK):
                with suppress(ImportError):
                    import_module(spec.name)


def die_with_parent() -> None:
    """Make this process end with the one that started it, where the system can do that."""
    if sys.platform != "linux":
        return  # the end of standard input has to do
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(_SACRIFICE)


def _limit_memory(max_bytes: int) -> bool:
    """Make allocations fail beyond `max_bytes`; returns whether it could. Only Linux counts memory really in use."""
    if sys.platform != "linux" or not max_bytes:
        return False
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = max_bytes if hard == resource.RLIM_INFINITY else min(max_bytes, hard)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, soft))
    except (OSError, ValueError):
        return False
    return True
