"""Questions are read as documented, and a bad line is one message with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmsearch.errors import UsageError
from mmsearch.extras.evaluation import Question, read_questions

CORPUS = Path(__file__).resolve().parents[3] / "sample_corpus"


def written(folder: Path, *rows: Any) -> str:
    path = folder / "q.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return str(path)


def read(folder: Path, *rows: Any) -> list[Question]:
    return read_questions(written(folder, *rows))


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (question,) = read(tmp_path, {"query": " red car ", "relevant": ["cars/a.jpg", "/data/b.jpg"]})
    assert question.text == "red car"
    assert question.relevant == {str(tmp_path / "cars" / "a.jpg"): 1.0, "/data/b.jpg": 1.0}


def test_grades_are_kept_and_those_of_zero_are_not_relevant(tmp_path: Path) -> None:
    (question,) = read(tmp_path, {"query": "x", "relevant": {"a": 3, "b": 0.5, "c": 0}})
    assert question.relevant == {str(tmp_path / "a"): 3.0, str(tmp_path / "b"): 0.5}


def test_a_picture_may_ask_alone_and_with_words(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    alone, both = read(
        tmp_path, {"image": "a.png", "relevant": ["b"]}, {"query": "in blue", "image": "a.png", "relevant": ["b"]}
    )
    assert (alone.asks, alone.label) == ("image", "a.png")
    assert (both.asks, both.label) == ("text+image", "in blue + a.png")


def test_blank_lines_count_but_ask_nothing(tmp_path: Path) -> None:
    questions = read(tmp_path, "", {"query": "x", "relevant": ["a"]}, "   ", "")
    assert [question.location.rpartition(":")[2] for question in questions] == ["2"]


def test_a_name_that_is_not_utf8_survives(tmp_path: Path) -> None:
    (question,) = read(tmp_path, '{"query": "x", "relevant": ["/d/a\\udcff.jpg"]}')
    assert list(question.relevant) == ["/d/a\udcff.jpg"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("{nonsense", "not JSON"),
        ("[1]", "not an object"),
        ({"query": "x", "relevent": ["a"]}, "unknown field 'relevent': fields are query, image, relevant, pair"),
        ({"query": 7, "relevant": ["a"]}, "query is 7: it must be a string"),
        ({"query": "  ", "relevant": ["a"]}, "asks nothing"),
        ({"relevant": ["a"]}, "asks nothing"),
        ({"query": "half \ud800", "relevant": ["a"]}, "it has half of a character"),
        ({"query": "x", "relevant": {"a": 10**400}}, "must be a number from 0 to 1e9"),
        ('{"query": ' + "[" * 100_000, "nested too deeply"),
        ({"query": "x"}, "relevant must be a list of paths"),
        ({"query": "x", "relevant": "a"}, "relevant must be a list of paths"),
        ({"query": "x", "relevant": [1]}, "relevant must be a list of paths"),
        ({"query": "x", "relevant": []}, "nothing is relevant"),
        ({"query": "x", "relevant": {"a": 0}}, "nothing is relevant"),
        ({"query": "x", "relevant": {"a": -1}}, "the grade of a is -1"),
        ({"query": "x", "relevant": {"a": True}}, "the grade of a is true"),
        ('{"query": "x", "relevant": {"a": NaN}}', "the grade of a is NaN"),
        ({"image": "gone.jpg", "relevant": ["a"]}, "image gone.jpg is not there: paths are relative to "),
    ],
)
def test_a_bad_line_is_one_message_with_file_and_line(tmp_path: Path, row: Any, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, {"query": "fine", "relevant": ["a"]}, row)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'q.jsonl'}:2: ")
    assert told in message and "\n" not in message


@pytest.mark.parametrize("content", [b"", b"\n \n", b'{"query": "\xff"}'])
def test_a_file_without_questions_or_in_another_encoding_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "q.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match=r"q\.jsonl (has no questions|is not UTF-8)"):
        read_questions(str(tmp_path / "q.jsonl"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_questions(str(tmp_path / "none.jsonl"))


def test_the_sample_corpus_is_in_this_format() -> None:
    questions = read_questions(str(CORPUS / "queries.jsonl"))
    assert len(questions) == 156
    assert questions[0].relevant.keys() == {
        str(CORPUS / "pictures" / name) for name in ("IMG_2041.jpg", "winter_drive.jpg")
    }
    assert all(Path(path).is_file() for question in questions for path in question.relevant)
