"""What an index remembers of its model, and what becomes of it when model, place or settings change."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.models import builders

from .conftest import Command

pytestmark = pytest.mark.torch_process


def doctored(mixed: Command, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes what the index remembers of its model."""
    db = sqlite3.connect(mixed.index / "meta.sqlite")
    (text,) = db.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
    identity = json.loads(text)
    change(identity)
    db.execute("UPDATE meta SET value = ? WHERE key = 'identity'", (json.dumps(identity),))
    db.commit()
    db.close()


def test_a_run_over_unchanged_files_loads_no_model(mixed: Command, clip: Path) -> None:
    mixed.report(".", "--model", str(clip))
    code = (
        "import sys\nfrom mmsearch.cli import main\nsys.argv = ['mmsearch', 'index', '.']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\nprint('torch' in sys.modules)"
    )
    for name, loads in (("", b"False"), ("new.txt", b"True")):
        if name:
            (mixed.cwd / name).write_text("A new note on boats.")
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=mixed.cwd, env=mixed.env(), capture_output=True, check=True
        )
        assert done.stdout.strip() == loads, done.stderr.decode()
    assert len(mixed.hits("boats")) == 7


def test_a_model_that_reads_otherwise_than_the_index_remembers_is_refused(mixed: Command, clip: Path) -> None:
    mixed.report(".", "--model", str(clip))
    doctored(mixed, lambda identity: identity["loader"].update(passage_chars=77))
    assert mixed.report(".")["unchanged"] == 6, "nothing has to be read"
    (mixed.cwd / "new.txt").write_text("A new note on boats.")
    done = mixed("index", ".")
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1
    assert b"passage_chars is 77, not" in done.stderr


def test_a_model_given_by_a_relative_path_is_found_from_elsewhere_and_may_move(mixed: Command, tmp_path: Path) -> None:
    builders.make_clip(mixed.cwd / "model")
    mixed.report("red.png", "--model", "model")
    mixed.cwd, start = tmp_path, mixed.cwd
    assert len(mixed.hits("red")) == 1
    (start / "model").rename(tmp_path / "moved")
    done = mixed("search", "red")
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert mixed.report("--model", "moved")["unchanged"] == 1
    assert len(mixed.hits("red")) == 1


def test_another_model_is_refused_with_what_differs(mixed: Command, clip: Path) -> None:
    mixed.report(".")
    done = mixed("index", ".", "--model", str(clip))
    assert done.returncode == 2
    assert b"--rebuild" in done.stderr
    assert b"builtin" in done.stderr
    assert mixed.report(".", "--model", str(clip), "--rebuild")["embedded"] == 6


def test_exactly_decoded_pictures_are_of_another_index(mixed: Command, clip: Path) -> None:
    mixed.report("red.png", "--model", str(clip))
    done = mixed("index", ".", "--exact")
    assert done.returncode == 2
    assert b"exact is False, not True" in done.stderr
    assert b"--rebuild" in done.stderr
    assert mixed.report("red.png", "--exact", "--rebuild")["embedded"] == 1
    assert mixed.report("red.png")["unchanged"] == 1, "the index remembers that it is exact"
    assert len(mixed.hits("red")) == 1


def test_an_index_from_elsewhere_is_no_permission_to_run_code(mixed: Command, clip: Path) -> None:
    mixed.report("red.png", "--model", str(clip))
    doctored(mixed, lambda identity: identity["options"].update(trust_remote_code=True))
    mixed.environment["MMSEARCH_TRUST_INDEX"] = "1"
    for command in (["search", "red"], ["index", "red.png"]):
        done = mixed(*command)
        assert done.returncode == 4 and done.stderr.count(b"\n") == 1
        assert b"--trust-remote-code" in done.stderr
    assert json.loads(mixed("status", "--check", "--json").stdout)["model"].endswith("--trust-remote-code")
    assert mixed("search", "red", "--trust-remote-code").returncode == 0
    mixed.environment["MMSEARCH_TRUST_REMOTE_CODE"] = "1"
    assert mixed("search", "red").returncode == 0
