"""Every error mmsearch raises on purpose.

MmsearchError               catch this one to turn any expected failure into one line and an exit code
├── UsageError              2  a value the user gave cannot be used (like Typer's usage errors)
├── IndexMissing            3  there is no index in that directory
├── IndexMismatch           2  the index was built with another model, settings or a newer format
├── IndexDamaged            3  the index cannot be read
├── ModelUnavailable        4  a model is not on this machine or cannot be loaded
├── OutOfMemory             2  a model, or a single pass of it, does not fit in memory
├── Busy                    -  a server has too many requests; its client gets the message
└── MediaError              -  one file cannot be read; recorded against the file, never ends a run
    ├── OutsideIndex        -  the index names the file, and the user has not: it is not opened
    └── UnsupportedMedia    -  mmsearch does not read this type of file

The number is the process's exit code. Messages are one line: the value, the limit, the remedy.
"""

from __future__ import annotations


class MmsearchError(Exception):
    """Base of all expected failures; `str(error)` is one line fit to show."""

    exit_code = 2


class UsageError(MmsearchError):
    """A value the user gave cannot be used."""


class IndexMissing(MmsearchError):
    """There is no index in that directory."""

    exit_code = 3


class IndexMismatch(MmsearchError):
    """The index was built with another model, other settings or a newer format."""


class IndexDamaged(MmsearchError):
    """The index exists but cannot be read."""

    exit_code = 3


class ModelUnavailable(MmsearchError):
    """A model is not on this machine or cannot be loaded."""

    exit_code = 4


class OutOfMemory(MmsearchError):
    """A model, or a single pass of it, does not fit in the memory of the device."""


class Busy(MmsearchError):
    """A server has too many requests."""


class MediaError(MmsearchError):
    """One file cannot be read."""


UNREADABLE = "cannot be read"
"""Start of a MediaError if the system refuses the file, which may change without the file changing."""


class OutsideIndex(MediaError):
    """An index names a file outside its own folder that its user has not named for it."""

    def __init__(self) -> None:
        super().__init__(
            "files outside the index's own folder are not opened, since you have not named them for it: "
            "allow them with --trust-index"
        )


class UnsupportedMedia(MediaError):
    """mmsearch does not read this type of file."""


def one_line(error: BaseException, max_chars: int = 240, with_class: bool = False) -> str:
    """The message of an error in one line of at most `max_chars` characters; its class name if it has none.

    `with_class` starts with the class in any case, unless the error is one of ours.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    if with_class and not isinstance(error, MmsearchError) and text != type(error).__name__:
        text = f"{type(error).__name__}: {text}"
    return text if len(text) <= max_chars else f"{text[: max_chars - 1]}…"
