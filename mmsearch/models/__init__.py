"""Embedders and rerankers behind two functions; the only package that imports torch or onnxruntime, and only when used.

Knows nothing about files on disk other than a model's own, and nothing about indexes.
"""

from __future__ import annotations

import os

from mmsearch.core import Embedder, ModelOptions, Reranker
from mmsearch.errors import UsageError

BUILTIN = "builtin"
BUILTIN_DIRECTORY = os.path.join(os.path.dirname(__file__), "builtin")


def load_embedder(options: ModelOptions) -> Embedder:
    """The embedder that `options` names: `builtin`, a directory, or a hub id found in the local cache.

    Raises ModelUnavailable when it is not on this machine or cannot be loaded. Nothing is downloaded.
    """
    if directory := _onnx_directory(options):
        _refuse_torch_options(options)
        from mmsearch.models.onnx import OnnxEmbedder

        return OnnxEmbedder(directory, options.name, options.exact)
    from mmsearch.models.st import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(options)


def load_reranker(options: ModelOptions) -> Reranker:
    """The reranker that `options` names, under the same rules as `load_embedder`."""
    if directory := _onnx_directory(options):
        _refuse_torch_options(options)
        from mmsearch.models.onnx import OnnxReranker

        return OnnxReranker(directory, options.name)
    from mmsearch.models.rerank import CrossEncoderReranker

    return CrossEncoderReranker(options)


def _refuse_torch_options(options: ModelOptions) -> None:
    """An option that would do nothing is an error, not a disappointment."""
    device = None if options.device == "cpu" else options.device
    given = {**options.to_json(), "device": device, "batch_size": options.batch_size, "name": None, "exact": None}
    if unused := [f"--{name.replace('_', '-')}" for name, value in given.items() if value]:
        raise UsageError(f"model {options.name} runs by ONNX Runtime on the CPU and takes no {unused[0]}")


def _onnx_directory(options: ModelOptions) -> str | None:
    """The directory of an ONNX dual encoder in our own layout, or None when the name means another kind of model."""
    if options.name == BUILTIN:
        return BUILTIN_DIRECTORY
    return options.name if os.path.isfile(os.path.join(options.name, "text.onnx")) else None
