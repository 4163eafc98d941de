"""Packs captioned pictures into one array that training can read at random, and reads it back.

A packed set is two files: `NAME.npy`, uint8 `(n, PACKED, PACKED, 3)`, and `NAME.jsonl`, one `Row` a line. Pictures
are squashed to a square, never cropped. Knows nothing of the model; decodes only what `captions.csv` in each archive
names.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training import screens
from training.colours import plain_colour

PACKED = 96  # pixels, the side of the sources; a picture is cropped and scaled to what the model takes
_HELD_OUT = 1_000_000_000  # seeds of the val split start here, so that no count of training pictures reaches them
SOUNDS = "sounds"
SCREENS = "ms_"  # how the names of all archives of screenshots begin
# Sources that show one thing each. With vehicles and clothes alone, anything large and red becomes a "red car".
_COLOURED = ("caltech101", "clothing", "flowers102", "grocery", "popanimals", "tinyin", "vehicles")


@dataclass(frozen=True)
class Row:
    """One picture: alternatives for its text, the first being the plainest.

    Equal non-empty groups are interchangeable.
    """

    source: str
    texts: tuple[str, ...]
    split: str
    group: str = ""


@dataclass(frozen=True)
class Packed:
    """Pictures and their rows, in one order."""

    pixels: NDArray[np.uint8]
    rows: list[Row]

    def indices(self, split: str, source: str | None = None) -> list[int]:
        return [i for i, r in enumerate(self.rows) if r.split == split and source in (None, r.source)]


def seeds(count: int, held_out: int, seed: int) -> list[tuple[int, str]]:
    """Seeds of `count` pictures or sounds for training and `held_out` for validation, each with its split."""
    return [(seed * 10_000_000 + i, "train") for i in range(count)] + [(_HELD_OUT + i, "val") for i in range(held_out)]


def on_white(picture: Image.Image) -> Image.Image:
    """In RGB; transparency is laid on white, as the product does."""
    if picture.mode in ("RGBA", "LA", "PA", "P"):
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def squash(picture: Image.Image) -> NDArray[np.uint8]:
    """`(PACKED, PACKED, 3)`, on white."""
    return np.asarray(on_white(picture).resize((PACKED, PACKED), Image.Resampling.BICUBIC))


def read_captions(archive: Path) -> list[tuple[str, Row]]:
    """File names and rows of one archive's `captions.csv`."""
    with zipfile.ZipFile(archive) as z:
        table = csv.DictReader(io.StringIO(z.read("captions.csv").decode()))
        return [(line["file"], _row(archive.stem, line)) for line in table]


def _row(source: str, line: dict[str, str]) -> Row:
    texts = tuple(dict.fromkeys(t.strip() for t in line["text"].split(" | ") if t.strip()))
    return Row(source, texts, line["split"], line["group"])


def pack_archives(archives: Sequence[Path], folder: Path, name: str) -> int:
    """Decode every archive into one packed set; returns the number of pictures."""
    lists = {archive: [(f, r) for f, r in read_captions(archive) if r.texts] for archive in archives}
    rows: list[Row] = []

    def decode() -> Iterator[NDArray[np.uint8]]:
        for archive, entries in lists.items():
            with zipfile.ZipFile(archive) as z:
                for file, row in entries:
                    pixels = squash(Image.open(io.BytesIO(z.read(file))))
                    rows.append(with_colour(with_plain_names(row), pixels))
                    yield pixels

    write(folder, name, decode(), rows, sum(map(len, lists.values())))
    return len(rows)


def with_plain_names(row: Row) -> Row:
    """The row with short names for what it shows, where it is a screenshot with an alt text."""
    return replace(row, texts=(*row.texts, *screens.plain(row.texts))) if row.source.startswith(SCREENS) else row


def with_colour(row: Row, pixels: NDArray[np.uint8]) -> Row:
    """The row with its colour in words too, where it is a thing that comes in every colour and has a plain one."""
    if row.source not in _COLOURED:
        return row
    colour = plain_colour(pixels)
    return replace(row, texts=(*row.texts, *(f"{colour} {t}" for t in row.texts[:3]))) if colour else row


def write(folder: Path, name: str, pictures: Iterable[NDArray[np.uint8]], rows: Sequence[Row], count: int) -> None:
    """Write a packed set of `count` pictures; `rows` may still grow while they are drawn.

    The row file comes last, so its presence means that the set is whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listing = folder / f"{name}.jsonl"
    listing.unlink(missing_ok=True)
    shape = (count, PACKED, PACKED, 3)
    out = np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.uint8, shape=shape)
    for i, pixels in enumerate(pictures):
        out[i] = pixels
    out.flush()
    listing.write_text("".join(json.dumps(asdict(r)) + "\n" for r in rows))


def read(folder: Path, name: str) -> Packed:
    """A packed set, its pixels mapped and not loaded. Raises FileNotFoundError when it was never finished."""
    rows = []
    for line in (folder / f"{name}.jsonl").read_text().splitlines():
        entry = json.loads(line)
        rows.append(Row(entry["source"], tuple(entry["texts"]), entry["split"], entry["group"]))
    return Packed(np.load(folder / f"{name}.npy", mmap_mode="r"), rows)


def picture_archives(data: Path) -> list[Path]:
    """The archives of pictures in a data folder, in a fixed order."""
    return sorted(p for p in data.glob("*.zip") if p.stem != SOUNDS)
