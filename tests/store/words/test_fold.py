"""One spelling for letter case, widths, optional marks and invisible characters."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.store.words import fold, languages


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Straße STRASSE ſtraße", "strasse strasse strasse"),
        ("և", "եւ"),
        ("ﬁle ｆｕｌｌ ①", "file full 1"),
        ("ｽｼ スシ すし", "すし すし すし"),
        ("É e\u0301 ể Ż", "e e e z"),
        ("Łódź Ørsted Đà Þór Æsir œuvre", "lodz orsted da thor aesir oeuvre"),
        ("İstanbul ISPARTA ısı", "istanbul isparta isi"),
        ("ΟΔΟΣ οδός", "οδοσ οδοσ"),
        ("Ёжик Замо\u0301к Май Їжак", "ежик замок май їжак"),
        ("المَدْرَسَةِ كتـــاب", "المدرسة كتاب"),
        ("شَرِكَة أحمد", "شركة احمد"),
        ("שָׁלוֹם", "שלום"),
        ("हिन्दी", "हिन्दी"),
        ("ที่นี่", "ที่นี่"),
        ("Ge\u00adsamt para\u200bgliding in\u2060structor \ufeffbom", "gesamt paragliding instructor bom"),
        ("٣٫١٤ ४२", "3 14 42"),
        ("un\u200fmarked", "unmarked"),
        ("infor-\n  mation", "infor\x02mation"),
        ("don’t dont‑worry", "don't dont-worry"),
        ("a.b 3.14, 1,000.", "a b 3.14  1,000"),
    ],
)
def test_spellings_of_one_word_become_one(written: str, folded: str) -> None:
    assert fold.fold(written).split() == folded.split()


@given(st.text())
def test_a_folded_text_is_folded_to_itself(text: str) -> None:
    folded = fold.fold(text)
    assert fold.fold(folded) == folded


@given(st.text())
def test_normal_forms_are_one(text: str) -> None:
    forms = {fold.fold(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert len(forms) == 1


def test_stop_words_are_as_texts_have_them() -> None:
    others = {word for words in languages.OTHER_STOP_WORDS.values() for word in words.split()}
    assert not languages.ENGLISH_ALONE & others and languages.ENGLISH_ALONE <= languages.ENGLISH_STOP_WORDS
    assert {word for word in others | languages.ENGLISH_STOP_WORDS if fold.fold(word) != word} == set()
    assert set(languages.OTHER_STOP_WORDS) == set(languages.LATIN[1:])


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The cat sat and it slept", "english"),
        ("red car", "english"),
        ("Die Katze und der Hund sind nicht hier", "german"),
        ("Rechnung Fußboden", "german"),
        ("Le chat est dans la maison", "french"),
        ("El perro no es de la casa", "spanish"),
        ("Il gatto non è della casa", "italian"),
        ("O gato não está na minha casa", "portuguese"),
        ("De kat is niet in het huis", "dutch"),
        ("Katten och hunden är inte här", "swedish"),
        ("Kissa ja koira ovat talossa", "finnish"),
        ("A kutya nem az asztal alatt van", "hungarian"),
        ("Pisica nu este pe masă", "romanian"),
        ("Kedi ve köpek için bir ev", "turkish"),
    ],
)
def test_stop_words_show_the_language(text: str, language: str) -> None:
    assert languages.detect(fold.fold(text).split(), text) == language
