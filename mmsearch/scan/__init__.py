"""Finds the files to index: walks folders in a stable order and honours ignore files and globs, as ripgrep does.

Knows nothing of the files' content, of modalities or of the index; it opens ignore files and, in `digest`, the file it
is given. Anything but directories and regular files is named in a `Problem` and never opened.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from mmsearch.errors import UsageError
from mmsearch.scan.files import digest, digest_of, other_spellings, read_paths, reason_of, spelled
from mmsearch.scan.rules import GLOB_PATIENCE, Globs, IgnoreFileTooLarge, Rules, glob_filter, read_rules, slashed
from mmsearch.types import EARLIEST_NS, LATEST_NS, clamp_mtime_ns

__all__ = [
    "GLOB_PATIENCE",
    "Entry",
    "Problem",
    "Run",
    "ScanOptions",
    "digest",
    "digest_of",
    "entry",
    "glob_filter",
    "other_spellings",
    "read_paths",
    "runs",
    "spelled",
    "walk",
]

log = logging.getLogger(__name__)

_MMSEARCH_IGNORE = ".mmsearchignore"
_GIT_IGNORE = ".gitignore"
_SPECIAL: dict[int, str] = {
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "block device",
    stat.S_IFCHR: "character device",
    stat.S_IFDIR: "directory",
}
_Identity = tuple[int, int]
_name = attrgetter("name")
_BY_DESCRIPTOR = os.scandir in os.supports_fd
"""Whether `stat` works by names in an open directory; that takes a sixth less time than by paths."""
_MAX_OPEN = 64
"""So many directories are held open at a time; deeper files are looked up by their paths."""
_RUN_FILES = 2048
"""Files of one directory that are handed on at a time, so that work on a large one begins before its end."""


class Entry(NamedTuple):
    """A regular file, or a link to one with the size and time of its target. `path` is absolute, links unresolved.

    `mtime_ns` has passed `clamp_mtime_ns`.
    """

    path: str
    size: int
    mtime_ns: int


class Run(NamedTuple):
    """Files of one directory that follow one another, in columns: most are unchanged and need no own object."""

    paths: list[str]
    sizes: list[int]
    mtimes_ns: list[int]

    def entries(self) -> Iterator[Entry]:
        """The files one by one."""
        return map(Entry, *self)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was met but cannot be indexed, with a one-line reason."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """Options of a walk.

    Attributes:
        hidden: take names that start with a dot.
        ignore: honour `.gitignore`, `.git/info/exclude` and `.mmsearchignore`.
        globs: as for `glob_filter`; a positive one also takes hidden and ignored files.
        follow: enter directories behind symbolic links.
        exclude: absolute directories that are never entered, by any path.
        skip: absolute paths of files that are passed over.
        confined: roots that links must not lead out of, since an index named them and not its user.
    """

    hidden: bool = False
    ignore: bool = True
    globs: tuple[str, ...] = ()
    follow: bool = False
    exclude: tuple[str, ...] = ()
    skip: frozenset[str] = frozenset()
    confined: frozenset[str] = frozenset()


# --- walking ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Folder:
    """A directory being walked: its remaining entries, and the rules for all of them.

    In a `plain` one no rule or glob has to be checked: hidden names have been dropped already. The paths of its files
    begin with `start`; `descriptor` is its handle, where it is open.
    """

    start: str
    descriptor: int | None
    dir_entries: Iterator[os.DirEntry[str]]
    identity: _Identity
    mmsearch_rules: Rules | None
    git_rules: Rules | None
    selected: bool
    plain: bool


def walk(root: str, options: ScanOptions) -> Iterator[Entry | Problem]:
    """All files below `root`, depth first, each directory by the bytes of its names; a file as root is always taken.

    Ignore files count in any directory, with or without git around; inside a repository those above `root` count too.
    Its `.git` is only entered with `hidden` and without `ignore`. Memory grows with the depth of the tree and the
    names in one directory, not with the number of files.

    Raises:
        UsageError: `root` does not exist, or a glob is no pattern.
    """
    return chain.from_iterable(
        [result] if isinstance(result, Problem) else result.entries() for result in runs(root, options)
    )


def runs(root: str, options: ScanOptions) -> Iterator[Run | Problem]:
    """The same as `walk`, with files in runs of at most some thousand."""
    top = os.path.abspath(root)
    if not os.path.lexists(top):
        raise UsageError(f"no such file or directory: {_printable(root)}")
    if not os.path.isdir(top):
        return iter([_as_run(entry(top))])
    return _Walk(options).run(top)


class _SkippedFolder(Exception):
    """A folder is not walked, since its ignore file cannot be applied; the message is the reason."""


def _read_or_skip(file: str, base: str, outer: Rules | None) -> Rules | None:
    try:
        return read_rules(file, base, outer)
    except IgnoreFileTooLarge as problem:
        raise _SkippedFolder(f"left out, as {_printable(file)} has {problem}; --no-ignore takes everything") from None


class _Walk:
    def __init__(self, options: ScanOptions) -> None:
        self._options = options
        self._globs = Globs(options.globs) if options.globs else None
        self._excluded = {os.path.abspath(path) for path in options.exclude}
        self._excluded_ids = _identities(self._excluded)
        self._open: list[_Folder] = []
        self._ancestors: set[_Identity] = set()
        self._top = ""
        self._confined_to: str | None = None
        """The real path that links must not lead out of."""

    def run(self, top: str) -> Iterator[Run | Problem]:
        self._top, self._confined_to = top, os.path.realpath(top) if top in self._options.confined else None
        self._ancestors = _identities(_parents(os.path.realpath(top)))
        try:
            mmsearch_rules, git_rules = self._inherited(top)
        except _SkippedFolder as skipped:
            yield Problem(top, str(skipped))
            return
        selected = self._globs is not None and self._globs.folder(top) is True
        try:
            yield from self._enter(top, mmsearch_rules, git_rules, selected)
            while self._open:
                folder = self._open[-1]
                files, next_entry = self._files(folder)
                if files.paths:
                    if max(files.mtimes_ns) > LATEST_NS or min(files.mtimes_ns) < EARLIEST_NS:
                        files.mtimes_ns[:] = map(clamp_mtime_ns, files.mtimes_ns)
                    yield files
                if next_entry is not None:
                    yield from map(_as_run, self._visit(folder, next_entry))
                elif not files.paths:
                    self._leave()
        finally:
            while self._open:
                self._leave()

    def _files(self, folder: _Folder) -> tuple[Run, os.DirEntry[str] | None]:
        """The next regular files of a directory, and the entry after them if it is anything else; neither at its end.

        This is the loop that an unchanged tree spends its time in.
        """
        files = Run([], [], [])
        paths, sizes, times = files
        plain, start = folder.plain, folder.start
        for dir_entry in folder.dir_entries:
            try:
                if (
                    not plain
                    and dir_entry.is_file(follow_symlinks=False)
                    and not self._takes(folder, start + dir_entry.name, dir_entry.name, False)
                ):
                    continue
                status = dir_entry.stat(follow_symlinks=False)
            except OSError:
                return files, dir_entry  # visited again, to report its problem
            if not stat.S_ISREG(status.st_mode):
                return files, dir_entry
            paths.append(start + dir_entry.name)
            sizes.append(status.st_size)
            times.append(status.st_mtime_ns)
            if len(paths) == _RUN_FILES:
                break
        return files, None

    def _inherited(self, top: str) -> tuple[Rules | None, Rules | None]:
        """The rules of the directories above, from the top of the repository that `top` lies in."""
        mmsearch_rules: Rules | None = None
        git_rules: Rules | None = None
        if not self._options.ignore or os.path.lexists(os.path.join(top, ".git")):
            return mmsearch_rules, git_rules
        parents = _parents(top)
        repository = next((i for i, path in enumerate(parents) if os.path.lexists(os.path.join(path, ".git"))), -1)
        names = {".git", _MMSEARCH_IGNORE, _GIT_IGNORE}
        for path in reversed(parents[: repository + 1]):
            mmsearch_rules, git_rules = self._rules(path, names, mmsearch_rules, git_rules)
            names = {_MMSEARCH_IGNORE, _GIT_IGNORE}
        return mmsearch_rules, git_rules

    def _rules(
        self, path: str, names: set[str], mmsearch_rules: Rules | None, git_rules: Rules | None
    ) -> tuple[Rules | None, Rules | None]:
        if ".git" in names:
            git_rules = _read_or_skip(os.path.join(path, ".git", "info", "exclude"), path, None)
        if _GIT_IGNORE in names:
            git_rules = _read_or_skip(os.path.join(path, _GIT_IGNORE), path, git_rules)
        if _MMSEARCH_IGNORE in names:
            mmsearch_rules = _read_or_skip(os.path.join(path, _MMSEARCH_IGNORE), path, mmsearch_rules)
        return mmsearch_rules, git_rules

    def _enter(
        self, path: str, mmsearch_rules: Rules | None, git_rules: Rules | None, selected: bool
    ) -> Iterator[Problem]:
        identity = _identity(path)
        if path in self._excluded or identity in self._excluded_ids:
            return
        if identity in self._ancestors:
            yield Problem(path, "symbolic link loop")
            return
        dir_entries, descriptor, problem = self._listed(path)
        if identity is None:
            self._close(descriptor)
            if problem is not None:
                yield problem
            return
        names = "\0".join(["", *map(_name, dir_entries)])  # tested as a whole, which is cheaper than each name
        dotted = {item.name for item in dir_entries if item.name.startswith(".")} if "\0." in names else set()
        if self._options.ignore:
            try:
                mmsearch_rules, git_rules = self._rules(path, dotted, mmsearch_rules, git_rules)
            except _SkippedFolder as skipped:
                self._close(descriptor)
                yield Problem(path, str(skipped))
                return
        plain = self._globs is None and mmsearch_rules is None and git_rules is None and not self._options.skip
        if plain and dotted and not self._options.hidden:
            dir_entries = [item for item in dir_entries if item.name not in dotted]
        # Plain ASCII sorts as text like its bytes.
        dir_entries.sort(key=_name if names.isascii() else lambda item: os.fsencode(item.name))
        self._ancestors.add(identity)
        start = os.path.join(path, "")
        self._open.append(
            _Folder(start, descriptor, iter(dir_entries), identity, mmsearch_rules, git_rules, selected, plain)
        )
        if problem is not None:
            yield problem

    def _listed(self, path: str) -> tuple[list[os.DirEntry[str]], int | None, Problem | None]:
        """The entries of a directory, its descriptor if it is held open, and the problem if some are missing."""
        dir_entries: list[os.DirEntry[str]] = []
        descriptor = None
        try:
            if _BY_DESCRIPTOR and len(self._open) < _MAX_OPEN:
                descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            with os.scandir(path if descriptor is None else descriptor) as entries:
                dir_entries.extend(entries)
        except OSError as error:
            return dir_entries, descriptor, Problem(path, reason_of(error))
        return dir_entries, descriptor, None

    def _leave(self) -> None:
        folder = self._open.pop()
        self._ancestors.discard(folder.identity)
        self._close(folder.descriptor)

    @staticmethod
    def _close(descriptor: int | None) -> None:
        if descriptor is not None:
            os.close(descriptor)

    def _visit(self, folder: _Folder, dir_entry: os.DirEntry[str]) -> Iterator[Entry | Problem]:
        path = folder.start + dir_entry.name
        try:
            if dir_entry.is_symlink():
                yield from self._visit_link(folder, path, dir_entry.name)
            elif dir_entry.is_dir(follow_symlinks=False):
                yield from self._descend(folder, path, dir_entry.name)
            elif self._takes(folder, path, dir_entry.name, False):
                yield _classify(path, dir_entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            yield Problem(path, "vanished during the scan")
        except OSError as error:
            yield Problem(path, reason_of(error))

    def _visit_link(self, folder: _Folder, path: str, name: str) -> Iterator[Entry | Problem]:
        if self._confined_to is not None and not os.path.realpath(path).startswith(os.path.join(self._confined_to, "")):
            log.warning("links that lead out of %s are left alone: name the folder to have them followed", self._top)
            return
        status = _target(path)
        leads_on = isinstance(status, os.stat_result) and stat.S_ISDIR(status.st_mode)
        if leads_on and self._options.follow:
            yield from self._descend(folder, path, name)
        elif not self._takes(folder, path, name, False):
            return
        elif isinstance(status, Problem):
            yield status
        elif not leads_on:
            yield _classify(path, status)
        elif (status.st_dev, status.st_ino) in self._ancestors:
            yield Problem(path, "symbolic link loop")

    def _descend(self, folder: _Folder, path: str, name: str) -> Iterator[Problem]:
        if name == ".git" and self._options.ignore:
            return
        if self._takes(folder, path, name, True):
            selected = folder.selected or (self._globs is not None and self._globs.match(path, True) is True)
            yield from self._enter(path, folder.mmsearch_rules, folder.git_rules, selected)

    def _takes(self, folder: _Folder, path: str, name: str, is_dir: bool) -> bool:
        if path in self._options.skip and not is_dir:
            return False
        if self._globs is not None:
            verdict = self._globs.match(path, is_dir)
            if verdict is not None:
                return verdict
            if self._globs.selective and not is_dir and not folder.selected:
                return False
        for rules in (folder.mmsearch_rules, folder.git_rules):
            ignored = rules.ignores(slashed(path), is_dir) if rules is not None else None
            if ignored is not None:
                return not ignored
        return self._options.hidden or not name.startswith(".")


def _as_run(result: Entry | Problem) -> Run | Problem:
    return Run([result.path], [result.size], [result.mtime_ns]) if isinstance(result, Entry) else result


def _parents(path: str) -> list[str]:
    """The directories above `path`, nearest first."""
    parents: list[str] = []
    while (parent := os.path.dirname(path)) != path:
        parents.append(parent)
        path = parent
    return parents


def _identity(path: str) -> _Identity | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _identities(paths: Iterable[str]) -> set[_Identity]:
    return {identity for path in paths if (identity := _identity(path)) is not None}


# --- single files -----------------------------------------------------------------------------------------------------


def entry(path: str) -> Entry | Problem:
    """One path as the walk would report it, links followed; a directory is a problem here."""
    full = os.path.abspath(path)
    status = _target(full)
    return status if isinstance(status, Problem) else _classify(full, status)


def _target(path: str) -> os.stat_result | Problem:
    """The status of the target of `path`, or the problem if it leads nowhere."""
    try:
        return os.stat(path)
    except ValueError as error:
        return Problem(path, str(error))
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Problem(path, "symbolic link loop")
        if error.errno not in (errno.ENOENT, errno.ENOTDIR) or not os.path.islink(path):
            return Problem(path, reason_of(error))
        return Problem(path, f"dangling symbolic link to {_printable(os.readlink(path))}")


def _classify(path: str, status: os.stat_result) -> Entry | Problem:
    if stat.S_ISREG(status.st_mode):
        return Entry(path, status.st_size, clamp_mtime_ns(status.st_mtime_ns))
    return Problem(path, f"not a regular file ({_SPECIAL.get(stat.S_IFMT(status.st_mode), 'special file')})")


def _printable(path: str) -> str:
    """A path fit for a one-line message: no line breaks, no bytes that cannot be printed."""
    return path.encode("utf-8", "backslashreplace").decode() if path.isprintable() else ascii(path)[1:-1]
