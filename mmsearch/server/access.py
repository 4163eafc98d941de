"""Who may talk to the server: by Host, Origin, address and token, before anything else looks at a request.

A page of another site may send requests to this machine, and may have a name of its own point to it; neither gets in.
Also writes the headers that keep what is shown from being more than shown, and bounds what is sent.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "mmsearch_token"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
"""Of every answer; one that sets its own policy keeps it."""


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What the server takes.

    Attributes:
        host, port: where it listens.
        token: what a request has to know; None where nobody but this machine reaches it.
        most_bytes: of the body of a request.
    """

    host: str
    port: int
    token: str | None
    most_bytes: int

    @property
    def is_local(self) -> bool:
        """Whether it listens to this machine alone."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    if host in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class AccessMiddleware:
    """Middleware that lets through what may pass."""

    def __init__(self, app: ASGIApp, door: AccessPolicy) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        refusal = self._refuse(scope, headers)
        sender = _with_headers(send)
        if refusal is not None:
            await refusal(scope, receive, sender)
            return
        await self._app(scope, _bounded(receive, self._door.most_bytes), sender)

    def _refuse(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        """The answer to a request that does not pass."""
        host = headers.get("host", "")
        if not self._is_own(host):
            return _error(403, "foreign Host")
        if not _is_same_origin(scope, headers, host):
            return _error(403, "foreign Origin")
        length = headers.get("content-length", "0")
        if "content-length" in headers and "transfer-encoding" in headers:
            return _error(
                400, "two lengths", {"connection": "close"}
            )  # proxies and servers do not agree which of them counts
        if not length.isdecimal() or int(length) > self._door.most_bytes:
            return _error(413, f"more than {self._door.most_bytes} bytes")
        return self._ask_token(scope, headers)

    def _is_own(self, host: str) -> bool:
        """Whether the Host is ours. With a token any may be: who makes a name point here does not know it."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if not name or set(host) & set("/\\@?#"):
            return False
        return not self._door.is_local or (port == self._door.port and is_loopback(name))

    def _ask_token(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        token = self._door.token
        if token is None:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), token):
            return None
        if _same(_cookie(headers), token):
            return None
        if scope["path"] == "/" and _same(_query_token(scope), token):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
            return answer
        return _error(
            401, "a token is needed: open the address that the server printed", {"www-authenticate": "Bearer"}
        )


def _is_same_origin(scope: Scope, headers: Mapping[str, str], host: str) -> bool:
    """Whether our own page sent it, or no page at all. What a person follows from elsewhere to a page is let in."""
    origin = headers.get("origin")
    if origin is not None:
        return origin.lower() == f"http://{host}".lower()
    site = headers.get("sec-fetch-site", "none")
    if site in ("none", "same-origin"):
        return True
    return headers.get("sec-fetch-mode") == "navigate" and not scope["path"].startswith("/api/")


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _cookie(headers: Mapping[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return str(found.value) if found else ""


def _query_token(scope: Scope) -> str:
    query: bytes = scope["query_string"]
    return parse_qs(query.decode("latin-1")).get("token", [""])[0]


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    pairs: Sequence[tuple[bytes, bytes]] = scope["headers"]
    for name, value in pairs:
        key = name.decode("latin-1").lower()
        # Of two Hosts or Origins none is to be believed.
        found[key] = "\0" if key in found and key in ("host", "origin") else value.decode("latin-1")
    return found


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": message}, status, headers)


def _with_headers(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            there = {name.lower() for name, _ in headers}
            headers += [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in there]
            message = {**message, "headers": headers}
        await send(message)

    return sender


class TooLarge(Exception):
    """A body went on beyond what is taken."""


def _bounded(receive: Receive, most: int) -> Receive:
    """Counts a body, also one whose length nobody said."""
    got = 0

    async def receiver() -> Message:
        nonlocal got
        message = await receive()
        if message["type"] == "http.request":
            got += len(message.get("body", b""))
            if got > most:
                raise TooLarge
        return message

    return receiver
