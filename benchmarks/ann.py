"""How fast and how right vectors are looked up in large indexes, through the real store.

Vectors are those of `synthetic.py`, ten to a file, so that ten million can be had; queries are texts, which are out of
distribution to pictures, or pictures. Times are of `Reader.search` in a process that has searched before; recall
is against comparing every vector.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.machine import circumstances
from benchmarks.synthetic import ALIKE, TOGETHER, World
from mmsearch.store import EVERYTHING, Bounds, Filter, Identity, Reader
from mmsearch.store.records import KINDS, Kind, OptimizeRequest
from mmsearch.store.writer import Writer
from mmsearch.types import MODALITIES, FileMetadata, Item, LoaderSettings, Modality, ModelOptions, Vectors

RESULTS = Path(__file__).parent / "results" / "ann.jsonl"
BLOCK = 25_000
QUERIES = 200
ROUNDS = 5
TEXTS = 5000
SELECTED = (0.01, 0.1, 0.6)


def main() -> None:
    """Prints one line of JSON, and adds it to `results/`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--kind", choices=["auto", *KINDS], default="auto")
    parser.add_argument("--cut", type=int, help="as `mmsearch index --dim`")
    parser.add_argument("--work", help="keep the index here for the next time")
    parser.add_argument("--filters", action=argparse.BooleanOptionalAction, default=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(given.work or temporary) / f"{given.items}x{given.dim}"
        wanted = OptimizeRequest(cast("Kind", given.kind), given.cut)
        result = measure(work, given.items, given.dim, wanted, given.filters)
    line = json.dumps({"benchmark": "ann", "items": given.items, "dim": given.dim, **result, **circumstances()})
    print(line)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def measure(folder: Path, items: int, dim: int, wanted: OptimizeRequest, filters: bool) -> dict[str, Any]:
    """Milliseconds are medians over queries, and of those the median over rounds."""
    world = World(items, dim, "/data")
    queries = {"text": world.queries(QUERIES), "image": world.vectors("image", items, ALIKE * QUERIES)[::ALIKE]}
    if not (folder / "meta.sqlite").exists():
        build(folder, world, items)
    identity = _identity(dim)
    began = time.perf_counter()
    with Writer.open(str(folder), identity) as writer:
        made = writer.optimize(wanted, lambda *_: None)
    seconds = time.perf_counter() - began
    chosen = {one.partition: one for one in made}["image"]
    with Reader.open(str(folder)) as reader:
        found = {name: looked_up(reader, some, k) for name, some in queries.items() for k in (10,)}
        deep = looked_up(reader, queries["text"], 64)
        batch = clock(lambda: reader.search_all(queries["text"], "image", 64)) / QUERIES
        passing = filtered(reader, queries["text"][:50], world) if filters else None
    return {
        "kind": chosen.kind, "cut": wanted.dim, "tuned_recall": chosen.recall, "optimize_seconds": round(seconds, 1),
        "open_ms": opening(str(folder)), "k10": found, "k64": deep, "batch_ms_per_query": round(batch, 3),
        "filters": passing, "resident_mib": resident(), "bytes": sizes(folder),
    }  # fmt: skip


def build(folder: Path, world: World, items: int) -> None:
    """An index of pictures, ten items a file, and of some texts."""
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.parent.mkdir(parents=True, exist_ok=True)
    with Writer.open(str(temporary), _identity(world.dim)) as writer:
        for start in range(0, items, BLOCK):
            put(writer, "image", world, min(BLOCK, items - start), start)
        put(writer, "text", world, TEXTS, 0)
    os.rename(temporary, folder)


def put(writer: Writer, modality: Modality, world: World, items: int, start: int) -> None:
    """Commit files of ten items each, as large in bytes as the number of their cluster, for filters."""
    clusters, rows = world.clusters(modality, start, items), world.vectors(modality, start, items)
    for at, cluster in enumerate(clusters):
        number = start // TOGETHER + at
        name = f"{modality}{number}"
        some = rows[at * TOGETHER :][:TOGETHER]
        parts = [Item("", name, modality, modality, place) for place in range(TOGETHER)]
        writer.put_content(name, modality, modality, FileMetadata(), parts, some)
        writer.put_file(f"/data/{number}.{modality}", int(cluster), 1, name, modality)
    writer.commit()


def _identity(dim: int) -> Identity:
    return Identity(ModelOptions(), "synthetic", dim, frozenset(MODALITIES), LoaderSettings())


def looked_up(reader: Reader, queries: Vectors, k: int, where: Filter = EVERYTHING) -> dict[str, float]:
    """Milliseconds of single queries, and the share of the true best among what they find."""
    truth = exact(reader, queries, k, where)
    found = [reader.search(query, "image", k, where) for query in queries]
    bars = [scores[-1] if len(scores) else np.inf for scores in truth]
    shares = [
        sum(score >= bar - 1e-5 for _, score in hits) / max(1, len(scores))
        for hits, bar, scores in zip(found, bars, truth, strict=True)
    ]
    rounds = [[clock(lambda q=query: reader.search(q, "image", k, where)) for query in queries] for _ in range(ROUNDS)]  # type: ignore[misc]
    return {
        "recall": round(float(np.mean(shares)), 4),
        "p50_ms": round(statistics.median(float(np.percentile(times, 50)) for times in rounds), 3),
        "p99_ms": round(statistics.median(float(np.percentile(times, 99)) for times in rounds), 3),
    }


def exact(reader: Reader, queries: Vectors, k: int, where: Filter) -> list[Vectors]:
    """For each query the best scores, best first, by comparing every vector."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    for block in reader.blocks("image", where):
        scores = np.concatenate([best, queries @ block.vectors.T], axis=1)
        best = -np.partition(-scores, k - 1, axis=1)[:, :k]
    return [row[np.isfinite(row)] for row in -np.sort(-best, axis=1)]


def filtered(reader: Reader, queries: Vectors, world: World) -> dict[str, dict[str, float]]:
    """Of filters that leave such a share of the files: any of them, or those of some clusters and no others."""
    found = {}
    ends = np.cumsum(world.shares)
    for share in SELECTED:
        clusters = int(np.searchsorted(ends, share))
        found[f"{share:.0%} spread"] = looked_up(reader, queries, 10, Filter(accept=partial(_chosen, share)))
        found[f"{share:.0%} clusters"] = looked_up(reader, queries, 10, Filter(size=Bounds(0, clusters)))
    return found


def _chosen(share: float, path: str) -> bool:
    number = int(os.path.basename(path).partition(".")[0])
    return number * 7919 % 1000 < share * 1000


def opening(directory: str) -> float:
    """Milliseconds until a reader has all files open."""

    def once() -> None:
        with Reader.open(directory) as reader:
            reader.open_files()

    return round(statistics.median(clock(once) for _ in range(ROUNDS)), 2)


def clock(action: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1e3


def resident() -> float:
    """MiB of this process that are not files mapped into memory; nan where the system does not say."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return float("nan")
    (kib,) = (line.split()[1] for line in text.splitlines() if line.startswith("RssAnon"))
    return round(int(kib) / 1024)


def sizes(folder: Path) -> dict[str, int]:
    """Bytes by what they are for."""

    def total(paths: Iterator[Path]) -> int:
        return sum(path.stat().st_size for path in paths)

    return {
        "vectors": total(folder.glob("vectors/*/*.faiss")),
        "accelerators": total(folder.glob("vectors/*/*.ann")),
        "database": total(folder.glob("meta.sqlite*")),
    }


if __name__ == "__main__":
    main()
