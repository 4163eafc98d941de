"""Ignore files and globs: gitignore patterns that say what a walk takes, and paths that a search may answer with.

Knows nothing of walking.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from mmsearch.errors import UsageError
from mmsearch.regular import regular

_LARGEST_IGNORE_FILE = 1 << 20
_MOST_ALTERNATIVES = 1000


class Rules:
    """Gitignore patterns of one source; the last one that matches a path decides."""

    def __init__(self, patterns: Iterable[Any], outer: Rules | None = None, base: str = "") -> None:
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
        rules: Rules | None = self
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


def read_rules(file: str, base: str, outer: Rules | None) -> Rules | None:
    """The rules of an ignore file; as in git, an unreadable one and bad lines count for nothing."""
    try:
        with open(file, "rb", opener=regular) as stream:
            text = os.fsdecode(stream.read(_LARGEST_IGNORE_FILE).removeprefix(b"\xef\xbb\xbf"))
    except OSError:
        return outer
    patterns: list[Any] = []
    for line in text.split("\n"):
        try:
            patterns += _compile(line.removesuffix("\r"))
        except ValueError:
            continue
    return Rules(patterns, outer, slashed(base)) if any(p.include is not None for p in patterns) else outer


def slashed(path: str) -> str:
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


class Globs:
    """The globs of a command line, each taking what it matches or, after `!`, dropping it; the last one decides."""

    def __init__(self, globs: Sequence[str], base: str | None = None) -> None:
        self._cwd = slashed(os.getcwd() if base is None else base).rstrip("/") + "/"
        self._rules: list[tuple[Rules, bool, bool]] = []
        for glob in globs:
            body = glob.removeprefix("!")
            self._rules.append((self._parse(glob, body), not glob.startswith("!"), body.startswith("/")))
        self._rules.reverse()
        self.selective = any(take for _, take, _ in self._rules)
        self.folder = lru_cache(maxsize=4096)(self._folder)

    @staticmethod
    def _parse(glob: str, body: str) -> Rules:
        patterns: list[Any] = []
        for text in _expand(body):
            # `!` and `#` would be read as a second negation and as a comment.
            try:
                patterns += _compile("\\" + text if text[:1] in ("!", "#") else text)
            except ValueError:
                raise UsageError(f"not a glob: {glob!r}") from None
        if not any(p.include is not None for p in patterns):
            raise UsageError(f"not a glob: {glob!r}")
        return Rules(patterns)

    def match(self, path: str, is_dir: bool) -> bool | None:
        """True to take an absolute path, False to drop it, None if no glob matches it itself."""
        text = slashed(path)
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


def glob_filter(globs: Sequence[str], base: str | None = None) -> Callable[[str], bool]:
    """A test for paths of files by `-g` globs: gitignore patterns that select, or with `!` in front drop.

    The last glob that matches decides; with no positive glob everything else passes, with one nothing else does. What
    names a directory holds for all in it, and a dropped directory is dropped for good. `{a,b}` gives alternatives.
    Paths below `base`, by default the working directory, are matched relative to it, others as they are; a glob that
    starts with `/` may also be an absolute path.

    Raises:
        UsageError: a glob that is no pattern.
    """
    if not globs:
        return lambda path: True
    rules = Globs(globs, base)
    return lambda path: rules.takes(os.path.abspath(path))
