"""Synthetic but structured indexes of any size, written through the real store.

Vectors lie in clusters that all modalities share, with noise whose spectrum falls as that of real embeddings does, and
an offset for each modality, which is what is called the modality gap; queries are shaped as texts, so to pictures they
are out of distribution. Rows have unit length, as every model's have. Files are hard links to a few bodies: they are
there, and have size and time, as a search wants of what it shows. Knows nothing about what is measured.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmsearch.core import Facts, Item, Modality, Span, Vectors
from mmsearch.store import Identity, Writer

SHARES: dict[Modality, float] = {"image": 0.80, "text": 0.15, "video": 0.05}
PARTS: dict[Modality, int] = {"image": 1, "text": 5, "video": 5}
"""Items of a file."""
CLUSTERS = 2048
CHUNK_NUMBERS = 1 << 23
"""Numbers in the vectors of one commit."""
MOST_LINKS = 60_000
OFFSET, CENTER, NOISE = 0.60, 0.50, 0.62
"""What a vector is made of; a query is nearer to its cluster's centre than the items are."""
WORDS_IN_PASSAGE = 40
FIRST_DAY = datetime(2001, 1, 1)
DAYS = 9000
FOLDER_OF: dict[Modality, str] = {"image": "photos", "text": "notes", "video": "clips"}
SUFFIX: dict[Modality, str] = {"image": "jpg", "text": "md", "video": "mp4"}

_LINES = (
    "red blue green old new big small car boat house beach sunset snow mountain river dog cat horse bird",
    "tree flower garden kitchen table invoice contract terms payment meeting notes summer winter holiday",
    "birthday wedding train city street bridge harbour museum concert football letter recipe bread soup",
    "wine music guitar piano school report",
)
KNOWN = [word for line in _LINES for word in line.split()]
"""Words that a query may use; the rest of the vocabulary is made up."""


@dataclass(frozen=True)
class Chunk:
    """Some files of each modality by number, and the vectors of their parts, float32 `(files * parts, dim)`."""

    numbers: dict[Modality, range]
    vectors: dict[Modality, Vectors]


@dataclass(frozen=True)
class World:
    """What an index of so many items holds; the same for the same numbers. `root` is where its files seem to lie."""

    items: int
    dim: int
    root: str
    seed: int = 7

    @property
    def files(self) -> dict[Modality, int]:
        """How many of each modality."""
        return {kind: round(self.items * share) // PARTS[kind] for kind, share in SHARES.items()}

    @cached_property
    def _centers(self) -> Vectors:
        return _units(np.random.default_rng(self.seed).standard_normal((CLUSTERS, self.dim), np.float32) * self._scale)

    @cached_property
    def _offsets(self) -> dict[Modality, Vectors]:
        random = np.random.default_rng(self.seed + 1)
        return {kind: _units(random.standard_normal((1, self.dim), np.float32)) for kind in SHARES}

    @cached_property
    def _scale(self) -> Vectors:
        """The spread of each dimension: a power law, in no order, of unit length."""
        law = np.arange(1, self.dim + 1, dtype=np.float32) ** -0.35
        shuffled = np.random.default_rng(self.seed + 2).permutation(law)
        return np.asarray(shuffled / np.linalg.norm(shuffled), np.float32)

    def chunks(self) -> Iterator[Chunk]:
        """Everything, each chunk with its share of every modality."""
        count = max(1, -(-self.items * self.dim // CHUNK_NUMBERS))
        for at in range(count):
            numbers = {kind: range(n * at // count, n * (at + 1) // count) for kind, n in self.files.items()}
            vectors = {kind: self._vectors(kind, at, len(some) * PARTS[kind]) for kind, some in numbers.items()}
            yield Chunk(numbers, vectors)

    def _vectors(self, kind: Modality, at: int, count: int) -> Vectors:
        random = np.random.default_rng((self.seed, list(SHARES).index(kind), at))
        # Files of one folder and parts of one file are alike, so clusters come in runs.
        clusters = np.repeat(random.zipf(1.3, count // 5 + 1) % CLUSTERS, 5)[:count]
        rows = random.standard_normal((count, self.dim), np.float32)
        rows *= self._scale * NOISE
        rows += self._centers[clusters] * CENTER
        rows += self._offsets[kind] * OFFSET
        return _units(rows)

    def queries(self, count: int) -> Vectors:
        """Float32 `(count, dim)`: texts about something that there is."""
        random = np.random.default_rng(self.seed + 3)
        rows = random.standard_normal((count, self.dim), np.float32) * self._scale * (NOISE * 0.8)
        rows += self._centers[random.zipf(1.3, count) % CLUSTERS] * (CENTER * 1.2)
        return _units(rows + self._offsets["text"] * OFFSET)

    def path(self, kind: Modality, number: int) -> str:
        """Where a file lies: some hundreds in a folder."""
        folder = number // 500
        day = FIRST_DAY + timedelta(days=folder * 7 % DAYS)
        topic = f"{KNOWN[folder % len(KNOWN)]}-{KNOWN[folder // len(KNOWN) % len(KNOWN)]}"
        name = f"{self.vocabulary[number * 7919 % 20_000]}_{number:08d}.{SUFFIX[kind]}"
        return os.path.join(self.root, FOLDER_OF[kind], f"{day.year}", f"{day.month:02d}-{topic}-{folder}", name)

    def facts(self, kind: Modality, number: int) -> Facts:
        """Pixels, seconds and dates as cameras give them."""
        if kind == "text":
            return Facts()
        taken = FIRST_DAY + timedelta(days=number * 17 % DAYS, seconds=number % 86_400)
        width, height = ((4032, 3024), (3024, 4032), (1920, 1080), (1280, 720))[number % 4]
        if kind == "video":
            return Facts(width, height, 10.0 + number % 600)
        return Facts(width, height, None, taken.isoformat(timespec="seconds"))

    @cached_property
    def vocabulary(self) -> list[str]:
        """20,000 words, the known ones among the most common."""
        random = np.random.default_rng(self.seed + 4)
        sounds = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
        made = ["".join(sounds[i] for i in row) for row in random.integers(0, len(sounds), (20_000, 3))]
        places = np.arange(len(KNOWN)) * 7 + 20
        for place, word in zip(places, KNOWN, strict=True):
            made[place] = word
        return made

    def passages(self, number: int) -> list[str]:
        """The texts of one file; words are as common as in prose."""
        random = np.random.default_rng((self.seed, 99, number))
        picks = random.zipf(1.15, (PARTS["text"], WORDS_IN_PASSAGE)) % len(self.vocabulary)
        return [" ".join(self.vocabulary[i] for i in row) for row in picks]


def _units(rows: npt.NDArray[np.float32]) -> Vectors:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


class Links:
    """Makes files that are there: hard links to bodies that differ in size and time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        self._body = ""
        self._stat = (0, 0)
        self._known: set[str] = set()

    def add(self, path: str) -> tuple[int, int]:
        """Make a file; its size and time."""
        if self._made % MOST_LINKS == 0:
            self._next_body()
        self._made += 1
        if (folder := os.path.dirname(path)) not in self._known:
            os.makedirs(folder, exist_ok=True)
            self._known.add(folder)
        os.link(self._body, path)
        return self._stat

    def _next_body(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        number = self._made // MOST_LINKS
        self._body = str(self._folder / f"body{number}")
        moment = int((FIRST_DAY + timedelta(days=500 + 30 * number)).timestamp()) * 10**9
        with open(self._body, "wb") as file:
            file.truncate(100_000 * (number + 1))
        os.utime(self._body, ns=(moment, moment))
        found = os.stat(self._body)
        self._stat = found.st_size, found.st_mtime_ns


def build(world: World, directory: str, identity: Identity, links: Links | None) -> Iterator[Chunk]:
    """Write an index of all that there is in a few large commits; each chunk is given once it is committed.

    Without `links` the files are not there, and only the store can be searched, not the command line.
    """
    with Writer.open(directory, identity) as writer:
        writer.add_root(world.root)
        for chunk in world.chunks():
            for kind, numbers in chunk.numbers.items():
                _put(world, writer, kind, numbers, chunk.vectors[kind], links)
            writer.commit()
            yield chunk


def _put(world: World, writer: Writer, kind: Modality, numbers: range, vectors: Vectors, links: Links | None) -> None:
    many = PARTS[kind]
    for at, number in enumerate(numbers):
        path = world.path(kind, number)
        digest = hashlib.blake2b(f"{kind}{number}".encode(), digest_size=32).hexdigest()
        size, mtime_ns = links.add(path) if links else (100_000, 10**18)
        items = _items(world, kind, number, path, digest)
        writer.put_content(digest, SUFFIX[kind], kind, world.facts(kind, number), items, vectors[at * many :][:many])
        writer.put_file(path, size, mtime_ns, digest, SUFFIX[kind])


def _items(world: World, kind: Modality, number: int, path: str, digest: str) -> list[Item]:
    if kind == "image":
        return [Item(path, digest, kind, kind)]
    if kind == "video":
        return [Item(path, digest, kind, kind, at, Span("second", 10.0 * at, 10.0 * at + 10)) for at in range(5)]
    texts = world.passages(number)
    return [
        Item(path, digest, kind, kind, at, Span("line", 20 * at + 1, 20 * at + 20), text)
        for at, text in enumerate(texts)
    ]
