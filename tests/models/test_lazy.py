"""A model that is known before it is loaded."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from mmsearch.errors import ModelUnavailable
from mmsearch.models import load_embedder
from mmsearch.models.lazy import LazyEmbedder
from mmsearch.types import Embedder, Item, ModelOptions, Preloadable, Segment


@pytest.fixture(scope="module")
def builtin() -> Embedder:
    return load_embedder(ModelOptions("builtin"))


def note(text: str) -> Segment:
    return Segment(Item("/a.txt", "d", "text", "text", 0, text=text), text)


def test_nothing_is_loaded_until_it_is_needed(builtin: Embedder) -> None:
    threads: list[str] = []
    late = LazyEmbedder(builtin.spec, lambda: threads.append(threading.current_thread().name) or builtin)  # type: ignore[func-returns-value]
    assert isinstance(late, Preloadable)
    assert late.spec is builtin.spec
    assert late.tokens(note("a longer text")) > late.tokens(note("a"))
    assert not threads
    late.prepare()
    late.prepare()
    assert late.wait() is builtin
    assert len(threads) == 1
    assert threads != [threading.current_thread().name]


def test_it_embeds_as_the_model_does(builtin: Embedder) -> None:
    late = LazyEmbedder(builtin.spec, lambda: builtin)
    assert np.array_equal(late.embed([note("boats")]), builtin.embed([note("boats")]))


def test_what_loading_raises_is_told_to_whoever_waits(builtin: Embedder) -> None:
    def load() -> Embedder:
        raise ModelUnavailable("gone")

    late = LazyEmbedder(builtin.spec, load)
    late.prepare()
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="gone"):
            late.wait()
