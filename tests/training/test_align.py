"""Pictures and texts in one space, on made-up features of things in colours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training import align, align_figures, classes
from training.align import Alignment, AlignRun, Pictures
from training.backbone import CLASSES, FEATURES
from training.features import View

THINGS, COLOURS, WIDTH = 12, 5, 32
FOR_COLOURS = 640


def made_up(seed: int = 0) -> tuple[Pictures, Tensor, list[str]]:
    """Pictures whose features hold the thing and its colour, and texts of both with vectors that do not know them."""
    draw = torch.Generator().manual_seed(seed)
    things = torch.randn(THINGS, FEATURES, generator=draw)
    colours = torch.randn(COLOURS, FOR_COLOURS, generator=draw)
    listed = [f"colour{'abcde'[c]} thing{'abcdefghijkl'[t]}" for t in range(THINGS) for c in range(COLOURS)]
    rows, views, texts = [], [], []
    for number in range(THINGS * COLOURS * 6):
        pair = number % len(listed)
        thing, colour = divmod(pair, COLOURS)
        row = torch.cat([things[thing], colours[colour]]) + 0.3 * torch.randn(FEATURES + FOR_COLOURS, generator=draw)
        rows.append(row.half())
        split = "val" if number >= THINGS * COLOURS * 5 else "train"
        views.append(View("flickr8k224", (listed[pair],), split, f"{pair}", number, 0))
        texts.append([pair])
    embedded = unit(torch.randn(len(listed), WIDTH, generator=draw))
    return Pictures(torch.stack(rows), views, texts), embedded, listed


def heads(pictures: Pictures, texts: Tensor) -> Alignment:
    torch.manual_seed(0)
    classifier = nn.Linear(FEATURES, CLASSES)
    named = unit(torch.randn(CLASSES, WIDTH))
    return Alignment(classifier, named, pictures.features.float(), texts, dim=24)


def run(pictures: Pictures, texts: Tensor, path: Path) -> AlignRun:
    draw = torch.Generator().manual_seed(1)
    listed = align.frequent_words(pictures.views)
    words, names = (unit(torch.randn(count, WIDTH, generator=draw)) for count in (len(listed), CLASSES))
    told = dict(zip(listed, words, strict=True))
    return AlignRun(heads(pictures, texts), pictures, texts, names, told, path)


def unit(rows: Tensor) -> Tensor:
    return nn.functional.normalize(rows, dim=1)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(align, "_BATCH", 64)
    monkeypatch.setattr(align, "_HIDDEN", 128)


def test_captions_find_held_out_pictures_after_training(tmp_path: Path) -> None:
    pictures, texts, _ = made_up()
    trained = run(pictures, texts, tmp_path / "align.pt")
    before = align_figures.figures(trained.model.eval(), pictures, texts, {})
    trained.train(100, report=lambda _: None)
    after = align_figures.figures(trained.model, pictures, texts, {})
    name = next(name for name in after if re.search(r"R@1 ", name))
    assert before[name][0] < 0.3
    assert after[name][0] > 0.8


def test_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    pictures, texts, _ = made_up()
    first = run(pictures, texts, tmp_path / "align.pt")
    first.train(2, report=lambda _: None)
    second = run(pictures, texts, tmp_path / "align.pt")
    assert second.step == 2
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


def test_a_source_whose_pictures_share_a_class_is_measured_by_naming_it() -> None:
    pictures, texts, _ = made_up()
    views = [View("pacs", v.texts, v.split, v.group, v.picture, v.view) for v in pictures.views]
    told = align_figures.figures(
        heads(pictures, texts).eval(), Pictures(pictures.features, views, pictures.texts), texts, {}
    )
    assert set(told) == {f"pacs top-1 of {THINGS * COLOURS}", "pacs picture to picture, first right"}


def test_words_are_those_that_name_something() -> None:
    view = View("flickr8k224", ("A man in a red shirt stands on the beach .", "the man"), "train", "", 0, 0)
    assert align.words_of(view) == {"man", "red", "shirt", "stands", "beach"}
    assert align.words_of(View("emoji", ("red heart",), "train", "", 0, 0)) == set()
    assert set(align.frequent_words([view] * align._LEAST_PICTURES)) == align.words_of(view)
    assert align.frequent_words([view]) == []


def test_contrast_is_least_where_each_finds_its_own() -> None:
    same = torch.eye(3)
    assert align.contrast(20 * torch.eye(3), same) < align.contrast(torch.zeros(3, 3), same)
    shared = torch.ones(2, 2)
    assert align.contrast(torch.zeros(2, 2), shared) == pytest.approx(torch.log(torch.tensor(2.0)).item())


def test_embeddings_are_kept_while_the_texts_are_the_same(tmp_path: Path) -> None:
    calls: list[int] = []

    def embed(texts: list[str]) -> object:
        calls.append(len(texts))
        return torch.ones(len(texts), 2).numpy()

    for texts in (["a", "b"], ["a", "b"], ["a"]):
        assert align.embedded(texts, embed, tmp_path / "t.npy").shape == (len(texts), 2)
    assert calls == [2, 1]


def test_every_class_has_a_caption_a_name_and_a_kind() -> None:
    texts = classes.texts()
    assert len(texts) == CLASSES
    assert texts[0] == ("a photo of a tench, a fish", "tench fish", "fish")
    assert texts[817] == ("a photo of a sports car", "sports car", "sports car")
    assert len({name for _, name, _ in texts}) >= CLASSES - 2, "few classes have the same name"
