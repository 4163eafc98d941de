"""A terminal for the tests: runs a command on a pty, answers what it asks, and reads pictures out of what it writes.

Small decoders of the three protocols, written from their descriptions and not from how mmsearch encodes.
"""

from __future__ import annotations

import io
import os
import re
import select
import struct
import subprocess
import time
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]


def run(
    argv: Sequence[str | bytes],
    env: Mapping[str, str],
    cwd: Path,
    size: tuple[int, int, int, int] = (40, 100, 1000, 800),
    answer: Callable[[bytes], bytes] = lambda seen: b"",
    typed: bytes = b"",
) -> tuple[int, bytes, bytes]:
    """The exit code of a command, what it wrote to its terminal, and what was left in the terminal's input.

    Args:
        argv, env, cwd: what runs where.
        size: rows, columns, and the pixels of the whole screen, width first.
        answer: what the terminal says to what was written since it last said something.
        typed: keys that were hit before the command starts.
    """
    import fcntl
    import pty
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size))
    child = subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  # nothing else runs here yet
    )
    if typed:
        os.write(master, typed)
    written, heard = b"", 0
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([master], [], [], 0.05)[0]:
            written += os.read(master, 1 << 16)
            if said := answer(written[heard:]):
                os.write(master, said)
                heard = len(written)
        elif child.poll() is not None:
            break
    else:
        child.kill()
        raise AssertionError("the command does not end")
    mode = termios.tcgetattr(slave)
    assert mode[3] & termios.ECHO and mode[3] & termios.ICANON, "the terminal is as it was"
    mode[3] &= ~termios.ICANON
    termios.tcsetattr(slave, termios.TCSANOW, mode)
    left = os.read(slave, 4096) if select.select([slave], [], [], 0.1)[0] else b""
    os.close(master)
    os.close(slave)
    return child.wait(), written, left


def kitty_pictures(written: bytes) -> list[Pixels]:
    """The pictures in kitty's protocol, uint8 `(h, w, 3)`."""
    found, data = [], b""
    for keys, payload in re.findall(rb"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", written):
        values = dict(pair.split(b"=") for pair in keys.split(b","))
        assert len(payload) <= 4096 and (data or (values[b"a"] == b"T" and values[b"f"] == b"100"))
        data += payload
        if values[b"m"] == b"0":
            found.append(_opened(b64decode(data)))
            data = b""
    assert not data
    return found


def iterm_pictures(written: bytes) -> list[Pixels]:
    """The pictures in iTerm2's protocol, uint8 `(h, w, 3)`."""
    found = []
    for keys, payload in re.findall(rb"\x1b\]1337;File=([^:]*):([A-Za-z0-9+/=]*)\x07", written):
        values = dict(pair.split(b"=") for pair in keys.split(b";"))
        data = b64decode(payload)
        assert values[b"inline"] == b"1" and int(values[b"size"]) == len(data)
        found.append(_opened(data))
    return found


def sixel_pictures(written: bytes) -> list[Pixels]:
    """The pictures in sixels, uint8 `(h, w, 3)`; every pixel must have been drawn."""
    found = []
    for body in re.findall(rb"\x1bP[\d;]*q([^\x1b]*)\x1b\\", written):
        width, height = map(int, re.match(rb'"1;1;(\d+);(\d+)', body).groups())  # type: ignore[union-attr]
        picture, drawn = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), bool)
        palette: dict[int, list[float]] = {}
        x = y = colour = 0
        for defined, rgb, chosen, count, letter in _TOKENS.findall(body[body.index(b"#") :]):
            if defined:
                palette[int(defined)] = [int(share) * 2.55 for share in rgb.split(b";")]
            elif chosen:
                colour = int(chosen)
            elif letter == b"$":
                x = 0
            elif letter == b"-":
                x, y = 0, y + 6
            else:
                times = int(count or 1)
                for bit in range(6):
                    if (letter[0] - 63) >> bit & 1:
                        picture[y + bit, x : x + times] = palette[colour]
                        drawn[y + bit, x : x + times] = True
                x += times
        assert drawn.all()
        found.append(picture)
    return found


_TOKENS = re.compile(rb"#(\d+);2;(\d+;\d+;\d+)|#(\d+)|(?:!(\d+))?([?-~$-])")


def _opened(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        assert not image.info.keys() - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        return np.array(image.convert("RGB"))
