"""The indexing pipeline over a real store and real files, with a model that only hashes what it is given."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmsearch.errors import MediaError
from mmsearch.indexing import batching, decoder
from mmsearch.indexing.pipeline import Indexer, IndexOptions
from mmsearch.indexing.pool import Limits
from mmsearch.indexing.timing import STAGES
from mmsearch.store import Identity, Reader
from mmsearch.store.writer import Writer
from mmsearch.types import (
    MODALITIES,
    Clip,
    IndexReport,
    Item,
    LoaderSettings,
    ModelOptions,
    ModelSpec,
    Query,
    Segment,
    Vectors,
)
from tests.indexing.workers import children, freeze, libraries, until
from tests.media.make_av import shots, tone, write_sound, write_video
from tests.media.make_pdf import pdf

DIM = 24


def raw(segment: Segment) -> bytes:
    content = segment.content
    if isinstance(content, str):
        return content.encode("utf-8", "surrogatepass")
    if isinstance(content, np.ndarray):
        return content.tobytes()
    return content.frames.tobytes() if isinstance(content, Clip) else content.samples.tobytes()


class Hashing:
    """A vector that follows from the content alone; it chokes on texts with `poison` in them."""

    def __init__(self, *modalities: Any) -> None:
        self.spec = ModelSpec("hashing", "1", DIM, frozenset(modalities or MODALITIES), LoaderSettings())
        self.batches: list[list[Item]] = []
        self.preprocess_seconds = 0.0

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        if any(isinstance(one.content, str) and "poison" in one.content for one in segments):
            raise MediaError("it chokes")
        self.batches.append([one.item for one in segments])
        self.preprocess_seconds += 0.001
        return np.stack([self.row(raw(one)) for one in segments])

    def row(self, data: bytes) -> Vectors:
        seed = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
        vector = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
        unit: Vectors = vector / np.linalg.norm(vector)
        return unit

    def embed_query(self, query: Query) -> Vectors:
        return self.row(query.text.encode())


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.finished: list[str] = []
        self.failures: dict[str, str] = {}

    def past(self, path: str, count: int) -> None:
        self.files.append(path)

    def done(self, path: str, size: int) -> None:
        self.finished.append(path)

    def failure(self, path: str, reason: str) -> None:
        assert path not in self.failures
        self.failures[path] = reason


def index(
    directory: Path,
    *roots: Path,
    model: Hashing | None = None,
    heard: Heard | None = None,
    jobs: int = 0,
    seconds: float = 60.0,
    **more: Any,
) -> IndexReport:
    model = model or Hashing()
    options = IndexOptions(limits=Limits(jobs, seconds), **more)
    with Writer.open(str(directory), Identity.of(ModelOptions("hashing"), model.spec)) as writer:
        return Indexer(writer, model, options, heard or Heard()).run([str(root) for root in roots])


def counts(report: IndexReport) -> dict[str, Any]:
    """The counts that are not zero."""
    timed = ("seconds", "stages")
    return {name: value for name, value in report.to_json().items() if value and name not in timed}


def contents(directory: Path, model: Hashing) -> list[Any]:
    """Everything a search can bring: for each query and partition the hits with their scores, best first."""
    found = []
    with Reader.open(str(directory)) as reader:
        for word in ("river", "stone", "bread"):
            for partition in MODALITIES:
                hits = reader.search(model.row(word.encode()), partition, 500)
                located = reader.locate([row for row, _ in hits])
                parts = [(round(float(score), 5), located[row]) for row, score in hits]
                found.append(sorted((score, sorted(repr(one.item) for one in items)) for score, items in parts))
        found.append(sorted((record.path, record.reason) for record in reader.failures(unsupported=True)))
    return found


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """A folder with every kind of file, copies, and files that cannot be read."""
    folder = tmp_path / "files"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for number in range(12):
        Image.fromarray(rng.integers(0, 255, (40 + 30 * number, 60, 3), np.uint8)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"note {number} about rivers\n\n" * (1 + 40 * number))
    for number in range(3):
        (folder / f"{number}.pdf").write_bytes(pdf([f"page {page} of {number}" for page in range(1 + number)]))
    write_video(folder / "film.mkv", shots([(200, 0, 0), (0, 200, 0)], 2.0))
    write_sound(folder / "sound.wav", "pcm_s16le", tone(12.0)[None])
    shutil.copy(folder / "3.png", folder / "copy.png")
    shutil.copy(folder / "2.pdf", folder / "copy.pdf")
    for name in ("broken.png", "broken too.png"):
        (folder / name).write_bytes((folder / "5.png").read_bytes()[:500])
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\n" + bytes(range(256)) * 8)
    (folder / "empty.txt").write_bytes(b"")
    (folder / "poison.txt").write_text("there is poison in it")
    (folder / "program.bin").write_bytes(b"\x7fELF" + bytes(1000))
    return folder


@pytest.fixture
def only_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is read in the process itself, however small."""
    monkeypatch.setattr(decoder, "HERE_SECONDS", -1.0)


def test_results_do_not_depend_on_the_number_of_workers(
    everything: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Hashing()
    plain = index(tmp_path / "0", everything, model=model)
    assert counts(plain) == {
        "added": 31, "embedded": 29, "reused": 2, "failed": 5, "unsupported": 1, "items": plain.items,
    }  # fmt: skip
    expected = contents(tmp_path / "0", model)
    assert counts(index(tmp_path / "1", everything, jobs=1)) == counts(plain)
    assert contents(tmp_path / "1", model) == expected
    monkeypatch.setattr(decoder, "HERE_SECONDS", -1.0)
    for parts in (3, 100):
        monkeypatch.setattr(batching, "MOST_PARTS", parts)
        directory = tmp_path / f"3 workers, {parts} parts"
        assert counts(index(directory, everything, jobs=3)) == counts(plain)
        assert contents(directory, model) == expected
    again = index(tmp_path / "1", everything, jobs=3)
    assert counts(again) == {"unchanged": 31, "known_failures": 5, "unsupported": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_few_harmless_files_start_no_worker(everything: Path, tmp_path: Path) -> None:
    for path in everything.iterdir():
        if path.suffix not in (".png", ".txt"):
            path.unlink()

    class Watching(Hashing):
        def embed(self, segments: Sequence[Segment]) -> Vectors:
            assert not children(os.getpid())
            return super().embed(segments)

    assert index(tmp_path / "index", everything, model=Watching(), jobs=2).embedded == 24


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("trouble", ["killed", "hung"])
def test_a_lost_worker_costs_one_file(everything: Path, tmp_path: Path, trouble: str, only_workers: None) -> None:
    expected = counts(index(tmp_path / "calm", everything, jobs=2))
    Image.new("RGB", (5000, 5000), "white").save(everything / "0 big.png", compress_level=1)

    def strike() -> None:
        """Once the worker decodes its first picture, which is the large one."""
        until(lambda: any("_imaging" in libraries(pid) for pid in children(os.getpid())))
        (pid,) = children(os.getpid())
        freeze(pid)
        if trouble == "killed":
            os.kill(pid, signal.SIGKILL)

    striking = threading.Thread(target=strike)
    striking.start()
    heard = Heard()
    report = index(tmp_path / "index", everything, jobs=1, seconds=4.0, heard=heard)
    striking.join()
    assert counts(report) == {**expected, "failed": expected["failed"] + 1}
    (lost,) = [reason for path, reason in heard.failures.items() if path.endswith("0 big.png")]
    assert ("was killed" if trouble == "killed" else "no sign for") in lost
    again = index(tmp_path / "index", everything, retry_failed=True)
    assert (again.added, again.failed) == (1, expected["failed"])


def test_each_of_two_copies_of_a_broken_file_is_listed(everything: Path, tmp_path: Path, only_workers: None) -> None:
    heard = Heard()
    index(tmp_path / "index", everything, jobs=2, heard=heard)
    assert {os.path.basename(path) for path in heard.failures} == {
        "broken.png", "broken too.png", "broken.pdf", "empty.txt", "poison.txt",
    }  # fmt: skip


def test_a_file_reached_twice_is_read_once(everything: Path, tmp_path: Path, only_workers: None) -> None:
    once = index(tmp_path / "once", everything, jobs=2)
    twice = index(tmp_path / "twice", everything, everything / ".", jobs=2)
    assert (twice.added, twice.embedded, twice.failed) == (once.added, once.embedded, once.failed)
    assert twice.unchanged == once.added


def test_a_file_that_changes_while_it_is_read_fails_and_is_taken_next_time(everything: Path, tmp_path: Path) -> None:
    class Meddling(Heard):
        def past(self, path: str, count: int) -> None:
            super().past(path, count)
            if path.endswith("1.txt"):
                os.utime(path, (5, 5))  # after the scan's stat

    heard = Meddling()
    index(tmp_path / "index", everything, heard=heard)
    assert [reason for path, reason in heard.failures.items() if path.endswith("/1.txt")] == [
        "changed while it was being read: run index again"
    ]
    assert index(tmp_path / "index", everything).added == 2  # 11.txt as well


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(150):
        (folder / f"{number:03}.txt").write_text(f"note {number} " * (1 + number % 50))
    yield folder


def test_batches_hold_texts_of_like_length(notes: Path, tmp_path: Path) -> None:
    model = Hashing()
    index(tmp_path / "index", notes, model=model)
    assert len(model.batches) == 3
    lengths = [[len(item.text) for item in batch] for batch in model.batches]
    assert all(min(before) >= max(after) for before, after in pairwise(lengths))


def test_an_interrupt_keeps_what_is_finished(notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_PARTS", 20)

    class Interrupted(Hashing):
        def embed(self, segments: Sequence[Segment]) -> Vectors:
            if len(self.batches) == 3:
                raise KeyboardInterrupt
            return super().embed(segments)

    with pytest.raises(KeyboardInterrupt):
        index(tmp_path / "index", notes, model=Interrupted(), jobs=1)
    assert counts(index(tmp_path / "index", notes)) == {"added": 90, "unchanged": 60, "embedded": 90, "items": 90}


@pytest.mark.parametrize("jobs", [0, 2])
def test_the_stages_of_the_main_thread_add_up(everything: Path, tmp_path: Path, jobs: int, only_workers: None) -> None:
    report = index(tmp_path / "index", everything, jobs=jobs)
    assert tuple(report.stages) == STAGES
    assert min(report.stages.values()) >= 0
    assert report.stages["preprocess"] > 0
    elsewhere = {"read", "decode"} if jobs else set()
    here = sum(seconds for name, seconds in report.stages.items() if name not in elsewhere)
    assert here == pytest.approx(report.seconds, rel=0.05, abs=0.01)
    assert report.stages["decode"] > 0
    assert bool(report.stages["idle"]) == bool(jobs)


def test_what_the_model_cannot_embed_is_counted(everything: Path, tmp_path: Path) -> None:
    report = index(tmp_path / "index", everything, model=Hashing("image"))
    assert (report.added, report.failed) == (13, 4)
    assert report.unsupported == 1 + 13 + 4 + 1 + 1


def test_what_is_gone_is_noticed_however_the_folders_overlap(notes: Path, tmp_path: Path) -> None:
    part = notes / "part"
    part.mkdir()
    (notes / "001.txt").rename(part / "001.txt")
    index(tmp_path / "index", notes)
    (part / "001.txt").unlink()
    (part / "new.txt").write_text("one came for the one that went")
    assert counts(index(tmp_path / "index", notes, part)) == {
        "added": 1, "embedded": 1, "items": 1, "removed": 1, "unchanged": 150,
    }  # fmt: skip
    (notes / "002.txt").unlink()
    (part / "001.txt").write_text("note 1 " * 2)
    assert counts(index(tmp_path / "index", notes)) == {"removed": 1, "unchanged": 150}
    (notes / "003.txt").rename(notes / ".003.txt")
    assert index(tmp_path / "index", notes, prune=True).removed == 2
