"""An open file as an answer: its type by its first bytes, ranges of it, and headers that keep it from doing anything.

Sends from the very descriptor that was opened and verified, which Starlette's `FileResponse` cannot: it opens a path.
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
"""A user's file may do nothing when it is opened, for it may be a page from anywhere."""
_INLINE = ("image/", "audio/", "video/", "text/")
"""Types that browsers show under that policy. PDF viewers run scripts all the same, so PDFs are saved instead."""


def content_type(head: bytes, modality: Modality, kind: str) -> str:
    """The media type of a file by its first bytes, its modality in the index, and the name of its kind."""
    if modality == "text":
        return "text/html; charset=utf-8" if kind == "html" else _OTHERWISE["text"]
    for offset, mark, media_type in _MARKS:
        if head[offset : offset + len(mark)] == mark:
            return media_type
    for offset, mark, container in _BY_MODALITY:
        if head[offset : offset + len(mark)] == mark:
            return f"{'audio' if modality == 'audio' else 'video'}/{container}"
    return _OTHERWISE[modality]


def answer(file: BinaryIO, item: Item, kind: str, ranged: str | None, is_head: bool) -> Response:
    """An open file, or the range of it that a `Range` header asks for; it is closed when it has been sent.

    Raises OSError where it cannot be read.
    """
    try:
        status = os.fstat(file.fileno())
        media_type = content_type(file.read(_HEAD), item.modality, kind)
        name = os.path.basename(item.path).encode("utf-8", "replace").decode()
        ascii_name = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
        disposition = "inline" if media_type.startswith(_INLINE) else "attachment"
        headers = {
            "accept-ranges": "bytes",
            "content-type": media_type,
            "content-disposition": f"{disposition}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}",
            "content-security-policy": INERT,
            "x-frame-options": "SAMEORIGIN",
            "last-modified": formatdate(status.st_mtime, usegmt=True),
            "cache-control": "private, no-cache",
        }
        part = _part(ranged, status.st_size)
        if part is None:
            file.close()
            return Response(status_code=416, headers={**headers, "content-range": f"bytes */{status.st_size}"})
        start, end = part
        headers["content-length"] = str(end - start)
        whole = part == (0, status.st_size) and _RANGE.fullmatch(ranged or "") is None
        if not whole:
            headers["content-range"] = f"bytes {start}-{end - 1}/{status.st_size}"
        if is_head:
            file.close()
            return Response(status_code=200 if whole else 206, headers=headers)
        return StreamingResponse(_stream(file, start, end), 200 if whole else 206, headers)
    except BaseException:
        file.close()
        raise


def _part(ranged: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; the whole file without a range, or with an invalid one.

    None for a range outside of the file.
    """
    match = _RANGE.fullmatch(ranged or "")
    if match is None:
        return 0, size
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start, end = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
    return (start, end) if start < end else None


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
