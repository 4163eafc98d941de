"""Embedders and rerankers behind two functions; the only package that imports torch or onnxruntime, and only when used.

Knows nothing about files on disk other than a model's own, and nothing about indexes.
"""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.types import Embedder, ModelOptions, Reranker

if TYPE_CHECKING:
    from pathlib import Path

BUILTIN = "builtin"
BACKEND_INDEPENDENT = ("name", "exact", "tiles")
"""Options that do not depend on the library that runs a model."""
BUILTIN_DIRECTORY = os.path.join(os.path.dirname(__file__), "builtin")


def load_embedder(options: ModelOptions, many: bool = False) -> Embedder:
    """The embedder that `options` name: `builtin`, a directory, or a catalog name or hub id found in the local cache.

    With `many` it will embed the contents of whole folders: it may load a moment longer to be faster then. Without, as
    for a search, int8 becomes float32: the vectors agree, and one pass of one query is not worth the conversion.

    With `dummy_weights` the model only needs to be in the catalog. Nothing is downloaded. Raises ModelUnavailable if
    the model is not on this machine or cannot be loaded.
    """
    _refuse_hidden_permissions(options)
    if options.dummy_weights:
        from mmsearch.models import dummy

        return dummy.embedder(options, many=many)
    if directory := _onnx_directory(options):
        _refuse_torch_options(options)
        from mmsearch.models.dual_encoder import OnnxEmbedder

        tiles = options.tiles is not False
        return OnnxEmbedder(directory, options.name, exact=options.exact, tiles=tiles, preload_text=not many)
    if export := _export(options):
        _refuse_torch_options(replace(options, revision=None, model_kwargs={}))
        from mmsearch.models.onnx_clip import ExportedEmbedder

        return ExportedEmbedder(export, options)
    from mmsearch.models.st_embedder import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(_without_backend(options), many)


def fingerprint_of(options: ModelOptions) -> str | None:
    """The fingerprint that `load_embedder` would give the model, from its files alone.

    None for models that load in no time, or whose fingerprint needs more than the files. Raises ModelUnavailable if the
    model is not on this machine.
    """
    if options.dummy_weights or options.trust_remote_code or not needs_torch(options):
        return None
    from mmsearch.models import hub

    plain = _without_backend(options)
    return hub.fingerprint(hub.locate(plain.name, plain.revision, "sentence-transformers"), hub.identity(plain))


def needs_torch(options: ModelOptions, reranker: bool = False) -> bool:
    """Whether torch runs the model that `options` name. Raises ModelUnavailable if it is not on this machine."""
    if _onnx_directory(options):
        return False
    return reranker or options.dummy_weights or not _export(options)


def load_reranker(options: ModelOptions) -> Reranker:
    """The reranker that `options` name, under the same rules as `load_embedder`."""
    _refuse_hidden_permissions(options)
    if options.dummy_weights:
        from mmsearch.models import dummy

        return dummy.reranker(options)
    if directory := _onnx_directory(options):
        _refuse_torch_options(options)
        from mmsearch.models.dual_encoder import OnnxReranker

        return OnnxReranker(directory, options.name)
    from mmsearch.models.st_reranker import CrossEncoderReranker

    return CrossEncoderReranker(options)


def _refuse_hidden_permissions(options: ModelOptions) -> None:
    """Refuses loader arguments that decide whether code may run: they may come from an index, made by anyone."""
    if not (options.model_kwargs or options.processor_kwargs):
        return
    from mmsearch.models import weight_check

    for name, kwargs in (("model", options.model_kwargs), ("processor", options.processor_kwargs)):
        for key in sorted(weight_check.user_arguments(kwargs)):
            raise UsageError(f"{key} cannot be given in --{name}-kwargs: --trust-remote-code is the way to allow code")


def _refuse_torch_options(options: ModelOptions) -> None:
    """Refuses options that would have no effect."""
    device = None if options.device == "cpu" else options.device
    chosen = {**options.to_json(), "device": device, "batch_size": options.batch_size}
    if unused := [
        f"--{name.replace('_', '-')}" for name, value in chosen.items() if value and name not in BACKEND_INDEPENDENT
    ]:
        raise UsageError(f"model {options.name} runs by ONNX Runtime on the CPU and takes no {unused[0]}")


def _onnx_directory(options: ModelOptions) -> str | None:
    """The directory of an ONNX dual encoder in our own layout, or None if the name means another kind of model."""
    if options.name == BUILTIN:
        return BUILTIN_DIRECTORY
    is_own_layout = os.path.isabs(options.name) and os.path.isfile(os.path.join(options.name, "text.onnx"))
    return options.name if is_own_layout else None


def _export(options: ModelOptions) -> Path | None:
    """The directory of a CLIP or SigLIP export that ONNX Runtime should run; None leaves the model to torch.

    ONNX Runtime runs it if the user chose `backend` `onnx`, or chose nothing and there is only the export, or no torch.
    Raises ModelUnavailable if the model is not on this machine, or needs torch and there is none.
    """
    from mmsearch.models import hub, onnx_clip

    backend = options.model_kwargs.get("backend")
    if backend not in (None, "onnx", "torch"):
        raise UsageError(f"unknown backend {backend} in --model-kwargs: use torch or onnx")
    files = onnx_clip.required_files(options.model_kwargs.get("variant")) if backend == "onnx" else ()
    directory = hub.locate(options.name, options.revision, "sentence-transformers", files)
    if backend == "onnx":
        return directory
    torch = find_spec("torch") is not None
    if backend is None and onnx_clip.is_export(directory) and not (torch and hub.has_weights(directory)):
        return directory
    if not torch:
        raise ModelUnavailable(f"model {options.name} needs PyTorch, which is not installed: `pip install torch`")
    return None


def _without_backend(options: ModelOptions) -> ModelOptions:
    """The options without `backend`, which model classes do not know."""
    kwargs = {key: value for key, value in options.model_kwargs.items() if key != "backend"}
    return replace(options, model_kwargs=kwargs)
