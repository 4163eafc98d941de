"""Bytes to text: which bytes are text at all, and in which encoding.

Knows nothing of files or formats. Nothing here raises on any input.
"""

from __future__ import annotations

import codecs
import re

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Longest first: the mark of UTF-32-LE begins with that of UTF-16-LE."""

LEGACY = [
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r"),
    *("cp932", "euc_jp", "gb18030", "big5", "euc_kr", "iso2022_jp"),
]
"""Encodings older than Unicode that are still in use; a longer list makes guesses on short texts worse."""

SAMPLE_BYTES = 64 * 1024
CERTAIN_HIGH_BYTES = 24
"""With fewer bytes above 127 than this, statistics guess worse than the commonest Western encoding does."""

_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\f\v\b\x1a\x1b") + b"\x7f"
_HIGH = re.compile(rb"[\x80-\xff]")
_C1 = bytes(range(0x80, 0xA0))


def looks_like_text(head: bytes) -> bool:
    """Whether the first bytes of a file read as text in any encoding `decode` knows; empty input does not."""
    if not head:
        return False
    if any(head.startswith(mark) for mark, _ in BOMS) or utf16_without_mark(head):
        return True
    if b"\0" in head:
        return False
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if _is_utf8(head):
        return controls * 20 <= len(head)
    # Compressed data is one eighth control bytes and one eighth C1 bytes; the old encodings hardly use either.
    odd = controls * 2 + len(head) - len(head.translate(None, _C1))
    return controls * 100 <= len(head) and (odd * 8 <= len(head) or _statistical(head) is not None)


def utf16_without_mark(data: bytes) -> str | None:
    """`"utf-16-le"` or `"utf-16-be"` if every other byte is mostly zero, as in Western text without a mark."""
    pairs = len(data) // 2
    if pairs < 2:
        return None
    for name, zeros, letters in (("utf-16-le", data[1::2], data[0::2]), ("utf-16-be", data[0::2], data[1::2])):
        if zeros.count(0) * 10 >= pairs * 7 and letters.count(0) * 50 <= pairs:
            text = data[: pairs * 2].decode(name, "replace")
            printable = sum(letter.isprintable() or letter.isspace() for letter in text)
            if printable * 20 >= len(text) * 19:
                return name
    return None


def decode(data: bytes) -> str:
    """The text of a file's bytes, in any encoding; undecodable bytes become U+FFFD."""
    for mark, name in BOMS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    if unmarked := utf16_without_mark(data[:SAMPLE_BYTES]):
        return data.decode(unmarked, "replace")
    if _is_utf8(data):
        return data.decode("utf-8", "ignore")
    sample = data[:SAMPLE_BYTES]
    text = sample.decode("utf-8", "replace")
    # Good multi-byte characters far outnumber the bad bytes, as in a log with one torn line.
    if sum(letter > "\x7f" for letter in text) > text.count("\ufffd") * 11:
        return data.decode("utf-8", "replace")
    is_short = len(_HIGH.findall(sample)) < CERTAIN_HIGH_BYTES
    return data.decode((not is_short and _statistical(sample)) or "cp1252", "replace")


def _is_utf8(data: bytes) -> bool:
    """Whether it is UTF-8; the end may cut a character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _statistical(sample: bytes) -> str | None:
    """The old encoding in which the sample looks most like a language; None if it looks like none."""
    from charset_normalizer import from_bytes

    matches = list(from_bytes(sample, cp_isolation=LEGACY, preemptive_behaviour=False))
    if not matches:
        return None
    best = matches[0]
    tied = [match.encoding for match in matches if (match.chaos, match.coherence) == (best.chaos, best.coherence)]
    return "cp1252" if "cp1252" in tied else str(best.encoding)
