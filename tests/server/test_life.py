"""From start to end: batches, overload, commits, rebuilt and vanished indexes, idle servers, Ctrl-C, background."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mmsearch.search.request import SearchRequest
from mmsearch.server import client, discovery
from tests.server.conftest import CORPUS, Served, environment, run, serving

SECONDS = 20.0


def until(true: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What becomes true in time."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one note and an index of it in `index` beside it."""
    top = tmp_path_factory.mktemp("life")
    (top / "notes").mkdir()
    (top / "notes" / "first.txt").write_text("Tomatoes need sun and water.")
    assert run("index", str(top / "notes"), "--index", str(top / "index")).returncode == 0
    return top


@pytest.fixture
def own(notes: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    shutil.copytree(notes / "notes", tmp_path / "own" / "notes")
    assert run("index", "--index", str(tmp_path / "own" / "index"), str(tmp_path / "own" / "notes")).returncode == 0
    return tmp_path / "own"


@pytest.fixture(scope="module")
def steady(notes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that no test ends."""
    index = tmp_path_factory.mktemp("steady") / "index"
    shutil.copytree(notes / "index", index)
    with serving(index, notes / "notes") as one:
        yield one


def test_too_many_at_once_are_told_to_come_again(notes: Path) -> None:
    with serving(notes / "index", notes / "notes", "--max-waiting", "2") as served:

        def ask(number: int) -> tuple[int, str]:
            answer = served.ask(f"/api/search?q=number+{number}")
            return answer.status, answer.headers.get("retry-after", "")

        with ThreadPoolExecutor(40) as pool:
            heard = list(pool.map(ask, range(200)))
        assert {status for status, _ in heard} == {200, 503}
        assert {after for status, after in heard if status == 503} == {"1"}
        assert served.ask("/api/search?q=again").status == 200
        assert served.ask("/api/status").json["server"]["refused"] > 0


def test_questions_at_once_share_batches_and_are_answered_each(steady: Served) -> None:
    plain = {n: steady.search(q=f"water {n}")["hits"] for n in range(24)}
    before = steady.ask("/api/status").json["server"]
    with ThreadPoolExecutor(16) as pool:
        found = dict(zip(plain, pool.map(lambda n: steady.search(q=f"water {n}"), plain), strict=True))
    after = steady.ask("/api/status").json["server"]
    for number, answer in found.items():
        assert answer["query"] == f"water {number}"
        assert [hit["id"] for hit in answer["hits"]] == [hit["id"] for hit in plain[number]]
        assert answer["hits"][0]["score"] == pytest.approx(plain[number][0]["score"], abs=2e-6)
    assert after["questions"] - before["questions"] == 24
    assert after["batches"] - before["batches"] < 24


def test_one_bad_question_spoils_no_other(steady: Served) -> None:
    def ask(options: dict[str, str]) -> int:
        body = json.dumps(options).encode()
        return steady.ask("/api/search", "POST", body, {"content-type": "application/json"}).status

    with ThreadPoolExecutor(12) as pool:
        options = [{"q": "water", "mode": "lexical"}, {"q": "x", "type": "smell"}, {"q": "sun"}] * 6
        statuses = list(pool.map(ask, options))
    assert statuses == [200, 400, 200] * 6


def test_a_commit_is_seen_without_a_restart(own: Path) -> None:
    index = own / "index"
    with serving(index, own / "notes") as served:
        assert [hit["name"] for hit in served.search(q="lighthouse")["hits"]] == ["first.txt"]
        (own / "notes" / "second.txt").write_text("The lighthouse stands on the rocks.")
        assert run("index", "--index", str(index)).returncode == 0
        assert served.search(q="lighthouse")["hits"][0]["name"] == "second.txt"
        old = served.search(q="lighthouse")["hits"][0]["id"]
        (own / "notes" / "second.txt").unlink()
        assert run("index", "--prune", "--index", str(index)).returncode == 0
        assert served.ask(f"/api/items/{old}").status == 404
        anew = ("--rebuild", "--no-tiles", "--index", str(index))
        assert run("index", str(own / "notes"), *anew).returncode == 0
        assert [hit["name"] for hit in served.search(q="tomatoes")["hits"]] == ["first.txt"]


def test_a_vanished_index_is_told_and_comes_back(own: Path) -> None:
    index = own / "index"
    with serving(index, own / "notes") as served:
        index.rename(own / "elsewhere")
        answer = served.ask("/api/search?q=tomatoes")
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert "is gone" in answer.json["error"]
        (own / "elsewhere").rename(index)
        assert until(lambda: served.ask("/api/search?q=tomatoes").status == 200)


def test_a_file_that_is_gone_or_changed_is_said_to_be(own: Path) -> None:
    with serving(own / "index", own / "notes") as served:
        hit = served.search(q="tomatoes")["hits"][0]
        (own / "notes" / "first.txt").write_text("Something else.")
        assert served.ask(f"/api/items/{hit['id']}").json["stale"] is True
        (own / "notes" / "first.txt").unlink()
        told = served.ask(f"/api/items/{hit['id']}").json
        assert (told["stale"], told["missing"]) == (False, True)
        assert served.ask(hit["media"]).status == 404
        os.mkfifo(own / "notes" / "first.txt") if hasattr(os, "mkfifo") else None
        assert served.ask(hit["media"]).status == 404


def test_an_idle_server_ends_and_leaves_nothing(notes: Path) -> None:
    with serving(notes / "index", notes / "notes", "--idle-timeout", "1") as served:
        assert (notes / "index" / "serve.json").exists()
        assert served.process.wait(SECONDS) == 0
    assert not {"serve.json", "serve.sock"} & set(os.listdir(notes / "index"))


def test_what_is_still_being_sent_keeps_a_server_from_ending(own: Path) -> None:
    content = (CORPUS / "pictures" / "camping.jpg").read_bytes() + b"\0" * 20_000_000
    (own / "notes" / "large.jpg").write_bytes(content)
    assert run("index", "--index", str(own / "index")).returncode == 0
    with serving(own / "index", own / "notes", "--idle-timeout", "1") as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        connection.request("GET", served.hit("camping", "large.jpg")["media"])
        answer = connection.getresponse()
        got = len(answer.read(1000))
        time.sleep(3)
        assert got + len(answer.read()) == len(content)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(notes: Path, number: signal.Signals) -> None:
    with serving(notes / "index", notes / "notes") as served:
        served.process.send_signal(number)
        assert served.process.wait(SECONDS) == 130
        assert served.process.stderr is not None
        assert served.process.stderr.read() == b"mmsearch: stopped\n"
    assert not {"serve.json", "serve.sock"} & set(os.listdir(notes / "index"))


def test_one_server_for_one_index(steady: Served) -> None:
    index, url = str(steady.index), f"http://127.0.0.1:{steady.port}/"
    done = run("serve", "--index", index, "--port", "0")
    assert done.returncode == 2
    assert f"is served already at {url} by process {steady.process.pid}".encode() in done.stderr
    assert run("serve", "--background", "--index", index).stdout.decode() == f"{url}\n"
    told = json.loads(run("status", "--json", "--index", index).stdout)
    assert told["server"] == {"url": url, "pid": steady.process.pid}


def test_what_a_killed_server_left_does_no_harm(notes: Path) -> None:
    index = notes / "index"
    with serving(index, notes / "notes") as served:
        served.process.kill()
        served.process.wait()
    assert (index / "serve.json").exists()
    assert run("search", "tomatoes", "--index", str(index)).returncode == 0
    assert not {"serve.json", "serve.sock"} & set(os.listdir(index))
    with serving(index, notes / "notes") as served:
        assert served.search(q="tomatoes")["hits"]


def test_in_the_background_it_runs_until_it_is_stopped(own: Path) -> None:
    index = str(own / "index")
    done = run("serve", "--background", "--port", "0", "--idle-timeout", "60", "--index", index, cwd=own)
    try:
        assert done.returncode == 0, done.stderr
        found = discovery.read(index)
        assert found is not None
        assert done.stdout.decode().strip() == found.url
        assert discovery.post(index, "ask") == {"pid": found.pid, "url": found.url}
    finally:
        stopped = run("serve", "--stop", "--index", index)
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, b"", b"")
    assert discovery.post(index, "ask") is None
    again = run("serve", "--stop", "--index", index)
    assert (again.returncode, b"no server runs" in again.stderr) == (1, True)


def test_what_keeps_it_from_starting_is_said_at_once(own: Path) -> None:
    assert run("serve", "--index", str(own / "nothing")).returncode == 3
    assert run("serve", "--background", "--index", str(own / "nothing")).returncode == 3
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        for how in ([], ["--background"]):
            taken = run("serve", *how, "--port", port, "--index", str(own / "index"))
            assert (taken.returncode, taken.stdout) == (2, b"")
            assert f"--port {port}: ".encode() in taken.stderr


@pytest.mark.skipif(not discovery.has_unix_sockets(), reason="no Unix sockets here")
def test_an_index_at_the_end_of_a_long_path_has_its_socket_elsewhere(own: Path) -> None:
    deep = own / ("x" * 120)
    (own / "index").rename(deep)
    with serving(deep, own / "notes"):
        found = discovery.read(str(deep))
        assert found is not None
        assert os.path.isabs(found.socket)
        assert os.stat(found.socket).st_mode & 0o777 == 0o600
        assert discovery.post(str(deep), "ask") is not None
    assert not os.path.exists(os.path.dirname(found.socket))


WITHOUT_SOCKETS = """
import sys
from mmsearch.cli import main
from mmsearch.server import discovery as presence
presence.has_unix_sockets = lambda: False
sys.argv = ["mmsearch", *sys.argv[1:]]
main()
"""


def test_where_there_are_no_unix_sockets_a_port_and_a_secret_do(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = str(own / "index")
    monkeypatch.setattr(discovery, "has_unix_sockets", lambda: False)
    with serving(own / "index", own / "notes", how=("-c", WITHOUT_SOCKETS)) as served:
        found = discovery.read(index)
        assert found is not None
        assert (found.socket, bool(found.port), len(found.secret) > 20) == ("", True, True)
        told = client.search(index, SearchRequest(("tomatoes",)), None, False)
        assert told is not None
        assert [hit.item.path for hit in told.hits] == [str(own / "notes" / "first.txt")]
        discovery.write(index, found._replace(secret="another"))
        assert discovery.post(index, "stop") == {"cold": "another secret"}
        discovery.write(index, found)
        assert (discovery.post(index, "stop") or {}).get("pid") == served.process.pid
        assert served.process.wait(SECONDS) == 0


def test_a_server_that_cannot_say_where_it_is_ends(notes: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    argv = [sys.executable, "-m", "mmsearch", "serve", "--port", "0", "--index", str(notes / "index")]
    with open("/dev/full", "w") as full:
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False)
    assert done.returncode == 2
    assert b"cannot be written" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_client_that_hangs_up_or_says_nonsense_is_forgotten(steady: Served) -> None:
    path = str(steady.index / "serve.sock")
    if not os.path.exists(path):
        pytest.skip("no Unix sockets here, or the path is too long")
    for data in (b"", b"\xff" * 8, b"\0" * 7, b"\2" + b"\0" * 7 + b"[]", b"\1" + b"\0" * 7 + b"{"):
        with socket.socket(socket.AF_UNIX) as there:
            there.connect(path)
            there.sendall(data)
    assert discovery.post(str(steady.index), "ask") is not None


def test_many_requests_end_in_no_leak_of_files(steady: Served) -> None:
    descriptors = f"/proc/{steady.process.pid}/fd"
    if not os.path.isdir(descriptors):
        pytest.skip("no /proc here")
    hit = steady.search(q="water")["hits"][0]
    steady.ask(hit["media"])
    before = len(os.listdir(descriptors))
    for _ in range(30):
        steady.ask(hit["media"], headers={"range": "bytes=0-9"})
        steady.ask(hit["media"], "HEAD")
    assert until(lambda: len(os.listdir(descriptors)) <= before + 3)


def test_a_server_that_watches_finds_new_files_and_takes_its_watcher_with_it(own: Path) -> None:
    with serving(own / "index", own / "notes", "--watch") as one:
        before = one.ask("/api/changes").json["stamp"]
        (own / "notes" / "second.txt").write_text("Bees fly to the lavender.")
        until(lambda: any(hit["name"] == "second.txt" for hit in one.search(q="bees lavender")["hits"]), 60)
        assert one.ask("/api/changes").json["stamp"] != before
    (own / "notes" / "third.txt").write_text("Nobody is there to see this one.")
    time.sleep(2)
    assert b"would do: 1 added" in run("index", "--index", str(own / "index"), "--dry-run").stderr
