from __future__ import annotations

import io
import os
import threading

import numpy as np
import pytest

from mmsearch.feed import wire


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
