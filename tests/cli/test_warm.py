"""A search that a server answers prints what the command prints by itself, byte for byte, and loads no model."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmsearch.cli import app
from mmsearch.server import SERVER_FILE, client, discovery
from tests.server.conftest import CORPUS, Served, environment, run, serving
from tests.server.conftest import made as made  # noqa: PLC0414  # a fixture

HEAVY = {"numpy", "faiss", "onnxruntime", "PIL", "av", "sqlite3", "rich", "starlette", "uvicorn", "asyncio", "filelock"}


@pytest.fixture(scope="module")
def served(made: tuple[Path, Path]) -> Iterator[Served]:
    folder, index = made
    with serving(index, folder) as one:
        yield one


@pytest.fixture
def search(
    served: Served, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., tuple[int, bytes, bytes]]:
    """The command in this process: exit code, stdout and stderr."""

    def searched(*args: str, cold: bool = False) -> tuple[int, bytes, bytes]:
        monkeypatch.chdir(served.folder / "pictures")
        monkeypatch.delenv("MMSEARCH_NO_SERVER", raising=False)
        monkeypatch.setattr(logging.root, "handlers", [])  # a process of its own would say each warning again
        argv = ["search", "--index", str(served.index), *args, *["--no-server"] * cold]
        with pytest.raises(SystemExit) as ended:
            app(argv, prog_name="mmsearch")
        out, err = capfdbinary.readouterr()
        return int(ended.value.code or 0), out, err

    return searched


def process(served: Served, *args: str, stdin: bytes = b"", **more: str) -> tuple[int, bytes, bytes]:
    """The same as a process."""
    argv = [sys.executable, "-m", "mmsearch", "search", "--index", str(served.index), *args]
    env = environment() | more
    done = subprocess.run(argv, cwd=served.folder / "pictures", env=env, input=stdin, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode, done.stdout, done.stderr


def questions(served: Served) -> int:
    return int(served.ask("/api/status").json["server"]["questions"])


@pytest.mark.parametrize(
    "args",
    [
        ["red car"],
        ["red car", "--json", "--explain", "-k", "30"],
        ["bicycle chain", "--jsonl", "--all-segments"],
        ["football", "--format", "csv", "-t", "image,video", "--raw"],
        ["lighthouses", "-l", "-0", "--mode", "lexical"],
        ["bees", "--in", "../notes", "-g", "*.html", "--explain"],
        ["snow", "-g", "IMG_*", "--not", "house", "--json"],
        ["car", "--after", "2001", "--before", "2999-01", "--size", "+1k", "--fold", "--json"],
        ["a red car", "--rerank", "--rerank-depth", "5", "--json", "--explain", "-k", "5"],
        ["tent", "--image", "kickoff.webp:0.5", "--json"],
        ["--audio", "../sounds/siren.mp3", "--json", "-t", "audio"],
        ["--like", "camping.jpg", "--json", "-k", "3"],
        ["bees", "--context", "--context-budget", "4000"],
        ["car", "--min-relevance", "99"],
        ["car", "--duration", "-1s..2"],
        ["car", "-t", "smell"],
        ["car", "--after", "soon"],
        ["--not", "car"],
        ["--like", "nowhere.jpg"],
        ["word " * 3000],
        ["car", "--mode", "lexical", "--image", "kickoff.webp"],
        ["--image", "nowhere.jpg"],
        ["--image", "../notes/stars.md"],
        ["note", "-t", "text", "--rerank", "--rerank-types", "image"],
        ["--like", "camping.jpg", "--rerank"],
    ],
    ids=lambda args: " ".join(args)[:50],
)
def test_a_served_search_prints_the_same(search: Callable[..., tuple[int, bytes, bytes]], args: list[str]) -> None:
    assert search(*args) == search(*args, cold=True)


@pytest.mark.parametrize(
    "args", [["red car"], ["tent", "--image", "kickoff.webp", "--json"], ["--like", "camping.jpg"]]
)
def test_it_really_is_served(served: Served, args: list[str]) -> None:
    before = questions(served)
    found = process(served, *args)
    assert found[0] == 0
    assert questions(served) == before + 1
    assert found == process(served, *args, "--no-server")


@pytest.mark.parametrize(
    ("args", "more"),
    [
        (["car", "--no-server"], {}),
        (["car"], {"MMSEARCH_NO_SERVER": "1"}),
        (["car", "--device", "cpu"], {}),
        (["car"], {"TZ": "Pacific/Kiritimati"}),
        (["--image", "-", "-t", "image"], {}),
        (["--queries", "-"], {}),
    ],
)
def test_what_is_not_for_the_server_is_done_without_it(served: Served, args: list[str], more: dict[str, str]) -> None:
    before = questions(served)
    stdin = b"a red car\n" if "--queries" in args else (CORPUS / "pictures/kickoff.webp").read_bytes()
    code, out, err = process(served, *args, stdin=stdin, **more)
    assert (code, err, questions(served)) == (0, b"", before)
    assert out


def test_a_served_search_imports_nothing_heavy(served: Served) -> None:
    code = (
        "import sys\nfrom mmsearch.cli import main\nsys.argv = ['mmsearch', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\nprint('LOADED', *{n.split('.')[0] for n in sys.modules})"
    )
    for form in ("table", "json", "csv"):
        argv = [sys.executable, "-c", code, "search", "red car", "--index", str(served.index), "--format", form]
        done = subprocess.run(argv, env=environment(), capture_output=True, text=True, check=True)
        loaded = set(done.stdout.rpartition("LOADED")[2].split())
        assert "typer" in loaded
        assert not loaded & HEAVY, form


def test_a_copy_of_an_index_is_not_answered_for_by_the_server_of_the_first(served: Served, tmp_path: Path) -> None:
    copy = tmp_path / "index"
    shutil.copytree(served.index, copy, ignore=shutil.ignore_patterns("serve.sock"))
    found = discovery.read(str(copy))
    assert found is not None
    if not os.path.isabs(found.socket):
        near = tmp_path / "mmsearch-serve-x"
        near.symlink_to(served.index)
        discovery.write(str(copy), found._replace(socket=str(near / found.socket)))
    assert discovery.post(str(copy), "ask") is not None
    before = questions(served)
    assert run("search", "car", "--index", str(copy)).returncode == 0
    assert questions(served) == before


def test_another_version_is_not_asked(served: Served) -> None:
    there = client.surroundings(str(served.index))
    question = {
        "device": None,
        "trust": False,
        "request": client.SearchRequest(("car",)).portable().to_json(),
    }
    assert "hits" in (discovery.post(str(served.index), "search", {**question, "surroundings": there}) or {})
    for name, other in {"version": "0.0.0", "user": -1, "root": [0, 0]}.items():
        changed = {**question, "surroundings": {**there, name: other}}
        answer = discovery.post(str(served.index), "search", changed)
        assert set(answer or {}) == {"cold"}


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "geteuid"), reason="sockets have owners on POSIX alone")
def test_the_socket_is_for_its_user_alone(served: Served) -> None:
    found = discovery.read(str(served.index))
    assert found is not None
    assert os.stat(served.index / found.socket).st_mode & 0o777 == 0o600
    assert os.stat(served.index / SERVER_FILE).st_mode & 0o777 == 0o600


def test_nonsense_where_the_server_should_be_is_ignored(served: Served, tmp_path: Path) -> None:
    copy = tmp_path / "index"
    shutil.copytree(served.index, copy, ignore=shutil.ignore_patterns("serve.*"))
    precious = tmp_path / "precious.txt"
    precious.write_text("of somebody")
    (copy / discovery.SOCKET).write_text("no socket")
    known = {"pid": 1, "version": "x", "url": "x"}
    sockets = ("serve.sock", str(precious), "../precious.txt", "/nowhere/serve.sock", 7, None)
    made_up = [json.dumps({**known, "socket": one}) for one in sockets] + [json.dumps({**known, "port": served.port})]
    for left in ("", "{", "[]", '{"pid": 1}', "[" * 100_000, *made_up):
        (copy / SERVER_FILE).write_text(left)
        assert discovery.post(str(copy), "ask") is None
    assert run("search", "car", "--index", str(copy)).returncode == 0
    assert precious.read_text() == "of somebody"
