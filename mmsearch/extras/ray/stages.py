"""The stages that run on cluster nodes: tasks read files, and actors that hold the model embed their parts.

The same code reads and embeds as in a local run. A task decodes in a worker process, so that a file that crashes, hangs
or exhausts memory costs only itself. Tasks hand a shard without vectors, and its decoded parts as messages, to the
actors. Ray only calls this; tables are pyarrow's.
"""

from __future__ import annotations

import io
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import mmsearch
from mmsearch.errors import IndexMismatch, MediaError, MmsearchError
from mmsearch.extras.ray.shards import FileResult, Folder, Shard, Unit
from mmsearch.indexing import ipc
from mmsearch.indexing.batching import BatchQueue, content_bytes
from mmsearch.indexing.decode import DecodeRequest, Failed, FileDecoder, Finished, Identified, Opened, Part
from mmsearch.indexing.decoder import Decoder
from mmsearch.indexing.pool import Event, Limits
from mmsearch.indexing.timing import StageTimer
from mmsearch.scan import Entry, object_stores
from mmsearch.store import Identity
from mmsearch.types import Embedder, Item, ModelOptions, ModelSpec, Segment, Vectors, clamp_mtime_ns, is_object_url

if TYPE_CHECKING:
    import pyarrow as pa

    Table: TypeAlias = pa.Table
    Claim: TypeAlias = Callable[[list["Claimed"]], list[bool]]

_INDEX_BYTES = 4
"""Bytes before each part: the place of its file in the shard."""
MAX_PARTS = 256
MAX_BYTES = 32 << 20
"""Of decoded parts that travel, and are embedded, together."""
Claimed = tuple[str, str, str]
"""A path, with digest and kind of its content."""


@dataclass(frozen=True)
class Plan:
    """Settings for every task and actor of a run.

    Attributes:
        identity: the model and settings of the index, as JSON.
        options: how to load the model on a node.
        limits: for reading one file.
        shards: the folder or URL where they are written.
        version: of mmsearch on the driver.
    """

    identity: str
    options: ModelOptions
    limits: Limits
    shards: str
    version: str = mmsearch.__version__


class Claims:
    """Assigns each content to one file of a run, and to none if the index holds it. An actor beside the index.

    After a restart it has forgotten its answers, so some contents are decoded twice; they are adopted once.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._owners: dict[tuple[str, str], str] = {}

    def claim(self, files: list[Claimed]) -> list[bool]:
        """Whether each of the files has to be decoded. The same file always gets the same answer."""
        from mmsearch.store import read_contents

        known = read_contents(self._directory, [(digest, kind) for _, digest, kind in files])
        return [
            not is_known and self._owners.setdefault((digest, kind), path) == path
            for (path, digest, kind), is_known in zip(files, known, strict=True)
        ]


def describe(options: ModelOptions) -> ModelSpec:
    """The spec of a model on the node that runs this."""
    from mmsearch.models import load_embedder

    return load_embedder(options, many=True).spec


# --- reading ----------------------------------------------------------------------------------------------------------


def read(table: Table, plan: Plan, claim: Claim) -> Iterator[Table]:
    """The stage of reading: from units to shards without vectors, each with its parts."""
    import pyarrow as pa

    for text in table["unit"].to_pylist():
        for shard, parts in UnitReader(Unit.from_json(text), plan, claim).shards():
            columns = {"shard": [shard.to_bytes()], "parts": [parts]}
            yield pa.table({name: pa.array(values, pa.large_binary()) for name, values in columns.items()})


@dataclass(slots=True, eq=False)
class _File:
    """A file of a unit; `local` is where it can be opened on this node."""

    result: FileResult
    local: Entry | None = None
    decoded: bool = False


class UnitReader:
    """One unit being read: its files one after the other, so that a second time gives the same shards."""

    def __init__(self, unit: Unit, plan: Plan, claim: Claim) -> None:
        self._unit = unit
        self._plan = plan
        self._claim = claim
        identity = Identity.from_json(plan.identity)
        self._decoder = decoder_for(FileDecoder(identity.loader, identity.modalities), plan.limits)
        self._model = identity.options.name
        self._shard = Shard(unit.name(plan.identity), 0, False, plan.identity)
        self._parts, self._count, self._bytes = io.BytesIO(), 0, 0

    def shards(self) -> Iterator[tuple[Shard, bytes]]:
        """Its shards, each with the parts that get vectors."""
        files = [_File(FileResult(entry)) for entry in self._unit.entries]
        try:
            with ExitStack() as copies:
                for file in files:
                    self._identify(file, copies)
                self._share_out(files)
                for file in files:
                    if file.decoded:
                        yield from self._decode(file)
                    else:
                        self._shard.files.append(file.result)
            yield self._finished(last=True)
        except BaseException:  # events of this unit must not reach the next one
            close_decoders()
            raise

    def _identify(self, file: _File, copies: ExitStack) -> None:
        began = time.perf_counter()
        try:
            file.local = _opened(file.result.entry, copies)
        except MediaError as error:
            file.result.end, file.result.reason = "failed", str(error)
            return
        finally:
            self._spent("read", time.perf_counter() - began)
        for event in self._events(DecodeRequest(file.local)):
            match event.answer:
                case Identified(kind, digest):
                    file.result.digest, file.result.kind, file.result.modality = digest, kind.name, kind.modality
                case Failed() as failed:
                    _fail(file.result, failed)

    def _share_out(self, files: Sequence[_File]) -> None:
        """Choose the files that are decoded here; the content of the others is another file's."""
        readable = [file for file in files if not file.result.end]
        if self._unit.alone or not readable:
            granted = [True] * len(readable)
        else:
            granted = self._claim([(file.result.entry.path, file.result.digest, file.result.kind) for file in readable])
        for file, is_granted in zip(readable, granted, strict=True):
            file.decoded = is_granted
            if not is_granted:
                file.result.end = "copy"

    def _decode(self, file: _File) -> Iterator[tuple[Shard, bytes]]:
        assert file.local is not None
        result = file.result
        self._shard.files.append(result)
        for event in self._events(DecodeRequest(file.local, result.digest, result.kind)):
            match event.answer:
                case Opened(facts):
                    result.facts = facts
                case Part(segment):
                    if self._count >= MAX_PARTS or self._bytes >= MAX_BYTES:
                        yield self._finished()
                        result = replace(result)
                        self._shard.files.append(result)
                    self._parts.write((len(self._shard.files) - 1).to_bytes(_INDEX_BYTES, "little"))
                    ipc.send(self._parts, Part(segment))
                    self._count += 1
                    self._bytes += content_bytes(segment)
                    result.parts += 1
                case Finished() if result.parts:
                    result.end = "whole"
                case Finished():
                    result.end, result.reason = "unsupported", f"model {self._model} cannot embed {result.modality}"
                case Failed() as failed:
                    _fail(result, failed)

    def _events(self, request: DecodeRequest) -> Iterator[Event]:
        for event in self._decoder.events(request):
            self._spent(request.step, event.seconds)
            yield event

    def _finished(self, last: bool = False) -> tuple[Shard, bytes]:
        shard, parts = self._shard, self._parts.getvalue()
        shard.last = last
        self._shard = Shard(shard.unit, shard.number + 1, False, shard.identity)
        self._parts, self._count, self._bytes = io.BytesIO(), 0, 0
        return shard, parts

    def _spent(self, stage: str, seconds: float) -> None:
        self._shard.seconds[stage] = self._shard.seconds.get(stage, 0.0) + seconds


_decoders: dict[tuple[FileDecoder, Limits], Decoder] = {}


def decoder_for(reader: FileDecoder, limits: Limits) -> Decoder:
    """The decoder of this process, the same for all its tasks; its worker process ends with it."""
    if (reader, limits) not in _decoders:
        close_decoders()
        _decoders[reader, limits] = Decoder(reader, limits)
    return _decoders[reader, limits]


def close_decoders() -> None:
    """Close the decoder of this process."""
    while _decoders:
        _decoders.popitem()[1].__exit__()


def _opened(entry: Entry, copies: ExitStack) -> Entry:
    """The file itself, or a copy of the object that goes with `copies`. Raises MediaError."""
    if not is_object_url(entry.path):
        return entry
    try:
        path = copies.enter_context(object_stores.fetched(entry.path, entry.size))
    except object_stores.Unreachable as error:
        raise MmsearchError(f"on node {platform.node()}: {error}") from None
    status = os.stat(path)
    return Entry(path, status.st_size, clamp_mtime_ns(status.st_mtime_ns))


def _fail(result: FileResult, failed: Failed) -> None:
    result.end, result.reason = "unsupported" if failed.unsupported else "failed", failed.reason


# --- embedding --------------------------------------------------------------------------------------------------------


class Model:
    """The stage of embedding: an actor that holds the model, from shards with parts to shards that are written."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._folder = Folder(plan.shards)
        self._embedder: Embedder | None = None
        self._queue: BatchQueue[FileResult] | None = None

    def __call__(self, table: Table) -> Table:
        import pyarrow as pa

        if self._plan.version != mmsearch.__version__:
            raise MmsearchError(
                f"mmsearch {mmsearch.__version__} on node {platform.node()}, {self._plan.version} where the index is: "
                "install the same on all nodes"
            )
        names = [
            self._process_shard(Shard.from_bytes(shard), io.BytesIO(parts))
            for shard, parts in zip(table["shard"].to_pylist(), table["parts"].to_pylist(), strict=True)
        ]
        units, numbers, lasts = zip(*names, strict=True)
        return pa.table({"unit": list(units), "number": list(numbers), "last": list(lasts)})

    def _process_shard(self, shard: Shard, parts: io.BytesIO) -> tuple[str, int, bool]:
        waiting: list[tuple[FileResult, Segment]] = []
        while index := parts.read(_INDEX_BYTES):
            waiting.append((shard.files[int.from_bytes(index, "little")], ipc.receive(parts).segment))
        if waiting := [(result, segment) for result, segment in waiting if result.end in ("", "whole")]:
            self._embed(waiting, shard.seconds)
        try:
            self._folder.write(shard.name, shard.to_bytes())
        except FileNotFoundError:
            raise MmsearchError(
                f"no folder {self._plan.shards} on node {platform.node()}: "
                "give --shards a folder or URL that all nodes reach"
            ) from None
        except OSError as error:
            raise MmsearchError(f"cannot write to {self._plan.shards}: {error}") from error
        return shard.unit, shard.number, shard.last

    def _embed(self, parts: list[tuple[FileResult, Segment]], seconds: dict[str, float]) -> None:
        import numpy as np

        timer = StageTimer()
        embedder = self._loaded(timer)
        if self._queue is None:
            self._queue = BatchQueue(embedder)
        rows: dict[int, list[tuple[Item, Vectors]]] = {id(owner): [] for owner, _ in parts}
        for owner, segment in parts:
            self._queue.add(owner, segment, 0)
        for batch in self._queue.take():
            for part, result in self._queue.embed(batch, embedder, timer):
                if isinstance(result, MmsearchError):
                    part.owner.end, part.owner.reason = "failed", f"cannot be embedded: {result}"
                else:
                    rows[id(part.owner)].append((part.segment.item, result))
        for owner in {id(owner): owner for owner, _ in parts}.values():
            embedded = sorted(rows[id(owner)], key=lambda row: row[0].ordinal)
            owner.items = [item for item, _ in embedded]
            owner.vectors = np.stack([row for _, row in embedded]) if embedded else None
        for stage in ("load", "preprocess", "forward"):
            seconds[stage] = timer.table()[stage]

    def _loaded(self, timer: StageTimer) -> Embedder:
        if self._embedder is None:
            from mmsearch.models import load_embedder

            with timer.on("load"):
                embedder = load_embedder(self._plan.options, many=True)
            known = Identity.from_json(self._plan.identity)
            if differences := known.differences(Identity.of(self._plan.options, embedder.spec)):
                raise IndexMismatch(f"on node {platform.node()} the model is another one: {'; '.join(differences)}")
            self._embedder = embedder
        return self._embedder
