"""What is installed with mmsearch is what it imports, no more and no less, and new enough."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MODULES = {"faiss-cpu": "faiss", "pillow": "PIL", "pylance": "lance", "pystemmer": "Stemmer"}
"""Distributions whose module is called otherwise."""
UNSEEN = {"python_multipart": "starlette reads forms with it", "torchvision": "transformers prepares pictures with it"}
"""Needed and never imported by us, and why."""
OPTIONAL = {
    "fsspec": "ray",
    "lance": "lance",
    "matplotlib": "plot",
    "mcp": "mcp",
    "pillow_heif": "heic",
    "pyarrow": "parquet",
    "pydantic": "mcp",
    "qdrant_client": "qdrant",
    "ray": "ray",
}
"""Modules that an extra brings."""


def requirements(section: str) -> dict[str, str]:
    """Name -> bounds, of a list of strings in pyproject.toml; Python 3.10 has no parser for it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (listed,) = re.findall(rf"^{section} = (\[.*?\])$", text, re.M | re.S)
    pairs = (re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[[a-z,]+\])?([^;]*)(?:;.*)?", one) for one in ast.literal_eval(listed))
    return {found[1].lower(): found[2].strip() for found in pairs if found}


def imported() -> Iterator[str]:
    """Top-level modules that the package imports and that do not come with Python."""
    for path in (ROOT / "mmsearch").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Deferred", "import_module"):
                names = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            else:
                continue
            yield from (
                top for name in names if (top := name.split(".")[0]) not in {*sys.stdlib_module_names, "mmsearch"}
            )


def module(distribution: str) -> str:
    return MODULES.get(distribution, distribution.replace("-", "_"))


@pytest.mark.parametrize(
    "section", ["dependencies", "docs", "heic", "lance", "mcp", "parquet", "plot", "qdrant", "ray", "training", "dev"]
)
def test_every_dependency_has_a_lower_bound_and_nothing_else(section: str) -> None:
    bounds = requirements(section)
    assert bounds
    assert not {name: bound for name, bound in bounds.items() if not re.fullmatch(r">=\d+(\.\d+)*", bound)}


def test_every_dependency_is_imported_or_has_a_reason() -> None:
    assert {module(name) for name in requirements("dependencies")} - set(imported()) == set(UNSEEN)


def test_every_import_is_a_dependency_or_of_an_extra() -> None:
    known = {module(name) for name in requirements("dependencies")} | set(OPTIONAL)
    assert set(imported()) <= known
    for name, extra in OPTIONAL.items():
        assert name in {module(one) for one in requirements(extra)}
