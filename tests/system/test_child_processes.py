"""Processes of our own import nothing from the folder they are started in, and programs are not looked for there."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmsearch.system import child_processes

PACKAGE = Path(child_processes.__file__).parent.parent
PLANTED = "mmsearch numpy json typing signal threading sqlite3 typer sitecustomize usercustomize encodings runpy"
posix_only = pytest.mark.skipif(os.name == "nt", reason="programs are found by their endings there")


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with modules that leave a file `ran` when they are imported."""
    folder = tmp_path / "planted"
    for name in PLANTED.split():
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name + ' '!r})\n")
    monkeypatch.chdir(folder)
    return folder


def ran(folder: Path) -> str:
    told = folder.parent / "ran"
    return told.read_text() if told.exists() else ""


IMPORT = "import numpy, json, sqlite3, typer, mmsearch.errors; print(sys.argv[1:], mmsearch.__file__)"


@pytest.mark.parametrize(
    "path", [None, os.pathsep, ".", f".{os.pathsep}..{os.pathsep}", f"{os.pathsep}nowhere", "./x/.."]
)
def test_a_process_of_ours_imports_nothing_from_the_current_folder(
    planted: Path, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    if path is None:
        monkeypatch.delenv("PYTHONPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setattr(sys, "path", ["", ".", str(planted), "../planted", *sys.path])
    argv = child_processes.command(IMPORT, "one", "", "-m")
    done = subprocess.run(argv, env=child_processes.environment(), capture_output=True, text=True, check=True)
    assert done.stdout == f"{['one', '', '-m']} {PACKAGE / '__init__.py'}\n"
    assert ran(planted) == ""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="older Pythons always put it first")
def test_no_process_that_a_library_starts_does_either(planted: Path) -> None:
    start = "import subprocess; subprocess.run([sys.executable, '-c', 'import json, numpy'], check=True)"
    subprocess.run(child_processes.command(start), env=child_processes.environment(), check=True)
    assert ran(planted) == ""


def test_the_folder_of_mmsearch_and_one_named_in_full_stay(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(planted), "/elsewhere"])
    assert child_processes.paths() == ["/elsewhere"]
    monkeypatch.setenv("PYTHONPATH", str(planted))
    assert child_processes.paths() == [str(planted), "/elsewhere"]
    monkeypatch.chdir(PACKAGE.parent)
    monkeypatch.setattr(sys, "path", ["", str(PACKAGE.parent)])
    assert child_processes.paths() == [str(PACKAGE.parent)]


def test_a_current_folder_that_is_gone_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    if os.name != "nt":
        (tmp_path / "gone").rmdir()
    assert child_processes.paths()
    done = subprocess.run(
        child_processes.command("print(1)"), env=child_processes.environment(), capture_output=True, check=True
    )
    assert done.stdout.strip() == b"1"


def test_no_variable_leads_to_the_current_folder() -> None:
    sep = os.pathsep
    root = os.path.abspath(os.sep)
    safe = child_processes.environment(
        {"PATH": f"{sep}{root}bin{sep}.{sep}x", "PYTHONPATH": sep, "LD_LIBRARY_PATH": f"{root}l{sep}"}
    )
    assert safe == {
        "PATH": f"{root}bin",
        "LD_LIBRARY_PATH": f"{root}l",
        "PYTHONSAFEPATH": "1",
        "NoDefaultCurrentDirectoryInExePath": "1",
    }


@posix_only
@pytest.mark.parametrize("path", ["", ".", ":{bin}", "{bin}:", ".:{bin}", "planted:../planted:{bin}"])
def test_programs_are_found_by_full_paths_only(planted: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    (planted.parent / "bin").mkdir()
    for place in (planted, planted.parent / "bin"):
        (place / "tool").write_text("#!/bin/sh\n")
        (place / "tool").chmod(0o755)
    monkeypatch.setenv("PATH", path.format(bin=planted.parent / "bin"))
    assert child_processes.program("tool") == (str(planted.parent / "bin" / "tool") if "{bin}" in path else None)
    (planted.parent / "bin" / "tool").chmod(0o644)
    if os.geteuid() != 0:
        assert child_processes.program("tool") is None


# --- nobody goes another way ------------------------------------------------------------------------------------------

STARTERS = {"subprocess", "multiprocessing", "pty", "concurrent.futures.process"}
AT = {
    "indexing/worker_process.py",
    "indexing/pool.py",
    "extras/bench/process.py",
    "cli/serve.py",
    "server/reveal.py",
    "models/machine.py",
}
"""Modules that start processes, by `command` or `program`."""


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_processes_are_started_by_the_helper_alone(path: Path) -> None:
    own = path.relative_to(PACKAGE).as_posix()
    if own == "system/child_processes.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    shown = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.FormattedValue)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            assert name != "sys.executable" or id(node) in shown, f"line {node.lineno}: use children.command"
            assert name != "shutil.which", f"line {node.lineno}: use children.program"
            assert not name.startswith(
                ("os.exec", "os.spawn", "os.posix_spawn", "os.system", "os.popen", "os.startfile")
            )
            assert name != "asyncio.create_subprocess_exec"
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not STARTERS.intersection(names) or own in AT, f"{own} starts processes: see children"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value not in ("-m", "-c"), f"line {node.lineno}: use children.command"
