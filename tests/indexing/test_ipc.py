from __future__ import annotations

import io
import os
import pickle
import struct
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.indexing import ipc
from mmsearch.indexing.decode import DecodeRequest, Failed, FileDecoder, Finished, Identified, Opened, Part, Timed
from mmsearch.indexing.ipc import Accepted, Note, Ready, WorkerSetup
from mmsearch.media import Kind
from mmsearch.scan import Entry
from mmsearch.types import Clip, FileMetadata, Item, LoaderSettings, ResizeRule, Segment, Span


def test_arrays_come_out_as_they_went_in_and_can_be_written_to() -> None:
    reading, writing = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    sent = [np.arange(300_000, dtype=np.float32).reshape(300, 1000), "x\udce9", np.zeros((0, 3))]
    writer = threading.Thread(target=ipc.send, args=(writing, sent))
    writer.start()
    sizes: list[int] = []
    received = ipc.receive(reading, sizes.append)
    writer.join()
    assert np.array_equal(received[0], sent[0])
    assert received[1] == "x\udce9"
    assert received[2].shape == (0, 3)
    received[0][0, 0] = 7
    assert 1_200_000 < sizes[0] < 1_201_000


def test_an_object_cut_short_is_the_end_of_the_stream() -> None:
    whole = io.BytesIO()
    ipc.send(whole, np.ones(100))
    for length in (0, 3, 20, len(whole.getvalue()) - 1):
        with pytest.raises(EOFError):
            ipc.receive(io.BytesIO(whole.getvalue()[:length]))


def frame(head: bytes, *arrays: bytes) -> io.BytesIO:
    sizes = [len(head), *map(len, arrays)]
    return io.BytesIO(struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes) + head + b"".join(arrays))


def everything() -> Timed:
    item = Item("/caf\udce9.png", "00", "image", "image", 3, Span("page", 1, 2.5), "text \U0001f600")
    clip = Clip(np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3), np.array([0.5]))
    return Timed(Part(Segment(item, clip)), 0.5)


def test_messages_come_out_as_they_went_in() -> None:
    reader = FileDecoder(LoaderSettings(image_fit=ResizeRule("squash", 224, 224)), frozenset({"image", "text"}))
    item = everything().answer.segment.item  # type: ignore[union-attr]
    for message in (
        WorkerSetup(reader, 1 << 40),
        DecodeRequest(Entry("/a", 1, -(2**63)), "digest", "image", item),
        Timed(Identified(Kind("svg", "image"), "ff"), float("inf")),
        Timed(Opened(FileMetadata(1, None, 0.1, "2020")), 0.0),
        Timed(Failed("why\n", True), 1e-300),
        Timed(Finished(), 0),
        Note("a.logger", 30, "said"),
        Ready(),
        Accepted(),
    ):
        stream = io.BytesIO()
        ipc.send(stream, message)
        stream.seek(0)
        assert ipc.receive(stream) == message


def test_a_view_and_numbers_of_numpy_are_sent_as_what_they_are() -> None:
    stream = io.BytesIO()
    whole = np.arange(24, dtype=np.float32).reshape(4, 6)
    ipc.send(stream, (whole[::2, 1:], np.float32(0.5), np.int64(7)))
    stream.seek(0)
    view, *numbers = ipc.receive(stream)
    assert np.array_equal(view, whole[::2, 1:])
    assert numbers == [0.5, 7]


@pytest.mark.parametrize("value", [object(), os.system, {"a": 1}, b"bytes", np.array([object()]), np.array(["text"])])
def test_what_is_no_part_of_a_message_is_not_sent(value: object) -> None:
    stream = io.BytesIO()
    with pytest.raises(TypeError, match="no part of a message"):
        ipc.send(stream, [value])
    assert stream.getvalue() == b""


class Harm:
    """Stands for what a decoder that a file has taken over might send."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch harmed",)


@pytest.mark.parametrize(
    "head",
    [
        pickle.dumps(Harm()),
        b'{"#":"system","command":"touch harmed"}',
        b'{"#":"os.system"}',
        b'{"#":"Reader","settings":null,"modalities":null,"more":1}',
        b'{"#":"Ready","__class__":"x"}',
        b'{"#":["Ready"]}',
        b'{"#":{}}',
        b"{}",
        b"[]",
        b'["dict"]',
        b'[{"#":"Ready"}]',
        b'["frozenset",["list"]]',
        b'{"#":"array","shape":[4],"dtype":"object","index":0}',
        b'{"#":"array","shape":[4],"dtype":"float64","index":0}',
        b'{"#":"array","shape":[-1,-8],"dtype":"uint8","index":0}',
        b'{"#":"array","shape":[2.0,4],"dtype":"uint8","index":0}',
        b'{"#":"array","shape":[8],"dtype":"uint8","index":1}',
        b'{"#":"array","shape":[4294967296,4294967296],"dtype":"uint8","index":0}',
        b'{"#":"array","shape":8,"dtype":"uint8","index":0}',
        b'{"#":"array","shape":[8],"dtype":["uint8"],"index":0}',
        b'{"#":"array","shape":[8],"dtype":"uint8","index":0,"base":1}',
        b"[" * 100_000,
        b"1" * 10_000,
        b"\xff\xfe",
    ],
)
def test_nothing_but_messages_is_made(head: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ipc.Garbled):
        ipc.receive(frame(head, bytes(8)))
    assert list(tmp_path.iterdir()) == []


def test_no_more_memory_is_taken_than_a_message_needs() -> None:
    for lengths in ([1 << 40], [1 << 31, 1], [1 << 30, 1 << 30, 1 << 30]):
        head = struct.pack(f"<I{len(lengths)}Q", len(lengths), *lengths)
        with pytest.raises(ipc.Garbled, match="bytes"):
            ipc.receive(io.BytesIO(head))
    with pytest.raises(ipc.Garbled, match="pieces"):
        ipc.receive(io.BytesIO(struct.pack("<I", 1 << 31)))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_and_no_answer(data: bytes) -> None:
    with suppress(EOFError, ipc.Garbled):
        assert isinstance(ipc.receive(io.BytesIO(data)), (int, str, bytes, list, dict, tuple, float, bool, type(None)))


@pytest.mark.parametrize("value", [0, 0x22, 0x30, 0x7F, 0xFF])
def test_a_message_with_a_wrong_byte_is_an_error_or_plain_data(value: int) -> None:
    stream = io.BytesIO()
    ipc.send(stream, everything())
    sound = stream.getvalue()
    for at in range(len(sound)):
        with suppress(EOFError, ipc.Garbled):
            ipc.receive(io.BytesIO(sound[:at] + bytes([value]) + sound[at + 1 :]))
