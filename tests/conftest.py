"""The whole suite runs without a network, in this process and in all that it starts; Ctrl-C reaches them, and they keep
their bytecode."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch.system import user_folders
from tests.offline import sitecustomize

# A shell without job control has what it runs in the background ignore Ctrl-C, and so would what tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Thousands of tests start the command. Where Python is told to keep no bytecode, each start compiles our modules anew,
# which is a third of its work.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

MEMORY, PLENTY = "/dev/shm", 8 << 30


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Puts folders of tests in memory where there is plenty of it and nobody says where they go.

    Indexes are synced at each commit, and tests wait for the disk longer than for anything else. The path is short, as
    sockets need.
    """
    chosen = hasattr(config, "workerinput") or config.option.basetemp or "TMPDIR" in os.environ
    if chosen or sys.platform != "linux" or not os.path.isdir(MEMORY) or shutil.disk_usage(MEMORY).free < PLENTY:
        return
    folder = tempfile.mkdtemp(prefix="mm", dir=MEMORY)
    config.option.basetemp = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session", autouse=True)
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Refuses connections to anywhere but this machine, and fails in the end if there were any."""
    tried = tmp_path_factory.mktemp("offline") / "connections.txt"
    folder = os.path.dirname(os.path.abspath(sitecustomize.__file__))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(sitecustomize.LIST, str(tried))
        patch.setenv("PYTHONPATH", folder, prepend=os.pathsep)
        sitecustomize.sys.addaudithook(sitecustomize.watch)
        # Grants of the tests are no matter of the user's.
        patch.setenv(user_folders.STATE, str(tmp_path_factory.mktemp("state")))
        yield tried
    assert not tried.exists(), tried.read_text()
