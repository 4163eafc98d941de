"""Which addresses of the network are everybody's, and a connection to such a one alone.

A URL comes from anywhere, and this machine and its network trust requests from here: routers, printers, databases, the
service that gives a cloud's machines their credentials. A name is looked up once and the connection made to what was
looked at, so that it cannot mean something else a moment later. Knows nothing of HTTP.
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
"""Networks of IPv6 whose addresses stand for one of IPv4, which is so many bits from the end; None for none at all."""


class NotPublic(MediaError):
    """The address is one of this machine or of its network."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is an address of this machine or its network: add --allow-private to fetch it")


def is_public(address: str) -> bool:
    """Whether an address, as the system writes it, is one of the whole internet."""
    try:
        found: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        for network, shift in _CARRIERS:
            if found in network:
                inner = None if shift is None else ipaddress.IPv4Address((int(found) >> shift) & 0xFFFFFFFF)
                return inner is not None and is_public(str(inner))
    return found.is_global and not (
        found.is_multicast or found.is_reserved or found.is_unspecified or found.is_loopback
    )


def connect(address: tuple[str, int], timeout: float | None = None, source_address: Any = None) -> socket.socket:
    """A connection, as `socket.create_connection` makes it, to an address of the whole internet.

    Raises:
        NotPublic: the host has no such address.
        OSError: it cannot be looked up, or none of them answers.
    """
    problem: OSError | None = None
    for family, kind, protocol, _, place in _public(*address):
        there = socket.socket(family, kind, protocol)
        try:
            there.settimeout(timeout)
            if source_address:
                there.bind(source_address)
            there.connect(place)
            return there
        except OSError as error:
            there.close()
            problem = error
    raise problem or NotPublic(address[0])


def require_public(host: str) -> None:
    """Make sure of a host that a proxy will look up, as far as it is known here. Raises NotPublic."""
    with suppress(OSError, UnicodeError):
        if socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) and not _public(host, None):
            raise NotPublic(host)


def _public(host: str, port: int | None) -> list[Any]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [one for one in found if is_public(str(one[4][0]))]
