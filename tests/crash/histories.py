"""What is done to an index while it is killed: small trees, indexes of them, and commands, each with a past.

A history is made once. Its command runs many times, each time over a fresh copy of the index as it was before.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw

from mmsearch.store import fulltext, schema, statistics

Index = Callable[[Sequence[str]], None]
"""Runs the command line with these arguments to its end."""

WORDS = ("river", "stone", "bread", "winter", "engine", "violin", "garden", "letter", "harbour", "candle")
COLOURS = ("red", "green", "blue", "black")
INDEX = ("index", "{tree}", "--jobs", "0", "--json")
PRUNE = (*INDEX, "--prune")
REPAIR = ("status", "--repair", "--json")
FORMAT_1 = Path(__file__).parent.parent / "store" / "format1"


@dataclass(frozen=True)
class History:
    """A command and how it came to it.

    Attributes:
        name: of the history.
        past: makes the tree, and the index as it is before; gets tree, index and a way to run commands.
        command: what is killed; `{tree}` is the folder, the index is known to it.
        again: what is run next to complete it.
        inside: whether the index lies in the tree.
        damaged: whether the index is not sound before.
    """

    name: str
    past: Callable[[Path, Path, Index], None]
    command: tuple[str, ...] = INDEX
    again: tuple[tuple[str, ...], ...] = (INDEX,)
    inside: bool = False
    damaged: bool = False


@dataclass
class Tree:
    """Writes files with contents and times that depend on their names and versions alone."""

    folder: Path
    clock: int = field(default=1_600_000_000)

    def note(self, number: int, version: int = 0) -> None:
        chance = random.Random(f"{number}/{version}")
        self._put(f"note-{number:02}.txt", lambda path: path.write_text(" ".join(chance.choices(WORDS, k=40))))

    def picture(self, number: int, version: int = 0) -> None:
        image = Image.new("RGB", (48, 48), "white")
        ImageDraw.Draw(image).ellipse((4 + version, 4, 30 + number, 44), fill=COLOURS[number % len(COLOURS)])
        self._put(f"picture-{number}.png", image.save)

    def broken(self) -> None:
        self._put("broken.png", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\nnothing"))

    def _put(self, name: str, write: Callable[[Path], object]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write(self.folder / name)
        self.clock += 1
        os.utime(self.folder / name, (self.clock, self.clock))


def _some(tree: Tree, notes: range, pictures: range) -> None:
    for number in notes:
        tree.note(number)
    for number in pictures:
        tree.picture(number)


def _fresh(folder: Path, index: Path, run: Index) -> None:
    _some(Tree(folder), range(8), range(3))
    Tree(folder).broken()


def _added(folder: Path, index: Path, run: Index) -> None:
    _some(Tree(folder), range(5), range(1))
    run(("index", str(folder)))
    _some(Tree(folder, 1_610_000_000), range(5, 10), range(1, 3))


def _changed(folder: Path, index: Path, run: Index) -> None:
    tree = Tree(folder)
    _some(tree, range(9), range(3))
    run(("index", str(folder)))
    for number in range(4):
        tree.note(number, version=1)
    tree.picture(0, version=1)
    shutil.copy2(folder / "note-05.txt", folder / "copy-of-note-05.txt")
    os.rename(folder / "note-06.txt", folder / "moved-note-06.txt")
    os.utime(folder / "note-07.txt", (1_620_000_000, 1_620_000_000))
    os.unlink(folder / "note-08.txt")


def _pruned(folder: Path, index: Path, run: Index) -> None:
    _some(Tree(folder), range(10), range(3))
    run(("index", str(folder)))
    for number in range(0, 10, 2):
        os.unlink(folder / f"note-{number:02}.txt")
    os.unlink(folder / "picture-1.png")
    _some(Tree(folder, 1_610_000_000), range(10, 14), range(3, 4))


def _merged(folder: Path, index: Path, run: Index) -> None:
    """Most of what each file of vectors holds dies, so that all are written anew."""
    tree = Tree(folder)
    _some(tree, range(12), range(4))
    run(("index", str(folder)))
    for number in range(8):
        tree.note(number, version=2)
    for number in range(3):
        tree.picture(number, version=2)


def _migrated(folder: Path, index: Path, run: Index) -> None:
    _some(Tree(folder), range(6), range(2))
    run(("index", str(folder)))
    db = sqlite3.connect(index / schema.DATABASE, isolation_level=None)
    db.execute("DROP INDEX contents_by_modality")  # what format 6 has over format 5
    db.execute("DELETE FROM meta WHERE key = 'words'")
    db.execute("DROP TABLE grants")  # what format 5 has over format 4
    db.execute("ALTER TABLE segments DROP COLUMN accelerator_id")  # format 4 over format 3
    db.execute("DROP TABLE accelerators")
    statistics.drop(db)  # format 3 over format 2
    fulltext.drop(db)  # and format 2 over format 1
    schema.put_meta(db, "format", "1")
    db.execute("VACUUM")
    db.close()
    _some(Tree(folder, 1_610_000_000), range(6, 9), range(2, 3))


def _fixture(folder: Path, index: Path, run: Index) -> None:
    folder.mkdir(parents=True)
    shutil.copytree(FORMAT_1, index)


def _rebuilt(folder: Path, index: Path, run: Index) -> None:
    _some(Tree(folder, 1_500_000_000), range(6), range(2))
    run(("index", str(folder)))
    _some(Tree(folder), range(6), range(2))


def _damaged(folder: Path, index: Path, run: Index) -> None:
    _some(Tree(folder), range(9), range(3))
    run(("index", str(folder)))
    for file in sorted((index / "vectors").rglob("*.faiss"))[:1]:
        whole = bytearray(file.read_bytes())
        whole[-3] ^= 1
        file.write_bytes(whole)
    db = sqlite3.connect(index / schema.DATABASE, isolation_level=None)
    db.execute("DELETE FROM names WHERE rowid = (SELECT max(rowid) FROM names)")
    db.close()


HISTORIES = (
    History("fresh", _fresh),
    History("fresh, inside the tree", _fresh, inside=True),
    History("added", _added),
    History("changed", _changed),
    History("pruned", _pruned, PRUNE, (PRUNE,)),
    History("merged", _merged),
    History("migrated", _migrated),
    History("migrated by a repair", _fixture, REPAIR, (REPAIR,)),
    History("rebuilt", _rebuilt, (*INDEX, "--rebuild")),
    History("repaired", _damaged, REPAIR, (REPAIR, INDEX), damaged=True),
)
