"""A model of a few thousand weights and a rendered set of a few dozen pictures, for tests that train in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training import pictures, synthetic, texts, tokens
from training.pictures import Packed
from training.texts import TextPairs
from training.tokens import Words
from training.towers import Shape

TINY = Shape(
    vocabulary=400,
    dim=32,
    image_width=8,
    image_depth=1,
    image_size=32,
    max_tokens=24,
    max_query_tokens=8,
    rerank_layers=1,
)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with rendered pictures, puzzles and a vocabulary."""
    folder = tmp_path_factory.mktemp("work")
    synthetic.pack_rendered(folder, 96, 32, seed=0)
    synthetic.pack_puzzles(folder, 8, 4, seed=0)
    rows = pictures.read(folder, synthetic.RENDERED[0]).rows
    tokens.make((t for r in rows for t in r.texts), TINY.vocabulary).save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def rendered(work: Path) -> Packed:
    return pictures.read(work, synthetic.RENDERED[0])


@pytest.fixture
def words(work: Path) -> Words:
    return Words(work / "tokenizer.json", TINY.max_tokens)


@pytest.fixture
def pairs(rendered: Packed) -> list[TextPairs]:
    return [texts.split("captions", sorted({r.texts for r in rendered.rows if r.split == "train"}))]
