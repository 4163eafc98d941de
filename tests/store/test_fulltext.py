"""Words of passages and names are found, follow every change, and come to an index of the format before."""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mmsearch.store import EVERYTHING, Filter, Reader, fulltext, schema, word_search
from mmsearch.store.integrity import repair
from mmsearch.store.words.query import parse_query
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


def holding(directory: str, query: str, where: Filter = EVERYTHING) -> list[str]:
    """Texts of the passages that are found, best first."""
    with Reader.open(directory) as reader:
        assert list(reader.problems()) == []
        rows = reader.search_passages(parse_query(query), where).rows
        locations = reader.locate(list(rows), where)
        return [locations[item][0].item.text for item in sorted(rows, key=lambda item: (-rows[item].score, item))]


def named(directory: str, query: str, where: Filter = EVERYTHING) -> list[str]:
    with Reader.open(directory) as reader:
        return [os.path.basename(match.path) for match in reader.search_names(parse_query(query), where)]


def test_passages_are_found_by_other_forms_of_their_words(writer: Writer) -> None:
    note(writer, "/data/a.txt", "Tomatoes need watering.", "Oil the chain.")
    note(writer, "/data/b.txt", "Crème brûlée.")
    writer.commit()
    assert holding(writer.directory, "tomato water") == ["Tomatoes need watering."]
    assert holding(writer.directory, "creme") == ["Crème brûlée."]


def test_a_passage_that_holds_only_the_common_words_is_no_match(writer: Writer) -> None:
    for number in range(9):
        note(writer, f"/data/{number}.txt", f"the note {number}")
    note(writer, "/data/x.txt", "the zeppelin")
    writer.commit()
    assert holding(writer.directory, "the zeppelin") == ["the zeppelin"]
    assert holding(writer.directory, "the elephant") == []


@pytest.mark.parametrize("query", ['" tree', "NEAR( tree", "tree*", "text: tree", "NOT tree", "^tree", "{x} : tree"])
def test_no_syntax_of_the_search_engine_leaks(writer: Writer, query: str) -> None:
    note(writer, "/data/a.txt", "near the text tree x")
    writer.commit()
    assert holding(writer.directory, query) == ["near the text tree x"]


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
    assert named(writer.directory, "red car") == ["red-car.txt"]
    writer.put_failure("/data/red-car.txt", 1, 2, "broken")
    note(writer, "/data/BlueBike.txt", "y")
    writer.commit()
    assert named(writer.directory, "red car") == []
    assert named(writer.directory, "blue bike") == ["BlueBike.txt"]


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
    assert holding(writer.directory, "zeppelin", where=where) == ["zeppelin"]
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
        assert not reader.search_passages(parse_query("tomato")).rows
        assert reader.search_names(parse_query("car")) == [] and reader.gate(parse_query('"car"')) is None
    assert format_of(old) == "1"


def test_a_writer_brings_the_format_before_up_to_date(old: str) -> None:
    Writer.open(old, IDENTITY).close()
    assert format_of(old) == str(schema.FORMAT)
    assert holding(old, "tomato") == ["Tomatoes need six hours of sun a day."]
    assert named(old, "red car") == ["IMG_red-car2.jpg"]


def test_a_migration_that_fails_leaves_the_format_before(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: bytes) -> str:
        raise RuntimeError("killed")

    monkeypatch.setattr(fulltext, "_name_line", fail)
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


def in_prose(directory: str) -> str:
    """Forty notes with words of very different frequency."""
    with Writer.open(directory, IDENTITY) as writer:
        for number in range(40):
            terms = ["we", *["sail"] * (number % 5 > 0), *["boat"] * (number % 8 == 0), *["zebra"] * (number == 24)]
            items = [Item("", f"d{number}", "text", "text", 0, text=" ".join(terms) + " xylophone" * (number % 7))]
            writer.put_content(f"d{number}", "text", "text", FileMetadata(), items, vectors_of(f"d{number}", items))
            writer.put_file(f"/data/we/{'-'.join(terms)}-{number}.txt", 1, 1, f"d{number}", "text")
        writer.commit()
    return directory


@pytest.mark.parametrize(
    "query", ["we", '"we" sail', '"boat" we', "sail zebra boat", "nowhere sail", "boat sail zebra xylophone"]
)
def test_scores_are_those_of_bm25_over_the_tokens(query: str, tmp_path: Path) -> None:
    """Computed from the texts, with each word as it is."""
    with Reader.open(in_prose(str(tmp_path))) as reader:
        parsed = parse_query(query)
        matches = reader.search_passages(parsed)
        texts = {
            located.item_id: located.item.text.split()
            for files in reader.locate(range(1, 41)).values()
            for located in files
        }
    average = sum(map(len, texts.values())) / len(texts)
    names = [term.text for term in parsed.terms]
    counts = [sum(name in text for text in texts.values()) for name in names]
    weights = [math.log(1 + (len(texts) + word_search.UNSEEN - n + 0.5) / (n + 0.5)) for n in counts]
    assert matches.weights == pytest.approx(weights) and matches.total == pytest.approx(sum(weights))
    expected = {}
    for item, text in texts.items():
        covered = sum(weight for name, weight in zip(names, weights, strict=True) if name in text)
        if covered >= 0.4 * sum(weights):
            saturation = 1.2 * (0.25 + 0.75 * len(text) / average)
            frequencies = [text.count(name) for name in names]
            scores = [w * f * 2.2 / (f + saturation) for w, f in zip(weights, frequencies, strict=True)]
            expected[item] = (pytest.approx(covered), pytest.approx(sum(scores), abs=1e-6))
    if parsed.phrases:
        expected = {item: match for item, match in expected.items() if parsed.phrases[0].text in texts[item]}
    assert matches.rows == expected


@pytest.mark.parametrize(
    "query", ["we sail boat", "boat zebra sail xylophone", "机 zebra boat", '"sail boat" zebra sail']
)
@pytest.mark.parametrize("few", [0, 256])
def test_many_terms_are_scored_as_few_are(
    query: str, few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Reader.open(in_prose(str(tmp_path))) as reader:
        expected = reader.search_passages(parse_query(query))
        monkeypatch.setattr(word_search, "_MANY", 0)
        monkeypatch.setattr(word_search, "_FEW", few)
        rows = reader.search_passages(parse_query(query)).rows
        assert rows.keys() == expected.rows.keys()
        for item, match in rows.items():
            assert match == pytest.approx(expected.rows[item], abs=1e-7)


def test_of_a_word_that_almost_all_hold_the_first_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_search, "MOST_ROWS", 6)
    with Reader.open(in_prose(str(tmp_path))) as reader:
        names = reader.search_names(parse_query("we"))
        assert sorted(match.items for match in names) == [(number + 1,) for number in range(6)]
        assert len(reader.search_passages(parse_query("we")).rows) == 6
        best = reader.search_names(parse_query('"we" sail zebra'))[0]
        assert best.items == (25,) and best.covered == best.total, "it holds all words, and is not among the first"
        rows = reader.search_passages(parse_query("sail zebra")).rows
        assert max(rows, key=lambda item: rows[item].score) == 25


def test_a_condition_holds_for_a_whole_file(writer: Writer) -> None:
    note(writer, "/data/trip.txt", "the red car", "a zeppelin")
    note(writer, "/data/red car.txt", "one zeppelin")
    note(writer, "/data/other.txt", "car red zeppelin")
    writer.commit()
    assert holding(writer.directory, '"red car"') == ["the red car"]
    assert sorted(named(writer.directory, '"red car"')) == ["red car.txt"]
    assert sorted(holding(writer.directory, "zeppelin -other")) == ["a zeppelin", "one zeppelin"]
    assert holding(writer.directory, 'zeppelin -"red car"') == ["car red zeppelin"]
    assert named(writer.directory, 'txt -"red car"') == ["other.txt"]
    with Reader.open(writer.directory) as reader:
        assert reader.gate(parse_query("zeppelin")) is None
        gate = reader.gate(parse_query('zeppelin "red car" -trip'))
        assert gate is not None and gate.paths == {"/data/trip.txt", "/data/red car.txt"}
        assert [gate.allows(f"/data/{name}.txt") for name in ("trip", "red car", "other")] == [False, True, False]


@pytest.mark.parametrize(
    "query",
    [
        *("IMG_1187", "img 1187", "IMG_1187.jpg", "img1187", "IMG1187.JPG"),
        *("trips/IMG_1187.jpg", "/data/trips/img_1187.jpg", "summer trips/img_1187", "Trips\\IMG_1187.jpg"),
        "./IMG_1187.jpg",
    ],
)
def test_a_name_is_exact_in_any_spelling(
    writer: Writer, query: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "summer trips"
    folder.mkdir()
    monkeypatch.chdir(folder)
    paths = [str(folder / "IMG_1187.jpg"), "/data/trips/IMG_1187.jpg", "/data/trips/IMG_1187 copy.jpg", "/IMG_1188.jpg"]
    for path in paths:
        note(writer, path, path)
    writer.commit()
    with Reader.open(writer.directory) as reader:
        matches = reader.search_names(parse_query(query))
    exact = {match.path for match in matches if match.exact}
    expected = {
        "/data/trips/img_1187.jpg": {paths[1]},
        "trips/IMG_1187.jpg": {paths[1]},
        "Trips\\IMG_1187.jpg": {paths[1]},
        "summer trips/img_1187": {paths[0]},
        "./IMG_1187.jpg": {paths[0]},
    }
    assert exact == expected.get(query, {paths[0], paths[1]})
    assert all(match.precision == 1.0 and match.covered == match.total for match in matches if match.exact)


def test_a_part_of_a_name_counts_less(writer: Writer) -> None:
    note(writer, "/data/red-car.txt", "x")
    note(writer, "/cars/blue.txt", "y")
    note(writer, "/data/北京烤鸭.txt", "z")
    writer.commit()
    with Reader.open(writer.directory) as reader:
        found = {os.path.basename(match.path): match for match in reader.search_names(parse_query("car"))}
        assert (found["red-car.txt"].precision, found["blue.txt"].precision) == (0.5, 0.0)
        assert not any(match.exact for match in found.values())
        [match] = reader.search_names(parse_query("烤鸭"))
        assert match.precision == 0.5
        first, *others = reader.search_names(parse_query("re\u0301d car"))
        assert first.exact and not any(match.exact for match in others)


def test_contents_are_counted_by_modality(old: str, writer: Writer) -> None:
    note(writer, "/data/a.txt", "x")
    note(writer, "/data/b.txt", "y")
    writer.commit()
    for directory, counts in ((old, {"text": 1, "image": 2}), (writer.directory, {"text": 2})):
        with Reader.open(directory) as reader:
            assert reader.file_counts() == counts


def version_of(directory: str, value: str | None = None) -> str:
    with closing(sqlite3.connect(os.path.join(directory, "meta.sqlite"), isolation_level=None)) as db:
        if value is not None:
            db.execute("UPDATE meta SET value = ? WHERE key = 'words'", (value,))
        return str(db.execute("SELECT value FROM meta WHERE key = 'words'").fetchone()[0])


@pytest.mark.parametrize(("other", "searchable"), [("0 3.1.0 15.0.0", False), ("1 0.0 0.0", True), ("", False)])
def test_words_of_another_version_are_made_again_by_a_writer(writer: Writer, other: str, searchable: bool) -> None:
    note(writer, "/data/a.txt", "zeppelin")
    writer.commit()
    writer.close()
    current = version_of(writer.directory)
    version_of(writer.directory, other)
    with Reader.open(writer.directory) as reader:
        assert reader.has_words == searchable
    with Writer.open(writer.directory, IDENTITY) as later:
        assert version_of(writer.directory) == current
        later.remove("/data/a.txt")
        later.commit()
    assert holding(writer.directory, "zeppelin") == []


def test_a_new_anchor_leaves_the_words_of_names_removable(tmp_path: Path) -> None:
    data = tmp_path / "photos"
    with Writer.open(str(data / "index"), IDENTITY) as writer:
        note(writer, str(data / "red.txt"), "x")
        writer.commit()
        writer.add_root(str(data))
        writer.remove(str(data / "red.txt"))
        writer.commit()
        assert named(writer.directory, "red") == named(writer.directory, "photos") == []
