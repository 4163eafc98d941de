"""Pages and names are in plain English: the words listed here have plainer ones."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "SECURITY.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    *sorted((REPOSITORY / ".github").rglob("*.yml")),
]
MODULES = sorted((REPOSITORY / "mmsearch").rglob("*.py"))

BANNED_IN_PROSE = frozenset(
    {
        *("amiss", "anew", "asked", "asks", "heard", "hears", "heed", "heeds", "mend", "mended", "mends", "swell"),
        *("swells", "tells", "thereof", "told", "unasked", "whatever", "wherever", "whichever", "whoever", "whom"),
        *("wish", "wishes"),
    }
)
FREE_RELATIVE = re.compile(r"\bwhat (?:it|they|there|is|are|was|were|has|had|can|may|holds|comes|lies|came|goes)\b")
"""As in "what is new": a noun says it in one word."""
QUOTED = re.compile(r"\| [\w+]+->\w+: ")

BANNED = frozenset(
    {
        *("amiss", "anew", "ask", "asked", "asker", "asking", "at", "beside", "comes", "door", "glimpse", "goes"),
        *("hear", "heard", "hears", "keeps", "kept", "lanes", "made", "meant", "mend", "mended", "mine", "one"),
        *("ours", "place", "remembered", "said", "says", "settle", "somebody", "tell", "theirs", "thereof", "told"),
        *("took", "turning", "underway", "wanted", "wants", "whoever", "wish", "wishes", "written"),
    }
)
"""Whole names, without underscores around them: `_told` is banned by `told`, `bytes_written` not by `written`."""


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page with their numbers, without code, targets of links, and quoted questions of the corpus."""
    fenced = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not QUOTED.match(line):
            yield number, re.sub(r"`[^`]*`|\]\([^)]*\)|https?://\S+|<!--.*?-->", " ", line).lower()


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """All names that a module defines: functions, classes, parameters, variables and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield node.lineno, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_use_plain_words(page: Path) -> None:
    text = list(prose(page))
    words = [f"{page.name}:{number}: {word}" for number, line in text for word in re.findall(r"[a-z]+", line)]
    assert not [hit for hit in words if hit.rpartition(" ")[2] in BANNED_IN_PROSE]
    assert not [f"{page.name}:{number}: {hit[0]}" for number, line in text if (hit := FREE_RELATIVE.search(line))]


def test_names_are_nouns_and_verbs_of_the_field() -> None:
    hits = [
        f"{module.relative_to(REPOSITORY)}:{line}: {name}"
        for module in MODULES
        for line, name in names(ast.parse(module.read_text(encoding="utf-8")))
        if name.strip("_").lower() in BANNED
    ]
    assert not hits


def test_names_are_checked_however_they_are_defined() -> None:
    source = """
async def a(b, *c, **d):
    e = f.g = [h for h in c]
    for i, (j, k) in d: pass
    try:
        import os as m
    except OSError as n: pass
    with open("x") as o, (p := 1): pass
    return lambda q: q
class R: pass
"""
    assert sorted(name for _, name in names(ast.parse(source))) == sorted("abcdeghijkmnopqR")
