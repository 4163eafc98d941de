"""URLs that lead to this machine or its network: refused, however they are written and however they get there."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mmsearch.errors import MediaError
from mmsearch.indexing.decode import DecodeRequest, Failed, FileDecoder
from mmsearch.media import fetch_url, network_addresses
from mmsearch.media.network_addresses import NotPublic, is_public
from mmsearch.scan import Entry
from mmsearch.types import LoaderSettings

ASKED: list[str] = []
PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1",
    "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::127.0.0.1",
    "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1::808:808",
    "2002:7f00:1::1", "2002:c0a8:101::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::1", "nonsense", "",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_of_this_machine_or_its_network(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_of_the_whole_internet(address: str) -> None:
    assert is_public(address)


def as_the_system_reads_it(host: str, port: int | None, *_: Any, **__: Any) -> list[Any]:
    """Addresses in all their forms, without asking anybody outside, which tests may not."""
    host = {"localhost": "127.0.0.1"}.get(host.lower().rstrip("."), host)
    if ":" in host:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, port or 0, 0, 0))]
    try:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (socket.inet_ntoa(socket.inet_aton(host)), port or 0))]
    except OSError:
        raise socket.gaierror(socket.EAI_NONAME, "unknown") from None


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server of this machine that notes what it is asked for."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ASKED.append(self.path)
            to = {"/to": f"http://127.0.0.1:{self.server.server_port}/secret"}.get(self.path)  # type: ignore[attr-defined]
            self.send_response(302 if to else 200)
            if to:
                self.send_header("Location", to)
            self.end_headers()
            self.wfile.write(b"secret")

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setattr(socket, "getaddrinfo", as_the_system_reads_it)
    ASKED.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.1", "0",
        "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "127.0.0.1.", "LOCALHOST",
        "user@127.0.0.1", "8.8.8.8@127.0.0.1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_it_is_not_asked_however_it_is_written(port: int, host: str, scheme: str) -> None:
    with pytest.raises(MediaError):
        fetch_url.fetch(f"{scheme}://{host}:{port}/secret", io.BytesIO(), seconds=5)
    assert ASKED == []


def test_the_message_says_how_it_is_allowed(port: int) -> None:
    with pytest.raises(NotPublic, match=r"127\.0\.0\.1 is an address of this machine .*add --allow-private"):
        fetch_url.fetch(f"http://127.0.0.1:{port}/secret", io.BytesIO())
    found = io.BytesIO()
    fetch_url.fetch(f"http://127.0.0.1:{port}/to", found, allow_private=True)
    assert found.getvalue() == b"secret"


def looked_up(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Has a name mean one thing after another, and tells which addresses were connected to."""
    left, connected = list(answers), list[str]()

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    class Socket(socket.socket):
        def connect(self, address: Any) -> None:
            connected.append(address[0])
            raise ConnectionRefusedError("not here")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket, "socket", Socket)
    return connected


def test_a_name_is_looked_up_once_and_that_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = looked_up(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    with pytest.raises(ConnectionRefusedError):
        network_addresses.connect(("rebinding.example", 80), 1)
    assert connected == ["8.8.8.8"]
    with pytest.raises(NotPublic):
        network_addresses.connect(("rebinding.example", 80), 1)
    assert connected == ["8.8.8.8"]


def test_of_several_addresses_only_public_ones_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = looked_up(monkeypatch, ["127.0.0.1", "8.8.8.8", "10.0.0.1", "1.1.1.1"])
    with pytest.raises(ConnectionRefusedError):
        network_addresses.connect(("several.example", 80), 1)
    assert connected == ["8.8.8.8", "1.1.1.1"]


def test_a_redirect_is_looked_at_as_well(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first address is taken for a public one, and leads to a private one."""
    first = iter([True])
    monkeypatch.setattr(network_addresses, "is_public", lambda address: next(first, False))
    with pytest.raises(NotPublic):
        fetch_url.fetch(f"http://127.0.0.1:{port}/to", io.BytesIO(), seconds=5)
    assert ASKED == ["/to"]


def test_a_proxy_may_be_anywhere_but_leads_to_no_private_address(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    found = io.BytesIO()
    fetch_url.fetch("http://8.8.8.8/a.png", found, seconds=5)
    assert (ASKED, found.getvalue()) == (["http://8.8.8.8/a.png"], b"secret")
    with pytest.raises(NotPublic):
        fetch_url.fetch("http://169.254.169.254/latest", io.BytesIO(), seconds=5)
    assert len(ASKED) == 1


def test_a_worker_fetches_nothing(port: int) -> None:
    reader = FileDecoder(LoaderSettings(), frozenset())
    for url in (f"http://127.0.0.1:{port}/secret", "file:///etc/passwd", "https://example.org/a.png"):
        (told,) = [timed.answer for timed in reader.answers(DecodeRequest(Entry(url, 0, 0), query="image"))]
        assert isinstance(told, Failed)
        assert "not fetched here" in told.reason
    assert ASKED == []
