"""The reranker starts as the dual encoder, learns from puzzles, and its questions are fair."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from tests.training.conftest import TINY
from training import pictures, synthetic
from training.model import Model
from training.pictures import Packed, Row
from training.rerank import (
    RerankRun,
    colour_asker,
    passage_asker,
    picture_asker,
    picture_pool,
    puzzle_asker,
    puzzle_figures,
    score,
    text_states,
    told_apart,
)
from training.texts import TextPairs
from training.tokens import Words


def model() -> Model:
    torch.manual_seed(0)
    return Model(TINY).eval()


def test_untrained_reranker_scores_by_cosine(work: Path, words: Words) -> None:
    made, puzzles = model(), pictures.read(work, synthetic.PUZZLES)
    indices = puzzles.indices("train")
    pool = picture_pool(made, puzzles, indices)
    asked = [puzzle_asker(puzzles, pool, indices).sample(random.Random(0))]
    with torch.no_grad():
        logits = score(made, words, pool, asked)[0]
        query, _ = text_states(made, words, [asked[0].query], TINY.max_query_tokens)
    cosine = pool.embeddings[[asked[0].right, *asked[0].wrong]] @ query[0, 0, : TINY.dim]
    assert torch.allclose(logits, made.reranker.scale * cosine, atol=1e-4)


def test_score_ignores_batch_mates(work: Path, words: Words) -> None:
    made, puzzles = model(), pictures.read(work, synthetic.PUZZLES)
    torch.nn.init.normal_(made.reranker.head.weight)
    indices = puzzles.indices("train")
    pool = picture_pool(made, puzzles, indices)
    asker, rng = puzzle_asker(puzzles, pool, indices), random.Random(0)
    asked = [asker.sample(rng) for _ in range(3)]
    with torch.no_grad():
        together = score(made, words, pool, asked)
        alone = torch.cat([score(made, words, pool, [question]) for question in asked])
    assert torch.allclose(together, alone, atol=1e-4)


def test_glance_is_the_score_without_the_blocks(work: Path, words: Words) -> None:
    made, puzzles = model(), pictures.read(work, synthetic.PUZZLES)
    torch.nn.init.normal_(made.reranker.weigh.weight)
    indices = puzzles.indices("train")
    pool = picture_pool(made, puzzles, indices)
    asked = puzzle_asker(puzzles, pool, indices).draw(random.Random(0), 16)
    with torch.no_grad():
        glanced = score(made, words, pool, asked, glance=True)
        assert torch.allclose(glanced, score(made, words, pool, asked), atol=1e-3)
        torch.nn.init.normal_(made.reranker.head.weight)
        assert not torch.allclose(glanced, score(made, words, pool, asked), atol=1e-3)


def test_a_puzzle_is_asked_as_a_whole(work: Path) -> None:
    made, puzzles = model(), pictures.read(work, synthetic.PUZZLES)
    indices = puzzles.indices("train")
    asked = puzzle_asker(puzzles, picture_pool(made, puzzles, indices), indices).draw(random.Random(0), 16)
    assert len(asked) == 16
    for first in (0, 8):
        whole = asked[first : first + 8]
        items = [q.right for q in whole]
        assert len({puzzles.rows[indices[i]].group for i in items}) == 1
        for at, question in enumerate(whole):
            assert [question.right, *question.wrong] == items[at:] + items[:at]
            assert question.query in puzzles.rows[indices[question.right]].texts


def test_pictures_are_asked_for_their_texts_by_columns() -> None:
    square = torch.randn(2, 4, 4)  # puzzles, texts, pictures
    turned = torch.stack([torch.stack([puzzle[i].roll(-i) for i in range(4)]) for puzzle in square]).flatten(0, 1)
    expected = torch.stack([puzzle.T.log_softmax(1).diagonal() for puzzle in square]).mean()
    assert torch.allclose(told_apart(turned), -expected)


def test_training_on_puzzles_lowers_the_loss(work: Path, words: Words) -> None:
    made, puzzles = model(), pictures.read(work, synthetic.PUZZLES)
    indices = puzzles.indices("train")[:8]
    asker = puzzle_asker(puzzles, picture_pool(made, puzzles, indices), indices)
    run = RerankRun(made, words, [(asker, 1.0)], seed=0, questions=16, rate=5e-3)
    losses = [run.step() for _ in range(150)]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])
    figures = puzzle_figures(made, words, puzzles)
    assert 0 <= figures["puzzles all reranked"][0] <= 1


def test_mined_wrong_answers_share_no_text_with_the_right_one(rendered: Packed, words: Words) -> None:
    made = model()
    asker = picture_asker(made, words, rendered, 60, seed=0)
    rows = [rendered.rows[i] for i in random.Random(0).sample(rendered.indices("train"), 60)]
    rng = random.Random(1)
    for _ in range(20):
        question = asker.sample(rng)
        right = set(rows[question.right].texts)
        assert question.query in right
        assert all(right.isdisjoint(rows[i].texts) for i in question.wrong)


def test_passages_are_asked_by_their_first_text(pairs: list[TextPairs], words: Words) -> None:
    made = model()
    asker = passage_asker(made, words, pairs[0], 30, seed=0)
    question = asker.sample(random.Random(0))
    with torch.no_grad():
        assert score(made, words, asker.pool, [question]).shape == (1, 8)


def test_questions_also_meet_items_of_another_modality(work: Path, words: Words, pairs: list[TextPairs]) -> None:
    made, puzzles = model(), pictures.read(work, synthetic.PUZZLES)
    indices = puzzles.indices("train")[:8]
    asker = puzzle_asker(puzzles, picture_pool(made, puzzles, indices), indices)
    alone = RerankRun(made, words, [(asker, 1.0)], seed=0, questions=6).step()
    made = model()
    passages = passage_asker(made, words, pairs[0], 30, seed=0)
    asker = puzzle_asker(puzzles, picture_pool(made, puzzles, indices), indices)
    mixed = RerankRun(made, words, [(asker, 1.0), (passages, 0.0)], seed=0, questions=6).step()
    assert mixed > alone  # one more wrong answer can only make the right one less likely


def test_a_colour_question_has_the_same_thing_and_the_same_colour_among_its_wrong_answers() -> None:
    rows = [
        Row("vehicles", (thing, "thing" if thing == "car" else "seat", f"{colour} {thing}"), "train", thing)
        for thing in ("car", "chair")
        for colour in ("red", "blue", "green")
        for _ in range(6)
    ]
    pixels = np.zeros((len(rows), 72, 72, 3), np.uint8)
    torch.manual_seed(0)
    asker, rng = colour_asker(Model(TINY).eval(), Packed(pixels, rows), len(rows), seed=0), random.Random(0)
    questions = [asker.sample(rng) for _ in range(20)]
    assert {len(q.wrong) for q in questions} == {7}
    assert {q.query for q in questions} >= {"red car", "blue chair"}
    assert all(q.right not in q.wrong for q in questions)
