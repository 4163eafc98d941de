"""The towers learn from rendered pictures alone, and a run goes on from its checkpoint as if it had never stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from tests.training.conftest import TINY
from training import checkpoints
from training.batches import PictureBatches
from training.dual import DualRun, Settings, contrastive, pairwise
from training.evaluate import Evaluation, by_words, recall
from training.model import Model
from training.pictures import Packed
from training.texts import TextPairs
from training.tokens import Words, embed

SETTINGS = Settings(batch=32, rate=3e-3, samples=10_000, warm_steps=2)


def new_run(
    folder: Path, rendered: Packed, pairs: list[TextPairs], words: Words, settings: Settings = SETTINGS
) -> DualRun:
    torch.manual_seed(0)
    return DualRun(folder, Model(TINY), PictureBatches([rendered], TINY.image_size, 0), pairs, words, settings)


def test_training_on_rendered_pictures_lowers_the_loss(
    tmp_path: Path, rendered: Packed, pairs: list[TextPairs], words: Words
) -> None:
    run = new_run(tmp_path, rendered, pairs, words)
    losses = [run.step() for _ in range(24)]
    assert sum(losses[-6:]) < 0.9 * sum(losses[:6])


def test_resumed_run_equals_an_unbroken_one(
    tmp_path: Path, rendered: Packed, pairs: list[TextPairs], words: Words
) -> None:
    unbroken = new_run(tmp_path / "a", rendered, pairs, words)
    for _ in range(4):
        unbroken.step()
    broken = new_run(tmp_path / "b", rendered, pairs, words)
    for _ in range(2):
        broken.step()
    broken.save()
    resumed = new_run(tmp_path / "b", rendered, pairs, words)
    assert resumed.resume()
    for _ in range(2):
        resumed.step()
    assert resumed.step_count == unbroken.step_count
    for name, value in unbroken.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
        assert torch.equal(unbroken.average[name], resumed.average[name]), name


def test_run_stops_at_its_number_of_samples_and_leaves_a_model(
    tmp_path: Path, rendered: Packed, pairs: list[TextPairs], words: Words
) -> None:
    run = new_run(tmp_path, rendered, pairs, words, Settings(batch=32, samples=64))
    run.train()
    assert run.seen == 64
    assert checkpoints.load_model(tmp_path / "model.pt").shape == TINY


def test_rate_stays_until_it_cools_and_a_longer_run_goes_on_warm(
    tmp_path: Path, rendered: Packed, pairs: list[TextPairs], words: Words
) -> None:
    short = Settings(batch=32, rate=3e-3, samples=32 * 10, warm_steps=2, cooling=0.5)
    run = new_run(tmp_path / "short", rendered, pairs, words, short)
    rates: list[float] = []
    take = run.step

    def noting() -> float:
        rates.append(run.rate())
        return take()

    run.step = noting  # type: ignore[method-assign]
    run.train()
    assert rates[1:5] == [3e-3] * 4
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] < 0.2 * 3e-3
    (tmp_path / "long").mkdir()
    (tmp_path / "short" / "warm.pt").rename(tmp_path / "long" / "last.pt")
    longer = new_run(tmp_path / "long", rendered, pairs, words, replace(short, samples=32 * 20))
    assert longer.resume()
    assert longer.step_count == 5
    assert longer.rate() == 3e-3


def test_perfect_scores_cost_almost_nothing_and_unmatched_texts_do_not_break_it() -> None:
    vectors = torch.eye(4)
    positive = torch.eye(4)[:3]
    assert contrastive(vectors[:3], vectors, positive, torch.tensor(50.0)) < 1e-3


def test_passage_that_beats_the_right_picture_costs_and_a_picture_that_beats_the_right_passage_too() -> None:
    vectors = torch.eye(8)
    pictures, passages, scale = vectors[:4], vectors[4:], torch.tensor(50.0)
    assert contrastive(pictures, pictures, torch.eye(4), scale, passages) < 1e-3
    assert contrastive(pictures, pictures, torch.eye(4), scale, pictures[:1]) > 0.05
    assert pairwise(passages, passages, pictures) < 1e-3
    assert pairwise(passages, passages, passages[:1]) > 0.05


def test_padding_does_not_change_an_embedding(words: Words) -> None:
    torch.manual_seed(0)
    tower = Model(TINY).text.eval()
    ids, mask = words(["red car"])
    padded = torch.nn.functional.pad(ids, (0, 9)), torch.nn.functional.pad(mask, (0, 9))
    assert torch.allclose(tower(ids, mask)[0], tower(*padded)[0], atol=1e-6)


def test_sorting_by_length_keeps_the_order_of_texts(words: Words) -> None:
    tower = Model(TINY).text.eval()
    texts = ["a very long text about a red car on the grass", "car", "two blue houses", "sun"]
    alone = torch.cat([tower(*words([text]))[0] for text in texts])
    assert torch.allclose(embed(tower, words, texts), alone, atol=1e-5)


def test_recall_counts_a_query_once_whatever_it_finds() -> None:
    queries, items = torch.eye(3), torch.tensor([[1.0, 0, 0], [0, 0, 1.0], [0, 0, 0.9]])
    relevant = torch.tensor([[True, True, True], [True, False, False], [False, True, True]])
    assert recall(queries, items, relevant, 1).tolist() == [True, True, True]
    assert recall(queries[:1], items, torch.tensor([[False, True, False]]), 1).tolist() == [False]


def test_evaluation_gives_shares_with_intervals(rendered: Packed, pairs: list[TextPairs], words: Words) -> None:
    figures = Evaluation(Model(TINY), words, [rendered], pairs).run()
    assert any(name.startswith("rendered R@10") for name in figures)
    assert all(0 <= share <= 1 and half > 0 for share, half in figures.values())


def test_bm25_finds_passages_by_their_words_and_not_by_their_sense() -> None:
    held = [("install fonts", "How fonts are installed."), ("red cars", "Crimson vehicles."), ("??", "Nothing to ask.")]
    assert by_words([*held, ("x", "Other things.")], k=1).tolist() == [True, False, False, False]
