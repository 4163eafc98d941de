"""A page of the database that is not as it was written is seen, and none is that is."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from mmsearch.errors import MmsearchError
from mmsearch.store import Reader, compaction, page_checksums
from mmsearch.store.integrity import repair
from mmsearch.store.writer import Writer
from tests.store.helpers import IDENTITY

from .test_erasure import fill, secret_path, store
from .test_formats import HERE, THEIRS

KEPT = [1, 2, 3, 4]


def checked(directory: str | Path) -> tuple[list[str], list[str]]:
    """What is wrong, and what could not be checked."""
    skipped: list[str] = []
    with Reader.open(str(directory)) as reader:
        return list(reader.problems(skipped.append)), skipped


@pytest.fixture
def index(tmp_path: Path) -> Path:
    fill(str(tmp_path))
    return tmp_path


def test_a_flipped_byte_anywhere_is_seen(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_checksums, "_PAUSE", 0)
    path, chance = index / "meta.sqlite", random.Random(5)
    data = path.read_bytes()
    # In the middle of nowhere, in free space, and in each number of the header that SQLite reads.
    offsets = [chance.randrange(len(data)) for _ in range(100)] + list(range(100))
    unseen = []
    for offset in offsets:
        flipped = bytearray(data)
        flipped[offset] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            if not checked(index)[0]:
                unseen.append(offset)
        except MmsearchError:
            pass
        for log in (index / "meta.sqlite-wal", index / "meta.sqlite-shm", index / "meta.sqlite-journal"):
            log.unlink(missing_ok=True)
    assert unseen == []
    path.write_bytes(data)
    assert checked(index) == ([], [])


def test_a_changed_passage_is_seen_and_a_repair_ends_that(index: Path) -> None:
    with closing(sqlite3.connect(index / "meta.sqlite")) as db, db:
        db.execute("UPDATE items SET text = 'something else' WHERE id = 7")
    lines, _ = checked(index)
    assert lines and all(line.startswith("meta.sqlite: page ") or "more pages" in line for line in lines)
    Writer.open(str(index), IDENTITY).close()
    with Writer.open(str(index), IDENTITY) as writer:
        store(writer, "/data/new", "a new one")
        writer.commit()
    assert checked(index)[0], "a writer makes nothing good"
    assert repair(str(index)).problems
    assert checked(index) == ([], [])


def test_many_pages_are_counted(index: Path) -> None:
    path = index / "meta.sqlite"
    data = bytearray(path.read_bytes())
    for offset in range(9 * 4096, 16 * 4096, 4096):
        data[offset + 2000] ^= 1
    path.write_bytes(data)
    with Reader.open(str(index)) as reader:
        lines = list(page_checksums.problems(reader.catalog.db, str(index)))
    assert lines == [
        *(f"page {n} is not as it was written" for n in (10, 11, 12)),
        "4 more pages are not as they were written",
    ]


@pytest.mark.parametrize("harm", ["gone", "empty", "cut", "flipped", "huge", "a folder", "a link", "a fifo"])
def test_checksums_that_cannot_be_used_are_no_damage(index: Path, harm: str) -> None:
    path = index / page_checksums.NAME
    data = path.read_bytes()
    path.unlink()
    if harm == "a folder":
        path.mkdir()
    elif harm == "a link":
        path.symlink_to("/dev/zero")
    elif harm == "a fifo":
        os.mkfifo(path)
    elif harm != "gone":
        header = bytearray(data)
        header[16:20] = b"\xff" * 4
        path.write_bytes({"empty": b"", "cut": data[:-9], "flipped": b"\0" + data[1:], "huge": bytes(header)}[harm])
    lines, skipped = checked(index)
    assert lines == [] and len(skipped) == 1 and "not compared" in skipped[0]
    with Writer.open(str(index), IDENTITY) as writer:
        store(writer, "/data/new", "a new one")
        writer.commit()
    assert checked(index)[0] == []
    if harm != "a folder":
        assert checked(index)[1] == [], "a writer takes them anew"


def test_only_their_owner_reads_checksums(index: Path) -> None:
    assert stat.S_IMODE((index / page_checksums.NAME).stat().st_mode) == 0o600


def test_only_pages_that_change_are_looked_at(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    put = page_checksums.PageChecksums.put
    monkeypatch.setattr(
        page_checksums.PageChecksums, "put", lambda self, number, page: (seen.append(number), put(self, number, page))
    )
    Writer.open(str(index), IDENTITY).close()
    assert seen == []
    with Writer.open(str(index), IDENTITY) as writer:
        store(writer, "/data/new", "a new one")
        writer.commit()
    assert 0 < len(set(seen)) < (index / "meta.sqlite").stat().st_size // 4096


@pytest.mark.parametrize("number", KEPT)
def test_an_index_of_any_format_gets_them(number: int, tmp_path: Path) -> None:
    directory = shutil.copytree(HERE / f"format{number}", tmp_path / "index")
    assert checked(directory)[0] == []
    Writer.open(str(directory), THEIRS).close()
    assert checked(directory) == ([], [])


def test_whatever_a_writer_does_they_agree(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MOST_SEGMENTS", 2)
    chance = random.Random(11)
    for step in range(12):
        with Writer.open(str(index), IDENTITY) as writer:
            for number in range(chance.randrange(1, 4)):
                paths = sorted(writer.paths_under(None))
                store(writer, f"/data/new/{step}-{number}", f"new {chance.random()} " * chance.randrange(1, 999))
                writer.remove(chance.choice(paths))
                store(writer, chance.choice(paths), f"edited {chance.random()}", step)
                writer.commit()
        assert checked(index) == ([], [])
    repair(str(index))
    assert checked(index) == ([], [])


def test_a_check_beside_a_writer_reports_no_damage(index: Path) -> None:
    """Most of all while it puts its log away, and while readers come and go."""
    script = (
        "import sys; from mmsearch.store.writer import Writer; from tests.store.helpers import IDENTITY as i\n"
        "from tests.store.test_erasure import store\n"
        "for turn in range(8):\n"
        "    with Writer.open(sys.argv[1], i) as writer:\n"
        "        for at in range(6):\n"
        "            store(writer, f'/data/{turn}/{at}', f'text {turn} {at} ' * 50)\n"
        "            writer.remove(f'/data/{turn - 1}/{at}')\n"
        "            writer.commit()\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", script, str(index)], cwd=HERE.parents[1])
    rounds = 0
    while writer.poll() is None or rounds < 3:
        lines, _ = checked(index)
        assert lines == []
        rounds += 1
    assert writer.returncode == 0
    assert checked(index)[0] == [], "if ours was the last to close, then it has put the log away"
    Writer.open(str(index), IDENTITY).close()
    assert checked(index) == ([], [])


def test_a_connection_elsewhere_in_the_process_keeps_its_locks(index: Path) -> None:
    """To close a file drops all locks of the process on it; then another process takes the log away from a reader."""
    look = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT 1 FROM meta').fetchall()"
    with Writer.open(str(index), IDENTITY) as writer, Reader.open(str(index)) as reader:
        store(writer, "/data/new", "a new one")
        writer.commit()
        before = (index / "meta.sqlite-wal").stat().st_ino
        with Reader.open(str(index)) as other:
            list(other.problems())
        threading.Thread(target=lambda: checked(index)).start()
        subprocess.run([sys.executable, "-c", f"{look}; db.close()", str(index / "meta.sqlite")], check=True)
        assert (index / "meta.sqlite-wal").stat().st_ino == before
        assert reader.file(secret_path()) is not None
