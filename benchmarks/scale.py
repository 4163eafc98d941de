"""What an index costs as it grows: building, opening, searching, filters, adding and deleting, beside the peer's way.

Indexes are synthetic (see `synthetic.py`) and written through the real store; `mmsearch search` and `index` are whole
commands. `python -m benchmarks.scale --work DIR --items 10000 100000 1000000 --dims 512`; a line of JSON for
each configuration goes into `results/scale.jsonl`, and `--plot` draws what lies there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peer, widened
from benchmarks.machine import circumstances
from benchmarks.processes import Run, run, run_json
from benchmarks.synthetic import Chunk, Links, World, build
from mmsearch.models import load_embedder
from mmsearch.store import Identity
from mmsearch.types import Modality, ModelOptions, Vectors

RESULTS = Path(__file__).parent / "results" / "scale.jsonl"
QUERIES = 200
TOP = 10
ADDED = 100
MOST_FILES_TO_LINK = 2_000_000
SEARCHED: Modality = "image"
"""Recall and latency are those of the largest partition, for queries that are texts."""
ASKED = "red car on a beach"
FILTERS = {
    "narrow": ("--in", "{root}/photos/2001/01-red-red-0", "--width", "4032", "--after", "2001-01-01"),
    "middle": ("--after", "2024-06-01"),
    "wide": ("--before", "2016-01-01"),
    "type": ("-t", "image"),
}


def main() -> None:
    """Prints a line of JSON for each configuration, and adds it to `results/`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="keep indexes here for the next time")
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--dims", type=int, nargs="+", default=[192, 512])
    parser.add_argument("--rounds", type=int, default=5, help="of each command")
    parser.add_argument("--peer", action="store_true", help="measure the peer's way too: all vectors in memory")
    parser.add_argument("--index-option", action="append", default=[], help="for `mmsearch index --optimize` after it")
    parser.add_argument("--discard", action="store_true", help="remove each index when it has been measured")
    parser.add_argument("--plot", metavar="PNG", help="draw the results so far, and measure nothing")
    given = parser.parse_args()
    if given.plot:
        from benchmarks.scale_plot import draw

        draw(RESULTS, given.plot)
        return
    for dim in given.dims:
        for items in given.items:
            record(Setting(Path(given.work), items, dim, given.rounds, given.peer, tuple(given.index_option)))
            if given.discard:
                shutil.rmtree(Path(given.work) / f"{items}x{dim}")


def record(setting: Setting) -> None:
    """Measure one configuration and keep what came of it."""
    line = json.dumps({"benchmark": "scale", **measure(setting), **circumstances()})
    print(line, flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


class Setting:
    """One configuration, and where it lies."""

    def __init__(self, work: Path, items: int, dim: int, rounds: int, peer: bool, options: tuple[str, ...]) -> None:
        self.folder = work.absolute() / f"{items}x{dim}"
        self.index = str(self.folder / "index")
        self.truth = self.folder / "truth.npz"
        self.rounds, self.peer, self.options = rounds, peer, options
        self.world = World(items, dim, str(self.folder / "tree"))

    def identity(self) -> Identity:
        """That of the built-in model, or of one that says the same in more numbers."""
        options = ModelOptions(widened.model(self.folder.parent, self.world.dim))
        return Identity.of(options, load_embedder(options).spec)


def measure(setting: Setting) -> dict[str, Any]:
    """All figures of one configuration; seconds and MiB unless the name says otherwise."""
    result: dict[str, Any] = {"items": setting.world.items, "dim": setting.world.dim, "options": setting.options}
    if not setting.truth.exists():
        shutil.rmtree(setting.folder, ignore_errors=True)
        result["build"] = make(setting)
    if setting.options:
        optimized = mmsearch("index", "--optimize", *setting.options, "--index", setting.index)
        result["optimize"] = optimized.seconds
    result["bytes"] = sizes(setting.index)
    result["store"] = {
        state: run_json([sys.executable, "-m", "benchmarks.probe", setting.index, str(setting.truth), state])
        for state in ("cold", "warm")
    }
    result["search"] = searching(setting)
    result["status"] = whole(setting, "status")
    result |= changing(setting)
    if setting.peer:
        result["peer"] = peer.measure(setting.world, setting.folder / "peer.sqlite", setting.rounds)
    return result


def make(setting: Setting) -> dict[str, Any]:
    """Build the index, and find meanwhile what is really nearest to each query, for `truth.npz`."""
    world = setting.world
    links = Links(setting.folder / "bodies") if sum(world.files.values()) <= MOST_FILES_TO_LINK else None
    queries = world.queries(QUERIES)
    best = Best(queries)
    began, spent = time.perf_counter(), 0.0
    for chunk in build(world, setting.index, setting.identity(), links):
        before = time.perf_counter()
        best.see(chunk)
        spent += time.perf_counter() - before
    seconds = time.perf_counter() - began - spent
    paths = [[world.path(SEARCHED, int(number)) for number in row] for row in best.numbers]
    np.savez(setting.truth, queries=queries, paths=np.array(paths))
    return {"seconds": round(seconds, 1), "items_per_second": round(world.items / seconds)}


class Best:
    """The exact nearest of all that is seen, by number of the file."""

    def __init__(self, queries: Vectors) -> None:
        self._queries = queries
        self.numbers = np.zeros((len(queries), 0), np.int64)
        self._scores = np.zeros((len(queries), 0), np.float32)

    def see(self, chunk: Chunk) -> None:
        """Take in a chunk."""
        scores = np.hstack([self._scores, self._queries @ chunk.vectors[SEARCHED].T])
        fresh = np.broadcast_to(np.array(chunk.numbers[SEARCHED]), (len(scores), len(chunk.numbers[SEARCHED])))
        numbers = np.hstack([self.numbers, fresh])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
        self._scores = np.take_along_axis(scores, order, 1)
        self.numbers = np.take_along_axis(numbers, order, 1)


def sizes(directory: str) -> dict[str, int]:
    """Bytes on disk: all, the database's, the vectors'."""
    found = {path: path.stat().st_size for path in Path(directory).rglob("*") if path.is_file()}
    vectors = sum(size for path, size in found.items() if "vectors" in path.parts)
    database = sum(size for path, size in found.items() if path.name.startswith("meta.sqlite"))
    return {"all": sum(found.values()), "database": database, "vectors": vectors}


def mmsearch(*argv: str) -> Run:
    """A whole command; 1 means that nothing was found."""
    return run([sys.executable, "-m", "mmsearch", *argv], (0, 1))


def whole(setting: Setting, *argv: str) -> dict[str, float]:
    """Median seconds and most MiB of a command, after one run that warms the caches."""
    mmsearch(*argv, "--index", setting.index)
    runs = [mmsearch(*argv, "--index", setting.index) for _ in range(setting.rounds)]
    return medians(runs)


def medians(runs: list[Run]) -> dict[str, float]:
    """Median seconds, wall and processor, and the most MiB of several runs of a command."""
    return {
        "seconds": round(statistics.median(one.seconds for one in runs), 3),
        "cpu": round(statistics.median(one.cpu for one in runs), 3),
        "mib": round(max(one.mib for one in runs)),
    }


def searching(setting: Setting) -> dict[str, Any]:
    """`mmsearch search` as a process, without a filter and with some, by meaning and words."""
    found = {"all": whole(setting, "search", ASKED), "dense": whole(setting, "search", ASKED, "--mode", "dense")}
    for name, words in FILTERS.items():
        filled = [word.format(root=setting.world.root) for word in words]
        found[name] = whole(setting, "search", ASKED, *filled)
    return found


def changing(setting: Setting) -> dict[str, Any]:
    """What adding files to the index and deleting them costs, as processes; the index is as it was then."""
    folder = setting.folder / "added"
    figures: dict[str, list[Run]] = {"add": [], "delete": []}
    for turn in range(setting.rounds):
        folder.mkdir(exist_ok=True)
        for number in range(ADDED):
            note = f"note {turn} {number}: {' '.join(setting.world.passages(turn * ADDED + number)[0].split()[:20])}\n"
            (folder / f"note{number:03d}.txt").write_text(note, encoding="utf-8")
        figures["add"].append(mmsearch("index", str(folder), "--index", setting.index))
        for path in folder.iterdir():
            path.unlink()
        figures["delete"].append(mmsearch("index", str(folder), "--prune", "--index", setting.index))
    return {name: {"files": ADDED, **medians(runs)} for name, runs in figures.items()}


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
