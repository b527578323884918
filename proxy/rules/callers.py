"""Who may use the listener: Host allow-list, no browsers, caller tokens and networks (`security.md` §4)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from proxy.errors import Refusal

ALWAYS = ("localhost", "127.0.0.1", "[::1]")
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::\d{1,5})?")
_MEMO_LIMIT = 256


class Hosts:
    """The names accepted in `Host`, compared exactly, case and port apart."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.lower().encode() for name in (*ALWAYS, *names))
        self._memo: set[tuple[bytes, str]] = set()

    def check(self, host: bytes, local: str) -> None:
        """Raises `Refusal` `misdirected` for a name that is not on the list.

        `local`: the connection's own address, as an IP literal; a page cannot have that one by rebinding a name.
        """
        if (host, local) in self._memo:
            return
        found = _HOST.fullmatch(host)
        if found is None or not (found[1].lower() in self._names or _is_own(found[1], local)):
            raise Refusal("misdirected", "The Host of this request is not one of this proxy's; see `hosts`.")
        if len(self._memo) < _MEMO_LIMIT:
            self._memo.add((host, local))


def _is_own(host: bytes, local: str) -> bool:
    """True for an IP literal in its canonical spelling that is the connection's own address, and no wildcard."""
    if not local:
        return False
    own = ip_address(local.partition("%")[0])
    if isinstance(own, IPv6Address) and own.ipv4_mapped is not None:
        own = own.ipv4_mapped
    literal = f"[{own}]" if isinstance(own, IPv6Address) else str(own)
    return not own.is_unspecified and host.lower() == literal.encode()


def no_browser(notes: Mapping[bytes, bytes]) -> None:
    """Raises `Refusal` `browser_refused` for what only browsers send; servers send `Sec-Fetch-Mode` too."""
    if b"origin" in notes or b"sec-fetch-site" in notes:
        raise Refusal("browser_refused", "Requests of a browser page are not served.")


@dataclass(frozen=True, slots=True)
class Token:
    """One caller's token; `upstreams` None: for all of them."""

    value: bytes
    upstreams: frozenset[str] | None = None


class Callers:
    """Tokens and networks that may use the proxy; with neither, everybody may."""

    def __init__(self, tokens: Iterable[Token] = (), networks: Iterable[str] = (), *, restricted: bool = False) -> None:
        self._tokens = tuple(tokens)
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(map(ip_network, networks))
        self._restricted = restricted

    def admit(self, notes: Mapping[bytes, bytes], peer: str) -> frozenset[str] | None:
        """The upstreams that this caller may use, None for all. Raises `Refusal` `unauthorized_caller`."""
        if not self._restricted:
            return None
        given = notes.get(b"outrigger-caller-token", b"")
        matching = [token for token in self._tokens if hmac.compare_digest(token.value, given) and token.value]
        if matching:
            everything = any(token.upstreams is None for token in matching)
            return None if everything else frozenset().union(*(token.upstreams or () for token in matching))
        if self._is_near(peer):
            return None
        raise unauthorized()

    def _is_near(self, peer: str) -> bool:
        if not peer or not self._networks:
            return False
        address = ip_address(peer.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def unauthorized() -> Refusal:
    """The refusal of a caller who has no token for what it asked."""
    return Refusal("unauthorized_caller", "Outrigger-Caller-Token is missing or not one that is configured.")


def host_name(address: str) -> str | None:
    """The name that a listener is bound to, None for an IP address or a Unix socket."""
    host = address.rpartition(":")[0]
    return None if address.startswith("unix:") or host[:1] == "[" or host.replace(".", "").isdigit() else host
