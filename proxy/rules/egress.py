"""Which addresses may be connected to: public ones, and what the configuration lists.

Judged is the address that our own socket connects to, and any IPv4 address inside it. The one thing a reader would get
wrong: a listed block does not open the metadata services of clouds; each of those needs its own /32 or /128.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA's special-purpose registries, as of 2025. `ipaddress.is_global` is not used: its answer changes between releases.
_SPECIAL_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared, behind a carrier's NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
_SPECIAL_6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)

# How an IPv6 address holds IPv4 addresses: the bits to shift them down by.
_MAPPED = IPv6Network("::ffff:0:0/96")
_TEREDO = IPv6Network("2001::/32")
_WRAPPED = (
    (IPv6Network("::/96"), 0),  # compatible, deprecated
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("64:ff9b:1::/48"), 0),  # NAT64 of the local network
    (IPv6Network("2002::/16"), 80),  # 6to4
    (_TEREDO, 64),  # its server; the client is written inverted, see `_inside`
)
_SAME_REACH = (IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16"), _TEREDO)  # as far as what is inside them
_NOT_COMPATIBLE = frozenset({IPv6Address("::"), IPv6Address("::1")})

METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "168.63.129.16",
            "100.100.100.200",
            "fd00:ec2::254",
            "fd20:ce::254",
        ),
    )
)

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressSettings:
    """`allow`: CIDR blocks beside the public addresses."""

    allow: tuple[str, ...] = ()


def networks(allow: Iterable[str], host: str = "") -> tuple[Network, ...]:
    """The blocks of `allow`, and `host` itself where it is an address, metadata services apart.

    Raises `ValueError` for what is no CIDR block, or has bits set beyond its prefix.
    """
    own = literal(host.strip("[]"))
    hosts = () if own is None else tuple(ip_network(part) for part in _parts(own) if part not in METADATA)
    return tuple(_unmapped(ip_network(block)) for block in allow) + hosts


def allowed(address: str, listed: Iterable[Network]) -> bool:
    """True if a socket may connect to `address`; False too for what is not an address."""
    found = literal(address)
    return found is not None and all(_part_allowed(part, listed) for part in _parts(found))


def literal(text: str) -> Address | None:
    """The address that `text` spells, None for a name."""
    try:
        return ip_address(text.partition("%")[0])  # a zone says through which interface, not where to
    except ValueError:
        return None


def canonical_host(host: str) -> bool:
    """True for a name or an address as it is usually written, False for what else a system's resolver would take.

    That is `127.1`, `0x7f000001`, `2130706433`, `0177.0.0.1`, zone ids, and anything that is no host at all. IPv6 may
    stand in brackets. Names are ASCII: others are to be written as `xn--…`.
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare:
        return "%" not in bare and literal(bare) is not None
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return literal(host) is not None
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def _parts(address: Address) -> list[Address]:
    if isinstance(address, IPv4Address):
        return [address]
    if address in _MAPPED:  # the kernel connects to the IPv4 address itself
        return [IPv4Address(int(address) & 0xFFFF_FFFF)]
    return [address, *_inside(address)]


def _inside(address: IPv6Address) -> list[Address]:
    if address in _NOT_COMPATIBLE:
        return []
    bits = int(address)
    found: list[Address] = [IPv4Address(bits >> shift & 0xFFFF_FFFF) for block, shift in _WRAPPED if address in block]
    if address in _TEREDO:
        found.append(IPv4Address(~bits & 0xFFFF_FFFF))
    return found


def _part_allowed(part: Address, listed: Iterable[Network]) -> bool:
    if part in METADATA:
        return any(part in block and block.num_addresses == 1 for block in listed)
    return _is_global(part) or any(part in block for block in listed)


def _is_global(part: Address) -> bool:
    if isinstance(part, IPv4Address):
        return not any(part in block for block in _SPECIAL_4)
    if any(part in block for block in _SAME_REACH):
        return True
    return part in _GLOBAL_6 and not any(part in block for block in _SPECIAL_6)


def _unmapped(block: Network) -> Network:
    if isinstance(block, IPv6Network) and block.subnet_of(_MAPPED):
        return IPv4Network((int(block.network_address) & 0xFFFF_FFFF, block.prefixlen - 96))
    return block
