"""Shared by all commands: errors and signals become one line and an exit code, output goes out as bytes.

An index is found by `--index`, else $MMSEARCH_INDEX, else it is the nearest `.mmsearch/` upward, else the user's own.
The first two may name several.

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

from typer import Exit

from mmsearch.errors import MmsearchError, UsageError
from mmsearch.system.disk_space import reason

_INDEX_VARIABLE = "MMSEARCH_INDEX"
_LEFT_OVER = {"write.lock", "writer.json", "writer.json.tmp"}
"""Files of a first run that ended before it made a database."""
P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130
MAX_SEEN_MESSAGES = 10_000
"""Maximum number of remembered messages, so that millions of broken files cost no memory."""


def handle_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn expected failures of a command into one line on stderr and its exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        signals: list[int] = []
        try:
            with _interruptible(signals):
                handler = logging.StreamHandler(sys.stderr)
                handler.addFilter(_Once())
                handler.setFormatter(_Line("warning: %(message)s"))
                logging.basicConfig(level=logging.WARNING, handlers=[handler])
                return command(*args, **kwargs)
        except Exit:
            raise
        except BrokenPipeError:
            # The reader (`head`, a closed pager) has what it needs; Python must not flush into the closed pipe again.
            drop_output()
            raise Exit(0) from None
        except (Exception, KeyboardInterrupt) as error:
            # A library may turn an interrupt into anything, such as an ImportError.
            if signals or isinstance(error, KeyboardInterrupt):
                log_line("interrupted; what was finished is kept")
                _exit_while_loading()
                raise Exit(INTERRUPTED) from None
            # An index may hold values that none of ours does, which get far before something fails.
            schema = sys.modules.get("mmsearch.store.schema")
            if isinstance(error, MmsearchError):
                message, code = str(error), error.exit_code
            elif isinstance(error, OSError):
                names = [name for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
                message, code = ": ".join([*map(os.fsdecode, names), reason(error)]), MmsearchError.exit_code
            elif schema is not None and (damage := schema.explained(error)) is not None:
                message, code = str(damage), damage.exit_code
            else:
                raise
            log_line(f"error: {message}")
            raise Exit(code) from None

    return run


def drop_output() -> None:
    """Send stdout to /dev/null: nobody can read the rest of it, and Python must not try again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit_while_loading() -> None:
    """End the process if a thread still loads a model: Python would wait for it."""
    lazy = sys.modules.get("mmsearch.models.lazy")
    if lazy is not None and any(thread.name == lazy.LOADING for thread in threading.enumerate()):
        sys.stdout.flush()
        os._exit(INTERRUPTED)


class _Line(logging.Formatter):
    """A log record as one line that is safe for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return _safe_line(super().format(record).replace("\n", " "))


class _Once(logging.Filter):
    """Lets a message pass once: a warning about each of a thousand queries is shown for the first."""

    def __init__(self) -> None:
        super().__init__()
        self._messages: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if message in self._messages:
            return False
        if len(self._messages) < MAX_SEEN_MESSAGES:
            self._messages.add(message)
        return True


@contextmanager
def _interruptible(signals: list[int]) -> Iterator[None]:
    """Make Ctrl-C and SIGTERM raise KeyboardInterrupt in the block, and record them in `signals`.

    A signal that our parent has ignored stays ignored. After the block the old handlers are back.
    """

    def interrupt(number: int, _: Any) -> NoReturn:
        signals.append(number)
        raise KeyboardInterrupt

    old_handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handled = [number for number, handler in old_handlers.items() if handler is not signal.SIG_IGN]
    try:
        for number in handled:
            signal.signal(number, interrupt)
        yield
    finally:
        for number in handled:
            signal.signal(number, old_handlers[number] or signal.SIG_DFL)


def log_line(line: str) -> None:
    """Write one line to stderr, safe for a terminal."""
    with suppress(OSError):  # closed, or on a full disk: the exit code still tells
        print(_safe_line(line), file=sys.stderr, flush=True)


def _safe_line(line: str) -> str:
    from mmsearch.output.tables import harmless

    return f"mmsearch: {harmless(line)}"


def write_stdout(text: str, paths: bool = False) -> None:
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


def write_json(value: Any, indent: int | None = 2) -> None:
    """Write a JSON value to stdout; `indent` None puts it on one line."""
    from mmsearch.output.tables import to_json

    write_stdout(to_json(value, indent) + "\n")


def warn_of_refused(refused: Sequence[str], directory: str) -> None:
    """Warn of folders that are skipped because only the index names them."""
    if refused:
        rest = f" and {len(refused) - 3} more" if len(refused) > 3 else ""
        log_line(
            f"warning: left alone: {', '.join(refused[:3])}{rest}: the index in {directory} names them, and you have "
            "not: name them again, or add --trust-index"
        )


def terminal_width() -> int:
    """Columns of the terminal that stdout is, or 0."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def only(values: Sequence[str] | None, option: str) -> str | None:
    """The value of an option that may be given once: a second one is an error, and never ignored."""
    if values and len(values) > 1:
        raise UsageError(f"give {option} once, not {len(values)} times")
    return values[0] if values else None


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


# --- the index ---


def locate(path: str | None) -> str:
    """The absolute directory of the one index to use, whether or not it exists yet.

    Raises:
        UsageError: $MMSEARCH_INDEX names several.
    """
    directories = locate_all([path] if path else None)
    if len(directories) > 1:
        raise UsageError(
            f"${_INDEX_VARIABLE} names {len(directories)} indexes, and this needs one: name it with --index"
        )
    return directories[0]


def locate_all(paths: Sequence[str] | None) -> list[str]:
    """The absolute directories of the indexes to use together, each once; usually one.

    Several are given one by one, or in $MMSEARCH_INDEX separated as in $PATH.
    """
    value = os.environ.get(_INDEX_VARIABLE) or ""
    # A directory may have the separator in its name.
    from_environment = [value] if os.path.isdir(value) else [path for path in value.split(os.pathsep) if path]
    directories: dict[str, str] = {}
    for path in paths or from_environment or [_default_index()]:
        directory = os.path.abspath(os.path.expanduser(path))
        directories.setdefault(os.path.realpath(directory), directory)
    return list(directories.values())


def locate_for_writing(path: str | None) -> str:
    """As `locate`, but refuses a directory with other files in it.

    It also refuses another user's index that was only found further up: that user could read what is written there.
    """
    directory = locate(path)
    if os.path.isdir(directory):
        foreign = hasattr(os, "geteuid") and os.stat(directory).st_uid != os.geteuid()
        if foreign and not path and not os.environ.get(_INDEX_VARIABLE):
            raise UsageError(f"the index in {directory} belongs to another user: if you mean it, name it with --index")
        names = set(os.listdir(directory))
        if names - _LEFT_OVER and "meta.sqlite" not in names:
            from mmsearch.system.user_folders import LOCAL_NAME

            raise UsageError(
                f"{directory} is not an index and not empty: try --index {os.path.join(directory, LOCAL_NAME)}"
            )
    elif os.path.exists(directory):
        raise UsageError(f"{directory} is a file: give --index a directory")
    return directory


def _default_index() -> str:
    """The nearest index upward from the working directory, else the user's own."""
    from mmsearch.system.user_folders import LOCAL_NAME, user_index  # late: an index that is named needs neither

    folder = os.getcwd()
    while True:
        candidate = os.path.join(folder, LOCAL_NAME)
        if os.path.isdir(candidate):
            return candidate
        parent = os.path.dirname(folder)
        if parent == folder:
            return user_index()
        folder = parent
