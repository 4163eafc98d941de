"""Every block of code in the README and in docs/ runs, parses, or has a comment above with the reason why not."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch.cli import app

from .blocks import LANGUAGES, Block, blocks

REPOSITORY = Path(__file__).resolve().parents[2]
CORPUS = REPOSITORY / "sample_corpus"
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
BLOCKS = [block for page in PAGES for block in blocks(page)]

posix_only = pytest.mark.skipif(os.name != "posix", reason="the examples are for a POSIX shell")

LINKED = {
    "Pictures/cat.jpg": "pictures/IMG_0007.jpg",
    "Pictures/car.jpg": "pictures/IMG_2041.jpg",
    "Pictures/winter_drive.jpg": "pictures/winter_drive.jpg",
    "Pictures/holidays/cat.jpg": "pictures/IMG_0007.jpg",
    "Pictures/holidays/beach.jpg": "pictures/DSC_0113.jpg",
    "Pictures/holidays/clip.mp4": "videos/clip_01.mp4",
    "Documents/report.pdf": "documents/energy_report.pdf",
    "Documents/invoice.pdf": "documents/inv_0187.pdf",
    "Documents/garden.md": "notes/vegetable_garden.md",
    "Documents/bike.md": "notes/bike_care.md",
    "Documents/shore.mp3": "sounds/shore.mp3",
}
"""File names in the pages, and the files of the corpus used for them."""
QUERIES = "red car\nhow to water tomatoes\n"
QUESTIONS = [
    {"query": "a red car", "relevant": ["Pictures/car.jpg"]},
    {"query": "how to water tomatoes", "relevant": ["Documents/garden.md"]},
]


def block_name(block: Block) -> str:
    return block.name


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory with some files and an index of them."""
    home = tmp_path_factory.mktemp("docs") / "home"
    for name, source in LINKED.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CORPUS / source, home / name)
    for name in ("cat.jpg", "car.jpg"):
        shutil.copyfile(home / "Pictures" / name, home / name)
    (home / "questions.txt").write_text(QUERIES)
    (home / "questions.jsonl").write_text("".join(json.dumps(question) + "\n" for question in QUESTIONS))
    (home / ".bin").mkdir()
    (home / ".mmsearch").mkdir()
    app(["index", str(home), "--index", str(home / ".mmsearch")], standalone_mode=False)
    return home


@pytest.fixture(scope="module")
def ready(prepared: Path) -> Iterator[None]:
    """A fast `mmsearch` command."""
    path = prepared.parent / "socket"
    argv = [sys.executable, "-m", "tests.docs.ready", str(path)]
    process = subprocess.Popen(argv, cwd=REPOSITORY, start_new_session=True)
    client = shlex.join([sys.executable, "-S", str(Path(__file__).parent / "ready.py"), str(path)])
    command = prepared / ".bin" / "mmsearch"
    command.write_text(f'#!/bin/sh\nexec {client} "$@"\n')
    command.chmod(0o755)
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.05)
    yield
    os.killpg(process.pid, signal.SIGKILL)  # and its children
    process.wait()


@pytest.fixture
def home(prepared: Path, ready: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the prepared home, as working directory."""
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("PATH", str(home / ".bin"), prepend=os.pathsep)
    monkeypatch.delenv("MMSEARCH_INDEX", raising=False)
    return home


SHELL = {
    page: [block for block in BLOCKS if block.page == page and block.language in ("sh", "console")] for page in PAGES
}


@posix_only
@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(not block.skip_reason for block in SHELL[page])], ids=lambda page: page.name
)
def test_commands_run(page: Path, home: Path) -> None:
    script = ["set -e -o pipefail"]
    for block in SHELL[page]:
        if not block.skip_reason:
            script += [f"echo '@@ {block.name}' >&2", "cd", block.commands]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    errors = done.stderr.decode("utf-8", "replace")
    assert done.returncode == 0, errors.rpartition("@@ ")[2]
    assert "Traceback" not in errors


@posix_only
@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language == "python" and not block.skip_reason], ids=block_name
)
def test_python_runs(block: Block, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    exec(compile(block.text, block.name, "exec"), {"__name__": "__main__"})
    if "print(" in block.text:
        assert capfd.readouterr().out


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "json"], ids=block_name)
def test_json_parses(block: Block) -> None:
    for part in [block.text] if block.text.startswith(("{\n", "[\n")) else block.text.splitlines():
        json.loads(part)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.skip_reason], ids=block_name)
def test_not_run(block: Block) -> None:
    pytest.skip(f"{block.name}: {block.skip_reason}")


def test_every_block_has_a_known_language() -> None:
    assert not [f"{block.name}: {block.language or 'none'}" for block in BLOCKS if block.language not in LANGUAGES]
    assert len(BLOCKS) > 20
