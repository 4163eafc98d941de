"""Pictures in a terminal's protocols can be read back, and terminals are known by what they say of themselves."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mmsearch.output.terminal_images import (
    CELL,
    COLUMNS,
    PROTOCOLS,
    QUESTION,
    ROWS,
    Answer,
    Protocol,
    Screen,
    by_answer,
    by_environment,
    drawn,
    is_complete,
    is_plain,
)
from tests.terminal import Pixels, iterm_pictures, kitty_pictures, sixel_pictures

READERS = {"kitty": kitty_pictures, "iterm": iterm_pictures, "sixel": sixel_pictures}
CLOSE = {"kitty": 0, "iterm": 12, "sixel": 4}
"""Most difference of a plain colour on the way: none without loss, JPEG, and hundredths."""


def chart(height: int, width: int) -> Pixels:
    """Four quarters, each of a colour."""
    picture = np.zeros((height, width, 3), np.uint8)
    for (row, column), colour in zip(
        product((0, 1), (0, 1)), [(220, 30, 30), (30, 200, 40), (20, 40, 230), (250, 250, 250)], strict=True
    ):
        picture[row * height // 2 :, column * width // 2 :] = colour
    return picture


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_picture_is_read_back_pixel_by_pixel(protocol: Protocol) -> None:
    picture = chart(48, 90)
    (found,) = READERS[protocol](drawn(picture, Screen(protocol, 80, 24, (10, 20))).encode())
    assert found.shape == picture.shape
    middle = np.abs(found.astype(int) - picture)[np.ix_([12, 36], [20, 70])]
    assert middle.max() <= CLOSE[protocol]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (7, 3), (1000, 1500), (1500, 1000)])
def test_a_picture_of_any_shape_fits_into_its_room(protocol: Protocol, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    screen = Screen(protocol, 80, 24)
    (found,) = READERS[protocol](drawn(noise, screen).encode())
    assert 1 <= found.shape[0] <= screen.room[1] and 1 <= found.shape[1] <= screen.room[0]
    if protocol != "iterm":  # whose terminals scale it themselves
        assert found.shape[0] <= ROWS * CELL[1] and found.shape[1] <= COLUMNS * CELL[0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_but_one_sequence_is_written(protocol: Protocol) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (80, 96, 3), np.uint8)
    text = drawn(noise, Screen(protocol, 80, 24))
    assert text.isascii() and not {char for char in text if ord(char) < 32} - {"\x1b", "\x07"}
    for command in text.removesuffix("\x07").split("\x1b\\"):
        assert "\x1b" not in command[1:]
    assert "\n" not in text and "c=" not in text.split(";")[0]


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm"),
        ({"TERM": "xterm", "TERM_PROGRAM": "mintty"}, "iterm"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "mlterm"}, "sixel"),
        ({"WT_SESSION": "0b4d"}, "sixel"),
        ({"TERM": "xterm-256color", "WT_SESSION": "0b4d"}, "sixel"),
        # Started from another terminal, whose variables it inherits.
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, None),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "dumb", "TERM_PROGRAM": "iTerm.app"}, None),
        ({"TERM": "linux"}, None),
        ({}, None),
        # Split by a program that places pictures wrongly or not at all.
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux"}, None),
        ({"TERM": "screen-256color", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-1000/default,1,0"}, None),
        ({"TERM": "xterm-kitty", "ZELLIJ": "0"}, None),
    ],
)
def test_terminals_are_known_by_their_variables(environment: dict[str, str], protocol: Protocol | None) -> None:
    assert by_environment(environment) == protocol


def test_simple_and_split_terminals_are_not_even_asked() -> None:
    assert all(map(is_plain, [{}, {"TERM": "dumb"}, {"TERM": "linux"}, {"TERM": "xterm", "STY": "1.pts"}]))
    assert not any(map(is_plain, [{"TERM": "xterm"}, {"WT_SESSION": "1"}, {"TERM": "foot", "TMUX": ""}]))


XTERM = b"\x1bP>|XTerm(379)\x1b\\\x1b[6;20;10t\x1b[?64;1;2;4;6;9;15;16;17;18;21;22;28c"


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        (XTERM, Answer("sixel", (10, 20))),
        (XTERM.replace(b";4;", b";"), Answer(None, (10, 20))),
        (b"\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.35)\x1b\\\x1b[6;36;17t\x1b[?62;c", Answer("kitty", (17, 36))),
        (b"\x1b_Gi=31;ENOTSUP\x1b\\\x1b[?62;4c", Answer("sixel")),
        (b"\x1b_Gi=31;OK\x1b\\\x1bP>|WezTerm 20240203\x1b\\\x1b[?65;4;6;18;22c", Answer("iterm")),
        (b"\x1bP>|iTerm2 3.5.0\x1b\\\x1b[?62;4c", Answer("iterm")),
        (b"\x1b[?4c", Answer()),  # a VT132, which is no terminal with sixels
        (b"\x1b[?1;2c", Answer()),
        (b"\x1b[6;0;0t\x1b[?1;2c", Answer()),
        (b"", Answer()),
        (b"4;44c \x1b[?", Answer()),
    ],
)
def test_terminals_are_known_by_what_they_answer(answer: bytes, meant: Answer) -> None:
    assert by_answer(answer) == meant


def test_an_answer_is_complete_with_what_every_terminal_says_last() -> None:
    assert QUESTION.count(b"\x1b[c") == 1
    assert is_complete(XTERM)
    assert not any(is_complete(XTERM[:end]) for end in range(len(XTERM)))
