"""The text model that learns from a larger one."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel

from training import student, teacher
from training.student import StudentRun, Texts
from training.teacher import TextModel

NOUNS = "car dog cat tree house river cloud table chair lamp".split()  # noqa: SIM905
COLOURS = "red green blue black white".split()  # noqa: SIM905
TEXTS = [f"{colour} {noun}" for colour in COLOURS for noun in NOUNS]


@pytest.fixture(scope="module")
def large() -> TextModel:
    torch.manual_seed(0)
    words = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "and", *NOUNS, *COLOURS])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=teacher.WIDTH,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=student.INNER + 8,
    )
    return TextModel(BertModel(config, add_pooling_layer=False).eval(), tokenizer)


@pytest.fixture(scope="module")
def texts() -> Texts:
    return Texts(NOUNS, [f"{a} and {b}" for a, b in zip(TEXTS, TEXTS[7:], strict=False)], TEXTS, [])


def test_the_student_keeps_the_weightiest_units_of_some_layers(large: TextModel) -> None:
    small = student.narrowed(large.bert, (0, 5), 16)
    assert len(small.encoder.layer) == 2
    assert small.encoder.layer[0].intermediate.dense.weight.shape == (16, teacher.WIDTH)
    assert small.encoder.layer[1].output.dense.weight.shape == (teacher.WIDTH, 16)
    assert len(large.bert.encoder.layer) == 6, "the teacher stays as it is"
    kept = small.encoder.layer[1].intermediate.dense.bias.numel()
    assert kept == 16
    assert small(input_ids=torch.tensor([[3, 4]])).last_hidden_state.shape == (1, 2, teacher.WIDTH)


def test_the_student_comes_near_to_its_teacher_and_goes_on_where_it_stopped(
    large: TextModel, texts: Texts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(student, "_DRAWN", 48)
    told: list[str] = []
    run = StudentRun(large, texts, tmp_path / "student.pt", seed=0)
    run._train_some(0.0)
    first = run.cosine
    for _ in range(6):
        run._train_some(0.0)
    assert run.cosine > first
    run.train(run.seconds / 60 + 1e-6, told.append)
    assert len(told) == 1
    again = StudentRun(large, texts, tmp_path / "student.pt", seed=0)
    assert (again.step, again.seconds) == (run.step, run.seconds)
    again.train(0, told.append)
    assert len(told) == 1, "its time is spent"
    same = student.trained(large, tmp_path / "student.pt")
    assert (same.embed(TEXTS) == again.student.embed(TEXTS)).all()


def test_embeddings_do_not_depend_on_what_else_is_embedded(large: TextModel) -> None:
    rows = torch.from_numpy(large.embed(TEXTS)).float()
    assert torch.allclose(rows.norm(dim=1), torch.ones(len(TEXTS)), atol=1e-2)
    alone = torch.from_numpy(large.embed(TEXTS[3:4])).float()
    assert torch.allclose(rows[3], alone[0], atol=5e-3)


def test_batches_hold_texts_of_like_length_and_all_of_them() -> None:
    lengths = [random.Random(i).randint(1, 40) for i in range(100)]
    batches = list(teacher.by_length(lengths, 100))
    assert sorted(place for batch in batches for place in batch) == list(range(100))
    assert all(len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 100 for batch in batches)


def test_a_text_as_far_as_can_be_has_a_loss_and_the_same_has_none() -> None:
    mask = torch.ones(2, 3, dtype=torch.int64)
    states = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    loss, cosine = student.distance(states, states, mask)
    assert loss.item() == pytest.approx(0, abs=1e-5)
    assert cosine == pytest.approx(1)
    assert student.distance(-states, states, mask)[0] > loss


def test_texts_of_every_kind_are_drawn(texts: Texts) -> None:
    rng = random.Random(0)
    drawn = [texts.draw(rng) for _ in range(200)]
    assert set(drawn) & set(texts.queries)
    assert set(drawn) & set(texts.short)
    assert set(drawn) & set(texts.passages)
    assert any(". " in text for text in drawn), "joined to other passages"


def test_what_is_held_out_of_the_texts_is_never_read(tmp_path: Path) -> None:
    headings = [{"query": f"heading {i}", "passage": f"passage {i}"} for i in range(61)]
    captions = [[f"caption {i}", f"another {i}"] for i in range(51)]
    for name, lines in (("headings", headings), ("captions", captions)):
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
    read = student.read_texts(tmp_path, ["of a picture"])
    assert read.held == [(f"heading {i}", f"passage {i}") for i in (0, 30, 60)]
    assert read.queries == [line["query"] for i, line in enumerate(headings) if i % 30]
    assert read.passages == [line["passage"] for i, line in enumerate(headings) if i % 30]
    assert "caption 1" in read.short
    assert "caption 0" not in read.short
    assert "of a picture" in read.short
    (tmp_path / "headings.jsonl.gz").unlink()
    with pytest.raises(FileNotFoundError, match="headings"):
        student.read_texts(tmp_path, [])
