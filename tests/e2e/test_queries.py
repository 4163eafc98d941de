"""Queries of every form through the real command, and bad ones: one line, exit code 2."""

from __future__ import annotations

import json

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
        (["word " * 5000], b""),
        (["--queries", "-"], b'{"query": "x", "colour": "red"}\n'),
    ]
    for args, stdin in bad:
        done = mixed("search", *args, stdin=stdin)
        assert (done.returncode, done.stdout) == (2, b""), args
        assert len(done.stderr.splitlines()) == 1, done.stderr


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
