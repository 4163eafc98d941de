"""Pictures in a terminal: finds its protocol, and writes pictures in it.

All output is made from pixels, as base64 or sixels, and contains no byte of a picture's file. Knows no files, no hits
and no handles; the answer of a terminal comes as bytes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from mmsearch.types import Picture

Protocol: TypeAlias = Literal["kitty", "iterm", "sixel"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

COLUMNS, ROWS = 12, 5
"""Room for a picture, in cells of the terminal."""
CELL = (8, 16)
"""Assumed pixels of a cell: small, so that a picture leaves room rather than covers the next line."""
COLOURS = 128
"""Of a picture in sixels; more take longer to send, and are not visible in such small pictures."""

_BY_TERM: dict[str, Protocol] = {
    "xterm-kitty": "kitty",
    "xterm-ghostty": "kitty",
    "foot": "sixel",
    "foot-extra": "sixel",
    "foot-direct": "sixel",
    "mlterm": "sixel",
    "yaft-256color": "sixel",
}
_BY_PROGRAM: dict[str, Protocol] = {
    "iTerm.app": "iterm",
    "WezTerm": "iterm",
    "mintty": "iterm",
    "rio": "iterm",
    "ghostty": "kitty",
    "contour": "sixel",
}
_BY_VARIABLE: dict[str, Protocol] = {
    "KITTY_WINDOW_ID": "kitty",
    "GHOSTTY_RESOURCES_DIR": "kitty",
    "WT_SESSION": "sixel",
}
"""Variables of a terminal that programs started from it inherit, other terminals too: everything else goes first."""
_SPLITTERS = ("TMUX", "STY", "ZELLIJ")
_DUMB = ("", "dumb", "unknown", "linux")

QUESTION = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\" + b"\x1b[>q" + b"\x1b[16t" + b"\x1b[c" + b"\r\x1b[K"
"""Asks for kitty's protocol, the name, the pixels of a cell, and the device attributes. Every terminal answers the
last, in order, so nothing comes after that. A simple terminal prints some of the others, so the line is cleared."""
_OWN_NAMES = ("iTerm2", "WezTerm", "mintty")

_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Screen:
    """A terminal that shows pictures: its protocol, its size in cells, and the pixels of a cell, width first."""

    protocol: Protocol
    columns: int
    rows: int
    cell: tuple[int, int] = CELL

    @property
    def room(self) -> tuple[int, int]:
        """Maximum pixels of a picture, width first."""
        # Terminals that scale to the pixels of a sharp screen call half of them a pixel.
        sharp = 2 if self.protocol == "iterm" else 1
        return COLUMNS * self.cell[0] * sharp, ROWS * self.cell[1] * sharp


@dataclass(frozen=True, slots=True)
class Answer:
    """The parsed reply of a terminal."""

    protocol: Protocol | None = None
    cell: tuple[int, int] | None = None


def is_plain(environment: Mapping[str, str]) -> bool:
    """True for a simple terminal, which shows no pictures, and a split one, which would misplace them."""
    term = environment.get("TERM", "" if "WT_SESSION" not in environment else "windows")
    return term in _DUMB or term.startswith(("screen", "tmux")) or any(environment.get(name) for name in _SPLITTERS)


def by_environment(environment: Mapping[str, str]) -> Protocol | None:
    """The protocol of a terminal that is known by its variables; None if it should be asked."""
    if is_plain(environment):
        return None
    program = environment.get("TERM_PROGRAM", "")
    if match := _BY_TERM.get(environment.get("TERM", "")) or _BY_PROGRAM.get(program):
        return match
    if program:
        return None  # the other variables may be those of the terminal that this one was started from
    if environment.get("LC_TERMINAL") == "iTerm2":  # of all variables this one goes along to other machines
        return "iterm"
    return next((protocol for name, protocol in _BY_VARIABLE.items() if environment.get(name)), None)


def is_complete(reply: bytes) -> bool:
    """True if this is the whole answer to `QUESTION`."""
    return bool(_IDENTITY.search(reply))


_IDENTITY = re.compile(rb"\x1b\[\?([\d;]*)c")


def by_answer(reply: bytes) -> Answer:
    """Parse the answer to `QUESTION`."""
    size = re.search(rb"\x1b\[6;(\d{1,3});(\d{1,3})t", reply)
    cell = (int(size[2]), int(size[1])) if size and int(size[1]) and int(size[2]) else None
    name = re.search(rb"\x1bP>\|([^\x1b]*)", reply)
    identity = _IDENTITY.search(reply)
    protocol: Protocol | None = None
    if name and name[1].decode("latin-1").startswith(_OWN_NAMES):
        protocol = "iterm"
    elif b"\x1b_Gi=31;OK" in reply:
        protocol = "kitty"
    elif identity and b"4" in identity[1].split(b";")[1:]:
        protocol = "sixel"
    return Answer(protocol, cell)


def drawn(picture: Picture, screen: Screen) -> str:
    """ASCII that shows a uint8 `(h, w, 3)` picture at the cursor, and leaves the cursor anywhere."""
    from mmsearch.media import encode_image

    return _WRITERS[screen.protocol](encode_image.shrunk(picture, *screen.room))


def kitty(picture: Picture) -> str:
    """A picture pixel by pixel in kitty's graphics protocol, without an answer and without moving the cursor."""
    from mmsearch.media import encode_image

    data = b64encode(encode_image.png(picture)).decode()
    chunks = [data[offset : offset + _CHUNK] for offset in range(0, len(data), _CHUNK)]
    keys = ["a=T,f=100,q=2,C=1,", *["q=2,"] * (len(chunks) - 1)]
    continues = [*[1] * (len(chunks) - 1), 0]
    return "".join(f"\x1b_G{key}m={left};{part}\x1b\\" for key, left, part in zip(keys, continues, chunks, strict=True))


def iterm(picture: Picture) -> str:
    """A picture in iTerm2's protocol, as large as the room for it allows."""
    from mmsearch.media import encode_image

    data = encode_image.jpeg(picture, max(picture.shape[:2]))
    keys = f"inline=1;size={len(data)};width={COLUMNS};height={ROWS};preserveAspectRatio=1"
    return f"\x1b]1337;File={keys}:{b64encode(data).decode()}\x07"


def sixel(picture: Picture) -> str:
    """A picture in sixels, six rows of pixels at a time; a shorter rest is cut off: it could scroll the screen."""
    from mmsearch.media import encode_image

    height = max(picture.shape[0] // 6 * 6, min(picture.shape[0], 6))
    pixels, colours = encode_image.quantize(np.ascontiguousarray(picture[:height]), COLOURS)
    shares = (colours.astype(int) * 100 + 127) // 255
    palette = "".join(f"#{number};2;{r};{g};{b}" for number, (r, g, b) in enumerate(shares))
    bands = "-".join("$".join(_band(pixels[top : top + 6])) for top in range(0, height, 6))
    return f'\x1bP0;1q"1;1;{pixels.shape[1]};{height}{palette}{bands}\x1b\\'


def _band(pixels: npt.NDArray[np.uint8]) -> Iterator[str]:
    """One row of sixels for each colour that a band of at most six rows has: bit 0 is the uppermost pixel."""
    weights = 1 << np.arange(len(pixels))
    for colour in np.unique(pixels):
        row = weights @ (pixels == colour)
        text = (row + 63).astype(np.uint8).tobytes().decode("ascii").rstrip("?")
        yield f"#{colour}" + _RUN.sub(lambda run: f"!{len(run[0])}{run[1]}", text)


_RUN = re.compile(r"(.)\1{3,}")
_WRITERS: dict[Protocol, Callable[[Picture], str]] = {"kitty": kitty, "iterm": iterm, "sixel": sixel}
