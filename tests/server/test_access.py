"""Who gets in, and what nobody gets."""

from __future__ import annotations

import http.client
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch.server.access import is_loopback
from tests.server.conftest import Served, run, serving

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def open_to_all(made: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that listens to more than this machine, and asks for a token; uploads of 1 MiB."""
    secret = tmp_path_factory.mktemp("token") / "token"
    secret.write_text(f"{TOKEN}\n")
    folder, first = made
    index = tmp_path_factory.mktemp("again") / "index"  # one has one server
    shutil.copytree(first, index, ignore=shutil.ignore_patterns("serve.*"))
    with serving(index, folder, "--host", "0.0.0.0", "--token-file", str(secret), "--max-upload", "1") as one:
        yield one


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "", "localhost@evil:{port}"])
def test_a_foreign_host_is_refused(served: Served, host: str) -> None:
    for path in ("/", "/api/status", "/api/search?q=x"):
        assert served.ask(path, headers={"host": host.format(port=served.port)}).status in (400, 403)


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_the_own_host_by_any_of_its_names(served: Served, host: str) -> None:
    assert served.ask("/api/status", headers={"host": host.format(port=served.port)}).status == 200


def test_two_hosts_are_none(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    connection.putrequest("GET", "/api/status", skip_host=True)
    connection.putheader("Host", f"127.0.0.1:{served.port}")
    connection.putheader("Host", "evil.example")
    connection.endheaders()
    assert connection.getresponse().status in (400, 403)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    ],
)
def test_a_foreign_origin_is_refused(served: Served, headers: dict[str, str]) -> None:
    assert served.ask("/api/status", headers=headers).status == 403
    sent = {"content-type": "application/json", **headers}
    assert served.ask("/api/search", "POST", b'{"q": "x"}', sent).status == 403


def test_the_page_itself_gets_in_and_a_link_from_elsewhere_opens_it(served: Served) -> None:
    own = {"origin": f"http://127.0.0.1:{served.port}", "sec-fetch-site": "same-origin"}
    assert served.ask("/api/status", headers=own).status == 200
    assert served.ask("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../guard.py",
        "/%2e%2e/guard.py",
        "/..%2fguard.py",
        "/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "//etc/passwd",
        "/static/../../guard.py",
        "/..\\guard.py",
        "/page.js%00",
        "/api/items/..%2f..%2fetc%2fpasswd/media",
        "/api/items/%2fetc%2fpasswd",
        "/api/nothing",
    ],
)
def test_traversal_finds_nothing(served: Served, path: str) -> None:
    answer = served.ask(path)
    assert answer.status == 404
    for told in (b"passwd", b"root:", str(served.folder).encode(), b"mmsearch/serve"):
        assert told not in answer.body


def test_ids_cannot_be_guessed(served: Served) -> None:
    real = served.search(q="car", top=1)["hits"][0]["id"]
    number, _, mark = real.partition("-")
    guesses = [number, f"{number}-", f"{number}-{mark[:-1]}0g", f"-{mark}", f"0{number}-{mark[::-1]}", "-1-0", "9" * 40]
    guesses += [f"{n}-{mark}" for n in range(1, 40) if str(n) != number] + [
        "%00",
        "1e5-0",
        "%D9%A1-0",
        "a",
        "%F0%9F%9A%97",
    ]
    for key in guesses:
        for end in ("", "/media", "/thumbnail", "/page", "/similar", "/duplicates"):
            assert served.ask(f"/api/items/{key}{end}").status == 404, key


def test_every_answer_has_the_headers_that_keep_it_in_place(served: Served) -> None:
    for path in ("/", "/page.js", "/api/status", "/api/nothing", "/api/search"):
        headers = served.ask(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_other_methods_do_nothing(served: Served) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert served.ask("/api/search?q=x", method).status == 405
    assert served.ask("/api/status", "POST", b"").status == 405


def test_a_file_is_revealed_for_the_page_alone(served: Served) -> None:
    hit = served.search(q="car", top=1)["hits"][0]
    assert served.ask(f"/api/items/{hit['id']}/reveal", "POST", b"").status == 403
    assert served.ask(f"/api/items/{hit['id']}/reveal").status in (404, 405)


def test_without_the_token_nothing_is_told(open_to_all: Served) -> None:
    for path in ("/", "/page.js", "/api/status", "/api/search?q=x", "/api/items/1-0/media"):
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": TOKEN},
            {"cookie": "mmsearch_token=x"},
        ):
            answer = open_to_all.ask(path, headers=headers)
            assert (answer.status, answer.json["error"][:7]) == (401, "a token")
    assert open_to_all.ask("/?token=wrong").status == 401


def test_with_the_token_everything_is(open_to_all: Served) -> None:
    assert open_to_all.ask("/api/status", headers={"authorization": f"Bearer {TOKEN}"}).status == 200
    assert open_to_all.ask("/api/status", headers={"authorization": f"Bearer {TOKEN}", "host": "nas:80"}).status == 200
    first = open_to_all.ask(f"/?token={TOKEN}")
    assert (first.status, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert open_to_all.ask("/", headers={"cookie": cookie.partition(";")[0]}).status == 200
    foreign = {"cookie": cookie.partition(";")[0], "origin": "http://evil.example"}
    assert open_to_all.ask("/api/status", headers=foreign).status == 403


def test_more_than_is_taken_is_refused_before_it_is_read(open_to_all: Served) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "multipart/form-data; boundary=x"}
    big = {**headers, "content-length": str(2 << 20)}
    assert open_to_all.ask("/api/search", "POST", b"", big).status == 413
    assert open_to_all.ask("/api/search", "POST", b"", {**headers, "content-length": "-5"}).status in (400, 413)


def test_an_upload_without_a_length_ends_at_the_limit(open_to_all: Served) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    connection = http.client.HTTPConnection("127.0.0.1", open_to_all.port, timeout=60)
    connection.putrequest("POST", "/api/search")
    for name, value in {"authorization": f"Bearer {TOKEN}", "content-type": "multipart/form-data; boundary=x"}.items():
        connection.putheader(name, value)
    connection.putheader("transfer-encoding", "chunked")
    connection.endheaders()
    try:
        for chunk in [head, *[b"\0" * 65536] * 20]:
            connection.send(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has been cut off in the middle
    assert open_to_all.ask("/api/status", headers={"authorization": f"Bearer {TOKEN}"}).status == 200


def test_only_this_machine_reaches_it_by_default(served: Served) -> None:
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("no /proc here")
    listening = [line.split()[1] for line in table.read_text().splitlines()[1:] if line.split()[3] == "0A"]
    assert [one.partition(":")[0] for one in listening if one.endswith(f":{served.port:04X}")] == ["0100007F"]


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("example.org", False), ("192.168.0.2", False)],
)  # fmt: skip
def test_what_is_this_machine(host: str, own: bool) -> None:
    assert is_loopback(host) is own


@pytest.mark.parametrize("token", ["", "short", "with spaces in the middle", "ümlaute-im-schlüssel"])
def test_a_token_that_is_none(made: tuple[Path, Path], tmp_path: Path, token: str) -> None:
    (tmp_path / "token").write_text(token, encoding="utf-8")
    done = run("serve", "--index", str(made[1]), "--token-file", str(tmp_path / "token"))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"at least 16 characters" in done.stderr
