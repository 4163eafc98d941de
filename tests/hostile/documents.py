"""PDFs and texts made from nothing to be too much: objects in loops, streams that unpack, lines and nests without end.

Each is small as a file but the longest lines. Knows the formats alone, not what a reader does with them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from random import Random

from tests.hostile.formats import WORDS, words

Craft = Callable[[Random], bytes]
LONGEST_LINE = 10_000_000


def pdf_of(objects: Sequence[bytes], trailer: bytes = b"/Root 1 0 R", table: bool = True) -> bytes:
    """Objects 1, 2, ... as a file with a true table of where they are, or with none."""
    out, offsets = b"%PDF-1.5\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    if not table:
        return out + b"trailer\n<< %s >>\n" % trailer
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d %s >>\n" % (size, rows, size, trailer)
    return out + end + b"startxref\n%d\n%%%%EOF\n" % len(out)


def stream(body: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(body), more, body)


def _page(contents: int, box: bytes = b"0 0 200 100", more: bytes = b"") -> bytes:
    return b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents %d 0 R %s >>" % (box, contents, more)


_CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
_ONE = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"


def _drawing(rng: Random) -> bytes:
    return b"%.3f 0 0 rg %d %d 50 50 re f" % (rng.random(), rng.randrange(150), rng.randrange(50))


def pdf_looping_pages(rng: Random) -> bytes:
    """A tree of pages that holds itself."""
    kids = rng.choice((b"[2 0 R]", b"[3 0 R 2 0 R]", b"[4 0 R 4 0 R]"))
    above = b"<< /Type /Pages /Kids [2 0 R 4 0 R] /Count 99 /Parent 4 0 R >>"
    looping = b"<< /Type /Pages /Kids %s /Count %d >>" % (kids, rng.choice((1, 5, 70_000)))
    return pdf_of([_CATALOG, looping, _page(5), above, stream(_drawing(rng))])


def pdf_many_pages(rng: Random) -> bytes:
    """One page, named many times over, or pages that are only said to be."""
    count = rng.choice((10, 20, 40))
    told = rng.choice((count, 2_000_000_000, -5))
    kids = b"3 0 R " * count
    return pdf_of(
        [_CATALOG, b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, told), _page(4), stream(_drawing(rng))]
    )


def pdf_nested(rng: Random) -> bytes:
    """Arrays and dictionaries thousands deep."""
    deep = rng.choice((100, 5000, 50_000))
    opening, closing = rng.choice(((b"[", b"]"), (b"<</A ", b">>"), (b"(", b")")))
    return pdf_of([_CATALOG, _ONE, _page(4, more=b"/X " + opening * deep + closing * deep), stream(_drawing(rng))])


def pdf_looping_objects(rng: Random) -> bytes:
    """References that lead back to where they come from."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox 5 0 R /Contents 6 0 R /Resources 3 0 R >>"
    return pdf_of([_CATALOG, _ONE, page, stream(_drawing(rng)), b"6 0 R", b"[5 0 R 6 0 R 4 0 R]"])


def pdf_looping_table(rng: Random) -> bytes:
    """Tables of objects each of which names another as the one before."""
    made = pdf_of([_CATALOG, _ONE, _page(4), stream(_drawing(rng))])
    at = made.rfind(b"xref\n0", 0, -20)
    told = rng.choice((b"/Prev %d" % at, b"/XRefStm %d" % at, b"/Prev 99999999999", b"/Size -1"))
    return pdf_of([_CATALOG, _ONE, _page(4), stream(_drawing(rng))], b"/Root 1 0 R " + told)


def pdf_packed(rng: Random) -> bytes:
    """Content that unpacks to megabytes, packed once or several times."""
    body, filters = b"0 0 m " * (rng.choice((1, 3)) << 16), b""
    for _ in range(rng.choice((1, 1, 2, 3))):
        body, filters = zlib.compress(body, 9), filters + b"/FlateDecode "
    return pdf_of([_CATALOG, _ONE, _page(4), stream(_drawing(rng)), stream(body, b"/Filter [%s]" % filters)]).replace(
        b"/Contents 4 0 R", b"/Contents [4 0 R 5 0 R]"
    )


def pdf_packed_picture(rng: Random) -> bytes:
    side = rng.choice((1000, 4000, 20_000))
    body = zlib.compress(bytes(side * min(side, 4000)), 1)
    about = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray" % (side, side)
    image = stream(body, about + b" /BitsPerComponent 8 /Filter /FlateDecode")
    used = b"/Resources << /XObject << /A 5 0 R >> >>"
    return pdf_of([_CATALOG, _ONE, _page(4, more=used), stream(b"200 0 0 100 0 0 cm /A Do " + _drawing(rng)), image])


def pdf_forms_in_forms(rng: Random, wide: int = 4, deep: int = 5) -> bytes:
    """Drawings each of which draws the next several times: exponential work from a few lines."""
    forms = []
    for level in range(deep):
        about = b"/Type /XObject /Subtype /Form /BBox [0 0 200 100] /Resources << /XObject << /A %d 0 R >> >>"
        forms.append(stream(b"/A Do " * wide, about % min(6 + level, 4 + deep)))
    forms[-1] = stream(_drawing(rng), b"/Type /XObject /Subtype /Form /BBox [0 0 200 100]")
    used = b"/Resources << /XObject << /A 5 0 R >> >>"
    return pdf_of([_CATALOG, _ONE, _page(4, more=used), stream(b"/A Do"), *forms])


def pdf_endless(rng: Random) -> bytes:
    """Billions of drawings: only a limit of time ends it."""
    return pdf_forms_in_forms(rng, wide=12, deep=11)


def pdf_form_of_itself(rng: Random) -> bytes:
    about = b"/Type /XObject /Subtype /Form /BBox [0 0 200 100] /Resources << /XObject << /A 5 0 R >> >>"
    used = b"/Resources << /XObject << /A 5 0 R >> >>"
    return pdf_of([_CATALOG, _ONE, _page(4, more=used), stream(b"/A Do " + _drawing(rng)), stream(b"/A Do", about)])


def pdf_odd_box(rng: Random) -> bytes:
    """Pages as large as numbers go, empty, turned inside out or not a number."""
    box = rng.choice(
        (b"0 0 1e9 1e9", b"0 0 0 0", b"100 100 0 0", b"0 0 1 99999", b"0 0 nan inf", b"(a) (b) 1 2", b"0 0")
    )
    return pdf_of([_CATALOG, _ONE, _page(4, box), stream(_drawing(rng))])


def pdf_without_table(rng: Random) -> bytes:
    return pdf_of([_CATALOG, _ONE, _page(4), stream(_drawing(rng))], table=False)


# --- texts ------------------------------------------------------------------------------------------------------------


def _long(rng: Random, least: int = 3000, most: int = 40_000) -> int:
    return int(least * (most / least) ** rng.random())


def long_line(rng: Random) -> bytes:
    letters = "".join(rng.choices("abcdefgh ij", k=500))
    return (letters.replace(" ", rng.choice(("", " "))) * 1000)[: _long(rng)].encode()


def longest_line(rng: Random) -> bytes:
    return (words(rng) + rng.choice(("", " "))).encode() * (LONGEST_LINE // 150) + b"x" * (LONGEST_LINE // 20)


def many_lines(rng: Random) -> bytes:
    return rng.choice((b"\n", b"\r", b"a\n", b"\f\n")) * _long(rng, 5000, 60_000) + words(rng).encode()


def deep_markup(rng: Random) -> bytes:
    deep, tag = _long(rng), rng.choice(("div", "b", "table", "svg", "pre", "script", "a title='x'"))
    closing = rng.choice(("", f"</{tag}>" * (deep // 8)))
    return f"<html>{f'<{tag}>' * (deep // 8)}{words(rng)}{closing}".encode()


def markup_never_closed(rng: Random) -> bytes:
    piece = rng.choice(
        ("<a ", "<!--", "<![CDATA[", "<a b='", '<a alt="', "&", "&#", "<script>", "</", "<!", "<p title='")
    )
    return f"<html><p>{words(rng)}".encode() + piece.encode() * (_long(rng) // len(piece))


def entities(rng: Random) -> bytes:
    """Entities of entities, which an XML parser would write out a billion times."""
    rows = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    head = f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a0 "{words(rng, 1, 2)}">{rows}]>'
    return f"{head}<svg><text>&a9;</text></svg>".encode()


def deep_markdown(rng: Random) -> bytes:
    piece = rng.choice(("> ", "- ", "[", "*", "_a ", "`", "![", "#", "|", "1. ", "<b>", "\\", "[a](", "* - "))
    return (piece * (_long(rng, 2000, 40_000) // len(piece)) + words(rng)).encode()


def deep_data(rng: Random) -> bytes:
    deep = _long(rng, 2000, 30_000)
    opening, closing = rng.choice((("[", "]"), ('{"a":', "}")))
    return (opening * deep + f'"{words(rng)}"' + closing * deep)[:60_000].encode()


def wide_table(rng: Random) -> bytes:
    columns = _long(rng, 300, 6000)
    return (",".join(rng.choice(WORDS) for _ in range(columns)) + "\n" + ",\n" * 500 + '"' + words(rng)).encode()


def not_utf8(rng: Random) -> bytes:
    data = bytearray(words(rng, 30, 90).encode())
    for _ in range(rng.randint(1, 30)):
        data[rng.randrange(len(data))] = rng.choice((0x80, 0xC0, 0xC1, 0xED, 0xF5, 0xFE, 0xFF))
    return bytes(data)


def odd_utf16(rng: Random) -> bytes:
    """Without a mark, with the wrong one, cut within a letter, or of surrogates alone."""
    text = words(rng, 20, 60)
    return rng.choice(
        (
            text.encode("utf-16-be"),
            b"\xfe\xff" + text.encode("utf-16-le"),
            text.encode("utf-16")[:-1],
            b"\xff\xfe" + rng.choice((b"\x00\xd8", b"\x00\xdc")) * 200 + text.encode("utf-16-le"),
            b"\xff\xfe\0\0" + text.encode("utf-16-le"),
        )
    )


def zeros_in_text(rng: Random) -> bytes:
    data = bytearray(words(rng, 30, 90).encode())
    for _ in range(rng.choice((1, 5, 60))):
        data.insert(rng.randrange(len(data)), 0)
    return bytes(data)


def controls(rng: Random) -> bytes:
    """What would clear the screen, set the title, ring and turn the direction of writing."""
    pieces = (
        "\x1b[2J",
        "\x1b]0;owned\x07",
        "\x9b31m",
        "\u202e",
        "\u2066",
        "\x08" * 9,
        "\r",
        "\x1b[31;1m",
        "\ufeff",
        "\x7f",
    )
    return " ".join(one + words(rng, 1, 3) for one in rng.choices(pieces, k=12)).encode()


def looks_like_a_path(rng: Random) -> bytes:
    """Texts that careless code would open, fetch or run."""
    lines = ("/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:9/x", "data:text/plain;base64,QUJD", "C:\\x\\y.png")
    more = ("a.jpg", "../../x.png", "$(touch owned)", "{{7*7}}", "<script>alert(1)</script>", "concat:/etc/passwd")
    return "\n".join([*rng.sample(lines + more, 6), words(rng, 1, 3)]).encode()


def playlist(rng: Random) -> bytes:
    """What a demuxer takes for a list of other files to open."""
    return (
        rng.choice(
            (
                b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
                b"ffconcat version 1.0\nfile '/etc/passwd'\n",
                b"<?xml version='1.0'?><MPD><Period><BaseURL>http://127.0.0.1:9/</BaseURL></Period></MPD>",
            )
        )
        + words(rng, 1, 3).encode()
    )


_ANY_TEXT = (long_line, many_lines, not_utf8, odd_utf16, zeros_in_text, controls, looks_like_a_path, playlist)
CRAFTED: dict[str, tuple[Craft, ...]] = {
    "pdf": (
        *(pdf_looping_pages, pdf_many_pages, pdf_nested, pdf_looping_objects, pdf_looping_table, pdf_packed),
        *(pdf_packed_picture, pdf_forms_in_forms, pdf_form_of_itself, pdf_odd_box, pdf_without_table),
    ),
    "txt": _ANY_TEXT,
    "html": (deep_markup, markup_never_closed, controls, looks_like_a_path),
    "svg": (entities, deep_markup, markup_never_closed),
    "markdown": (deep_markdown, long_line, controls),
    "csv": (wide_table, many_lines, long_line),
    "json": (deep_data, long_line, not_utf8),
    "code": (long_line, many_lines, controls),
}
"""By the name of the format, up to its first hyphen."""
RARE: tuple[tuple[str, Craft], ...] = (("txt", longest_line), ("pdf", pdf_endless))
"""By suffix; what takes most of a minute or all the time it is given is made a few times only."""
