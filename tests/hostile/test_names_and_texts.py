"""Names and texts that would drive a terminal, and texts and queries that look like paths and addresses."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from tests.e2e.conftest import Command
from tests.hostile.judge import controls
from tests.media.make_pdf import pdf

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="terminals, FIFOs and byte names are POSIX")

ESCAPES = "\x1b[31m\x1b]0;title\x07\x9b2J\u202eexe\u2066"


@pytest.fixture
def mmsearch(tmp_path: Path) -> Command:
    folder = tmp_path / "files"
    folder.mkdir()
    return Command(folder, tmp_path / "index")


def on_a_terminal(mmsearch: Command, *args: str) -> bytes:
    """All that a command shows on a terminal that is its stdout and stderr."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        mmsearch.argv(*args), cwd=mmsearch.cwd, env=mmsearch.env(), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # a terminal whose last user has gone is an error on Linux
        while part := os.read(ours, 1 << 16):
            shown += part
    os.close(ours)
    process.wait()
    return shown


def plant_escapes(folder: Path) -> None:
    """Escapes in names, a text, a page's title, a picture's notes and a PDF; one good and one bad file of each name."""
    (folder / f"note{ESCAPES}.txt").write_text(f"a garden {ESCAPES} with tomatoes")
    (folder / f"bad{ESCAPES}.txt").write_bytes(b"")
    (folder / f"page{ESCAPES}.html").write_text(f"<html><title>{ESCAPES}</title><p alt='{ESCAPES}'>a garden")
    (folder / "broken\x1b[2J.pdf").write_bytes(b"%PDF-1.4\n" + ESCAPES.encode() * 9)
    (folder / "garden.pdf").write_bytes(pdf(["a garden \x1b[31m"]))
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Title", ESCAPES)
    Image.new("RGB", (20, 20), "green").save(folder / f"p{ESCAPES}.png", pnginfo=notes)


def test_no_command_shows_a_control_character_of_a_file(mmsearch: Command) -> None:
    plant_escapes(mmsearch.cwd)
    shown = {"index": mmsearch("index", ".")}
    for args in (
        ("status", "--failures"), ("status", "--failures", "--json"), ("search", "garden"),
        ("search", "garden", "--json", "--explain"), ("search", "garden", "--image", f"gone{ESCAPES}.png"),
    ):  # fmt: skip
        shown[" ".join(args)] = mmsearch(*args)
    bad = {name: found for name, done in shown.items() if (found := controls(done.stdout + done.stderr))}
    assert not bad
    assert shown["search garden"].stdout.count(b"\n") > 3


def test_a_terminal_gets_no_escape_of_a_file_and_a_pipe_every_byte(mmsearch: Command) -> None:
    plant_escapes(mmsearch.cwd)
    bar = on_a_terminal(mmsearch, "index", ".").decode("utf-8", "replace")
    assert "failed: " in bar
    assert not any(bad in bar for bad in ("\x1b[31m", "\x1b]0;", "\x9b", "\u202e", "\u2066", "\x1b[2J"))
    for form in ("-l", "--format=csv"):
        shown = on_a_terminal(mmsearch, "search", "garden", form)
        assert not controls(shown.replace(b"\r\n", b"\n"))
        assert b"note" in shown
    paths = mmsearch("search", "garden", "-l", "-0").stdout.split(b"\0")
    assert os.fsencode(mmsearch.cwd / f"note{ESCAPES}.txt") in paths


def test_nothing_that_a_text_or_a_query_names_is_opened(mmsearch: Command) -> None:
    """Whoever opened the named FIFO would wait at it, or be there when it is looked for."""
    bait = mmsearch.cwd.parent / "bait.png"
    os.mkfifo(bait)
    address = bait.as_uri()
    (mmsearch.cwd / "path.txt").write_text(f"{bait}\n")
    (mmsearch.cwd / "address.txt").write_text(f"{address}\n")
    (mmsearch.cwd / "data.txt").write_text("data:text/plain;base64,QUJD\n")
    (mmsearch.cwd / "page.html").write_text(f"<html><img src='{address}' alt='bait'><link href='{bait}'>")
    (mmsearch.cwd / "drawing.svg").write_text(f"<svg><image href='{address}'/><text>{bait}</text></svg>")
    (mmsearch.cwd / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:9,\n{address}\n#EXT-X-ENDLIST\n")
    (mmsearch.cwd / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{bait}'\n")
    (mmsearch.cwd / "link.pdf").write_bytes(pdf([str(bait)]))
    (mmsearch.cwd / "picture.md").write_text(f"![a picture]({bait})\n")
    assert mmsearch.report(".")["added"] == 9
    queries = (str(bait), address, "data:image/png;base64,iVBORw0KGgo=", "http://127.0.0.1:9/bait.png", "@path.txt")
    lines = "\n".join((*queries, json.dumps({"query": str(bait), "not": address}))).encode()
    assert mmsearch("search", "--queries", "-", "--jsonl", "--rerank", stdin=lines).returncode == 0
    assert mmsearch("search", address).returncode == 0
    with pytest.raises(OSError) as nobody:
        os.open(bait, os.O_WRONLY | os.O_NONBLOCK)
    assert nobody.value.errno == errno.ENXIO
