"""Which addresses the service may connect to on a client's word.

A push endpoint is a URL that a phone gives us (OWASP ASVS 1.3.6), so it could point into our
own network. It is checked when it is registered, and again on every connection: the address
that was checked is the address that is connected to, so a name that answers differently the
second time gains nothing.
"""

import re
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, TypeAlias
from urllib.parse import SplitResult, urlsplit

MAX_URL = 2048
_PLAIN = re.compile(r"[!-\[\]-~]*")  # visible ASCII without the backslash
_HTTPS_PORT = 443

AddressInfo: TypeAlias = tuple[int, int, int, str, Any]
"""One answer of `socket.getaddrinfo`: family, type, protocol, canonical name, address."""

Resolver: TypeAlias = Callable[[str, int], list[AddressInfo]]

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: where an IPv6-only host sees the IPv4 world
_NEVER = tuple(
    ip_network(net)
    for net in (
        "0.0.0.0/8",  # this network, RFC 791
        "100.64.0.0/10",  # behind a carrier's NAT, RFC 6598
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "198.18.0.0/15",  # benchmarking, RFC 2544
        "::/96",  # IPv4-compatible, RFC 4291
        "64:ff9b:1::/48",  # a site's own NAT64, RFC 8215
        "100::/64",  # discard, RFC 6666
        "2001::/32",  # Teredo, RFC 4380: carries an IPv4 address
        "2002::/16",  # 6to4, RFC 3056: carries an IPv4 address
        "fec0::/10",  # old site-local, RFC 3879
    )
)


class UnsafeEndpoint(ValueError):
    """The URL is not one that the service may connect to; the text says why."""


def check_endpoint(url: str, allow_private: bool = False) -> None:
    """Raise `UnsafeEndpoint` unless `url` is an https URL of a public host.

    Looks the name up unless `allow_private`, which also admits plain http, other ports and
    private addresses, and is for tests and the demo. The look-up takes as long as the
    system's resolver does: call it outside a transaction.
    """
    parts = check_form(url, allow_private)
    if not allow_private:
        public_addresses(str(parts.hostname), _HTTPS_PORT)


def check_form(url: str, allow_private: bool = False) -> SplitResult:
    """Return the parts of an endpoint, or raise `UnsafeEndpoint`; asks no resolver.

    Enough before a guarded connection, which checks the host by itself.
    """
    parts = _split(url)
    schemes = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in schemes or not parts.hostname:
        raise UnsafeEndpoint("must be an https URL with a host")
    if "@" in parts.netloc or parts.fragment:
        raise UnsafeEndpoint("must have neither a user nor a fragment")
    if not allow_private and parts.port not in {None, _HTTPS_PORT}:
        raise UnsafeEndpoint("must use port 443")
    return parts


def public_addresses(
    host: str, port: int, *, allow_private: bool = False, resolve: Resolver | None = None
) -> list[AddressInfo]:
    """Return where `host` is, in the resolver's order, or raise `UnsafeEndpoint`.

    One address that is not public condemns them all: a name that mixes them is hostile or
    broken, and the order of answers is nobody's promise.
    """
    try:
        answers = (resolve or system_resolver)(host, port)
    except (OSError, UnicodeError) as error:
        raise UnresolvedHost("its host is not known") from error
    if not allow_private and not all(is_public(str(answer[4][0])) for answer in answers):
        raise UnsafeEndpoint("must not lead to a private address")
    return answers


class UnresolvedHost(UnsafeEndpoint):
    """The name has no address now; it may have one later."""


def system_resolver(host: str, port: int) -> list[AddressInfo]:
    """Ask the system where `host` is, for a stream connection to `port`."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(int(family), int(kind), proto, name, at) for family, kind, proto, name, at in answers]


def is_public(address: str) -> bool:
    """Tell whether an IP address is public unicast; one that carries another is that other."""
    judged = _carried(ip_address(address.partition("%")[0]))
    special = (
        judged.is_private
        or judged.is_loopback
        or judged.is_link_local
        or judged.is_multicast
        or judged.is_unspecified
        or judged.is_reserved
    )
    return not special and not any(judged in net for net in _NEVER if net.version == judged.version)


def _carried(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that the network would take out of an IPv6 one, or itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _split(url: str) -> SplitResult:
    """Split a URL, refusing what different parsers read differently."""
    if len(url) > MAX_URL:
        raise UnsafeEndpoint(f"must be at most {MAX_URL} characters")
    if not _PLAIN.fullmatch(url):
        raise UnsafeEndpoint("must be plain ASCII without spaces or backslashes")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UnsafeEndpoint("must be a well-formed URL") from None
    return parts
