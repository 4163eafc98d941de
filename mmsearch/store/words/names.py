"""Names of files against a query: whether it is the exact name or path, and how much of the name it says."""

from __future__ import annotations

import os

from mmsearch.store.words import fold, pieces, spans
from mmsearch.store.words.query import WordQuery
from mmsearch.store.words.tokens import name_key, own_name

_LONGEST = 4096
"""Characters of a path that somebody may type."""


def keys(query: WordQuery) -> list[str]:
    """The FTS5 strings of names that the query may say exactly; none for a query that cannot be one."""
    text = query.plain.strip()
    if not text or len(text) > _LONGEST:
        return []
    found = [name_key(text), name_key(_parts(text)[-1]) if _parts(text) else ""]
    return [f'"{key}"' for key in dict.fromkeys(found) if len(key) > 1]


def is_exact(path: str, query: WordQuery) -> bool:
    """True if the query is the name of a file, with or without its suffix, or a path that leads to it.

    A path may be absolute, relative to the working directory, or the end of an absolute one.
    """
    text = query.plain.strip()
    if not text or len(text) > _LONGEST:
        return False
    parts = _parts(path)
    if "/" not in text and "\\" not in text:
        return _same_name(name_key(text), parts[-1:])
    if text.startswith(("/", "~", ".", "\\")) and "://" not in text:
        typed = _parts(os.path.abspath(os.path.expanduser(text.replace("\\", "/"))))
        return len(typed) == len(parts) and _ends_with(parts, typed)
    return _ends_with(parts, _parts(text))


def precision(path: str, query: WordQuery) -> float:
    """The share of the words of a file's own name, without suffix and folders, that the query says, in [0, 1]."""
    name = own_name("/".join(_parts(path)))
    matched = [(match.start, match.end) for match in spans.find(name, query.terms)]
    words = _words(name)
    if not words:
        return 0.0
    return sum(_covered(word, matched) for word in words) / len(words)


def _words(name: str) -> list[tuple[int, int]]:
    """The ranges of the pieces of a name."""
    spaced, ranges = spans.aligned(name)
    found = []
    position = 0
    for word in spaced.split():
        position = spaced.index(word, position)
        for group in pieces.cut(word):
            for piece in group:
                start, end = position + piece.start, position + piece.end
                found.append((start, end) if ranges is None else (ranges[start][0], ranges[end - 1][1]))
        position += len(word)
    return found


def _covered(word: tuple[int, int], matched: list[tuple[int, int]]) -> float:
    """The share of a range that others cover."""
    start, end = word
    positions = {position for first, last in matched for position in range(max(first, start), min(last, end))}
    return len(positions) / (end - start)


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]


def _ends_with(parts: list[str], typed: list[str]) -> bool:
    if not typed or len(typed) > len(parts) or not _same_name(name_key(typed[-1]), parts[-1:]):
        return False
    folders = parts[-len(typed) : -1]
    return list(map(fold.fold, folders)) == list(map(fold.fold, typed[:-1]))


def _same_name(key: str, last: list[str]) -> bool:
    return bool(last) and len(key) > 1 and key in (name_key(last[0]), name_key(own_name(last[0])))
