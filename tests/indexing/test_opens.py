"""How often a file is opened on its way into the index."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.media.make_pdf import pdf

COUNT = """
import collections, json, os, sys
opened = collections.Counter()
def heard(event, args):
    if event == "open" and isinstance(args[0], str) and args[1] is not None:  # else it is the opener of another event
        opened[args[0]] += 1
sys.addaudithook(heard)
from mmsearch.cli import main
from mmsearch.indexing import decoder
decoder.HERE_SECONDS = 1e9
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    print("\\nOPENED", json.dumps({os.path.basename(path): times for path, times in opened.items()}))
"""


def opened(*argv: str) -> dict[str, int]:
    """How often a run of the command opens files, by name."""
    done = subprocess.run([sys.executable, "-c", COUNT, *argv], capture_output=True, text=True, check=True)
    found: dict[str, int] = json.loads(done.stdout.rpartition("OPENED")[2])
    return found


@pytest.mark.parametrize(("jobs", "names"), [("0", ("a.jpg", "a.txt", "a.pdf")), ("1", ("a.jpg", "a.txt"))])
def test_a_file_is_opened_at_most_three_times(tmp_path: Path, jobs: str, names: tuple[str, ...]) -> None:
    files = tmp_path / "files"
    files.mkdir()
    if "a.pdf" in names:
        (files / "a.pdf").write_bytes(pdf(["Tomatoes need sun."], size=(200, 100)))
    Image.new("RGB", (64, 48), "red").save(files / "a.jpg")
    (files / "a.txt").write_text("Tomatoes need sun and water.")
    counts = opened("index", str(files), "--index", str(tmp_path / "index"), "--jobs", jobs)
    assert {name: counts[name] <= 3 for name in names} == dict.fromkeys(names, True), counts
    assert all(counts[name] == (2 if jobs == "0" else 3) for name in names), "to tell what it is, and to decode it"
