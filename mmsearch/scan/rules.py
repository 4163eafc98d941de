"""Ignore files and globs: gitignore patterns that select the files of a walk and the paths of search results.

Both may come from strangers, so matching has a cost limit: a folder whose ignore file exceeds it is skipped, since the
files that it hides must not be indexed, and globs that exceed it are an error. Knows nothing of walking.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from time import perf_counter

from mmsearch.errors import UsageError
from mmsearch.scan.patterns import Matcher, Pattern, parse
from mmsearch.system.safe_open import regular

_MAX_IGNORE_FILE = 1 << 20
_MAX_LENGTH = 4096
"""Characters of a pattern: no longer path can be opened on Linux."""
_MAX_RULES = 100_000
"""Rules of an ignore file and those above it."""
_MAX_NESTED = 256
"""Ignore files, one above the other, that a path is matched with."""
_MAX_COST = 16_384
"""The largest cost of all rules, or globs, that a path is matched with: at worst some milliseconds a path."""
_MAX_GLOBS = 256
_MAX_ALTERNATIVES = 1000
_MAX_EXPANDED = 10_000
"""Alternatives of all globs."""
_MAX_CACHED = 4096
GLOB_PATIENCE = 5.0
"""Seconds that others wait for the globs of one search, beyond those that ordinary globs take."""
_ORDINARY_SECONDS = 2e-5
"""For a path, on a slow machine with something else to do."""


class IgnoreFileTooLarge(Exception):
    """An ignore file holds more than is matched; the message says what, with the limit."""


class Rules:
    """Gitignore patterns of one source; the last one that matches a path decides."""

    def __init__(self, patterns: Sequence[Pattern], outer: Rules | None = None, base: str = "") -> None:
        self._includes = [pattern.include for pattern in patterns]
        self._matcher = Matcher(enumerate(patterns))
        self._outer = outer
        self._skip = len(base) + (not base.endswith("/"))
        self.number: int = len(patterns) + (outer.number if outer else 0)
        self.cost: int = sum(pattern.cost for pattern in patterns) + (outer.cost if outer else 0)
        self.nested: int = 1 + (outer.nested if outer else 0)

    def match(self, path: str, is_dir: bool) -> bool | None:
        """True if `path`, `/`-separated and relative, is matched itself (not by an ancestor), False if negated."""
        last = self._matcher.last(path, is_dir)
        return None if last < 0 else self._includes[last]

    def ignores(self, path: str, is_dir: bool) -> bool | None:
        """The verdict on an absolute path of the innermost source that has one."""
        rules: Rules | None = self
        while rules is not None:
            verdict = rules.match(path[rules._skip :], is_dir)
            if verdict is not None:
                return verdict
            rules = rules._outer
        return None


def read_rules(file: str, base: str, outer: Rules | None) -> Rules | None:
    """The rules of an ignore file; as in git, an unreadable one and bad lines count for nothing.

    Raises:
        IgnoreFileTooLarge: it is larger, longer or, together with those above it, more than is matched.
    """
    try:
        with open(file, "rb", opener=regular) as stream:
            data = stream.read(_MAX_IGNORE_FILE + 1)
    except OSError:
        return outer
    if len(data) > _MAX_IGNORE_FILE:
        raise IgnoreFileTooLarge(f"more than {_MAX_IGNORE_FILE:,} bytes")
    patterns = _parsed(os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")))
    if not patterns:
        return outer
    if len(patterns) + (outer.number if outer else 0) > _MAX_RULES:
        raise IgnoreFileTooLarge(f"more than {_MAX_RULES:,} rules, with those of the folders above")
    if sum(pattern.cost for pattern in patterns) + (outer.cost if outer else 0) > _MAX_COST:
        raise IgnoreFileTooLarge(
            "more rules with wildcards than can be matched in time, with those of the folders above"
        )
    if outer and outer.nested >= _MAX_NESTED:
        raise IgnoreFileTooLarge(f"more than {_MAX_NESTED} ignore files above it")
    return Rules(patterns, outer, slashed(base))


def _parsed(text: str) -> list[Pattern]:
    patterns: list[Pattern] = []
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _MAX_LENGTH and not line.startswith("#"):
            raise IgnoreFileTooLarge(
                f"{len(line):,} characters in line {number}, and at most {_MAX_LENGTH:,} are matched"
            )
        try:
            pattern = parse(line.removesuffix("\r"))
        except ValueError:
            continue
        if pattern is not None:
            patterns.append(pattern)
    return patterns


def slashed(path: str) -> str:
    return path.replace(os.sep, "/") if os.sep != "/" else path


def _expand(glob: str) -> list[str]:
    """Replace `{a,b}` by its alternatives, innermost first; unbalanced braces stay as they are."""
    expanded: list[str] = []
    pending = [glob]
    while pending:
        if len(pending) + len(expanded) > _MAX_ALTERNATIVES:
            raise UsageError(f"glob {glob!r} stands for more than {_MAX_ALTERNATIVES} patterns: give several globs")
        text = pending.pop()
        match = re.search(r"(?<!\\)\{((?:[^{}\\]|\\.)*)\}", text, re.DOTALL)
        if match is None:
            expanded.append(text)
            continue
        before, after = text[: match.start()], text[match.end() :]
        pending += [before + choice + after for choice in reversed(match[1].split(","))]
    return expanded


def _parse(glob: str) -> list[Pattern]:
    """The patterns that a glob stands for. Raises UsageError."""
    if len(glob) > _MAX_LENGTH:
        raise UsageError(f"glob {glob[:40]!r}… has {len(glob):,} characters: at most {_MAX_LENGTH:,} are matched")
    patterns: list[Pattern] = []
    for text in _expand(glob.removeprefix("!")):
        # `!` and `#` would be read as a second negation and as a comment.
        try:
            pattern = parse("\\" + text if text[:1] in ("!", "#") else text)
        except ValueError:
            raise UsageError(f"not a glob: {glob!r}") from None
        if pattern is not None:
            patterns.append(pattern)
    if not patterns:
        raise UsageError(f"not a glob: {glob!r}")
    return patterns


class Globs:
    """The globs of a command line, each taking its matches or, after `!`, dropping them; the last one decides."""

    def __init__(self, globs: Sequence[str], base: str | None = None) -> None:
        self._cwd = slashed(os.getcwd() if base is None else base).rstrip("/") + "/"
        self._takes = [not glob.startswith("!") for glob in globs]
        self.selective = any(self._takes)
        patterns = list(self._parsed(globs))
        rooted = [(number, pattern) for number, pattern in patterns if globs[number].removeprefix("!").startswith("/")]
        self._relative, self._rooted = Matcher(patterns), Matcher(rooted) if rooted else None
        self._folders: dict[str, bool | None] = {"": None}

    @staticmethod
    def _parsed(globs: Sequence[str]) -> list[tuple[int, Pattern]]:
        if len(globs) > _MAX_GLOBS:
            raise UsageError(f"{len(globs):,} globs: at most {_MAX_GLOBS} are matched at a time")
        numbered: list[tuple[int, Pattern]] = []
        cost = 0
        for number, glob in enumerate(globs):
            patterns = _parse(glob)
            numbered += [(number, pattern) for pattern in patterns]
            cost += sum(pattern.cost for pattern in patterns)
            if len(numbered) > _MAX_EXPANDED:
                raise UsageError(
                    f"globs up to {glob[:40]!r} stand for more than {_MAX_EXPANDED:,} patterns: give fewer"
                )
            if cost > _MAX_COST:
                raise UsageError(f"glob {glob[:40]!r} has, with those before it, too many wildcards: give fewer")
        return numbered

    def match(self, path: str, is_dir: bool) -> bool | None:
        """True to take an absolute path, False to drop it, None if no glob matches it itself."""
        text = slashed(path)
        absolute = text.removeprefix("/")
        if text.startswith(self._cwd):
            near: str | None = text[len(self._cwd) :]
        else:
            near = None if self._cwd.startswith(text.rstrip("/") + "/") else absolute
        last = self._relative.last(near, is_dir) if near else -1
        if self._rooted and absolute:
            last = max(last, self._rooted.last(absolute, is_dir))
        return None if last < 0 else self._takes[last]

    def folder(self, path: str) -> bool | None:
        """The verdict that a directory hands down: False for good, True if it or one above it is taken."""
        verdicts = self._folders
        if path in verdicts:
            return verdicts[path]
        if len(verdicts) > _MAX_CACHED:
            verdicts.clear()
            verdicts[""] = None
        below = []
        while path not in verdicts:
            below.append(path)
            path = path[: max(path.rfind(os.sep), 0)]
        selected = verdicts[path]
        for directory in reversed(below):
            if selected is not False:
                verdict = self.match(directory, True)
                selected = selected if verdict is None else verdict
            verdicts[directory] = selected
        return selected

    def takes(self, path: str) -> bool:
        """Whether a file passes, by its own name and by its directories."""
        above = self.folder(os.path.dirname(path))
        if above is False:
            return False
        verdict = self.match(path, False)
        return (above is True or not self.selective) if verdict is None else verdict


def _absolute(path: str) -> str:
    """`os.path.abspath`, which takes as long as all the rest, only where it would change the path."""
    clean = os.sep == "/" and path[:1] == "/" and "//" not in path and "/." not in path and path[-1] != "/"
    return path if clean else os.path.abspath(path)


def glob_filter(globs: Sequence[str], base: str | None = None, patience: float | None = None) -> Callable[[str], bool]:
    """A test for paths of files by `-g` globs: gitignore patterns that select, or with `!` in front drop.

    The last glob that matches decides; with no positive glob everything else passes, with one nothing else does. What
    names a directory holds for all in it, and a dropped directory is dropped for good. `{a,b}` gives alternatives.
    Paths below `base`, by default the working directory, are matched relative to it, others as they are; a glob that
    starts with `/` may also be an absolute path.

    Raises:
        UsageError: a glob that is no pattern, or too much of them; later, when all tests together have taken
            `patience` seconds more than ordinary globs would.
    """
    if not globs:
        return lambda path: True
    rules = Globs(globs, base)
    if patience is None:
        return lambda path: rules.takes(_absolute(path))
    seconds_left = patience

    def test(path: str) -> bool:
        nonlocal seconds_left
        began = perf_counter()
        selected = rules.takes(_absolute(path))
        seconds_left += _ORDINARY_SECONDS - (perf_counter() - began)
        if seconds_left < 0:
            raise UsageError(f"glob {globs[0][:40]!r} takes too long to match with all paths: give a simpler one")
        return selected

    return test
