"""An index run whose files are read and embedded on a cluster; all the rest is as in a local run.

The driver compares files with the index, hands out new ones as units, and adopts their shards: all shards of a unit
with one commit, and only then they are removed. Shards that an earlier run left behind are adopted first, as far as
their files have not changed since. Knows nothing of Ray.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from mmsearch import scan
from mmsearch.errors import MmsearchError
from mmsearch.extras.ray.engine import Cluster
from mmsearch.extras.ray.shards import Damaged, FileResult, Folder, Shard, Unit, is_complete, merged_results
from mmsearch.extras.ray.stages import Plan
from mmsearch.indexing.decode import Failed
from mmsearch.indexing.pipeline import Indexer
from mmsearch.indexing.results import IndexOptions, PendingFile, ProgressListener, Results
from mmsearch.store.writer import Writer
from mmsearch.types import Embedder, IndexReport, ModelOptions

ROUND_FILES = 65_536
"""Files handed out at a time; it bounds the memory of the driver."""
UNIT_FILES = 64
UNIT_BYTES = 256 << 20
"""Size of the files of a unit: the work lost with a worker, and the disk space for copies of objects. A single file may
be larger."""
UNITS_A_CPU = 4
"""The number of units to aim for, so that no processor is idle for long at the end."""
_TRIES = 3


class RayIndexer:
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
        private: bool = True,
        resume: bool = True,
    ) -> None:
        """Prepare the run.

        Args:
            embedder: only has to know its spec.
            model: how nodes load it.
            private: the folder of shards is for this run alone.
            resume: adopt shards that an earlier run left there.
        """
        plan = Plan(writer.identity.to_json(), model, options.limits, shards.location)
        self._shards = shards if private else None
        self._indexer = Indexer(
            writer,
            embedder,
            options,
            listener,
            processor=lambda results: _Processor(results, cluster, plan, shards, resume),
        )

    def run(self, roots: Sequence[str], files: Iterable[str] = ()) -> IndexReport:
        """As a local run."""
        report = self._indexer.run(roots, files)
        if self._shards is not None:
            self._shards.clear()
        return report


class _Processor:
    """The `Processor` that hands files to a cluster, a round of many at a time."""

    reads_objects = True

    def __init__(self, results: Results, cluster: Cluster, plan: Plan, shards: Folder, resume: bool) -> None:
        self._results = results
        self._cluster = cluster
        self._plan = plan
        self._shards = shards
        self._files: dict[str, PendingFile] = {}
        """Files without a result, by their paths."""
        self._next: list[PendingFile] = []
        self._alone: list[PendingFile] = []
        self._tries: Counter[str] = Counter()
        self._copies: list[PendingFile] = []
        self._adopted: list[str] = []
        self._leftovers: dict[scan.Entry, str] = {}
        self._leftover_units: dict[str, list[str]] = {}
        results.after_commit = self._remove_adopted
        for unit in shards.units(plan.identity) if resume else ():
            self._leftover_units[unit[0].unit] = [shard.name for shard in unit]
            self._leftovers.update({result.entry: unit[0].unit for result in merged_results(unit)})

    def process(self, file: PendingFile) -> None:
        """Note a file for the next round."""
        self._files[file.entry.path] = file
        if file.entry not in self._leftovers:
            self._next.append(file)
        if len(self._next) >= ROUND_FILES:
            self._round()

    def finish(self) -> None:
        """Adopt the shards of an earlier run, then hand out files until all have results."""
        for unit in {
            self._leftovers[file.entry]: None for file in self._files.values() if file.entry in self._leftovers
        }:
            self._adopt(self._leftover_units[unit])
            self._results.commit_if_due()
        self._settle_copies()
        self._leftovers.clear()
        # Files whose shard is damaged by now, or that are met for the second time.
        queued = {id(file) for file in (*self._next, *self._alone)}
        self._next += [file for file in self._files.values() if id(file) not in queued]
        while self._next or self._alone:
            self._round()

    def close(self) -> None:
        """The cluster belongs to the caller."""

    def _round(self) -> None:
        """Hand out all files that wait, and adopt their results."""
        units = [*self._units(self._next, alone=False), *self._units(self._alone, alone=True)]
        files = [*self._next, *self._alone]
        self._next, self._alone = [], []
        self._results.commit()  # contents known by then are not decoded again
        self._shards.make()
        self._stream(units)
        for file in files:
            path = file.entry.path
            if path in self._files:  # nothing whole came back: once more, but not for ever
                self._tries[path] += 1
                if self._tries[path] < _TRIES:
                    self._alone.append(file)
                else:
                    del self._files[path]
                    self._results.fail_file(file, "the cluster gave no result")
        self._settle_copies()

    def _units(self, files: Sequence[PendingFile], *, alone: bool) -> Iterator[Unit]:
        if not files:
            return
        max_files = min(UNIT_FILES, max(1, len(files) // (UNITS_A_CPU * self._cluster.size())))
        entries: list[scan.Entry] = []
        for file in files:
            size = sum(entry.size for entry in entries) + file.entry.size
            if entries and (len(entries) >= max_files or size > UNIT_BYTES):
                yield Unit(tuple(entries), alone)
                entries = []
            entries.append(file.entry)
        yield Unit(tuple(entries), alone)

    def _stream(self, units: Sequence[Unit]) -> None:
        """Have units processed, and adopt each when all its shards are written."""
        numbers: dict[str, set[int]] = {}
        last: dict[str, int] = {}
        finished = self._cluster.run(units, self._plan, self._results.writer.directory)
        while True:
            with self._results.timer.on("idle"):
                shard = next(finished, None)
            if shard is None:
                return
            unit, number, is_last = shard
            numbers.setdefault(unit, set()).add(number)
            if is_last:
                last[unit] = number
            if is_complete(numbers[unit], last.get(unit)):
                self._adopt([Shard(unit, number, False, "").name for number in range(last.pop(unit) + 1)])
                self._results.commit_if_due()

    def _adopt(self, names: Sequence[str]) -> None:
        """Stage the results of a unit; they are removed when that is committed."""
        shards: list[Shard] = []
        for name in names:
            try:
                shards.append(self._shards.read(name))
            except Damaged:
                continue  # its files are read again
            except FileNotFoundError:
                raise MmsearchError(
                    f"a shard that was written to {self._shards.location} is not there on this machine: "
                    "give --shards a folder or URL that all nodes reach"
                ) from None
        for shard in shards:
            for stage, seconds in shard.seconds.items():
                self._results.timer.add(stage, seconds)
        for result in merged_results(shards):
            file = self._files.get(result.entry.path)
            if file is not None and file.entry == result.entry and result.end:
                del self._files[file.entry.path]
                self._stage(file, result)
        self._adopted += names

    def _stage(self, file: PendingFile, result: FileResult) -> None:
        file.digest, file.kind, file.modality, file.facts = result.digest, result.kind, result.modality, result.facts
        if result.failed:
            self._results.unusable(file, Failed(result.reason, result.end == "unsupported"))
        elif not self._results.reuse(file):
            if result.end == "copy":
                self._copies.append(file)
            else:
                assert result.vectors is not None
                self._results.store(file, result.items, result.vectors)

    def _settle_copies(self) -> None:
        """The contents of copies have come by now, unless the file that was to bring one has failed."""
        copies, self._copies = self._copies, []
        for file in copies:
            if not self._results.reuse(file):
                self._files[file.entry.path] = file
                self._alone.append(file)

    def _remove_adopted(self) -> None:
        adopted, self._adopted = self._adopted, []
        self._shards.remove(adopted)
