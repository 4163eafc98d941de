"""From what a user wrote to a query: mixes, weights, URLs, lines of queries, and what is refused."""

from __future__ import annotations

import errno
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path
from select import select
from typing import NoReturn

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from mmsearch import media
from mmsearch.errors import MediaError, UsageError
from mmsearch.media import fetch_url
from mmsearch.search.query import NOT_WEIGHT, QueryBuilder, StoredEmbedder, read_lines, readable_part, split_weight
from mmsearch.search.request import SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.store import Reader
from mmsearch.store.writer import Writer
from mmsearch.types import Box, FileMetadata, Item, LoaderSettings, Query, Span, Vectors
from tests.search.helpers import Files, Pointer, leaning, searcher_of
from tests.store.helpers import DIM, IDENTITY


class Short(Pointer):
    """A model that reads ten characters."""

    def cuts(self, text: str) -> bool:
        return len(text) > 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 6), "red").save(tmp_path / "red.png")
    Image.new("RGB", (8, 6), "blue").save(tmp_path / "odd:0.7", "PNG")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    (tmp_path / "note.txt").write_text("a note")
    return tmp_path


@pytest.fixture
def asker(folder: Path) -> QueryBuilder:
    files: Files = {"a.jpg": ("image", 0.9, ""), "b.jpg": ("image", 0.5, "")}
    return QueryBuilder(searcher_of(folder, files).reader, Pointer(), allow_private=True)


def weights(query: Query) -> list[float]:
    return [part.weight for part in query.parts]


def test_a_query_may_mix_texts_and_pictures_with_weights(asker: QueryBuilder, folder: Path) -> None:
    query = asker.query(SearchRequest(("red",), ("snow",), (f"{folder}/red.png:0.7", f"{folder}/red.png")))
    assert weights(query) == [1.0, 0.7, 1.0, NOT_WEIGHT]
    assert query.text == "red"
    assert not query.is_text_only


@pytest.mark.parametrize(
    "source", ["a:" + "1" * 50_000 + "x", ":1" * 50_000, "a:1." * 20_000, "1" * 50_000 + ":" * 50_000]
)
def test_no_text_that_is_nearly_a_weight_takes_long(source: str) -> None:
    began = time.process_time()
    split_weight(source, "")
    assert time.process_time() - began < 2


def test_a_file_whose_name_ends_like_a_weight_is_that_file(asker: QueryBuilder, folder: Path) -> None:
    query = asker.query(SearchRequest(image=(f"{folder}/odd:0.7",)))
    assert weights(query) == [1.0]
    assert tuple(np.asarray(query.parts[0].content)[0, 0]) == (0, 0, 255)


@pytest.mark.parametrize("text", ["caf\udce9 car", "\ud800 car"])
def test_a_text_that_is_no_unicode_is_read_as_far_as_it_is(asker: QueryBuilder, text: str) -> None:
    (part,) = asker.query(SearchRequest((text,))).parts
    assert str(part.content).encode() and str(part.content).endswith("? car")


def test_several_texts_are_all_meant(asker: QueryBuilder) -> None:
    query = asker.query(SearchRequest(("red", "car")))
    assert (query.text, query.is_text_only) == ("red car", False)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (SearchRequest(), "nothing to look for"),
        (SearchRequest(("  ",)), "nothing to look for"),
        (SearchRequest(negatives=("snow",)), "nothing to look for"),
        (SearchRequest(image=("missing.png",)), "cannot be read"),
        (SearchRequest(image=("a\0b.png",)), "cannot be read: embedded null byte"),
        (SearchRequest(image=("broken.png",)), "broken"),
        (SearchRequest(image=("note.txt",)), "not a picture but text"),
        (SearchRequest(image=("red.png:0",)), "other than 0"),
        (SearchRequest(image=("red.png:-1",)), "nothing to look for"),
        (SearchRequest(image=("-",)), "stdin"),
        (SearchRequest(image=("ftp://example.org/a.png",)), "only http and https"),
        (SearchRequest(image=("file:///etc/passwd",)), "only http and https"),
        (SearchRequest(like=("red.png",)), "not in the index"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_in_one_line(
    asker: QueryBuilder, folder: Path, asked: SearchRequest, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError, match=reason) as caught:
        asker.query(asked)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "readable", "extent"),
    [
        ("ten chars.", "ten chars.", ""),
        ("eleven char", "eleven", "1 of 2 words"),
        ("  one two\n three four", "one two", "2 of 4 words"),
        ("abcdefghijklmno", "abcdefghij", "10 of 15 characters"),
        ("abcdefghijklmno pq", "abcdefghij", "10 of 18 characters"),
    ],
)
def test_a_text_beyond_the_context_is_cut_between_words_with_a_warning(
    asker: QueryBuilder, caplog: pytest.LogCaptureFixture, text: str, readable: str, extent: str
) -> None:
    short = QueryBuilder(asker._reader, Short())
    assert short.query(SearchRequest((text,))).text == readable
    assert [extent in message for message in caplog.messages] == [True] * bool(extent)


def test_a_search_by_words_alone_reads_all_of_a_long_text(
    asker: QueryBuilder, caplog: pytest.LogCaptureFixture
) -> None:
    short = QueryBuilder(asker._reader, Short())
    assert short.query(SearchRequest(("eleven char",), mode="lexical")).text == "eleven char"
    assert not caplog.messages


@given(st.lists(st.text("ab", min_size=1), min_size=1).map(" ".join), st.integers(0, 30))
def test_the_readable_part_is_the_longest_that_fits(text: str, limit: int) -> None:
    assume(len(text) > limit)
    readable, extent = readable_part(text, lambda part: len(part) > limit)
    assert text.startswith(readable)
    if limit:
        assert len(readable) <= limit
        assert extent.endswith("characters") or text[len(readable)] == " "
        following = text[len(readable) + 1 :].partition(" ")[0]
        assert len(readable) == limit or len(readable) + 1 + len(following) > limit


def test_a_picture_may_come_from_stdin(asker: QueryBuilder, folder: Path) -> None:
    piped = QueryBuilder(asker._reader, Pointer(), io.BytesIO((folder / "red.png").read_bytes()))
    assert np.asarray(piped.query(SearchRequest(image=("-",))).parts[0].content).shape == (6, 8, 3)


# --- like ---


def test_like_needs_no_model_and_leaves_the_file_itself_out(tmp_path: Path) -> None:
    files: Files = {"a.jpg": ("image", 0.9, ""), "b.jpg": ("image", 0.7, ""), "c.jpg": ("image", 0.1, "")}
    reader = searcher_of(tmp_path, files).reader
    model = StoredEmbedder(reader.identity)
    query = QueryBuilder(reader, model).query(SearchRequest(like=(str(tmp_path / "a.jpg"),)))
    found = [Path(hit.item.path).name for hit in Searcher(reader, model).search(query)]
    assert found == ["b.jpg", "c.jpg"]


def test_like_a_document_means_its_pages_not_its_texts(tmp_path: Path) -> None:
    rows: Vectors = np.stack([leaning(0.0, 2), leaning(0.0, 3), leaning(0.0, 4)])
    items = [
        Item("", "d", "document", "document", 0),
        Item("", "d", "document", "document", 1),
        Item("", "d", "document", "text", 2),
    ]
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        writer.put_content("d", "pdf", "document", FileMetadata(), items, rows)
        writer.put_file("/data/a.pdf", 1, 1, "d", "pdf")
        writer.commit()
    with Reader.open(str(tmp_path)) as reader:
        vector = QueryBuilder(reader, Pointer()).query(SearchRequest(like=("/data/a.pdf",))).vector
    assert vector is not None
    expected = np.zeros(DIM)
    expected[[2, 3]] = 0.5**0.5
    assert np.allclose(vector, expected, atol=1e-3)


def test_like_a_contact_sheet_means_the_sheet_not_what_is_on_it(tmp_path: Path) -> None:
    rows: Vectors = np.stack([leaning(0.0, 2), leaning(0.0, 3)])
    boxed = Item("", "d", "image", "image", 1, Span.of_box(Box(0, 0, 5, 5)))
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        writer.put_content("d", "image", "image", FileMetadata(), [Item("", "d", "image", "image", 0), boxed], rows)
        writer.put_file("/data/a.png", 1, 1, "d", "image")
        writer.commit()
    with Reader.open(str(tmp_path)) as reader:
        vector = QueryBuilder(reader, Pointer()).query(SearchRequest(like=("/data/a.png",))).vector
    assert vector is not None and np.allclose(vector, rows[0], atol=1e-3)


# --- lines ---


def test_lines_are_texts_or_objects(tmp_path: Path) -> None:
    lines = [b"\xef\xbb\xbfred car\n", b"\n", '{"query": "Ärger", "not": ["a", "b"], "image": "x.png"}\n'.encode()]
    assert read_lines(lines, "q", "/base") == [
        ("q:1", SearchRequest(("red car",), base="/base")),
        ("q:3", SearchRequest(("Ärger",), ("a", "b"), ("x.png",), base="/base")),
    ]


def test_lines_have_the_options_of_the_run() -> None:
    [(_, request)] = read_lines([b"red car"], "q", "", SearchRequest(mode="lexical", top=3))
    assert (request.texts, request.mode, request.top) == (("red car",), "lexical", 3)


def test_labelled_queries_are_read_too() -> None:
    assert read_lines([b'{"query": "x", "relevant": ["a"], "pair": "text->image"}'], "q", "")[0][1].texts == ("x",)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"query": "x", "imgae": "y"}', "unknown field 'imgae'"),
        (b'{"query": 7}', "a text or a list of texts"),
        (b'{"query": ', "Expecting value"),
        (b'{"not": "x"}', "nothing to look for"),
        (b"{}", "nothing to look for"),
        (b"\xff\xfe", "utf-8"),
        (b'{"query": ' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_is_named(line: bytes, reason: str) -> None:
    with pytest.raises(UsageError, match=rf"q\.jsonl:2: .*{reason}"):
        read_lines([b"fine\n", line], "q.jsonl", "")
    skipped: list[str] = []
    requests = read_lines([b"fine\n", line, b"good\n"], "q.jsonl", "", skip=skipped.append)
    assert [request.texts for _, request in requests] == [("fine",), ("good",)]
    assert [message.partition(" ")[0] for message in skipped] == ["q.jsonl:2:"]


def test_no_queries_is_an_error() -> None:
    with pytest.raises(UsageError, match="holds no queries"):
        read_lines([b"\n"], "q", "")


def test_a_full_temporary_folder_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: str) -> NoReturn:
        raise OSError(errno.ENOSPC, "x")

    monkeypatch.setattr(media, "TemporaryDirectory", full)
    with pytest.raises(MediaError, match="temporary file: the disk is full"):
        media.load_query(io.BytesIO(b"x"), "image", LoaderSettings())


# --- URLs ---


@pytest.fixture
def site(folder: Path) -> Iterator[str]:
    picture = (folder / "red.png").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            to = {"/moved": "/red.png", "/loop": "/loop", "/file": "ftp://example.org/x"}.get(self.path)
            self.send_response(302 if to else 200 if self.path in ("/red.png", "/endless") else 404)
            if to:
                self.send_header("Location", to)
            self.end_headers()
            if self.path == "/red.png":
                self.wfile.write(picture)
            while self.path == "/endless":
                try:
                    self.wfile.write(b"x" * 65536)
                except OSError:
                    return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("page", ["/red.png", "/moved", "/red.png:0.5"])
def test_a_picture_may_lie_on_the_web(asker: QueryBuilder, site: str, page: str) -> None:
    [part] = asker.query(SearchRequest(image=(site + page,))).parts
    assert np.asarray(part.content).shape == (6, 8, 3)
    assert part.weight == (0.5 if page.endswith("0.5") else 1.0)


@pytest.mark.parametrize(
    ("page", "reason"), [("/gone", "404"), ("/loop", "cannot be fetched"), ("/file", "only http and https")]
)
def test_the_web_may_refuse_and_may_not_lead_astray(asker: QueryBuilder, site: str, page: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        asker.query(SearchRequest(image=(site + page,)))


def test_a_download_has_limits_of_size_and_time(site: str) -> None:
    with pytest.raises(MediaError, match="over 1 MiB"):
        fetch_url.fetch(f"{site}/endless", io.BytesIO(), max_bytes=1 << 20, allow_private=True)
    with pytest.raises(MediaError, match="not here after"):
        fetch_url.fetch(f"{site}/endless", io.BytesIO(), max_bytes=1 << 40, seconds=0.3, allow_private=True)


SLOW = {
    "status": (b"H",),
    "headers": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "many headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "interim answers": (b"HTTP/1.1 ", b"100 Continue\r\n\r\nHTTP/1.1 "),
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /\r\nX: ", b"x"),
    "nothing": (),
}
"""What is slow -> the first bytes of an answer, and what then comes every moment."""


@pytest.mark.parametrize("what", SLOW)
def test_a_server_that_drips_costs_no_more_than_the_time_for_all(what: str) -> None:
    pieces, closed = SLOW[what], threading.Event()

    def drip() -> None:
        caller, _ = listener.accept()
        with caller, suppress(OSError):
            for piece in chain(pieces[:1], repeat(pieces[-1] if pieces else b"", 200)):
                caller.sendall(piece)
                time.sleep(0.05)
                if not pieces and select([caller], [], [], 5.0)[0] and not caller.recv(65536):
                    break
            else:
                return
        closed.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, daemon=True).start()
        start = time.monotonic()
        with pytest.raises(MediaError, match="timed out" if what == "nothing" else "not here after"):
            fetch_url.fetch(
                f"http://127.0.0.1:{listener.getsockname()[1]}/a.png", io.BytesIO(), seconds=0.6, allow_private=True
            )
        assert time.monotonic() - start < 2.0
        assert closed.wait(5.0), "the connection stays"
    until_gone("mmsearch-fetch")


def test_a_name_that_is_looked_up_for_ever_costs_no_more_than_the_time_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer.wait(10.0) and [])
    start = time.monotonic()
    with pytest.raises(MediaError, match=r"not here after 0\.3 seconds"):
        fetch_url.fetch("http://slow.example/a.png", io.BytesIO(), seconds=0.3)
    assert time.monotonic() - start < 2.0
    answer.set()
    until_gone("mmsearch-fetch")


def until_gone(name: str) -> None:
    """Waits for a thread to end."""
    end = time.monotonic() + 5.0
    while any(one.name == name for one in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)
