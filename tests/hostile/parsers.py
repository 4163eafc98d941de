"""Our own parsers of what a user or a folder hands in: each takes any bytes, and only documented errors may come out.

What is parsed is used as the program would, as far as that needs neither a model nor an index. Used by the tests with
random input, and by `python -m tests.hostile.fuzz` with input that grows by what code it reaches.
"""

from __future__ import annotations

import io
import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from mmsearch import media
from mmsearch.cli.common import parse_object
from mmsearch.errors import MediaError, UsageError
from mmsearch.extras.evaluation import read_questions
from mmsearch.media.html import Page
from mmsearch.media.text import clean, cut
from mmsearch.media.text_encoding import decode, looks_like_text
from mmsearch.output.tables import encode, harmless
from mmsearch.scan import glob_filter, read_paths
from mmsearch.scan.rules import IgnoreFileTooLarge, read_rules
from mmsearch.search.query import read_lines, split_weight
from mmsearch.search.request import SearchRequest, parse_types
from mmsearch.store.paths import PathCodec
from mmsearch.store.queries import condition
from mmsearch.store.words import spans
from mmsearch.store.words.query import parse_query

RANGES = ("size", "width", "height", "duration")


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="mmsearch-parsers-"))


def _text(data: bytes) -> str:
    """As a word of a command line comes: without NUL."""
    return os.fsdecode(data.replace(b"\0", b" "))


def queries(data: bytes) -> None:
    with suppress(UsageError):
        for _, asked in read_lines(io.BytesIO(data), "q", os.curdir):
            encode(asked.label)
            for source in (*asked.image, *asked.audio, *asked.video):
                split_weight(source, asked.base)


def questions(data: bytes) -> None:
    path = _folder() / "questions.jsonl"
    path.write_bytes(data)
    with suppress(UsageError):
        assert all(one.relevant for one in read_questions(str(path)))


def ignore_file(data: bytes) -> None:
    """What is wrong in such a file counts for nothing; only too much of it is refused."""
    path = _folder() / ".gitignore"
    path.write_bytes(data)
    try:
        rules = read_rules(str(path), str(_folder()), None)
    except IgnoreFileTooLarge:
        return
    if rules is not None:
        for name in ("a", "a/b.jpg", ".x", "caf\udce9", "a\nb"):
            rules.ignores(os.path.join(_folder(), name), is_dir=False)


def globs(data: bytes) -> None:
    with suppress(UsageError):
        takes = glob_filter([os.fsdecode(glob) for glob in data.split(b"\0")[:4]])
        for path in ("a", "a/b.jpg", "/x/.y", "caf\udce9", "a\nb"):
            assert takes(path) in (True, False)


def files_from(data: bytes) -> None:
    """Nothing may come out, and no path may be lost."""
    for null, separator in ((True, b"\0"), (False, b"\n")):
        found = [os.fsencode(path) for path in read_paths(io.BytesIO(data), null)]
        assert found == [path for path in data.split(separator) if path]
        for path in found:
            with suppress(MediaError):
                media.identify(os.path.join(os.fspath(_folder()), "gone", os.fsdecode(path).lstrip("/")))


def filters(data: bytes) -> None:
    """Dates, folders, sizes, pixels and lengths, up to the statement that the database gets."""
    words = [_text(word) for word in data.split(b"\n")[:4]]
    first, last = words[0], words[-1]
    for field in RANGES:
        _filter(None, (None, None), {field: words})
    _filter(first, (None, None), {})
    _filter(None, (first, last), {})


def _filter(types: str | None, dates: tuple[str | None, str | None], ranges: dict[str, list[str]]) -> None:
    with suppress(UsageError):
        given = {name: tuple(texts) for name, texts in ranges.items()}
        kinds = () if types is None else (types,)
        request = SearchRequest(types=kinds, inside=(dates[0] or "x",), after=dates[0], before=dates[1], **given)  # type: ignore[arg-type]
        made = request.filter()
        _, values = condition(made, PathCodec("/index"))
        with sqlite3.connect(":memory:") as db:
            db.execute(f"SELECT {', '.join('?' * len(values)) or '1'}", values)


def weights(data: bytes) -> None:
    source = _text(data)
    with suppress(UsageError):
        name, weight = split_weight(source, os.curdir)
        assert source.startswith(name)
        assert weight and abs(weight) < float("inf")


def json_options(data: bytes) -> None:
    with suppress(UsageError):
        assert isinstance(parse_object(_text(data), "--model-kwargs"), dict)
    with suppress(UsageError):
        assert parse_types(_text(data))


def words(data: bytes) -> None:
    """Words of a query, as the full-text search is asked for them, and the snippet that shows them."""
    text = data.decode("utf-8", "replace")
    query = parse_query(text)
    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5 (x)")
        for term in (*query.terms, *query.phrases, *query.excluded):
            db.execute("SELECT * FROM t WHERE t MATCH ?", (term.match,)).fetchall()
    assert len(spans.snippet(text, query)) <= spans.SNIPPET + 2
    assert all(0 <= start < end <= len(text) for start, end in spans.matched_spans(text, query))
    assert "\x1b" not in harmless(text)


def texts(data: bytes) -> None:
    """Text of any encoding, cut into passages, as it is and as a page."""
    looks_like_text(data)
    source = clean(decode(data))
    for text in (source, Page(source).text):
        assert all(0 < len(passage) <= 100 for _, passage in cut(text, 100))


def sniffed(data: bytes) -> None:
    for name in ("x", "x.txt", "x.mp3", "x.tga", "x.xbm", "x.docx"):
        with suppress(MediaError):
            media.kind_of(os.path.join(_folder(), "gone", name), data[: media.HEAD_BYTES])


PARSERS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one
    for one in (
        *(queries, questions, ignore_file, globs, files_from, filters, weights, json_options, words, texts, sniffed),
    )
}
"""Every parser by its name."""

SEEDS: dict[str, tuple[bytes, ...]] = {
    "queries": (
        b'red car\n{"query": ["a", "b"], "not": "c", "image": "a.jpg:0.7", "like": null}\n',
        b'{"audio": "http://x:80", "id": 1, "query": "\\ud800"}',
        b'{"query": ' + b"[" * 2000,
    ),
    "questions": (
        b'{"query": "a", "relevant": {"a.jpg": 3, "b": 0.5}, "pair": "text->image"}\n',
        b'{"query": "a", "relevant": {"a": 1' + b"0" * 400 + b"}}",
        b'{"relevant": ' + b"[" * 2000,
    ),
    "ignore_file": (b"*.jpg\n!a[b-d].png\n/x/**/y/\n# c\n\\#d \n[z-a]\n[[:alpha:]]\n", b"**/" * 50 + b"x"),
    "globs": (b"*.{jpg,png}\0!a/**\0[!a-c]?", b"{a,b}{c,d}" * 4, b"[" * 40),
    "files_from": (b"a\0b\nc\0\0d", b"/x/\xff\n\n-a"),
    "filters": (
        b"+1M\n-10k\n1..2GiB",
        b"2024-03\n7d",
        b"+" + b"9" * 400,
        b"1:30\n+2m",
        b"0001\n9999-12-31",
        b"image,video",
    ),
    "weights": (b"a.jpg:0.7", b"http://x:80", b"a:-.5", b"a:" + b"9" * 400, b"-:2."),
    "json_options": (b'{"a": [1, 2.5e3, null], "b": {"c": "d"}}', b"[" * 2000, b'{"a": ' * 2000),
    "words": ('red "car" NEAR(a b) * ^x col:y straße'.encode(), b"a" * 300 + b" b" * 90),
    "texts": (
        b"<html><p title='a'>b &amp; c &#x110000; <!-- d --><pre>\n e</pre><script>f</script>",
        b"\xff\xfea\0b\0",
        b"a b\n" * 60,
    ),
    "sniffed": (b"RIFF\0\0\0\0WAVE", b"\0\0\0\x18ftypisom", b"%PDF-1.4", b"P6 1 1 255\n", b"GIF89a"),
}
"""What input of each looks like, the bad kind included."""
