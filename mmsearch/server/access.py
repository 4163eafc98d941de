"""Who may talk to the server: by Host, Origin, address and token, before anything else looks at a request.

A page of another site may send requests to this machine, and may have a name of its own point to it; neither gets in.
Also writes the headers that keep shown files from doing anything, and bounds the size of requests.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
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
"""Headers of every answer; one that sets its own policy keeps it."""


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Which requests are let in.

    Attributes:
        host, port: where the server listens.
        token: that a request has to bring; None where only this machine reaches the server.
        most_bytes: of the body of a request.
    """

    host: str
    port: int
    token: str | None
    most_bytes: int

    @property
    def is_local(self) -> bool:
        """Whether the server listens only to this machine."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    if host in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class TooLarge(Exception):
    """A body went on beyond the limit."""


class AccessMiddleware:
    """Middleware that refuses a request, or passes it on with a bounded body and safe headers in its answer."""

    def __init__(self, app: ASGIApp, policy: AccessPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers: dict[str, str] = {}
        for key, value in scope["headers"]:
            name = key.decode("latin-1").lower()
            # Two Hosts or Origins are ambiguous, so neither counts.
            is_repeated = name in headers and name in ("host", "origin")
            headers[name] = "\0" if is_repeated else value.decode("latin-1")

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                response_headers = list(message.get("headers", ()))
                names = {name.lower() for name, _ in response_headers}
                response_headers += [
                    (name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in names
                ]
                message = {**message, "headers": response_headers}
            await send(message)

        received = 0

        async def receiver() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":  # the length of a body may not have been declared
                received += len(message.get("body", b""))
                if received > self._policy.most_bytes:
                    raise TooLarge
            return message

        refusal = self._refuse(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, sender)
            return
        await self._app(scope, receiver, sender)

    def _refuse(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        """The answer to a request that is not let in."""
        host = headers.get("host", "")
        if not self._is_own(host):
            return _error(403, "foreign Host")
        if not _is_same_origin(scope, headers, host):
            return _error(403, "foreign Origin")
        length = headers.get("content-length", "0")
        if "content-length" in headers and "transfer-encoding" in headers:
            # Proxies and servers do not agree which of them counts.
            return _error(400, "two lengths", {"connection": "close"})
        if not length.isdecimal() or int(length) > self._policy.most_bytes:
            return _error(413, f"more than {self._policy.most_bytes} bytes")
        return self._check_token(scope, headers)

    def _check_token(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        token = self._policy.token
        if token is None:
            return None
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _tokens_match(bearer.strip(), token):
            return None
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            cookie = None
        if cookie is not None and _tokens_match(cookie.value, token):
            return None
        parameters = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and _tokens_match(parameters.get("token", [""])[0], token):
            response = RedirectResponse("/", 303)
            response.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
            return response
        return _error(
            401, "a token is needed: open the address that the server printed", {"www-authenticate": "Bearer"}
        )

    def _is_own(self, host: str) -> bool:
        """Whether the Host is ours. With a token any may be: another site does not know the token."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if not name or set(host) & set("/\\@?#"):
            return False
        return not self._policy.is_local or (port == self._policy.port and is_loopback(name))


def _is_same_origin(scope: Scope, headers: Mapping[str, str], host: str) -> bool:
    """Whether our own page sent it, or no page at all. Links from elsewhere to our page are let in."""
    origin = headers.get("origin")
    if origin is not None:
        return origin.lower() == f"http://{host}".lower()
    site = headers.get("sec-fetch-site", "none")
    if site in ("none", "same-origin"):
        return True
    return headers.get("sec-fetch-mode") == "navigate" and not scope["path"].startswith("/api/")


def _tokens_match(candidate: str, token: str) -> bool:
    return hmac.compare_digest(candidate.encode("utf-8", "replace"), token.encode())


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": message}, status, headers)
