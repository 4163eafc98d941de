"""The smallest PDFs that show one thing each, written by hand."""

from __future__ import annotations

from collections.abc import Sequence

LOCKED = "/Filter /Standard /V 1 /R 2 /P -4 /O <" + "41" * 32 + "> /U <" + "42" * 32 + ">"
"""An encryption dictionary that no password opens."""


def pdf(pages: Sequence[str], size: tuple[int, int] = (200, 100), encrypt: str = "", rotate: int = 0) -> bytes:
    """A PDF with one page for each text, its lines in Helvetica; an empty text gives a page with a black box alone.

    Encoded in Latin-1, so only such letters can be in it. The text `"BROKEN"` gives a page that cannot be loaded.
    """
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, text in enumerate(pages):
        stream = _drawing(text, size[1])
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Rotate {rotate} "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>"
        )
        objects.append("null" if text == "BROKEN" else page)
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    return _written(objects, f"/Encrypt << {encrypt} >> /ID [<00> <00>]" if encrypt else "")


def _drawing(text: str, height: int) -> str:
    if not text:
        return "0 0 100 50 re f"
    lines = "".join(f"({line}) Tj T* " for line in text.split("\n"))
    return f"BT /F1 10 Tf 12 TL 10 {height - 20} Td {lines}ET"


def _written(objects: Sequence[str], trailer: str) -> bytes:
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\n"
    return out + end.encode() + f"startxref\n{len(out)}\n%%EOF\n".encode()
