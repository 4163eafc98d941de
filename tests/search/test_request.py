"""Filters in the forms that people write."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mmsearch.errors import UsageError
from mmsearch.search.request import (
    OPTIONS,
    SearchRequest,
    parse_date,
    parse_ranges,
    parse_types,
    read_seconds,
    read_size,
)
from mmsearch.store import Bounds, Filter


@pytest.mark.parametrize(
    ("text", "size"), [("500", 500), ("10k", 10_000), ("1.5M", 1_500_000), ("2GiB", 2**31), ("3kb", 3000)]
)
def test_sizes(text: str, size: float) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1:30", 90), ("1.5m", 90), ("2h", 7200), ("1:00:01", 3601)])
def test_lengths(text: str, seconds: float) -> None:
    assert read_seconds(text) == seconds


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000])
def test_a_number_beyond_all_pictures_is_no_range(number: str) -> None:
    with pytest.raises(UsageError, match="is no range"):
        SearchRequest(width=(f"+{number}",)).filter()


def test_ranges_hold_together() -> None:
    assert parse_ranges("--size", ["+1k", "-2k", "+1.5k"], read_size) == Bounds(1500, 2000)
    assert parse_ranges("--size", ["1k..2k"], read_size) == Bounds(1000, 2000)
    assert parse_ranges("--size", ["7"], read_size) == Bounds(7, 7)
    assert parse_ranges("--size", [], read_size) == Bounds()


@pytest.mark.parametrize("text", ["", "+", "-", "..", "much", "+-1", "1..x", "1 M M"])
def test_a_range_that_cannot_be_read_says_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match="at least"):
        parse_ranges("--size", [text], read_size)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2024", datetime(2024, 1, 1)),
        ("2024-03", datetime(2024, 3, 1)),
        ("2024-03-12", datetime(2024, 3, 12)),
        ("2024-03-12 18:30", datetime(2024, 3, 12, 18, 30)),
    ],
)
def test_dates(text: str, date: datetime) -> None:
    assert parse_date(text) == date


def test_dates_may_be_counted_from_now() -> None:
    assert abs(parse_date("7d") - (datetime.now() - timedelta(days=7))) < timedelta(seconds=5)
    for wrong in ("", "yesterday", "2024-13", "99999999999w"):
        with pytest.raises(UsageError):
            parse_date(wrong)


def test_nothing_asked_for_is_no_filter(tmp_path: Path) -> None:
    assert SearchRequest().filter() == Filter()
    made = SearchRequest(
        types=("image",), inside=(str(tmp_path / "x" / ".."),), after="2024", duration=("+1m",)
    ).filter()
    assert made.folders == (str(tmp_path),)
    assert (made.after, made.before, made.duration) == (datetime(2024, 1, 1), None, Bounds(60))


def test_types_are_names_of_modalities() -> None:
    assert parse_types(None) is None
    assert parse_types("image, video") == {"image", "video"}
    for wrong in ("images", "", ",", "image,x"):
        with pytest.raises(UsageError, match="choose from text, image, document, audio, video"):
            parse_types(wrong)


def test_a_mistake_in_the_types_to_rerank_is_reported_without_a_reranker() -> None:
    with pytest.raises(UsageError, match="unknown type 'smell'"):
        SearchRequest(rerank_types=("smell",)).filter()


def test_a_written_search_survives_the_way_to_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = SearchRequest(("red car",), globs=("*.jpg",), inside=("x",), after="7d", size=("+1M",), min_relevance=0.1)
    sent = wanted.portable()
    assert SearchRequest.from_json(json.loads(json.dumps(sent.to_json()))) == sent
    monkeypatch.chdir("/")
    there = sent.filter()
    assert there.folders == (str(tmp_path / "x"),)
    assert there.accept is not None
    assert there.accept(str(tmp_path / "a.jpg"))
    assert not there.accept(str(tmp_path / "a.png"))
    assert there.after is not None
    assert there.after < datetime.now() - timedelta(days=6)


def test_what_is_no_written_search_is_refused() -> None:
    for wrong in ({"colour": "red"}, {"textss": []}):
        with pytest.raises(TypeError, match="unknown"):
            SearchRequest.from_json(wrong)


def test_each_option_has_names_of_its_own() -> None:
    for names in ([option.http for option in OPTIONS], [option.tool for option in OPTIONS]):
        given = [name for name in names if name]
        assert len(given) == len(set(given))
    assert {option.kind for option in OPTIONS} == {"texts", "text", "int", "float", "flag"}
    assert all(option.help for option in OPTIONS)


def test_a_request_over_http_is_read_by_the_declared_options() -> None:
    values = {
        "q": [" red car "],
        "type": ["image", "video"],
        "top": ["5"],
        "offset": ["2"],
        "fold": [""],
        "raw": [False],
    }
    request = SearchRequest.from_http({**values, "min_relevance": ["0.5"], "like": ["1-a"], "not": []})
    assert request == SearchRequest(
        ("red car",), types=("image", "video"), top=5, offset=2, fold=True, min_relevance=0.5, like_ids=("1-a",)
    )
    assert (request.depth, request.modalities) == (7, {"image", "video"})
    assert SearchRequest.from_http({"q": ["  "]}) == SearchRequest()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"colour": ["red"]}, "unknown option 'colour'"),
        ({"base": ["/"]}, "unknown option 'base'"),
        ({"q": ["a", "b"]}, "given 2 times"),
        ({"q": [7]}, "q is a text"),
        ({"type": ["image"] * 65}, "more than 64"),
        ({"top": ["0"]}, "from 1 to 1000"),
        ({"top": ["1.5"]}, "is a number"),
        ({"top": [True]}, "is a number"),
        ({"min_relevance": ["nan"]}, "is a number from"),
        ({"raw": ["perhaps"]}, "true or false"),
        ({"mode": ["smell"]}, "choose from dense, lexical, hybrid"),
    ],
)
def test_a_request_over_http_that_cannot_be_read_is_refused(values: dict[str, list[object]], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        SearchRequest.from_http(values)


def test_a_request_says_whether_there_is_something_to_look_for() -> None:
    for request in (SearchRequest(), SearchRequest(("  ",)), SearchRequest(negatives=("snow",))):
        with pytest.raises(UsageError, match="nothing to look for"):
            request.require_query()
    for request in (SearchRequest(("x",)), SearchRequest(like=("a.jpg",)), SearchRequest(like_ids=("1-a",))):
        request.require_query()
        assert request.without_query() == SearchRequest()
