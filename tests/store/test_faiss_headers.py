"""What FAISS would believe is looked at first: every count and every kind of file."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import IndexDamaged
from mmsearch.store import faiss_files, faiss_headers
from mmsearch.store.ann_build import COARSE, AnnBuilder
from mmsearch.store.ann_index import rotated_dim
from mmsearch.store.faiss_files import SegmentBuilder, SegmentFile, open_file, write_index
from mmsearch.store.records import KINDS, Kind

COUNT = 300
INDEXED = tuple(kind for kind in KINDS if kind != "flat")


def rows(dim: int) -> np.ndarray:
    vectors = np.random.default_rng(dim).standard_normal((COUNT, dim)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def accelerator(path: Path, kind: Kind, dim: int) -> int:
    """Writes one to the path; how long its vectors are in it."""
    vectors = rows(dim)
    builder = AnnBuilder(kind, dim, COUNT, vectors, vectors[:0], lambda what, done, total: None)
    builder.add(np.arange(COUNT), np.arange(COUNT), vectors)
    write_index(builder.index, str(path.parent), "image/1.ann", *builder.tables())
    (path.parent / "vectors" / "image" / "1.ann").rename(path)
    return rotated_dim(dim) if kind in COARSE else dim


def segment(path: Path) -> None:
    """Writes one to the path."""
    builder = SegmentBuilder(16)
    builder.add(rows(16))
    builder.write(str(path.parent), "image/1.faiss")
    (path.parent / "vectors" / "image" / "1.faiss").rename(path)


@pytest.mark.parametrize("dim", [8, 16, 100])
@pytest.mark.parametrize("kind", INDEXED)
def test_what_is_written_is_known_again(kind: Kind, dim: int, tmp_path: Path) -> None:
    columns = accelerator(tmp_path / "1.ann", kind, dim)
    with open_file(str(tmp_path / "1.ann")) as file:
        lists = faiss_headers.require_ann_index(file, kind, columns, COUNT)
        tables = 8 * (2 * COUNT + (lists if kind == "pq4" else 0))
        assert 0 <= os.fstat(file.fileno()).st_size - file.tell() - tables < 8


@pytest.mark.parametrize("kind", INDEXED)
def test_no_number_in_front_of_an_accelerator_is_believed(kind: Kind, tmp_path: Path) -> None:
    """Wherever a huge number stands, it is a number of the vectors themselves or it is refused."""
    path = tmp_path / "1.ann"
    columns = accelerator(path, kind, 16)
    data = path.read_bytes()
    for offset in range(0, 100):
        for value in (1 << 60, 1 << 34, -1):
            path.write_bytes(data[:offset] + struct.pack("<q", value) + data[offset + 8 :])
            with open_file(str(path)) as file:
                try:
                    faiss_headers.require_ann_index(file, kind, columns, COUNT)
                except faiss_headers.HeaderMismatch:
                    continue
            faiss_files.read_index(str(path), lambda file: None, kind != "int8")  # FAISS takes it, at no price


@pytest.mark.parametrize("mark", [b"ilod", b"IxPT", b"IxMp", b"IHNf", b"IxFI", b"IwFl", b"\0\0\0\0"])
@pytest.mark.parametrize("kind", INDEXED)
def test_an_index_of_another_kind_is_refused(kind: Kind, mark: bytes, tmp_path: Path) -> None:
    path = tmp_path / "1.ann"
    columns = accelerator(path, kind, 16)
    data = path.read_bytes()
    for field in (data[:4], b"ilar", b"IxFI"):
        if field in data and field != mark:
            path.write_bytes(data.replace(field, mark, 1))
            with open_file(str(path)) as file, pytest.raises(faiss_headers.HeaderMismatch):
                faiss_headers.require_ann_index(file, kind, columns, COUNT)


@pytest.mark.parametrize("change", ["longer", "shorter", "empty", "header", "count"])
def test_a_vector_file_is_as_long_as_it_says(change: str, tmp_path: Path) -> None:
    path = tmp_path / "1.faiss"
    segment(path)
    SegmentFile(str(path), 16, COUNT)
    data = bytearray(path.read_bytes())
    if change == "count":
        struct.pack_into("<q", data, 8, 1 << 60)
    path.write_bytes(
        {"longer": data + b"\0", "shorter": data[:-1], "empty": b"", "header": data[:30]}.get(change, bytes(data))
    )
    with pytest.raises(IndexDamaged, match="cannot be used"):
        SegmentFile(str(path), 16, COUNT)


@pytest.mark.skipif(os.name == "nt", reason="has neither FIFOs nor links for all")
@pytest.mark.parametrize("how", ["fifo", "link", "device", "itself", "dangling"])
def test_a_vector_file_is_a_file_of_its_own(how: str, tmp_path: Path) -> None:
    path, other = tmp_path / "1.faiss", tmp_path / "other"
    segment(other)
    if how == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to({"link": "other", "device": "/dev/zero", "itself": "1.faiss", "dangling": "nothing"}[how])
    with pytest.raises(IndexDamaged, match="no file of its own"):
        SegmentFile(str(path), 16, COUNT)
    with pytest.raises(IndexDamaged, match="no file of its own"):
        faiss_files.checksum(str(path))
