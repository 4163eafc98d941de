"""A store that speaks as much S3 as reading takes: lists, sizes and ranges of what lies in a folder. For tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

_STAMP = "2024-05-06T07:08:09.000Z"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        _, _, key = unquote(asked.path).lstrip("/").partition("/")
        if not key:
            self._answer(200, self._listing({name: values[0] for name, values in parse_qs(asked.query).items()}))
            return
        path = self.folder / key
        if not path.is_file():
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        data = path.read_bytes()
        tag = {"ETag": f'"{md5(data).hexdigest()}"', "Last-Modified": formatdate(path.stat().st_mtime, usegmt=True)}
        if wanted := self.headers.get("Range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            part = data[int(first) : int(last or len(data)) + 1]
            span = {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"}
            self._answer(206, part, tag | span)
        else:
            self._answer(200, data, tag)

    def _listing(self, asked: dict[str, str]) -> bytes:
        prefix, limit = asked.get("prefix", ""), asked.get("delimiter", "")
        keys = sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        keys = [key for key in keys if key.startswith(prefix)]
        below = {
            prefix + key[len(prefix) :].partition(limit)[0] + limit
            for key in keys
            if limit and limit in key[len(prefix) :]
        }
        own = [key for key in keys if not (limit and limit in key[len(prefix) :])]
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{_STAMP}</LastModified>"
            f"<Size>{(self.folder / key).stat().st_size}</Size></Contents>"
            for key in own
        )
        found += "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in sorted(below))
        count = len(own) + len(below)
        return (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Prefix>{escape(prefix)}</Prefix><KeyCount>{count}</KeyCount><IsTruncated>false</IsTruncated>{found}"
            "</ListBucketResult>"
        ).encode()

    def _answer(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The endpoint of a store whose only bucket holds what is in a folder."""
    handler = type("Handler", (_Handler,), {"folder": folder})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
