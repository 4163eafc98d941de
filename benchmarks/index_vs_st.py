"""`mmsearch index` against `SentenceTransformer.encode(paths)`: same model, same pictures, side by side.

Both run as processes of their own, in turn, and neither counts the loading of the model. `encode` is warmed up; `index`
is not, and counts finding the files, starting its workers and writing the index. Every result is one line of JSON:
ratios above 1 mean that `index` is faster. `cosine` compares the stored vectors with those of `encode`, `between` is
the mean cosine of different pictures, and `found` the share of pictures whose `encode` vector has that very picture
first in the index: random weights put all pictures close together, so that is the sharper measure.

Usage: `python -m benchmarks.index_vs_st --quick`, or see README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import circumstances
from benchmarks.models import MODELS, make_model
from benchmarks.pictures import make_set

SETS = ("12mp-large", "12mp-small", "2mp", "mixed")
RESULTS = Path(__file__).parent / "results" / "index_vs_st.jsonl"


def main() -> None:
    given = _arguments()
    Path(given.out).parent.mkdir(parents=True, exist_ok=True)
    with _workplace(given.work) as work:
        for model in given.models.split(","):
            directory = make_model(model, work / "models")
            for name in given.sets.split(","):
                paths = make_set(name, work / "pictures", given.count)
                line = json.dumps({"model": model, "set": name, **measured(directory, paths, given, work)})
                print(line, flush=True)
                with open(given.out, "a", encoding="utf-8") as file:
                    file.write(line + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of few pictures with CLIP alone")
    parser.add_argument("--models", help=f"of {', '.join(MODELS)}; default: all")
    parser.add_argument("--sets", help=f"of {', '.join(SETS)}; default: all")
    parser.add_argument("--count", type=int, help="pictures of a set (96)")
    parser.add_argument("--rounds", type=int, help="runs of each side (3)")
    parser.add_argument("--dtype", default="float32", help="of both sides, or auto: what mmsearch picks by itself")
    parser.add_argument("--exact", action="store_true", help="index with --exact")
    parser.add_argument("--work", help="where pictures and models are kept for the next time")
    parser.add_argument("--out", default=str(RESULTS), help="file that results are added to")
    given = parser.parse_args()
    given.models = given.models or ("clip-b32" if given.quick else ",".join(MODELS))
    given.sets = given.sets or ("12mp-large,2mp" if given.quick else ",".join(SETS))
    given.count = given.count or (16 if given.quick else 96)
    given.rounds = given.rounds or (1 if given.quick else 3)
    return given


@contextmanager
def _workplace(kept: str | None) -> Iterator[Path]:
    """A folder for pictures, models and indexes: the one given, or one that is gone afterwards."""
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
        yield Path(kept).absolute()
        return
    with tempfile.TemporaryDirectory(prefix="mmsearch-benchmark-") as folder:
        yield Path(folder)


def measured(model: str, paths: list[str], given: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Both sides in turn, `given.rounds` times, and what came of it."""
    before = circumstances()
    (work / "paths.txt").write_text("\n".join(paths), encoding="utf-8")
    dtype = "float32" if given.dtype == "auto" else given.dtype
    encode: list[float] = []
    reports: list[dict[str, Any]] = []
    for turn in range(given.rounds):
        for side in ("encode", "index") if turn % 2 == 0 else ("index", "encode"):
            if side == "encode":
                encode.append(encoded_seconds(model, work, dtype))
            else:
                reports.append(_index(model, given, work))
    reports.sort(key=lambda report: report["seconds"])
    index = [report["seconds"] for report in reports]
    ratio = statistics.median(encode) / statistics.median(index)
    return {
        "pictures": len(paths),
        "megabytes": round(sum(os.path.getsize(path) for path in paths) / 1e6, 1),
        "dtype": {"encode": dtype, "index": given.dtype},
        "exact": given.exact,
        "ratio": round(ratio, 2),
        "seconds": {"encode": [round(one, 2) for one in encode], "index": [round(one, 2) for one in index]},
        **compared(work, paths),
        "stages": reports[len(reports) // 2].get("stages", {}),
        **before,
    }


def encoded_seconds(model: str, work: Path, dtype: str) -> float:
    """Seconds of `encode`; its vectors are left in the workplace."""
    command = ["-m", "benchmarks.reference", model, str(work / "paths.txt"), str(work / "vectors.npy"), dtype]
    return float(_ran(command)["seconds"])


def _index(model: str, given: argparse.Namespace, work: Path) -> dict[str, Any]:
    """The report of a run into a new index."""
    shutil.rmtree(work / "index", ignore_errors=True)
    command = ["-m", "mmsearch", "index", "--json", "--model", model, "--index", str(work / "index")]
    command += ["--files-from", str(work / "paths.txt")]
    command += ["--dtype", given.dtype] if given.dtype != "auto" else []
    return _ran(command + (["--exact"] if given.exact else []))


def _ran(command: list[str]) -> dict[str, Any]:
    """What a Python process prints as JSON on its last line or in all of them."""
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return found


def compared(work: Path, paths: list[str]) -> dict[str, float]:
    """How near the stored vectors are to those of `encode`."""
    from mmsearch.store import Reader

    rows = np.load(work / "vectors.npy").astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    own, others, found = [], [], 0
    with Reader.open(str(work / "index")) as reader:
        for path, row in zip(paths, rows, strict=True):
            hits = reader.search(row, "image", len(paths))
            places = reader.locate([item for item, _ in hits])
            scores = [(score, places[item][0].item.path == path) for item, score in hits]
            own += [score for score, same in scores if same]
            others += [score for score, same in scores if not same]
            found += scores[0][1]
    if len(own) != len(paths):
        sys.exit(f"{len(own)} of {len(paths)} pictures are in the index")
    return {
        "cosine_mean": round(float(np.mean(own)), 5),
        "cosine_min": round(float(np.min(own)), 5),
        "between": round(float(np.mean(others)), 5) if others else 0.0,
        "found": round(found / len(paths), 3),
    }


if __name__ == "__main__":
    main()
