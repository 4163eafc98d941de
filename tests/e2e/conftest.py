"""Runs the real command as a subprocess, over small real files that the tests make."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw


@dataclass
class Command:
    """`mmsearch` with an index of its own, run from `cwd`."""

    cwd: Path
    index: Path
    environment: dict[str, str] = field(default_factory=dict)

    def argv(self, *args: str | bytes) -> list[str | bytes]:
        return [sys.executable, "-m", "mmsearch", *args]

    def env(self) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if key != "MMSEARCH_INDEX"}
        return {**inherited, "MMSEARCH_INDEX": str(self.index), "HF_HUB_OFFLINE": "1", **self.environment}

    def __call__(self, *args: str | bytes, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            self.argv(*args), cwd=self.cwd, env=self.env(), input=stdin or b"", capture_output=True, check=False
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """A line of Bash, in which `{mmsearch}` stands for the program."""
        program = shlex.join([sys.executable, "-m", "mmsearch"])
        return subprocess.run(
            ["bash", "-c", line.replace("{mmsearch}", program)],
            cwd=self.cwd,
            env=self.env(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def report(self, *args: str | bytes, code: int = 0) -> dict[str, Any]:
        """The report of an index run that ends with exit code `code`."""
        done = self("index", "--json", *args)
        assert done.returncode == code, done.stderr.decode()
        return dict(json.loads(done.stdout))

    def hits(self, *args: str | bytes, code: int = 0) -> list[dict[str, Any]]:
        done = self("search", "--json", *args)
        assert done.returncode == code, done.stderr.decode()
        return list(json.loads(done.stdout)["hits"])

    def failures(self) -> dict[str, str]:
        """Reason by file name."""
        done = self("status", "--failures", "--json")
        assert done.returncode == 0, done.stderr.decode()
        return {os.path.basename(one["path"]): one["reason"] for one in json.loads(done.stdout)}


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small CLIP with random weights."""
    from tests.models import builders  # late: it imports torch

    directory = tmp_path_factory.mktemp("clip")
    builders.make_clip(directory)
    return directory


@pytest.fixture
def mmsearch(tmp_path: Path) -> Command:
    folder = tmp_path / "files"
    folder.mkdir()
    return Command(folder, tmp_path / "index")


def draw(path: Path, colour: str, shape: str = "ellipse", size: tuple[int, int] = (96, 96)) -> None:
    """A coloured shape on white."""
    picture = Image.new("RGB", size, "white")
    getattr(ImageDraw.Draw(picture), shape)((16, 16, size[0] - 16, size[1] - 16), fill=colour)
    picture.save(path)


NOTES = {
    "garden.txt": "Tomatoes need six hours of sun a day. Water the vegetable garden early in the morning.",
    "bike.md": "# Bicycle repair\n\nClean the chain, oil it, and check the brakes before a long ride.",
    "trip.html": "<html><body><h1>Train to the sea</h1><p>By night train to the beach.</p></body></html>",
}


@pytest.fixture
def mixed(mmsearch: Command) -> Command:
    """A folder with three pictures and three notes, not yet indexed."""
    for colour in ("red", "green", "blue"):
        draw(mmsearch.cwd / f"{colour}.png", colour)
    for name, text in NOTES.items():
        (mmsearch.cwd / name).write_text(text)
    return mmsearch
