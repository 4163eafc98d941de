"""Any sequence of changes leaves the index as a plain dictionary would be, searched by brute force."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mmsearch.store import FileRecord, Filter, Reader, compaction
from mmsearch.store.writer import Writer
from mmsearch.types import Modality
from tests.store.helpers import IDENTITY, parts, put, unit

PATHS = st.sampled_from([f"/data/{folder}{name}" for folder in ("", "sub/") for name in "abcd"])
PARTITIONS: tuple[Modality, ...] = ("image", "text")
DIGESTS = st.sampled_from([f"d{number}" for number in range(8)])


class StoreMachine(RuleBasedStateMachine):
    """`staged` is what the writer must show, `committed` what a reader must."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp()
        self.staged: dict[str, FileRecord] = {}
        self.committed: dict[str, FileRecord] = {}
        self.clock = 0
        self.patch = mock.patch.object(compaction, "MOST_SEGMENTS", 2)  # so that a few commits already merge
        self.patch.start()

    @initialize()
    def open(self) -> None:
        self.writer = Writer.open(self.directory, IDENTITY, timeout=0)
        self.writer.add_root("/data")

    def teardown(self) -> None:
        self.writer.close()
        self.patch.stop()
        shutil.rmtree(self.directory)

    @rule(path=PATHS, digest=DIGESTS)
    def put(self, path: str, digest: str) -> None:
        self.clock += 1
        put(self.writer, path, digest, mtime_ns=self.clock)
        self.staged[path] = FileRecord(path, len(digest), self.clock, "ok", "", digest, "image", "image", False)

    @rule(path=PATHS)
    def touch(self, path: str) -> None:
        record = self.staged.get(path)
        if record is not None and record.digest is not None:
            self.put(path, record.digest)

    @rule(path=PATHS, to=PATHS)
    def copy(self, path: str, to: str) -> None:
        record = self.staged.get(path)
        if record is not None and record.digest is not None:
            self.put(to, record.digest)

    @rule(path=PATHS, to=PATHS)
    def rename(self, path: str, to: str) -> None:
        if path != to and path in self.staged:
            self.copy(path, to)
            self.remove(path)

    @rule(path=PATHS)
    def remove(self, path: str) -> None:
        self.writer.remove(path)
        self.staged.pop(path, None)

    @rule(path=PATHS)
    def lose(self, path: str) -> None:
        self.writer.mark_missing(path)
        if path in self.staged:
            self.staged[path] = replace(self.staged[path], missing=True)

    @rule(path=PATHS, reason=st.sampled_from(["truncated", "password"]))
    def fail(self, path: str, reason: str) -> None:
        self.writer.put_failure(path, 5, 5, reason)
        self.staged[path] = FileRecord(path, 5, 5, "failed", reason, None, None, None, False)

    @rule()
    def commit(self) -> None:
        self.writer.commit()
        self.committed = dict(self.staged)
        self.check()

    @rule()
    def commit_twice(self) -> None:
        self.commit()
        before = self.writer._db.total_changes
        self.commit()
        assert self.writer._db.total_changes == before

    @rule()
    def reopen(self) -> None:
        self.writer.close()
        self.writer = Writer.open(self.directory, IDENTITY, timeout=0)
        self.staged = dict(self.committed)

    @rule()
    @precondition(lambda self: self.staged != self.committed)
    def look_before_commit(self) -> None:
        self.check()

    @invariant()
    def writer_sees_what_is_staged(self) -> None:
        if hasattr(self, "writer"):
            for path in ("/data/a", "/data/sub/b"):
                assert self.writer.file(path) == self.staged.get(path)

    def check(self) -> None:
        assert sorted(self.writer.paths_under("/data")) == sorted(self.committed)
        inside = {path for path in self.committed if path.startswith("/data/sub/")}
        assert set(self.writer.paths_under("/data/sub")) == inside
        present = [record for record in self.committed.values() if record.digest is not None and not record.missing]
        live = {record.digest: record for record in present}
        with Reader.open(self.directory) as reader:
            assert list(reader.problems()) == []
            for path in {*self.committed, "/data/a"}:
                assert reader.file(path) == self.committed.get(path)
            expected = {"image": len(live), "text": len(live)} if live else {}
            assert reader.counts() == expected
            self.check_search(reader, lambda path: True)
            self.check_search(reader, lambda path: path.endswith(("a", "b")))
            assert len(reader.sample("text", 100)) == len(live)
            assert sum(1 for _ in reader.failures()) == sum(
                record.status == "failed" and not record.missing for record in self.committed.values()
            )

    def check_search(self, reader: Reader, accept: Callable[[str], bool]) -> None:
        """Every partition, by brute force over the plain dictionary."""
        places: dict[str, list[str]] = {}
        for path, record in self.committed.items():
            if record.digest is not None and not record.missing and accept(path):
                places.setdefault(record.digest, []).append(path)
        query, where = unit("query", self.clock), Filter(accept=accept)
        for ordinal, partition in enumerate(PARTITIONS):
            scored = sorted(((float(unit(digest, ordinal) @ query), digest) for digest in places), reverse=True)[:3]
            hits = reader.search(query, partition, 3, where)
            assert [score for _, score in hits] == pytest.approx([score for score, _ in scored], abs=2e-3)
            located = reader.locate([item for item, _ in hits], where)
            for (item, _), (_, digest) in zip(hits, scored, strict=True):
                assert [location.item.path for location in located[item]] == sorted(places[digest])
                assert located[item][0].item.text == parts(digest)[ordinal].text


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
