"""What all commands share: errors and signals become one line and an exit code, output goes out as bytes.

Knows nothing about any single command.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, ParamSpec, TypeVar

from mmsearch.cli.command import Exit
from mmsearch.errors import MmsearchError, UsageError
from mmsearch.system.disk_space import reason

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130
MOST_TOLD = 10_000
"""Messages that are remembered, so that a run over millions of broken files needs no memory for them."""


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Turn expected failures of a command into one line on stderr and its exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        signals: list[int] = []
        try:
            with _interruptible(signals):
                _prepare()
                return command(*args, **kwargs)
        except Exit:
            raise
        except BrokenPipeError:
            # The reader (`head`, a closed pager) has what it wanted; Python must not flush into the closed pipe again.
            drop_output()
            raise Exit(0) from None
        except (Exception, KeyboardInterrupt) as error:
            # A library may make anything of an interrupt, such as an ImportError.
            if signals or isinstance(error, KeyboardInterrupt):
                complain("interrupted; what was finished is kept")
                _leave_loading()
                raise Exit(INTERRUPTED) from None
            if isinstance(error, MmsearchError):
                complain(f"error: {error}")
                raise Exit(error.exit_code) from None
            if isinstance(error, OSError):
                complain(f"error: {_named(error)}")
                raise Exit(MmsearchError.exit_code) from None
            if (damage := _damage(error)) is not None:
                complain(f"error: {damage}")
                raise Exit(damage.exit_code) from None
            raise

    return run


def drop_output() -> None:
    """Nobody can take what stdout still holds, and Python is not to try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _named(error: OSError) -> str:
    """An error of the file system that nobody knew more of, with the name of the file where it has one."""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    return ": ".join([*names, reason(error)])


def _damage(error: BaseException) -> MmsearchError | None:
    """What is wrong with an index that the command has opened, where that may be what nobody has foreseen comes from.

    Values that no index of ours holds can go a long way through a command before they are too much for something.
    """
    schema = sys.modules.get("mmsearch.store.schema")
    found: MmsearchError | None = schema.explained(error) if schema is not None else None
    return found


def _leave_loading() -> None:
    """End the process if a model is still being loaded: nobody waits for it, and Python would."""
    late = sys.modules.get("mmsearch.models.lazy")
    if late is not None and any(thread.name == late.LOADING for thread in threading.enumerate()):
        sys.stdout.flush()
        os._exit(INTERRUPTED)


class _Line(logging.Formatter):
    """A log record as one line that is safe for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return _told(super().format(record).replace("\n", " "))


class _Once(logging.Filter):
    """Lets a message pass once: what holds for each of a thousand queries is said of all of them."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if message in self._told:
            return False
        if len(self._told) < MOST_TOLD:
            self._told.add(message)
        return True


def _prepare() -> None:
    told = logging.StreamHandler(sys.stderr)
    told.addFilter(_Once())
    told.setFormatter(_Line("warning: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[told])


@contextmanager
def _interruptible(signals: list[int]) -> Iterator[None]:
    """Has Ctrl-C and SIGTERM raise KeyboardInterrupt in the block, and notes those that came.

    One that whoever started us has ignored stays so. Behind the block nothing is left to finish, and what a signal did
    before it does again.
    """

    def interrupt(number: int, _: Any) -> NoReturn:
        signals.append(number)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    try:
        for number in heard:
            signal.signal(number, interrupt)
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number] or signal.SIG_DFL)


def complain(line: str) -> None:
    """One line on stderr, safe for a terminal whatever names it holds."""
    with suppress(OSError):  # nobody reads it, or its disk is full, and the exit code still tells
        print(_told(line), file=sys.stderr, flush=True)


def _told(line: str) -> str:
    from mmsearch.output.tables import harmless

    return f"mmsearch: {harmless(line)}"


def emit(text: str, paths: bool = False) -> None:
    """Write data to stdout as bytes: names that are not UTF-8 survive, and no locale can break them."""
    from mmsearch.output.tables import encode

    try:
        sys.stdout.buffer.write(encode(text, paths))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()
        raise MmsearchError(f"the output cannot be written: {reason(error)}") from None


def tell_refused(refused: Sequence[str], directory: str) -> None:
    """Tell of folders that are left alone, since only the index names them."""
    if refused:
        more = f" and {len(refused) - 3} more" if len(refused) > 3 else ""
        complain(
            f"warning: left alone: {', '.join(refused[:3])}{more}: the index in {directory} names them, and you have "
            "not: name them again, or add --trust-index"
        )


def terminal_width() -> int:
    """Columns of the terminal that stdout is, or 0."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def parse_object(value: str | None, option: str) -> dict[str, Any]:
    """A JSON object given to `option`, or an empty one."""
    try:
        parsed = json.loads(value or "{}")
    except ValueError as error:
        raise UsageError(f"{option} wants a JSON object such as '{{\"key\": 1}}': {error}") from None
    except RecursionError:
        raise UsageError(f"{option} is nested too deeply") from None
    if not isinstance(parsed, dict):
        raise UsageError(f"{option} wants a JSON object, not {value!r}")
    return parsed
