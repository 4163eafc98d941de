"""Fetching models from a hub: a small one that the test serves on this machine, through the real client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import catalog, pull
from mmsearch.models.pull import RepoFile, choose

COMMIT = "c5ee24cb16019beea0893ab7796b1df96625c6b8"
REPOSITORY = "cross-encoder/ms-marco-MiniLM-L6-v2"
PLAIN = "some-org/plain"
"""The same files under a name that is not in the catalog, so without a pinned revision."""
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": b"weights" * 1000,
    "pytorch_model.bin": b"the same weights" * 1000,
    "onnx/model.onnx": b"a graph",
}


class Hub:
    """A hub with two repositories; `broken` names files that fail, `asked` counts the requests for contents."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.broken: set[str] = set()
        self.url = ""

    def answer(self, path: str) -> tuple[int, bytes]:
        repository = next((name for name in (REPOSITORY, PLAIN) if path.startswith(f"/api/models/{name}")), None)
        if repository:
            rest = path.removeprefix(f"/api/models/{repository}")
            if rest.startswith("/tree/"):
                return 200, json.dumps([self._leaf(name) for name in FILES]).encode()
            if "/revision/" in rest and not rest.endswith((COMMIT, "/main")):
                return 404, b'{"error": "Invalid rev id"}'
            siblings = [{"rfilename": name, "size": len(content)} for name, content in FILES.items()]
            return 200, json.dumps({"id": repository, "sha": COMMIT, "siblings": siblings}).encode()
        name = path.partition(f"/resolve/{COMMIT}/")[2]
        if name not in FILES:
            return 404, b"{}"
        return (403, b"") if name in self.broken else (200, FILES[name])

    def _leaf(self, name: str) -> dict[str, Any]:
        return {"type": "file", "path": name, "size": len(FILES[name]), "oid": name.replace("/", "-")}


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            status, body = hub.answer(path)
            name = path.partition(f"/resolve/{COMMIT}/")[2]
            if name and self.command == "GET":
                hub.asked[name] += 1
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if name:
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("ETag", f'"{name.replace("/", "-")}"')
            elif status == 404:
                known = path.startswith(f"/api/models/{REPOSITORY}")
                self.send_header("X-Error-Code", "RevisionNotFound" if known else "RepoNotFound")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(hub)) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


def run(hub_url: str, home: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`mmsearch models pull` in a process of its own: the client reads its settings when it is imported."""
    kept = {key: value for key, value in os.environ.items() if key not in ("HF_HUB_OFFLINE", "HF_TOKEN")}
    given = {"HF_ENDPOINT": hub_url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_ETAG_TIMEOUT": "5"}
    done = subprocess.run(
        [sys.executable, "-m", "mmsearch", "models", "pull", *args],
        env={**kept, **given, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_model_is_fetched_once_without_copies_for_other_programs(hub: Hub, tmp_path: Path) -> None:
    done = run(hub.url, tmp_path, "ms-marco-minilm-l6", "--json")
    assert done.returncode == 0, done.stderr
    pulled = json.loads(done.stdout)
    directory = Path(pulled["directory"])
    assert (directory / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert pulled["revision"] == directory.name == COMMIT
    assert not (directory / "pytorch_model.bin").exists()
    assert not (directory / "onnx").exists()
    assert "2 of 2 files to fetch" in done.stderr

    again = run(hub.url, tmp_path, "ms-marco-minilm-l6", "--json")
    assert json.loads(again.stdout)["fetched"] == 0
    assert set(hub.asked.values()) == {1}


def test_a_model_without_a_pinned_revision_is_found_by_its_name_afterwards(hub: Hub, tmp_path: Path) -> None:
    done = run(hub.url, tmp_path, PLAIN)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "hub" / "models--some-org--plain" / "refs" / "main").read_text() == COMMIT


def test_what_an_earlier_try_fetched_is_kept(hub: Hub, tmp_path: Path) -> None:
    hub.broken = {"model.safetensors"}
    done = run(hub.url, tmp_path, REPOSITORY, "--revision", COMMIT)
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 2, "what is to be fetched, and what went wrong"
    assert "run it again" in done.stderr
    hub.broken = set()
    before = hub.asked["config.json"]
    assert run(hub.url, tmp_path, REPOSITORY, "--revision", COMMIT).returncode == 0
    assert hub.asked["config.json"] == before


def test_trouble_is_one_line_and_exit_code_4(hub: Hub, tmp_path: Path) -> None:
    expected = {
        ("some-org/no-such-model",): "the hub has no model some-org/no-such-model",
        (REPOSITORY, "--revision", "v9"): "has no revision v9",
        ("no-such-name",): "unknown model no-such-name",
    }
    for args, told in expected.items():
        done = run(hub.url, tmp_path, *args)
        assert (done.returncode, len(done.stderr.splitlines())) == (4, 1), done.stderr
        assert told in done.stderr
        assert done.stdout == ""


def test_no_network_is_told_as_such(tmp_path: Path) -> None:
    done = run("http://127.0.0.1:9", tmp_path, "clip-b32")
    assert (done.returncode, len(done.stderr.splitlines())) == (4, 1), done.stderr
    assert "check the network" in done.stderr
    done = run("http://127.0.0.1:9", tmp_path, "clip-b32", HF_HUB_OFFLINE="1")
    assert done.returncode == 4
    assert "HF_HUB_OFFLINE is set" in done.stderr


def test_too_little_space_is_told_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pull, "free_space", lambda _: 10**9)
    with pytest.raises(ModelUnavailable, match=r"needs 2\.0 GB, .* has 1\.0 GB free.*HF_HOME"):
        pull._check_space("some-org/model", 2 * 10**9)
    pull._check_space("some-org/model", 0)


def test_the_builtin_model_is_not_fetched() -> None:
    with pytest.raises(UsageError, match="part of mmsearch"):
        pull.pull("builtin")


def test_space_is_asked_of_the_disk_that_will_hold_a_directory(tmp_path: Path) -> None:
    assert pull.free_space(tmp_path / "not" / "yet" / "there") > 0


def test_weights_are_chosen_in_each_folder() -> None:
    def chosen(*names: str) -> list[str]:
        return [file.name for file in choose([RepoFile(name, 1) for name in names])]

    assert chosen("a/model.safetensors", "a/pytorch_model.bin", "b/pytorch_model.bin", "b/logo.png") == [
        "a/model.safetensors"
    ]
    assert chosen("model.safetensors", "training_args.bin", "checkpoint-9/optimizer.pt") == ["model.safetensors"]
    assert chosen("config.json", "onnx/model.onnx") == ["config.json", "onnx/model.onnx"], "an export has nothing else"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "2_Dense/pytorch_model.bin", "model.ckpt", "1_LSTM/weights.pt"])
def test_weights_that_are_pickles_alone_are_not_fetched(name: str) -> None:
    with pytest.raises(ModelUnavailable, match=f"{name} may hold program code.*--revision"):
        choose([RepoFile("config.json", 1), RepoFile("0_Transformer/model.safetensors", 1), RepoFile(name, 1)])


def test_every_pinned_revision_is_a_commit() -> None:
    pinned = [entry.revision for entry in catalog.CATALOG.values() if entry.revision]
    assert pinned
    assert all(len(revision) == 40 and int(revision, 16) >= 0 for revision in pinned)
