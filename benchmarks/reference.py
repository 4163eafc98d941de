"""The other side of `index_vs_st`: `SentenceTransformer.encode` on paths, in a process of its own.

Usage: `python -m benchmarks.reference MODEL PATHS.txt VECTORS.npy DTYPE`. Prints the seconds that `encode` took;
loading the model and a first pass over one picture are not counted.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np


def main(model_name: str, list_name: str, out: str, dtype: str) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    paths = Path(list_name).read_text(encoding="utf-8").splitlines()
    settings = {"dtype": getattr(torch, dtype)}
    model = SentenceTransformer(model_name, local_files_only=True, model_kwargs=settings)
    encode = model.encode_document if model.prompts.get("document") else model.encode
    encode(paths[:1])
    began = time.perf_counter()
    vectors = encode(paths, batch_size=32, convert_to_tensor=True, show_progress_bar=False).float().cpu().numpy()
    seconds = time.perf_counter() - began
    np.save(out, vectors)
    print(json.dumps({"seconds": seconds, "device": str(model.device)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
