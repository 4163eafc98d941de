"""What is planted in an index under the names of its files never leads a command out of it, nor holds it up."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links, FIFOs and modes of POSIX")

SECONDS = 60
"""More than any command takes on a busy machine; one that waits for a FIFO waits for ever."""
CODES = {0, 1, 2, 3, 4, 5}


class World:
    """A folder with an index, and the files of somebody else beside it."""

    def __init__(self, folder: Path) -> None:
        self.files, self.index, self.victim = folder / "files", folder / "files" / ".mmsearch", folder / "victim"
        self._before: dict[str, tuple[object, ...]] = {}

    def watch(self) -> None:
        """Remember what the victim is like."""
        self._before = seen(self.victim)

    def unharmed(self) -> bool:
        return seen(self.victim) == self._before

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command that ends in time, with a code that is documented and no traceback."""
        environment = {key: value for key, value in os.environ.items() if key != "MMSEARCH_INDEX"}
        done = subprocess.run(
            [sys.executable, "-m", "mmsearch", *command],
            cwd=self.files,
            env=environment | {"MMSEARCH_NO_SERVER": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode in CODES and "Traceback" not in done.stderr, done.stderr
        return done


def seen(folder: Path) -> dict[str, tuple[object, ...]]:
    """Names below a folder with modes and bytes."""
    found: dict[str, tuple[object, ...]] = {".": (stat.S_IMODE(folder.lstat().st_mode),)}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, data)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with two files of text, which lies in the folder of these."""
    world = World(tmp_path_factory.mktemp("made"))
    world.files.mkdir()
    (world.files / "a.txt").write_text("Tomatoes need six hours of sun a day.")
    (world.files / "b.md").write_text("# Bicycle\n\nOil the chain before a long ride.")
    assert world.run("index", ".", "--index", str(world.index)).returncode == 0
    return world.files


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Iterator[World]:
    """A copy of it, with a new file to index, so that there is something to write."""
    there = World(tmp_path)
    shutil.copytree(made, there.files)
    (there.files / "new.txt").write_text("A candle in the harbour.")
    there.victim.mkdir()
    (there.victim / "file").write_text("precious\n" * 3)
    (there.victim / "file").chmod(0o644)
    (there.victim / "text").mkdir()
    for number in (7, 8):
        (there.victim / "text" / f"{number}.faiss").write_bytes(b"vectors of another index")
    there.watch()
    yield there
    assert there.unharmed()


Plant = Callable[[World, Path], None]


def link(world: World, place: Path) -> None:
    place.symlink_to(world.victim / "file")


def link_to_folder(world: World, place: Path) -> None:
    place.symlink_to(world.victim)


def dangling(world: World, place: Path) -> None:
    place.symlink_to(world.victim / "not-there")


def hard_link(world: World, place: Path) -> None:
    os.link(world.victim / "file", place)


def fifo(world: World, place: Path) -> None:
    os.mkfifo(place)


def folder(world: World, place: Path) -> None:
    place.mkdir()


KINDS = (link, link_to_folder, dangling, hard_link, fifo, folder)
WRITTEN = (
    "write.lock", "writer.json", "writer.json.tmp", "meta.sqlite", "meta.sqlite-wal", "meta.sqlite-shm",
    "meta.sqlite-journal", "vectors", "vectors/text", "vectors/text/2.faiss.tmp", "vectors/text/2.faiss",
)  # fmt: skip


def plant(world: World, name: str, kind: Plant) -> None:
    place = world.index / name
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    kind(world, place)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_outside_is_touched_by_one_who_writes(world: World, name: str, kind: Plant) -> None:
    plant(world, name, kind)
    world.run("index")
    assert world.unharmed()


@pytest.mark.parametrize("kind", (link, link_to_folder, fifo), ids=lambda kind: str(kind.__name__))
@pytest.mark.parametrize("name", ("meta.sqlite-wal", "vectors", "vectors/text"))
@pytest.mark.parametrize("command", ("search candle", "status --check", "status --repair", "index --no-shared"))
def test_links_among_the_files_of_an_index_are_refused(world: World, command: str, name: str, kind: Plant) -> None:
    plant(world, name, kind)
    done = world.run(*command.split())
    if not (name == "vectors/text" and "shared" in command):  # which looks at no partition
        assert done.returncode == 3 and name in done.stderr, done.stderr
    assert world.unharmed()


@pytest.mark.parametrize("kind", (*KINDS[:-1],), ids=lambda kind: str(kind.__name__))
def test_a_server_writes_to_no_link_that_is_planted_for_it(world: World, kind: Plant) -> None:
    for name in ("serve.json.tmp", "serve.json", "serve.log", "serve.new", "serve.sock"):
        plant(world, name, kind)
    began = world.run("serve", "--background", "--port", "0")
    try:
        assert began.returncode == 0 and began.stdout.startswith("http://127.0.0.1:"), began.stderr
        assert world.unharmed()
    finally:
        assert world.run("serve", "--stop").returncode == 0
    modes = {name: (world.index / name).lstat().st_mode for name in ("serve.log", "serve.lock")}
    assert all(stat.S_ISREG(mode) and stat.S_IMODE(mode) == 0o600 for mode in modes.values())


@pytest.mark.parametrize("name", ("serve.json", "serve.sock", "serve.json.tmp", "serve.log", "serve.new", "serve.lock"))
def test_a_server_that_cannot_say_where_it_is_ends(world: World, name: str) -> None:
    (world.index / name / "full").mkdir(parents=True)
    done = world.run("serve", "--background", "--port", "0")
    assert done.returncode and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_an_export_writes_through_no_planted_link(world: World, kind: Plant) -> None:
    pytest.importorskip("pyarrow")
    kind(world, world.files / "x.parquet.tmp")
    done = world.run("export", "--to", "parquet", "-o", "x.parquet")
    if kind is folder:
        assert done.returncode == 2 and not (world.files / "x.parquet").exists()
    else:
        assert done.returncode == 0, done.stderr
        assert stat.S_IMODE((world.files / "x.parquet").stat().st_mode) == 0o600
    assert world.unharmed()


def test_an_export_in_the_place_of_a_link_leaves_what_it_leads_to(world: World) -> None:
    pytest.importorskip("pyarrow")
    link(world, world.files / "x.parquet")
    assert world.run("export", "--to", "parquet", "-o", "x.parquet").returncode == 2
    assert world.run("export", "--to", "parquet", "-o", "x.parquet", "--force").returncode == 0
    assert not (world.files / "x.parquet").is_symlink() and world.unharmed()
    (world.files / "x.parquet").chmod(0o640)
    assert world.run("export", "--to", "parquet", "-o", "x.parquet", "--force").returncode == 0
    assert stat.S_IMODE((world.files / "x.parquet").stat().st_mode) == 0o640


def test_a_merge_makes_a_private_index_and_goes_through_no_link(world: World) -> None:
    assert world.run("merge", ".mmsearch", "-o", "both").returncode == 0
    assert all(not path.lstat().st_mode & 0o077 for path in (world.files / "both").rglob("*"))
    shutil.rmtree(world.files / "both" / "vectors")
    (world.files / "both" / "vectors").symlink_to(world.victim)
    assert world.run("merge", ".mmsearch", "-o", "both").returncode == 3


def test_others_are_let_in_by_sharing_and_kept_out_again(world: World) -> None:
    before = os.umask(0o022)
    try:
        assert world.run("index", "--shared").returncode == 0
        assert world.run("index").returncode == 0
        wide = {stat.S_IMODE(path.lstat().st_mode) for path in (world.index, *world.index.rglob("*"))}
        assert world.run("index", "--no-shared").returncode == 0
        narrow = {stat.S_IMODE(path.lstat().st_mode) for path in (world.index, *world.index.rglob("*"))}
    finally:
        os.umask(before)
    assert (wide, narrow) == ({0o755, 0o644}, {0o700, 0o600})
    assert world.run("index", "--shared", "--dry-run").returncode == 2
    assert world.run("index", "--shared", "--index", "elsewhere").returncode == 3
