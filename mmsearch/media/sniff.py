"""The kind of a file from its first bytes; its name decides only where the bytes leave it open.

Tables of marks, most telling first. Knows only how formats begin, with one exception: a
container that may or may not hold pictures (MP4, Matroska, ASF, MPEG) is opened to see.
"""

from __future__ import annotations

import math
import os
import re

from mmsearch.errors import MediaError, UnsupportedMedia
from mmsearch.media.loaded import Kind
from mmsearch.media.text_encoding import looks_like_text
from mmsearch.types import Modality

HEAD_BYTES = 8192
"""How many of a file's first bytes `kind_of` needs."""

_TEXT_KINDS = ("text", "markdown", "html", "csv", "json", "code")
_OTHER_KINDS: dict[str, Modality] = {"image": "image", "pdf": "document", "audio": "audio", "video": "video"}
KINDS = {name: Kind(name, _OTHER_KINDS.get(name, "text")) for name in (*_OTHER_KINDS, *_TEXT_KINDS)}
"""Every kind there is, by its name."""

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG that are followed by its sides."""
_CONTAINER = "container"
"""A format of either sound or video."""
_COVER = 1024
"""FFmpeg's flag AV_DISPOSITION_ATTACHED_PIC."""

_BEGINNINGS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    (
        "image",
        (
            *(JPEG, PNG, b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"8BPS\0"),
            *(b"\0\0\0\x0cjP  \r\n", b"\xff\x4f\xff\x51", b"DDS \x7c\0\0\0", b"qoif", b"icns\0", b"BLP1", b"BLP2"),
            *(b"SIMPLE  =", b"DanM", b"LinS", b"\x59\xa6\x6a\x95", b"\xb1\x68\xde\x3a", b"\x80\xe8\0\0", b"/* XPM */"),
        ),
    ),
    (
        "audio",
        (
            *(b"fLaC", b"ID3", b"caff\0", b"#!AMR", b".snd\0", b"wvpk", b"MAC ", b"TTA1", b"DSD \x1c", b"MPCK"),
            b"\x7f\xfe\x80\x01",
        ),
    ),
    (_CONTAINER, (b"\x1aE\xdf\xa3", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"FLV\1", b".RMF", b"\0\0\1\xba")),
    ("video", (b"\0\0\1\xb3", b"DKIF\0", b"YUV4MPEG2", b"\x06\x0e\x2b\x34")),
)
_MARKS: tuple[tuple[int, bytes, str], ...] = (
    *((0, mark, name) for name, marks in _BEGINNINGS for mark in marks),
    (20, b"GIMP", "image"),
    (2048, b"PCD_", "image"),
)
"""Offset, mark, and the name of the kind."""
_LONGEST_WORD = 8
"""A mark of letters that is no longer may as well begin a note: "MAC and PC", "ID3 tags", "GIF89a is old"."""

_RIFF = {b"WAVE": "audio", b"AVI ": "video", b"WEBP": "image"}
_FORM = {b"AIFF": "audio", b"AIFC": "audio"}
_FAMILIES = {b"RIFF": _RIFF, b"RF64": _RIFF, b"RIFX": _RIFF, b"FORM": _FORM}
"""First four bytes -> meaning of bytes 8 to 12."""
_PICTURE_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_SOUND_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})
_ATOMS = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
"""Old QuickTime films start with one of these instead of `ftyp`."""
_OGG_PICTURES = (b"\x80theora", b"BBCD\0", b"OVP80", b"\1video\0")

_REFUSED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file: save it as PDF to make it searchable"),
    (0, b"PK\5\6", "an empty zip archive"),
    (0, b"{\\rtf", "RTF: save it as PDF or text to make it searchable"),
    (0, b"%!PS", "PostScript is a program: convert it to PDF to make it searchable"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript is a program: convert it to PDF to make it searchable"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"FUJIFILMCCD-RAW", "a camera raw file"),
    (0, b"MThd", "MIDI holds notes, not sound"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\7", "a rar archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a Windows program"),
    (0, b"\xcf\xfa\xed\xfe", "a program"),
    (0, b"\xca\xfe\xba\xbe", "a program"),
    (0, b"\0asm", "a program"),
    (0, b"SQLite format 3\0", "a database"),
    (0, b"OTTO", "a font"),
    (0, b"\0\1\0\0\0", "a font"),
    (0, b"wOFF", "a font"),
    (0, b"wOF2", "a font"),
    (128, b"DICM", "DICOM"),
)
"""Offset, mark, and description of a format that is recognised but not read."""

_OFFICE = {
    **dict.fromkeys(("docx", "docm", "odt", "pages"), "a word processor's file"),
    **dict.fromkeys(("xlsx", "xlsm", "ods", "numbers"), "a spreadsheet"),
    **dict.fromkeys(("pptx", "pptm", "odp", "key"), "a slide deck"),
    "epub": "an e-book",
}

_TEXT_SUFFIXES = {
    suffix: name
    for name, suffixes in (
        ("markdown", "md markdown mdown mkd mdx qmd rmd"),
        ("html", "html htm xhtml svg"),
        ("csv", "csv tsv"),
        ("json", "json jsonl ndjson geojson ipynb"),
        ("code", "py pyi pyx rb pl pm lua r jl php tcl nim zig dart c h cc cpp cxx hh hpp hxx cu cuh m mm rs go v"),
        (
            "code",
            "java kt kts scala groovy gradle clj cs fs vb swift js mjs cjs jsx ts tsx vue svelte css scss sass less",
        ),
        ("code", "hs ml mli ex exs erl lisp el scm rkt asm s f f90 sh bash zsh fish ps1 bat cmd awk sed sql graphql"),
        ("code", "less proto toml yaml yml ini cfg tf cmake mk nix dockerfile"),
    )
    for suffix in suffixes.split()
}
_CODE_NAMES = frozenset({"makefile", "dockerfile", "rakefile", "gemfile", "vagrantfile", "jenkinsfile"})

_BARE_PICTURES = frozenset(
    {"tga", "icb", "vda", "vst", "pcx", "sgi", "rgb", "bw", "im", "fli", "flc", "ftc", "ftu", "dib", "spi"}
)
"""Suffixes of picture formats whose beginning says too little."""
_BARE_SOUND = frozenset({"mp1", "mp2", "mp3", "aac", "ac3", "eac3"})

_PNM = re.compile(
    rb"P(?:[1-6]\s+(?:#[^\n]*\n\s*)*\d+\s+(?:#[^\n]*\n\s*)*\d+\s|7\s+(?:#[^\n]*\n\s*)*WIDTH\s|[fF]\s+\d+\s+\d+\s)"
)
_ICON = re.compile(rb"\0\0[\1\2]\0[^\0]\0...\0", re.S)
"""Icons and cursors: how many there are, then the first one's width, height, colours and a zero."""
_XBM = re.compile(rb"#define[ \t]+\S*width[ \t]+\d+")
_HTML = re.compile(
    rb"\s*(?:<!--(?:(?!-->).)*-->\s*|<\?xml[^>]*>\s*)*<(?:!doctype\s+(?:html|svg)|html|svg)[\s>]", re.I | re.S
)
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


def kind_of(path: str, head: bytes) -> Kind:
    """The kind of a file.

    Args:
        path: its name breaks ties, and a container of sound or film is opened at it.
        head: its first `HEAD_BYTES` bytes, or all of a shorter one.

    Raises:
        UnsupportedMedia: no loader reads such a file; the message names its type.
        MediaError: the file is empty.
    """
    if not head:
        raise MediaError("empty file (0 bytes)")
    suffix = os.path.splitext(path)[1][1:].lower()
    text = looks_like_text(head)
    if head.startswith(b"PK\3\4"):
        office = _OFFICE.get(suffix)
        raise UnsupportedMedia(
            f"{office} ({suffix}): save it as PDF to make it searchable" if office else "a zip archive"
        )
    for offset, mark, reason in _REFUSED:
        if head.startswith(mark, offset) and not (text and mark.isalnum()):
            raise UnsupportedMedia(reason)
    name = _by_mark(head, text) or _by_structure(head) or (None if text else _by_repetition(head))
    if name == _CONTAINER:
        name = _film_or_sound(path)
    if name is None:
        name = _text_flavour(path, suffix, head) if text else _by_suffix(suffix, head)
    return KINDS[name]


def _text_flavour(path: str, suffix: str, head: bytes) -> str:
    if suffix == "xbm" and _XBM.search(head):
        return "image"
    if suffix in _TEXT_SUFFIXES:
        return _TEXT_SUFFIXES[suffix]
    if head.startswith(b"#!") or os.path.basename(path).lower() in _CODE_NAMES:
        return "code"
    return "html" if _HTML.match(head.removeprefix(b"\xef\xbb\xbf")) else "text"


def _by_suffix(suffix: str, head: bytes) -> str:
    if suffix in _BARE_PICTURES:
        return "image"
    if suffix in _BARE_SOUND and b"\xff" in head:
        return "audio"
    raise UnsupportedMedia(f"not a format mmsearch reads (begins with {head[:8].hex(' ')})")


def _by_mark(head: bytes, text: bool) -> str | None:
    for offset, mark, name in _MARKS:
        if head.startswith(mark, offset) and not (text and len(mark) <= _LONGEST_WORD and mark.isascii()):
            return name
    return None


def _by_structure(head: bytes) -> str | None:
    """Formats whose mark takes more than one comparison."""
    if head[:4] in _FAMILIES:
        return _FAMILIES[head[:4]].get(head[8:12])
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head[4:8] in _ATOMS and head[0] == 0:
        return _CONTAINER
    if head[:4] == b"OggS":
        return "video" if any(mark in head for mark in _OGG_PICTURES) else "audio"
    is_bitmap = head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS
    if is_bitmap or _PNM.match(head) or _ICON.match(head):
        return "image"
    # Readers accept a PDF behind up to 1 KiB of junk from mail gateways; a text that mentions the mark is no PDF.
    offset = head.find(b"%PDF-", 0, 1024)
    is_pdf = offset >= 0 and (not head[:offset].strip() or not looks_like_text(head[:offset]) or b" obj" in head)
    return "pdf" if is_pdf else None


def _by_brand(head: bytes) -> str:
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[offset : offset + 4] for offset in range(16, end, 4))}
    if b"crx " in brands:
        raise UnsupportedMedia("a camera raw file")
    if brands & _PICTURE_BRANDS:
        return "image"
    if brands & _SOUND_BRANDS:
        return "audio"
    return _CONTAINER


def _by_repetition(head: bytes) -> str | None:
    """Streams without a file header, recognised by a repeated mark."""
    for start in (0, 4):
        packet = 188 + start
        if head[start::packet][:4] == b"G" * 4:
            return _CONTAINER
    if head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head.count(head[:2]) >= 3:
        return "audio"
    if head[:2] == b"\x0bw" and head.count(b"\x0bw") >= 3:
        return "audio"
    return None


def _film_or_sound(path: str) -> str:
    """`"audio"` if a container has no moving pictures (a cover does not count); `"video"` if it has, or is broken."""
    from mmsearch.media.audio import open_container

    try:
        with open_container(path, "") as container:
            films = [stream for stream in container.streams.video if not stream.disposition & _COVER]
            return "video" if films or not container.streams.audio else "audio"
    except MediaError:
        # The loader meets the same error and reports it.
        return "video"


def claimed_pixels(head: bytes) -> float | None:
    """The number of pixels that a PNG or JPEG claims; decoders allocate memory for them even if the file ends at once.

    Infinity if the beginning does not show it, or for an animation; None for all other formats.
    """
    if head.startswith(PNG):
        return math.inf if b"acTL" in head else int.from_bytes(head[16:20], "big") * int.from_bytes(head[20:24], "big")
    if not head.startswith(JPEG):
        return None
    offset = 2
    while offset + 9 <= len(head) and head[offset] == 0xFF:
        if head[offset + 1] in _JPEG_FRAMES:
            height, width = head[offset + 5 : offset + 7], head[offset + 7 : offset + 9]
            return int.from_bytes(height, "big") * int.from_bytes(width, "big")
        offset += 2 + int.from_bytes(head[offset + 2 : offset + 4], "big")
    return math.inf
