"""How far an index run could get ahead of `encode` at all: what must be computed for a picture, one part at a time.

Nothing can leave out reading a file's digest, decoding its entropy-coded data (the JPEG decoder at an eighth of the
scale does that and hardly more) and the model's pass. Their seconds on one core, spread over all cores without any
loss, are the least that a run can take; `encode` on the same pictures divided by that is the most that the ratio of
`index_vs_st` can be on this machine, in float32 and in the format that mmsearch picks by itself.

Usage: `python -m benchmarks.bound --work /var/tmp/bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.index_vs_st import SETS, encoded_seconds
from benchmarks.machine import circumstances
from benchmarks.models import MODELS, make_model
from benchmarks.pictures import make_set
from mmsearch import scan

RESULTS = Path(__file__).parent / "results" / "bound.jsonl"
BATCH = 32


def main() -> None:
    """Prints one line of JSON, and adds it to `results/`."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--model", default="clip-b32", choices=MODELS)
    parser.add_argument("--set", default="12mp-large", choices=SETS)
    parser.add_argument("--count", type=int, default=32, help="pictures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", required=True, help="where pictures and models are kept")
    given = parser.parse_args()
    line = json.dumps({"benchmark": "bound", **measured(given), **circumstances()})
    print(line)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds a picture: of each part on one core, of `encode`, and the ratios that follow; medians of rounds."""
    work = Path(given.work).absolute()
    model = make_model(given.model, work / "models")
    paths = make_set(given.set, work / "pictures", given.count)
    passes = {"float32": _pass(model, "float32"), "auto": _pass(model, None)}
    found: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        timed: dict[str, Callable[[], object]] = {
            "digest": lambda: [scan.digest(path) for path in paths],
            "decode": lambda: [_decoded(path) for path in paths],
        }
        for name, run in (timed | {f"forward {dtype}": run for dtype, run in passes.items()}).items():
            count = BATCH if name.startswith("forward") else len(paths)
            found.setdefault(name, []).append(_clock(run) / count)
        (work / "paths.txt").write_text("\n".join(paths), encoding="utf-8")
        found.setdefault("encode", []).append(encoded_seconds(model, work, "float32") / len(paths))
    each = {name: statistics.median(values) for name, values in found.items()}
    cores = os.cpu_count() or 1
    bound = {
        dtype: round(each["encode"] * cores / (each["digest"] + each["decode"] + each[f"forward {dtype}"]), 2)
        for dtype in passes
    }
    milliseconds = {name: round(1000 * value, 1) for name, value in each.items()}
    return {"model": given.model, "set": given.set, "pictures": len(paths), "ms": milliseconds, "bound": bound}


def _decoded(path: str) -> tuple[int, int]:
    """Decodes as little of a JPEG as gives a picture at all, and tells its size."""
    with Image.open(path) as image:
        image.draft("RGB", (image.width // 8, image.height // 8))
        image.load()
        return image.width, image.height


def _pass(model: str, dtype: str | None) -> Callable[[], object]:
    """A pass of the model over a batch of pictures of its own size, on one core."""
    import numpy as np
    import torch

    from mmsearch.models import load_embedder
    from mmsearch.types import Item, ModelOptions, Segment

    embedder: Any = load_embedder(ModelOptions(model, device="cpu", dtype=dtype), many=True)
    embedder._lanes = None  # they would take the other cores for other inputs
    fit = embedder.spec.loader.image_fit
    height, width = (fit.height or fit.edge, fit.width or fit.edge) if fit else (224, 224)
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, height, width, 3), np.uint8)
    segments = [Segment(Item("", "", "image", "image", at), picture) for at, picture in enumerate(pixels)]

    def run() -> object:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return embedder.embed(segments)
        finally:
            torch.set_num_threads(threads)

    run()
    return run


def _clock(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
