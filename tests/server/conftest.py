"""A real server process over a small index of every modality, asked over loopback."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

CORPUS = Path(__file__).parents[2] / "sample_corpus"
TAKEN = (
    "pictures/IMG_2041.jpg",
    "pictures/winter_drive.jpg",
    "pictures/contact_sheet.jpg",
    "pictures/kickoff.webp",
    "pictures/camping.jpg",
    "documents/energy_report.pdf",
    "notes/bike_care.md",
    "notes/beekeeping.html",
    "notes/stars.md",
    "sounds/siren.mp3",
    "sounds/REC_0007.ogg",
    "videos/clip_01.mp4",
)
SCRIPT = "<img src=x onerror=alert(1)>.txt"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A running server and its index."""

    process: subprocess.Popen[bytes]
    port: int
    index: Path
    folder: Path

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            got = connection.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        finally:
            connection.close()

    def search(self, code: int = 200, **options: Any) -> Any:
        answer = self.ask(f"/api/search?{urlencode(options, doseq=True)}")
        assert answer.status == code, answer.body
        return answer.json

    def hit(self, query: str, name: str) -> Any:
        """The hit with this file name."""
        return next(hit for hit in self.search(q=query, top=30)["hits"] if hit["name"] == name)

    def send(self, files: list[tuple[str, str, bytes]], **fields: str) -> Answer:
        """A search as a form with files: field, name and content of each."""
        mark = "-----mark"
        parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
        body = "".join(parts).encode()
        for field, name, content in files:
            head = f'--{mark}\r\nContent-Disposition: form-data; name="{field}"; filename="{quote(name)}"\r\n'
            body += f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + content + b"\r\n"
        body += f"--{mark}--\r\n".encode()
        return self.ask("/api/search", "POST", body, {"content-type": f"multipart/form-data; boundary={mark}"})


def environment() -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if key not in ("MMSEARCH_INDEX", "MMSEARCH_NO_SERVER")}
    return {**inherited, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def run(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "mmsearch", *args], cwd=cwd, env=environment(), capture_output=True, check=False
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


@contextmanager
def serving(index: Path, folder: Path, *args: str, how: Sequence[str] = ("-m", "mmsearch")) -> Iterator[Served]:
    """A server in the foreground, that is heard from its address on; `how` Python runs the command."""
    argv = [sys.executable, *how, "serve", "--index", str(index), "--port", "0", *args]
    process = subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().decode().strip()
        if not url:
            raise AssertionError(process.communicate()[1].decode())
        yield Served(process, int(url.rstrip("/").rpartition(":")[2]), index, folder)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=30)[1]
        assert b"Traceback" not in told, told.decode()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder and its index, which tests leave as they are."""
    top = tmp_path_factory.mktemp("served")
    folder = top / "files"
    for name in TAKEN:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CORPUS / name, target)
    shutil.copy2(CORPUS / TAKEN[0], folder / "pictures" / "again.jpg")
    (folder / SCRIPT).write_text("<script>alert('x')</script> A note about dangerous scripts in names.")
    if sys.platform.startswith("linux"):
        with open(os.fsencode(folder) + b"/odd \xff\xfe.txt", "w") as file:
            file.write("A note about lighthouses with a name in no encoding.")
    done = run("index", str(folder), "--index", str(top / "index"))
    assert done.returncode == 0, done.stderr.decode()
    return folder, top / "index"


@pytest.fixture(scope="module")
def served(made: tuple[Path, Path]) -> Iterator[Served]:
    folder, index = made
    with serving(index, folder) as one:
        yield one
