from __future__ import annotations

import importlib
import io
import os
import pickle
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.core import Item, Segment, Span
from mmsearch.feed import wire
from mmsearch.feed.reading import Failed, Part, Timed


def test_arrays_come_out_as_they_went_in_and_can_be_written_to() -> None:
    reading, writing = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    sent = {"a": np.arange(300_000, dtype=np.float32).reshape(300, 1000), "b": ["x\udce9", np.zeros((0, 3))]}
    writer = threading.Thread(target=wire.send, args=(writing, sent))
    writer.start()
    sizes: list[int] = []
    received = wire.receive(reading, sizes.append)
    writer.join()
    assert np.array_equal(received["a"], sent["a"])
    assert received["b"][0] == "x\udce9"
    assert received["b"][1].shape == (0, 3)
    received["a"][0, 0] = 7
    assert 1_200_000 < sizes[0] < 1_201_000


def test_an_object_cut_short_is_the_end_of_the_stream() -> None:
    whole = io.BytesIO()
    wire.send(whole, np.ones(100))
    for length in (0, 3, 20, len(whole.getvalue()) - 1):
        with pytest.raises(EOFError):
            wire.receive(io.BytesIO(whole.getvalue()[:length]))


class Harm:
    """Stands for what a decoder that a file has taken over might send."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize(
    "harm",
    [
        Harm(os.system, "touch harmed"),
        Harm(eval, "open('harmed', 'w')"),
        Harm(Path, "harmed"),
        Harm(importlib.import_module, "antigravity"),
        Harm(getattr, "text", "upper"),
        wire.send,
        pickle.Unpickler,
    ],
    ids=["system", "eval", "path", "import", "getattr", "function", "class"],
)
def test_nothing_but_messages_is_made(harm: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stream = io.BytesIO()
    wire.send(stream, [Timed(Failed("in a list"), 0.1), harm])
    stream.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="no part of a message"):
        wire.receive(stream)
    assert list(tmp_path.iterdir()) == []


def test_no_more_memory_is_taken_than_a_message_needs() -> None:
    for lengths in ([1 << 40], [1 << 31, 1], [1 << 30, 1 << 30, 1 << 30]):
        head = struct.pack(f"<I{len(lengths)}Q", len(lengths), *lengths)
        with pytest.raises(pickle.UnpicklingError, match="bytes"):
            wire.receive(io.BytesIO(head))
    with pytest.raises(pickle.UnpicklingError, match="pieces"):
        wire.receive(io.BytesIO(struct.pack("<I", 1 << 31)))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_and_no_answer(data: bytes) -> None:
    with suppress(Exception):
        assert isinstance(wire.receive(io.BytesIO(data)), (int, str, bytes, list, dict, tuple, float, bool, type(None)))


@settings(max_examples=200, deadline=None)
@given(st.integers(0), st.integers(0, 255))
def test_a_message_with_a_wrong_byte_is_an_error_or_plain_data(at: int, value: int) -> None:
    stream = io.BytesIO()
    item = Item("/a", "00", "image", "image", 0, Span("page", 1, 2), "text")
    wire.send(stream, Timed(Part(Segment(item, np.zeros((4, 4, 3), np.uint8))), 0.5))
    data = bytearray(stream.getvalue())
    data[at % len(data)] = value
    with suppress(Exception):
        wire.receive(io.BytesIO(bytes(data)))
