"""Gitignore patterns: the meaning that git gives them, in a time that no pattern and no name can stretch."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmsearch.errors import UsageError
from mmsearch.scan import Entry, Problem, ScanOptions, glob_filter, walk
from mmsearch.scan.patterns import parse
from mmsearch.scan.rules import Rules

NAMES = ["a", "b", "ab", "aab", "z", "a.txt", "-", "]", "!a", "#a", " a", "a!", "^", "A", "7"]
FOLDERS = ["", "a", "b", "a/b", "a/b/a", "ab/a", "z/aab", "a/a/b"]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is tested takes milliseconds, and without a bound years."""
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds


# --- what patterns mean -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, bool]]]:
    """A git repository, and what is in it: relative paths, and which of them are directories."""
    if shutil.which("git") is None or os.name == "nt":
        pytest.skip("needs git, and its file names")
    root = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", root], check=True)
    for folder in sorted(FOLDERS, key=len, reverse=True):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for folder in FOLDERS:
        for name in NAMES:
            if not (root / folder / name).exists():
                (root / folder / name).write_text("x")
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*") if ".git" not in path.parts)
    return root, [(path, (root / path).is_dir()) for path in found]


def ignored(lines: list[str], paths: list[tuple[str, bool]]) -> set[str]:
    """Paths that the lines of an ignore file match, by themselves or by a directory above."""
    patterns = []
    for line in lines:
        try:
            pattern = parse(line)
        except ValueError:
            continue
        if pattern is not None:
            patterns.append(pattern)
    rules = Rules(patterns)
    found: set[str] = set()
    for path, is_dir in paths:
        if os.path.dirname(path) in found or rules.match(path, is_dir):
            found.add(path)
    return found


_names = st.text(alphabet="ab.z-!#^A7 ]", min_size=1, max_size=3)
WILD = r"""* ? *? a* *a *b* [ab] [!a] [^b]* []a] [a-c]? [[:alpha:]] [![:punct:]]* [a\-z] \a \* \[ [.-a] [a a\ \
[[:no:]] [-a] [a-] *.* a*b* [!]]"""
_wild = st.sampled_from(WILD.split())
_segment = st.one_of(_names, _wild, st.builds(str.__add__, _names, st.sampled_from(["*", "?", "[ab]"])))
_pattern = st.builds(
    lambda negated, rooted, segments, folder: negated + rooted + "/".join(segments) + folder,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(st.one_of(_segment, st.just("**")), min_size=1, max_size=4),
    st.sampled_from(["", "", "/", " ", "\\ "]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(_pattern, min_size=1, max_size=4))
def test_patterns_match_what_git_matches(lines: list[str], repository: tuple[Path, list[tuple[str, bool]]]) -> None:
    root, paths = repository
    (root / ".gitignore").write_text("\n".join(lines) + "\n")
    asked = "\0".join(path for path, _ in paths).encode()
    argv = ["git", "check-ignore", "--no-index", "-z", "--stdin"]
    by_git = subprocess.run(argv, cwd=root, input=asked, capture_output=True, check=False).stdout.decode()
    assert ignored(lines, paths) == set(by_git.split("\0")) - {""}


@pytest.mark.parametrize(
    ("line", "path", "expected"),
    [
        ("a*b*c", "aXbXbXc", True),
        ("a*b*c", "aXcXb", False),
        ("*ab*ab", "ab", False),
        ("*ab*ab", "abab", True),
        ("**/a/**/b/**/c", "x/a/y/b/z/b/c", True),
        ("**/a/**/b/**/c", "x/b/y/a/z/c", False),
        ("a/**/*b*b/c", "a/bb/bXb/c", True),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("**", "a/b", True),
        ("***/b", "a/b", True),
        ("a/***/b", "a/x/y/b", True),
        ("x**y", "xay", True),
        ("d/x**y", "d/x/y", False),
        ("a?c", "a/c", False),
        ("a/[!x]c", "a//c", False),
        ("*.tar.gz", "a.b.tar.gz", True),
        ("pre*", "sub/prefix", True),
        ("/pre*", "sub/prefix", False),
        ("a\nb", "a\nb", True),
        ("*\nb", "a\nb", True),
        ("[\udcff]x", "\udcffx", True),
        ("[一-龥]*", "文.txt", True),
    ],
)
def test_wildcards_share_a_name_as_they_should(line: str, path: str, expected: bool) -> None:
    pattern = parse(line)
    assert pattern is not None
    assert bool(Rules([pattern]).match(path, False)) is expected


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.sampled_from(["a", "b", "ab", "?", "*", "*", "[ab]", "/", "/**/"]), min_size=1, max_size=9),
    path=st.lists(st.sampled_from(["a", "b", "ab", "aab", "ba"]), min_size=1, max_size=5),
)
def test_first_place_is_as_good_as_any_other(parts: list[str], path: list[str]) -> None:
    line, text = "".join(parts), "/".join(path)
    try:
        pattern = parse("/" + line)
    except ValueError:
        return
    assert pattern is not None
    if not pattern.dirs:
        assert bool(Rules([pattern]).match(text, False)) is tried(line.split("/"), path)


def tried(segments: list[str], path: list[str]) -> bool:
    """Whether segments match names, by trying everything."""
    if not segments:
        return not path
    if len(segments[0]) > 1 and set(segments[0]) == {"*"}:
        if len(segments) == 1:
            return bool(path)
        return any(tried(segments[1:], path[start:]) for start in range(len(path)))
    return bool(path) and tried_name(segments[0], path[0]) and tried(segments[1:], path[1:])


def tried_name(segment: str, name: str) -> bool:
    if not segment:
        return not name
    if segment[0] == "*":
        return any(tried_name(segment[1:], name[start:]) for start in range(len(name) + 1))
    if segment.startswith("[ab]"):
        return name[:1] in ("a", "b") and bool(name) and tried_name(segment[4:], name[1:])
    return bool(name) and segment[0] in ("?", name[0]) and tried_name(segment[1:], name[1:])


# --- how long they take -----------------------------------------------------------------------------------------------

DEAR = [
    "*?*?*?*?*?*?*?*?*?z!",
    "*a*a*a*a*a*ab",
    "*[a]*[!b]*?*[a-z]*[[:alpha:]]*!",
    "a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
    "**/**/**/*a*a*a*a*a*/**/**/b",
    "**/a*/**/a*/**/a*/**/a*/**/a*/**/b",
    "a*a/**/a*a/**/*a*a*a*a*a*!",
    "*" * 4000 + "b",
    "**/" * 1000 + "b",
]


@pytest.mark.parametrize("glob", DEAR)
def test_no_glob_takes_long(glob: str) -> None:
    test = glob_filter([glob], "/n")
    deep = "/n/" + "/".join(["a" * 9] * 200)
    with within(2):
        assert not any(test(f"/n/{'a' * 85}{number}") for number in range(200))
        assert not any(test(f"{deep}{number}") for number in range(20))


@pytest.mark.parametrize("name", [".gitignore", ".mmsearchignore"])
@pytest.mark.parametrize("rule", DEAR)
def test_no_rule_takes_long(tmp_path: Path, name: str, rule: str) -> None:
    (tmp_path / name).write_text(f"{rule}\n!{rule}\n/{rule}\n")
    for number in range(50):
        (tmp_path / f"{'a' * 100}{number}").write_text("x")
    with within(2):
        assert len(list(walk(str(tmp_path), ScanOptions()))) == 50


@pytest.mark.parametrize("line", ["plain{}", "*.e{}", "start{}*", "/folder/name{}", "!plain{}/"], ids=str)
def test_many_rules_that_are_looked_up_cost_no_more_than_few(tmp_path: Path, line: str) -> None:
    (tmp_path / ".gitignore").write_text("\n".join(line.format(number) for number in range(50_000)))
    for number in range(200):
        (tmp_path / f"{number}.txt").write_text("x")
    with within(5):
        assert len(list(walk(str(tmp_path), ScanOptions()))) == 200


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"p\n" * 600_000, "1,048,576 bytes"),
        (b"a*" * 5_000_000, "1,048,576 bytes"),
        (b"# fine\n" + b"x" * 5000, "5,000 characters in line 2"),
        (b"p\n" * 100_001, "100,000 rules"),
        (b"*a*a*a*a*a*ab\n" * 1000, "more rules with wildcards"),
        (b"".join(b"*%s?b%d\n" % (b"a" * 60, number) for number in range(240)), "more rules with wildcards"),
        ("".join(f"[\u0100-\uffff]{number}\n" for number in range(1000)).encode(), "more rules with wildcards"),
        (b"*a" * 2000, "more rules with wildcards"),
    ],
    ids=["bytes", "one line", "line", "rules", "stars", "nearly", "sets", "one rule"],
)
def test_folder_of_an_ignore_file_that_is_too_much_is_left_out(tmp_path: Path, content: bytes, reason: str) -> None:
    for name in ("a", "sub/secret", "sub/below/secret", "z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "sub/.gitignore").write_bytes(content)
    with within(5):
        found = list(walk(str(tmp_path), ScanOptions()))
    assert [one.path for one in found if isinstance(one, Entry)] == [str(tmp_path / "a"), str(tmp_path / "z")]
    [problem] = [one for one in found if isinstance(one, Problem)]
    assert problem.path == str(tmp_path / "sub")
    assert str(tmp_path / "sub/.gitignore") in problem.reason
    assert reason in problem.reason
    assert len(list(walk(str(tmp_path), ScanOptions(ignore=False)))) == 4


def test_folder_below_an_ignore_file_that_is_too_much_is_left_out_as_a_root(tmp_path: Path) -> None:
    (tmp_path / "repo/.git").mkdir(parents=True)
    (tmp_path / "repo/.gitignore").write_bytes(b"p\n" * 100_001)
    (tmp_path / "repo/sub").mkdir()
    (tmp_path / "repo/sub/a").write_text("x")
    [problem] = walk(str(tmp_path / "repo/sub"), ScanOptions())
    assert isinstance(problem, Problem)
    assert "100,000 rules" in problem.reason


def test_ignore_files_in_every_folder_of_a_deep_tree_do_not_add_up(tmp_path: Path) -> None:
    here = tmp_path
    for _ in range(300):
        (here / ".gitignore").write_text("plain\n*.o\n")
        (here / "a").write_text("x")
        here /= "d"
        here.mkdir()
    with within(5):
        *found, last = walk(str(tmp_path), ScanOptions())
    assert len(found) == 256
    assert isinstance(last, Problem)
    assert "256 ignore files above it" in last.reason


def test_rules_of_nested_folders_are_counted_together(tmp_path: Path) -> None:
    here = tmp_path
    for _ in range(12):
        (here / ".mmsearchignore").write_text("\n".join(f"plain{number}" for number in range(10_000)))
        (here / "a").write_text("x")
        here /= "d"
        here.mkdir()
    *found, last = walk(str(tmp_path), ScanOptions())
    assert len(found) == 10
    assert isinstance(last, Problem)
    assert "100,000 rules" in last.reason


@pytest.mark.parametrize(
    ("globs", "told"),
    [
        (["a*" * 5_000_000], "10,000,000 characters"),
        (["x" * 5000], "5,000 characters"),
        (["*.jpg"] * 300, "300 globs"),
        (["*.jpg", "*a" * 1000], "too many wildcards"),
        ([f"*a*a*a*a*a*b{number}" for number in range(250)], "too many wildcards"),
        (["{a,b}" * 9 + str(number) for number in range(30)], "10,000 patterns"),
        (["{a,b}" * 12], "1000 patterns"),
        (["{" + ",".join("*a*a*a*b" for _ in range(450)) + "}"] * 2, "too many wildcards"),
        (["{" * 4000 + "}" * 90], None),
        (["{a}" * 1300], None),
        (["\\{" * 2000], None),
    ],
    ids=lambda value: None,
)
def test_globs_that_are_too_much_are_an_error_that_names_one(globs: list[str], told: str | None) -> None:
    with within(5):
        if told is None:
            glob_filter(globs)
            return
        with pytest.raises(UsageError, match=told) as caught:
            glob_filter(globs)
    assert len(str(caught.value)) < 6000


def test_patience_with_globs_ends() -> None:
    test = glob_filter(["*.jpg"], "/n", patience=-1.0)
    with pytest.raises(UsageError, match=r"'\*\.jpg' takes too long"):
        test("/n/a.jpg")
    patient = glob_filter(["*.jpg"], "/n", patience=0.5)
    assert sum(patient(f"/n/{number}.jpg") for number in range(20_000)) == 20_000
