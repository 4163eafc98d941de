"""English has words that the built-in vocabulary knows; keyboard mash, other languages and other scripts have few."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.models import load_embedder
from mmsearch.models.known_words import known_share, pieces_of, split_words
from mmsearch.types import ModelOptions
from tests.models import builders

QUESTIONS = Path(__file__).resolve().parents[2] / "sample_corpus" / "queries.jsonl"
MASH = ["asdfghjkl", "qwertyuiop", "zxcvbnm", "xkjhdfg", "wzzzt", "1234567890", "00000"]
WORDLESS = ["", " ", "???", "!!!", "_-_"]
SCRIPTS = ["красная машина", "другое слово", "红色汽车", "赤い車", "빨간 차", "سيارة حمراء", "लाल कार", "สีแดง", "🎉"]
LANGUAGES = ["voiture rouge", "coche rojo", "macchina rossa", "gato negro", "Rechnung", "lorem ipsum"]


@pytest.fixture(scope="module")
def share() -> Callable[[str], float]:
    return load_embedder(ModelOptions()).known_share  # type: ignore[attr-defined,no-any-return]


def test_english_questions_are_known(share: Callable[[str], float]) -> None:
    queries = [json.loads(line)["query"] for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    shares = [share(query) for query in queries if query]
    assert len(shares) > 100
    assert mean(shares) > 0.95
    assert sum(value < 0.7 for value in shares) / len(shares) < 0.05


@pytest.mark.parametrize("text", [*MASH, *WORDLESS, *SCRIPTS])
def test_nonsense_and_other_scripts_are_unknown(share: Callable[[str], float], text: str) -> None:
    assert share(text) < 0.2


@pytest.mark.parametrize("text", LANGUAGES)
def test_other_languages_are_known_less(share: Callable[[str], float], text: str) -> None:
    assert share(text) < 0.7


def test_words_weigh_by_their_letters(share: Callable[[str], float]) -> None:
    assert share("red") == 1
    assert share("red asdfghjkl") == pytest.approx(3 / 12)


def test_a_number_beside_words_counts_nothing(share: Callable[[str], float]) -> None:
    assert share("red car 1234567890") == 1
    assert share("2024") == 1


def test_a_wide_character_can_be_a_word() -> None:
    assert known_share("红色", len) == 1
    assert known_share("ab", len) == 0, "a piece for each letter"


def test_marks_belong_to_their_letters() -> None:
    assert split_words("लाल कार, café!") == ["लाल", "कार", "café"]


@given(st.text(), st.sampled_from([None, 1, 2, 5]))
def test_a_share_is_between_0_and_1(text: str, pieces: int | None) -> None:
    assert 0 <= known_share(text, lambda _: pieces) <= 1


@pytest.mark.models
def test_a_sentence_transformer_knows_the_words_of_its_vocabulary(tmp_path: Path) -> None:
    embedder = load_embedder(ModelOptions(str(builders.make_text_embedder(tmp_path))))
    assert embedder.known_share("red sunset") == 1  # type: ignore[attr-defined]
    assert embedder.known_share("asdfghjkl") < 0.2  # type: ignore[attr-defined]


@pytest.mark.models
def test_both_kinds_of_tokenizers_count_alike(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(builders.make_text_embedder(tmp_path), local_files_only=True)
    own, wrapped = pieces_of(tokenizer.backend_tokenizer), pieces_of(tokenizer)
    words = ["red", "sunset", "asdf", "машина"]
    assert [own(word) for word in words] == [wrapped(word) for word in words] == [1, 1, 4, None]
