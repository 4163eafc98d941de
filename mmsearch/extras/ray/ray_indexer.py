"""An index run whose files are read and embedded on a cluster: what a local run does, but for where that happens.

The driver compares what is there with the index, hands out what is new as units, and adopts their shards: all shards of
a unit with one commit, and only then do they go. Shards that an earlier run left behind are adopted first, as far as
their files are still what they were. Knows nothing of Ray.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from mmsearch import scan
from mmsearch.errors import MmsearchError
from mmsearch.extras.ray.engine import Cluster
from mmsearch.extras.ray.shards import Damaged, Folder, Found, Shard, Unit, gathered, is_complete
from mmsearch.extras.ray.stages import Plan
from mmsearch.indexing.decode import Failed
from mmsearch.indexing.pipeline import Indexer, IndexOptions, PendingFile, ProgressListener
from mmsearch.scan import object_stores
from mmsearch.store import FileRecord
from mmsearch.store.writer import Writer
from mmsearch.types import Embedder, IndexReport, ModelOptions, is_object_url

ROUND_FILES = 65_536
"""So many are handed out at a time, which bounds what the driver holds."""
UNIT_FILES = 64
UNIT_BYTES = 256 << 20
"""Of the files of a unit: what is lost with a worker, and what copies of objects take on its disk. A single file may be
larger."""
UNITS_A_CPU = 4
"""There should be so many, if there are files enough, so that no processor is long without one at the end."""
_TRIES = 3


class RayIndexer(Indexer):
    """One index run over one open writer and one cluster. The caller opens and closes both."""

    def __init__(
        self,
        writer: Writer,
        embedder: Embedder,
        options: IndexOptions,
        listener: ProgressListener,
        cluster: Cluster,
        model: ModelOptions,
        shards: Folder,
        *,
        own: bool = True,
        resume: bool = True,
    ) -> None:
        """Prepare the run.

        Args:
            embedder: only has to know its spec.
            model: how nodes load it.
            own: nobody else has anything in the folder of shards.
            resume: adopt what an earlier run left there.
        """
        super().__init__(writer, embedder, options, listener)
        self._cluster = cluster
        self._identity = writer.identity.to_json()
        self._plan = Plan(self._identity, model, options.limits, shards.place)
        self._shards = shards
        self._own = own
        self._resume = resume
        self._listed: dict[str, set[str]] = {}
        self._work: dict[str, PendingFile] = {}
        self._next: list[PendingFile] = []
        self._alone: list[PendingFile] = []
        self._tries: Counter[str] = Counter()
        self._waiting: list[PendingFile] = []
        self._adopted: list[str] = []
        self._left: dict[scan.Entry, str] = {}
        self._left_units: dict[str, list[str]] = {}

    def run(self, roots: Sequence[str], files: Iterable[str] = ()) -> IndexReport:
        """As a local run; shards that were left behind are looked for first."""
        for shards in self._shards.units(self._identity) if self._resume else ():
            self._left_units[shards[0].unit] = [shard.name for shard in shards]
            self._left.update({found.entry: shards[0].unit for found in gathered(shards)})
        report = super().run(roots, files)
        if self._own:
            self._shards.clear()
        return report

    # --- what is there ---

    def _runs(self, root: str) -> Iterator[scan.Run | scan.Problem]:
        if not is_object_url(root):
            return super()._runs(root)
        self._listed[root] = set()
        return object_stores.runs(root, self.options.scan, self._listed[root])

    def _entry(self, path: str) -> scan.Entry | scan.Problem:
        return object_stores.entry(path) if is_object_url(path) else super()._entry(path)

    def _is_gone(self, record: FileRecord, root: str = "") -> bool:
        if not is_object_url(record.path):
            return super()._is_gone(record, root)
        if root in self._listed:
            return record.path not in self._listed[root]
        found = object_stores.entry(record.path)
        return isinstance(found, scan.Problem) and found.reason == object_stores.GONE

    # --- what is read ---

    def _read(self, work: PendingFile) -> None:
        self._work[work.entry.path] = work
        if work.entry not in self._left:
            self._next.append(work)
        if len(self._next) >= ROUND_FILES:
            self._round()

    def _finish(self) -> None:
        self._adopt_left()
        while self._next or self._alone:
            self._round()

    def _round(self) -> None:
        """Hand out all that waits, and adopt what comes back."""
        units = [*self._units(self._next, alone=False), *self._units(self._alone, alone=True)]
        asked = [*self._next, *self._alone]
        self._next, self._alone = [], []
        self._commit()  # what is known by then is not decoded again
        self._shards.make()
        self._stream(units)
        for work in asked:
            if work.entry.path in self._work:
                self._again_or_fail(work)
        self._settle_copies()

    def _units(self, works: Sequence[PendingFile], *, alone: bool) -> Iterator[Unit]:
        if not works:
            return
        most = min(UNIT_FILES, max(1, len(works) // (UNITS_A_CPU * self._cluster.size())))
        entries: list[scan.Entry] = []
        for work in works:
            if entries and (len(entries) >= most or sum(one.size for one in entries) + work.entry.size > UNIT_BYTES):
                yield Unit(tuple(entries), alone)
                entries = []
            entries.append(work.entry)
        yield Unit(tuple(entries), alone)

    def _stream(self, units: Sequence[Unit]) -> None:
        numbers: dict[str, set[int]] = {}
        last: dict[str, int] = {}
        written = self._cluster.run(units, self._plan, self.writer.directory)
        while True:
            with self._stages.on("idle"):
                told = next(written, None)
            if told is None:
                return
            unit, number, is_last = told
            numbers.setdefault(unit, set()).add(number)
            if is_last:
                last[unit] = number
            if is_complete(numbers[unit], last.get(unit)):
                self._adopt([Shard(unit, at, False, "").name for at in range(last.pop(unit) + 1)])
                self._commit_if_due()

    def _again_or_fail(self, work: PendingFile) -> None:
        """A file of which nothing whole came back: once more, but not for ever."""
        self._tries[work.entry.path] += 1
        if self._tries[work.entry.path] < _TRIES:
            self._alone.append(work)
            return
        del self._work[work.entry.path]
        self._fail(work.entry, "the cluster gave no result")
        self._close(work)

    # --- what comes back ---

    def _adopt(self, names: Sequence[str]) -> None:
        """Stage what all shards of a unit say; they go when that is committed."""
        shards: list[Shard] = []
        for name in names:
            try:
                shards.append(self._shards.read(name))
            except Damaged:
                continue  # its files are read again
            except FileNotFoundError:
                raise MmsearchError(
                    f"a shard that was written to {self._shards.place} is not there on this machine: "
                    "give --shards a folder or URL that all nodes reach"
                ) from None
        for shard in shards:
            for stage, seconds in shard.seconds.items():
                self._stages.add(stage, seconds)
        for found in gathered(shards):
            work = self._work.get(found.entry.path)
            if work is not None and work.entry == found.entry and found.end:
                del self._work[work.entry.path]
                self._take_found(work, found)
        self._adopted += names

    def _take_found(self, work: PendingFile, found: Found) -> None:
        work.digest, work.kind, work.modality, work.facts = found.digest, found.kind, found.modality, found.facts
        if found.end in ("failed", "unsupported"):
            self._unreadable(work, Failed(found.reason, found.end == "unsupported"))
        elif self.writer.has_content(*work.key):
            self._reuse(work)
        elif found.end == "copy":
            self._waiting.append(work)
        else:
            assert found.vectors is not None
            self.writer.put_content(*work.key, work.modality, work.facts, found.items, found.vectors)
            self._attach(work)
            self._count_file(work, "embedded")
            self._counts["items"] += len(found.items)
            self._staged_items += len(found.items)

    def _reuse(self, work: PendingFile) -> None:
        self._attach(work)
        self._count("unchanged") if work.touched else self._count_file(work, "reused")

    def _settle_copies(self) -> None:
        """The contents of copies have come by now, unless the file that was to bring one has failed."""
        waiting, self._waiting = self._waiting, []
        for work in waiting:
            if self.writer.has_content(*work.key):
                self._reuse(work)
            else:
                self._work[work.entry.path] = work
                self._alone.append(work)

    def _adopt_left(self) -> None:
        """Adopt what an earlier run left behind of the files that this run met."""
        met = {self._left[work.entry]: None for work in self._work.values() if work.entry in self._left}
        for unit in met:
            self._adopt(self._left_units[unit])
            self._commit_if_due()
        self._settle_copies()
        self._left.clear()
        # What was damaged meanwhile, or met for the second time.
        known = {id(work) for work in (*self._next, *self._alone)}
        self._next += [work for work in self._work.values() if id(work) not in known]

    def _commit(self) -> None:
        super()._commit()
        adopted, self._adopted = self._adopted, []
        self._shards.remove(adopted)
