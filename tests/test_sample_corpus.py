"""The sample corpus is complete and its questions can be answered. Needs none of the generator's libraries."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(__file__).resolve().parents[1] / "sample_corpus"
SENSES = ("image", "document", "text", "audio", "video")
FOLDERS = {
    "pictures": "image", "charts": "image", "screenshots": "image", "slides": "image",
    "documents": "document", "notes": "text", "sounds": "audio", "videos": "video",
}  # fmt: skip
MAGIC = {
    ".jpg": (0, b"\xff\xd8\xff"), ".png": (0, b"\x89PNG"), ".webp": (8, b"WEBP"), ".gif": (0, b"GIF89a"),
    ".pdf": (0, b"%PDF-"), ".wav": (8, b"WAVE"), ".flac": (0, b"fLaC"), ".ogg": (0, b"OggS"),
    ".mp4": (4, b"ftyp"), ".webm": (0, b"\x1a\x45\xdf\xa3"), ".mkv": (0, b"\x1a\x45\xdf\xa3"),
}  # fmt: skip


def files() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (CORPUS / folder).rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def queries() -> list[dict[str, Any]]:
    lines = (CORPUS / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_corpus_is_large_enough_to_search_and_small_enough_to_clone() -> None:
    assert len(files()) >= 80
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) <= 15_000_000


def test_every_modality_has_several_formats() -> None:
    suffixes = {folder: {path.suffix for path in (CORPUS / folder).iterdir()} for folder in FOLDERS}
    assert suffixes["sounds"] == {".wav", ".flac", ".ogg", ".mp3"}
    assert suffixes["videos"] == {".mp4", ".webm", ".mkv"}
    assert suffixes["notes"] >= {".md", ".txt", ".html", ".csv", ".json", ".py"}
    assert suffixes["pictures"] >= {".jpg", ".png", ".webp", ".gif"}
    assert suffixes["documents"] == {".pdf"}


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_content_is_what_the_suffix_says(path: Path) -> None:
    head = path.read_bytes()[:64]
    assert head
    if path.suffix in MAGIC:
        offset, magic = MAGIC[path.suffix]
        assert head[offset:].startswith(magic)


def test_hard_encodings_are_present() -> None:
    with pytest.raises(UnicodeDecodeError):
        (CORPUS / "notes/reiseplan.txt").read_text(encoding="utf-8")
    assert "München" in (CORPUS / "notes/reiseplan.txt").read_text(encoding="latin-1")
    assert (CORPUS / "notes/song_ideas.txt").read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff")
    assert (CORPUS / "pictures/IMG_5001.png").read_bytes()[24] == 16  # bit depth in the PNG header
    party = (CORPUS / "pictures/party.png").read_bytes()
    assert party[25] == 3 and b"tRNS" in party[:2000]  # palette, with transparency
    assert b"Adobe" in (CORPUS / "pictures/poster_print.jpg").read_bytes()[:200]  # marks CMYK
    assert b"Exif" in (CORPUS / "pictures/IMG_1187.jpg").read_bytes()[:200]


def test_first_question_is_the_red_car(queries: list[dict[str, Any]]) -> None:
    assert queries[0]["query"] == "red car"
    assert queries[0]["relevant"][0] == "pictures/IMG_2041.jpg"


def test_questions_name_only_files_that_exist(queries: list[dict[str, Any]]) -> None:
    assert len(queries) >= 90
    named = {path for row in queries for path in [*row["relevant"], *([row["image"]] if "image" in row else [])]}
    missing = sorted(path for path in named if not (CORPUS / path).is_file())
    assert not missing


def test_every_question_asks_and_is_answered_as_its_pair_says(queries: list[dict[str, Any]]) -> None:
    for row in queries:
        asks, answers = row["pair"].split("->")
        assert bool(row["query"]) == ("text" in asks), row
        assert ("image" in row) == ("image" in asks), row
        assert row["relevant"] and len(set(row["relevant"])) == len(row["relevant"]), row
        assert {FOLDERS[path.split("/")[0]] for path in row["relevant"]} == {answers}, row
        assert row.get("image") not in row["relevant"], row


def test_all_pairs_of_modalities_are_asked(queries: list[dict[str, Any]]) -> None:
    pairs = Counter(row["pair"] for row in queries)
    assert set(pairs) == {f"{asks}->{answers}" for asks in ("text", "image", "text+image") for answers in SENSES}


def test_no_question_is_asked_twice(queries: list[dict[str, Any]]) -> None:
    asked = Counter((row["query"], row.get("image")) for row in queries)
    # A picture may ask for several kinds of media; a text asks once.
    assert all(count == 1 for (text, _image), count in asked.items() if text)


def test_every_file_answers_some_question(queries: list[dict[str, Any]]) -> None:
    answers = {path for row in queries for path in row["relevant"]}
    idle = [
        path.relative_to(CORPUS).as_posix() for path in files() if path.relative_to(CORPUS).as_posix() not in answers
    ]
    assert not idle
