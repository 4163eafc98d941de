"""The guard that keeps the suite off the network works, so that its silence proves something."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.offline.sitecustomize import Forbidden

REACH = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"


def test_nothing_outside_this_machine_can_be_reached(offline: Path) -> None:
    for reach in (
        lambda: socket.create_connection(("192.0.2.1", 80), 1),
        lambda: socket.getaddrinfo("example.org", 80),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 53)),
    ):
        with pytest.raises(Forbidden):
            reach()
    assert "192.0.2.1" in taken(offline)


def test_processes_that_are_started_cannot_either(offline: Path) -> None:
    done = subprocess.run([sys.executable, "-c", REACH], capture_output=True, text=True, check=False)
    assert done.returncode and "Forbidden" in done.stderr
    assert "192.0.2.1" in taken(offline)


def test_this_machine_can(offline: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    assert not offline.exists()


def taken(offline: Path) -> str:
    """What was tried, off the list: these tests wanted it."""
    told = offline.read_text()
    offline.unlink()
    return told
