"""Sniffing: content decides, the name breaks ties, and what is not read says what it is."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch import media
from mmsearch.errors import MediaError, UnsupportedMedia
from mmsearch.media import LOADERS, kind_of, sniff
from mmsearch.types import MODALITIES, LoaderSettings
from tests.media.make_pdf import pdf

MP3_FRAME = b"\xff\xfb\x90\x64" + bytes(414)


def kind(name: str, head: bytes) -> str:
    return kind_of(name, head).name


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image"),
        (b"GIF89a\1\0\1\0\x80\0\0", "image"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image"),
        (b"II*\0\x08\0\0\0", "image"),
        (b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", "image"),
        (b"\0\0\1\0\1\0\x10\x10\0\0\1\0", "image"),
        (b"8BPS\0\1", "image"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "image"),
        (b"P6\n# made by hand\n3 2\n255\n" + bytes(18), "image"),
        (b"P1\n2 2\n0 1 1 0\n", "image"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf"),
        (b"\0\0junk\0" + b"%PDF-1.4\n", "pdf"),
        (b"\r\n \n%PDF-1.4\n", "pdf"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio"),
        (b"RIFF\x24\0\0\0AVI LIST", "video"),
        (b"FORM\0\0\0\x24AIFFCOMM", "audio"),
        (b"fLaC\0\0\0\x22", "audio"),
        (b"ID3\4\0\0\0\0\0\0" + MP3_FRAME, "audio"),
        (MP3_FRAME * 4, "audio"),
        (b"\xff\xf1\x50\x80\x1c\x7f\xfc" * 4 + bytes(20), "audio"),
        (b"caff\0\1\0\0desc", "audio"),
        (b"#!AMR\n\x3c\x91\x17\x16\xbe\x66\0", "audio"),
        (b".snd\0\0\0\x18", "audio"),
        (b"OggS\0\2" + bytes(20) + b"\1\x1e\1vorbis\0", "audio"),
        (b"OggS\0\2" + bytes(20) + b"\1\x13OpusHead\1", "audio"),
        (b"OggS\0\2" + bytes(20) + b"\1\x2a\x80theora\3", "video"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom", "audio"),
        (b"\0\0\1\xb3\x16\0\xf0\xc4", "video"),
    ],
)
def test_binary_formats_are_known_by_content_whatever_their_name(head: bytes, expected: str) -> None:
    for name in ("x", "x.txt", "x.jpg", "x.mp3", "x.py"):
        assert kind(name, head) == expected


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("holiday.jpg", b"Only a note that somebody named like a picture.\n", "text"),
        ("song.mp3", b"la la la\n", "text"),
        ("README.md", b"# Title\n", "markdown"),
        ("x.MD", b"# Title\n", "markdown"),
        ("page.html", b"<p>hello", "html"),
        ("saved", b"\n <!DOCTYPE HTML>\n<title>x", "html"),
        ("saved", b"\xef\xbb\xbf<?xml version='1.0'?><!-- x --><html lang='en'>", "html"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "html"),
        ("t.csv", b"a,b\n1,2\n", "csv"),
        ("t.json", b"{}", "json"),
        ("main.rs", b"fn main() {}", "code"),
        ("Makefile", b"all:\n", "code"),
        ("run", b"#!/bin/sh\necho hi\n", "code"),
        ("plain", b"just words\n", "text"),
        ("mac.txt", b"MAC addresses are unique", "text"),
        ("id.txt", b"ID3 tags hold the title of a song", "text"),
        ("gif.txt", b"GIF89a is a format from 1989", "text"),
        ("bmw.txt", b"BMW is a maker of cars and motorcycles", "text"),
        ("mz.txt", b"MZ marks a program", "text"),
        ("p.txt", b"P1 is the name of a processor", "text"),
        ("pdf.txt", b"A file that begins with %PDF-1.4 is a PDF.", "text"),
        ("utf16.txt", "Grüße".encode("utf-16"), "text"),
        ("utf16le.txt", "no mark here".encode("utf-16-le"), "text"),
        ("utf16be.txt", "no mark here".encode("utf-16-be"), "text"),
        ("latin.txt", "Café à la crème".encode("latin-1"), "text"),
        ("russian.txt", "Съешь же ещё этих мягких французских булок".encode("cp1251"), "text"),
        ("japanese.txt", "これは日本語の文章です。今日は天気がいいですね。".encode("cp932"), "text"),
        ("cut.txt", "日本".encode()[:-1], "text"),
        ("colour.log", b"\x1b[31merror\x1b[0m\n", "text"),
        ("blank.txt", b" \n\t\n", "text"),
    ],
)
def test_text_is_known_by_content_and_its_flavour_by_name(name: str, head: bytes, expected: str) -> None:
    assert kind(name, head) == expected


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("letter.docx", b"PK\3\4\x14\0\6\0", "word processor.*docx.*PDF"),
        ("sums.xlsx", b"PK\3\4\x14\0\6\0", "spreadsheet"),
        ("x.zip", b"PK\3\4\x14\0\0\0", "zip archive"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "old Office file"),
        ("x", b"\x7fELF\2\1\1\0", "a program"),
        ("x.exe", b"MZ\x90\0\3\0\0\0", "Windows program"),
        ("x.mid", b"MThd\0\0\0\6\0\1", "MIDI holds notes"),
        ("x.gz", b"\x1f\x8b\x08\0", "gzip"),
        ("x.tar", b"name" + bytes(253) + b"ustar\x0000", "tar archive"),
        ("x.rtf", b"{\\rtf1\\ansi hello}", "RTF"),
        ("x.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        ("x.jxl", b"\xff\x0a\xfa\x1f\1\x90", "JPEG XL"),
        ("x.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "camera raw"),
        ("x.sqlite", b"SQLite format 3\0\x10\0", "a database"),
        ("x.ttf", b"\0\1\0\0\0\x12\1\0", "a font"),
        ("x.bin", bytes(range(256)), "not a format mmsearch reads"),
        ("x.mp4", bytes(range(256)), "not a format mmsearch reads"),
        ("x.tree", b"\0\0\1\0\0\0\0\7\0\0\0\0", "not a format mmsearch reads"),
        ("x", bytes(100), "not a format mmsearch reads"),
    ],
)
def test_what_is_not_read_says_what_it_is(name: str, head: bytes, reason: str) -> None:
    with pytest.raises(UnsupportedMedia, match=reason):
        kind_of(name, head)


def test_empty_file_is_a_failure_and_not_a_kind() -> None:
    with pytest.raises(MediaError, match=r"^empty file \(0 bytes\)$") as caught:
        kind_of("zero.jpg", b"")
    assert not isinstance(caught.value, UnsupportedMedia)


def test_formats_without_a_mark_are_known_by_name() -> None:
    header = struct.pack("<3B5s4H2B", 0, 0, 2, bytes(5), 0, 0, 2, 2, 24, 0)
    assert kind("x.tga", header + bytes(12)) == "image"
    with pytest.raises(UnsupportedMedia):
        kind_of("x.dat", header + bytes(12))


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "flv"])
@pytest.mark.parametrize("film", [True, False])
def test_containers_are_opened_to_see_whether_they_hold_pictures(tmp_path: Path, suffix: str, film: bool) -> None:
    path = tmp_path / f"x.{suffix}"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=44100, layout="mono")
        picture = out.add_stream("flv1" if suffix == "flv" else "mpeg4", rate=10) if film else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
            for moment in range(10):
                frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
                frame.pts = moment
                out.mux(picture.encode(frame))
            out.mux(picture.encode())
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 20 * 1024), np.float32), "fltp", "mono")
        samples.sample_rate = 44100
        out.mux([*sound.encode(samples), *sound.encode()])
    with open(path, "rb") as file:
        assert kind(str(path), file.read(media.HEAD_BYTES)) == ("video" if film else "audio")


def test_broken_container_is_left_to_the_loader(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41")
    assert kind(str(path), path.read_bytes()) == "video"


@pytest.mark.parametrize("bit", [b"<!-- x -->", b"<?xml ?>", b"P6 # x\n", b"P5\n#\n", b" ", b"#define width "])
def test_repeated_marks_take_no_time(bit: bytes) -> None:
    head = (bit * media.HEAD_BYTES)[: media.HEAD_BYTES]
    began = time.process_time()
    for name in ("x", "x.xbm"):
        assert kind(name, head) == "text"
    assert time.process_time() - began < 0.5


def test_every_kind_has_a_loader_and_a_modality() -> None:
    assert set(media.KINDS) == set(LOADERS)
    assert {known.modality for known in media.KINDS.values()} == set(MODALITIES)
    assert all(name == known.name for name, known in media.KINDS.items())


def test_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(MediaError, match=r"unknown kind 'x'; known are image, pdf"):
        media.load("x", "digest", media.Kind("x", "text"), LoaderSettings())


@given(st.binary(max_size=600), st.sampled_from(["x", "x.txt", "x.mp3", "x.tga", "x.xbm", "x.docx", "x.svg"]))
def test_any_bytes_have_a_kind_or_a_reason(head: bytes, name: str) -> None:
    try:
        assert kind_of(name, head).name in media.KINDS
    except MediaError as error:
        assert str(error)


MARKS = [mark for offset, mark, _ in (*sniff._MARKS, *sniff._REFUSED) if offset == 0]


@given(st.sampled_from([*MARKS, b"\0\0\0\x20ftyp", b"RIFF", b"FORM", b"OggS", b"P6 "]), st.binary(max_size=200))
def test_any_bytes_behind_a_mark_have_a_kind_or_a_reason(mark: bytes, rest: bytes) -> None:
    test_any_bytes_have_a_kind_or_a_reason.hypothesis.inner_test(mark + rest, "gone/x")  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_not_text(seed: int) -> None:
    import random

    noise = random.Random(seed).randbytes(media.HEAD_BYTES).replace(b"\0", b"\1")
    with pytest.raises(UnsupportedMedia):
        kind_of("x.txt", noise)


def test_importing_the_package_imports_no_decoder() -> None:
    script = (
        "import sys, mmsearch.media\n"
        "decoders = {'PIL', 'av', 'pypdfium2', 'charset_normalizer', 'semantic_text_splitter', 'torch'}\n"
        "heavy = decoders & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_pdf_is_loaded_by_the_name_sniff_gives_it(tmp_path: Path) -> None:
    path = tmp_path / "scan.dat"
    path.write_bytes(os.urandom(200) + pdf(["found"]))
    known = kind_of(str(path), path.read_bytes()[: media.HEAD_BYTES])
    texts = [part.item.text for part in media.load(str(path), "", known, LoaderSettings()).segments]
    assert texts == ["found", "found"]
