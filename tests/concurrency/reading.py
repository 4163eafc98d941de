"""A reader: asks the index one question after another and logs what it was told, and of which snapshot.

Some snapshots are asked once and some are held for long, while their vector files are merged and removed. A snapshot
is known by the times between which it was taken; when the store has to take a new one, that counts as another.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TextIO

import numpy as np

from mmsearch.errors import MmsearchError
from mmsearch.store import EVERYTHING, Filter, Reader, read_identity
from mmsearch.store.words.query import parse_query
from mmsearch.store.writer import Writer
from tests.concurrency.contents import PARTITIONS, WORDS, unit, word
from tests.concurrency.writing import ROOT

MOST_HELD = 3
ALL = 10**6
_IN_USE = re.compile(r"is in use: (process \d+ on \S+ has been writing since \d|another process is writing)")


@dataclass
class Plan:
    """What a reader is to do, as one JSON object on the command line; `how` is `store` or `command`."""

    index: str
    log: str
    seconds: float
    seed: int
    how: str
    hold: float


class Snapshots(Reader):
    """A reader that knows when its snapshots were taken."""

    taken: tuple[float, float]
    number = 0
    until = 0.0

    @classmethod
    def take(cls, directory: str, until: float) -> Snapshots:
        start = time.monotonic()
        reader = cls.open(directory)
        assert isinstance(reader, Snapshots)
        reader.taken, reader.until = (start, time.monotonic()), until
        return reader

    def refresh(self) -> None:
        start = time.monotonic()
        super().refresh()
        self.taken, self.number = (start, time.monotonic()), self.number + 1


def summed(found: list[list[Any]]) -> list[Any]:
    """A long listing, as its length and a checksum."""
    text = json.dumps(sorted(found), sort_keys=True)
    return [len(found), hashlib.blake2b(text.encode(), digest_size=16).hexdigest()]


@dataclass
class Reading:
    """One reading process."""

    plan: Plan
    log: TextIO
    counts: Counter[str] = field(default_factory=Counter)
    held: list[Snapshots] = field(default_factory=list)
    names: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.plan.seed)
        identity = read_identity(self.plan.index)
        assert identity is not None
        self.identity = identity

    def run(self) -> None:
        """Ask until the time is up."""
        end = time.monotonic() + self.plan.seconds
        while time.monotonic() < end:
            if self.plan.how == "command":
                self._ask_command()
                self._ask_for_lock()
            else:
                self._ask(self._snapshot())
            time.sleep(self.rng.uniform(0, 0.04))
        for reader in self.held:
            reader.close()

    # --- by the store ---

    def _snapshot(self) -> Snapshots:
        now = time.monotonic()
        for reader in [one for one in self.held if one.until < now]:
            self.held.remove(reader)
            reader.close()
        if len(self.held) < MOST_HELD or self.rng.random() < 0.3:
            hold = self.rng.choice((0.0, 0.0, self.rng.uniform(0, self.plan.hold)))
            reader = Snapshots.take(self.plan.index, now + hold)
            self.names += 1
            reader.name = self.names  # type: ignore[attr-defined]
            self.held.append(reader)
            return reader
        reader = self.rng.choice(self.held)
        if self.rng.random() < 0.05:
            reader.refresh()
        return reader

    def _ask(self, reader: Snapshots) -> None:
        ask = self._question()
        start = time.monotonic()
        got = answer(reader, ask, self.identity.dim)
        age = time.monotonic() - reader.taken[1]
        self._tell(f"{reader.name}.{reader.number}", reader.taken, start, ask, got)  # type: ignore[attr-defined]
        self.counts["answers of the store"] += 1
        self.counts["answers from snapshots held for a second or more"] += age >= 1
        self.counts["greatest age"] = max(self.counts["greatest age"], int(age))

    def _question(self) -> dict[str, Any]:
        what = self.rng.choice(("all", "top", "top", "top", "words", "counts"))
        ask: dict[str, Any] = {"what": what}
        if what in ("all", "top"):
            ask |= {"partition": self.rng.choice(PARTITIONS), "query": self.rng.randrange(10**6)}
            ask["k"] = ALL if what == "all" else self.rng.choice((1, 3, 10, 50))
        if what == "words":
            ask["word"] = word(self.rng.randrange(WORDS))
        if what != "counts" and self.rng.random() < 0.3:
            ask["only"] = str(self.rng.randrange(10))
        return ask

    # --- by the command ---

    def _ask_command(self) -> None:
        query = f"{word(self.rng.randrange(WORDS))} in the garden"
        argv = ["search", query, "--index", self.plan.index, "--json", "-k", str(ALL)]
        start = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "mmsearch", *argv], cwd=ROOT, capture_output=True, check=False)
        if done.returncode not in (0, 1) or b"Traceback" in done.stderr:
            raise RuntimeError(f"the command ended with {done.returncode}: {done.stderr.decode()}")
        got = sorted(hit["path"] for hit in json.loads(done.stdout)["hits"])
        self.counts["answers of the command"] += 1
        taken = start, time.monotonic()
        self._tell(f"command {self.counts['answers of the command']}", taken, start, {"what": "files"}, got)

    def _ask_for_lock(self) -> None:
        """A second writer is told who is writing, or becomes the one writer and changes nothing."""
        try:
            Writer.open(self.plan.index, self.identity, timeout=0).close()
            self.counts["second writers that found the lock free"] += 1
        except MmsearchError as error:
            if not _IN_USE.search(str(error)) or "\n" in str(error):
                raise
            self.counts["second writers refused"] += 1

    def _tell(self, snapshot: str, taken: tuple[float, float], start: float, ask: dict[str, Any], got: Any) -> None:
        line = {"snapshot": f"{self.plan.seed} {snapshot}", "taken": taken, "start": start, "ask": ask, "got": got}
        self.log.write(json.dumps(line | {"end": time.monotonic()}) + "\n")


def answer(reader: Reader, ask: dict[str, Any], dim: int) -> Any:
    """What the index says to a question, as JSON: items as score, digest, ordinal and paths, best first."""
    only = ask.get("only")
    where = EVERYTHING if only is None else Filter(accept=lambda path: only in path)
    match ask["what"]:
        case "counts":
            return reader.counts()
        case "words":
            ids = list(reader.search_passages(parse_query(ask["word"]), where).rows)
            return summed([one[1:] for one in _places(reader, [(item, 0.0) for item in ids], where)])
        case "all":
            hits = reader.search(unit(ask["query"], dim), ask["partition"], ask["k"], where)
            scores = [score for _, score in hits]
            assert scores == sorted(scores, reverse=True)
            return summed([one[1:] for one in _places(reader, hits, where)])
        case _:
            queries = np.stack([unit(ask["query"], dim), unit("another", dim)])
            return _places(reader, reader.search_all(queries, ask["partition"], ask["k"], where)[0], where)


def _places(reader: Reader, hits: list[tuple[int, float]], where: Filter) -> list[list[Any]]:
    located = reader.locate([item for item, _ in hits], where)
    found = []
    for item, score in hits:
        places = located[item]
        named = {(one.item.digest, one.item.ordinal) for one in places}
        digest, ordinal = next(iter(named)) if len(named) == 1 else (f"in {len(named)} contents", 0)
        found.append([score, digest, ordinal, [one.item.path for one in places]])
    return found


def main() -> None:
    """Entry point of the process; its counts are one JSON object on stdout."""
    plan = Plan(**json.loads(sys.argv[1]))
    with open(plan.log, "w", encoding="utf-8") as log:
        reading = Reading(plan, log)
        reading.run()
    print(json.dumps(reading.counts))


if __name__ == "__main__":
    main()
