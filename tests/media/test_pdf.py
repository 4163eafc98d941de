"""PDFs: pages as pictures first, then their text; broken parts and locked files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmsearch import media
from mmsearch.errors import MediaError
from mmsearch.types import LoaderSettings, Segment, Span
from tests.media.make_pdf import LOCKED, pdf

SETTINGS = LoaderSettings(page_side=300, passage_chars=60)
PDF = media.KINDS["pdf"]


def segments(path: Path, settings: LoaderSettings = SETTINGS) -> list[Segment]:
    return list(media.load(str(path), "digest", PDF, settings).segments)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf(["Quarterly results\nwere good", "", "Caf\xe9 menu"]))
    return path


def test_pages_come_first_and_their_passages_after(report: Path) -> None:
    parts = [(part.item.ordinal, part.item.partition, part.item.span, part.item.modality) for part in segments(report)]
    assert parts == [
        (0, "document", Span("page", 1, 1), "document"),
        (1, "document", Span("page", 2, 2), "document"),
        (2, "document", Span("page", 3, 3), "document"),
        (3, "text", Span("page", 1, 1), "document"),
        (4, "text", Span("page", 3, 3), "document"),
    ]


def test_text_of_a_page_is_found_in_its_picture_and_its_passage(report: Path) -> None:
    parts = segments(report)
    assert parts[0].item.text == "Quarterly results were good"
    assert parts[1].item.text == ""
    assert parts[3].content == parts[3].item.text == "Quarterly results\nwere good"
    assert parts[4].content == "Café menu"


def test_page_is_drawn_black_on_white_at_the_asked_side(report: Path) -> None:
    picture = segments(report)[1].content
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (150, 300, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert picture[120, 50].tolist() == [0, 0, 0]
    assert picture[20, 250].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("side", "size"), [(777, (612, 792)), (1024, (595, 842)), (333, (14400, 7)), (64, (1, 1))])
def test_longer_side_is_never_exceeded(tmp_path: Path, side: int, size: tuple[int, int]) -> None:
    path = tmp_path / "page.pdf"
    path.write_bytes(pdf(["x"], size=size))
    picture = segments(path, LoaderSettings(page_side=side))[0].content
    assert isinstance(picture, np.ndarray)
    assert max(picture.shape) == side


def test_rotated_page_is_upright(tmp_path: Path) -> None:
    path = tmp_path / "page.pdf"
    path.write_bytes(pdf(["x"], rotate=90))
    picture = segments(path)[0].content
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (300, 150, 3)


def test_reload_gives_the_same_content_again(report: Path) -> None:
    for part in segments(report):
        again = media.reload(part.item, "pdf", SETTINGS)
        assert again.item == part.item
        assert np.array_equal(again.content, part.content)  # type: ignore[arg-type]


def test_only_gives_one_passage(report: Path) -> None:
    from mmsearch.media import pdf as document

    (part,) = document.load(str(report), "digest", "pdf", SETTINGS, only=4).segments
    assert part.item == segments(report)[4].item


def test_part_that_is_gone_is_an_error(report: Path) -> None:
    item = segments(report)[2].item
    report.write_bytes(pdf([]))
    with pytest.raises(MediaError):
        media.reload(item, "pdf", SETTINGS)


def test_long_page_is_cut_into_passages(tmp_path: Path) -> None:
    path = tmp_path / "long.pdf"
    path.write_bytes(pdf(["\n".join(f"This is sentence number {number}." for number in range(8))], size=(300, 200)))
    passages = [part.item.text for part in segments(path) if part.item.partition == "text"]
    assert len(passages) > 2
    assert all(len(passage) <= SETTINGS.passage_chars for passage in passages)
    assert "sentence number 7." in passages[-1]


def test_broken_page_does_not_lose_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "mixed.pdf"
    path.write_bytes(pdf(["first", "BROKEN", "third"]))
    parts = segments(path)
    assert [(part.item.ordinal, part.item.text) for part in parts] == [
        (0, "first"),
        (2, "third"),
        (3, "first"),
        (4, "third"),
    ]
    assert "page 2 is left out" in caplog.text
    assert [media.reload(part.item, "pdf", SETTINGS).item for part in parts] == [part.item for part in parts]


def test_any_number_of_broken_pages_is_told_in_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "liar.pdf"
    path.write_bytes(pdf(["first"]).replace(b"/Count 1", b"/Count 99999"))
    assert len(segments(path)) == 2
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "only the first 10000 of 99999 pages are indexed",
        "page 2 is left out: broken page: Failed to load page. (and 9998 more)",
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pdf(["secret"], encrypt=LOCKED), "password-protected PDF"),
        (pdf([]), "PDF without pages"),
        (pdf(["BROKEN", "BROKEN"]), "broken page"),
        (b"%PDF-1.7\nnothing else", "broken PDF"),
        (pdf(["text"])[:200], "broken PDF"),
    ],
    ids=["locked", "empty", "no good page", "no body", "truncated"],
)
def test_bad_file_says_what_is_wrong(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "bad.pdf"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=reason):
        segments(path)


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="such names cannot be made there")
def test_name_need_not_be_utf8(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.pdf")
    with open(path, "wb") as file:
        file.write(pdf(["hello"]))
    assert next(media.load(path, "digest", PDF, SETTINGS).segments).item.path == path


def test_decoder_writes_nothing_to_stderr(tmp_path: Path) -> None:
    script = (
        "import sys, logging; from mmsearch import media; from mmsearch.types import LoaderSettings\n"
        "logging.disable()\n"
        "for path in sys.argv[1:]:\n"
        "    try: list(media.load(path, '', media.KINDS['pdf'], LoaderSettings()).segments)\n"
        "    except media.loaded.MediaError: pass\n"
    )
    files = {
        "good": pdf(["x"]),
        "page": pdf(["x", "BROKEN"]),
        "cut": pdf(["x"])[:-60],
        "locked": pdf(["x"], encrypt=LOCKED),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", script, *(str(tmp_path / name) for name in files)], capture_output=True, check=True
    )
    assert (done.stdout, done.stderr) == (b"", b"")
