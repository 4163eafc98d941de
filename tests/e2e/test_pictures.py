"""Pictures beside hits, by the real command on a pseudo-terminal, and none anywhere else."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests import terminal
from tests.media.make_av import shots, write_video
from tests.media.make_pdf import pdf

from .conftest import Command, draw

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

KITTY = {"TERM": "xterm-kitty"}
ITERM = {"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}
FOOT = {"TERM": "foot"}
XTERM = {"TERM": "xterm-256color"}
VARIABLES = (
    *("TERM", "TERM_PROGRAM", "LC_TERMINAL", "KITTY_WINDOW_ID", "GHOSTTY_RESOURCES_DIR", "WT_SESSION"),
    *("TMUX", "STY", "ZELLIJ", "COLUMNS", "LINES", "MMSEARCH_PICTURES"),
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Two pictures, a PDF, a clip and a note, indexed; not to be changed."""
    command = Command(tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("index") / "index")
    for colour in ("red", "blue"):
        draw(command.cwd / f"{colour}.png", colour, size=(160, 96))
    (command.cwd / "paper.pdf").write_bytes(pdf(["", "Second page"]))
    write_video(command.cwd / "clip.mp4", shots([(30, 180, 40)], 2))
    (command.cwd / "note.txt").write_text("Red and blue make purple.")
    command.report(".")
    return command


def search(
    command: Command,
    environment: dict[str, str],
    *args: str,
    answer: Callable[[bytes], bytes] = lambda seen: b"",
    typed: bytes = b"",
    rows: int = 40,
) -> tuple[bytes, bytes]:
    """What a search writes to a terminal, and what it leaves to be read from it."""
    env = {name: value for name, value in command.env().items() if name not in VARIABLES}
    size = (rows, 100, 1000, rows * 20) if environment is not XTERM else (rows, 100, 0, 0)
    argv = command.argv("search", "--mode", "dense", *(args or ("a red circle", "--pictures")))
    code, written, left = terminal.run(argv, {**env, **environment}, command.cwd, size, answer, typed)
    assert code == 0 and b"Traceback" not in written, written.decode()
    return written, left


def plain(written: bytes) -> str:
    """What a terminal shows of it, without pictures and colours."""
    text = re.sub(
        rb"\x1b[_P].*?\x1b\\|\x1b\].*?(?:\x07|\x1b\\)|\x1b\[[\d;]*[A-Za-z]|\x1b[78]", b"", written, flags=re.S
    )
    return text.decode().replace("\r", "")


@pytest.mark.parametrize(("environment", "read"), [(KITTY, "kitty"), (ITERM, "iterm"), (FOOT, "sixel")])
def test_each_hit_that_can_be_seen_has_its_picture(pictures: Command, environment: dict[str, str], read: str) -> None:
    written, left = search(pictures, environment)
    order = re.findall(r"^ *\d+ (\S+)", plain(written), re.M)
    assert sorted(order) == ["blue.png", "clip.mp4", "note.txt", "paper.pdf", "red.png"]
    found = getattr(terminal, f"{read}_pictures")(written)
    middles = [one[one.shape[0] // 2, one.shape[1] // 2].astype(int) for one in found]
    wanted = {"red.png": (255, 0, 0), "blue.png": (0, 0, 255), "clip.mp4": (30, 180, 40)}
    seen = [name for name in order if name != "note.txt"]
    assert len(found) == len(seen)
    assert written.rindex(b"\n") < written.index(b"\x1b7"), "all lines fit on the screen, so they come first"
    for name, middle in zip(seen, middles, strict=True):
        assert name == "paper.pdf" or np.abs(middle - wanted[name]).max() < 40, (name, middle)
    assert left == b""


def lines_of_pictures(written: bytes, rows: int) -> list[int]:
    """The line, counted from the first, at which each picture is drawn, all of them still on a screen of `rows`."""
    line, places = 0, []
    for up, feed in re.findall(rb"\x1b7\x1b\[(\d+)A\r|(\n)", written):
        line += bool(feed)
        if up:
            assert int(up) < rows
            places.append(line - int(up))
    return places


@pytest.mark.parametrize("rows", [8, 13])
def test_pictures_stand_at_the_line_of_their_hit_on_any_screen(pictures: Command, rows: int) -> None:
    written, _ = search(pictures, KITTY, rows=rows)
    lines = plain(written).split("\n")
    numbered = [number for number, text in enumerate(lines) if re.match(r" *\d+ \S", text) and "note" not in text]
    assert lines_of_pictures(written, rows) == numbered


def test_a_pipe_and_other_formats_get_no_pictures(pictures: Command) -> None:
    asked = {**KITTY, "MMSEARCH_PICTURES": "kitty"}
    piped = replace(pictures, environment=asked)("search", "red", "--pictures")
    assert b"red.png" in piped.stdout and b"\x1b" not in piped.stdout
    for form in (["--json"], ["-l"]):
        assert b"\x1b" not in search(pictures, asked, "red", "--pictures", *form)[0]


def test_a_terminal_that_nobody_knows_is_asked(pictures: Command) -> None:
    def xterm(seen: bytes) -> bytes:
        return b"\x1bP>|XTerm(379)\x1b\\\x1b[6;20;10t\x1b[?64;1;4;22c" if b"\x1b[c" in seen else b""

    written, left = search(pictures, XTERM, "red", "--pictures", answer=xterm)
    assert len(terminal.sixel_pictures(written)) == 4
    assert left == b""
    written, left = search(pictures, XTERM, "red", "--pictures", answer=lambda s: b"\x1b[?1;2c" * (b"\x1b[c" in s))
    assert b"\x1bP" not in written and left == b""
    assert "no pictures: this terminal is not known to show them" in plain(written)


def test_a_terminal_that_says_nothing_is_not_waited_for_and_typed_keys_stay(pictures: Command) -> None:
    written, _ = search(pictures, XTERM, "red", "--pictures")
    assert "no pictures" in plain(written) and "red.png" in plain(written)
    written, left = search(pictures, XTERM, "red", "--pictures", typed=b"ls -l")
    assert b"\x1b[c" not in written, "its answer could not be told from what is typed"
    assert left == b"ls -l"


def test_a_file_that_cannot_be_read_costs_its_picture_and_no_name_is_a_command(mmsearch: Command) -> None:
    colours = {"red.png": "red", "blue.png": "blue", "gone.png": "green", "a\x1b_Ga=d\x1b\\\u2028\ue000.png": "orange"}
    for name, colour in colours.items():
        draw(mmsearch.cwd / name, colour)
    mmsearch.report(".")
    (mmsearch.cwd / "blue.png").write_bytes(b"no picture any more")
    (mmsearch.cwd / "gone.png").unlink()
    (mmsearch.cwd / "q.txt").write_text("\x1b]1337;File=inline=1:AAAA\x07 red\n")
    written, _ = search(mmsearch, KITTY, "--queries", "q.txt", "--pictures")
    assert len(terminal.kitty_pictures(written)) == 2
    assert "blue.png  image (changed since)" in plain(written)
    assert b"\x1b_Ga=d" not in written and b"\x1b]1337" not in written
