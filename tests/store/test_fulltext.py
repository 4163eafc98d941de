"""Words of passages and names are found, follow every change, and come to an index of the format before."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mmsearch.store import EVERYTHING, Filter, Reader, schema
from mmsearch.store import fulltext as words
from mmsearch.store.fulltext import split_name
from mmsearch.store.integrity import repair
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item, Span
from tests.store.helpers import IDENTITY, unit, vectors_of

FORMAT_1 = Path(__file__).with_name("format1")


def note(writer: Writer, path: str, *passages: str) -> None:
    digest = f"{path} {passages}"
    items = [Item("", digest, "text", "text", n, Span("line", n, n), text) for n, text in enumerate(passages)]
    writer.put_content(digest, "text", "text", FileMetadata(), items, vectors_of(digest, items))
    writer.put_file(path, 1, 1, digest, "text")


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer.open(str(tmp_path / "index"), IDENTITY)


def holding(directory: str, *terms: str, least: float = 0.5, where: Filter = EVERYTHING, k: int = 10) -> list[str]:
    """Texts of the passages that are found, best first."""
    with Reader.open(directory) as reader:
        assert list(reader.problems()) == []
        ids = [item for item, _ in reader.search_passages(terms, k, where, least)]
        locations = reader.locate(ids, where)
        return [locations[item][0].item.text for item in ids]


def named(directory: str, *terms: str, least: float = 0.5, where: Filter = EVERYTHING) -> list[str]:
    with Reader.open(directory) as reader:
        return [os.path.basename(path) for path, _, _ in reader.search_names(terms, 10, where, least)]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("IMG_red-car2.jpg", "IMG red car2 car 2 jpg"),
        ("Trips/winterDrive.PNG", "Trips winterDrive winter Drive PNG"),
        ("HTTPServer/v10.txt", "HTTPServer HTTP Server v10 v 10 txt"),
        ("Straße/Ärger 7.md", "Straße Ärger 7 md"),
    ],
)
def test_names_are_cut_at_punctuation_case_and_digits(path: str, words: str) -> None:
    assert split_name(path.encode()) == words


def test_bytes_that_are_no_text_separate_words() -> None:
    assert split_name(b"red\xffcar.jpg") == "red car jpg"


def test_passages_are_found_by_other_forms_of_their_words(writer: Writer) -> None:
    note(writer, "/data/a.txt", "Tomatoes need watering.", "Oil the chain.")
    note(writer, "/data/b.txt", "Crème brûlée.")
    writer.commit()
    assert holding(writer.directory, "tomato", "water") == ["Tomatoes need watering."]
    assert holding(writer.directory, "creme") == ["Crème brûlée."]


def test_a_passage_that_holds_only_the_common_words_is_no_match(writer: Writer) -> None:
    for number in range(9):
        note(writer, f"/data/{number}.txt", f"the note {number}")
    note(writer, "/data/x.txt", "the zeppelin")
    writer.commit()
    assert holding(writer.directory, "the", "zeppelin") == ["the zeppelin"]
    assert holding(writer.directory, "the", "elephant") == []


def test_no_syntax_of_the_search_engine_leaks(writer: Writer) -> None:
    note(writer, "/data/a.txt", "near the tree")
    writer.commit()
    for terms in (['"', "tree"], ["NEAR(", "tree"], ["tree*"], ["text:", "tree"], ["NOT", "tree"], ["", "tree"]):
        assert holding(writer.directory, *terms, least=0.0) == ["near the tree"]


def test_words_follow_edits_and_deletions(writer: Writer) -> None:
    note(writer, "/data/a.txt", "zeppelin")
    writer.commit()
    note(writer, "/data/a.txt", "submarine")
    writer.commit()
    assert (holding(writer.directory, "zeppelin"), holding(writer.directory, "submarine")) == ([], ["submarine"])
    writer.remove("/data/a.txt")
    writer.commit()
    assert (holding(writer.directory, "submarine"), named(writer.directory, "a")) == ([], [])


def test_a_missing_file_answers_no_words(writer: Writer) -> None:
    note(writer, "/data/balloon.txt", "zeppelin")
    writer.commit()
    writer.mark_missing("/data/balloon.txt")
    writer.commit()
    assert (holding(writer.directory, "zeppelin"), named(writer.directory, "balloon")) == ([], [])


def test_names_follow_renames_and_failures(writer: Writer) -> None:
    note(writer, "/data/red-car.txt", "x")
    writer.commit()
    assert named(writer.directory, "red", "car") == ["red-car.txt"]
    writer.put_failure("/data/red-car.txt", 1, 2, "broken")
    note(writer, "/data/BlueBike.txt", "y")
    writer.commit()
    assert named(writer.directory, "red", "car") == []
    assert named(writer.directory, "blue", "bike") == ["BlueBike.txt"]


def test_a_copy_is_found_by_its_own_name_only(writer: Writer) -> None:
    note(writer, "/data/red.txt", "x")
    digest = f"/data/red.txt {('x',)}"
    writer.put_file("/data/blue.txt", 1, 1, digest, "text")
    writer.commit()
    assert named(writer.directory, "blue") == ["blue.txt"]


def test_filters_hold_before_the_cut(writer: Writer) -> None:
    for number in range(30):
        note(writer, f"/data/{number}.txt", "zeppelin")
    writer.commit()
    where = Filter(accept=lambda path: path.endswith("/7.txt"))
    assert holding(writer.directory, "zeppelin", where=where, k=1) == ["zeppelin"]
    assert named(writer.directory, "txt", where=where) == ["7.txt"]


def test_a_rebuilt_index_starts_without_words(writer: Writer) -> None:
    note(writer, "/data/a.txt", "zeppelin")
    writer.commit()
    writer.close()
    Writer.open(writer.directory, IDENTITY, rebuild=True).close()
    assert (holding(writer.directory, "zeppelin"), named(writer.directory, "a")) == ([], [])


def test_words_stay_when_vector_files_are_merged(writer: Writer) -> None:
    for number in range(30):
        note(writer, f"/data/{number}.txt", f"number {number}")
        writer.commit()
    assert holding(writer.directory, "17") == ["number 17"]


@pytest.fixture
def old(tmp_path: Path) -> str:
    """An index that the first format's mmsearch wrote."""
    return str(shutil.copytree(FORMAT_1, tmp_path / "old"))


def format_of(directory: str) -> str:
    with sqlite3.connect(os.path.join(directory, "meta.sqlite")) as db:
        value = db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()[0]
    db.close()
    return str(value)


def test_the_format_before_is_read_as_it_is(old: str) -> None:
    with Reader.open(old) as reader:
        assert not reader.has_words
        [(item, score)] = reader.search(unit("d2", 0), "image", 1)
        assert score > 0.99
        assert reader.locate([item])[item][0].item.path == "/data/Holidays/IMG_red-car2.jpg"
        assert (reader.search_passages(["tomato"], 5), reader.search_names(["car"], 5)) == ([], [])
    assert format_of(old) == "1"


def test_a_writer_brings_the_format_before_up_to_date(old: str) -> None:
    Writer.open(old, IDENTITY).close()
    assert format_of(old) == str(schema.FORMAT)
    assert holding(old, "tomato") == ["Tomatoes need six hours of sun a day."]
    assert named(old, "red", "car") == ["IMG_red-car2.jpg"]


def test_a_migration_that_fails_leaves_the_format_before(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmsearch.store import fulltext as words

    def fail(path: bytes) -> str:
        raise RuntimeError("killed")

    monkeypatch.setattr(words, "split_name", fail)
    with pytest.raises(RuntimeError):
        Writer.open(old, IDENTITY)
    assert format_of(old) == "1"
    with Reader.open(old) as reader:
        assert reader.counts() == {"text": 2, "image": 1}


def test_a_migration_leaves_the_database_as_it_was(old: str, tmp_path: Path) -> None:
    with Reader.open(old) as reader:
        before = list(reader.search(unit("d2", 0), "image", 3))
    Writer.open(old, IDENTITY).close()
    backup = Path(old, "meta.format1.sqlite")
    assert backup.is_file() and not backup.with_name(backup.name + ".tmp").exists()
    os.replace(backup, Path(old, "meta.sqlite"))
    assert format_of(old) == "1"
    with Reader.open(old) as reader:
        assert list(reader.search(unit("d2", 0), "image", 3)) == before


def test_a_repair_migrates_too(old: str) -> None:
    assert repair(old).lost == []
    assert format_of(old) == str(schema.FORMAT)
    assert Path(old, "meta.format1.sqlite").is_file()


def in_prose(directory: str, monkeypatch: pytest.MonkeyPatch | None = None, most: int = 0) -> sqlite3.Connection:
    """Forty notes with words of very different frequency; the tables of words of an open index."""
    with Writer.open(directory, IDENTITY) as writer:
        for number in range(40):
            terms = ["the", *["of"] * (number % 5 > 0), *["boat"] * (number % 8 == 0), *["zebra"] * (number == 24)]
            items = [Item("", f"d{number}", "text", "text", 0, text=" ".join(terms) + " x" * (number % 7))]
            writer.put_content(f"d{number}", "text", "text", FileMetadata(), items, vectors_of(f"d{number}", items))
            writer.put_file(f"/data/the/{'-'.join(terms)}-{number}.txt", 1, 1, f"d{number}", "text")
        writer.commit()
    if monkeypatch:
        monkeypatch.setattr(words, "MOST_ROWS", most)
    return sqlite3.connect(Path(directory, "meta.sqlite"))


@pytest.mark.parametrize(
    "terms", [["the"], ["the", "of"], ["boat", "the"], ["of", "zebra", "boat"], ["nowhere", "the"]]
)
def test_rows_that_are_not_looked_at_hold_too_little(
    terms: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(in_prose(str(tmp_path))) as db:
        assert words.find_names(db, terms, 0.5) == [pair for pair in words.find_names(db, terms, 0.0) if pair[1] >= 0.5]
        all_scores = dict(words.find_passages(db, terms, 0.0))
        results = list(words.find_passages(db, terms, 0.5))
        monkeypatch.setattr(words, "MOST_ROWS", 45)  # as if these were many: each word alone is in fewer
        assert [item for item, _ in words.find_passages(db, terms, 0.5)] == [item for item, _ in results]
        assert dict(words.find_passages(db, terms, 0.5)) == pytest.approx(dict(results), rel=1e-4)
        assert [score for _, score in results] == pytest.approx([all_scores[item] for item, _ in results], rel=1e-4)
        assert [score for _, score in results] == sorted((score for _, score in results), reverse=True)


def test_of_a_word_that_almost_all_hold_the_first_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(in_prose(str(tmp_path), monkeypatch, 6)) as db:
        assert words.find_names(db, ["the"], 0.5) == [(number + 1, 1.0) for number in range(6)]
        assert len(list(words.find_passages(db, ["the"], 0.5))) == 6
        [best] = [file for file, share in words.find_names(db, ["the", "of", "zebra"], 0.5) if share == 1.0]
        assert best == 25, "it holds all words, though it is not among the first with any"
