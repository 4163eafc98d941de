"""Files that change, grow, vanish or become something else while they are read, before every single time one is opened.

Whatever comes of the file in that run, no other file suffers, no content is kept under the digest of another one, and
the next run finds what is there then.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

from mmsearch import scan
from mmsearch.store import Reader
from mmsearch.types import MODALITIES
from tests.field import meddling
from tests.field.meddling import before_open
from tests.indexing.test_pipeline import Hashing, Heard, index
from tests.indexing.workers import children, freeze, until
from tests.media.make_av import tone, write_sound
from tests.media.make_pdf import pdf

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="files that are open cannot be exchanged there"),
    pytest.mark.timeout(120),
]

REASONS = (
    "changed while it was being read: run index again",
    "cannot be read: no such file or directory",
    "cannot be read: No such file or directory",
    "cannot be read: not a regular file",
    "cannot be read: too many levels of symbolic links",
    "cannot be read: Too many levels of symbolic links",
    "empty file",
    "no text in it",
    "truncated picture",
    "broken",
)


def note(path: Path) -> None:
    path.write_text("a note about rivers\n")


def picture(path: Path) -> None:
    Image.new("RGB", (40, 30), "red").save(path)


def document(path: Path) -> None:
    path.write_bytes(pdf(["a page about rivers"]))


def sound(path: Path) -> None:
    write_sound(path, "pcm_s16le", tone(1.0)[None])


SOME = (meddling.vanish, meddling.change, meddling.become_fifo)
CASES = [(make, harm) for make in (note, picture) for harm in meddling.ALL]
CASES += [(make, harm) for make in (document, sound) for harm in SOME]
SUFFIX: dict[Callable[[Path], None], str] = {note: ".txt", picture: ".png", document: ".pdf", sound: ".wav"}


@pytest.mark.parametrize(("make", "harm"), CASES, ids=lambda one: one.__name__)
def test_a_file_is_exchanged_before_it_is_opened(
    tmp_path: Path, make: Callable[[Path], None], harm: Callable[[Path], None]
) -> None:
    for number in count(1):
        folder = tmp_path / str(number)
        folder.mkdir()
        victim = folder / f"b{SUFFIX[make]}"
        for name in ("a.txt", "c.txt"):
            (folder / name).write_text(f"{name} is left alone")
        make(victim)
        heard = Heard()
        with before_open(victim, number, lambda victim=victim: harm(victim)) as done:  # type: ignore[misc]
            index(tmp_path / f"index{number}", folder, heard=heard)
            if not done():
                assert number > 2
                return
        assert set(heard.failures) <= {str(victim)}
        assert all(reason.startswith(REASONS) for reason in heard.failures.values()), heard.failures
        look(tmp_path / f"index{number}", {str(folder / "a.txt"), str(folder / "c.txt")})
        index(tmp_path / f"index{number}", folder)
        if harm in (meddling.change, meddling.grow):
            expected = {str(folder / name) for name in ("a.txt", f"b{SUFFIX[make]}", "c.txt")}
            look(tmp_path / f"index{number}", expected, exact=True)
        elif harm is meddling.become_folder:
            expected = {str(folder / "a.txt"), str(victim / "inside.txt"), str(folder / "c.txt")}
            look(tmp_path / f"index{number}", expected, exact=True)


def look(directory: Path, expected: set[str], exact: bool = False) -> None:
    """The index is sound, has these files, and what it holds of a note is the note with that digest."""
    model = Hashing()
    with Reader.open(str(directory)) as reader:
        assert list(reader.problems()) == []
        found = set()
        for partition in MODALITIES:
            for item, _ in reader.search(model.row(b"x"), partition, 100):
                for place in reader.locate([item])[item]:
                    found.add(place.item.path)
                    if place.item.partition == "text" and place.kind == "text":
                        vector = reader.vectors_of([item])[item]
                        assert float(vector @ model.row(place.item.text.encode())) > 0.99
                    if exact:
                        assert scan.digest(place.item.path) == place.item.digest
        assert found == expected if exact else found >= expected


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    "harm", [meddling.vanish, meddling.empty, meddling.grow, meddling.become_folder], ids=lambda one: one.__name__
)
def test_a_file_is_exchanged_in_the_hands_of_a_worker(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """The worker is stopped with the file open, so that it goes on with what has become of it."""
    folder = tmp_path / "files"
    folder.mkdir()
    picture(folder / "b.png")
    with open(folder / "b.png", "r+b") as file:
        file.truncate(200 << 20)  # zeros behind a picture take long to digest, and harm nobody
    note(folder / "a.txt")
    note(folder / "c.txt")

    def strike() -> None:
        victim = str(folder / "b.png")
        until(lambda: any(victim in open_files(pid) for pid in children(os.getpid())))
        (pid,) = children(os.getpid())
        freeze(pid)
        harm(Path(victim))
        os.kill(pid, signal.SIGCONT)

    striking = threading.Thread(target=strike)
    striking.start()
    heard = Heard()
    report = index(tmp_path / "index", folder, heard=heard, jobs=1)
    striking.join()
    assert report.added == 2 and list(heard.failures) == [str(folder / "b.png")]
    assert heard.failures[str(folder / "b.png")].startswith(REASONS)
    look(tmp_path / "index", {str(folder / "a.txt"), str(folder / "c.txt")}, exact=True)


def open_files(pid: int) -> list[str]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            found.append(os.readlink(entry))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("seed", range(2))
def test_a_folder_that_never_rests_is_indexed_all_the_same(tmp_path: Path, seed: int) -> None:
    """A thread changes files at random all the time; once it rests, one run has everything as it is."""
    folder = tmp_path / "files"
    folder.mkdir()
    rng = random.Random(seed)
    resting = threading.Event()

    def meddle() -> None:
        while not resting.wait(0.001):
            path = folder / f"{rng.randrange(20)}.txt"
            if path.is_dir():
                (path / "inside.txt").unlink()
                path.rmdir()
            elif path.is_fifo() or path.is_symlink():
                path.unlink()
            elif not path.exists():
                path.write_text(f"note {rng.random()}")
            else:
                rng.choice(meddling.ALL)(path)

    thread = threading.Thread(target=meddle)
    thread.start()
    try:
        for jobs in (0, 0, 0, 2, 2):
            heard = Heard()
            index(tmp_path / "index", folder, jobs=jobs, heard=heard)
            allowed = (*REASONS, "not a regular file", "symbolic link loop", "vanished", "no such file", "not a dir")
            assert all(reason.startswith(allowed) for reason in heard.failures.values()), heard.failures
            with Reader.open(str(tmp_path / "index")) as reader:
                assert list(reader.problems()) == []
    finally:
        resting.set()
        thread.join()
    index(tmp_path / "index", folder, prune=True)
    there = {str(path) for path in folder.rglob("*.txt") if path.is_file() and path.stat().st_size}
    look(tmp_path / "index", there, exact=True)
