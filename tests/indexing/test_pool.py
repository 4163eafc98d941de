"""Real worker processes, and everything that can befall them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from mmsearch import scan
from mmsearch.errors import MmsearchError
from mmsearch.indexing import pool as pools
from mmsearch.indexing import worker_process
from mmsearch.indexing.decode import LAST, DecodeRequest, Failed, FileDecoder, Finished, Identified, Opened, Part
from mmsearch.indexing.ipc import WorkerSetup
from mmsearch.indexing.pool import Event, Limits, Pool, Task
from mmsearch.types import MODALITIES, Item, LoaderSettings, Span
from tests.indexing.workers import alive, children, freeze, libraries, until
from tests.media.make_av import shots, write_video
from tests.media.make_pdf import pdf

READER = FileDecoder(LoaderSettings(), frozenset(MODALITIES))
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def pool_of(jobs: int = 1, seconds: float = 60.0, memory: int = 4 << 30) -> Pool:
    return Pool(WorkerSetup(READER, memory), Limits(jobs, seconds, memory))


@pytest.fixture
def pool() -> Iterator[Pool]:
    one = pool_of()
    yield one
    one.close()


def task(path: Path, digest: str = "", kind: str = "") -> Task:
    entry = scan.entry(str(path))
    assert isinstance(entry, scan.Entry)
    return Task(DecodeRequest(entry, digest, kind), path.name)


def picture(path: Path, side: int = 32, mode: str = "RGB") -> Path:
    Image.new(mode, (side, side), "white").save(path, compress_level=1)
    return path


def answers(pool: Pool, tasks: list[Task]) -> dict[str, list[Event]]:
    """All events of the tasks by the name of the file."""
    events: dict[str, list[Event]] = {one.owner: [] for one in tasks}
    for one in tasks:
        pool.submit(one)
    end, left = time.monotonic() + 100, len(tasks)
    while left:
        assert time.monotonic() < end
        event = pool.poll(1.0)
        if event is not None:
            pool.release(event.size)
            events[event.task.owner].append(event)
            left -= isinstance(event.answer, LAST)
    return events


def last(pool: Pool, one: Task) -> object:
    return answers(pool, [one])[one.owner][-1].answer


def test_a_file_is_identified_and_decoded_in_another_process(pool: Pool, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    known = last(pool, task(path))
    assert isinstance(known, Identified)
    assert (known.kind.name, known.digest) == ("image", scan.digest(str(path)))
    opened, part, finished = answers(pool, [task(path, known.digest, "image")])["a.png"]
    assert isinstance(opened.answer, Opened)
    assert opened.answer.facts.width == 32
    assert isinstance(part.answer, Part)
    assert part.answer.segment.content.shape == (32, 32, 3)
    assert part.size > 32 * 32 * 3
    assert isinstance(finished.answer, Finished)


def test_a_glimpse_of_a_part_is_all_that_is_read_for_it(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf(["one", "two", "three"]))
    entry = scan.entry(str(path))
    assert isinstance(entry, scan.Entry)
    item = Item(str(path), "00", "document", "text", 4, Span("page", 2, 2))
    part, finished = answers(pool, [Task(DecodeRequest(entry, "00", "pdf", item), "glimpse")])["glimpse"]
    assert isinstance(part.answer, Part) and isinstance(finished.answer, Finished)
    assert (part.answer.segment.item, part.answer.segment.content.shape) == (item, (512, 1024, 3))
    path.write_bytes(b"%PDF broken")
    assert isinstance(last(pool, Task(DecodeRequest(entry, "00", "pdf", item), "glimpse")), Failed)


def test_names_that_are_not_utf8_survive(pool: Pool, tmp_path: Path) -> None:
    path = picture(tmp_path / os.fsdecode(b"caf\xe9.png"))
    (part,) = [e for e in answers(pool, [task(path, "d", "image")])[path.name] if isinstance(e.answer, Part)]
    assert part.answer.segment.item.path == str(path)


def test_a_worker_imports_no_model_and_no_store(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["a page"]))
    write_video(tmp_path / "a.mkv", shots([(200, 0, 0)], 2.0))
    (tmp_path / "a.txt").write_text("a note")
    files = [("a.pdf", "pdf"), ("a.mkv", "video"), ("a.txt", "text")]
    done = answers(pool, [task(tmp_path / name, "d", kind) for name, kind in files])
    assert all(isinstance(events[-1].answer, Finished) for events in done.values())
    (pid,) = children(os.getpid())
    loaded = libraries(pid)
    assert "libav" in loaded
    assert not [name for name in ("torch", "onnxruntime", "faiss", "_sqlite3", "sklearn") if name in loaded]


@pytest.mark.parametrize(("number", "reason"), [(signal.SIGKILL, "killed"), (signal.SIGSEGV, "SIGSEGV")])
def test_a_worker_that_dies_costs_the_file_it_reads(
    pool: Pool, tmp_path: Path, number: signal.Signals, reason: str
) -> None:
    big = picture(tmp_path / "big.png", 8000)
    pool.submit(task(big, "d", "image"))
    opened = pool.poll(30)
    assert opened is not None
    assert isinstance(opened.answer, Opened)
    (pid,) = children(os.getpid())
    os.kill(pid, number)
    event = pool.poll(30)
    assert event is not None
    assert isinstance(event.answer, Failed)
    assert reason in event.answer.reason
    assert isinstance(last(pool, task(big)), Identified)
    assert children(os.getpid()) != [pid]
    assert pool.poll() is None


def test_a_worker_that_died_idle_costs_nothing(pool: Pool, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    last(pool, task(path))
    (pid,) = children(os.getpid())
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))
    assert isinstance(last(pool, task(path)), Identified)


def test_a_worker_that_hangs_is_ended_and_its_file_given_up(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    pool = pool_of(seconds=1.0)
    last(pool, task(path))
    (pid,) = children(os.getpid())
    freeze(pid)
    failed = last(pool, task(path))
    assert isinstance(failed, Failed)
    assert "no sign for 1 seconds" in failed.reason
    assert not alive(pid)
    assert isinstance(last(pool, task(path)), Identified)
    pool.close()


def test_a_picture_that_swells_beyond_the_limit_fails_alone(tmp_path: Path) -> None:
    big, small = picture(tmp_path / "big.png", 9000, "L"), picture(tmp_path / "small.png")
    assert big.stat().st_size < 1 << 20
    pool = pool_of(memory=200 << 20)
    done = answers(pool, [task(big, "d", "image"), task(small, "e", "image")])
    failed = done["big.png"][-1].answer
    assert isinstance(failed, Failed)
    assert failed.reason == "took more than 0.195 GiB of memory"
    assert isinstance(done["small.png"][-1].answer, Finished)
    pool.close()
    roomy = pool_of()
    assert isinstance(last(roomy, task(big, "d", "image")), Finished)
    roomy.close()


def test_arrays_can_come_before_this_thread_has_needed_any(tmp_path: Path) -> None:
    """A worker thread that makes the first array while this one imports numpy must not be in a deadlock with it."""
    code = (
        "import sys\nfrom mmsearch import scan\nfrom mmsearch.types import LoaderSettings\n"
        "from mmsearch.indexing.pool import Limits, Pool, Task\n"
        "from mmsearch.indexing.decode import DecodeRequest, FileDecoder\n"
        "from mmsearch.indexing.ipc import WorkerSetup\nassert 'numpy' not in sys.modules\n"
        "pool = Pool(WorkerSetup(FileDecoder(LoaderSettings(), frozenset(['image'])), 0), Limits(1))\n"
        "pool.submit(Task(DecodeRequest(scan.entry(sys.argv[1]), 'd', 'image'), ''))\n"
        "assert pool.started and hasattr(sys.modules.get('numpy'), 'ndarray')\npool.close()"
    )
    subprocess.run([sys.executable, "-c", code, str(picture(tmp_path / "a.png"))], check=True)


def test_ctrl_c_does_not_reach_a_worker(pool: Pool, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    last(pool, task(path))
    (pid,) = children(os.getpid())
    os.kill(pid, signal.SIGINT)
    assert isinstance(last(pool, task(path)), Identified)
    assert children(os.getpid()) == [pid]


def test_closing_ends_workers_in_the_middle_of_a_file(tmp_path: Path) -> None:
    pool = pool_of(jobs=2)
    pool.submit(task(picture(tmp_path / "big.png", 9000, "L"), "d", "image"))
    until(lambda: children(os.getpid()))
    pool.close()
    assert not children(os.getpid())


def test_workers_die_with_their_parent(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom tests.indexing.test_pool import pool_of, task, last\n"
        "pool = pool_of()\nlast(pool, task(Path(sys.argv[1])))\nprint('ready', flush=True)\ntime.sleep(100)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    (pid,) = children(parent.pid)
    freeze(pid)
    parent.kill()
    parent.communicate()
    until(lambda: not alive(pid), 10)


@pytest.mark.parametrize(("sizes", "workers"), [([90], 1), ([90, 1, 1], 1), ([4, 4, 4], 2), ([90, 90, 90, 90], 3)])
def test_as_many_workers_start_at_once_as_what_waits_is_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: list[int], workers: int
) -> None:
    monkeypatch.setattr(pools, "GROW_SECONDS", 1e6)
    monkeypatch.setattr(worker_process, "WORTHWHILE_BYTES", 8000)
    pool = pool_of(jobs=3)
    monkeypatch.setattr(pool, "next_task", lambda: pool.closed.wait() and None)  # all that was asked for still waits
    for number, size in enumerate(sizes):
        (tmp_path / str(number)).write_bytes(bytes(1000 * size))
        pool.submit(task(tmp_path / str(number)))
    pool.poll()
    assert len(pool._worker_threads) == workers
    pool.close()


def test_what_is_decoded_ahead_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "BYTES_AHEAD", 1 << 20)
    pool = pool_of()
    paths = [picture(tmp_path / f"{number}.png", 400) for number in range(8)]  # 480 kB each when decoded
    for path in paths:
        pool.submit(task(path, "d", "image"))
    time.sleep(2.0)
    held = []
    while event := pool.poll(0.5):
        held.append(event)
    assert 1 <= sum(isinstance(event.answer, Part) for event in held) <= 2
    finished = sum(isinstance(event.answer, Finished) for event in held)
    while finished < len(paths):
        while held:
            pool.release(held.pop().size)
        event = pool.poll(10)
        assert event is not None
        finished += isinstance(event.answer, Finished)
        held.append(event)
    pool.close()


def test_a_python_that_cannot_start_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    pool = pool_of()
    pool.submit(task(picture(tmp_path / "a.png")))
    with pytest.raises(MmsearchError, match="--jobs 0"):
        pool.poll(30)
    pool.close()


def test_what_is_identified_is_decoded_before_more_is_identified(tmp_path: Path) -> None:
    pool = pool_of(jobs=0)  # no worker takes anything
    path = picture(tmp_path / "a.png")
    unknown, another, known = task(path), task(path), task(path, "00", "image")
    for one in (unknown, another, known):
        pool.submit(one)
    assert [pool.next_task() for _ in range(3)] == [known, unknown, another]
