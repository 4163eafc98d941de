"""Files that are too much for a decoder, and decoders that fall over, in the real command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial

import pytest
from PIL import Image

from tests.indexing.workers import alive, children, libraries, until

from .conftest import Command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc and limits memory")


def big(mmsearch: Command) -> None:
    """A small file that takes a second and 430 MB to decode."""
    Image.new("RGB", (12000, 12000)).save(mmsearch.cwd / "big.png", compress_level=1)


def test_a_file_that_takes_too_much_memory_is_the_only_one_to_fail(mixed: Command) -> None:
    big(mixed)
    report = mixed.report(".", "--memory", "0.2", code=5)
    assert (report["added"], report["failed"]) == (6, 1)
    assert mixed.failures() == {"big.png": "took more than 0.2 GiB of memory"}
    assert mixed.report(".", "--retry-failed")["added"] == 1


def test_a_killed_worker_costs_its_file_and_an_interrupt_leaves_none_behind(mixed: Command) -> None:
    big(mixed)
    for number, trouble in enumerate((signal.SIGKILL, signal.SIGINT)):
        argv = mixed.argv("index", ".", "--jobs", "1", "--index", str(mixed.cwd.parent / str(number)))
        # A suite that runs in the background ignores Ctrl-C, and its children would too.
        listens = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(
            argv,
            cwd=mixed.cwd,
            env=mixed.env(),
            stderr=subprocess.PIPE,
            preexec_fn=listens,  # noqa: PLW1509 (there are no threads here)
        )
        until(lambda pid=process.pid: any("_imaging" in libraries(one) for one in children(pid)))
        (worker,) = children(process.pid)
        os.kill(worker, signal.SIGSTOP)  # it shall not be done before the trouble comes
        os.kill(worker if trouble == signal.SIGKILL else process.pid, trouble)
        _, stderr = process.communicate(timeout=60)
        assert b"Traceback" not in stderr
        assert process.returncode == (5 if trouble == signal.SIGKILL else 130), stderr
        assert (b"failed: " in stderr) == (trouble == signal.SIGKILL)
        assert not alive(worker)
