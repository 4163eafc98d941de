"""Gitignore patterns, matched in a time that grows only with their length and that of a path.

A regular expression with several wildcards may try every way to share a name among them. Here the text
between two wildcards is matched at its first position only: if any position works, the first one does, since the rest
may then begin earlier. Most patterns need no expression: they are names, endings and beginnings that are looked up.
Knows nothing of ignore files, and nothing of a match's consequences.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from itertools import count, groupby
from typing import Literal, NamedTuple

_WILD = re.compile(r"[*?\[\\]")
_STARS = re.compile(r"\*+")
_CLASS = re.compile(r"\[:([^\]]*):\]")
_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r"\ \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r"\ \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
_numbers = count()
_Kind = Literal["name", "path", "ends", "starts", "name like", "path like"]
_Token = tuple[Literal["text", "one", "star", "slash"], str]
"""A character, an expression for one character, a run of stars, or a slash."""


class Pattern(NamedTuple):
    """One line of an ignore file.

    Attributes:
        include: False for one that begins with `!`.
        dirs: it matches directories alone.
        kind: `text` is a name, a path, the end or the beginning of a name, or an expression for one of both.
        cost: about how long a comparison takes, in characters of a simple pattern; 0 where a look-up spares it.
    """

    include: bool
    dirs: bool
    kind: _Kind
    text: str
    cost: int


def parse(line: str) -> Pattern | None:
    """The pattern of a line without its end; None for an empty one and a comment.

    Raises:
        ValueError: it can match nothing, such as `[` or a backslash at the end.
    """
    text = _trimmed(line)
    if not text or text.startswith("#"):
        return None
    include = not text.startswith("!")
    text = text.removeprefix("!")
    dirs = text.endswith("/")
    text = text[:-1] if dirs else text
    rooted = "/" in text
    text = text.removeprefix("/")
    if not text:
        raise ValueError(line)
    if not _WILD.search(text):
        if "" in text.split("/"):
            raise ValueError(line)
        return Pattern(include, dirs, "path" if rooted else "name", text, 0)
    segments = [_parts(segment) for segment in _segments(_tokens(text))]
    if rooted and len(segments) > 1 and not any(segments[:-1]) and segments[-1]:
        segments, rooted = segments[-1:], False  # `**/name` is `name`
    kind, expression = _path(segments) if rooted else _name(segments[0] or [[], []])
    return Pattern(include, dirs, kind, expression, _cost(text) if kind in ("name like", "path like") else 0)


def _cost(text: str) -> int:
    """Each star begins another search, in which a long text may nearly match at every place; a set of characters beyond
    Latin-1 takes milliseconds to compile."""
    text = _STARS.sub("*", text)
    wide = sum(char > "\xff" for char in text) if "[" in text else 0
    longest = max(map(len, text.split("/")))
    return len(text) * max(1, text.count("*"), longest // 16) + 64 * wide


def _trimmed(line: str) -> str:
    """Without the spaces at its end, but for one after a backslash."""
    text = line.rstrip(" ")
    escapes = len(text) - len(text.rstrip("\\"))
    return line[: len(text) + 1] if escapes % 2 else text


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == "\\":
            if position == len(text):
                raise ValueError(text)
            char = text[position]
            position += 1
            tokens.append(("slash" if char == "/" else "text", char))
        elif char == "[":
            expression, position = _bracket(text, position)
            tokens.append(("one", expression))
        elif char == "*":
            if tokens and tokens[-1][0] == "star":
                tokens[-1] = ("star", tokens[-1][1] + char)
            else:
                tokens.append(("star", char))
        else:
            tokens.append(("one", "[^/]") if char == "?" else ("slash" if char == "/" else "text", char))
    return tokens


def _bracket(text: str, position: int) -> tuple[str, int]:
    """The expression for a bracket whose inside begins at `position`, and where it ends; read as git does."""
    negated = text[position : position + 1] in ("!", "^")
    position += negated
    items: list[str] = []
    before = ""
    first = position
    while position == first or text[position : position + 1] != "]":
        char = text[position : position + 1]
        if char == "-" and before and text[position + 1 : position + 2] not in ("", "]"):
            position += 1 + (text[position + 1] == "\\")
            last = text[position : position + 1]
            if before > last:
                raise ValueError(text)
            items.append(f"{re.escape(before)}-{re.escape(last)}")
            before = ""
        elif char == "[" and (char_class := _CLASS.match(text, position)):
            if char_class[1] not in _CLASSES:
                raise ValueError(text)
            items.append(_CLASSES[char_class[1]])
            position = char_class.end() - 1
            before = ""
        else:
            position += char == "\\"
            before = text[position : position + 1]
            items.append(re.escape(before))
        if position >= len(text):
            raise ValueError(text)
        position += 1
    inside = "".join(items)
    return f"[^/{inside}]" if negated else f"(?!/)[{inside}]", position + 1


def _segments(tokens: list[_Token]) -> list[list[_Token]]:
    """The tokens between slashes; ValueError where there are none."""
    parts = [list(group) for is_slash, group in groupby([*tokens], lambda token: token[0] == "slash")]
    slashes = [part for part in parts if part[0][0] == "slash"]
    if tokens[0][0] == "slash" or tokens[-1][0] == "slash" or any(len(part) > 1 for part in slashes):
        raise ValueError("an empty name")
    return [part for part in parts if part[0][0] != "slash"]


def _parts(segment: list[_Token]) -> list[list[_Token]]:
    """The tokens between the stars of a segment, each perhaps empty; an empty list for `**`."""
    if len(segment) == 1 and segment[0][0] == "star" and len(segment[0][1]) > 1:
        return []
    parts: list[list[_Token]] = [[]]
    for token in segment:
        if token[0] == "star":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _name(parts: list[list[_Token]]) -> tuple[_Kind, str]:
    plain = all(kind == "text" for part in parts for kind, _ in part)
    texts = ["".join(text for _, text in part) for part in parts]
    if plain and len(parts) == 1:
        return "name", texts[0]
    if plain and len(parts) == 2 and not texts[0]:
        return "ends", texts[1]
    if plain and len(parts) == 2 and not texts[1]:
        return "starts", texts[0]
    return "name like", _expression(parts)


def _path(segments: list[list[list[_Token]]]) -> tuple[_Kind, str]:
    if all(len(parts) == 1 and all(kind == "text" for kind, _ in parts[0]) for parts in segments):
        return "path", "/".join("".join(text for _, text in parts[0]) for parts in segments)
    between: list[list[str]] = [[]]  # the segments before, between and after `**`
    for parts in segments:
        if parts:
            between[-1].append(_expression(parts))
        elif between[-1] or len(between) == 1:
            between.append([])
    first, *following = ("/".join(part) for part in between)
    if not following:
        return "path like", first
    *inner, last = following
    pieces = [f"{first}/" if first else "", *(_atomic(f"(?:[^/]+/)*?{expression}/") for expression in inner)]
    return "path like", "".join([*pieces, f"(?:[^/]+/)*{last}" if last else ".+"])


def _expression(parts: list[list[_Token]]) -> str:
    """An expression for one segment."""
    first, *following = ("".join(re.escape(text) if kind == "text" else text for kind, text in part) for part in parts)
    if not following:
        return first
    *inner, last = following
    if not any([first, *inner, last]):
        return "[^/]+"
    return "".join([first, *(_atomic(f"[^/]*?{piece}") for piece in inner if piece), f"[^/]*{last}"])


def _atomic(expression: str) -> str:
    """An atomic group, which never backtracks: `(?>…)` from Python 3.11 on."""
    name = f"g{next(_numbers)}"
    return f"(?=(?P<{name}>{expression}))(?P={name})"


class Matcher:
    """Finds the last of many patterns that matches a path itself, not one of its directories."""

    def __init__(self, patterns: Iterable[tuple[int, Pattern]]) -> None:
        """Patterns with their numbers, in rising order; several may have the same."""
        self._all = _Literals()
        self._dirs = _Literals()
        names: list[tuple[int, Pattern]] = []
        paths: list[tuple[int, Pattern]] = []
        for number, pattern in patterns:
            if pattern.cost:
                (names if pattern.kind == "name like" else paths).append((number, pattern))
            else:
                (self._dirs if pattern.dirs else self._all).add(number, pattern)
        self._names = _one_expression(names)
        self._paths = _one_expression(paths)

    def last(self, path: str, is_dir: bool) -> int:
        """The number of the last one that matches a relative path with `/`, -1 for none."""
        name = path[path.rfind("/") + 1 :]
        best = self._all.last(path, name)
        if is_dir:
            if self._dirs.any:
                best = max(best, self._dirs.last(path, name))
            path, name = path + "/", name + "/"
        if self._names is not None and (match := self._names.fullmatch(name)):
            best = max(best, _number(match))
        if self._paths is not None and (match := self._paths.fullmatch(path)):
            best = max(best, _number(match))
        return best


def _number(match: re.Match[str]) -> int:
    return int(str(match.lastgroup).rpartition("_")[2])


def _one_expression(patterns: Sequence[tuple[int, Pattern]]) -> re.Pattern[str] | None:
    """One expression for all, the last one first; the group that ends each names its number."""
    if not patterns:
        return None
    ends = (
        f"{p.text}{'/' if p.dirs else '/?'}(?P<n{position}_{n}>)" for position, (n, p) in enumerate(reversed(patterns))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd brackets: the pattern is the user's, and stderr no place for that
        return re.compile("|".join(ends), re.DOTALL)


class _Literals:
    """Patterns that are looked up: names, paths, and endings and beginnings of names by their lengths."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._paths: dict[str, int] = {}
        self._ends: dict[int, dict[str, int]] = {}
        self._starts: dict[int, dict[str, int]] = {}
        self.any = False

    def add(self, number: int, pattern: Pattern) -> None:
        text = pattern.text
        self.any = True
        if pattern.kind in ("name", "path"):
            (self._names if pattern.kind == "name" else self._paths)[text] = number
        else:
            (self._ends if pattern.kind == "ends" else self._starts).setdefault(len(text), {})[text] = number

    def last(self, path: str, name: str) -> int:
        best = self._names.get(name, -1)
        if self._paths:
            best = max(best, self._paths.get(path, -1))
        for length, numbers in self._ends.items():
            number = numbers.get(name[len(name) - length :], -1)  # of a shorter name not the length of any key
            best = number if number > best else best
        for length, numbers in self._starts.items():
            number = numbers.get(name[:length], -1)
            best = number if number > best else best
        return best
