"""Objects of stores by URL, in fsspec's store in memory and in folders taken for one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from mmsearch.errors import MediaError, MmsearchError, UsageError
from mmsearch.scan import Entry, Problem, ScanOptions, object_stores
from mmsearch.store.paths import PathCodec
from mmsearch.types import is_object_url

fsspec = pytest.importorskip("fsspec")
ANY = ScanOptions()


@pytest.fixture
def store() -> Iterator[Any]:
    found = fsspec.filesystem("memory")
    for path in ("/box/b.txt", "/box/a.txt", "/box/deep/c.txt", "/box/.hidden/d.txt", "/box/.e.txt", "/boxes/f.txt"):
        found.pipe_file(path, path.encode())
    yield found
    found.store.clear()
    found.pseudo_dirs[:] = [""]


def names(url: str, options: ScanOptions = ANY) -> list[str]:
    return [one.path.removeprefix("memory:///box/") for one in object_stores.walk(url, options)]


def test_only_urls_are_objects() -> None:
    assert is_object_url("s3://bucket/key")
    assert not any(map(is_object_url, ("/home/s3:/x", "/a://b", "C:\\x", "s3:/x", "relative/x")))


def test_a_prefix_lists_what_lies_below_in_order_and_nothing_hidden(store: Any) -> None:
    url = object_stores.normal("memory://box/")
    assert names(url) == ["a.txt", "b.txt", "deep/c.txt"]
    assert names(url, ScanOptions(hidden=True)) == [".e.txt", "a.txt", "b.txt", ".hidden/d.txt", "deep/c.txt"]
    assert names(url, ScanOptions(globs=("c.*",))) == ["deep/c.txt"]
    assert names(object_stores.normal("memory://box/.e.txt")) == [".e.txt"], "a single object is always taken"


def test_all_that_is_there_is_listed_whatever_is_taken(store: Any) -> None:
    listed: set[str] = set()
    assert len(list(object_stores.runs("memory:///box", ScanOptions(globs=("a.*",)), listed))) == 1
    assert len(listed) == 5


def test_what_is_not_there_is_one_line(store: Any) -> None:
    with pytest.raises(UsageError, match="no such object or prefix: memory:///none"):
        list(object_stores.runs("memory:///none", ANY))
    assert object_stores.entry("memory://box/none") == Problem("memory://box/none", object_stores.GONE)
    with (
        pytest.raises(MediaError, match=r"^cannot be read: no such object"),
        object_stores.fetched("memory:///box/none"),
    ):
        pass


def test_a_store_that_refuses_to_list_ends_the_run_rather_than_lose_files(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = type(store).ls

    def ls(self: Any, path: str, detail: bool = True, **options: Any) -> Any:
        if path.endswith("deep"):
            raise PermissionError("Access Denied")
        return original(self, path, detail=detail, **options)

    monkeypatch.setattr(type(store), "ls", ls)
    with pytest.raises(MmsearchError, match="cannot be listed: Access Denied"):
        list(object_stores.runs("memory:///box", ANY))


def test_a_copy_has_the_name_and_the_bytes_and_goes(store: Any) -> None:
    with object_stores.fetched("memory:///box/deep/c.txt", 15) as path:
        assert os.path.basename(path) == "c.txt"
        assert Path(path).read_bytes() == b"/box/deep/c.txt"
    assert not os.path.exists(path)
    with pytest.raises(MediaError, match="changed while it was being read"):
        object_stores.fetched("memory:///box/deep/c.txt", 14).__enter__()


def test_versions_of_one_second_differ_where_the_store_names_contents() -> None:
    moment = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
    first, second, same = (
        object_stores._judge("s3://b/k", {"type": "file", "size": 3, "LastModified": moment, "ETag": tag})
        for tag in ('"one"', '"two"', '"one"')
    )
    assert isinstance(first, Entry) and isinstance(second, Entry)
    assert first == same != second
    assert first.mtime_ns // 10**9 == second.mtime_ns // 10**9 == int(moment.timestamp())


@pytest.mark.parametrize(
    "told",
    ["2024-05-06T07:08:09Z", datetime(2024, 5, 6, 7, 8, 9), 1714979289.0],
)
def test_stores_tell_times_in_several_ways(told: Any) -> None:
    found = object_stores._judge("s3://b/k", {"type": "file", "size": 3, "mtime": told})
    assert isinstance(found, Entry)
    assert found.mtime_ns == 1714979289 * 10**9


def test_web_pages_and_unknown_stores_are_refused() -> None:
    for url, told in (("https://example.org/a", "web pages are not indexed"), ("nostore://a/b", "nostore")):
        with pytest.raises(UsageError, match=told):
            object_stores.filesystem(url)


def test_urls_are_stored_as_they_are_beside_relative_paths() -> None:
    codec = PathCodec("/home/me/pictures/.mmsearch", "..")
    for path in ("s3://bucket/a/b.jpg", "/home/me/pictures/c.jpg", "/elsewhere/d.jpg"):
        assert codec.decode(codec.encode(path)) == path
    assert codec.encode("s3://bucket/a/b.jpg") == b"s3://bucket/a/b.jpg"
    assert codec.ranges("s3://bucket/a") == [(b"s3://bucket/a/", b"s3://bucket/a0")]
    assert codec.anchored("s3://bucket") is codec


def test_a_full_disk_for_copies_is_no_fault_of_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def get_file(self, path: str, copy: str) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), copy)

    monkeypatch.setattr(object_stores, "filesystem", lambda url: (Full(), url))
    with pytest.raises(MmsearchError, match="the disk is full: free some space") as told:
        object_stores.fetched("memory:///box/a.txt").__enter__()
    assert not isinstance(told.value, MediaError)
