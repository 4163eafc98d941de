"""How hard it is to find the nearest vectors: of an index of your own, or of synthetic ones, to compare the two.

`python -m benchmarks.structure --index DIR --queries LINES.txt` reads the pictures of an index, and
`python -m benchmarks.structure --items 65000 --dim 512` makes some. It prints for single queries what share of the true
best ten lies in the nearest so many of 512 lists around centroids (that is all that such an accelerator has to look
at), and the local intrinsic dimension, as a maximum-likelihood estimate from 100 neighbours (Levina and Bickel, 2004).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks.machine import circumstances
from benchmarks.synthetic import World
from mmsearch.models import load_embedder
from mmsearch.store import Reader
from mmsearch.store.faiss_files import load_faiss
from mmsearch.types import Query, QueryPart, Vectors

RESULTS = Path(__file__).parent / "results" / "structure.jsonl"
LISTS, PROBES = 512, (4, 8, 16, 32, 64, 128)
NEIGHBOURS, TOP, QUERIES = 100, 10, 500


def main() -> None:
    """Prints a line of JSON, and adds it to `results/`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", help="an index with pictures")
    parser.add_argument("--queries", help="a file with a query on each line, for --index")
    parser.add_argument("--items", type=int, default=65_000, help="so many synthetic pictures")
    parser.add_argument("--dim", type=int, default=512)
    given = parser.parse_args()
    if given.index:
        vectors, queries = of_index(given.index, Path(given.queries).read_text(encoding="utf-8").splitlines())
        name = "index"
    else:
        world = World(given.items, given.dim, "/data")
        vectors, queries, name = world.vectors("image", 0, given.items), world.queries(QUERIES), "synthetic"
    told = {"vectors": name, "count": len(vectors), "dim": vectors.shape[1], **measure(vectors, queries)}
    line = json.dumps({"benchmark": "structure", **told, **circumstances()})
    print(line)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def of_index(directory: str, texts: list[str]) -> tuple[Vectors, Vectors]:
    """The vectors of an index's pictures, and of texts by its model."""
    with Reader.open(directory) as reader:
        vectors = np.concatenate([block.vectors for block in reader.blocks("image")])
        embedder = load_embedder(reader.identity.options)
    return vectors, np.stack([embedder.embed_query(Query((QueryPart(text),))) for text in texts if text.strip()])


def measure(vectors: Vectors, queries: Vectors) -> dict[str, object]:
    """Of float32 `(n, dim)` and `(m, dim)`, all of unit length."""
    picks = vectors[np.random.default_rng(0).choice(len(vectors), QUERIES, replace=False)]
    own, asked = _best(vectors, picks, NEIGHBOURS + 1)[1][:, 1:], _best(vectors, queries, NEIGHBOURS)[1]
    return {
        "cosine_1_10_100": [round(float(own[:, at].mean()), 3) for at in (0, 9, 99)],
        "dimension": {"picture": intrinsic(own), "text": intrinsic(asked)},
        "lists": LISTS,
        "recall_by_probes": recalls(vectors, queries),
    }


def intrinsic(cosines: Vectors) -> float:
    """The local intrinsic dimension where neighbours have such cosines, best first: the median over rows."""
    distances = np.sqrt(np.maximum(2 - 2 * cosines, 1e-9))
    logs = np.log(distances[:, :-1] / distances[:, -1:])
    return round(float(np.median(-1 / logs.mean(axis=1))), 1)


def recalls(vectors: Vectors, queries: Vectors) -> dict[int, tuple[float, float]]:
    """For each number of lists the share of the best ten that lies in them, and the share of all that does."""
    clustering = load_faiss().Kmeans(vectors.shape[1], LISTS, niter=10, spherical=True, max_points_per_centroid=100)
    clustering.train(vectors)
    lists = _best(clustering.centroids, vectors, 1)[0][:, 0]
    sizes = np.bincount(lists, minlength=LISTS)
    nearest = _best(clustering.centroids, queries, LISTS)[0]
    rank = np.argsort(nearest, axis=1)
    needed = rank[np.arange(len(queries))[:, None], lists[_best(vectors, queries, TOP)[0]]]
    found = {}
    for probes in PROBES:
        looked_at = sizes[nearest[:, :probes]].sum(axis=1).mean() / len(vectors)
        found[probes] = round(float((needed < probes).mean()), 3), round(float(looked_at), 3)
    return found


def _best(vectors: Vectors, queries: Vectors, count: int) -> tuple[np.ndarray, Vectors]:
    """Rows and cosines of the nearest."""
    scores, rows = load_faiss().knn(queries, vectors, count, metric=load_faiss().METRIC_INNER_PRODUCT)
    return rows, scores


if __name__ == "__main__":
    main()
