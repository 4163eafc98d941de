"""PDF files: the picture of every page, then the text of every page that has some.

Knows nothing of models but the side of a page's picture and the length of a passage. Pictures come first so that the
ordinal of a page's picture is its index, and one page can be had again without touching another.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import pypdfium2 as pdfium

from mmsearch.errors import MediaError
from mmsearch.media.loaded import Loaded, reasons
from mmsearch.media.text import clean, cut
from mmsearch.system.safe_open import regular
from mmsearch.types import FileMetadata, Item, LoaderSettings, Picture, Segment, Span

MAX_PAGES = 10_000
"""Pages read of one file. A longer one is searchable by its beginning, and the log says so."""
MAX_CHARS = 16 * 1024 * 1024
"""Characters of text indexed of one file, all pages together."""
MAX_PAGE_CHARS = 256 * 1024
"""Characters of text indexed of one page."""
_TEASER_CHARS = 300
_HYPHEN = "\ufffe"
"""pdfium's character for a hyphen at a line's end; a line break follows it."""

_REASONS = {
    pdfium.raw.FPDF_ERR_PASSWORD: "password-protected PDF",
    pdfium.raw.FPDF_ERR_SECURITY: "PDF with a protection that cannot be opened",
    pdfium.raw.FPDF_ERR_FILE: "PDF without pages",
}
_LOCK = threading.RLock()
"""pdfium may be called by one thread at a time."""

log = logging.getLogger(__name__)


def load(path: str, digest: str, kind_name: str, settings: LoaderSettings, only: int | None = None) -> Loaded:
    """Each page as a picture, uint8 `(h, w, 3)` on white, longer side `settings.page_side`; then passages of its text.

    A page that cannot be drawn is left out, and the log says so.

    Raises:
        MediaError: broken, password-protected, without pages, or no page can be drawn (while iterating).
    """
    return Loaded.of(_parts(path, digest, settings, only))


def _parts(path: str, digest: str, settings: LoaderSettings, only: int | None) -> Iterator[FileMetadata | Segment]:
    """The metadata, which a PDF has none of, then the segments, all from one opened file."""
    with _open_pdf(path) as pdf:
        yield FileMetadata()
        pages = min(len(pdf), MAX_PAGES)
        if only is not None and only < pages:
            picture, text = _page(pdf, only, settings.page_side)
            yield _page_segment(path, digest, only, picture, text or "")
            return
        texts: dict[int, str] = {}
        if only is None:
            yield from _pictures(pdf, path, digest, settings, texts)
        else:
            texts.update((number, text) for number in range(pages) if (text := _page_text(pdf, number)))
        ordinal, room = pages, MAX_CHARS
        for number, text in texts.items():
            for _, passage in cut(text[: max(0, room)], settings.passage_chars):
                if only in (None, ordinal):
                    yield Segment(Item(path, digest, "document", "text", ordinal, _span(number), passage), passage)
                ordinal += 1
            room -= len(text)


def _page_segment(path: str, digest: str, number: int, picture: Picture, text: str) -> Segment:
    teaser = " ".join(text[:_TEASER_CHARS].split())
    return Segment(Item(path, digest, "document", "document", number, _span(number), teaser), picture)


def _span(number: int) -> Span:
    return Span("page", number + 1, number + 1)


def _pictures(pdf: Any, path: str, digest: str, settings: LoaderSettings, texts: dict[int, str]) -> Iterator[Segment]:
    """A segment for each page that can be drawn; `texts` receives their texts."""
    pages = min(len(pdf), MAX_PAGES)
    broken = unreadable = 0
    first = ""
    if pages < len(pdf):
        log.warning("%s: only the first %d of %d pages are indexed", path, pages, len(pdf))
    for number in range(pages):
        try:
            picture, text = _page(pdf, number, settings.page_side)
        except MediaError as error:
            broken, first = broken + 1, first or f"page {number + 1} is left out: {error}"
            if broken == pages:
                raise
            continue
        unreadable += text is None
        texts[number] = text or ""
        yield _page_segment(path, digest, number, picture, texts[number])
    # In a line or two, since a small file can say that it has any number of pages.
    if first:
        log.warning("%s: %s%s", path, first, f" (and {broken - 1} more)" if broken > 1 else "")
    if unreadable:
        log.warning("%s: the text of %d pages is left out", path, unreadable)


@contextmanager
def _open_pdf(path: str) -> Iterator[Any]:
    # pdfium gets an open file instead of a name, so that any bytes can be in the name.
    with reasons("broken PDF"), open(path, "rb", opener=regular) as file:
        with _LOCK:
            # pdfium leaves its last error as it was when a file has no pages. "Missing file" is one that cannot occur.
            pdfium.raw.FPDF_LoadDocument(b"\0", None)
            try:
                pdf = pdfium.PdfDocument(file)
            except pdfium.PdfiumError as error:
                if reason := _REASONS.get(error.err_code):
                    raise MediaError(reason) from error
                raise
            pdf.init_forms()
        try:
            yield pdf
        finally:
            with _LOCK:
                pdf.close()


def _page(pdf: Any, number: int, side: int) -> tuple[Picture, str | None]:
    """The picture of a page, and its text, empty if it has none, None if it cannot be had."""
    with _LOCK, reasons("broken page"), closing(pdf[number]) as page:
        longer = max(page.get_size())
        if not math.isfinite(longer) or longer <= 0:
            raise MediaError(f"broken page: {longer} points long")
        # The size is rounded up in points times scale: a hair less keeps the longer side from becoming one pixel more.
        bitmap = page.render(scale=(side - 1e-3) / longer, rev_byteorder=True, fill_color=(255, 255, 255, 255))
        with closing(bitmap):
            pixels = bitmap.to_numpy()
            if pixels.ndim == 2:
                pixels = pixels[:, :, None].repeat(3, axis=2)
            picture = np.array(pixels[:, :, :3], dtype=np.uint8, order="C")
        return picture, _text(page)


def _page_text(pdf: Any, number: int) -> str:
    try:
        with _LOCK, reasons("broken page"), closing(pdf[number]) as page:
            return _text(page) or ""
    except MediaError:
        return ""


def _text(page: Any) -> str | None:
    try:
        with reasons("broken text"), closing(page.get_textpage()) as textpage:
            text = textpage.get_text_bounded()
    except MediaError:
        return None
    return clean(text.replace(_HYPHEN + "\r\n", "").replace(_HYPHEN, ""))[:MAX_PAGE_CHARS]
