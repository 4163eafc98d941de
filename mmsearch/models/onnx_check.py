"""Makes sure that an ONNX graph runs no foreign code: operators that ONNX Runtime knows, data in the model's folder.

Reads the protobuf only as far as needed; large tensors are skipped by their length. Knows nothing of the computation.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from mmsearch.errors import ModelUnavailable

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"})
"""Sets of operators that are part of ONNX Runtime."""
PROGRAMS = frozenset({"EPContext", "PythonOp", "PyOp", "ATen", "TorchScript"})
"""Operators that run a program or read a file of their own."""
DEEPEST = 64
"""Levels of messages in messages; a graph within a graph takes three."""

Bytes: TypeAlias = "bytes | mmap.mmap"
# The messages inside a message, by the number of the field: (kind, {number: kind}).
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 10: "function domain", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {4: "operator", 5: "attribute", 7: "domain"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
    "external": {1: "key", 2: "value"},
}
_TEXTS = frozenset({"function domain", "operator", "domain", "key", "value"})


@dataclass
class GraphNames:
    """The names in a graph: domains and kinds of operators, domains of its own functions, and files with its data."""

    domains: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


def require_plain(path: str) -> None:
    """Make sure that a graph needs only known operators, and data only in its own folder.

    Raises ModelUnavailable if it needs others, or cannot be read.
    """
    try:
        names = read(path)
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"cannot load {path}: {error}") from error
    if foreign := sorted(names.domains - DOMAINS - names.functions) or sorted(names.operators & PROGRAMS):
        raise ModelUnavailable(f"cannot load {path}: it has operators of its own ({foreign[0]}), which are programs")
    for name in sorted(names.files):
        if not _is_inside(path, name):
            raise ModelUnavailable(f"cannot load {path}: it takes data from {name}, which is outside of its folder")


def read(path: str) -> GraphNames:
    """The names in a file's graph. Raises ValueError if it is no graph."""
    names = GraphNames()
    if not os.path.getsize(path):
        raise ValueError("it is empty")
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _walk(data, 0, len(data), "model", names, 0)
    return names


def _walk(data: Bytes, start: int, end: int, kind: str, names: GraphNames, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("its graphs are nested too deeply")
    inside, texts = _MESSAGES[kind], {}
    for number, begin, stop in _fields(data, start, end):
        field_kind = inside.get(number)
        if field_kind in _TEXTS:
            texts[field_kind] = data[begin:stop].decode("utf-8", "replace")
        elif field_kind is not None:
            _walk(data, begin, stop, field_kind, names, depth + 1)
    if kind == "node":
        names.domains.add(texts.get("domain", ""))
        names.operators.add(texts.get("operator", ""))
    elif kind == "function":
        names.functions.add(texts.get("function domain", ""))
    elif kind == "external" and texts.get("key") == "location":
        names.files.add(texts.get("value", ""))


def _fields(data: Bytes, offset: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message that have a length: number, and where the content begins and stops."""
    while offset < end:
        key, offset = _varint(data, offset, end)
        number, wire = key >> 3, key & 7
        if wire == 0:
            _, offset = _varint(data, offset, end)
        elif wire == 2:
            size, offset = _varint(data, offset, end)
            if size > end - offset:
                raise ValueError("it is cut off")
            yield number, offset, offset + size
            offset += size
        elif wire in (1, 5):
            offset += 8 if wire == 1 else 4
        else:
            raise ValueError("it is no ONNX graph")


def _varint(data: Bytes, offset: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while offset < end and shift < 70:
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7
    raise ValueError("it is no ONNX graph")


def _is_inside(path: str, name: str) -> bool:
    """Whether a file that a graph names is in the graph's folder after all links are resolved.

    In the hub's cache both are links, to files beside the folder of snapshots.
    """
    if not name or os.path.isabs(name) or "\\" in name or "\0" in name or ".." in Path(name).parts:
        return False
    folder = Path(path).absolute().parent
    homes = [Path(os.path.realpath(folder))]
    if "snapshots" in folder.parts:
        depth = len(folder.parts) - 1 - folder.parts[::-1].index("snapshots")
        homes.append(Path(os.path.realpath(Path(*folder.parts[:depth]))) / "blobs")
    real = Path(os.path.realpath(folder / name))
    return any(home in real.parents for home in homes)
