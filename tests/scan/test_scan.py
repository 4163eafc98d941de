"""The walk: what it takes, what it reports, what it never opens."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import random
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmsearch.errors import MediaError, UsageError
from mmsearch.scan import Entry, Problem, Run, ScanOptions, digest, entry, glob_filter, read_paths, runs, walk

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX file types and byte names")
not_as_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() == 0, reason="root reads everything")


def plant(root: Path, *names: str, **contents: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    for name, text in contents.items():
        (root / name).write_text(text)


def taken(root: Path, **options: object) -> list[str]:
    found = list(walk(str(root), ScanOptions(**options)))  # type: ignore[arg-type]
    assert not [one for one in found if isinstance(one, Problem)]
    return [os.path.relpath(one.path, root) for one in found]


def problems(root: Path, **options: object) -> dict[str, str]:
    found = walk(str(root), ScanOptions(**options))  # type: ignore[arg-type]
    return {os.path.relpath(one.path, root): one.reason for one in found if isinstance(one, Problem)}


# --- the walk ---------------------------------------------------------------------------------------------------------


def test_files_to_be_skipped_are_passed_over(tmp_path: Path) -> None:
    plant(tmp_path, "a.txt", "sub/a.txt", "sub/b.txt")
    assert taken(tmp_path, skip=frozenset({str(tmp_path / "sub/a.txt"), str(tmp_path / "sub")})) == [
        "a.txt",
        "sub/b.txt",
    ]


def test_entries_are_absolute_with_size_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "sub/a.txt")
    os.utime(tmp_path / "sub/a.txt", ns=(1, 1_600_000_000_123_456_700))
    monkeypatch.chdir(tmp_path)
    [one] = walk("sub", ScanOptions())
    status = (tmp_path / "sub/a.txt").stat()
    assert one == Entry(str(tmp_path / "sub" / "a.txt"), 1, status.st_mtime_ns)


def test_order_is_depth_first_by_bytes(tmp_path: Path) -> None:
    plant(tmp_path, "b/z", "b/a/k", "a.txt", "B", "é", "z", "b.txt")
    assert taken(tmp_path) == ["B", "a.txt", "b/a/k", "b/z", "b.txt", "z", "é"]


@posix_only
@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="needs a folder of what is open")
def test_no_directory_stays_open_behind_a_walk(tmp_path: Path) -> None:
    deep = "/".join(["sub"] * 70)  # more than are held open at a time
    plant(tmp_path, "a.txt", f"{deep}/b.txt", "z.txt")
    before = len(os.listdir("/dev/fd"))
    assert taken(tmp_path) == ["a.txt", f"{deep}/b.txt", "z.txt"]
    left = runs(str(tmp_path), ScanOptions())
    assert [next(left), next(left)][-1] == Run(*([one] for one in entry(str(tmp_path / deep / "b.txt"))))  # type: ignore[union-attr]
    assert len(os.listdir("/dev/fd")) > before
    left.close()  # type: ignore[attr-defined]
    assert len(os.listdir("/dev/fd")) == before


def test_order_is_by_bytes_where_text_would_sort_otherwise(tmp_path: Path) -> None:
    names = [b"z", "é".encode(), "\U0001f600".encode(), b"\x80", b"\xff"]
    try:
        for name in names:
            Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("x")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    assert [os.fsencode(name) for name in taken(tmp_path)] == sorted(names)


@posix_only
def test_runs_are_the_walk_cut_at_folders_and_problems(tmp_path: Path) -> None:
    plant(tmp_path, *(f"a/{n:04d}" for n in range(2100)), "b", "c")
    (tmp_path / "bc").symlink_to("gone")
    found = list(runs(str(tmp_path), ScanOptions()))
    assert [len(one.paths) if isinstance(one, Run) else one.reason for one in found] == [
        2048, 52, 1, "dangling symbolic link to gone", 1,
    ]  # fmt: skip
    flat = [one for some in found for one in (some.entries() if isinstance(some, Run) else [some])]
    assert flat == list(walk(str(tmp_path), ScanOptions()))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(["a", "b/a", "b/c/d", "c-d", "c/d", "Ä", "a.b/x"]), seed=st.integers(0, 2**32))
def test_order_does_not_depend_on_creation(
    order: list[str], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first, second = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    plant(first, *order)
    plant(second, *random.Random(seed).sample(order, len(order)))
    assert taken(first) == taken(second)


def test_missing_root_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file or directory.*nowhere"):
        walk(str(tmp_path / "nowhere"), ScanOptions())


def test_explicit_file_is_taken_whatever_the_rules(tmp_path: Path) -> None:
    plant(tmp_path, ".secret", **{".gitignore": "*"})
    [one] = walk(str(tmp_path / ".secret"), ScanOptions(globs=("*.png",)))
    assert one.path == str(tmp_path / ".secret")


def test_directory_named_like_a_video_is_walked(tmp_path: Path) -> None:
    plant(tmp_path, "x.mp4/inside.txt")
    assert taken(tmp_path) == ["x.mp4/inside.txt"]


def test_hidden_names_need_the_option(tmp_path: Path) -> None:
    plant(tmp_path, ".a", ".d/b", "c")
    assert taken(tmp_path) == ["c"]
    assert taken(tmp_path, hidden=True) == [".a", ".d/b", "c"]


def test_excluded_directory_is_never_entered(tmp_path: Path) -> None:
    plant(tmp_path, "index/meta", "a")
    assert taken(tmp_path, exclude=(str(tmp_path / "index"),)) == ["a"]
    assert list(walk(str(tmp_path / "index"), ScanOptions(exclude=(str(tmp_path / "index"),)))) == []


@posix_only
def test_excluded_directory_is_recognised_behind_a_link(tmp_path: Path) -> None:
    plant(tmp_path, "index/meta", "tree/a")
    (tmp_path / "tree/way").symlink_to(tmp_path / "index")
    assert taken(tmp_path / "tree", follow=True, exclude=(str(tmp_path / "index"),)) == ["a"]


@posix_only
def test_deep_tree_is_walked_without_recursion(tmp_path: Path) -> None:
    depth = 350
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(depth):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    finally:
        os.close(here)
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + depth // 2)
    try:
        [one] = walk(str(tmp_path), ScanOptions())
    finally:
        sys.setrecursionlimit(usual)
    assert one.path.endswith("d/d/leaf")


@posix_only
def test_tree_deeper_than_any_path_can_be_is_a_problem(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    assert list(problems(tmp_path).values()) == ["file name too long"]


@posix_only
def test_names_in_latin_1_bytes_survive(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    try:
        Path(os.fsdecode(name)).write_text("x")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    [one] = walk(str(tmp_path), ScanOptions(globs=("caf*",)))
    assert os.fsencode(one.path) == name
    assert len(digest(one.path)) == 64


# --- links and special files ------------------------------------------------------------------------------------------


@posix_only
def test_links_to_files_are_taken_and_links_to_directories_only_when_followed(tmp_path: Path) -> None:
    plant(tmp_path, "real/a", "tree/b")
    (tmp_path / "tree/file").symlink_to("../real/a")
    (tmp_path / "tree/dir").symlink_to("../real")
    assert taken(tmp_path / "tree") == ["b", "file"]
    assert taken(tmp_path / "tree", follow=True) == ["b", "dir/a", "file"]


@posix_only
def test_linked_root_is_walked_under_its_own_name(tmp_path: Path) -> None:
    plant(tmp_path, "real/a")
    (tmp_path / "link").symlink_to("real")
    [one] = walk(str(tmp_path / "link"), ScanOptions())
    assert one.path == str(tmp_path / "link" / "a")


@posix_only
@pytest.mark.parametrize("follow", [False, True])
def test_links_that_lead_nowhere_or_back_are_problems(tmp_path: Path, follow: bool) -> None:
    plant(tmp_path, "tree/sub/a")
    tree = tmp_path / "tree"
    (tree / "dangling").symlink_to("gone/file.txt")
    (tree / "one").symlink_to("two")
    (tree / "two").symlink_to("one")
    (tree / "sub/up").symlink_to("..")
    (tree / "sub/further_up").symlink_to(tmp_path)
    assert problems(tree, follow=follow) == {
        "dangling": "dangling symbolic link to gone/file.txt",
        "one": "symbolic link loop",
        "two": "symbolic link loop",
        "sub/up": "symbolic link loop",
        "sub/further_up": "symbolic link loop",
    }


@posix_only
def test_special_files_are_named_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "null").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(tmp_path)  # the path of a socket may only be short
        try:
            server.bind("talk")
        finally:
            os.chdir(here)
        assert problems(tmp_path) == {
            "pipe.jpg": "not a regular file (FIFO)",
            "null": "not a regular file (character device)",
            "talk": "not a regular file (socket)",
        }
    with pytest.raises(MediaError, match="not a regular file"):
        digest(str(tmp_path / "pipe.jpg"))


@posix_only
def test_ignored_special_file_is_no_problem(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    plant(tmp_path, **{".gitignore": "pipe"})
    assert problems(tmp_path) == {}


@posix_only
@not_as_root
def test_unreadable_directory_is_a_problem_and_unreadable_file_fails_later(tmp_path: Path) -> None:
    plant(tmp_path, "shut/a", "b", "c")
    (tmp_path / "b").chmod(0)
    (tmp_path / "shut").chmod(0)
    try:
        assert problems(tmp_path) == {"shut": "permission denied"}
        assert isinstance(entry(str(tmp_path / "b")), Entry)
        with pytest.raises(MediaError, match="cannot be read: permission denied"):
            digest(str(tmp_path / "b"))
    finally:
        (tmp_path / "shut").chmod(0o700)


def test_directory_that_vanishes_during_the_walk_is_a_problem(tmp_path: Path) -> None:
    plant(tmp_path, "a", "b/c")
    found = walk(str(tmp_path), ScanOptions())
    next(found)
    (tmp_path / "b/c").unlink()
    (tmp_path / "b").rmdir()
    assert list(found) == [Problem(str(tmp_path / "b"), "no such file or directory")]


# --- ignore files -----------------------------------------------------------------------------------------------------


def test_ignore_files_work_nested_without_git_and_with_negation(tmp_path: Path) -> None:
    plant(
        tmp_path, "a.log", "keep.log", "build/x", "sub/build", "sub/a.tmp", "sub/deep/a.tmp", "sub/deep/b.log", "n.txt"
    )
    (tmp_path / ".gitignore").write_text("*.log\n!keep.log\nbuild/\n# n.txt\n\n")
    (tmp_path / "sub/.gitignore").write_text("/a.tmp\n!b.log\n")
    assert taken(tmp_path) == ["keep.log", "n.txt", "sub/build", "sub/deep/a.tmp", "sub/deep/b.log"]
    assert "a.log" in taken(tmp_path, ignore=False)


def test_directories_can_be_let_in_again_at_every_level(tmp_path: Path) -> None:
    plant(tmp_path, "a/b/c.jpg", "a/b/c.txt", "top.txt", "a/x.jpg/y.txt")
    (tmp_path / ".gitignore").write_text("*\n!*/\n!*.jpg\n")
    assert taken(tmp_path) == ["a/b/c.jpg"]


def test_nothing_below_an_ignored_directory_comes_back(tmp_path: Path) -> None:
    plant(tmp_path, "out/keep.txt", "in.txt")
    (tmp_path / ".gitignore").write_text("out\n!keep.txt\n")
    assert taken(tmp_path) == ["in.txt"]


def test_own_ignore_file_outranks_gitignore(tmp_path: Path) -> None:
    plant(tmp_path, "a.png", "b.png", "sub/c.txt")
    (tmp_path / ".gitignore").write_text("a.png\n")
    (tmp_path / ".mmsearchignore").write_bytes(b"\xef\xbb\xbf!a.png\r\nb.png\r\n*.txt\r\n")
    (tmp_path / "sub/.gitignore").write_text("!c.txt\n")
    assert taken(tmp_path) == ["a.png"]


def test_negation_lets_a_hidden_name_in(tmp_path: Path) -> None:
    plant(tmp_path, ".config/a", ".cache/b")
    (tmp_path / ".mmsearchignore").write_text("!.config\n")
    assert taken(tmp_path) == [".config/a"]


def test_git_exclude_and_the_repository_above_the_root_count(tmp_path: Path) -> None:
    plant(tmp_path, "repo/.git/info/exclude", "repo/sub/a", "repo/sub/b", "repo/sub/c", "repo/sub/.git-no")
    (tmp_path / ".gitignore").write_text("c\n")
    (tmp_path / "repo/.git/info/exclude").write_text("a\n")
    (tmp_path / "repo/.gitignore").write_text("/sub/b\n")
    assert taken(tmp_path / "repo/sub") == ["c"], "rules end at the top of the repository"
    assert taken(tmp_path / "repo") == ["sub/c"]
    assert taken(tmp_path) == ["repo/sub/c"], "a repository starts afresh"


def test_store_of_git_is_left_alone_even_with_hidden(tmp_path: Path) -> None:
    plant(tmp_path, ".git/objects/x", ".env")
    assert taken(tmp_path, hidden=True) == [".env"]
    assert taken(tmp_path, hidden=True, ignore=False) == [".env", ".git/objects/x"]


def test_bad_lines_of_an_ignore_file_count_for_nothing(tmp_path: Path) -> None:
    plant(tmp_path, "a", "b")
    (tmp_path / ".gitignore").write_bytes(b"[z-a]\n!\n//\n\\\n***\\\n\xff\xfe\nb\n")
    assert taken(tmp_path) == ["a"]


@posix_only
def test_ignore_file_that_is_a_pipe_does_not_hang_the_walk(tmp_path: Path) -> None:
    plant(tmp_path, "a")
    os.mkfifo(tmp_path / ".gitignore")
    assert taken(tmp_path) == ["a"]


# --- globs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("globs", "path", "expected"),
    [
        ((), "a/b.jpg", True),
        (("*.jpg",), "a/b.jpg", True),
        (("*.jpg",), "a/b.png", False),
        (("*.{jpg,png}",), "a/b.png", True),
        (("{a,b{1,2}}.txt",), "b2.txt", True),
        (("!*.png",), "a/b.png", False),
        (("!*.png",), "a/b.jpg", True),
        (("*.jpg", "!thumb*"), "thumb1.jpg", False),
        (("!thumb*", "*.jpg"), "thumb1.jpg", True),
        (("!cache", "*.jpg"), "cache/b.jpg", False),
        (("photos",), "photos/2024/a.jpg", True),
        (("photos/*.jpg",), "photos/a.jpg", True),
        (("photos/*.jpg",), "photos/2024/a.jpg", False),
        (("photos/**/*.jpg",), "photos/2024/a.jpg", True),
        (("/a.jpg",), "sub/a.jpg", False),
        (("#1.jpg",), "#1.jpg", True),
        (("!!x",), "!x", False),
        (("[ab].txt",), "b.txt", True),
        (("{",), "{", True),
    ],
)
def test_globs_select_and_drop(
    globs: tuple[str, ...], path: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert glob_filter(globs)(str(tmp_path / path)) is expected


def test_globs_outside_the_working_directory_match_the_plain_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    root = str(tmp_path).replace(os.sep, "/")
    assert glob_filter(("*.jpg",))(str(tmp_path / "there" / "a.jpg"))
    assert glob_filter((f"{root}/there/*.jpg",))(str(tmp_path / "there" / "a.jpg"))
    assert glob_filter((f"{root}/here/*.jpg",))(str(tmp_path / "here" / "a.jpg"))
    assert not glob_filter(("there/*.jpg",))(str(tmp_path / "there" / "a.jpg"))
    assert glob_filter(("!here",))(str(tmp_path / "here" / "a.jpg")), "the working directory itself has no name here"


@pytest.mark.parametrize("globs", [("",), ("!",), ("[z-a]",), ("{a,b}" * 12,)])
def test_glob_that_is_no_pattern_is_a_usage_error(globs: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        glob_filter(globs)


@given(globs=st.lists(st.text(max_size=30), max_size=3), path=st.text(max_size=30))
def test_any_text_is_a_glob_or_a_usage_error(globs: list[str], path: str) -> None:
    with contextlib.suppress(UsageError):
        assert glob_filter(globs)(path) in (True, False)


@given(st.text(alphabet="[]{}!,*?\\/#^- a\n", max_size=25))
def test_any_punctuation_is_a_glob_or_a_usage_error(glob: str) -> None:
    with contextlib.suppress(UsageError):
        assert glob_filter([glob])("a/b") in (True, False)


def test_walk_takes_and_prunes_by_globs(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", "b.png", "cache/c.jpg", "sub/d.jpg", ".e.jpg", "ignored.jpg", ".git2/f.jpg")
    (tmp_path / ".gitignore").write_text("ignored.jpg\n")
    assert taken(tmp_path, globs=("*.jpg", "!cache")) == [".e.jpg", "a.jpg", "ignored.jpg", "sub/d.jpg"]
    assert taken(tmp_path, globs=("!cache", "!*.png")) == ["a.jpg", "sub/d.jpg"]
    assert taken(tmp_path, globs=("sub",)) == ["sub/d.jpg"]


# --- single paths -----------------------------------------------------------------------------------------------------


def test_single_paths_are_judged_as_in_the_walk(tmp_path: Path) -> None:
    plant(tmp_path, "a")
    assert isinstance(entry(str(tmp_path / "a")), Entry)
    assert entry(str(tmp_path)) == Problem(str(tmp_path), "not a regular file (directory)")
    assert entry(str(tmp_path / "gone")) == Problem(str(tmp_path / "gone"), "no such file or directory")
    assert isinstance(entry("a\0b"), Problem)


@posix_only
@given(st.lists(st.binary(min_size=1, max_size=40)), st.booleans(), st.booleans())
def test_paths_from_a_stream_round_trip(names: list[bytes], null: bool, ended: bool) -> None:
    separator = b"\0" if null else b"\n"
    names = [kept for name in names if (kept := name.replace(separator, b""))]
    stream = io.BytesIO(separator.join(names) + (separator if ended else b""))
    assert [os.fsencode(path) for path in read_paths(stream, null)] == names


def test_paths_come_out_of_a_pipe_before_it_is_closed() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as stream, open(writing, "wb", buffering=0) as writer:
        paths = read_paths(stream, null=True)
        writer.write(b"one\0tw")
        assert next(paths) == "one"
        writer.write(b"o\0")
        assert next(paths) == "two"


def test_digest_is_of_the_content_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same" * 1_000_000)
    (tmp_path / "b").write_bytes(b"same" * 1_000_000)
    (tmp_path / "c").write_bytes(b"")
    assert digest(str(tmp_path / "a")) == digest(str(tmp_path / "b")) != digest(str(tmp_path / "c"))
    assert digest(str(tmp_path / "c")) == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
    with pytest.raises(MediaError, match="cannot be read: no such file"):
        digest(str(tmp_path / "gone"))
