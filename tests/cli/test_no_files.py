"""Pipes, devices, sockets and folders where a command wants a file: one line, and nobody waits."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="FIFOs and devices are POSIX")

KINDS = ["fifo", "link to a fifo", "socket", "endless", "folder", "missing"]
COMMANDS = {
    "list": ("index", "--files-from"),
    "queries": ("search", "--queries"),
    "picture": ("search", "--image"),
    "sound": ("search", "--audio"),
    "clip": ("search", "--video"),
    "like": ("search", "--like"),
    "questions": ("eval",),
    "table": ("import",),
    "token": ("serve", "--token-file"),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("files")
    (folder / "a.txt").write_text("A note about apple trees.")
    assert run("index", folder, "--index", folder / "index").code == 0
    return str(folder / "index")


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Ends a test that waits for what never comes."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits"))
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Path]:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link to a fifo").symlink_to("fifo")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.getcwd()
        os.chdir(tmp_path)  # the path of a socket is short
        listener.bind("socket")
        os.chdir(before)
        yield tmp_path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", COMMANDS)
def test_what_is_no_file_is_one_line_at_once(what: str, kind: str, index: str, odd: Path) -> None:
    done = run(*COMMANDS[what], odd / kind, "--index", index)
    assert (done.code, done.told.count("\n")) == (2, 1), done.told


def test_all_that_is_in_the_folder_of_a_table_is_a_file(index: str, odd: Path) -> None:
    pytest.importorskip("lance", reason="the extra is absent")
    table = odd / "table.lance"
    assert run("export", "--to", "lance", "-o", table, "--index", index).code == 0
    for place in (next((table / "_versions").iterdir()), next((table / "data").iterdir()), table / "data"):
        place.rename(odd / "kept")
        for kind in ("fifo", "socket", "endless"):
            place.symlink_to(odd / kind)
            done = run("import", table, "--index", odd / "other")
            assert done.code == 2 and "no regular file" in done.told and done.told.count("\n") == 1
            place.unlink()
        (odd / "kept").rename(place)
    assert run("import", table, "--index", odd / "other").code == 0
