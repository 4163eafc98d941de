"""How commands parse their options and show their help."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.cli import COMMANDS, PANELS
from tests.cli.running import run


def test_help_lists_the_options_by_section_as_plain_text() -> None:
    done = run("search", "--help")
    titles = [line for line in done.out.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Arguments:", *(f"{panel}:" for panel in PANELS)]
    assert done.out.isascii() and "\x1b" not in done.out and max(map(len, done.out.splitlines())) <= 80
    assert "\n    mmsearch search red car\n    mmsearch search " in done.out, "an example a line"


def test_help_lists_each_command_with_a_whole_sentence() -> None:
    commands = run("--help").out.partition("Commands:\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in commands.splitlines() if line[2] != " "] == list(COMMANDS)
    assert "..." not in commands


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_help_of_each_does(name: str) -> None:
    sentence = run(name, "--help").out.partition("\n\n")[2].partition("\n\n")[0]
    assert " ".join(sentence.split()) == COMMANDS[name][1]


def test_a_value_that_is_not_utf8_stays_as_it_is(tmp_path: Path) -> None:
    assert run("status", "--index", tmp_path / "\udcff").code == 3
    assert run("search", "\udcff", "--glob", "\udcfe*", "--index", tmp_path / "\udcff").code == 3


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (["-k", "5", "--rerank-budget", "0.5", "--mode", "lexical", "--", "-5"], 3),
        (["-k", "0"], 2),
        (["-k", "1000000001"], 2),
        (["-k", "five"], 2),
        (["--rerank-budget", "nan"], 2),
        (["--mode", "loud"], 2),
        (["--size"], 2),
        (["--loud"], 2),
    ],
)
def test_a_wrong_value_is_bad_usage(tmp_path: Path, values: list[str], code: int) -> None:
    done = run("search", "x", "--index", tmp_path / "none", *values)
    assert done.code == code and not done.out
    assert len(done.told.splitlines()[-1].split("rror:")) == 2


@pytest.mark.parametrize(("value", "code"), [("1", 3), ("0", 3), ("", 3), ("maybe", 2)])
def test_a_switch_can_be_set_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, code: int
) -> None:
    monkeypatch.setenv("MMSEARCH_TRUST_INDEX", value)
    assert run("status", "--index", tmp_path / "none").code == code
