"""No model runs code of its own unless the user has allowed just that."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mmsearch.core import ModelOptions
from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import load_embedder, load_reranker

from . import builders

pytestmark = pytest.mark.models


def with_own_code(model: Path, harm: Path) -> Path:
    """The model, whose first module is a class from a file beside it that leaves a trace as soon as it is imported."""
    modules = json.loads((model / "modules.json").read_text())
    modules[0]["type"] = "own.Module"
    (model / "modules.json").write_text(json.dumps(modules))
    (model / "own.py").write_text(f"open({str(harm)!r}, 'w').close()\nclass Module: pass\n")
    return model


def test_modules_from_a_file_of_the_model_are_not_imported(tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    model = with_own_code(builders.make_text_embedder(tmp_path / "model"), harm)
    with pytest.raises(ModelUnavailable, match=r"own program code.*--trust-remote-code"):
        load_embedder(ModelOptions(str(model)))
    assert not harm.exists()


def test_nor_are_those_of_a_reranker(tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    model = builders.make_text_reranker(tmp_path / "model")
    shutil.copy(builders.make_text_embedder(tmp_path / "other") / "modules.json", model)
    with_own_code(model, harm)
    with pytest.raises(ModelUnavailable):
        load_reranker(ModelOptions(str(model)))
    assert not harm.exists()


@pytest.mark.parametrize("load", [load_embedder, load_reranker])
@pytest.mark.parametrize("key", ["trust_remote_code", "weights_only", "code_revision"])
@pytest.mark.parametrize("where", ["model_kwargs", "processor_kwargs"])
def test_what_goes_to_the_loader_gives_no_permission(load: Any, key: str, where: str) -> None:
    with pytest.raises(UsageError, match=f"{key}.*--trust-remote-code"):
        load(ModelOptions("some/model", **{where: {key: False}}))
