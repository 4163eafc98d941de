"""Commands run in a folder that holds Python files and programs under well-known names: none of them is taken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

MODULES = """mmsearch numpy json torch typing signal threading multiprocessing subprocess sqlite3 logging random typer
    PIL av faiss filelock huggingface_hub onnxruntime pypdfium2 platformdirs rich safetensors sentence_transformers
    starlette tokenizers transformers uvicorn watchfiles multipart charset_normalizer semantic_text_splitter h11 anyio
    mcp pydantic pillow_heif pyarrow lance qdrant_client matplotlib ray fsspec sitecustomize usercustomize runpy
    Stemmer"""
PROGRAMS = "nvidia-smi xdg-open git uname ldconfig gcc cc ld python python3 mmsearch lsb_release file"
ENTRY = "import sys\nfrom mmsearch.__main__ import main\nsys.exit(main())\n"
posix_only = pytest.mark.skipif(os.name == "nt", reason="processes are ended by signals")


class Planted:
    """A folder with notes, and with files that leave a trace when they are run; the console script is run in it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "archive"
        self.trace = root / "trace"
        self.index = root / "index"
        self.script = root / "bin" / "mmsearch"
        self.script.parent.mkdir()
        self.script.write_text(ENTRY)
        (self.folder / "notes").mkdir(parents=True)
        (self.folder / "notes" / "bees.txt").write_text("Bees fly to the lavender.")
        for number, name in enumerate(MODULES.split()):
            code = f"open({str(self.trace)!r}, 'a').write({name + ' '!r})\n"
            if number % 2 and name != "mmsearch":
                (self.folder / f"{name}.py").write_text(code)
            else:
                (self.folder / name).mkdir()
                (self.folder / name / "__init__.py").write_text(code)
                (self.folder / name / "__main__.py").write_text(code)
        for name in PROGRAMS.split():
            path = self.folder / name
            if not path.exists():
                path.write_text(f"#!/bin/sh\necho {name} >> '{self.trace}'\n")
                path.chmod(0o755)
        (self.folder / ".env").write_text("HF_HUB_OFFLINE=0\nFASTMCP_LOG_LEVEL=DEBUG\nUVICORN_PORT=1\n")

    def argv(self, *args: str) -> list[str]:
        return [sys.executable, str(self.script), *args]

    def env(self) -> dict[str, str]:
        left = ("MMSEARCH_INDEX", "PYTHONPATH", "PYTHONSAFEPATH", "MMSEARCH_NO_SERVER")
        inherited = {key: value for key, value in os.environ.items() if key not in left}
        own = {"HF_HUB_OFFLINE": "1", "PATH": f".:{os.environ['PATH']}:", "MMSEARCH_INDEX": str(self.index)}
        return {**inherited, **own}

    def __call__(self, *args: str, code: int = 0) -> str:
        done = subprocess.run(
            self.argv(*args),
            cwd=self.folder,
            env=self.env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert done.returncode == code, done.stderr.decode()
        self.nothing_ran()
        return done.stdout.decode() + done.stderr.decode()

    @contextmanager
    def running(self, *args: str) -> Iterator[subprocess.Popen[bytes]]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(self.argv(*args), cwd=self.folder, env=self.env(), stdout=pipe, stderr=pipe)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        self.nothing_ran()

    def nothing_ran(self) -> None:
        assert not self.trace.exists(), self.trace.read_text()

    def until_found(self, words: str, name: str) -> None:
        end = time.monotonic() + 60
        while (
            name
            not in subprocess.run(
                self.argv("search", words), cwd=self.folder, env=self.env(), capture_output=True, text=True, check=False
            ).stdout
        ):
            assert time.monotonic() < end
            time.sleep(0.2)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    made = Planted(tmp_path_factory.mktemp("planted"))
    made("index", ".", "-g", "notes/**", "--jobs", "2")
    return made


@posix_only
@pytest.mark.parametrize(
    "argv",
    [
        ("search", "bees"),
        ("search", "bees", "--rerank", "--format", "json"),
        ("status",),
        ("status", "--check"),
        ("index",),
        ("index", "--rebuild", "--jobs", "2"),
        ("dupes",),
        ("models", "doctor"),
        ("models", "list"),
        ("bench", "--model", "builtin", "--batch-size", "1", "--modality", "text", "--time", "0"),
    ],
    ids=" ".join,
)
def test_no_command_takes_code_from_the_current_folder(planted: Planted, argv: tuple[str, ...]) -> None:
    done = subprocess.run(
        planted.argv(*argv),
        cwd=planted.folder,
        env=planted.env(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr.decode()
    planted.nothing_ran()


@posix_only
def test_a_server_in_the_background_does_not_either(planted: Planted) -> None:
    planted("serve", "--background", "--port", "0")
    try:
        assert "bees.txt" in planted("search", "bees")
    finally:
        planted("serve", "--stop")


@posix_only
def test_a_server_that_keeps_the_index_current_does_not_either(planted: Planted) -> None:
    with planted.running("serve", "--watch", "--port", "0"):
        (planted.folder / "notes" / "trains.txt").write_text("Trains run on rails.")
        planted.until_found("trains on rails", "trains.txt")


@posix_only
def test_an_index_that_is_kept_current_does_not_either(planted: Planted) -> None:
    with planted.running("index", "notes", "--watch"):
        (planted.folder / "notes" / "boats.txt").write_text("Boats lie in the harbour.")
        planted.until_found("boats in the harbour", "boats.txt")


@posix_only
def test_tools_for_language_models_do_not_either(planted: Planted) -> None:
    pytest.importorskip("mcp")
    planted("mcp")


@posix_only
def test_a_folder_on_the_search_path_by_an_empty_entry_is_left_when_the_command_begins(planted: Planted) -> None:
    empty = planted.folder / "empty"
    empty.mkdir()
    for name in ("numpy", "typer", "faiss", "sqlite3", "uvicorn"):
        (empty / f"{name}.py").write_text(f"open({str(planted.trace)!r}, 'a').write({name!r})\n")
    for path in (":", "/nowhere:", "."):
        argv = planted.argv("search", "bees", "--no-server")
        done = subprocess.run(
            argv, cwd=empty, env=planted.env() | {"PYTHONPATH": path}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        planted.nothing_ran()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as in the other tests of clusters")
def test_workers_of_a_cluster_do_not_either(planted: Planted) -> None:
    # Ray reads its environment when it is imported: not here, where another test would find it read too early.
    if find_spec("ray") is None:
        pytest.skip("the extra ray is not installed")
    planted("index", "notes", "--engine", "ray", "--jobs", "2", "--index", f"{planted.index}-by-ray")


@pytest.mark.slow
@posix_only
def test_measuring_a_model_of_its_architecture_does_not_either(planted: Planted) -> None:
    planted(
        *(
            "bench",
            "--dummy-weights",
            "--model",
            "clip-b32",
            "--batch-size",
            "1",
            "--modality",
            "text",
            "--time",
            "0",
        )
    )
