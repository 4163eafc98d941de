"""Real architectures with random weights: what a catalog model would compute with, without a hub."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mmsearch.core import ModelOptions
from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import dummy, load_embedder, load_reranker
from tests.models.content import PICTURES, pictures, texts

pytestmark = pytest.mark.models


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def options(name: str, **more: object) -> ModelOptions:
    return ModelOptions(name, device="cpu", dummy_weights=True, **more)  # type: ignore[arg-type]


def test_the_same_weights_come_out_every_time() -> None:
    given = [*texts("red car", "blue dog"), *pictures(*PICTURES[:2])]
    first, second = dummy.embedder(options("clip-b32"), layers=2), dummy.embedder(options("clip-b32"), layers=2)
    assert first.spec == second.spec
    np.testing.assert_array_equal(first.embed(given), second.embed(given))


def test_what_cannot_be_made_says_why() -> None:
    with pytest.raises(ModelUnavailable, match="not in the catalog"):
        load_embedder(options("some-org/no-such-model"))
    with pytest.raises(ModelUnavailable, match="weights of its own"):
        load_embedder(options("builtin"))
    with pytest.raises(ModelUnavailable, match="clip-b32 is an embedder, not a reranker"):
        load_reranker(options("clip-b32"))
    with pytest.raises(UsageError, match="no revision"):
        load_embedder(options("clip-b32", revision="main"))
