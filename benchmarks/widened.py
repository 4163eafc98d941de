"""The built-in model with more numbers in each vector: a local model that loads as fast, for indexes of any dimension.

Its text tower is followed by a fixed matrix with orthonormal rows, so all cosines are what they were.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np

from mmsearch.models import BUILTIN, BUILTIN_DIRECTORY


def model(folder: Path, dim: int) -> str:
    """The name of a model of so many dimensions; made below `folder` unless it is there or is the built-in one."""
    config = json.loads(Path(BUILTIN_DIRECTORY, "config.json").read_text(encoding="utf-8"))
    if config["dim"] == dim:
        return BUILTIN
    made = folder / f"model{dim}"
    if not made.exists():
        temporary = folder / f"model{dim}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        _write(temporary, config, dim)
        os.replace(temporary, made)
    return str(made)


def _write(folder: Path, config: dict[str, object], dim: int) -> None:
    import onnx
    from onnx import helper, numpy_helper

    narrow = int(str(config["dim"]))
    if dim < narrow:
        raise ValueError(f"{dim} dimensions are fewer than the {narrow} of the built-in model")
    shutil.copytree(BUILTIN_DIRECTORY, folder)
    matrix, _ = np.linalg.qr(np.random.default_rng(11).standard_normal((dim, narrow)))
    tower = onnx.load(str(folder / "text.onnx"))
    output = tower.graph.output[0]
    tower.graph.initializer.append(numpy_helper.from_array(matrix.T.astype(np.float32), "widening"))
    tower.graph.node.append(helper.make_node("MatMul", [output.name, "widening"], ["widened"]))
    shape = [output.type.tensor_type.shape.dim[0].dim_param or "n", dim]
    tower.graph.output[0].CopyFrom(helper.make_tensor_value_info("widened", onnx.TensorProto.FLOAT, shape))
    onnx.save(tower, str(folder / "text.onnx"))
    kept = {name: value for name, value in config.items() if name not in ("audio", "reranker")}
    (folder / "config.json").write_text(json.dumps({**kept, "name": f"builtin-{dim}", "dim": dim}), encoding="utf-8")
