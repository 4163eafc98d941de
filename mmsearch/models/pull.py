"""Fetches a model from the hub into the local cache: the only code of mmsearch that uses the network for models.

Continues an earlier try that broke off. Imports no torch; prints nothing of its own.
"""

from __future__ import annotations

import errno
import fnmatch
import logging
import os
import posixpath
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmsearch.errors import ModelUnavailable, UsageError, one_line
from mmsearch.models import catalog
from mmsearch.models.hub import HUB_ID
from mmsearch.models.weight_check import NO_WEIGHTS

EXCLUDED = (
    *("onnx/*", "*.onnx", "*.onnx_data", "openvino/*", "coreml/*", "*.msgpack", "*.h5", "*.ot", "*.tflite", "*.gguf"),
    *("original/*", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.mp4", "*.pdf"),
)
"""Copies of the weights for other programs, and pictures of model cards."""
WEIGHTS, OLDER_WEIGHTS = (".safetensors",), (".bin", ".pt", ".pth", ".ckpt")
MODULE = re.compile(r"(\d+_\w+)?")
"""The folder of a model itself, or that of one of its modules."""
CLIENTS = ("httpx", "httpcore", "requests", "urllib3", "hf_xet", "huggingface_hub")
"""Packages whose errors mean network trouble; which of them the hub's client uses differs between releases."""
MARGIN = 256 * 2**20
"""Bytes of the disk that stay free."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model in the cache: `bytes` counts all its files, `fetched` those that were missing."""

    hub_id: str
    revision: str
    directory: Path
    files: int
    bytes: int
    fetched: int


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A file of a hub repository; `size` in bytes."""

    name: str
    size: int


def pull(
    name: str, revision: str | None = None, on_start: Callable[[str], None] = lambda _: None, bars: bool = False
) -> Pulled:
    """Brings a model of the catalog, or any hub id, into the local cache; `on_start` gets one line before it starts.

    With `bars` the hub's client draws its progress on stderr. Raises UsageError for the built-in model, and
    ModelUnavailable with the remedy if the name is unknown, the hub does not have it, or network or space fail.
    """
    from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache
    from huggingface_hub.utils.tqdm import disable_progress_bars

    hub_id, revision = _resolve(name, revision)
    with _hub_errors(hub_id, revision):
        info = HfApi().model_info(hub_id, revision=revision, files_metadata=True, timeout=30)
        commit = str(info.sha)
        chosen = choose([RepoFile(file.rfilename, int(file.size or 0)) for file in info.siblings or ()])
        size = sum(file.size for file in chosen)
        cached = [try_to_load_from_cache(hub_id, file.name, revision=commit) for file in chosen]
        missing = [file for file, path in zip(chosen, cached, strict=True) if not isinstance(path, str)]
        missing_bytes = sum(file.size for file in missing)
        _check_space(hub_id, missing_bytes)
        on_start(
            f"{hub_id} at {commit[:12]}: {len(missing)} of {len(chosen)} files to fetch, {missing_bytes / 1e9:.2f} GB"
        )
        if not bars:
            disable_progress_bars()
        escaped = [file.name.replace("[", "[[]") for file in chosen]
        # A branch or tag is fetched by its name, so that the cache knows it by that.
        snapshot = snapshot_download(hub_id, revision=revision, allow_patterns=escaped)
    return Pulled(hub_id, commit, Path(snapshot), len(chosen), size, missing_bytes)


def choose(files: Sequence[RepoFile]) -> list[RepoFile]:
    """The files that torch models are loaded from; all files if there are no weights for torch.

    Raises ModelUnavailable if a folder has weights only as pickles, which are never opened.
    """
    candidates = [file for file in files if not any(fnmatch.fnmatch(file.name, pattern) for pattern in EXCLUDED)]
    older = [file for file in candidates if file.name.endswith(OLDER_WEIGHTS)]
    newer = {posixpath.dirname(file.name) for file in candidates if file.name.endswith(WEIGHTS)}
    if not older and not newer:
        return list(files)
    for file in older:
        folder, name = posixpath.split(file.name)
        if folder not in newer and MODULE.fullmatch(folder) and not NO_WEIGHTS.fullmatch(name):
            raise ModelUnavailable(
                f"{file.name} may hold program code, and there are no safetensors beside it: "
                "ask for a --revision that has them, such as refs/pr/1 where somebody has converted the weights"
            )
    return [file for file in candidates if file not in older]


def _resolve(name: str, revision: str | None) -> tuple[str, str | None]:
    """The hub id and the revision that a name means."""
    entry = catalog.find(name)
    if entry is not None:
        if entry.hub_id is None:
            raise UsageError(f"{name} is part of mmsearch: there is nothing to fetch")
        return entry.hub_id, revision or entry.revision
    if "/" not in name or not HUB_ID.fullmatch(name):
        raise ModelUnavailable(f"unknown model {name}: give a name of `mmsearch models list`, or a hub id as ORG/NAME")
    return name, revision


def cache_directory() -> Path:
    """The folder of fetched models."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def free_space(directory: Path) -> int:
    """Bytes free on the disk that holds a directory, which need not exist yet."""
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    return shutil.disk_usage(directory).free


def _check_space(hub_id: str, size: int) -> None:
    directory = cache_directory()
    free = free_space(directory)
    if size and size + MARGIN > free:
        raise ModelUnavailable(
            f"no space for {hub_id}: it needs {size / 1e9:.1f} GB, {directory} has {free / 1e9:.1f} GB free: "
            "make room, or set HF_HOME to a directory on another disk"
        )


@contextmanager
def _hub_errors(hub_id: str, revision: str | None) -> Iterator[None]:
    """Turns errors of the hub's client into one line of ModelUnavailable, and silences its log of retries."""
    from huggingface_hub import errors

    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise ModelUnavailable(f"cannot fetch {hub_id}: HF_HUB_OFFLINE is set, unset it") from error
    except errors.GatedRepoError as error:
        page = f"https://huggingface.co/{hub_id}"
        raise ModelUnavailable(f"{hub_id} asks for consent: give it at {page}, then run `hf auth login`") from error
    except errors.RevisionNotFoundError as error:
        raise ModelUnavailable(f"{hub_id} has no revision {revision}") from error
    except errors.RepositoryNotFoundError as error:
        raise ModelUnavailable(f"the hub has no model {hub_id}, or not for you: check the name") from error
    except Exception as error:
        if not isinstance(error, OSError) and not type(error).__module__.startswith(CLIENTS):
            raise
        raise ModelUnavailable(_reason(hub_id, error)) from error
    finally:
        log.setLevel(level)


def _reason(hub_id: str, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOSPC:
        return f"no space left while fetching {hub_id}: make room and run it again, what was fetched is kept"
    if isinstance(error, OSError) and number in (errno.EACCES, errno.EROFS, errno.EPERM):
        return f"cannot write {error.filename or cache_directory()}: set HF_HOME to a directory that you may write"
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    return (
        f"cannot fetch {hub_id} from {endpoint}: {one_line(error, 160)}: "
        "check the network and run it again, what was fetched is kept"
    )
