"""An open file as an answer: its type by its first bytes, ranges of it, and nothing that it could do to the page.

Knows bytes and headers; nothing of the index.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from email.utils import formatdate
from typing import BinaryIO
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from mmsearch.types import Item, Modality

_CHUNK = 256 << 10
_HEAD = 64
_RANGE = re.compile(r"\s*bytes\s*=\s*(?=\d|-\s*\d)(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII)
_MARKS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavi", "image/avif"),
    (4, b"ftyphei", "image/heic"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"fLaC", "audio/flac"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AIF", "audio/aiff"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"ID3", "audio/mpeg"),
)
_BY_MODALITY: tuple[tuple[int, bytes, str], ...] = (
    (0, b"OggS", "ogg"),
    (0, b"\x1aE\xdf\xa3", "webm"),
    (4, b"ftyp", "mp4"),
)
"""Containers of both sound and moving pictures."""
_OTHERWISE: dict[Modality, str] = {
    "text": "text/plain; charset=utf-8",
    "document": "application/pdf",
    "audio": "audio/mpeg",
    "video": "application/octet-stream",
    "image": "application/octet-stream",
}
INERT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
"""What a file of the user's may do when it is opened: nothing, for it may be a page from anywhere."""
_INLINE = ("image/", "audio/", "video/", "text/")
"""What browsers show under that policy. A viewer of PDFs runs their scripts all the same, so those are saved."""


def content_type(head: bytes, modality: Modality, kind: str) -> str:
    """What a file is to a browser, by its first bytes, what the index takes it for, and the name of its kind."""
    if modality == "text":
        return "text/html; charset=utf-8" if kind == "html" else _OTHERWISE["text"]
    for at, mark, found in _MARKS:
        if head[at : at + len(mark)] == mark:
            return found
    for at, mark, container in _BY_MODALITY:
        if head[at : at + len(mark)] == mark:
            return f"{'audio' if modality == 'audio' else 'video'}/{container}"
    return _OTHERWISE[modality]


def answer(file: BinaryIO, item: Item, kind: str, ranged: str | None, is_head: bool) -> Response:
    """An open file, or the range of it that a `Range` header asks for; it is closed when it has been sent.

    Raises OSError where it cannot be read.
    """
    try:
        found = os.fstat(file.fileno())
        shown_as = content_type(file.read(_HEAD), item.modality, kind)
        headers = {
            "accept-ranges": "bytes",
            "content-type": shown_as,
            "content-disposition": _disposition(item.path, shown_as.startswith(_INLINE)),
            "content-security-policy": INERT,
            "x-frame-options": "SAMEORIGIN",
            "last-modified": formatdate(found.st_mtime, usegmt=True),
            "cache-control": "private, no-cache",
        }
        part = _part(ranged, found.st_size)
        if part is None:
            file.close()
            return Response(status_code=416, headers={**headers, "content-range": f"bytes */{found.st_size}"})
        start, end = part
        headers["content-length"] = str(end - start)
        whole = part == (0, found.st_size) and _RANGE.fullmatch(ranged or "") is None
        if not whole:
            headers["content-range"] = f"bytes {start}-{end - 1}/{found.st_size}"
        if is_head:
            file.close()
            return Response(status_code=200 if whole else 206, headers=headers)
        return StreamingResponse(_stream(file, start, end), 200 if whole else 206, headers)
    except BaseException:
        file.close()
        raise


def _part(ranged: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one behind the last; the whole file for no range, or one that is not understood.

    None for one that lies outside of the file.
    """
    found = _RANGE.fullmatch(ranged or "")
    if found is None:
        return 0, size
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
    return (start, end) if start < end else None


def _disposition(path: str, is_inline: bool) -> str:
    name = os.path.basename(path).encode("utf-8", "replace").decode()
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    how = "inline" if is_inline else "attachment"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def _stream(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes, at least until the file turns out to be shorter by now."""
    try:
        await asyncio.to_thread(file.seek, start)
        while start < end and (chunk := await asyncio.to_thread(file.read, min(_CHUNK, end - start))):
            start += len(chunk)
            yield chunk
    finally:
        with suppress(OSError):
            file.close()
