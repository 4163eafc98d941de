"""What is read in the process that holds the index, and what only by a worker."""

from __future__ import annotations

import io
import struct
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmsearch import scan
from mmsearch.errors import MediaError, MmsearchError
from mmsearch.indexing.decode import DecodeRequest, FileDecoder
from mmsearch.indexing.decoder import BackgroundDecoder, Decoder, is_gentle
from mmsearch.indexing.pool import Limits, Pool, Task
from mmsearch.types import MODALITIES, Content, LoaderSettings, Modality


def jpeg(width: int, height: int, progressive: bool = False) -> bytes:
    """A small picture that says that it has these sides."""
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "JPEG", progressive=progressive)
    data = bytearray(out.getvalue())
    at = data.find(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def gentle(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    entry = scan.entry(str(path))
    assert isinstance(entry, scan.Entry)
    return is_gentle(DecodeRequest(entry, "digest", "image"))


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_read_here_by_the_pixels_it_claims(tmp_path: Path, progressive: bool) -> None:
    assert gentle(tmp_path / "a.jpg", jpeg(4000, 3000, progressive))
    assert not gentle(tmp_path / "b.jpg", jpeg(15_900, 15_900, progressive))


def test_a_jpeg_that_does_not_say_its_size_at_once_is_left_to_a_worker(tmp_path: Path) -> None:
    data = jpeg(16, 16)
    notes = b"\xff\xe1" + struct.pack(">H", 20_002) + bytes(20_000)
    assert not gentle(tmp_path / "a.jpg", data[:2] + notes + data[2:])
    assert not gentle(tmp_path / "b.jpg", data[:30])


def request(path: Path, modality: Modality) -> DecodeRequest:
    return DecodeRequest(scan.Entry(str(path), 0, 0), query=modality)


def test_a_future_gives_the_contents_of_a_file_or_why_it_has_none(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    with BackgroundDecoder(Limits(jobs=0)) as decoder:
        good, bad, gone = (decoder.submit(request(tmp_path / name, "image")) for name in ("a.png", "b.png", "c.png"))
        (picture,) = good.result(60)
        assert isinstance(picture, np.ndarray) and picture.shape == (20, 30, 3)
        for future, reason in ((bad, "broken"), (gone, "cannot be read")):
            with pytest.raises(MediaError, match=reason):
                future.result(60)


def test_a_file_that_is_still_waited_for_fails_when_the_decoder_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pool, "submit", lambda self, task: None)  # workers that never answer
    decoder = BackgroundDecoder(Limits(jobs=1), isolated=True)
    future = decoder.submit(request(tmp_path / "a.png", "image"))
    decoder.close()
    with pytest.raises(MmsearchError, match="stopped"):
        future.result(0)


def test_a_client_that_has_left_costs_the_others_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A small text.")
    left: Future[list[Content]] = Future()
    left.cancel()
    with BackgroundDecoder(Limits(jobs=0)) as decoder:
        decoder._inbox.put(Task(request(tmp_path / "a.txt", "text"), left))
        assert decoder.submit(request(tmp_path / "a.txt", "text")).result(60) == ["A small text."]


def test_an_isolated_decoder_reads_nothing_in_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks: list[Task] = []
    monkeypatch.setattr(Pool, "submit", lambda self, task: tasks.append(task))
    (tmp_path / "a.txt").write_text("A small text.")
    entry = scan.entry(str(tmp_path / "a.txt"))
    assert isinstance(entry, scan.Entry)
    for isolated in (False, True):
        reader = FileDecoder(LoaderSettings(), frozenset(MODALITIES))
        with Decoder(reader, Limits(jobs=1), isolated=isolated) as decoder:
            decoder.submit(Task(DecodeRequest(entry), None))
        assert len(tasks) == isolated
