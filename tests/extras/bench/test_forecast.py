from __future__ import annotations

import pytest

from mmsearch.extras.bench.forecast import Expectation, Kind, kind_by_name
from mmsearch.models import load_embedder
from mmsearch.types import Modality, ModelOptions


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/a/photo.JPG", "image"),
        ("/a/song.mp3", "audio"),
        ("/a/film.mp4", "video"),
        ("/a/paper.pdf", "document"),
        ("/a/notes.md", "text"),
        ("/a/Makefile", "text"),
        ("/a/odd\udcff.png", "image"),
    ],
)
def test_names_tell_what_a_file_probably_is(path: str, kind: Modality) -> None:
    assert kind_by_name(path) == kind


def test_ten_times_the_files_take_ten_times_as_long() -> None:
    embedder = load_embedder(ModelOptions("builtin"))
    hundred, thousand = (
        Expectation(embedder, 2).seconds({"image": Kind(count, count * 1000)}) for count in (100, 1000)
    )
    assert thousand > 2 * hundred > 0, "noise of the machine left aside"


def test_nothing_takes_no_time_and_large_texts_take_longer() -> None:
    expectation = Expectation(load_embedder(ModelOptions("builtin")), 2)
    assert expectation.seconds({}) == 0.0
    small, large = (expectation.seconds({"text": Kind(10, size)}) for size in (1000, 1_000_000))
    assert large > 10 * small


def test_the_batch_is_told_for_what_there_is_most_of() -> None:
    expectation = Expectation(load_embedder(ModelOptions("builtin")), 2)
    kinds: dict[Modality, Kind] = {"text": Kind(5, 1), "image": Kind(90, 1), "audio": Kind(1, 1)}
    assert expectation.batches(kinds) == "64 pictures or 32 texts at a time"
    assert expectation.batches({}) == ""
