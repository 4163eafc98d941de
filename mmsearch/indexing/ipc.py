"""Messages through a pipe: JSON, then the bytes of their arrays as they are, which are copied once on each side.

Both ends are processes of ours, but one of them runs decoders over files from anywhere. So nothing comes out but the
messages and plain data, whatever bytes go in; a pickle would leave it to every class it may make. A pipe needs no
clean-up after a kill, as shared memory does, and moves a picture of 768 x 768 pixels in about a millisecond.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from math import prod
from typing import Any, BinaryIO

from mmsearch.errors import MmsearchError
from mmsearch.indexing.decode import (
    DecodeRequest,
    Failed,
    FileDecoder,
    Finished,
    Identified,
    Opened,
    Part,
    Timed,
)
from mmsearch.media import Kind
from mmsearch.scan import Entry
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Audio, Clip, FileMetadata, Item, LoaderSettings, ResizeRule, Segment, Span

np: Any = LazyModule("numpy")


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """The first message to a worker: how to read files, and the most bytes of memory it may take, 0 for no limit."""

    reader: FileDecoder
    memory: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker's first answer: it has been set up."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The worker has received a request: if it dies from now on, the file is to blame."""


@dataclass(frozen=True, slots=True)
class Note:
    """A log record on its way to the parent, which decides whether to show it."""

    logger: str
    level: int
    message: str


_COUNT = struct.Struct("<I")
_SIZE = struct.Struct("<Q")
MOST_PIECES = 1024
"""Of one message: its JSON and its arrays, of which the largest, a clip, has two."""
MOST_BYTES = 2 << 30
"""Of one message: more than twice the largest picture that is read, so a larger claim is false."""
_AT_FIRST = 64 << 20
"""Bytes allocated at first; the buffer grows only as data arrives, even if the length claims more."""
_TAG = "#"
_DTYPES = frozenset({"uint8", "float32", "float64", "int64"})
_CLASSES: dict[str, type] = {
    message.__name__: message
    for message in (
        *(Audio, Clip, FileMetadata, Item, LoaderSettings, ResizeRule, Segment, Span),
        *(Failed, Finished, Identified, Opened, Part, Timed),
        *(DecodeRequest, Entry, FileDecoder, Kind),
        *(Note, Ready, Accepted, WorkerSetup),
    )
}
"""The messages and their parts, by name; received bytes create no other objects."""


class Garbled(MmsearchError):
    """The received bytes are no message."""


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message; the stream is unbuffered or gets flushed."""
    arrays: list[memoryview] = []
    head = json.dumps(_to_json(message, arrays), separators=(",", ":")).encode("ascii")
    views = [memoryview(head), *arrays]
    stream.write(_COUNT.pack(len(views)) + b"".join(_SIZE.pack(view.nbytes) for view in views) + head)
    for view in arrays:
        stream.write(view)
    stream.flush()


def receive(stream: BinaryIO, admit: Callable[[int], None] = lambda size: None) -> Any:
    """Read one message; its arrays may be written to.

    Args:
        stream: the other end of what `send` writes to.
        admit: called with the size of the message before it is read; may wait before it returns.

    Raises:
        EOFError: the other side has gone, perhaps in the middle of a message.
        Garbled: it sends no valid message.
    """
    (count,) = _COUNT.unpack(_read_exactly(stream, _COUNT.size))
    if not 0 < count <= MOST_PIECES:
        raise Garbled(f"a message of {count} pieces")
    sizes = _read_exactly(stream, _SIZE.size * count)
    lengths = [size for (size,) in _SIZE.iter_unpack(sizes)]
    if sum(lengths) > MOST_BYTES:
        raise Garbled(f"a message of {sum(lengths)} bytes")
    admit(sum(lengths))
    head, *arrays = [_read_exactly(stream, length) for length in lengths]
    try:
        return _rebuild(json.loads(head), arrays)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise Garbled(f"no message: {error}") from error


def _to_json(value: Any, arrays: list[memoryview]) -> Any:
    """The value as JSON; a value that JSON has no form for becomes an object with a tag."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if type(value) in (list, tuple, frozenset):
        return [type(value).__name__, *(_to_json(element, arrays) for element in value)]
    kind: type = type(value)
    if kind.__name__ in _CLASSES:
        return {_TAG: kind.__name__} | {name: _to_json(getattr(value, name), arrays) for name in _names(kind)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.name in _DTYPES:
        # A view of an array without numbers cannot be cast, and has nothing to send.
        arrays.append(memoryview(np.ascontiguousarray(value)).cast("B") if value.size else memoryview(b""))
        return {_TAG: "array", "shape": list(value.shape), "dtype": value.dtype.name, "index": len(arrays) - 1}
    raise TypeError(f"{type(value).__name__} is no part of a message")


def _rebuild(value: Any, arrays: list[bytearray]) -> Any:
    if isinstance(value, list):
        return {"list": list, "tuple": tuple, "frozenset": frozenset}[value[0]](
            _rebuild(element, arrays) for element in value[1:]
        )
    if not isinstance(value, dict):
        return value
    values = dict(value)
    name = values.pop(_TAG)
    if name == "array":
        return _array(arrays, **values)
    kind = _CLASSES[name]
    if values.keys() != set(_names(kind)):
        raise ValueError(f"{name} has other fields")
    return kind(**{key: _rebuild(element, arrays) for key, element in values.items()})


def _array(arrays: list[bytearray], shape: list[int], dtype: str, index: int) -> Any:
    if dtype not in _DTYPES or min(shape, default=0) < 0:
        raise ValueError(f"no array has dtype {dtype} and shape {shape}")
    data = arrays[index]
    if len(data) != prod(shape) * np.dtype(dtype).itemsize:
        raise ValueError(f"{len(data)} bytes are no array of shape {shape}")
    return np.ndarray(tuple(shape), dtype, data)


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else kind._fields


def _read_exactly(stream: BinaryIO, size: int) -> bytearray:
    data, filled = bytearray(min(size, _AT_FIRST)), 0
    while filled < size:
        if filled == len(data):
            data.extend(bytes(min(filled, size - filled)))
        with memoryview(data) as whole, whole[filled:] as rest:
            count = stream.readinto(rest)  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        filled += count
    return data
