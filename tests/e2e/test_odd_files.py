"""A folder of odd files: every good one is indexed, every bad one is listed with a reason."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from .conftest import Command, draw

ENCRYPTED_PDF = (
    b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj
4 0 obj<</Filter/Standard/V 1/R 2/P -4/O<"""
    + b"11" * 32
    + b">/U<"
    + b"22" * 32
    + b""">>>endobj
trailer<</Root 1 0 R/Size 5/Encrypt 4 0 R/ID[<00><00>]>>
%%EOF
"""
)


def odd_folder(folder: Path) -> tuple[set[bytes], set[str]]:
    """Fill a folder; the byte names of its good files and the names of its bad ones."""
    draw(folder / "good.png", "red")
    (folder / "zero.jpg").write_bytes(b"")
    (folder / "truncated.png").write_bytes((folder / "good.png").read_bytes()[:150])
    (folder / "text.jpg").write_text("This is really a note about apple trees.")
    draw(folder / "one.png", "blue", "point", (33, 33))
    from PIL import Image

    Image.new("RGB", (1, 1), "green").save(folder / "pixel.png")
    (folder / "locked.pdf").write_bytes(ENCRYPTED_PDF)
    (folder / "empty.txt").write_bytes(b"")
    (folder / "x.mp4").mkdir()
    (folder / "x.mp4" / "inside.txt").write_text("A file in a folder that is named like a video.")
    os.mkfifo(folder / "pipe.txt")
    (folder / "dangling.txt").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    latin = os.fsencode(folder) + b"/caf\xe9.txt"
    with open(latin, "w") as file:
        file.write("The name of this file is not valid UTF-8.")
    good = {b"good.png", b"text.jpg", b"one.png", b"pixel.png", b"inside.txt", b"caf\xe9.txt"}
    bad = {"zero.jpg", "truncated.png", "locked.pdf", "empty.txt", "pipe.txt", "dangling.txt", "loop"}
    return good, bad


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs and byte names are POSIX")
def test_good_files_are_indexed_and_bad_ones_listed(mmsearch: Command) -> None:
    good, bad = odd_folder(mmsearch.cwd)
    report = mmsearch.report(".", code=5)
    assert report["added"] == len(good)
    assert report["failed"] == len(bad)
    failures = mmsearch.failures()
    assert set(failures) == bad
    assert all(reason and "\n" not in reason for reason in failures.values())
    assert "empty" in failures["zero.jpg"]
    assert "password" in failures["locked.pdf"]
    found = mmsearch("search", "anything", "-l", "-0", "-k", "50").stdout.split(b"\0")[:-1]
    assert {os.path.basename(path) for path in found} == good

    again = mmsearch.report(".", code=0)
    assert (again["embedded"], again["failed"], again["known_failures"]) == (0, 0, len(bad))


def test_retry_failed_tries_again_and_a_mended_file_is_taken(mmsearch: Command) -> None:
    (mmsearch.cwd / "a.txt").write_bytes(b"")
    mmsearch.report(".", code=5)
    assert mmsearch.report(".", "--retry-failed", code=5)["failed"] == 1
    (mmsearch.cwd / "a.txt").write_text("now there is something in it")
    assert mmsearch.report(".")["embedded"] == 1
    assert mmsearch.failures() == {}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_listed_and_taken_once_it_can_be_read(mmsearch: Command) -> None:
    path = mmsearch.cwd / "secret.txt"
    path.write_text("nobody may read this")
    path.chmod(0)
    mmsearch.report(".", code=5)
    assert "cannot be read" in mmsearch.failures()["secret.txt"]
    mmsearch.report(".")
    path.chmod(0o600)
    assert mmsearch.report(".")["embedded"] == 1


def test_an_unknown_kind_of_file_is_counted_not_failed(mmsearch: Command) -> None:
    (mmsearch.cwd / "program.bin").write_bytes(bytes(range(256)) * 20)
    report = mmsearch.report(".")
    assert (report["unsupported"], report["failed"]) == (1, 0)
    assert mmsearch.report(".")["unsupported"] == 1


def test_two_copies_of_a_broken_file_are_both_listed(mmsearch: Command) -> None:
    draw(mmsearch.cwd / "a.png", "red")
    data = (mmsearch.cwd / "a.png").read_bytes()[:120]
    for name in ("b.png", "c.png"):
        (mmsearch.cwd / name).write_bytes(data)
    assert mmsearch.report(".", code=5)["failed"] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no control characters in names there")
def test_no_name_drives_the_terminal(mmsearch: Command) -> None:
    (mmsearch.cwd / "\x1b[31mred\n.txt").write_bytes(b"")
    (mmsearch.cwd / "\x1b[31mword.txt").write_text("a word \x1b[31m in red")
    done = mmsearch("index", ".")
    assert done.returncode == 5
    assert b"\x1b" not in done.stderr
    assert all(line.startswith(b"mmsearch: ") for line in done.stderr.splitlines())
    assert b"\x1b" not in mmsearch("status", "--failures").stdout + mmsearch("search", "word").stdout
