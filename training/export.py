"""Writes the trained model as ONNX files with half-precision weights, and checks each against torch.

The weights are rounded to half precision first and both sides of the check use the rounded values, so the check is
strict. The same checkpoint gives the same bytes. Knows nothing of training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer as Words
from torch import Tensor, nn

from mmsearch.models.dual_encoder import DualEncoder
from training.layers import fold_norms
from training.model import Model
from training.odds import Odds
from training.towers import CLIP_SAMPLES, MIDDLE, PLACE, SAMPLE_RATE

OPSET = 18
TOLERANCE = 1e-4
_RESULT = "result."
HALF_FROM = 256  # smaller tensors stay in single precision: they cost nothing


@dataclass(frozen=True)
class Part:
    """One graph to export: `inputs` by name, an example, and the axes that stay free."""

    file: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    free: dict[str, dict[int, str]]


def parts(model: Model) -> list[Part]:
    """The four graphs of a model, with two-row examples to trace and check with."""
    shape = model.shape
    draw = torch.Generator().manual_seed(0)
    size, dim, width, depth = shape.image_size, shape.dim, 7, 9
    pixels = torch.randint(0, 256, (2, size, size, 3), generator=draw, dtype=torch.uint8)
    ids = torch.randint(4, shape.vocabulary, (2, width), generator=draw)
    mask = torch.ones(2, width, dtype=torch.int64)
    mask[1, 4:] = 0
    samples = torch.rand(2, CLIP_SAMPLES, generator=draw) - 0.5
    queries, states = (torch.randn(2, n, dim + PLACE, generator=draw) for n in (width, depth))
    pair = {
        "query_states": queries,
        "query_mask": mask,
        "states": states,
        "mask": torch.ones(2, depth, dtype=torch.int64),
    }
    rows, both = {0: "n"}, ("embedding", "states")
    words = {0: "n", 1: "t"}
    places = {0: "n", 1: "p"}
    asked = {0: "n", 1: "q"}
    return [
        Part("image.onnx", model.picture, {"pixels": pixels}, both, {"pixels": rows}),
        Part("text.onnx", model.text, {"ids": ids, "mask": mask}, both, {"ids": words, "mask": words}),
        Part("audio.onnx", model.sound, {"samples": samples}, both, {"samples": rows}),
        Part(
            "reranker.onnx",
            model.reranker,
            pair,
            ("score",),
            {"query_states": asked, "query_mask": asked, "states": places, "mask": places},
        ),
    ]


def config(model: Model, odds: Odds, rerank_odds: Odds, version: str) -> dict[str, object]:
    """What the loader needs to know; sizes in pixels, seconds and tokens."""
    shape = model.shape
    return {
        "name": "builtin",
        "version": version,
        "dim": shape.dim,
        "image": {"file": "image.onnx", "size": shape.image_size, "resample": "bilinear", "middle": MIDDLE},
        "text": {"file": "text.onnx", "tokenizer": "tokenizer.json", "max_tokens": shape.max_tokens},
        "audio": {
            "file": "audio.onnx",
            "sample_rate": SAMPLE_RATE,
            "seconds": CLIP_SAMPLES / SAMPLE_RATE,
            "pad": "tile",
            "pad_under_seconds": 1.0,
        },
        "reranker": {"file": "reranker.onnx", "max_query_tokens": shape.max_query_tokens, "odds": rerank_odds},
        "odds": odds,
    }


def export(
    model: Model, odds: Odds, rerank_odds: Odds, tokenizer: Path, folder: Path, version: str
) -> dict[str, float]:
    """Write every file of the model into `folder`; returns the largest difference from torch for each graph.

    Raises ValueError when a graph differs from torch by more than `TOLERANCE`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.eval()
    fold_norms(model)
    round_to_half(model)
    differences = {}
    for part in parts(model):
        path = folder / part.file
        path.write_bytes(build(part))
        differences[part.file] = check(part, path)
    words = Words.from_file(str(tokenizer))
    words.enable_truncation(model.shape.max_tokens)
    words.save(str(folder / "tokenizer.json"))
    stated = config(model, odds, rerank_odds, version)
    _write(folder, stated)
    _write(folder, stated | {"fingerprint": DualEncoder(str(folder)).fingerprint})
    return differences


def _write(folder: Path, stated: dict[str, object]) -> None:
    (folder / "config.json").write_text(json.dumps(stated, indent=1) + "\n", encoding="utf-8")


def build(part: Part) -> bytes:
    """The ONNX file of one graph; equal weights give equal bytes."""
    content: bytes = _halve(_trace(part)).SerializeToString(deterministic=True)
    return content


def check(part: Part, path: Path) -> float:
    """Largest absolute difference between the ONNX file and the torch module on the example."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    got: Sequence[np.ndarray] = session.run(None, {k: v.numpy() for k, v in part.inputs.items()})
    with torch.no_grad():
        expected = part.module(*part.inputs.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    difference = max(float(np.abs(g - e.numpy()).max()) for g, e in zip(got, expected, strict=True))
    if not difference <= TOLERANCE:
        raise ValueError(f"{part.file} differs from torch by {difference:.2g}, more than {TOLERANCE:.0e}")
    return difference


def round_to_half(model: nn.Module) -> None:
    """Keep of every large weight what half precision holds, in place."""
    with torch.no_grad():
        for tensor in model.parameters():
            if tensor.numel() >= HALF_FROM:
                tensor.copy_(tensor.half().float())


def _trace(part: Part) -> onnx.ModelProto:
    dynamic = {
        name: {axis: torch.export.Dim(label) for axis, label in axes.items()} for name, axes in part.free.items()
    }
    program = torch.onnx.export(
        part.module,
        tuple(part.inputs.values()),
        input_names=list(part.inputs),
        output_names=[f"{_RESULT}{name}" for name in part.outputs],
        dynamic_shapes=tuple(dynamic.values()),
        opset_version=OPSET,
        dynamo=True,
        optimize=False,
        verbose=False,
    )
    assert program is not None
    return program.model_proto


def _halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large single-precision weights as halves, each behind a Cast, and drop what only helps a debugger."""
    _name_values(model.graph)
    casts = []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or array.size < HALF_FROM:
            continue
        if not np.array_equal(array, array.astype(np.float16).astype(np.float32)):
            continue  # a constant that was not rounded, such as the mel filters
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(model)
    return model


def _name_values(graph: onnx.GraphProto) -> None:
    """Number the inner values and give the outputs their public names.

    The tracer names an inner value "embedding" too.
    """
    names = {value.name: value.name for value in graph.input}
    names |= {value.name: value.name.removeprefix(_RESULT) for value in graph.output}
    names[""] = ""
    for tensor in graph.initializer:
        tensor.name = names.setdefault(tensor.name, f"w{len(names)}")
    for node in graph.node:
        inputs = [names[name] for name in node.input]
        outputs = [names.setdefault(name, f"v{len(names)}") for name in node.output]
        del node.input[:], node.output[:]
        node.input.extend(inputs)
        node.output.extend(outputs)
        node.name = ""
    for value in graph.output:
        value.name = names[value.name]
