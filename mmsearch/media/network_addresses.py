"""Connections to public addresses only.

A URL comes from anywhere, and this machine and its network trust requests from here: routers, printers, databases, the
service that gives a cloud's machines their credentials. A name is looked up once and the checked address is used
for the connection, so that the name cannot change its meaning in between. Knows nothing of HTTP.
"""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from typing import Any, TypeAlias

from mmsearch.errors import MediaError

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
_CARRIERS = tuple(
    (ipaddress.IPv6Network(network), shift)
    for network, shift in (
        ("64:ff9b::/96", 0),  # NAT64
        ("64:ff9b:1::/48", None),  # NAT64 of a network's own
        ("::/96", 0),  # compatible, which also holds :: and ::1
        ("::ffff:0:0:0/96", 0),  # translated
        ("2002::/16", 80),  # 6to4
        ("2001::/32", None),  # Teredo
        ("fec0::/10", None),  # site-local
    )
)
"""IPv6 networks that embed an IPv4 address this many bits from the end; None for networks that are never public."""


class NotPublic(MediaError):
    """The address is one of this machine or of its network."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is an address of this machine or its network: add --allow-private to fetch it")


def is_public(address: str) -> bool:
    """Whether an address, as the system writes it, is one of the whole internet."""
    try:
        parsed: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return is_public(str(parsed.ipv4_mapped))
        for network, shift in _CARRIERS:
            if parsed in network:
                inner = None if shift is None else ipaddress.IPv4Address((int(parsed) >> shift) & 0xFFFFFFFF)
                return inner is not None and is_public(str(inner))
    return parsed.is_global and not (
        parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified or parsed.is_loopback
    )


def connect(address: tuple[str, int], timeout: float | None = None, source_address: Any = None) -> socket.socket:
    """A connection, as `socket.create_connection` makes it, to an address of the whole internet.

    Raises:
        NotPublic: the host has no such address.
        OSError: it cannot be looked up, or none of them answers.
    """
    problem: OSError | None = None
    for family, kind, protocol, _, sockaddr in _public(*address):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout)
            if source_address:
                connection.bind(source_address)
            connection.connect(sockaddr)
            return connection
        except OSError as error:
            connection.close()
            problem = error
    raise problem or NotPublic(address[0])


def require_public(host: str) -> None:
    """Make sure of a host that a proxy will look up, as far as it is known here. Raises NotPublic."""
    with suppress(OSError, UnicodeError):
        if socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) and not _public(host, None):
            raise NotPublic(host)


def _public(host: str, port: int | None) -> list[Any]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [info for info in infos if is_public(str(info[4][0]))]
