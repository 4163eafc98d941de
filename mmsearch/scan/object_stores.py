"""Objects of stores by URL (`s3://bucket/key`): lists them like files, and copies one to a local file.

fsspec reads them, with the package of the store where that is installed and with pyarrow's own readers where not.
Imported only where there is a URL. Knows nothing of the objects' content, or of the index.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import lru_cache
from hashlib import blake2b
from tempfile import TemporaryDirectory
from typing import Any

from mmsearch.errors import UNREADABLE, MediaError, MmsearchError, UsageError, one_line
from mmsearch.scan import Entry, Problem, Run, ScanOptions, glob_filter
from mmsearch.system.disk_space import FULL, is_full
from mmsearch.types import clamp_mtime_ns

_TIMES = ("mtime", "LastModified", "last_modified", "updated", "created")
_TAGS = ("ETag", "etag", "md5Hash", "content_md5")
"""Names that stores have for the time of an object, and for a tag of its content."""
_WEB = {"http", "https"}
_ARROW = {"s3", "gs", "gcs"}
"""Stores that pyarrow reads where the package that fsspec would take is not installed."""
GONE = "no such object"
_SECOND = 1_000_000_000
_LONGEST_NAME = 100


class Unreachable(MmsearchError):
    """The package that reads such objects is not installed."""

    exit_code = 4


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it.

    Raises:
        UsageError: there is no such kind of store.
        Unreachable: its package is not installed.
    """
    scheme = url.partition("://")[0]
    if scheme in _WEB:
        raise UsageError(f"{url}: web pages are not indexed, only files and objects of stores such as s3://bucket/key")
    try:
        import fsspec
    except ImportError:
        raise Unreachable('objects of stores need fsspec: `pip install "mmsearch[ray]"`') from None
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        return _by_arrow(url, one_line(error))
    except ValueError as error:
        raise UsageError(f"{url}: {one_line(error)}") from None
    except Exception as error:  # of the store's own package: settings, credentials
        raise MmsearchError(f"{url}: {one_line(error)}") from None
    return system, str(path)


def _by_arrow(url: str, missing: str) -> tuple[Any, str]:
    """The same with pyarrow's reader; keys are taken as they are, in which a URL would have escapes."""
    scheme, _, path = url.partition("://")
    if scheme not in _ARROW:
        raise Unreachable(f"{url}: {missing}")
    try:
        return _arrow(f"{scheme}://{path.partition('/')[0]}"), path
    except ImportError:
        raise Unreachable('objects of stores need pyarrow: `pip install "mmsearch[ray]"`') from None
    except Exception as error:  # settings, credentials, features it was built without
        raise Unreachable(f"{url}: {one_line(error)}; {missing}") from None


@lru_cache(maxsize=8)  # each looks for the region of its bucket
def _arrow(bucket: str) -> Any:
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import FileSystem

    return ArrowFSWrapper(FileSystem.from_uri(bucket)[0])


def normal(url: str) -> str:
    """The one spelling of a URL that is kept: without a slash at its end or other variants that the store ignores."""
    return _url_of(url, filesystem(url)[1].rstrip("/"))


def runs(url: str, options: ScanOptions, listed: set[str] | None = None) -> Iterator[Run | Problem]:
    """The objects below a prefix, or the object of that name, in a stable order, as `scan.runs` gives files.

    Hidden names and globs count as for files; there are no ignore files. `mtime_ns` also tells versions apart
    that were written in the same second, where the store has tags of contents.

    Args:
        url: as `normal` gives it.
        options: as for files.
        listed: gets the URL of every object that is there, taken or not.

    Raises:
        UsageError: there is nothing.
        MmsearchError: the store does not answer, or refuses.
    """
    system, path = filesystem(url)
    takes = glob_filter(options.globs)
    with _listing_errors(url):
        top = system.info(path)
        if top["type"] != "directory":
            yield from _as_runs([_judge(url, top)])
            return
        for infos in _folders(system, path):
            results = [_judge(_url_of(url, str(info["name"])), info) for info in infos]
            if listed is not None:
                listed.update(result.path for result in results)
            visible = [result for result in results if options.hidden or "/." not in result.path[len(url) :]]
            yield from _as_runs([result for result in visible if takes(result.path)])


def walk(url: str, options: ScanOptions) -> Iterator[Entry | Problem]:
    """The same as `runs`, one by one."""
    for result in runs(url, options):
        yield from [result] if isinstance(result, Problem) else result.entries()


def _folders(system: Any, top: str) -> Iterator[list[dict[str, Any]]]:
    """The objects of each folder, depth first; fsspec's own walk silently skips folders it may not list."""
    pending = [top]
    while pending:
        path = pending.pop()
        # A folder may be an object of its own, which is then listed in itself.
        infos = [info for info in system.ls(path, detail=True) if str(info["name"]).rstrip("/") != path.rstrip("/")]
        infos.sort(key=lambda info: str(info["name"]))
        folders = [info for info in infos if info["type"] == "directory" and not info.get("islink")]
        pending += [str(info["name"]) for info in reversed(folders)]
        yield [info for info in infos if info["type"] != "directory"]


def _as_runs(results: list[Entry | Problem]) -> Iterator[Run | Problem]:
    yield from (result for result in results if isinstance(result, Problem))
    entries = [result for result in results if isinstance(result, Entry)]
    if entries:
        yield Run(
            [result.path for result in entries],
            [result.size for result in entries],
            [result.mtime_ns for result in entries],
        )


def entry(url: str) -> Entry | Problem:
    """One object as the walk would report it."""
    try:
        system, path = filesystem(url)
        return _judge(normal(url), system.info(path))
    except FileNotFoundError:
        return Problem(url, GONE)
    except Exception as error:  # any error of the store's own package
        return Problem(url, one_line(error))


@contextmanager
def fetched(url: str, size: int | None = None) -> Iterator[str]:
    """The path of a local copy, which goes at the end. It has the name of the object, since names tell kinds apart.

    Raises:
        MediaError: the object cannot be read, or does not have this `size` in bytes.
        Unreachable: the package for such objects is not installed.
    """
    with TemporaryDirectory(prefix="mmsearch-") as folder:
        name = "".join(char if char.isalnum() or char in "._-" else "_" for char in url.rpartition("/")[2])
        copy = os.path.join(folder, name[-_LONGEST_NAME:] or "object")
        system, path = filesystem(url)
        try:
            system.get_file(path, copy)
        except FileNotFoundError:
            raise MediaError(f"{UNREADABLE}: {GONE}") from None
        except Exception as error:  # any error of the store's own package
            if is_full(error, folder):
                raise MmsearchError(f"{folder}, where objects are copied to: {FULL}") from error
            raise MediaError(f"{UNREADABLE}: {one_line(error)}") from error
        if size is not None and os.path.getsize(copy) != size:
            raise MediaError("changed while it was being read: run index again")
        yield copy


def _judge(url: str, info: dict[str, Any]) -> Entry | Problem:
    if info["type"] != "file":
        return Problem(url, "not a regular file")
    # Most stores give whole seconds; the fraction is made of the content's tag.
    time = next((_ns(info[key]) for key in _TIMES if info.get(key) is not None), 0)
    tag = next((str(info[key]) for key in _TAGS if info.get(key)), "")
    if tag and time % _SECOND == 0:
        time += int.from_bytes(blake2b(tag.encode(), digest_size=8).digest(), "big") % _SECOND
    return Entry(url, int(info["size"] or 0), clamp_mtime_ns(time))


def _ns(value: Any) -> int:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        since = aware - datetime(1970, 1, 1, tzinfo=timezone.utc)
        return (since.days * 86_400 + since.seconds) * _SECOND + since.microseconds * 1000
    return int(float(value) * _SECOND)


def _url_of(url: str, path: str) -> str:
    return f"{url.partition('://')[0]}://{path}"


@contextmanager
def _listing_errors(url: str) -> Iterator[None]:
    try:
        yield
    except MmsearchError:
        raise
    except FileNotFoundError:
        raise UsageError(f"no such object or prefix: {url}") from None
    except Exception as error:  # any error of the store's own package
        raise MmsearchError(f"{url} cannot be listed: {one_line(error)}") from error
