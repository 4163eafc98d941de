"""Text: encodings, lines, natural borders, tables, web pages, and sizes that would choke a naive reader."""

from __future__ import annotations

import os
import re
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmsearch import media
from mmsearch.errors import MediaError, UnsupportedMedia
from mmsearch.media import text as loader
from mmsearch.media.html import Page
from mmsearch.media.text import clean, cut
from mmsearch.media.text_encoding import decode, looks_like_text
from mmsearch.types import Item, LoaderSettings, Segment, Span

SMALL = LoaderSettings(passage_chars=40)


def load(folder: Path, data: bytes | str, kind_name: str = "text", options: LoaderSettings = SMALL) -> list[Segment]:
    path = folder / "note"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(media.load(str(path), "digest", media.KINDS[kind_name], options).segments)


def lines(parts: list[Segment]) -> list[tuple[int, int]]:
    assert all(part.item.span.unit == "line" for part in parts)
    return [(int(part.item.span.start), int(part.item.span.end)) for part in parts]


def test_note_is_one_passage_with_its_lines(tmp_path: Path) -> None:
    (part,) = load(tmp_path, "\n\nred car\nblue car\n\n")
    assert part.content == "red car\nblue car"
    assert part.item == Item(
        str(tmp_path / "note"), "digest", "text", "text", 0, Span("line", 3, 4), "red car\nblue car"
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_counted_whatever_ends_them(tmp_path: Path, newline: str) -> None:
    source = newline.join(
        ["The first paragraph is here.", "", "", "The second one starts on line four.", "And ends here."]
    )
    parts = load(tmp_path, source.encode())
    assert lines(parts) == [(1, 1), (4, 4), (5, 5)]
    assert parts[0].content == "The first paragraph is here."


def test_paragraphs_are_kept_whole(tmp_path: Path) -> None:
    parts = load(tmp_path, "A bee on a flower.\nIt is small.\n\nA beach at sunset.\nIt is red.\n")
    assert [part.content for part in parts] == ["A bee on a flower.\nIt is small.", "A beach at sunset.\nIt is red."]
    assert lines(parts) == [(1, 2), (4, 5)]


def test_code_keeps_its_indentation(tmp_path: Path) -> None:
    source = "def first():\n    return 1\n\n\ndef second():\n    if True:\n        return 2\n"
    parts = load(tmp_path, source, "code", LoaderSettings(passage_chars=60))
    assert [part.content for part in parts] == ["def first():\n    return 1", source[28:].rstrip()]
    assert lines(parts) == [(1, 2), (5, 7)]


def test_markdown_is_cut_at_its_headings(tmp_path: Path) -> None:
    parts = load(tmp_path, "# One\nfirst words here\n# Two\nother words here\n", "markdown")
    assert [part.content for part in parts] == ["# One\nfirst words here", "# Two\nother words here"]


@pytest.mark.parametrize("data", [b" ", b"\n\n\t\n", b"\xef\xbb\xbf", b"\xff\xfe \0", b"\0\0\0"])
@pytest.mark.parametrize("kind_name", ["text", "html", "csv", "markdown", "json", "code"])
def test_nothing_but_blanks_is_a_failure(tmp_path: Path, data: bytes, kind_name: str) -> None:
    with pytest.raises(MediaError, match="no text in it"):
        load(tmp_path, data, kind_name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_western_text_is_read_in_any_encoding(encoding: str) -> None:
    source = "Der Käufer überträgt die Größe. Ça va très bien. ¿Dónde está el niño?"
    assert decode(source.encode(encoding)) == source


@pytest.mark.parametrize(
    ("encoding", "source"),
    [
        ("cp1252", "L'été dernier, nous avons mangé des gâteaux à la crème près du château – “délicieux”. "),
        ("cp1252", "A situação não é fácil, mas as crianças estão à espera do pão. "),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy. Dnes je velmi hezké počasí. "),
        ("cp1251", "Съешь же ещё этих мягких французских булок да выпей чаю. "),
        ("koi8-r", "Съешь же ещё этих мягких французских булок да выпей чаю. "),
        ("cp1253", "Ο γρήγορος αλεπού πηδάει πάνω από το σκυλί. "),
        ("cp932", "これは日本語の文章です。今日は天気がいいですね。"),
        ("euc-jp", "これは日本語の文章です。今日は天気がいいですね。"),
        ("gb18030", "这是一个中文句子。今天天气很好,我们去公园拍照。"),
        ("big5", "這是一個中文句子。今天天氣很好,我們去公園拍照。"),
        ("euc-kr", "이것은 한국어 문장입니다. 오늘은 날씨가 좋네요."),
    ],
)
def test_old_encodings_are_detected(encoding: str, source: str) -> None:
    data = (source * 4).encode(encoding)
    assert looks_like_text(data)
    assert decode(data) == source * 4


def test_one_torn_line_does_not_change_the_encoding() -> None:
    text = decode("Grüße aus Köln, schöne Tage und süße Träume für große Bären\n".encode() * 20 + b"torn \xc3\n")
    assert text.startswith("Grüße aus Köln")
    assert "\ufffd" in text


def test_controls_become_blanks_and_lines_stay() -> None:
    assert clean("a\0b\x1b[0m\r\nc\rd\te\ud800") == "a b [0m\nc\nd\te "


def test_rows_of_a_table_keep_their_header(tmp_path: Path) -> None:
    rows = [f"{number},name{number}" for number in range(12)]
    parts = load(tmp_path, "id,name\n" + "\n".join(rows) + "\n", "csv")
    assert len(parts) > 2
    assert all(str(part.content).startswith("id,name\n") for part in parts)
    assert [row for part in parts for row in str(part.content).split("\n")[1:]] == rows
    assert lines(parts)[0][0] == 1
    assert lines(parts)[-1][1] == 13


def test_header_too_long_to_repeat_is_not(tmp_path: Path) -> None:
    parts = load(tmp_path, "a rather long header,of a table\n1,2\n3,4\n" * 2, "csv")
    assert sum("header" in str(part.content) for part in parts) == 2


HTML = """<!doctype html><html><head><title>My &amp; page</title>
<style>p { color: red }</style><script>if (a < b) document.write("</p>")</script></head>
<body><h1>Head<br>line</h1><!-- a comment -->
<p>One   sentence
over <b>two</b> lines.</p>
<img src="x.jpg" alt="a red car" data-title="hidden">
<table><tr><td>1</td><td>2</td></tr></table>
<pre>def f():
    return 1</pre>
a < b &#65; &nosuch; <a href="/x" title='to the end'>end</a>
</body></html>"""


def test_web_page_becomes_what_a_reader_sees(tmp_path: Path) -> None:
    page = Page(HTML)
    assert page.text == (
        "My & page\n\nHead\nline\n\nOne sentence over two lines.\n\na red car\n\n1\t2\n\n"
        "def f():\n    return 1\n\na < b A &nosuch; to the end end"
    )
    for word, line in {"My": 1, "Head": 3, "One": 4, "over": 5, "red": 6, "2": 7, "return": 9, "to the": 10}.items():
        assert page.line(page.text.index(word)) == line
    (part,) = load(tmp_path, HTML, "html", LoaderSettings())
    assert lines([part]) == [(1, 10)]


def test_spans_of_a_web_page_are_lines_of_its_source(tmp_path: Path) -> None:
    source = "<ul>\n" + "".join(f"<li>item number {number}\n\n" for number in range(20)) + "</ul>"
    for part in load(tmp_path, source, "html"):
        first, last = lines([part])[0]
        numbers = re.findall(r"number (\d+)", str(part.content))
        assert (first, last) == (2 + 2 * int(numbers[0]), 2 + 2 * int(numbers[-1]))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>open <b>and <i>never closed", "open and never closed"),
        ("</p></b>closed only", "closed only"),
        ("5 < 6 > 4 <3", "5 < 6 > 4 <3"),
        ("<a href='x>unclosed quote</a> rest", "unclosed quote rest"),
        ('<p title="a > b">text', "a > b text"),
        ("<![if x]>seen<![endif]>", "seen"),
        ("<script>never ends <p>x", ""),
        ("text <", "text <"),
        ("text <p", "text"),
        ("&#x110000; &#99999999999999999999; &#0; &amp", "\ufffd \ufffd &"),
        ("<SCRIPT>x</SCRIPT>Y", "Y"),
    ],
)
def test_malformed_pages_are_read_like_browsers_do(source: str, expected: str) -> None:
    assert Page(source).text == expected


@pytest.mark.parametrize(
    "bit",
    ["<", "<a ", "<!", "<a x='", "<a \"'>", "<!--", "</", "<script>", "<div>", "&#9", "<a alt=", "<title>", "<!x>"],
)
def test_hostile_pages_take_linear_time(bit: str) -> None:
    began = time.process_time()
    Page(bit * (400_000 // len(bit)))
    assert time.process_time() - began < 5


def test_vector_drawing_shows_its_words_or_is_unsupported(tmp_path: Path) -> None:
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg'><title>Map</title><path d='M0 0'/><text x='1'>Station</text></svg>"
    )
    (part,) = load(tmp_path, drawing, "html")
    assert part.content == "Map\n\nStation"
    with pytest.raises(UnsupportedMedia, match="vector drawing without text"):
        load(tmp_path, "<svg><path d='M0 0'/></svg>", "html")


@pytest.mark.parametrize("bit", ["x", "word ", "a\n", "\n", "e\u0301", "(", "- a\n", '{"a":1},'])
@pytest.mark.parametrize("kind_name", ["text", "markdown"])
def test_long_texts_take_linear_time(bit: str, kind_name: str) -> None:
    began = time.process_time()
    passages = list(cut(bit * (400_000 // len(bit)), 1200, markdown=kind_name == "markdown"))
    assert time.process_time() - began < 5
    assert all(len(passage) <= 1200 for _, passage in passages)


def test_blocks_leave_no_seam() -> None:
    text = "\n\n".join(f"Paragraph number {number} has a few words in it." for number in range(3000))
    found = [passage for _, passage in cut(text, 1200)]
    assert "\n\n".join(found) == text
    assert all(len(passage) > 1100 for passage in found[:-1])


def test_huge_file_is_read_by_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loader, "MAX_BYTES", 1 << 20)
    parts = load(tmp_path, b"a line of the log\n" * 200_000, options=LoaderSettings())
    assert lines(parts)[-1][1] == pytest.approx((1 << 20) / 18, abs=1)
    assert "only the first 1 MiB" in caplog.text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_cut_in_the_middle_of_a_character_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(loader, "MAX_BYTES", 1003 if encoding.startswith("utf-16") else 601)
    source = "a" * 450 + "🚗" * 150
    parts = load(tmp_path, source.encode(encoding), options=LoaderSettings())
    assert re.fullmatch("a{450}🚗+\ufffd?", str(parts[0].content))


def test_reload_needs_no_file(tmp_path: Path) -> None:
    parts = load(tmp_path, "some words to keep\n" * 9)
    (tmp_path / "note").unlink()
    assert [media.reload(part.item, "text", SMALL) for part in parts] == parts


def test_only_gives_that_passage(tmp_path: Path) -> None:
    parts = load(tmp_path, "some words to keep\n" * 9)
    for part in parts:
        again = loader.load(part.item.path, "digest", "text", SMALL, only=part.item.ordinal)
        assert list(again.segments) == [part]


def test_missing_file_is_a_media_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="No such file"):
        media.load(str(tmp_path / "gone"), "digest", media.KINDS["text"], SMALL)


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="such names cannot be made there")
def test_name_need_not_be_utf8(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")
    with open(path, "wb") as file:
        file.write(b"hello")
    (part,) = media.load(path, "digest", media.KINDS["text"], SMALL).segments
    assert part.item.path == path


WORDS = st.lists(
    st.one_of(
        st.sampled_from(
            ["\n", "\n\n", "\r\n", "\r", " ", "\t", "# ", "- ", "```\n", "a,b", "<p>", "</p>", "<b", "&amp;"]
        ),
        st.text(max_size=12),
        st.text("abc ", min_size=20, max_size=90),
    ),
    max_size=60,
).map("".join)
KIND_NAMES = st.sampled_from(["text", "markdown", "html", "csv", "json", "code"])
ROUGH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@ROUGH
@given(WORDS, st.integers(1, 120), st.sampled_from(["text", "markdown", "csv", "json", "code"]))
def test_passages_are_short_in_order_and_cover_every_line(
    tmp_path: Path, source: str, limit: int, kind_name: str
) -> None:
    source_lines = clean(source.encode("utf-8", "ignore").decode()).split("\n")
    written = {number for number, line in enumerate(source_lines, 1) if line.strip()}
    try:
        parts = load(tmp_path, source.encode("utf-8", "ignore") or b" ", kind_name, LoaderSettings(passage_chars=limit))
    except MediaError:
        assert not written or source_lines[0].startswith(("\ufeff", "\ufffe"))
        return
    assert all(0 < len(str(part.content)) <= limit and part.content == part.item.text for part in parts)
    assert [part.item.ordinal for part in parts] == list(range(len(parts)))
    spans = lines(parts)
    assert all(first <= last for first, last in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert written <= {number for first, last in spans for number in range(first, last + 1)}
    assert spans[-1][1] <= len(source_lines)


@ROUGH
@given(st.one_of(st.binary(max_size=400), WORDS.map(lambda text: text.encode("utf-16", "ignore"))), KIND_NAMES)
def test_any_bytes_are_read_or_refused_with_a_reason(tmp_path: Path, data: bytes, kind_name: str) -> None:
    try:
        parts = load(tmp_path, data, kind_name)
    except MediaError as error:
        assert str(error)
    else:
        assert all(str(part.content).strip() and len(str(part.content)) <= SMALL.passage_chars for part in parts)
        spans = lines(parts)
        assert spans == sorted(spans)


@given(st.binary(max_size=400))
def test_any_bytes_decode(data: bytes) -> None:
    assert isinstance(decode(data), str)
    assert looks_like_text(data) in (True, False)
