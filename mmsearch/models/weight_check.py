"""Makes sure that the files of a model are data: weights in safetensors, and settings that run no code.

Two lines of defence: the folders are checked before loading, and while a model loads, unpickling is refused in this
thread, torch's own loader in all threads. --trust-remote-code allows program code beside the weights, but never weights
that are programs. Knows nothing of networks.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from mmsearch.errors import ModelUnavailable

SAFE = ".safetensors"
UNSAFE = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".gguf", ".h5"})
"""Suffixes of weights that a loader might unpickle, or that no loader here reads."""
NO_WEIGHTS = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state.*|rust_model)\.\w+")
"""Left beside the weights by training; no loader opens them."""
NEEDS_TRUST = "it brings its own program code: read it, then allow it with --trust-remote-code"
CONVERT = "save it again as safetensors, or pull a revision that has them"
DEEPEST = 4
"""Levels below a module's folder in which it may keep modules of its own."""

USER_ARGUMENTS = frozenset(
    {
        *("trust_remote_code", "weights_only", "code_revision", "use_safetensors", "state_dict", "gguf_file"),
        *("use_kernels", "kernel_config", "allow_all_kernels", "adapter_kwargs", "_from_auto", "_from_pipeline"),
        *("from_tf", "from_flax", "pickle_module", "custom_generate"),
    }
)
"""Arguments of loaders that decide whether files may run code. Only mmsearch's own options may set them."""
LOADER_ARGUMENTS = USER_ARGUMENTS | {
    *("cache_dir", "proxies", "token", "use_auth_token", "local_files_only", "force_download", "revision", "subfolder"),
    *("config", "quantization_config", "offload_folder", "device_mesh", "tp_plan", "tp_size", "distributed_config"),
    *("tqdm_class", "output_loading_info", "key_mapping", "adapter_name", "generation_config", "_commit_hash"),
    *("pretrained_model_name_or_path", "weight_name", "model_args", "_configuration_file", "resume_download", "mirror"),
    *("_fast_init", "low_cpu_mem_usage", "max_memory", "offload_buffers", "offload_state_dict", "load_in_4bit"),
    *("load_in_8bit", "experts_implementation", "user_agent", "return_unused_kwargs", "dtype_plan", "fusion_config"),
}
"""All arguments of `from_pretrained` that a model may not set for itself; a test compares them with those of the
installed libraries."""
MODEL_ARGUMENTS = frozenset(
    {
        *("dtype", "torch_dtype", "attn_implementation", "_attn_implementation", "device_map", "variant"),
        *("ignore_mismatched_sizes", "disable_mmap"),
    }
)
"""The arguments that a model may set: they decide its speed, number format and file."""
IGNORED_ARGUMENTS = frozenset({"trust_remote_code"})
"""Set by models with code of their own; Sentence Transformers ignores it in a model's files."""
LOADER_KEYS = (
    *("model_args", "model_kwargs", "tokenizer_args", "tokenizer_kwargs"),
    *("processor_args", "processor_kwargs", "config_args", "config_kwargs"),
)
"""Under these keys a module's settings hold arguments for a loader."""
LIBRARY_CLASS = re.compile(r"sentence_transformers(\.[a-z_0-9]+)*\.[A-Z]\w*")
"""A class of Sentence Transformers; other objects in its modules have names in lower case, such as `torch`."""
TORCH_CLASS = re.compile(r"torch\.nn(\.[a-z_0-9]+)*\.[A-Z]\w*")

_local = threading.local()
_lock = threading.RLock()
_loading_models: list[str] = []
"""The models that all threads are loading now."""
_original_loaders: list[tuple[Any, str, Any]] = []
"""The original functions, put back when no model is loading any more."""


# --- before loading ---------------------------------------------------------------------------------------------------


def require_data(directory: Path, trust: bool) -> None:
    """Make sure that a model's folder holds weights in safetensors, and settings that run no code.

    All its modules must be classes of Sentence Transformers, whose older releases import any from a directory. Raises
    ModelUnavailable with the remedy. With `trust` only the weights are checked: they are never unpickled.
    """
    kinds = [str(module.get("type")) for module in modules(directory)]
    if not trust and not all(map(LIBRARY_CLASS.fullmatch, kinds)):
        raise ModelUnavailable(f"cannot load model {directory}: {NEEDS_TRUST}")
    for folder in (directory, *_module_folders(directory)):
        _require_safetensors(directory, folder)
        if not trust:
            for path in sorted(folder.glob("*.json")):
                if path.name not in ("tokenizer.json", "vocab.json", "added_tokens.json"):
                    _require_harmless(directory, path)


def _module_folders(directory: Path) -> list[Path]:
    """The folders of the modules with those below them; raises ModelUnavailable for one outside the model's own."""
    folders: dict[Path, None] = {}
    for module in modules(directory):
        path = str(module.get("path") or "")
        if os.path.isabs(path) or ".." in Path(path).parts:
            raise ModelUnavailable(f"cannot load model {directory}: modules.json names {path}, which is outside")
        if path:
            for folder, below, _ in os.walk(directory / path):
                folders[Path(folder)] = None
                if len(Path(folder).relative_to(directory).parts) > DEEPEST:
                    below.clear()
    return list(folders)


def modules(directory: Path) -> list[dict[str, Any]]:
    """The entries of `modules.json`; empty if there is none."""
    try:
        modules = json.loads((directory / "modules.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []  # there are none, or loading reports the problem
    return [module for module in modules if isinstance(module, dict)] if isinstance(modules, list) else []


def _require_safetensors(directory: Path, folder: Path) -> None:
    """Make sure that a folder has no weights, or some in safetensors, which are then taken."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return  # no such folder: loading reports the missing file
    unsafe = sorted(name for name in names if Path(name).suffix in UNSAFE and not NO_WEIGHTS.fullmatch(name))
    adapter = [name for name in unsafe if name.startswith("adapter_")]
    if unsafe and (adapter or not any(name.endswith(SAFE) for name in names)):
        name = (folder / (adapter or unsafe)[0]).relative_to(directory).as_posix()
        raise ModelUnavailable(f"cannot load model {directory}: {name} may hold program code: {CONVERT}")


def _require_harmless(directory: Path, path: Path) -> None:
    """Make sure that a file of settings sets no switch of a loader that is not the model's to set."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return  # loading reports the problem
    for key, value in _pairs(settings):
        if problem := _problem(key, value):
            name = path.relative_to(directory).as_posix()
            raise ModelUnavailable(f"cannot load model {directory}: {name} sets {problem}, which only its user may")


def _pairs(settings: Any) -> Iterator[tuple[str, Any]]:
    """All keys of nested settings with their values."""
    stack = [settings]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield from value.items()
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _problem(key: str, value: Any) -> str | None:
    """The name of a setting that a model may not set, None if it may."""
    if key in LOADER_KEYS and isinstance(value, dict):
        return next((name for name in value if name in LOADER_ARGUMENTS - IGNORED_ARGUMENTS), None)
    if key.strip("_").removesuffix("_internal") in ("attn_implementation", "experts_implementation"):
        kinds = value.values() if isinstance(value, dict) else (value,)
        return next((f"{key} {kind}" for kind in kinds if isinstance(kind, str) and not is_attention(kind)), None)
    if key in USER_ARGUMENTS - IGNORED_ARGUMENTS:
        return key
    if key == "activation_function" and isinstance(value, str) and "." in value and not TORCH_CLASS.fullmatch(value):
        return f"{key} {value}"
    return None


def is_attention(kind: str) -> bool:
    """Whether a way to compute attention is part of transformers, and no program from elsewhere."""
    return "/" not in kind and "|" not in kind and ":" not in kind


def required_kwargs(trust: bool) -> dict[str, Any]:
    """Arguments that every loader of models gets, over all others."""
    return {"use_safetensors": True, "weights_only": True, "trust_remote_code": trust}


# --- while loading ----------------------------------------------------------------------------------------------------


@contextmanager
def refuse_unpickling(name: str) -> Iterator[None]:
    """Unpickling in this thread raises ModelUnavailable, and so does torch's loader in any thread."""
    with _lock:
        if not _loading_models:
            for module, attribute in _unpicklers():
                _original_loaders.append((module, attribute, getattr(module, attribute)))
                setattr(module, attribute, _guard(getattr(module, attribute)))
        _loading_models.append(name)
    outer = getattr(_local, "model", None)
    _local.model = name
    try:
        yield
    finally:
        _local.model = outer
        with _lock:
            _loading_models.remove(name)
            while _original_loaders and not _loading_models:
                module, attribute, load = _original_loaders.pop()
                setattr(module, attribute, load)


def _unpicklers() -> Iterator[tuple[Any, str]]:
    """The functions and classes that read pickles, as module and name, of the modules that are loaded."""
    import numpy
    import torch

    yield torch, "load"
    yield torch.serialization, "load"
    yield torch.jit, "load"
    yield numpy, "load"
    yield from ((pickle, name) for name in ("load", "loads", "Unpickler", "_Unpickler"))
    for module, name in (("joblib", "load"), ("dill", "load"), ("dill", "loads"), ("cloudpickle", "load")):
        if module in sys.modules and hasattr(sys.modules[module], name):
            yield sys.modules[module], name


def _guard(load: Any) -> Any:
    """A wrapper that refuses while this thread loads a model. It may be imported meanwhile, and outlive the guard."""
    if isinstance(load, type):

        class Guarded(load):  # type: ignore[misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                _refuse_in_loading()
                super().__init__(*args, **kwargs)

        return Guarded
    torch = load.__module__.startswith("torch")
    numpy = load.__module__.startswith("numpy")

    def guarded(*args: Any, **kwargs: Any) -> Any:
        if torch and _loading_models:
            _refuse(getattr(_local, "model", None) or _loading_models[0])
        if not numpy or kwargs.get("allow_pickle") or len(args) > 2:
            _refuse_in_loading()
        return load(*args, **kwargs)

    return guarded


def _refuse_in_loading() -> None:
    if (model := getattr(_local, "model", None)) is not None:
        _refuse(model)


def _refuse(model: str) -> NoReturn:
    raise ModelUnavailable(f"cannot load model {model}: some of its weights may hold program code: {CONVERT}")


def user_arguments(kwargs: Mapping[str, Any]) -> set[str]:
    """The arguments that are refused because another option decides them."""
    return {key for key in kwargs if key in USER_ARGUMENTS}
