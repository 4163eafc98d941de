"""Finds a model on this machine, says how to fetch a missing one, and tells two sets of weights apart.

Never downloads, asks or prints. Knows nothing about the computation.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from mmsearch.errors import MmsearchError, ModelUnavailable, UsageError, one_line
from mmsearch.models import catalog
from mmsearch.models import weight_check as weights
from mmsearch.models.device import DTYPES
from mmsearch.types import ModelOptions

HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
ENTRY_FILES = ("modules.json", "config.json")
"""A repository in the cache is found by the first of these: every loadable model has one."""
SETTING_SUFFIXES = frozenset({".json", ".jinja", ".txt", ".model", ".py", ".tiktoken"})
WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt")
"""In the order of preference: weights of a later kind count only where there are none of an earlier."""
IRRELEVANT_KWARGS = frozenset({"dtype", "torch_dtype", "device_map", "attn_implementation"})
"""Model arguments that decide how fast a vector is computed, or are recorded elsewhere."""
IGNORED_NAMES = frozenset({"requirements.txt", "training_args.bin", "model_card.json", "trainer_state.json"})
EDGE = 1 << 20
"""Bytes read from each end of a weight file: enough to tell fine-tunes apart without reading gigabytes."""
INPUT_POLICY = 1
"""Increased when this package starts to hand inputs to models in another way that changes vectors."""


def locate(name: str, revision: str | None, organization: str, patterns: Sequence[str] = ()) -> Path:
    """The directory that holds the model `name`: the directory itself, or a snapshot in the local hub cache.

    Only an absolute path means a directory: a name in an index or a table must not come to mean a folder of wherever a
    command is run. Any other name must be in the catalog or be a hub id; one without an organization is also looked for
    under `organization`. Raises ModelUnavailable with the remedy, which fetches only `patterns` (glob patterns) if
    there are any, and UsageError for a revision of a directory.
    """
    path = Path(name).expanduser()
    if path.is_absolute() and path.is_dir():
        if revision is not None:
            raise UsageError(f"{name} is a directory and has no revision {revision}: leave the revision out")
        if not any((path / entry).is_file() for entry in ENTRY_FILES):
            raise ModelUnavailable(f"{name} is not a model: it has none of {', '.join(ENTRY_FILES)}")
        return path
    if not HUB_ID.fullmatch(name):
        raise ModelUnavailable(f"no model directory {name}: give a directory that exists, or a hub id as ORG/NAME")
    entry = catalog.find(name)
    candidates = [name] if "/" in name else [f"{organization}/{name}", name]
    if entry and entry.hub_id:
        candidates = [entry.hub_id]
    # The revision that the catalog knows to work goes first, but one that the user fetched without mmsearch counts too.
    revisions = [revision] if revision or not entry else [entry.revision, None]
    for candidate, version in product(candidates, dict.fromkeys(revisions)):
        if snapshot := _cached(candidate, version):
            return snapshot
    if entry and revision is None and not patterns:
        raise ModelUnavailable(missing(entry))
    command = download(candidates[0], revision, patterns)
    raise ModelUnavailable(f"model {name} is not on this machine: run `{command}`, or give its directory")


def missing(entry: catalog.CatalogEntry) -> str:
    """The message for a model of the catalog that is not on this machine: both remedies, on one line."""
    message = f"model {entry.name} is not on this machine: run `mmsearch models pull {entry.name}`"
    return f"{message}; to measure it without its weights, use --dummy-weights" if entry.dummy else message


def download(hub_id: str, revision: str | None, patterns: Sequence[str] = ()) -> str:
    """The command that fetches a model, or only those of its files that match one of the glob patterns."""
    parts = [f" --revision {revision}"] if revision else []
    return "".join([f"hf download {hub_id}", *parts, *(f" --include '{pattern}'" for pattern in patterns)])


def _cached(hub_id: str, revision: str | None) -> Path | None:
    """The cached snapshot of a hub id, or None. Reads only the disk."""
    from huggingface_hub import try_to_load_from_cache

    for cache in dict.fromkeys([os.environ.get("SENTENCE_TRANSFORMERS_HOME"), None]):
        for entry in ENTRY_FILES:
            path = try_to_load_from_cache(hub_id, entry, cache_dir=cache, revision=revision)
            if isinstance(path, str):
                return Path(path).parent
    return None


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; empty when there is no such file. Raises ModelUnavailable when it is broken."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"cannot read {path}: {one_line(error)}") from error
    return content if isinstance(content, dict) else {}


def model_type(directory: Path) -> str | None:
    """The class that saved the model (`SentenceTransformer`, `CrossEncoder` …), None where nothing says so."""
    stated = read_json(directory / "config_sentence_transformers.json").get("model_type")
    if stated is None and (directory / "modules.json").is_file():
        return "SentenceTransformer"
    return str(stated) if stated is not None else None


def architecture(directory: Path) -> str | None:
    """The kind of network that its configuration names, as transformers calls it (`clip`); None where none does."""
    for folder in (directory, *module_folders(directory)):
        if stated := read_json(folder / "config.json").get("model_type"):
            return str(stated)
    return None


def fingerprint(directory: Path, settings: Mapping[str, Any]) -> str:
    """32 hex digits over the model's own files and the settings it was loaded with, wherever the directory lies.

    Settings, prompts and tokenizers are read whole; of weights only the size and both ends.
    """
    total = hashlib.sha256(json.dumps([INPUT_POLICY, settings], sort_keys=True, default=str).encode())
    for path in sorted(_identity_files(directory), key=lambda path: path.relative_to(directory).as_posix()):
        total.update(path.relative_to(directory).as_posix().encode("utf-8", "surrogateescape"))
        total.update(file_digest(path, whole=path.suffix in SETTING_SUFFIXES))
    return total.hexdigest()[:32]


def identity(options: ModelOptions) -> dict[str, Any]:
    """Options that change vectors, for the fingerprint.

    A dtype that the machine chose is `auto`, so that an index made on a GPU opens on a laptop: the two agree far
    better than any ranking needs. One that the user chose is part of the identity.
    """
    return {
        "dtype": DTYPES[options.dtype] if options.dtype is not None else "auto",
        "max_pixels": options.max_pixels,
        **({"dummy_weights": True} if options.dummy_weights else {}),
        "processor_kwargs": dict(options.processor_kwargs),
        "model_kwargs": {key: value for key, value in options.model_kwargs.items() if key not in IRRELEVANT_KWARGS},
    }


def has_weights(directory: Path) -> bool:
    """Whether there are weights that torch may load, in the root or in the folders of the modules."""
    return any(path.suffix == weights.SAFE for path in _identity_files(directory))


def _identity_files(directory: Path) -> Iterator[Path]:
    """Files that decide vectors, in the root and in the folders of the modules: not READMEs, not ONNX copies."""
    for folder in dict.fromkeys([directory, *module_folders(directory)]):
        if not folder.is_dir():
            continue
        files = [path for path in folder.iterdir() if path.name not in IGNORED_NAMES and path.is_file()]
        yield from (path for path in files if path.suffix in SETTING_SUFFIXES)
        for suffix in WEIGHT_SUFFIXES:
            if chosen := [path for path in files if path.suffix == suffix]:
                yield from chosen
                break


def module_folders(directory: Path) -> list[Path]:
    """The folders that `modules.json` names, in its order; none if there is no such file."""
    return [directory / str(module["path"]) for module in weights.modules(directory) if module.get("path")]


def file_digest(path: Path, whole: bool) -> bytes:
    """A digest of the size of a file and of its content, of which only both ends unless `whole`."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with open(path, "rb") as file:
        if whole or size <= 2 * EDGE:
            digest.update(file.read())
        else:
            digest.update(file.read(EDGE))
            file.seek(size - EDGE)
            digest.update(file.read(EDGE))
    return digest.digest()


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Turns an error that the model libraries raise about a model's files into one line of ModelUnavailable.

    They report a configuration that lacks a field by TypeError or KeyError.
    """
    from safetensors import SafetensorError

    broken = (OSError, ValueError, ImportError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError)
    try:
        with quiet():
            yield
    except MmsearchError:
        raise
    except broken as error:
        reason = one_line(error, with_class=True)
        if "trust_remote_code" in str(error):
            reason = weights.NEEDS_TRUST
        elif isinstance(error, ImportError):
            reason = f"it needs a package that is not installed: {one_line(error)}"
        raise ModelUnavailable(f"cannot load model {name}: {reason}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """No network, no progress bars and no chatter on stderr from the model libraries while the block runs."""
    from huggingface_hub import constants
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    online, verbosity = constants.HF_HUB_OFFLINE, transformers_logging.get_verbosity()
    constants.HF_HUB_OFFLINE = True
    transformers_logging.set_verbosity_error()
    loggers = [logging.getLogger(name) for name in ("sentence_transformers", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        constants.HF_HUB_OFFLINE = online
        transformers_logging.set_verbosity(verbosity)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
