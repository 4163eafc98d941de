"""Clients that are slow, silent, many or gone: each costs a connection for a while, and nobody else an answer."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from mmsearch.server import connections, log
from mmsearch.server.connections import Bounds, Connections
from tests.server.conftest import CORPUS, Served, run, serving

resource: Any = pytest.importorskip("resource", reason="limits of open files are a matter of POSIX")
BOUNDED = """
import sys
from mmsearch.cli import main
from mmsearch.server import server
from mmsearch.server.connections import Bounds
server.bounds = lambda: Bounds(
    max_open=20, max_per_address=10, head=1.0, idle=1.0, body=1.0, grace=1.5, rate=4096, answer=1.5, yielding=0.2
)
sys.argv = ["mmsearch", *sys.argv[1:]]
main()
"""
FEW_FILES = """
import resource, sys
from mmsearch.cli import main
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
sys.argv = ["mmsearch", *sys.argv[1:]]
main()
"""
SLOWEST = 4.0
"""Seconds after which each of these has been closed."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture of 30 MB, which no buffer holds, and an index of it."""
    top = tmp_path_factory.mktemp("slow")
    (top / "files").mkdir()
    with open(top / "files" / "large.jpg", "wb") as file:
        file.write((CORPUS / "pictures" / "camping.jpg").read_bytes())
        file.truncate(30_000_000)
    shutil.copy2(CORPUS / "notes" / "stars.md", top / "files")
    assert run("index", str(top / "files"), "--index", str(top / "index")).returncode == 0
    return top


@pytest.fixture
def own(place: Path, tmp_path: Path) -> Path:
    """The same with an index of its own, since one has one server."""
    shutil.copytree(place / "index", tmp_path / "index", ignore=shutil.ignore_patterns("serve.*"))
    (tmp_path / "files").symlink_to(place / "files")
    return tmp_path


@pytest.fixture(scope="module")
def bounded(place: Path) -> Iterator[Served]:
    with serving(place / "index", place / "files", how=("-c", BOUNDED)) as one:
        yield one


def connect(served: Served, data: bytes = b"", room: int = 0) -> socket.socket:
    there = socket.socket()
    if room:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    there.settimeout(20)
    there.connect(("127.0.0.1", served.port))
    there.sendall(data)
    return there


def request(served: Served, line: str = "GET /api/changes", *headers: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", f"Host: 127.0.0.1:{served.port}", *headers, "", ""]).encode()


def upload(served: Served, size: int = 100_000) -> bytes:
    return request(served, "POST /api/search", "Content-Type: application/json", f"Content-Length: {size}")


def closed_after(there: socket.socket, drip: bytes = b"", every: float = 0.1) -> float:
    """Seconds until the server has closed a connection on which a byte comes every now and then."""
    began = time.monotonic()
    there.settimeout(every)
    while time.monotonic() - began < 20:
        with suppress(TimeoutError):
            try:
                if not there.recv(1 << 16):
                    break
            except ConnectionError:
                break
        with suppress(OSError):
            there.sendall(drip)
    return time.monotonic() - began


HALF = [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: y\r\n", b"\r\n", b"\r\n\r\n\r\n"]


@pytest.mark.parametrize("data", HALF)
@pytest.mark.parametrize("drip", [b"", b"x"])
def test_a_request_that_is_not_said_in_time_is_not_waited_for(bounded: Served, data: bytes, drip: bytes) -> None:
    with connect(bounded, data) as there:
        assert closed_after(there, drip) < SLOWEST


def test_a_second_request_on_a_connection_has_no_more_time(bounded: Served) -> None:
    with connect(bounded, request(bounded)) as there:
        assert there.recv(1 << 16).startswith(b"HTTP/1.1 200")
        there.sendall(b"G")
        assert closed_after(there, b"E") < SLOWEST


def test_a_connection_that_rests_is_closed(bounded: Served) -> None:
    with connect(bounded, request(bounded)) as there:
        assert there.recv(1 << 16).startswith(b"HTTP/1.1 200")
        assert closed_after(there) < SLOWEST


@pytest.mark.parametrize("drip", [b"", b" "])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_does_not_come_is_not_waited_for(bounded: Served, drip: bytes, chunked: bool) -> None:
    head = upload(bounded)
    if chunked:
        head = request(bounded, "POST /api/search", "Content-Type: application/json", "Transfer-Encoding: chunked")
        head += b"fff\r\n"
    with connect(bounded, head) as there:
        assert closed_after(there, drip) < SLOWEST


def test_an_answer_that_is_not_taken_is_given_up(bounded: Served) -> None:
    hit = bounded.hit("camping", "large.jpg")
    descriptors = f"/proc/{bounded.process.pid}/fd"
    with connect(bounded, request(bounded, f"GET {hit['media']}"), room=4096) as there:
        time.sleep(SLOWEST)
        if os.path.isdir(descriptors):
            held = [os.readlink(f"{descriptors}/{one}") for one in os.listdir(descriptors)]
            assert str(bounded.folder / "large.jpg") not in held
        with suppress(ConnectionError):
            assert sum(len(data) for data in iter(lambda: there.recv(1 << 20), b"")) < 30_000_000


def test_who_takes_it_slowly_but_takes_it_gets_it_all(bounded: Served) -> None:
    hit = bounded.hit("camping", "large.jpg")
    with connect(bounded, request(bounded, f"GET {hit['media']}", "Connection: close")) as there:
        got = 0
        while data := there.recv(1 << 20):
            got += len(data)
            time.sleep(0.05)
        assert got > 30_000_000


def half(served: Served) -> socket.socket:
    return connect(served, b"G")


def slow_body(served: Served) -> socket.socket:
    return connect(served, upload(served) + b"{")


def resting(served: Served) -> socket.socket:
    there = connect(served, request(served))
    there.recv(1 << 16)
    return there


def taking_nothing(served: Served) -> socket.socket:
    hit = served.search(q="camping", type="image")["hits"][0]
    return connect(served, request(served, f"GET {hit['media']}"), room=4096)


@pytest.mark.parametrize("open_one", [half, slow_body, resting, taking_nothing])
def test_many_of_them_shut_nobody_out(bounded: Served, open_one: Callable[[Served], socket.socket]) -> None:
    with ExitStack() as held:
        for number in range(60):
            held.enter_context(open_one(bounded))
            if number % 10 == 9:
                began = time.monotonic()
                if open_one is taking_nothing:
                    time.sleep(0.3)  # so long they may not take it without making room
                assert bounded.ask("/api/changes").status == 200
                assert time.monotonic() - began < 2


def test_more_of_them_than_files_may_be_open_shut_nobody_out(own: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1200:
        pytest.skip("too few files may be open here")
    with serving(own / "index", own / "files", how=("-c", FEW_FILES)) as served, ExitStack() as held:
        for _ in range(600):
            held.enter_context(half(served))
        for path in ("/api/changes", "/api/search?q=stars", served.hit("camping", "large.jpg")["media"]):
            began = time.monotonic()
            assert served.ask(path).status == 200
            assert time.monotonic() - began < 2
        if os.path.isdir(descriptors := f"/proc/{served.process.pid}/fd"):
            assert len(os.listdir(descriptors)) < 200


# --- who goes first ---


class One:
    """A connection as the registry knows it."""

    registry: Connections

    def __init__(self, step: str, since: float, address: str = "127.0.0.1") -> None:
        self.step, self.since, self.address = step, time.monotonic() - since, address
        self.ended = False

    def end(self) -> None:
        self.ended = True
        self.registry.leave(self)  # type: ignore[arg-type]  # it takes the place of one


def registry(most: int, max_per_address: int) -> Callable[[One], bool]:
    One.registry = Connections(Bounds(max_open=most, max_per_address=max_per_address))
    return One.registry.admit  # type: ignore[return-value]  # likewise


def test_those_that_have_said_least_for_longest_go_first() -> None:
    body, taken, idle, old, new = One("body", 9), One("answer", 9), One("idle", 99), One("head", 5), One("head", 1)
    admit = registry(5, 5)
    assert all(map(admit, (body, taken, idle, old, new)))
    gone: list[One] = []
    while admit(One("work", 0)):
        gone += [one for one in (body, taken, idle, old, new) if one.ended and one not in gone]
    assert gone == [old, new, idle, taken, body]


def test_one_address_does_not_take_all_of_it() -> None:
    admit = registry(100, 3)
    assert [admit(One("work", 0, "10.0.0.7")) for _ in range(5)] == [True, True, True, False, False]
    assert admit(One("work", 0, "10.0.0.8"))
    assert all(admit(One("work", 0, "127.0.0.1")) for _ in range(50))
    waiting, own = One("head", 9, "10.0.0.8"), One("head", 9, "127.0.0.1")
    assert admit(own)
    assert admit(waiting)
    assert all(admit(One("head", 0, "10.0.0.8")) for _ in range(2))
    assert waiting.ended
    assert not own.ended


@pytest.mark.parametrize(
    ("limit", "most"), [(1 << 20, 512), (1024, 341), (256, 85), (10, 8), (resource.RLIM_INFINITY, 512)]
)
def test_there_are_fewer_connections_than_files(monkeypatch: pytest.MonkeyPatch, limit: int, most: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert connections.bounds().max_open == most


# --- what is said of it ---


def breaking_off(served: Served) -> None:
    """Every way to leave in the middle of something."""
    hit = served.search(q="camping", type="image")["hits"][0]
    form = "Content-Type: multipart/form-data; boundary=x"
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    for data in (
        b"G",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        request(served)[:-2],
        request(served, "GET /", "Upgrade: websocket", "Connection: Upgrade"),
        request(served, "GET /api/search?q=stars"),
        request(served, f"GET {hit['media']}"),
        request(served, f"GET {hit['thumbnail']}?size=600"),
        upload(served),
        upload(served) + b"{",
        request(served, "POST /api/search", form, "Content-Length: 1000000") + part + b"\xff" * 200_000,
        request(served, "POST /api/search", form, "Transfer-Encoding: chunked") + b"zz\r\n",
        request(served, "POST /api/search", form, "Content-Length: 9", "Expect: 100-continue"),
        request(served) * 50,
    ):
        for how in (socket.SHUT_WR, socket.SHUT_RDWR, None):
            with connect(served, data) as there:
                if how is not None:
                    there.shutdown(how)
                else:  # reset
                    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def test_nobody_is_told_of_those_who_leave_in_the_middle(own: Path) -> None:
    with serving(own / "index", own / "files") as served:
        breaking_off(served)
        assert served.ask("/api/changes").status == 200
        time.sleep(0.5)
        served.process.terminate()
        assert served.process.wait(20) == 130
        assert served.process.stderr is not None
        assert served.process.stderr.read() == b"mmsearch: stopped\n"


def told(records: int, seconds: float = 0.0) -> list[str]:
    now = [0.0]
    brief = log.Brief(lambda: now[0])
    heard = []
    for number in range(records):
        try:
            raise ValueError(f"line\none of {number}")
        except ValueError as error:
            kind, one = type(error), error
            record = logging.LogRecord("x", 40, "", 1, "it\nfailed\n", None, (kind, one, one.__traceback__))
        if brief.filter(record):
            heard.append(logging.Formatter("%(message)s").format(record))
        now[0] += seconds
    return heard


def test_a_traceback_is_one_line() -> None:
    assert told(2) == ["it failed: ValueError: line one of 0", "it failed: ValueError: line one of 1"]


def test_too_many_lines_are_left_out_and_counted() -> None:
    assert len(told(10_000)) == log.MOST_AT_ONCE
    heard = told(10_000, 0.1)
    assert len(heard) < log.MOST_AT_ONCE + 1000 * 0.1 + 2
    assert heard[-1].endswith("more messages were left out)")


def test_the_log_of_a_server_in_the_background_has_an_end(tmp_path: Path) -> None:
    own = tmp_path / "serve.log"
    lines = b"".join(b"line %d\n" % number for number in range(1000))
    handle = os.open(own, os.O_WRONLY | os.O_CREAT)
    try:
        os.write(handle, lines)
        log.trim(str(tmp_path), 1 << 20, 100, handle)
        assert own.read_bytes() == lines
        log.trim(str(tmp_path), 1000, 100, handle)
        os.write(handle, b"more\n")
        assert own.read_bytes().endswith(b"line 998\nline 999\nmore\n")
        assert len(own.read_bytes()) < 120
        # A file of the user's is none of ours, nor is one that stands in the place of the log.
        os.rename(own, tmp_path / "mine.txt")
        before = (tmp_path / "mine.txt").read_bytes()
        for plant in (lambda: None, lambda: own.symlink_to("mine.txt"), lambda: own.write_bytes(lines)):
            plant()
            log.trim(str(tmp_path), 10, 5, handle)
            assert (tmp_path / "mine.txt").read_bytes() == before
            own.unlink(missing_ok=True)
    finally:
        os.close(handle)


# --- requests that mean two things ---


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Content-Length: 4", "Content-Length: 5"),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: identity",),
        ("Content-Length: +4",),
        ("Content-Length: 4, 5",),
        ("Content-Length : 4",),
        (" folded: 1",),
        ("X" * 70_000 + ": y",),
        ("X: " + "y" * 400_000,),
    ],
    ids=lambda headers: headers[0][:40],
)
def test_a_request_that_two_servers_could_read_differently_is_none(bounded: Served, headers: Any) -> None:
    smuggled = request(bounded, "GET /api/status")
    data = request(bounded, "POST /api/search", "Content-Type: application/json", *headers) + b"0\r\n\r\n" + smuggled
    with connect(bounded) as there:
        with suppress(ConnectionError):
            there.sendall(data)
        there.settimeout(5)
        answer = b""
        with suppress(OSError):
            while got := there.recv(1 << 16):
                answer += got
    assert answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 403", b"HTTP/1.1 413", b"HTTP/1.1 415", b"HTTP/1.1 501", b"")
    assert answer.count(b"HTTP/1.1 200") == 0
