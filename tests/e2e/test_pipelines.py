"""Output that other programs read, and the exit codes they act on."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess

import pytest

from .conftest import Command


@pytest.fixture
def indexed(mixed: Command) -> Command:
    mixed.report(".")
    return mixed


def test_json_is_all_there_is_on_stdout(indexed: Command) -> None:
    done = indexed("search", "red", "circle", "--rerank", "--json")
    parsed = json.loads(done.stdout)
    assert parsed["query"] == "red circle"
    assert [hit["rank"] for hit in parsed["hits"]] == list(range(1, 7))
    assert done.stderr == b""


def test_stderr_has_no_bars_off_a_terminal(mixed: Command) -> None:
    done = mixed("index", ".")
    assert done.stdout == b""
    assert len(done.stderr.splitlines()) == 1
    assert b"\x1b" not in done.stderr
    assert b"\r" not in done.stderr


def test_null_separated_paths_feed_xargs(indexed: Command) -> None:
    odd = indexed.cwd / "with space\nand newline.txt"
    odd.write_text("A letter about a house by the lake.")
    indexed.report(".")
    command = shlex.join([str(part) for part in indexed.argv("search", "letter", "-l", "-0")]) + " | xargs -0 ls"
    done = subprocess.run(command, shell=True, cwd=indexed.cwd, env=indexed.env(), capture_output=True, check=True)
    assert b"lake" not in done.stdout
    assert done.stdout.count(b".png") == 3


def test_head_does_not_cause_a_traceback(indexed: Command) -> None:
    argv = shlex.join([str(part) for part in indexed.argv("search", "red", "-l")])
    command = f"set -o pipefail; {argv} | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=indexed.cwd, env=indexed.env(), capture_output=True, check=False)
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""
    # A pipe that is closed before anything is written is the harder case.
    command = f"{argv} | true"
    done = subprocess.run(["bash", "-c", command], cwd=indexed.cwd, env=indexed.env(), capture_output=True, check=False)
    assert b"Error" not in done.stderr


def test_formats_agree_on_the_order(indexed: Command) -> None:
    paths = indexed("search", "bicycle", "-l").stdout.decode().splitlines()
    lines = [json.loads(line) for line in indexed("search", "bicycle", "--jsonl").stdout.splitlines()]
    table = indexed("search", "bicycle").stdout.decode().splitlines()
    csv_rows = indexed("search", "bicycle", "--format", "csv").stdout.decode().splitlines()
    assert [line["path"] for line in lines] == paths
    assert len(table) == len(csv_rows) == len(paths) + 1
    assert all(os.path.basename(path) in row for path, row in zip(paths, table[1:], strict=True))


def test_a_terminal_gets_a_table_with_colour(indexed: Command) -> None:
    leader, follower = pty.openpty()
    argv = indexed.argv("search", "bicycle", "-k2")
    env = {**indexed.env(), "COLUMNS": "100", "TERM": "xterm-256color"}
    with subprocess.Popen(argv, cwd=indexed.cwd, env=env, stdout=follower, stderr=subprocess.PIPE):
        os.close(follower)
        seen = b""
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:
                break
            if not chunk:
                break
            seen += chunk
    assert b"bike.md" in seen
    assert b"\x1b[" in seen


def test_nothing_found_is_exit_code_1(indexed: Command) -> None:
    done = indexed("search", "garden", "-t", "video")
    assert done.returncode == 1
    assert done.stdout == b""
    assert json.loads(indexed("search", "garden", "-t", "video", "--json").stdout)["hits"] == []


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["search", "x", "--format", "xml"], b"table"),
        (["search", "x", "-t", "pictures"], b"text, image, document, audio, video"),
        (["search", "x", "--no-such-flag"], b"--no-such-flag"),
        (["search", "x", "-k", "0"], b"1"),
        (["search"], b"--image"),
        (["search", "x", "--json", "-l"], b"one output format"),
        (["search", "--image", "missing.png"], b"missing.png"),
        (["search", "--image", "garden.txt"], b"garden.txt"),
        (["search", "--image", "ftp://example.org/a.png"], b"http"),
        (["index", "no-such-folder"], b"no-such-folder"),
        (["index", ".", "--model-kwargs", "[1]"], b"JSON object"),
        (["index", ".", "--files-from", "absent.txt"], b"absent.txt"),
        (["frobnicate"], b"frobnicate"),
    ],
)
def test_bad_usage_is_exit_code_2_and_says_what_is_allowed(indexed: Command, argv: list[str], told: bytes) -> None:
    done = indexed(*argv)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert done.stdout == b""


def test_no_index_is_exit_code_3(mmsearch: Command) -> None:
    for command in (["search", "x"], ["status"]):
        done = mmsearch(*command)
        assert done.returncode == 3
        assert len(done.stderr.splitlines()) == 1
        assert b"mmsearch index" in done.stderr


def test_no_model_is_exit_code_4_and_one_line(mixed: Command) -> None:
    for model in ("nobody/no-such-model", "./no-such-directory"):
        done = mixed("index", ".", "--model", model)
        assert done.returncode == 4
        assert len(done.stderr.splitlines()) == 1, done.stderr.decode()
        assert model.encode() in done.stderr
    assert not mixed.index.exists()


def test_an_index_never_moves_in_with_other_files(mixed: Command) -> None:
    done = mixed("index", ".", "--index", ".")
    assert done.returncode == 2
    assert b".mmsearch" in done.stderr
    assert not (mixed.cwd / "meta.sqlite").exists()


def test_a_query_that_names_a_file_stays_text(indexed: Command) -> None:
    by_name = [hit["score"] for hit in indexed.hits("red.png")]
    (indexed.cwd / "red.png").rename(indexed.cwd / "other.png")
    indexed.report(".")
    assert sorted(hit["score"] for hit in indexed.hits("red.png")) == sorted(by_name)
