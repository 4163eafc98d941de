"""Finds the files to index: walks folders in a stable order and honours ignore files and globs, as ripgrep does.

Knows nothing of what files contain, of modalities or of the index; it opens ignore files and, in `digest`, the file it
is asked about. Whatever is neither a directory nor a regular file is named in a `Problem` and never opened.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any, BinaryIO, NamedTuple

from mmsearch.errors import UNREADABLE, MediaError, UsageError

_OWN_IGNORE = ".mmsearchignore"
_GIT_IGNORE = ".gitignore"
_LARGEST_IGNORE_FILE = 1 << 20
_MOST_ALTERNATIVES = 1000
_CHUNK = 1 << 20
_SPECIAL: dict[int, str] = {
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "block device",
    stat.S_IFCHR: "character device",
    stat.S_IFDIR: "directory",
}
_Identity = tuple[int, int]
_name = attrgetter("name")
_RUN = 2048
"""Files of one directory that are handed on at a time, so that work on a large one begins before its end."""


class Entry(NamedTuple):
    """A regular file, or a link to one with the size and time of its target. `path` is absolute, links unresolved."""

    path: str
    size: int
    mtime_ns: int


class Run(NamedTuple):
    """Files of one directory that follow one another, in columns: most are unchanged, and nobody looks at each."""

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
    """What a walk takes.

    Attributes:
        hidden: take names that start with a dot.
        ignore: honour `.gitignore`, `.git/info/exclude` and `.mmsearchignore`.
        globs: as for `glob_filter`; a positive one also takes what is hidden or ignored.
        follow: enter directories behind symbolic links.
        exclude: absolute directories that are never entered, by whatever path they are reached.
    """

    hidden: bool = False
    ignore: bool = True
    globs: tuple[str, ...] = ()
    follow: bool = False
    exclude: tuple[str, ...] = ()


# --- patterns ---------------------------------------------------------------------------------------------------------


class _Rules:
    """Gitignore patterns of one source; the last one that matches a path decides."""

    def __init__(self, patterns: Iterable[Any], outer: _Rules | None = None, base: str = "") -> None:
        live = [(p.regex, bool(p.include)) for p in patterns if p.include is not None]
        self._patterns = live[::-1]
        # One alternation answers "does any match?", which for most paths is no. Group names would clash in it.
        joined = "|".join(f"(?:{re.sub(r'[?]P<[^>]*>', '?:', regex.pattern)})" for regex, _ in live)
        with _unwarned():
            self._any = re.compile(joined, re.DOTALL)
        self._outer = outer
        self._skip = len(base) + (not base.endswith("/"))

    def match(self, path: str, is_dir: bool) -> bool | None:
        """True if `path`, `/`-separated and relative, is matched itself (not by an ancestor), False if negated."""
        text = path + "/" if is_dir else path
        if not self._any.search(text):
            return None
        for regex, include in self._patterns:
            if any(_is_whole(found, text) for found in regex.finditer(text)):
                return include
        return None

    def ignores(self, path: str, is_dir: bool) -> bool | None:
        """The verdict on an absolute path of the innermost source that has one."""
        rules: _Rules | None = self
        while rules is not None:
            verdict = rules.match(path[rules._skip :], is_dir)
            if verdict is not None:
                return verdict
            rules = rules._outer
        return None


def _is_whole(found: re.Match[str], text: str) -> bool:
    """Whether a pattern matches the path itself. It also finds what lies below a directory it names, where the group
    that pathspec puts around that directory's slash ends too early; and `a/**`, which has none, finds `a/`."""
    if found.groupdict().get("ps_d") is not None:
        return found.end("ps_d") == len(text)
    return not (found[0].endswith("/") and found.end() == len(text))


@contextmanager
def _unwarned() -> Iterator[None]:
    """Without what `re` warns of odd brackets: the pattern is the user's, and stderr is no place to discuss it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _compile(line: str) -> list[Any]:
    """The pattern of one line as pathspec compiles it; ValueError for a bad one."""
    from pathspec import GitIgnoreSpec  # late: most trees have no ignore file, and it takes a while to import

    if line.endswith("/**/"):
        line += "*/"  # the directories below: pathspec would take the one above for a match as well
    try:
        with _unwarned():
            return list(GitIgnoreSpec.from_lines([line]).patterns)
    except re.error as error:
        raise ValueError(str(error)) from error


def _read_rules(file: str, base: str, outer: _Rules | None) -> _Rules | None:
    """The rules of an ignore file; as in git, an unreadable one and bad lines count for nothing."""
    try:
        with _open_regular(file) as stream:
            text = os.fsdecode(stream.read(_LARGEST_IGNORE_FILE).removeprefix(b"\xef\xbb\xbf"))
    except OSError:
        return outer
    patterns: list[Any] = []
    for line in text.split("\n"):
        try:
            patterns += _compile(line.removesuffix("\r"))
        except ValueError:
            continue
    return _Rules(patterns, outer, _slashed(base)) if any(p.include is not None for p in patterns) else outer


def _slashed(path: str) -> str:
    return path.replace(os.sep, "/") if os.sep != "/" else path


def _expand(glob: str) -> list[str]:
    """Replace `{a,b}` by its alternatives, innermost first; unbalanced braces stay as they are."""
    done: list[str] = []
    todo = [glob]
    while todo:
        if len(todo) + len(done) > _MOST_ALTERNATIVES:
            raise UsageError(f"glob {glob!r} stands for more than {_MOST_ALTERNATIVES} patterns: give several globs")
        text = todo.pop()
        found = re.search(r"(?<!\\)\{((?:[^{}\\]|\\.)*)\}", text, re.DOTALL)
        if found is None:
            done.append(text)
            continue
        before, after = text[: found.start()], text[found.end() :]
        todo += [before + choice + after for choice in reversed(found[1].split(","))]
    return done


class _Globs:
    """The globs of a command line, each taking what it matches or, after `!`, dropping it; the last one decides."""

    def __init__(self, globs: Sequence[str]) -> None:
        self._cwd = _slashed(os.getcwd()).rstrip("/") + "/"
        self._rules: list[tuple[_Rules, bool, bool]] = []
        for glob in globs:
            body = glob.removeprefix("!")
            self._rules.append((self._parse(glob, body), not glob.startswith("!"), body.startswith("/")))
        self._rules.reverse()
        self.selective = any(take for _, take, _ in self._rules)
        self.folder = lru_cache(maxsize=4096)(self._folder)

    @staticmethod
    def _parse(glob: str, body: str) -> _Rules:
        patterns: list[Any] = []
        for text in _expand(body):
            # `!` and `#` would be read as a second negation and as a comment.
            try:
                patterns += _compile("\\" + text if text[:1] in ("!", "#") else text)
            except ValueError:
                raise UsageError(f"not a glob: {glob!r}") from None
        if not any(p.include is not None for p in patterns):
            raise UsageError(f"not a glob: {glob!r}")
        return _Rules(patterns)

    def match(self, path: str, is_dir: bool) -> bool | None:
        """True to take an absolute path, False to drop it, None if no glob matches it itself."""
        text = _slashed(path)
        absolute = text.removeprefix("/")
        if text.startswith(self._cwd):
            near: str | None = text[len(self._cwd) :]
        else:
            near = None if self._cwd.startswith(text.rstrip("/") + "/") else absolute
        for rules, take, rooted in self._rules:
            if (near and rules.match(near, is_dir)) or (rooted and absolute and rules.match(absolute, is_dir)):
                return take
        return None

    def _folder(self, path: str) -> bool | None:
        """The verdict that a directory hands down: False for good, True if it or one above it is taken."""
        taken: bool | None = None
        for end in [*(m.start() for m in re.finditer(re.escape(os.sep), path)), len(path)]:
            verdict = self.match(path[:end], True) if end else None
            if verdict is False:
                return False
            taken = verdict or taken
        return taken

    def takes(self, path: str) -> bool:
        """Whether a file passes, by its own name and by its directories."""
        above = self.folder(os.path.dirname(path))
        if above is False:
            return False
        verdict = self.match(path, False)
        return (above is True or not self.selective) if verdict is None else verdict


def glob_filter(globs: Sequence[str]) -> Callable[[str], bool]:
    """A test for paths of files by `-g` globs: gitignore patterns that select, or with `!` in front drop.

    The last glob that matches decides; with no positive glob everything else passes, with one nothing else does. What
    names a directory holds for all in it, and a dropped directory is dropped for good. `{a,b}` gives alternatives.
    Paths below the working directory are matched relative to it, others as they are; a glob that starts with `/` may
    also be an absolute path.

    Raises:
        UsageError: a glob that is no pattern.
    """
    if not globs:
        return lambda path: True
    rules = _Globs(globs)
    return lambda path: rules.takes(os.path.abspath(path))


# --- walking ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Folder:
    """A directory being walked: what is still to come of it, and what holds for all in it.

    No rule or glob is asked about what lies in a `plain` one: what is hidden has been dropped already.
    """

    names: Iterator[os.DirEntry[str]]
    identity: _Identity
    own: _Rules | None
    git: _Rules | None
    taken: bool
    plain: bool


def walk(root: str, options: ScanOptions) -> Iterator[Entry | Problem]:
    """All files below `root`, depth first, each directory by the bytes of its names; a file as root is always taken.

    Ignore files count in any directory, with or without git around; inside a repository those above `root` count too.
    Its `.git` is only entered with `hidden` and without `ignore`. Memory grows with the depth of the tree and the
    names in one directory, not with the number of files.

    Raises:
        UsageError: `root` does not exist, or a glob is no pattern.
    """
    return chain.from_iterable([one] if isinstance(one, Problem) else one.entries() for one in runs(root, options))


def runs(root: str, options: ScanOptions) -> Iterator[Run | Problem]:
    """The same as `walk`, with files in runs of at most some thousand."""
    top = os.path.abspath(root)
    if not os.path.lexists(top):
        raise UsageError(f"no such file or directory: {_shown(root)}")
    if not os.path.isdir(top):
        found = entry(top)
        return iter([_alone(found)])
    return _Walk(options).run(top)


class _Walk:
    def __init__(self, options: ScanOptions) -> None:
        self._options = options
        self._globs = _Globs(options.globs) if options.globs else None
        self._barred = {os.path.abspath(path) for path in options.exclude}
        self._barred_ids = {known for path in self._barred if (known := _identity(path)) is not None}
        self._open: list[_Folder] = []
        self._above: set[_Identity] = set()

    def run(self, top: str) -> Iterator[Run | Problem]:
        self._above = {known for path in _parents(os.path.realpath(top)) if (known := _identity(path)) is not None}
        own, git = self._inherited(top)
        taken = self._globs is not None and self._globs.folder(top) is True
        yield from self._enter(top, own, git, taken)
        while self._open:
            folder = self._open[-1]
            files, other = self._files(folder)
            if files.paths:
                yield files
            if other is not None:
                yield from map(_alone, self._visit(folder, other))
            elif not files.paths:
                self._above.discard(self._open.pop().identity)

    def _files(self, folder: _Folder) -> tuple[Run, os.DirEntry[str] | None]:
        """The regular files that come next in a directory, and what comes after them if that is something else.

        Nothing of both at its end. This is the loop that an unchanged tree spends its time in.
        """
        files = Run([], [], [])
        paths, sizes, times = files
        for found in folder.names:
            try:
                if not folder.plain and self._leaves_out(folder, found):
                    continue
                status = found.stat(follow_symlinks=False)
            except OSError:
                return files, found  # looked at again, to say what is wrong with it
            if not stat.S_ISREG(status.st_mode):
                return files, found
            paths.append(found.path)
            sizes.append(status.st_size)
            times.append(status.st_mtime_ns)
            if len(paths) == _RUN:
                break
        return files, None

    def _inherited(self, top: str) -> tuple[_Rules | None, _Rules | None]:
        """The rules of the directories above, from the top of the repository that `top` lies in."""
        own: _Rules | None = None
        git: _Rules | None = None
        if not self._options.ignore or os.path.lexists(os.path.join(top, ".git")):
            return own, git
        parents = _parents(top)
        inside = next((i for i, path in enumerate(parents) if os.path.lexists(os.path.join(path, ".git"))), -1)
        names = {".git", _OWN_IGNORE, _GIT_IGNORE}
        for path in reversed(parents[: inside + 1]):
            own, git = self._rules(path, names, own, git)
            names = {_OWN_IGNORE, _GIT_IGNORE}
        return own, git

    def _rules(
        self, path: str, names: set[str], own: _Rules | None, git: _Rules | None
    ) -> tuple[_Rules | None, _Rules | None]:
        if ".git" in names:
            git = _read_rules(os.path.join(path, ".git", "info", "exclude"), path, None)
        if _GIT_IGNORE in names:
            git = _read_rules(os.path.join(path, _GIT_IGNORE), path, git)
        if _OWN_IGNORE in names:
            own = _read_rules(os.path.join(path, _OWN_IGNORE), path, own)
        return own, git

    def _enter(self, path: str, own: _Rules | None, git: _Rules | None, taken: bool) -> Iterator[Problem]:
        identity = _identity(path)
        if path in self._barred or identity in self._barred_ids:
            return
        if identity in self._above:
            yield Problem(path, "symbolic link loop")
            return
        found: list[os.DirEntry[str]] = []
        try:
            with os.scandir(path) as entries:
                found.extend(entries)
        except OSError as error:
            yield Problem(path, _reason(error))
        if identity is None:
            return
        names = "\0".join(["", *map(_name, found)])  # asked as a whole, which is cheaper than each name
        dotted = {item.name for item in found if item.name.startswith(".")} if "\0." in names else set()
        if self._options.ignore:
            own, git = self._rules(path, dotted, own, git)
        plain = self._globs is None and own is None and git is None
        if plain and dotted and not self._options.hidden:
            found = [item for item in found if item.name not in dotted]
        # Plain ASCII sorts as text like its bytes.
        found.sort(key=_name if names.isascii() else _by_bytes)
        self._above.add(identity)
        self._open.append(_Folder(iter(found), identity, own, git, taken, plain))

    def _visit(self, folder: _Folder, found: os.DirEntry[str]) -> Iterator[Entry | Problem]:
        path = found.path
        try:
            if found.is_symlink():
                yield from self._visit_link(folder, found)
            elif found.is_dir(follow_symlinks=False):
                yield from self._descend(folder, path, found.name)
            elif self._takes(folder, path, found.name, False):
                yield _judge(path, found.stat(follow_symlinks=False))
        except FileNotFoundError:
            yield Problem(path, "vanished during the scan")
        except OSError as error:
            yield Problem(path, _reason(error))

    def _visit_link(self, folder: _Folder, found: os.DirEntry[str]) -> Iterator[Entry | Problem]:
        path = found.path
        status = _target(path)
        leads_on = isinstance(status, os.stat_result) and stat.S_ISDIR(status.st_mode)
        if leads_on and self._options.follow:
            yield from self._descend(folder, path, found.name)
        elif not self._takes(folder, path, found.name, False):
            return
        elif isinstance(status, Problem):
            yield status
        elif not leads_on:
            yield _judge(path, status)
        elif (status.st_dev, status.st_ino) in self._above:
            yield Problem(path, "symbolic link loop")

    def _descend(self, folder: _Folder, path: str, name: str) -> Iterator[Problem]:
        if name == ".git" and self._options.ignore:
            return
        if self._takes(folder, path, name, True):
            taken = folder.taken or (self._globs is not None and self._globs.match(path, True) is True)
            yield from self._enter(path, folder.own, folder.git, taken)

    def _leaves_out(self, folder: _Folder, found: os.DirEntry[str]) -> bool:
        return found.is_file(follow_symlinks=False) and not self._takes(folder, found.path, found.name, False)

    def _takes(self, folder: _Folder, path: str, name: str, is_dir: bool) -> bool:
        if self._globs is not None:
            verdict = self._globs.match(path, is_dir)
            if verdict is not None:
                return verdict
            if self._globs.selective and not is_dir and not folder.taken:
                return False
        for rules in (folder.own, folder.git):
            ignored = rules.ignores(_slashed(path), is_dir) if rules is not None else None
            if ignored is not None:
                return not ignored
        return self._options.hidden or not name.startswith(".")


def _by_bytes(found: os.DirEntry[str]) -> bytes:
    return os.fsencode(found.name)


def _alone(one: Entry | Problem) -> Run | Problem:
    return Run([one.path], [one.size], [one.mtime_ns]) if isinstance(one, Entry) else one


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


# --- single files -----------------------------------------------------------------------------------------------------


def entry(path: str) -> Entry | Problem:
    """One path as the walk would report it, links followed; a directory is a problem here."""
    full = os.path.abspath(path)
    status = _target(full)
    return status if isinstance(status, Problem) else _judge(full, status)


def _target(path: str) -> os.stat_result | Problem:
    """What `path` leads to, or why it leads nowhere."""
    try:
        return os.stat(path)
    except ValueError as error:
        return Problem(path, str(error))
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Problem(path, "symbolic link loop")
        if error.errno not in (errno.ENOENT, errno.ENOTDIR) or not os.path.islink(path):
            return Problem(path, _reason(error))
        return Problem(path, f"dangling symbolic link to {_shown(os.readlink(path))}")


def _judge(path: str, status: os.stat_result) -> Entry | Problem:
    if stat.S_ISREG(status.st_mode):
        return Entry(path, status.st_size, status.st_mtime_ns)
    return Problem(path, f"not a regular file ({_SPECIAL.get(stat.S_IFMT(status.st_mode), 'special file')})")


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _shown(path: str) -> str:
    """A path fit for a one-line message: no line breaks, no bytes that cannot be printed."""
    return path.encode("utf-8", "backslashreplace").decode() if path.isprintable() else ascii(path)[1:-1]


def _open_regular(path: str) -> BinaryIO:
    """Open a regular file for reading. A FIFO put in its place since it was listed is refused instead of waited for."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file")
    return os.fdopen(handle, "rb", buffering=0)


def digest(path: str) -> str:
    """BLAKE2b-256 of the content in hex, read in pieces; MediaError if it cannot be read."""
    state = hashlib.blake2b(digest_size=32)
    try:
        with _open_regular(path) as stream:
            while chunk := stream.read(_CHUNK):
                state.update(chunk)
    except (OSError, ValueError) as error:
        reason = _reason(error) if isinstance(error, OSError) else str(error)
        raise MediaError(f"{UNREADABLE}: {reason}") from error
    return state.hexdigest()


def read_paths(stream: BinaryIO, null: bool) -> Iterator[str]:
    """Paths from a binary stream, one a line or, with `null`, ended by NUL bytes; empty ones are skipped."""
    separator = b"\0" if null else b"\n"
    # A pipe is read as it fills, so that the first paths are at work while the writer still searches.
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    rest: list[bytes] = []
    while chunk := read(_CHUNK):
        *whole, tail = chunk.split(separator)
        if whole:
            yield from map(os.fsdecode, filter(None, [b"".join([*rest, whole[0]]), *whole[1:]]))
            rest = []
        rest.append(tail)
    if last := b"".join(rest):
        yield os.fsdecode(last)
