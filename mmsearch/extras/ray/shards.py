"""Shards: results of some files with their vectors, as one file that is written in one go.

A unit of work is a few files in a row; its shards are numbered, and the last one says so. Their names follow from the
unit alone, so a task that runs again replaces its earlier shards. A shard is an archive of NumPy's, of JSON and
plain numbers with checksums, since folders may be shared. Knows nothing of Ray, of indexes, or of models.
"""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from secrets import token_hex
from typing import Literal, TypeAlias

import numpy as np

from mmsearch.errors import IndexDamaged, MmsearchError
from mmsearch.scan import Entry, object_stores
from mmsearch.system import safe_open
from mmsearch.types import FileMetadata, Item, Modality, Span, Vectors, is_object_url

End: TypeAlias = Literal["", "whole", "copy", "failed", "unsupported"]
"""The end of a file: more is to come, all is here, its content is another file's, or it cannot be used."""
SUFFIX = ".shard"
_DIGEST = 16
_FORMAT = 2


class Damaged(ValueError):
    """A file is not a shard, or only part of one."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Files that one task reads. With `alone` it also decodes copies, whose original failed."""

    entries: tuple[Entry, ...]
    alone: bool = False

    def name(self, identity: str) -> str:
        """The first part of the names of its shards: a hash of the files as they are now, and of the model."""
        text = json.dumps([identity, self.alone, self.entries])
        return blake2b(text.encode(), digest_size=_DIGEST).hexdigest()

    def to_json(self) -> str:
        return json.dumps([self.entries, self.alone])

    @classmethod
    def from_json(cls, text: str) -> Unit:
        entries, alone = json.loads(text)
        return cls(tuple(Entry(*entry) for entry in entries), alone)


@dataclass(slots=True, eq=False)
class FileResult:
    """The result of one file, from a shard or from all shards of a unit.

    Attributes:
        entry: the file as the scan saw it.
        digest, kind, modality, facts: of its content, as far as it was read.
        end: its end, in the last shard that mentions it.
        reason: why it cannot be used.
        parts: how many items it has where `end` is `whole`.
        items: with `vectors`, float32 `(len(items), dim)`.
    """

    entry: Entry
    digest: str = ""
    kind: str = ""
    modality: Modality = "text"
    facts: FileMetadata = field(default_factory=FileMetadata)
    end: End = ""
    reason: str = ""
    parts: int = 0
    items: list[Item] = field(default_factory=list)
    vectors: Vectors | None = None

    @property
    def failed(self) -> bool:
        """Whether it cannot be used."""
        return self.end in ("failed", "unsupported")


@dataclass(slots=True, eq=False)
class Shard:
    """One shard: the `number`th of a unit, from 0, with seconds of work by stage."""

    unit: str
    number: int
    last: bool
    identity: str
    files: list[FileResult] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the file."""
        return f"{self.unit}-{self.number:05}{SUFFIX}"

    def to_bytes(self) -> bytes:
        """The file."""
        rows = [result.vectors for result in self.files if result.vectors is not None and len(result.vectors)]
        head = {
            "format": _FORMAT, "unit": self.unit, "number": self.number, "last": self.last, "identity": self.identity,
            "seconds": self.seconds, "files": [asdict(replace(result, vectors=None)) for result in self.files],
        }  # fmt: skip
        text = json.dumps(head, default=lambda number: number.item()).encode("ascii")  # spans may hold NumPy's numbers
        vectors = np.concatenate(rows).astype("<f4") if rows else np.zeros((0, 0), "<f4")
        file = io.BytesIO()
        np.savez(file, head=np.frombuffer(text, np.uint8), vectors=vectors)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Shard:
        """The shard that `to_bytes` made these bytes of. Raises Damaged."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                head, vectors = json.loads(archive["head"].tobytes()), archive["vectors"]
            if head["format"] != _FORMAT:
                raise ValueError(f"format {head['format']}")
            files, row = [], 0
            for fields in head["files"]:
                items = [Item(**item | {"span": Span(**item["span"])}) for item in fields["items"]]
                rows = np.asarray(vectors[row : row + len(items)], np.float32)
                row += len(rows)
                fields |= {"entry": Entry(*fields["entry"]), "facts": FileMetadata(**fields["facts"])}
                files.append(FileResult(**fields | {"items": items, "vectors": rows}))
            if row != len(vectors):
                raise ValueError(f"{len(vectors)} vectors of {row} items")
            return cls(head["unit"], head["number"], head["last"], head["identity"], files, head["seconds"])
        except Exception as error:  # any, since the file may hold anything
            raise Damaged(f"not a whole shard of this version: {error}") from error


def is_complete(numbers: Iterable[int], last: int | None) -> bool:
    """Whether these are all shards of a unit whose last one, if it is known, has this number."""
    return last is not None and set(range(last + 1)) <= set(numbers)


def merged_results(shards: Sequence[Shard]) -> list[FileResult]:
    """The results of a unit from all its shards.

    A file of which not all is there, because a task that ran twice came to different ends, has the end `""`.
    """
    joined: dict[str, list[FileResult]] = {}
    for shard in sorted(shards, key=lambda shard: shard.number):
        for result in shard.files:
            joined.setdefault(result.entry.path, []).append(result)
    return [_merge_pieces(pieces) for pieces in joined.values()]


def _merge_pieces(pieces: list[FileResult]) -> FileResult:
    for piece in pieces:
        if piece.end in ("failed", "unsupported", "copy"):
            return piece
    last = pieces[-1]
    items = [item for piece in pieces for item in piece.items]
    rows = [piece.vectors for piece in pieces if piece.vectors is not None and len(piece.vectors)]
    same = len({(piece.digest, piece.kind) for piece in pieces}) == 1
    sound = same and len(items) == last.parts == len({item.ordinal for item in items}) > 0
    if last.end != "whole" or not sound:
        return FileResult(last.entry)
    order = sorted(range(len(items)), key=lambda index: items[index].ordinal)
    last.items, last.vectors = [items[index] for index in order], np.concatenate(rows)[order]
    return last


class Folder:
    """Where shards lie: a directory, or a prefix of an object store, that all nodes of the cluster reach.

    `private` marks a directory inside an index, which may come from anywhere: it must be no link, and the user's own.
    """

    def __init__(self, location: str, *, private: bool = False) -> None:
        """`location` is an absolute path or a URL."""
        self.location = object_stores.filesystem(location)[1] if location.startswith("file://") else location
        self._private = private

    def make(self) -> None:
        """Make the directory; a prefix needs no making. Raises MmsearchError."""
        if not is_object_url(self.location):
            try:
                if not self._private:
                    os.makedirs(self.location, exist_ok=True)
                self._opened(make=True).close()
            except OSError as error:
                raise MmsearchError(f"no folder for shards at {self.location}: {error.strerror}") from None

    def write(self, name: str, data: bytes) -> None:
        """Write a file so that it is there as a whole or not at all. Raises OSError where the directory is missing."""
        if is_object_url(self.location):
            system, path = object_stores.filesystem(self.location)
            system.pipe_file(f"{path}/{name}", data)  # no store shows half an object
            return
        half = f"{name}.{token_hex(4)}{safe_open.TEMPORARY}"
        with self._opened() as folder:
            try:
                with folder.create(half, 0o666, by_umask=True) as file:  # others may be who reads it
                    file.write(data)
                folder.rename(half, name)
            except BaseException:
                with suppress(OSError):
                    folder.remove(half)
                raise

    def read(self, name: str) -> Shard:
        """A shard. Raises FileNotFoundError, or Damaged."""
        if is_object_url(self.location):
            system, path = object_stores.filesystem(self.location)
            return Shard.from_bytes(system.cat_file(f"{path}/{name}"))
        try:
            with self._opened() as folder, folder.read(name) as file:
                return Shard.from_bytes(file.read())
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Damaged(f"no file that can be read: {error.strerror}") from error

    def names(self) -> list[str]:
        """All shards that are there."""
        if not is_object_url(self.location):
            with suppress(FileNotFoundError), self._opened() as folder:
                return sorted(name for name in folder.names() if name.endswith(SUFFIX))
            return []
        system, path = object_stores.filesystem(self.location)
        system.invalidate_cache()
        with suppress(FileNotFoundError):
            names = (str(path).rpartition("/")[2] for path in system.ls(path, detail=False))
            return sorted(name for name in names if name.endswith(SUFFIX))
        return []

    def remove(self, names: Iterable[str]) -> None:
        """Remove shards; those that are not there are none to remove."""
        if not is_object_url(self.location):
            with suppress(FileNotFoundError), self._opened() as folder:
                for name in names:
                    folder.remove(name)
            return
        system, path = object_stores.filesystem(self.location)
        for name in names:
            with suppress(FileNotFoundError):
                system.rm_file(f"{path}/{name}")

    def clear(self) -> None:
        """Remove a directory of ours with all shards that were left in it; other files stay."""
        with suppress(OSError), safe_open.Folder.open(os.path.dirname(self.location)) as outer:
            with outer.folder(os.path.basename(self.location)) as folder:
                for name in folder.names():
                    if name.endswith(SUFFIX) or (SUFFIX in name and name.endswith(safe_open.TEMPORARY)):
                        folder.remove(name)
            outer.remove_folder(os.path.basename(self.location))

    def _opened(self, *, make: bool = False) -> safe_open.Folder:
        """The directory. Raises OSError, and IndexDamaged where a link stands for one in an index."""
        if not self._private:
            return safe_open.Folder.open(self.location)
        with safe_open.Folder.open(os.path.dirname(self.location)) as outer:
            try:
                return outer.folder(os.path.basename(self.location), make=make)
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
                raise IndexDamaged(f"{self.location} is {error.strerror}: take it away, or give --shards") from error

    def units(self, identity: str) -> Iterator[list[Shard]]:
        """The shards of each unit that was finished by a run of the same model and settings."""
        shards_by_unit: dict[str, list[Shard]] = {}
        for name in self.names():
            with suppress(Damaged, FileNotFoundError):
                shard = self.read(name)
                if shard.identity == identity and shard.name == name:
                    shards_by_unit.setdefault(shard.unit, []).append(shard)
        for shards in shards_by_unit.values():
            last = next((shard.number for shard in shards if shard.last), None)
            if is_complete((shard.number for shard in shards), last):
                yield shards
