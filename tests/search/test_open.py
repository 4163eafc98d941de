"""Which reranker goes with an index, and what it reads."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.search.open import open_reranker, reranker_for, types_to_rerank
from mmsearch.types import ModelOptions


def index_of(options: ModelOptions) -> Any:
    """All that is asked of an index here: with which model it was built."""
    return SimpleNamespace(identity=SimpleNamespace(options=options))


@pytest.mark.parametrize(
    ("options", "reranker"),
    [
        (ModelOptions("qwen3-vl-2b"), "qwen3-vl-reranker-2b"),
        (ModelOptions("Qwen/Qwen3-VL-Embedding-8B"), "qwen3-vl-reranker-8b"),
        (ModelOptions("builtin"), "builtin"),
    ],
)
def test_the_reranker_is_the_match_of_the_index_s_model(options: ModelOptions, reranker: str) -> None:
    assert reranker_for(index_of(options)) == reranker


@pytest.mark.parametrize("name", ["clip-b32", "./my/model"])
def test_a_model_without_a_match_asks_for_one(name: str) -> None:
    with pytest.raises(UsageError, match=f"go with {name}.*--reranker"):
        reranker_for(index_of(ModelOptions(name)))


def test_only_files_that_gain_are_reranked() -> None:
    assert types_to_rerank("qwen3-vl-reranker-2b") == types_to_rerank("Qwen/Qwen3-VL-Reranker-2B")
    assert types_to_rerank("qwen3-vl-reranker-2b") == ("document", "text")
    assert types_to_rerank("builtin") == ("image",), "passages are in better order without it"
    assert types_to_rerank("qwen3-vl-reranker-8b") == types_to_rerank("./mine") == ()


def test_a_match_that_is_not_at_hand_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    index = index_of(ModelOptions("qwen3-vl-2b"))
    with pytest.raises(ModelUnavailable, match=r"qwen3-vl-reranker-2b.*--reranker builtin"):
        open_reranker(None, index, None)
    with pytest.raises(ModelUnavailable) as raised:
        open_reranker("qwen3-vl-reranker-2b", index, None)
    assert "builtin" not in str(raised.value), "who names one is not told of another"
    assert open_reranker("builtin", index, None).name == "builtin"
