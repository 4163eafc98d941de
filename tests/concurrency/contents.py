"""What files hold in this test, and what the index must keep of each: parts with vectors that can be computed again.

Made contents follow from their name alone. Drawn ones are real small files, read by our loaders and embedded by the
built-in model, in the process that judges; the index never tells it anything.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mmsearch import media, scan
from mmsearch.store.writer import Writer
from mmsearch.types import Embedder, FileMetadata, Item, Modality, Segment, Span, Vectors

PARTITIONS: tuple[Modality, ...] = ("text", "image")
WORDS = 40
KIND = "image"
_TOPICS = ("garden", "river", "bread", "engine", "violin", "letter", "harbour", "candle", "winter", "bicycle")


@dataclass(frozen=True)
class Part:
    """One item: float32 `(dim,)`, rounded as it is stored."""

    partition: Modality
    ordinal: int
    text: str
    vector: Vectors


def word(number: int) -> str:
    """A word that about one text in `WORDS` holds."""
    return f"word{number % WORDS}"


def unit(name: object, dim: int) -> Vectors:
    """Float32 `(dim,)`, unit length, the same for the same name."""
    seed = int.from_bytes(hashlib.blake2b(repr(name).encode(), digest_size=8).digest(), "big")
    vector = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    return np.divide(vector, np.linalg.norm(vector), dtype=np.float32)


def made(digest: str, dim: int) -> list[Part]:
    """One to three parts, in one partition or in both."""
    number = int.from_bytes(hashlib.blake2b(digest.encode(), digest_size=4).digest(), "big")
    parts = []
    for ordinal in range(1 + number % 3):
        partition = PARTITIONS[(number >> ordinal) & 1]
        text = f"{word(number >> 3)} in {digest}" if partition == "text" else ""
        parts.append(Part(partition, ordinal, text, _stored(unit((digest, ordinal), dim))))
    return parts


def put(writer: Writer, path: str, digest: str, time: int) -> None:
    """Stage a file with a made content, as an index run does."""
    if not writer.has_content(digest, KIND):
        parts = made(digest, writer.identity.dim)
        items = [Item("", digest, "image", part.partition, part.ordinal, Span(), part.text) for part in parts]
        writer.put_content(digest, KIND, "image", FileMetadata(), items, np.stack([part.vector for part in parts]))
    writer.put_file(path, 1, time, digest, KIND)


def draw(folder: Path, count: int, seed: int) -> None:
    """Fill a folder with small notes and pictures, no two alike."""
    rng = random.Random(seed)
    for number in range(count):
        if number % 3:
            text = " ".join(rng.choices(_TOPICS, k=12))
            (folder / f"{number}.txt").write_text(f"{text} {word(number)} number {number}\n")
            continue
        picture = Image.new("RGB", (64, 64), (rng.randrange(256), rng.randrange(256), number % 256))
        corner = rng.randrange(30)
        ImageDraw.Draw(picture).ellipse((corner, corner, 60, 50), fill=(number * 7 % 256, 40, 200))
        picture.save(folder / f"{number}.png")


def drawn(folder: Path, embedder: Embedder) -> dict[str, list[Part]]:
    """The parts of the files in a folder, by digest."""
    found = {}
    for path in sorted(map(str, folder.iterdir())):
        digest = scan.digest(path)
        segments = list(_segments(path, digest, embedder))
        rows = embedder.embed(segments)
        found[digest] = [
            Part(one.item.partition, one.item.ordinal, one.item.text, _stored(row))
            for one, row in zip(segments, rows, strict=True)
        ]
    return found


def _segments(path: str, digest: str, embedder: Embedder) -> Iterator[Segment]:
    loaded = media.load(path, digest, media.identify(path), embedder.spec.loader)
    return (one for one in loaded.segments if one.item.partition in embedder.spec.modalities)


def _stored(vector: Vectors) -> Vectors:
    return vector.astype(np.float16).astype(np.float32)
