"""Two writers take turns; readers see whole commits while one writes, merges and cleans up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mmsearch.errors import IndexDamaged, IndexMismatch, IndexMissing, MmsearchError
from mmsearch.store import Reader, compaction
from mmsearch.store.writer import Writer
from tests.store.helpers import IDENTITY, found_paths, make, put, unit, vector_files


def test_second_writer_says_who_holds_the_lock(tmp_path: Path) -> None:
    directory = make(tmp_path)
    messages: list[str] = []
    with Writer.open(directory, IDENTITY):
        for timeout in (0, 0.1):
            with pytest.raises(MmsearchError, match=f"process {os.getpid()} on .* has been writing since"):
                Writer.open(directory, IDENTITY, timeout=timeout, on_wait=messages.append)
    assert len(messages) == 1 and str(os.getpid()) in messages[0]


def test_second_writer_waits_and_then_sees_the_firsts_commit(tmp_path: Path) -> None:
    directory = make(tmp_path)
    waiting = threading.Event()
    seen: list[bool] = []

    def second() -> None:
        with Writer.open(directory, IDENTITY, on_wait=lambda _: waiting.set()) as writer:
            seen.append(writer.file("/data/x") is not None)

    with Writer.open(directory, IDENTITY) as writer:
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        put(writer, "/data/x", "x")
        writer.commit()
        assert not seen
    thread.join(10)
    assert seen == [True]


def test_lock_is_free_after_a_refused_identity(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    (tmp_path / "meta.sqlite").rename(tmp_path / "kept")
    (tmp_path / "meta.sqlite").write_bytes(b"garbage" * 999)
    with pytest.raises(MmsearchError):
        Writer.open(directory, IDENTITY)
    (tmp_path / "kept").replace(tmp_path / "meta.sqlite")
    Writer.open(directory, IDENTITY, timeout=0).close()


def test_reader_keeps_its_snapshot(tmp_path: Path) -> None:
    directory = make(tmp_path, "a", "b")
    with Reader.open(directory) as reader, Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/a", "new")
        put(writer, "/data/c", "c")
        writer.commit()
        assert found_paths(reader, "a") == ["/data/a"] and found_paths(reader, "c") == []
        reader.refresh()
        assert found_paths(reader, "a") == [] and found_paths(reader, "c") == ["/data/c"]


def test_reader_goes_on_when_its_files_were_merged_away(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    with Reader.open(directory) as used, Reader.open(directory) as unused:
        assert found_paths(used, "a") == ["/data/a"]
        old = vector_files(directory)
        with Writer.open(directory, IDENTITY) as writer:
            for number in range(compaction.MOST_SEGMENTS):
                put(writer, f"/data/{number}", f"d{number}")
                writer.commit()
        assert vector_files(directory).isdisjoint(old)
        assert found_paths(used, "a") == ["/data/a"] and found_paths(used, "d0") == []  # its file is still open
        assert found_paths(unused, "a") == ["/data/a"] and found_paths(unused, "d0") == ["/data/0"]  # it looked again


def test_a_settled_reader_stays_with_its_snapshot_whatever_is_merged(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    with Reader.open(directory) as reader:
        reader.open_files()
        with Writer.open(directory, IDENTITY) as writer:
            writer.remove("/data/a")
            for number in range(compaction.MOST_SEGMENTS):
                put(writer, f"/data/{number}", f"d{number}")
                writer.commit()
        for partition in ("image", "text"):
            assert found_paths(reader, "a", partition=partition) == ["/data/a"] and found_paths(reader, "d0") == []


def test_a_damaged_file_matters_only_to_those_who_ask_for_it(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    with Reader.open(directory) as reader:
        (broken,) = Path(directory, "vectors", "text").iterdir()
        broken.write_bytes(b"nonsense")
        reader.open_files()
        assert found_paths(reader, "a") == ["/data/a"]
        with pytest.raises(IndexDamaged):
            found_paths(reader, "a", partition="text")


def test_segments_stay_few_and_tombstones_go(tmp_path: Path) -> None:
    directory = make(tmp_path)
    with Writer.open(directory, IDENTITY) as writer:
        for number in range(30):
            put(writer, f"/data/{number}", f"d{number}")
            writer.commit()
            with Reader.open(directory) as reader:
                assert reader.status().segments <= 2 * compaction.MOST_SEGMENTS
        for number in range(29):
            writer.remove(f"/data/{number}")
        writer.commit()
        with Reader.open(directory) as reader:
            assert reader.status().tombstones == 0 and reader.status().segments == 2
            assert found_paths(reader, "d29") == ["/data/29"]
        writer.remove("/data/29")
        writer.commit()
    assert vector_files(directory) == set()


def test_ids_and_names_are_never_used_twice(tmp_path: Path) -> None:
    """What a reader with an older snapshot still holds must not come to mean something else."""
    directory = make(tmp_path, "a", "b")
    names = vector_files(directory)
    with Reader.open(directory) as reader:
        ids = {item for item, _ in reader.search(unit("a", 0), "image", 5)}
    with Writer.open(directory, IDENTITY) as writer:
        writer.remove("/data/a")
        writer.remove("/data/b")
        writer.commit()
    assert vector_files(directory) == set()
    make(directory, "c", "d")
    assert names.isdisjoint(vector_files(directory))
    with Reader.open(directory) as reader:
        assert ids.isdisjoint(item for item, _ in reader.search(unit("a", 0), "image", 5))
        assert reader.locate(sorted(ids)) == {item: [] for item in ids}


def test_reader_of_a_rebuilt_index_is_told(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    with Reader.open(directory) as reader:
        Writer.open(directory, replace(IDENTITY, fingerprint="f2", dim=8), rebuild=True).close()
        with pytest.raises(IndexMismatch, match="rebuilt"):
            reader.search(unit("a", 0), "image", 1)


def test_merging_copies_a_vector_a_logarithmic_number_of_times() -> None:
    sizes: list[int] = []
    copied = 0
    for _ in range(1000):
        sizes = sorted([*sizes, 1])
        listed = [compaction.ListedSegment(number, "", "image", size, size) for number, size in enumerate(sizes)]
        if group := compaction.plan_family(listed, 1):
            rows = sum(segment.live for segment in group)
            copied += rows
            sizes = [*sizes[len(group) :], rows]
    assert len(sizes) <= compaction.MOST_SEGMENTS and sum(sizes) == 1000
    assert copied <= 1000 * 10


def test_readers_see_whole_commits_while_a_writer_is_busy(tmp_path: Path) -> None:
    directory = str(tmp_path)
    code = (
        "import sys\n"
        "from mmsearch.store import compaction; from mmsearch.store.writer import Writer\n"
        "from tests.store.helpers import IDENTITY, put\n"
        "compaction.MOST_SEGMENTS = 2\n"
        "with Writer.open(sys.argv[1], IDENTITY) as writer:\n"
        "    for number in range(30):\n"
        "        for name in 'ab':\n"
        "            put(writer, f'/data/{name}{number % 10}', f'{name}{number}', mtime_ns=number)\n"
        "        writer.commit()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, directory], cwd=Path(__file__).parents[2])
    looks = 0
    try:
        while process.poll() is None:
            looks += _look(directory)
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0 and looks > 3


def _look(directory: str) -> int:
    """Search once; both files of a commit must be there, or neither."""
    try:
        reader = Reader.open(directory)
    except IndexMissing:
        return 0
    with reader:
        hits = reader.search(unit("anything"), "image", 100)
        locations = reader.locate([item for item, _ in hits])
        paths = [location.item.path for located in locations.values() for location in located]
        assert len(paths) == len(set(paths)) == len(hits) == reader.counts().get("image", 0)
        digests = {location.item.digest for located in locations.values() for location in located}
        assert {name[1:] for name in digests if name[0] == "a"} == {name[1:] for name in digests if name[0] == "b"}
        return 1


READ_AS_NOBODY = """
import os, sys
from mmsearch.errors import MmsearchError
from mmsearch.store import Reader
from mmsearch.store.writer import Writer
from tests.store.helpers import IDENTITY, found_paths, unit
import faiss, filelock; unit('x')  # all of Python may lie where nobody can read it
if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)
for _ in range(2):
    with Reader.open(sys.argv[1]) as reader: print(found_paths(reader, 'a'), reader.counts())
try: Writer.open(sys.argv[1], IDENTITY)
except MmsearchError as error: print('refused', '\\n' in str(error))
"""


@pytest.fixture
def public_path() -> Iterator[Path]:
    """A temporary directory that others can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.parametrize("killed", [False, True])
def test_read_only_directory_can_be_searched(public_path: Path, killed: bool) -> None:
    """Also when its writer was killed, so that the last commits are in the log alone."""
    with Writer.open(str(public_path / "live"), IDENTITY) as writer:
        put(writer, "/data/a", "a")
        writer.commit()
        directory = shutil.copytree(public_path / "live", public_path / "index") if killed else public_path / "live"
    assert (directory / "meta.sqlite-wal").exists() == killed
    _set_modes(directory, 0o555, 0o444)
    try:
        command = [sys.executable, "-c", READ_AS_NOBODY, str(directory)]
        process = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    finally:
        _set_modes(directory, 0o755, 0o644)
    assert process.stdout == "['/data/a'] {'image': 1, 'text': 1}\n" * 2 + "refused False\n", process.stderr


def _set_modes(directory: Path, folders: int, files: int) -> None:
    for folder, _, names in os.walk(directory):
        os.chmod(folder, folders)
        for name in names:
            os.chmod(os.path.join(folder, name), files)


def test_a_file_merged_away_while_it_is_being_opened_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import faiss

    directory = make(tmp_path, "a")
    read, done = faiss.read_index, []

    def late(*arguments: object) -> object:
        """As FAISS does, after all files were merged."""
        if not done:
            done.append(True)
            with Writer.open(directory, IDENTITY) as writer:
                for number in range(compaction.MOST_SEGMENTS):
                    put(writer, f"/data/{number}", f"d{number}")
                    writer.commit()
        return read(*arguments)

    with Reader.open(directory) as reader:
        monkeypatch.setattr(faiss, "read_index", late)
        assert found_paths(reader, "a") == ["/data/a"] and done
