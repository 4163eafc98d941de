"""Waits until files below some folders have changed and have been left alone since.

The system's change events are only hints: they say when to look again, and which files are still being written. Where
the system watches no more folders, they are polled every other second. Knows nothing of the files or the index.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

QUIET_SECONDS = 1.0
"""A file that has not changed for this long counts as written."""
LONGEST_SECONDS = 10.0
"""After this long, quiet files are due even if others still change."""
TICK_MS = 500
GATHER_MS = 100
POLL_MS = 2000
PAUSE = 2.0
"""The pause after an update, as a multiple of its duration."""
IGNORE_FILES = (".gitignore", ".mmsearchignore", ".git/info/exclude")


@dataclass(frozen=True)
class Settled:
    """An update that is due: folders where something has changed, and the files that are still being written."""

    roots: list[str]
    busy: frozenset[str]


class Watcher:
    """Decides when to bring an index of some folders and files up to date."""

    def __init__(self, roots: Sequence[str], exclude: str, hidden: bool, warn: Callable[[str], None]) -> None:
        """`exclude` is a folder whose changes do not count; `warn` gets one line about each problem."""
        self.roots = list(roots)
        self._spellings = {root: (root, os.path.realpath(root)) for root in roots}
        self.polling = bool(os.environ.get("WATCHFILES_FORCE_POLLING"))
        self._exclude = {os.path.join(folder, "") for folder in (os.path.abspath(exclude), os.path.realpath(exclude))}
        self._hidden = hidden
        self._lenient = False
        self._warn = warn

    def updates(self) -> Iterator[Settled]:
        """An update of all folders as soon as changes are being noticed; then one whenever it is due. Endless."""
        changes = self._changes()
        next(changes)
        yield Settled(self.roots, frozenset())
        changed: dict[str, float] = {}
        since = resume_at = 0.0
        for paths in changes:
            now = time.monotonic()
            if new := dict.fromkeys(filter(self._matters, paths), now):
                since = since if changed else now
                changed |= new
            if not changed or now < resume_at:
                continue
            quiet = QUIET_SECONDS + self.polling * POLL_MS / 1000
            busy = frozenset(path for path, when in changed.items() if now - when < quiet)
            due = changed.keys() - busy
            if not due or (busy and now - since < LONGEST_SECONDS):
                continue
            changed, since = {path: changed[path] for path in busy}, now
            yield Settled(self._roots_of(due), busy)
            resume_at = time.monotonic() + PAUSE * (time.monotonic() - now)

    def _roots_of(self, paths: Collection[str]) -> list[str]:
        """The roots that paths lie in; all of them where the system calls paths otherwise."""
        tops = {root for root in self.roots for top in self._spellings[root] if any(below(path, top) for path in paths)}
        return [root for root in self.roots if root in tops or not tops]

    def _changes(self) -> Iterator[set[str]]:
        """Paths that have changed, every tick, mostly none; the folders themselves where it is not known which.

        The first comes when all later changes are being noticed.
        """
        from watchfiles import watch

        unknown: set[str] = set()
        while True:
            identities = {root: _identity(root) for root in self.roots if _identity(root)}
            try:
                for changes in watch(
                    *identities,
                    watch_filter=None,
                    step=GATHER_MS,
                    debounce=TICK_MS,
                    rust_timeout=TICK_MS,
                    yield_on_timeout=True,
                    force_polling=self.polling or None,
                    poll_delay_ms=POLL_MS,
                    ignore_permission_denied=self._lenient,
                ):
                    yield {path for _, path in changes} | unknown
                    unknown = set()
                    if any(_identity(root) != identities.get(root) for root in self.roots):
                        break  # a folder was replaced, or a drive came or went
            except RuntimeError:
                time.sleep(TICK_MS / 1000)  # a name that is not UTF-8 cannot be reported
            except OSError as error:
                self._fall_back(error)
            # No change is noticed until the next watch has begun.
            unknown = set(self.roots)

    def _fall_back(self, error: OSError) -> None:
        if isinstance(error, FileNotFoundError):  # gone just now
            time.sleep(TICK_MS / 1000)
            return
        if isinstance(error, PermissionError) and not self._lenient:
            self._lenient = True  # only now: it leaves out folders beyond the system's limit as silently
            return
        if self.polling:
            raise error
        self.polling = True
        self._warn(
            f"warning: the system watches no more folders ({str(error).partition('. about')[0]}): going through them "
            f"every {POLL_MS / 1000:g} s instead, which is slower"
        )

    def _matters(self, path: str) -> bool:
        """Whether an update may have something to do for it. Rules of ignore files are left to the update."""
        if any(f"{path}{os.sep}".startswith(folder) for folder in self._exclude):
            return False
        if self._hidden or path.replace(os.sep, "/").endswith(IGNORE_FILES):
            return True
        tops = (top for spellings in self._spellings.values() for top in spellings if below(path, top))
        return f"{os.sep}." not in path[len(next(tops, "")) :]


def below(path: str, root: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return path == root or path.startswith(os.path.join(root, ""))


def _identity(path: str) -> tuple[int, int] | None:
    with suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None
