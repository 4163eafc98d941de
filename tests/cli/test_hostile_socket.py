"""What stands where a server of an index should be costs a search a second at most, and never its answer."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from mmsearch.server import SERVER_FILE, client, discovery, local_socket
from mmsearch.server.client import SearchRequest
from tests.server.conftest import Served, run, serving
from tests.server.conftest import made as made  # noqa: PLC0414  # a fixture

pytestmark = pytest.mark.skipif(not discovery.has_unix_sockets(), reason="no Unix sockets here")
FIRST_SECONDS = 0.3
MOST_SECONDS = FIRST_SECONDS + 0.5
HIT = {
    "item": {
        "path": "/a", "digest": "d", "modality": "text", "partition": "text", "ordinal": 0, "text": "",
        "span": {"unit": "whole", "start": 0, "end": 0},
    },
    "rank": 1, "score": 0.5, "relevance": 0.5, "rerank_score": None, "stale": False, "snippet": "", "stages": {},
    "duplicates": [], "id": 1,
}  # fmt: skip
ANSWER = {"label": "x", "model": "builtin", "loader": {}, "notes": [], "hits": [HIT]}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
Behaviour = Callable[[socket.socket], None]


def test_a_second_it_is() -> None:
    assert discovery.FIRST_SECONDS <= 1


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "FIRST_SECONDS", FIRST_SECONDS)
    monkeypatch.setattr(discovery, "SILENT_SECONDS", 2 * FIRST_SECONDS)


@pytest.fixture
def index(made: tuple[Path, Path]) -> Iterator[Path]:
    """A copy of an index at a short path, which a server has left a note in."""
    with tempfile.TemporaryDirectory(prefix="hs-") as folder:
        copy = Path(folder) / "index"
        shutil.copytree(made[1], copy, ignore=shutil.ignore_patterns("serve.*"))
        discovery.write(str(copy), discovery.ServerInfo(os.getpid(), "1", "http://127.0.0.1:1/", discovery.SOCKET))
        yield copy


@contextmanager
def listening(path: Path, behave: Behaviour | None) -> Iterator[None]:
    """A process of the same user that listens there, and does that to whoever connects; None accepts nobody."""
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(str(path))
        own.listen(0 if behave is None else 8)
        held: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):
                while behave is not None:
                    there, _ = own.accept()
                    held.append(there)
                    threading.Thread(target=quietly, args=(behave, there), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield
        finally:
            own.shutdown(socket.SHUT_RDWR)
            for there in held:
                there.close()


def quietly(behave: Behaviour, there: socket.socket) -> None:
    with suppress(OSError):
        behave(there)


def encoded(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def says(*values: Any, then: Behaviour = lambda there: there.shutdown(socket.SHUT_RDWR)) -> Behaviour:
    """Answers a request with the head of an answer and these values."""

    def behave(there: socket.socket) -> None:
        there.recv(1 << 20)
        there.sendall(HEAD + b"".join(map(encoded, values)))
        then(there)

    return behave


def endless(data: bytes, pause: float = 0.0, before: bytes = b"") -> Behaviour:
    def behave(there: socket.socket) -> None:
        there.sendall(before)
        while True:
            there.sendall(data)
            time.sleep(pause)

    return behave


SILENT: dict[str, Behaviour | None] = {
    "nobody accepts": None,
    "silent": lambda there: None,
    "drips": endless(b"\x01", 0.05),
    "drips the head of an answer": endless(b" ", 0.05, b"HTTP/1.1 200 OK\r\n"),
    "refuses": lambda there: there.sendall(b"HTTP/1.1 500 Oops\r\n\r\n{}"),
    "endless heads": endless(b"HTTP/1.1 200 OK\r\n"),
    "drips zeros": endless(b"\0", 0.05),
    "endless zeros": endless(bytes(1 << 16)),
    "endless ones": endless(b"\xff" * (1 << 16)),
    "endless text": endless(b"A" * (1 << 16)),
    "a large answer": endless(b"A" * (1 << 16), 0, HEAD),
    "half a head": lambda there: there.sendall(HEAD[:20]),
    "hangs up": lambda there: there.close(),
}
WRONG: dict[str, Any] = {
    "no object": [],
    "a text": "x",
    "null": None,
    "nothing": {},
    "no JSON": b"{",
    "no text": b"\xff\xfe",
    "nested": b"[" * 60_000,
    "an error that is none": {"error": {"a": 1}},
    "no hits": {**ANSWER, "hits": None},
    "hits that are none": {**ANSWER, "hits": ["a", 1]},
    "a label that is none": {**ANSWER, "label": 7},
    "a loader that is none": {**ANSWER, "loader": [1]},
    "notes that are none": {**ANSWER, "notes": [[1, "x", 3]]},
    "another field": {**ANSWER, "hits": [{**HIT, "colour": "red"}]},
    "a field is missing": {**ANSWER, "hits": [{k: v for k, v in HIT.items() if k != "score"}]},
    **{
        f"{name} is {value!r}": {**ANSWER, "hits": [{**HIT, name: value}]}
        for name in ("score", "relevance", "rank", "snippet", "stages", "duplicates", "id", "item")
        for value in ("x", None, [1], {"a": 1})
        if (name, value) not in (("snippet", "x"), ("duplicates", "x"))
    },
    "a modality that is none": {**ANSWER, "hits": [{**HIT, "item": {**HIT["item"], "modality": "smell"}}]},  # type: ignore[dict-item]
    "a path that is none": {**ANSWER, "hits": [{**HIT, "item": {**HIT["item"], "path": None}}]},  # type: ignore[dict-item]
}


def asked(index: Path, most: float = MOST_SECONDS) -> None:
    """The three ways to ask give nothing, in time."""
    for ask in (
        lambda: client.search(str(index), SearchRequest(("car",)), None, False),
        lambda: discovery.server(str(index)),
        lambda: discovery.server(str(index), "stop"),
    ):
        began = time.monotonic()
        assert ask() is None
        assert time.monotonic() - began < most


@pytest.mark.parametrize("behave", SILENT.values(), ids=SILENT)
def test_a_socket_that_does_not_answer_costs_a_second(index: Path, behave: Behaviour | None) -> None:
    with listening(index / discovery.SOCKET, behave):
        asked(index)


@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
def test_an_answer_that_is_none_is_not_believed(index: Path, answer: Any) -> None:
    with listening(index / discovery.SOCKET, says(answer)):
        asked(index)
    with suppress(FileNotFoundError):
        (index / discovery.SOCKET).unlink()
    with listening(index / discovery.SOCKET, says(b" ", answer)):
        asked(index)


def test_a_server_that_stops_in_the_middle_is_not_waited_for(index: Path) -> None:
    with listening(index / discovery.SOCKET, says(b" ", then=lambda there: None)):
        asked(index, discovery.SILENT_SECONDS + 1)


def test_the_right_answer_is_believed_however_many_times_it_was_said_to_come(index: Path) -> None:
    with listening(index / discovery.SOCKET, says(b" " * 5, ANSWER)):
        found = client.search(str(index), SearchRequest(("car",)), None, False)
    assert found is not None
    assert [hit.item.path for hit in found.hits] == ["/a"]


def test_the_command_finds_by_itself_what_a_silent_socket_does_not_tell(index: Path) -> None:
    with listening(index / discovery.SOCKET, SILENT["silent"]):
        began = time.monotonic()
        done = run("search", "red car", "-l", "--index", str(index))
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"winter_drive.jpg" in done.stdout
        assert run("status", "--index", str(index)).returncode == 0
        assert run("serve", "--stop", "--index", str(index)).returncode == 1
        assert time.monotonic() - began < 30


def a_fifo(path: Path, index: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path, index: Path) -> None:
    path.mkdir()


def a_file(path: Path, index: Path) -> None:
    path.write_text("{")


def a_link_to_a_device(path: Path, index: Path) -> None:
    path.symlink_to("/dev/zero")


def a_link_to_what_was_there(path: Path, index: Path) -> None:
    with suppress(FileNotFoundError):
        path.rename(index / "elsewhere")
    path.symlink_to(index / "elsewhere")


def a_dangling_link(path: Path, index: Path) -> None:
    path.symlink_to("nowhere")


PLANTED = [a_fifo, a_folder, a_file, a_link_to_a_device, a_link_to_what_was_there, a_dangling_link]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("name", [SERVER_FILE, discovery.SOCKET])
def test_what_is_neither_file_nor_socket_is_nothing(
    index: Path, plant: Callable[[Path, Path], None], name: str
) -> None:
    answers = says({**ANSWER, "pid": 1, "url": "http://x/"})
    with listening(index / (discovery.SOCKET if name == SERVER_FILE else "elsewhere"), answers):
        if name == SERVER_FILE:
            (index / name).rename(index / "before")
        plant(index / name, index)
        asked(index)


@pytest.mark.parametrize(
    "changed",
    [
        {"pid": "1"}, {"pid": True}, {"version": None}, {"url": 1}, {"socket": 1}, {"port": "1"}, {"port": 1.5},
        {"secret": None}, {"secret": "a\r\nb"}, {"socket": "elsewhere"}, {"socket": "../serve.sock"},
        {"socket": "/tmp/serve.sock"}, {"socket": "\0"}, {"socket": "mmsearch-serve-x/serve.sock"}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_note_that_no_server_of_ours_wrote_is_nothing(index: Path, changed: dict[str, Any]) -> None:
    known = json.loads((index / SERVER_FILE).read_text())
    with listening(index / "elsewhere", says({**ANSWER, "pid": 1, "url": "http://x/"})):
        (index / SERVER_FILE).write_text(json.dumps({**known, **changed}))
        asked(index)


def test_the_socket_of_something_else_stays(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "mmsearch-serve-other"
    place.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        monkeypatch.chdir(place)  # a path that is short enough
        dead.bind(discovery.SOCKET)
    found = discovery.ServerInfo(1, "0", "http://x/", str(place / discovery.SOCKET))
    discovery.write(str(index), found)
    discovery.remove(str(index), found)
    assert (place / discovery.SOCKET).exists()
    assert discovery.read(str(index)) is None


def test_a_note_without_an_end_is_not_read_to_it(index: Path) -> None:
    with open(index / SERVER_FILE, "w") as file:
        file.truncate(1 << 40)
    asked(index)


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.geteuid() != 0, reason="takes two users")
def test_a_process_of_another_user_is_not_asked(index: Path) -> None:
    """The name in the index is ours, and who listens behind it is not."""
    code = (
        "import os, socket, sys\n"
        "own = socket.socket(socket.AF_UNIX)\n"
        "own.bind(sys.argv[1])\n"
        "os.setuid(65534)\n"
        "own.listen(8)\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    there = own.accept()[0]\n"
        "    there.sendall(bytes.fromhex(sys.argv[2]))\n"
        "    there.shutdown(socket.SHUT_RDWR)\n"
    )
    answer = (HEAD + encoded({**ANSWER, "pid": 1, "url": "http://x/"})).hex()
    argv = [sys.executable, "-c", code, str(index / discovery.SOCKET), answer]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        try:
            asked(index)
        finally:
            other.kill()


# --- the server's end ---


def test_any_client_of_http_is_answered(made: tuple[Path, Path]) -> None:
    with serving(made[1], made[0]) as served, connected(served) as there:
        connection = HTTPConnection("localhost")
        connection.sock = there
        for _ in range(2):  # the connection stays open
            connection.request("POST", f"{discovery.PREFIX}/ask", b"{}")
            assert json.loads(connection.getresponse().read())["pid"] == served.process.pid


def test_a_server_that_takes_its_time_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_socket, "BUSY_SECONDS", 0.01)

    async def slow() -> dict[str, Any]:
        await asyncio.sleep(0.1)
        return {"hits": []}

    async def sent() -> list[bytes]:
        return [data async for data in local_socket._stream(slow())]

    *spaces, answer = asyncio.run(sent())
    assert set(spaces) == {b" "}
    assert len(spaces) > 2
    assert json.loads(answer) == {"hits": []}


@contextmanager
def connected(served: Served) -> Iterator[socket.socket]:
    found = discovery.read(str(served.index))
    assert found is not None
    with socket.socket(socket.AF_UNIX) as there:
        there.settimeout(20)
        there.connect(str(served.index / found.socket))
        yield there


def test_clients_that_ask_nothing_shut_nobody_out(made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "FIRST_SECONDS", 1.0)  # as it is for a real client
    with serving(made[1], made[0]) as served:
        held = []
        found = discovery.read(str(served.index))
        assert found is not None
        for _ in range(200):
            held.append(socket.socket(socket.AF_UNIX))
            held[-1].settimeout(10)
            held[-1].connect(str(served.index / found.socket))
            held[-1].sendall(b"G")
        assert discovery.server(str(served.index)) is not None
        assert client.search(str(served.index), SearchRequest(("red car",)).portable(), None, False) is not None
        if os.path.isdir(descriptors := f"/proc/{served.process.pid}/fd"):
            assert len(os.listdir(descriptors)) < 150
        for one in held:
            one.close()
