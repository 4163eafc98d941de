"""Queries of every form through the real command, and bad ones: one line, exit code 2."""

from __future__ import annotations

import json

import pytest

from .conftest import Command


def test_many_queries_are_answered_in_order_with_one_load(mixed: Command) -> None:
    mixed.report(".")
    (mixed.cwd / "q.jsonl").write_text('watering the vegetable garden\n{"like": "red.png"}\n{"image": "blue.png"}\n')
    done = mixed("search", "--queries", "q.jsonl", "--json", "-k", "2", "--explain")
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert [one["query"] for one in answers] == ["watering the vegetable garden", "red.png", "blue.png"]
    assert all(not hit["path"].endswith("red.png") for hit in answers[1]["hits"])
    assert answers[2]["hits"][0]["path"].endswith("blue.png")
    assert "dense" in answers[0]["hits"][0]["stages"]


def test_bad_queries_are_one_line_and_exit_code_2(mixed: Command) -> None:
    mixed.report(".")
    bad = [
        (["--not", "snow"], b""),
        ([" "], b""),
        (["--image", "garden.txt"], b""),
        (["--queries", "-"], b'{"query": "x", "colour": "red"}\n'),
        (["--queries", "-"], b"\n"),
    ]
    for args, stdin in bad:
        done = mixed("search", *args, stdin=stdin)
        assert (done.returncode, done.stdout) == (2, b""), args
        assert len(done.stderr.splitlines()) == 1, done.stderr


BAD_LINES = [
    b"\xff\xfe",
    b'{"query": "x", "colour": "red"}',
    b"{}",
    b'{"query": 7}',
    b'{"query": ',
    b'{"query": ' + b"[" * 100_000,
    b'{"image": "missing.png"}',
    b'{"like": "missing.png"}',
]


def test_a_bad_line_costs_itself_alone(mixed: Command) -> None:
    mixed.report(".")
    (mixed.cwd / "q").write_bytes(b"\n".join([b"watering the garden", *BAD_LINES, b"a blue picture", b""]))
    done = mixed("search", "--queries", "q", "--json", "-k", "1")
    assert [answer["query"] for answer in json.loads(done.stdout)] == ["watering the garden", "a blue picture"]
    assert done.returncode == 2
    lines = done.stderr.decode().splitlines()
    assert sorted(line.split()[2] for line in lines) == [f"q:{number}:" for number in range(2, len(BAD_LINES) + 2)]
    done = mixed("search", "--queries", "q", "--mode", "lexical", "-l", "-k", "1")
    assert (done.returncode, b"garden.txt" in done.stdout) == (2, True), done.stderr


def test_a_file_of_bad_lines_is_an_empty_list(mixed: Command) -> None:
    mixed.report(".")
    done = mixed("search", "--queries", "-", "--json", stdin=b"{}\n")
    assert (done.returncode, json.loads(done.stdout)) == (2, [])


def test_a_long_query_is_cut_with_one_warning(mixed: Command) -> None:
    mixed.report(".")
    query = "watering the vegetable garden " * 1000
    done = mixed("search", query, "-l")
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 1), done.stderr
    assert b"of 4000 words" in done.stderr and b"garden.txt" in done.stdout
    done = mixed("search", query, "-l", "--mode", "lexical")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("options", [("--mode", "hybrid"), ("--mode", "dense"), ("--format", "table")])
def test_a_default_may_be_given(mixed: Command, options: tuple[str, str]) -> None:
    mixed.report(".")
    assert mixed("search", "watering the garden", *options).returncode == 0


def test_what_holds_for_every_query_is_said_once(mixed: Command) -> None:
    mixed.report(".")
    asked = [{"query": colour, "image": "red.png"} for colour in ("red", "green", "blue")]
    (mixed.cwd / "q.jsonl").write_text("\n".join(map(json.dumps, asked)))
    done = mixed("search", "--queries", "q.jsonl", "--rerank", "-k", "1")
    assert done.stderr.decode().count("not reranked") == 1, done.stderr
    (mixed.cwd / "labelled.jsonl").write_text("\n".join(json.dumps({**one, "relevant": ["blue.png"]}) for one in asked))
    done = mixed("eval", "labelled.jsonl", "--compare", "raw,rerank")
    assert (done.returncode, done.stderr.decode().count("not reranked")) == (0, 1), done.stderr
    assert b"not reranked" in mixed("search", "red", "--image", "red.png", "--rerank").stderr
