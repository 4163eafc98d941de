"""Pictures beside the hits on a terminal that shows them: asks the terminal, has small pictures read, and draws them.

Lines come first and pictures follow into the room that is left for them, each as soon as it is read, while that room
is still on the screen. Files are read within the limits of an index run, in worker processes where they are large or
of a kind that is known for trouble.
"""

from __future__ import annotations

import logging
import os
import select
import shutil
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from mmsearch.cli.common import complain, emit
from mmsearch.errors import MmsearchError, OutsideIndex, UsageError

if TYPE_CHECKING:
    from mmsearch.output.terminal_images import Screen
    from mmsearch.types import Hit, LoaderSettings, Picture

VARIABLE = "MMSEARCH_PICTURES"
PATIENCE = 10.0
"""Seconds that a file may take without a sign of progress; who looks at hits waits no two minutes for one picture."""
ANSWER_SECONDS = 1.0
"""Terminals answer in milliseconds, over a slow line in tenths of a second; one that never does costs this once."""
LEAST_COLUMNS = 50


def screen(wanted: bool | None) -> Screen | None:
    """The terminal that stdout is, if pictures are wanted (None: as the environment says) and it shows them.

    Raises:
        UsageError: the environment names a protocol that is none.
    """
    how = os.environ.get(VARIABLE, "").strip().lower() or "never"
    if wanted is False or (wanted is None and how == "never") or not sys.stdout.isatty():
        return None
    from mmsearch.output import terminal_images

    if how not in ("auto", "never", *terminal_images.PROTOCOLS):
        raise UsageError(f"{VARIABLE}={how}: choose from auto, never, {', '.join(terminal_images.PROTOCOLS)}")
    named = next((protocol for protocol in terminal_images.PROTOCOLS if protocol == how), None)
    protocol, cell = named or terminal_images.by_environment(os.environ), _cell()
    if not (protocol and cell) and not terminal_images.is_plain(os.environ):
        said = terminal_images.by_answer(_asked(terminal_images.QUESTION))
        protocol, cell = protocol or said.protocol, cell or said.cell
    if protocol is None:
        if wanted:
            complain(f"no pictures: this terminal is not known to show them; {VARIABLE}=sixel, kitty or iterm insists")
        return None
    columns, rows = shutil.get_terminal_size()
    if columns < LEAST_COLUMNS or rows < terminal_images.ROWS + 2:
        return None
    return terminal_images.Screen(protocol, columns, rows, cell or terminal_images.CELL)


def show(
    found: Sequence[Hit], settings: LoaderSettings, on: Screen, explain: bool, may_read: Callable[[str], bool]
) -> None:
    """Write the hits, at least one, as a table, with small pictures of those that have any and may be read."""
    from mmsearch.media import seen_as
    from mmsearch.output.tables import hit_blocks
    from mmsearch.output.terminal_images import COLUMNS, ROWS, drawn

    pictured = [bool(seen_as(hit.item)) and not hit.stale for hit in found]
    shown = [one and may_read(hit.item.path) for hit, one in zip(found, pictured, strict=True)]
    if shown != pictured:
        complain(f"warning: no pictures: {OutsideIndex()}")
        pictured = shown
    room = (COLUMNS, ROWS)
    names, blocks = hit_blocks(found, pictured, room, width=on.columns, base=os.getcwd(), explain=explain)
    seen = [hit for hit, one in zip(found, pictured, strict=True) if one]
    emit(names)
    with _quiet(), _Glimpses(seen, settings, on) as glimpses:
        for place, above in _steps([block.count("\n") for block in blocks], pictured, on.rows):
            if not above:
                emit(blocks[place])
            elif (picture := glimpses.of(found[place])) is not None and above < on.rows:
                _draw(drawn(picture, on), above)


def _steps(heights: Sequence[int], pictured: Sequence[bool], rows: int) -> Iterator[tuple[int, int]]:
    """What to do in turn: the place of a hit to be written, with 0, or to be drawn, with how many lines above it began.

    Pictures wait as long as the line where they begin stays among the `rows` of the screen.
    """
    waiting: deque[tuple[int, int]] = deque()
    line = 0
    for place, height in enumerate(heights):
        while waiting and line + height - waiting[0][1] >= rows:
            at, began = waiting.popleft()
            yield at, line - began
        yield place, 0
        waiting.extend([(place, line)] * pictured[place])
        line += height
    yield from ((at, line - began) for at, began in waiting)


def _draw(picture: str, above: int) -> None:
    """Write a picture so many lines above the cursor, which then is where it was."""
    try:
        emit(f"\x1b7\x1b[{above}A\r{picture}\x1b8")
    except BaseException:
        emit("\x1b\\\x1b8")  # else the terminal would take what comes next for the rest of the picture
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings meanwhile: each would be a line more above the cursor."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class _Glimpses:
    """Small pictures of hits, read ahead in the order given. A context manager."""

    def __init__(self, hits: Sequence[Hit], settings: LoaderSettings, on: Screen) -> None:
        from mmsearch import scan
        from mmsearch.indexing.decode import DecodeRequest
        from mmsearch.indexing.decoder import BackgroundDecoder
        from mmsearch.indexing.pool import Limits, default_jobs
        from mmsearch.media import seen_as

        side = max(on.room)
        small = replace(settings, exact=False, image_fit=None, image_side=side, page_side=side)
        self._decoder = BackgroundDecoder(Limits(max(1, min(default_jobs(), len(hits))), PATIENCE), small)
        self._pictures = {
            hit.rank: self._decoder.submit(
                DecodeRequest(entry, hit.item.digest, seen_as(hit.item), replace(hit.item, text=""))
            )
            for hit in hits
            if isinstance(entry := scan.entry(hit.item.path), scan.Entry)
        }

    def __enter__(self) -> _Glimpses:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.close()

    def of(self, hit: Hit) -> Picture | None:
        """The picture of a hit, None if there is none to be had; waits for it."""
        future = self._pictures.pop(hit.rank, None)
        try:
            return cast("Picture", future.result()[0]) if future else None
        except MmsearchError:
            return None


def _cell() -> tuple[int, int] | None:
    """Pixels of a cell of the terminal that stdout is, width first; None if the system does not know."""
    try:
        import fcntl
        import termios

        found = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
    except (ImportError, OSError):
        return None
    rows, columns, width, height = struct.unpack("HHHH", found)
    return (width // columns, height // rows) if rows and columns and width >= columns and height >= rows else None


def _asked(question: bytes) -> bytes:
    """What the terminal answers, read to the end; nothing where one cannot ask without taking what somebody types."""
    try:
        import termios

        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except (ImportError, OSError):
        return b""
    answer = b""
    with suppress(OSError, termios.error), os.fdopen(terminal, "r+b", buffering=0), _unechoed(terminal):
        if not select.select([terminal], [], [], 0)[0]:
            os.write(terminal, question)
            answer = _answer(terminal)
    return answer


@contextmanager
def _unechoed(terminal: int) -> Iterator[None]:
    """What comes from the terminal can be read at once and is not shown; raises OSError in the background."""
    import termios
    import tty

    if os.tcgetpgrp(terminal) != os.getpgrp():
        raise OSError("a process in the background is stopped when it changes the terminal")
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSADRAIN)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _answer(terminal: int) -> bytes:
    import termios

    from mmsearch.output.terminal_images import is_complete

    answer, end = b"", time.monotonic() + ANSWER_SECONDS
    while not is_complete(answer):
        if not select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]:
            termios.tcflush(terminal, termios.TCIFLUSH)
            break
        answer += os.read(terminal, 1024)
    return answer
