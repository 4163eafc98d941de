"""Deleted data is in no file of an index any more, even if readers are open or a writer is killed."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmsearch.store import OptimizeRequest, Reader, fulltext, thumbnail_cache
from mmsearch.store.integrity import repair
from mmsearch.store.words.query import parse_query
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item, Span
from tests.store.helpers import IDENTITY, unit, vectors_of

from .test_formats import HERE, OLDER, THEIRS

SECRETS = {
    "name": "qaxlebrunt",
    "folder": "vundersnik",
    "words": "zyxwquarkings flombustered",
    "reason": "glimmerfoxed",
}
"""Words that occur nowhere else; some are stemmed where they are found by."""


def store(writer: Writer, path: str, text: str, mtime_ns: int = 1) -> None:
    """Stage a file of two passages."""
    kind = "text"
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    items = [Item("", digest, kind, kind, n, Span("line", n, n), f"{text} part {n}") for n in (0, 1)]
    if not writer.has_content(digest, kind):
        writer.put_content(digest, kind, kind, FileMetadata(), items, vectors_of(digest, items))
    writer.put_file(path, len(text), mtime_ns, digest, kind)


def secret_path() -> str:
    return f"/data/{SECRETS['folder']}/{SECRETS['name']}Holiday2.txt"


def fill(directory: str, others: int = 40) -> None:
    """The secret file among others, in several commits, so that its rows and words lie beside theirs."""
    with Writer.open(directory, IDENTITY) as writer:
        for number in range(others):
            store(writer, f"/data/common/{number}.txt", f"ordinary text number {number} of many")
            if number == others // 2:
                store(writer, secret_path(), f"a passage of {SECRETS['words']}")
            if number % 7 == 6:
                writer.commit()
        writer.commit()


def remains(directory: str | Path, secrets: str = " ".join(SECRETS.values())) -> dict[str, list[str]]:
    """Secret words, and their stems, by the files that hold them in any usual spelling."""
    seen: dict[str, list[str]] = {}
    for path in Path(directory).rglob("*"):
        if path.is_file():
            data = path.read_bytes().lower()
            for word in secrets.split():
                stem = word[:7]
                if any(stem.encode(code) in data for code in ("utf-8", "utf-16-le", "utf-16-be")):
                    seen.setdefault(word, []).append(path.name)
    return seen


def sound(directory: str) -> None:
    skipped: list[str] = []
    with Reader.open(directory) as reader:
        assert list(reader.problems(skipped.append)) == []
    assert skipped == [], "the pages were compared"


def removed(writer: Writer) -> None:
    writer.remove(secret_path())


def edited(writer: Writer) -> None:
    store(writer, secret_path().replace(SECRETS["name"], "x").replace(SECRETS["folder"], "y"), "instead", 2)
    writer.remove(secret_path())


def failed(writer: Writer) -> None:
    writer.put_failure(secret_path(), 1, 2, "broken")


def unsupported(writer: Writer) -> None:
    writer.put_unsupported(secret_path(), 1, 2, "nothing to see")


def in_place(writer: Writer) -> None:
    store(writer, secret_path(), "another text", 2)


NAMES = f"{SECRETS['name']} {SECRETS['folder']}"
WAYS: dict[str, tuple[Callable[[Writer], None], str]] = {
    "removed": (removed, " ".join(SECRETS.values())),
    "renamed and edited": (edited, " ".join(SECRETS.values())),
    "failed": (failed, SECRETS["words"]),
    "unsupported": (unsupported, SECRETS["words"]),
    "edited": (in_place, SECRETS["words"]),
}


@pytest.mark.parametrize(("change", "secrets"), WAYS.values(), ids=WAYS.keys())
def test_what_a_commit_forgets_is_gone_with_it(tmp_path: Path, change: Callable[[Writer], None], secrets: str) -> None:
    fill(str(tmp_path))
    assert set(remains(str(tmp_path), secrets)) == set(secrets.split()) - {SECRETS["reason"]}
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        change(writer)
        writer.commit()
        assert remains(str(tmp_path), secrets) == {}, "with the commit, not only at the end"
    assert remains(str(tmp_path), secrets) == {}
    sound(str(tmp_path))


def test_the_reason_why_a_file_failed_goes_with_it(tmp_path: Path) -> None:
    fill(str(tmp_path))
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        writer.put_failure("/data/broken", 1, 1, f"cannot read {SECRETS['reason']}")
        writer.commit()
        assert remains(tmp_path, SECRETS["reason"])
        writer.put_failure("/data/broken", 1, 2, "now for another reason")
        writer.commit()
    assert remains(tmp_path, SECRETS["reason"]) == {}


def test_nothing_is_left_where_rows_have_moved_from_page_to_page(tmp_path: Path) -> None:
    """SQLite overwrites what it deletes, and not what a page held before its rows went to others."""
    chance = random.Random(3)
    names = {number: f"q{chance.randrange(16**10):010x}zy" for number in range(900)}
    order = list(names)
    chance.shuffle(order)
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        for count, row in enumerate(order):
            path, text = f"/data/{chance.randrange(999)}/{names[row]}", f"a text of {names[row]} "
            store(writer, path, text * chance.randrange(1, 9))
            if count % 90 == 89:
                writer.commit()
        paths = sorted(writer.paths_under(None))
        for path in chance.sample(paths, 300):
            writer.remove(path)
            if chance.random() < 0.05:
                writer.commit()
        writer.commit()
        remaining = {os.path.basename(path) for path in writer.paths_under(None)}
    data = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert [name for name in names.values() if name not in remaining and name.encode() in data] == []
    assert all(name.encode() in data for name in remaining)
    sound(str(tmp_path))


def test_a_reader_that_looks_at_what_was_delays_it_until_the_next_writer(tmp_path: Path) -> None:
    fill(str(tmp_path))
    with Reader.open(str(tmp_path)) as reader:
        assert len(reader.search_passages(parse_query("zyxwquarkings")).rows) == 2
        with Writer.open(str(tmp_path), IDENTITY) as writer:
            removed(writer)
            writer.commit()
        assert len(reader.search_passages(parse_query("zyxwquarkings")).rows) == 2, "its snapshot is what it was"
        assert remains(tmp_path)
        skipped: list[str] = []
        assert list(reader.problems(skipped.append)) == []
    Writer.open(str(tmp_path), IDENTITY).close()
    assert remains(tmp_path) == {}
    sound(str(tmp_path))


def test_a_reader_that_has_come_along_delays_nothing_for_long(tmp_path: Path) -> None:
    fill(str(tmp_path))
    with Reader.open(str(tmp_path)) as reader:
        with Writer.open(str(tmp_path), IDENTITY) as writer:
            removed(writer)
            writer.commit()
            reader.refresh()
        reader.refresh()
        Writer.open(str(tmp_path), IDENTITY).close()
        assert remains(tmp_path) == {}, "the server has the index open all the time"


KILLED = """
import os, signal, sys
from mmsearch.store.database import Connection
from mmsearch.store.page_checksums import PageChecksums, WalCheckpoints
from mmsearch.store.words.query import parse_query
from mmsearch.store.writer import Writer
from mmsearch.store.words.query import parse_query
from tests.store.helpers import IDENTITY
from tests.store.test_erasure import removed
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
with Writer.open(sys.argv[1], IDENTITY) as writer:
    removed(writer)
    (owner,) = [one for one in (Connection, PageChecksums, WalCheckpoints) if one.__name__ == sys.argv[2]]
    assert hasattr(owner, sys.argv[3])
    setattr(owner, sys.argv[3], kill)
    writer.commit()
"""


@pytest.mark.parametrize(
    "method",
    [
        "Connection.committed",
        "WalCheckpoints._checkpoint",
        "WalCheckpoints._record",
        "PageChecksums.resize",
        "PageChecksums.save",
    ],
)
@pytest.mark.parametrize("read", [False, True])
def test_what_a_killed_writer_did_not_come_to_is_done_by_the_next(tmp_path: Path, method: str, read: bool) -> None:
    fill(str(tmp_path))
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), *method.split(".")], cwd=HERE.parents[1], check=False
    )
    assert process.returncode == -signal.SIGKILL
    if read:  # the last reader puts the log away by itself, and tells nobody which pages have changed
        with Reader.open(str(tmp_path)) as reader:
            assert list(reader.problems()) == []
    with Reader.open(str(tmp_path)) as reader:
        assert list(reader.problems()) == []
    Writer.open(str(tmp_path), IDENTITY).close()
    assert remains(tmp_path) == {}
    sound(str(tmp_path))


def thumbnails_of(directory: Path, text: str) -> list[Path]:
    """A thumbnail of each size of each part, as the server would have made them, and one of something else."""
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    names = [
        thumbnail_cache.name(digest, "text", "line", ordinal, ordinal, side)
        for ordinal in (0, 1)
        for side in (*thumbnail_cache.SIZES, thumbnail_cache.PAGE_SIDE)
    ]
    thumbnails = [
        directory / thumbnail_cache.FOLDER / name
        for name in [*names, thumbnail_cache.name("other", "image", "whole", 0, 0, 160)]
    ]
    for path in thumbnails:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"RIFF")
    return thumbnails


def test_thumbnails_go_with_what_they_show(tmp_path: Path) -> None:
    fill(str(tmp_path))
    *thumbnails, other = thumbnails_of(tmp_path, f"a passage of {SECRETS['words']}")
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        writer.mark_missing(secret_path())
        writer.commit()
        assert all(path.exists() for path in thumbnails), "it may come back"
        removed(writer)
        writer.commit()
    assert [path for path in thumbnails if path.exists()] == [] and other.exists()
    Writer.open(str(tmp_path), IDENTITY, rebuild=True).close()
    assert not other.exists()


@pytest.mark.parametrize("link", ["cache", "cache/thumbnails", "letters"])
def test_no_thumbnail_is_removed_through_a_link(tmp_path: Path, link: str) -> None:
    fill(str(tmp_path / "index"))
    thumbnail = thumbnails_of(tmp_path / "index", f"a passage of {SECRETS['words']}")[0]
    moved = thumbnail.parent if link == "letters" else tmp_path / "index" / link
    moved.rename(tmp_path / "elsewhere")
    moved.symlink_to(tmp_path / "elsewhere")
    with Writer.open(str(tmp_path / "index"), IDENTITY) as writer:
        removed(writer)
        writer.commit()
    Writer.open(str(tmp_path / "index"), IDENTITY, rebuild=True).close()
    assert thumbnail.exists()


def test_a_rebuild_leaves_nothing(tmp_path: Path) -> None:
    fill(str(tmp_path))
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        writer.add_root(f"/elsewhere/{SECRETS['folder']}")
    with Writer.open(str(tmp_path), IDENTITY, rebuild=True):
        assert remains(tmp_path) == {}
    assert remains(tmp_path, "ordinar") == {}
    sound(str(tmp_path))


def test_a_repair_leaves_nothing_of_what_it_gives_up(tmp_path: Path) -> None:
    directory = str(tmp_path)
    with Writer.open(directory, IDENTITY) as writer:
        store(writer, secret_path(), f"a passage of {SECRETS['words']}")
        writer.commit()
        store(writer, "/data/other", "ordinary text")
        writer.commit()
    thumbnails = thumbnails_of(tmp_path, f"a passage of {SECRETS['words']}")
    Path(directory, "vectors", "text", "1.faiss").unlink()
    assert repair(directory).lost == [secret_path()]
    assert remains(directory) == {} and not thumbnails[0].exists()
    sound(directory)


@pytest.mark.parametrize("number", OLDER)
def test_what_an_older_mmsearch_deleted_is_overwritten_once(number: int, tmp_path: Path) -> None:
    """Its database is kept beside, until something is deleted."""
    directory = shutil.copytree(HERE / f"format{number}", tmp_path / "index")
    Writer.open(str(directory), THEIRS).close()
    backup = directory / f"meta.format{number}.sqlite"
    assert backup.exists() and remains(directory, "tomatoe")
    sound(str(directory))
    with Writer.open(str(directory), THEIRS) as writer:
        for path in writer.paths_under(None):
            if "garden" in path:
                writer.remove(path)
        writer.commit()
        assert not backup.exists()
    assert remains(directory, "tomatoe") == {}
    sound(str(directory))


@pytest.mark.parametrize("thorough", [False, True])
def test_vectors_go_where_somebody_asked_to_forget(tmp_path: Path, thorough: bool) -> None:
    fill(str(tmp_path))
    text = f"a passage of {SECRETS['words']}"
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    vector = unit(digest, 0).astype(np.float16).tobytes()

    def holding() -> list[Path]:
        return [path for path in tmp_path.rglob("*") if path.is_file() and vector in path.read_bytes()]

    assert holding()
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        if thorough:
            writer.forget_vectors()
        removed(writer)
        writer.commit()
    assert bool(holding()) == (not thorough)
    sound(str(tmp_path))
    if not thorough:
        with Writer.open(str(tmp_path), IDENTITY) as writer:
            writer.optimize(OptimizeRequest(), lambda *_: None)
        assert holding() == []


def test_words_that_are_too_many_to_be_written_anew_wait_for_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fulltext, "_MERGED_PAGES", 0)
    monkeypatch.setattr(fulltext, "_IN_PLACE", (99,))
    fill(str(tmp_path / "one"))
    fill(str(tmp_path / "two"))
    with Writer.open(str(tmp_path / "one"), IDENTITY) as writer:
        removed(writer)
        writer.commit()
    assert set(remains(tmp_path / "one")) == {
        word for key, text in SECRETS.items() for word in text.split() if key != "reason"
    }
    with Writer.open(str(tmp_path / "one"), IDENTITY) as writer:
        writer.optimize(OptimizeRequest(), lambda *_: None)
    with Writer.open(str(tmp_path / "two"), IDENTITY) as writer:
        writer.forget_vectors()
        removed(writer)
        writer.commit()
    assert remains(tmp_path / "one") == remains(tmp_path / "two") == {}
    sound(str(tmp_path / "two"))
