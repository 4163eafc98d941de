"""Pictures beside the hits, on terminals that show them.

The lines are written first, with room for the pictures. Each picture is drawn as soon as it is read, while its room is
still on the screen. Files are read within the limits of an index run; large or troublesome ones in worker processes.
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

from mmsearch.cli.common import log_line, write_stdout
from mmsearch.cli.options import PICTURES
from mmsearch.errors import MmsearchError, OutsideIndex, UsageError

if TYPE_CHECKING:
    from mmsearch.output.hit_list import Matches
    from mmsearch.output.terminal_images import Screen
    from mmsearch.types import Hit, LoaderSettings, Picture

PATIENCE = 10.0
"""Seconds a file may take without progress: nobody waits two minutes for a picture beside a hit."""
ANSWER_SECONDS = 1.0
"""Terminals answer in milliseconds, over a slow line in tenths of a second; one that never answers costs this once."""
LEAST_COLUMNS = 50


def screen(enabled: bool | None) -> Screen | None:
    """The terminal that stdout is, if it shows pictures and they are wanted; None lets the environment decide.

    Raises:
        UsageError: the environment names an unknown protocol.
    """
    choice = os.environ.get(PICTURES, "").strip().lower() or "never"
    if enabled is False or (enabled is None and choice == "never") or not sys.stdout.isatty():
        return None
    from mmsearch.output import terminal_images

    if choice not in ("auto", "never", *terminal_images.PROTOCOLS):
        raise UsageError(f"{PICTURES}={choice}: choose from auto, never, {', '.join(terminal_images.PROTOCOLS)}")
    forced = next((protocol for protocol in terminal_images.PROTOCOLS if protocol == choice), None)
    protocol, cell = forced or terminal_images.by_environment(os.environ), _cell_size()
    if not (protocol and cell) and not terminal_images.is_plain(os.environ):
        reply = terminal_images.by_answer(_ask_terminal(terminal_images.QUESTION))
        protocol, cell = protocol or reply.protocol, cell or reply.cell
    if protocol is None:
        if enabled:
            log_line(f"no pictures: this terminal is not known to show them; {PICTURES}=sixel, kitty or iterm insists")
        return None
    columns, rows = shutil.get_terminal_size()
    if columns < LEAST_COLUMNS or rows < terminal_images.ROWS + 2:
        return None
    return terminal_images.Screen(protocol, columns, rows, cell or terminal_images.CELL)


def show(
    results: Sequence[Hit],
    settings: LoaderSettings,
    terminal: Screen,
    explain: bool,
    may_read: Callable[[str], bool],
    matches: Matches,
) -> None:
    """Write the hits, at least one, as a table, with small pictures of those that have one and may be read."""
    from mmsearch.media import preview_kind
    from mmsearch.output.hit_list import hit_blocks
    from mmsearch.output.terminal_images import COLUMNS, ROWS, drawn

    pictured = [bool(preview_kind(hit.item)) and not hit.stale for hit in results]
    allowed = [has_preview and may_read(hit.item.path) for hit, has_preview in zip(results, pictured, strict=True)]
    if allowed != pictured:
        log_line(f"warning: no pictures: {OutsideIndex()}")
    room = (COLUMNS, ROWS)
    header, blocks = hit_blocks(
        results, allowed, room, width=terminal.columns, base=os.getcwd(), explain=explain, matches=matches
    )
    write_stdout(header)
    visible = [hit for hit, is_allowed in zip(results, allowed, strict=True) if is_allowed]
    with _no_warnings(), _Pictures(visible, settings, terminal) as pictures:
        for position, above in _steps([block.count("\n") for block in blocks], allowed, terminal.rows):
            if not above:
                write_stdout(blocks[position])
            elif (picture := pictures.get(results[position])) is not None and above < terminal.rows:
                try:
                    write_stdout(f"\x1b7\x1b[{above}A\r{drawn(picture, terminal)}\x1b8")  # and the cursor back
                except BaseException:
                    write_stdout("\x1b\\\x1b8")  # else the terminal would read further output as part of it
                    raise


def _steps(heights: Sequence[int], pictured: Sequence[bool], rows: int) -> Iterator[tuple[int, int]]:
    """The positions of hits in the order of output: `(position, 0)` to write one, `(position, lines)` to draw its
    picture so many lines above the cursor.

    A picture waits as long as its first line stays among the `rows` of the screen.
    """
    waiting: deque[tuple[int, int]] = deque()
    line = 0
    for position, height in enumerate(heights):
        while waiting and line + height - waiting[0][1] >= rows:
            first, start_line = waiting.popleft()
            yield first, line - start_line
        yield position, 0
        waiting.extend([(position, line)] * pictured[position])
        line += height
    yield from ((first, line - start_line) for first, start_line in waiting)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Suppress warnings: each would move the cursor by a line."""
    old_level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(old_level)


class _Pictures:
    """Small pictures of hits, read ahead in this order. A context manager."""

    def __init__(self, hits: Sequence[Hit], settings: LoaderSettings, terminal: Screen) -> None:
        from mmsearch import scan
        from mmsearch.indexing.decode import DecodeRequest
        from mmsearch.indexing.decoder import BackgroundDecoder
        from mmsearch.indexing.pool import Limits, default_jobs
        from mmsearch.media import preview_kind

        side = max(terminal.room)
        small = replace(settings, exact=False, image_fit=None, image_side=side, page_side=side)
        self._decoder = BackgroundDecoder(Limits(max(1, min(default_jobs(), len(hits))), PATIENCE), small)
        self._pictures = {
            hit.rank: self._decoder.submit(
                DecodeRequest(entry, hit.item.digest, preview_kind(hit.item), replace(hit.item, text=""))
            )
            for hit in hits
            if isinstance(entry := scan.entry(hit.item.path), scan.Entry)
        }

    def __enter__(self) -> _Pictures:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.close()

    def get(self, hit: Hit) -> Picture | None:
        """The picture of a hit, None if it has none; waits for it."""
        future = self._pictures.pop(hit.rank, None)
        try:
            return cast("Picture", future.result()[0]) if future else None
        except MmsearchError:
            return None


def _cell_size() -> tuple[int, int] | None:
    """Pixels of a cell of the terminal, width first; None if the system does not know."""
    try:
        import fcntl
        import termios

        window_size = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
    except (ImportError, OSError):
        return None
    rows, columns, width, height = struct.unpack("HHHH", window_size)
    return (width // columns, height // rows) if rows and columns and width >= columns and height >= rows else None


def _ask_terminal(question: bytes) -> bytes:
    """The answer of the terminal; empty if asking would take input of the user."""
    from mmsearch.output.terminal_images import is_complete

    try:
        import termios
        import tty

        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except (ImportError, OSError):
        return b""
    reply = b""
    with suppress(OSError, termios.error), os.fdopen(terminal, "r+b", buffering=0):
        if os.tcgetpgrp(terminal) != os.getpgrp():
            return b""  # a process in the background is stopped when it changes the terminal
        old_attributes = termios.tcgetattr(terminal)
        try:
            tty.setcbreak(terminal, termios.TCSADRAIN)  # so that the answer can be read at once and is not shown
            if not select.select([terminal], [], [], 0)[0]:
                os.write(terminal, question)
                end = time.monotonic() + ANSWER_SECONDS
                while not is_complete(reply):
                    if not select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]:
                        termios.tcflush(terminal, termios.TCIFLUSH)
                        break
                    reply += os.read(terminal, 1024)
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, old_attributes)
    return reply
