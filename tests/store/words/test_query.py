"""Queries find texts in any spelling and stem, and their operators are read as people type them."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.store.words import tokens
from mmsearch.store.words.query import MOST_TERMS, Term, parse_query

TABLE = "CREATE VIRTUAL TABLE t USING fts5 (words, content = '', tokenize = 'ascii tokenchars ''#+.''')"


def has(text: str, term: Term) -> bool:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(TABLE)
        db.execute("INSERT INTO t (rowid, words) VALUES (1, ?)", (tokens.line(text),))
        return db.execute("SELECT 1 FROM t WHERE t MATCH ?", (term.match,)).fetchone() is not None


def finds(query: str, text: str) -> bool:
    """True if the text has all words and phrases of the query."""
    parsed = parse_query(query)
    return bool(parsed.terms) and all(has(text, term) for term in (*parsed.terms, *parsed.phrases))


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("I don't know", ["don't", "dont", "DON’T"]),
        ("O'Brien wrote", ["O'Brien", "OBrien", "O Brien", "brien", "o'brien's"]),
        ("OBrien wrote", ["O'Brien", "O Brien"]),
        ("O Brien wrote", ["O'Brien", "OBrien"]),
        ("send an e-mail", ["e-mail", "email", "e mail", "E‑Mail", "e-mails", "mail"]),
        ("send an email", ["e-mail", "e mail"]),
        ("send an e mail", ["e-mail", "email"]),
        ("infor-\nmation and well-\nknown", ["information", "wellknown", "known", "informations"]),
        ("infor\u00ad\nmation", ["information"]),
        ("pi is 3.14, or 3,14", ["3.14", "3,14"]),
        ("costs 1,000 or 2.500", ["1,000", "1000", "2500", "2.500"]),
        ("on 01.05.2024 and 2024-06-02", ["2024", "01.05.2024", "2024-06-02", "20240602"]),
        ("C++ and C# in F#", ["C++", "c#", "f#"]),
        ("5kg and 10 km", ["5 kg", "5kg", "10km", "kg"]),
        (
            "def getUserName(user_id):",
            ["user name", "getUserName", "getusername", "get_user_name", "userid"],
        ),
        ("XMLHttpRequest", ["http request", "xml"]),
        ("john.doe@example.com", ["john.doe@example.com", "doe", "example"]),
        (
            "see https://www.example.org/some-page?x=1",
            ["example.org", "some page", "https://www.example.org/some-page"],
        ),
        ("Die Häuser müssen groß sein und nicht klein", ["Haus", "häuser", "gross", "muss"]),
        ("Straßenbahn", ["strassenbahn", "STRASSENBAHN"]),
        ("l'homme est dans la maison", ["homme", "l'homme", "hommes", "d'hommes", "maisons"]),
        ("L’eau", ["l'eau", "eau", "d'eau"]),
        ("Las casas son de los perros", ["casa", "perro"]),
        ("running and runs", ["run", "running"]),
        ("Книги лежат на столе", ["книга", "книг", "стол"]),
        ("المدرسة الجديدة", ["مدرسة", "المدرسة"]),
        ("میخواهم", ["می\u200cخواهم"]),
        ("می\u200cخواهم", ["میخواهم", "می خواهم", "می\u200cخواهم"]),
        ("Οι δρόμοι", ["δρόμος", "ΔΡΟΜΟΙ"]),
        ("שָׁלוֹם צה״ל", ["שלום", "צהל", 'צה"ל']),
        ("हिन्दी में लिखा", ["हिन्दी"]),
        ("Đà Nẵng phở", ["da nang", "pho", "Đà Nẵng"]),
        ("Zażółć gęślą jaźń Łódź", ["zazolc", "lodz", "łódź"]),
        (
            "我昨天在北京参加了机器学习会议，使用NAS备份。",
            ["机器学习", "北京", "nas", "备", "份", "北京的会议"],
        ),
        (
            "昨日は東京で寿司を食べました。ｺﾝﾋﾟｭｰﾀ",
            ["東京", "食べる", "コンピュータ", "こんぴゅーた", "東京の寿司"],
        ),
        ("오늘 회의에서 데이터베이스를", ["회의", "데이터베이스", "회의에서", "회의를"]),
        ("ฉันไปซื้อตู้เย็นใหม่", ["ตู้เย็น", "ซื้อ"]),
        ("ສະບາຍດີ", ["ສະບາຍ"]),
    ],
)
def test_a_text_is_found_in_any_spelling(text: str, queries: list[str]) -> None:
    assert [query for query in queries if not finds(query, text)] == []


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("this is not it", "notes"),
        ("car", "care"),
        ("हन्द", "हिन्दी"),
        ("кот", "кит"),
        ("北京", "京北"),
        ("car red", '"red car"'),
        ("red big car", '"red car"'),
        ("3 14", "3.14"),
        ("the letter c", "c++"),
    ],
)
def test_another_word_is_another(text: str, query: str) -> None:
    assert not finds(query, text)


@pytest.mark.parametrize(
    "query", ['"red cars"', "“red cars”", "„red cars“", "«red cars»", "»red cars«", '"Red  CAR"', '"cars"', '"red" car']
)
def test_phrases_are_read_in_any_quotes(query: str) -> None:
    assert len(parse_query(query).phrases) == 1
    assert (finds(query, "the red cars") and not finds(query, "a car? red!")) or query in ('"cars"', '"red" car')


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("使用nas备份", "会议使用NAS备份的"),
        ("备份", "使用NAS备份"),
        ("don't worry", "don't worry"),
        ("e-mail list", "the e-mail list"),
        ("to be or not", "to be or not to be"),
        ("e-mail", "email"),
        ("user name", "getUserName"),
        ("der Hunde", "der Hund ist nicht da"),
        ("회의에서 데이터", "오늘 회의에서 데이터베이스를"),
    ],
)
def test_a_phrase_is_found_across_scripts_and_seams(phrase: str, text: str) -> None:
    assert finds(f'"{phrase}"', text)


@pytest.mark.parametrize(
    ("query", "plain", "excluded"),
    [
        ("car -red", "car", ["red"]),
        ('car -"red door"', "car", ["red door"]),
        ("-red car", "car", ["red"]),
        ("car -", "car -", []),
        ("car - red", "car - red", []),
        ("pages 3-5", "pages 3-5", []),
        ("well-known", "well-known", []),
        ("rm --force", "rm --force", []),
        ("car -“red door” -blue", "car", ["red door", "blue"]),
        ("(-red) car", "( ) car", ["red"]),
        ('15" or 17" screens', '15" or 17" screens', []),
        ('an "open quote', 'an "open quote', []),
        ('say "" twice', "say twice", []),
    ],
)
def test_exclusions_are_read_as_they_are_typed(query: str, plain: str, excluded: list[str]) -> None:
    parsed = parse_query(query)
    assert (parsed.plain, [term.text for term in parsed.excluded]) == (plain, excluded)
    assert not parsed.only_excludes
    assert parse_query("-red").only_excludes and not parse_query("").only_excludes


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("the red car", ["red", "car"]),
        ("the", ["the"]),
        ("to be or not to be", ["to", "be", "or", "not"]),
        ('"the car" of', ["the", "car"]),
        ("wo ist der Hund und die Katze", ["hund", "katze"]),
        ("die hard", ["die", "hard"]),
        ("war museum", ["war", "museum"]),
        ("книга о войне", ["книга", "воине"]),
        ("red red RED", ["red"]),
    ],
)
def test_stop_words_carry_no_weight_unless_there_is_nothing_else(query: str, terms: list[str]) -> None:
    assert [term.text.replace("й", "и") for term in parse_query(query).terms] == terms


# What a query may take for an operator or for no word of its own is left out.
WORDS = st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd", "Mn"]), min_size=1, max_size=12)


@given(st.lists(WORDS, min_size=1, max_size=6).map(" ".join))
def test_a_text_finds_itself(text: str) -> None:
    if parse_query(text).terms:
        assert finds(text, text)


@given(st.lists(st.tuples(st.text(max_size=60), st.booleans()), max_size=8))
def test_removed_passages_leave_the_tables_as_if_they_had_never_been(passages: list[tuple[str, bool]]) -> None:
    def dump(kept: list[tuple[int, str]], gone: list[tuple[int, str]]) -> list[tuple[str, int, int]]:
        with closing(sqlite3.connect(":memory:")) as db:
            db.execute(TABLE)
            for row, text in sorted(kept + gone):
                db.execute("INSERT INTO t (rowid, words) VALUES (?, ?)", (row, tokens.line(text)))
            tokens._lines.clear()
            for row, text in gone:
                db.execute("INSERT INTO t (t, rowid, words) VALUES ('delete', ?, ?)", (row, tokens.line(text)))
            db.execute("CREATE VIRTUAL TABLE v USING fts5vocab (t, 'instance')")
            return db.execute("SELECT term, doc, offset FROM v ORDER BY 1, 2, 3").fetchall()

    rows = [(number, text, stays) for number, (text, stays) in enumerate(passages)]
    kept = [(number, text) for number, text, stays in rows if stays]
    gone = [(number, text) for number, text, stays in rows if not stays]
    assert dump(kept, gone) == dump(kept, [])


@given(st.text(), st.text())
def test_any_query_is_valid_for_the_search_engine(query: str, text: str) -> None:
    parsed = parse_query(query)
    for term in (*parsed.terms, *parsed.phrases, *parsed.excluded):
        has(text, term)


LONG = [
    *("a" * 1_000_000, "word " * 200_000, " ".join(f"w{n}" for n in range(10_000)), '"' * 100_000, '-"' * 50_000),
    *("机器学习" * 50_000, "-" * 100_000 + "x", "a-" * 50_000, "aB" * 50_000, "«" * 50_000, "e " * 50_000),
    "1." * 50_000,
]


@pytest.mark.parametrize("query", LONG, ids=lambda query: query[:4])
def test_a_query_of_any_length_is_read_quickly(query: str) -> None:
    start = time.process_time()
    parsed = parse_query(query)
    assert time.process_time() - start < 1.0
    assert len(parsed.terms) <= MOST_TERMS
