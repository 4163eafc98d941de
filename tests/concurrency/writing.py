"""The one writer: changes the index by the store and by the command, and logs each state with its times.

A line of the log says what a commit changed, and when it began and ended: before `begin` nobody can have seen it, from
`end` on everybody who looks must. `prepare` is when files on the disk began to change for it. All times are of the
system's monotonic clock, which is the same in every process.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

from mmsearch import scan
from mmsearch.store import compaction, read_identity
from mmsearch.store.writer import Writer
from tests.concurrency.contents import put

SLOTS = 400
"""Made files live under so many paths, which bounds the size of the index."""
MOST_REAL = 120
EVERY = 4
"""One turn in so many is the command's, the others are the store's."""
ROOT = Path(__file__).parents[2]


@dataclass
class Plan:
    """Where everything lies, as one JSON object on the command line."""

    index: str
    folder: str
    pool: str
    log: str
    seconds: float
    seed: int


@dataclass
class Writing:
    """The writer's own account of what is in the index."""

    plan: Plan
    files: dict[str, str] = field(default_factory=dict)
    real: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    changes: dict[str, str | None] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.plan.seed)
        self.pool = sorted(map(str, Path(self.plan.pool).iterdir()))
        identity = read_identity(self.plan.index)
        assert identity is not None
        self.identity = identity

    def run(self) -> None:
        """Write until the time is up."""
        end = time.monotonic() + self.plan.seconds
        with self._counted_merges():
            for turn in count(1):
                self.command() if turn % EVERY == 0 else self.burst(end)
                if time.monotonic() > end:
                    return
                time.sleep(self.rng.uniform(0, 0.1))

    # --- by the store ---

    def burst(self, end: float) -> None:
        """Some commits by one writer of the store."""
        with Writer.open(self.plan.index, self.identity) as writer:
            for _ in range(self.rng.randint(1, 15)):
                for _ in range(self.rng.choice((1, 2, 5, 10, 10, 60))):
                    self._change(writer)
                with self._state("store"):
                    writer.commit()
                if time.monotonic() > end:
                    return
                time.sleep(self.rng.uniform(0, 0.05))

    def _change(self, writer: Writer) -> None:
        self.number += 1
        path = f"/made/{self.rng.randrange(SLOTS):03}"
        what = self.rng.random()
        if what < 0.6:
            self._put(writer, path, f"made {self.number}")
        elif what < 0.75 and (held := [one for one in self.files.values() if one.startswith("made")]):
            self._put(writer, path, self.rng.choice(held))
        else:
            if what < 0.85:
                writer.mark_missing(path)
            elif what < 0.95:
                writer.remove(path)
            else:
                writer.put_failure(path, 1, self.number, "it is broken")
            self._note(path, None)

    def _put(self, writer: Writer, path: str, digest: str) -> None:
        put(writer, path, digest, self.number)
        self._note(path, digest)

    # --- by the command ---

    def command(self) -> None:
        """Change files in the folder and have the command index them."""
        with self._state("command") as times:
            for _ in range(self.rng.choice((3, 10, 30))):
                self._edit()
            prune = ["--prune"] * (self.rng.random() < 0.5)
            argv = ["index", self.plan.folder, "--index", self.plan.index, *prune]
            times["begin"] = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-m", "tests.concurrency.command", *argv], cwd=ROOT, capture_output=True, check=False
            )
        if done.returncode or b"Traceback" in done.stderr:
            raise RuntimeError(f"the command ended with {done.returncode}: {done.stderr.decode()}")

    def _edit(self) -> None:
        self.number += 1
        source = self.rng.choice(self.pool)
        path = os.path.join(self.plan.folder, f"{self.number}{os.path.splitext(source)[1]}")
        what = self.rng.random()
        if not self.real or (what < 0.5 and len(self.real) < MOST_REAL):
            self._write(source, path)
        elif what < 0.65:
            old = self.rng.choice(sorted(self.real))
            same = [one for one in self.pool if os.path.splitext(one)[1] == os.path.splitext(old)[1]]
            self._write(self.rng.choice(same), old)
        else:
            old = self.rng.choice(sorted(self.real))
            digest = self.real.pop(old)
            self._note(old, None)
            if what < 0.8:
                path = os.path.splitext(path)[0] + os.path.splitext(old)[1]
                os.rename(old, path)
                self.real[path] = digest
                self._note(path, digest)
            else:
                os.unlink(old)

    def _write(self, source: str, path: str) -> None:
        shutil.copyfile(source, path + ".part")  # copied, so that its time is new
        os.replace(path + ".part", path)
        self.real[path] = scan.digest(source)
        self._note(path, self.real[path])

    # --- the log ---

    def _note(self, path: str, digest: str | None) -> None:
        self.changes[path] = digest
        if digest is None:
            self.files.pop(path, None)
        else:
            self.files[path] = digest

    @contextmanager
    def _state(self, how: str) -> Iterator[dict[str, float]]:
        times = {"prepare": time.monotonic()}
        times["begin"] = times["prepare"]
        yield times
        times["end"] = time.monotonic()
        self._count(how)
        with open(self.plan.log, "a", encoding="utf-8") as log:
            log.write(json.dumps({"how": how, **times, "changes": self.changes}) + "\n")
        self.changes = {}

    @contextmanager
    def _counted_merges(self) -> Iterator[None]:
        run = compaction.run

        def counted(*args: Any) -> int:
            replaced = run(*args)
            self._count("merges")
            self._count("segments merged", replaced)
            return replaced

        with mock.patch.object(compaction, "run", counted):
            yield

    def _count(self, name: str, by: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + by


def main() -> None:
    """Entry point of the process; its counts are one JSON object on stdout."""
    writing = Writing(Plan(**json.loads(sys.argv[1])))
    writing.run()
    print(json.dumps(writing.counts))


if __name__ == "__main__":
    main()
