"""Imports point one way, heavy libraries stay in their rooms, and light commands stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mmsearch"

LAYERS = [
    {"types", "errors", "system"},
    {"scan", "media", "models", "store"},
    {"indexing", "search"},
    {"extras"},
    {"api", "output"},
    {"server"},
    {"cli"},
]
MAY_IMPORT_SIBLINGS = {0}
"""Layers whose rooms may use each other; in all others a room knows only the layers below it."""

ROOMS = {
    "torch": {"models"},
    "transformers": {"models"},
    "sentence_transformers": {"models"},
    "onnxruntime": {"models"},
    "faiss": {"store"},
    "sqlite3": {"store"},
    "av": {"media"},
    "pypdfium2": {"media"},
    "typer": {"cli"},
    "pyarrow": {"extras", "scan"},
    "qdrant_client": {"extras"},
    "mcp": {"server"},
    "rich": {"cli", "output"},
    "ray": {"extras"},
    "fsspec": {"scan"},
    "starlette": {"server"},
    "uvicorn": {"server"},
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            if node.module == "mmsearch":
                yield from (f"mmsearch.{alias.name}" for alias in node.names)


def layer(name: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if name in names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    own = room(path)
    if own in ("__init__", "__main__"):
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "mmsearch" or len(parts) == 1 or parts[1] in (own, "__version__"):
            continue
        below = layer(parts[1]) < layer(own)
        sibling = layer(parts[1]) == layer(own) and layer(own) in MAY_IMPORT_SIBLINGS
        assert below or sibling, f"{own} may not import {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_stay_in_their_rooms(path: Path) -> None:
    for name in imports(path):
        allowed = ROOMS.get(name.split(".")[0])
        assert allowed is None or room(path) in allowed, f"{room(path)} may not import {name}"


def test_files_stay_short() -> None:
    long = {str(path): n for path in modules() if (n := len(path.read_text(encoding="utf-8").splitlines())) > 500}
    assert not long


LIGHT = {"torch", "transformers", "sentence_transformers"}
MOST_IMPORTED = 50
"""Modules of ours that a cold search on the built-in model may import: each costs time, and is one more to read. Five
of them make words of a query in any script."""
HEAVY = {"onnxruntime", "faiss", "numpy", "PIL", "av", "rich", "pydantic"}


def loaded_by(*argv: str) -> set[str]:
    """Top-level modules, and those of the product, loaded after the command has run in a process of its own."""
    code = (
        "import sys\nfrom mmsearch.cli import main\nsys.argv = ['mmsearch', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\nLOADED', *{n if n.startswith('mmsearch.') else n.split('.')[0] for n in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_help_imports_nothing_heavy() -> None:
    loaded = loaded_by("--help")
    assert "typer" in loaded
    assert not loaded & (LIGHT | HEAVY)
    assert {name for name in loaded if name.startswith("mmsearch.cli.")} == set(), "the list needs no command"


def test_a_command_does_not_import_the_others() -> None:
    loaded = loaded_by("status", "--index", "nowhere")
    assert "mmsearch.cli.status" in loaded
    assert not loaded & {"mmsearch.cli.search", "mmsearch.cli.index", "mmsearch.extras.bench.job", "mmsearch.models"}


def test_index_and_search_on_the_builtin_model_import_no_torch(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("Tomatoes need sun and water.")
    index = str(tmp_path / "index")
    assert not loaded_by("index", str(tmp_path / "note.txt"), "--index", index) & LIGHT
    assert not loaded_by("index", "--index", index) & (LIGHT | HEAVY), "nothing has changed"
    searched = loaded_by("search", "gardening", "--index", index)
    assert sum(name.startswith("mmsearch") for name in searched) <= MOST_IMPORTED
    by_words = loaded_by("search", "tomatoes", "--mode", "lexical", "--index", index)
    assert not by_words & {"onnxruntime", "mmsearch.models"}, "a search by words loads no model"
    loaded = loaded_by("search", "gardening", "--rerank", "--index", index)
    assert {"onnxruntime", "faiss"} <= loaded
    assert not loaded & LIGHT
    assert not loaded & {"mmsearch.output.terminal_images", "mmsearch.indexing.pool"}, "nobody asked for pictures"
