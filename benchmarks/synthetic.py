"""Synthetic but structured indexes of any size, written through the real store.

Vectors lie in clusters of some hundreds, those in topics, and all modalities share them; an offset for each modality
is what is called the modality gap; queries are shaped as texts, so to pictures they are out of distribution. How hard
it is to find what is nearest to a query, and how alike neighbours are, is set after real pictures and texts, see
`structure.py`. Rows have unit length, as every model's have. Files are hard links to a few bodies: they are there, and
have size and time, as a search wants of what it shows. Knows nothing about what is measured.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmsearch.store import Identity
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item, Modality, Span, Vectors

SHARES: dict[Modality, float] = {"image": 0.80, "text": 0.15, "video": 0.05}
PARTS: dict[Modality, int] = {"image": 1, "text": 5, "video": 5}
"""Items of a file."""
ITEMS_OF_A_CLUSTER = 500
FEWEST_CLUSTERS, TOPICS = 64, 64
CHUNK_NUMBERS = 1 << 23
"""Numbers in the vectors of one commit."""
MOST_LINKS = 60_000
SPECTRUM = -0.55
"""The spread of the n-th dimension is n to this power."""
OFFSET, CENTER, EVENT, OWN = 0.70, 0.50, 0.50, 0.30
"""What a vector is made of: of its modality, its cluster, what the five pictures of an event share, and itself."""
ALIKE, TOGETHER = 5, 10
"""So many that follow each other are of one event, and so many of one cluster."""
TOPIC = 0.6
"""How much of a cluster's centre is its topic's."""
ABOUT = 0.3
"""A text says so much of what the pictures of its cluster have in common, as a share of what they say of it."""
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
        random = np.random.default_rng(self.seed)
        topics = random.standard_normal((TOPICS, self.dim), np.float32)
        own = random.standard_normal((len(self.shares), self.dim), np.float32)
        own *= math.sqrt(1 - TOPIC**2)
        own += TOPIC * topics[np.arange(len(own)) % TOPICS]
        return _units(own * self._scale)

    @cached_property
    def shares(self) -> npt.NDArray[np.float64]:
        """How much lies in each cluster: in the largest about ten times as much as in the middle one of a million."""
        falling = (np.arange(max(FEWEST_CLUSTERS, self.items // ITEMS_OF_A_CLUSTER)) + 20.0) ** -0.7
        return np.asarray(falling / falling.sum(), np.float64)

    @cached_property
    def _offsets(self) -> dict[Modality, Vectors]:
        random = np.random.default_rng(self.seed + 1)
        return {kind: _units(random.standard_normal((1, self.dim), np.float32)) for kind in SHARES}

    @cached_property
    def _scale(self) -> Vectors:
        """The spread of each dimension: a power law, in no order, of unit length."""
        law = np.arange(1, self.dim + 1, dtype=np.float32) ** SPECTRUM
        shuffled = np.random.default_rng(self.seed + 2).permutation(law)
        return np.asarray(shuffled / np.linalg.norm(shuffled), np.float32)

    def chunks(self) -> Iterator[Chunk]:
        """Everything, each chunk with its share of every modality."""
        count = max(1, -(-self.items * self.dim // CHUNK_NUMBERS))
        for at in range(count):
            numbers = {kind: range(n * at // count, n * (at + 1) // count) for kind, n in self.files.items()}
            vectors = {kind: self.vectors(kind, at, len(some) * PARTS[kind]) for kind, some in numbers.items()}
            yield Chunk(numbers, vectors)

    def vectors(self, kind: Modality, at: int, count: int) -> Vectors:
        """Float32 `(count, dim)`: those of one chunk and modality."""
        random = np.random.default_rng((self.seed, list(SHARES).index(kind), at))
        shared = EVENT * self._noise(random, -(-count // ALIKE))
        shared += np.repeat(self._centers[self.clusters(kind, at, count)] * CENTER, TOGETHER // ALIKE, 0)[: len(shared)]
        rows = OWN * self._noise(random, count)
        rows += np.repeat(shared, ALIKE, axis=0)[:count]
        rows += self._offsets[kind] * OFFSET
        return _units(rows)

    def clusters(self, kind: Modality, at: int, count: int) -> npt.NDArray[np.int64]:
        """The cluster of each ten in a chunk, int64 `(count / 10,)`; those with low numbers are large."""
        random = np.random.default_rng((self.seed, list(SHARES).index(kind), at, 1))
        return random.choice(len(self.shares), -(-count // TOGETHER), p=self.shares)

    def queries(self, count: int) -> Vectors:
        """Float32 `(count, dim)`: texts about something that there is."""
        random = np.random.default_rng(self.seed + 3)
        rows = EVENT * self._noise(random, count)
        rows += self._centers[random.choice(len(self.shares), count, p=self.shares)] * (CENTER * ABOUT)
        return _units(rows + self._offsets["text"] * OFFSET)

    def _noise(self, random: np.random.Generator, count: int) -> Vectors:
        rows = random.standard_normal((count, self.dim), np.float32)
        rows *= self._scale
        return rows

    def path(self, kind: Modality, number: int) -> str:
        """Where a file lies: some hundreds in a folder."""
        folder = number // 500
        day = FIRST_DAY + timedelta(days=folder * 7 % DAYS)
        topic = f"{KNOWN[folder % len(KNOWN)]}-{KNOWN[folder // len(KNOWN) % len(KNOWN)]}"
        name = f"{self.vocabulary[number * 7919 % 20_000]}_{number:08d}.{SUFFIX[kind]}"
        return os.path.join(self.root, FOLDER_OF[kind], f"{day.year}", f"{day.month:02d}-{topic}-{folder}", name)

    def facts(self, kind: Modality, number: int) -> FileMetadata:
        """Pixels, seconds and dates as cameras give them."""
        if kind == "text":
            return FileMetadata()
        taken = FIRST_DAY + timedelta(days=number * 17 % DAYS, seconds=number % 86_400)
        width, height = ((4032, 3024), (3024, 4032), (1920, 1080), (1280, 720))[number % 4]
        if kind == "video":
            return FileMetadata(width, height, 10.0 + number % 600)
        return FileMetadata(width, height, None, taken.isoformat(timespec="seconds"))

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
