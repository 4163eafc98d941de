"""Small random models on disk, each built once a session: real architectures in the layouts of the hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models import builders


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """Directories of the small models by name, each built when it is first asked for."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Models(tmp_path_factory.mktemp("models"))
    torch.set_num_threads(threads)


class Models:
    """Builds `make_NAME` of the builders on demand."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __getitem__(self, name: str) -> Path:
        directory = self.root / name
        return directory if directory.is_dir() else getattr(builders, f"make_{name}")(directory)
