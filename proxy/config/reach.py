"""Who reaches what: our listeners, those who may use them, and urls that would lead back to them.

The one thing a reader would get wrong: this runs on a configuration, before anything is bound. What is off loopback
without protection must not even listen for a moment (`security.md` §4).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network

from proxy.config.addresses import ADDRESS, Address, address, clash, leads_to, url_problem
from proxy.config.complaints import Complaints, near
from proxy.config.fill import Filling, shape
from proxy.config.schema import CallerSettings, ListenSettings
from proxy.config.tree import Node, deep, entries, items, nearest, put, shown, text
from proxy.rules.egress import canonical_host

CALLERS = "any, or {tokens: [secret…], networks: [cidr…]}"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True, slots=True)
class Bound:
    """An address that will be listened on, and where the file says so. `needs`: what it takes to be off loopback."""

    node: Node
    address: Address
    needs: str


def callers(section: Node | None, filling: Filling, upstreams: Collection[str]) -> CallerSettings | None:
    """Who may use the proxy listener; None: any."""
    if section is None or section.empty or text(section) == "any":
        return None
    if text(section) is not None:
        filling.complaints.add(section, CALLERS)
        return None
    listed = [
        one if text(one) is None else replace(one, content={"secret": one}) for one in items(deep(section, "tokens"))
    ]
    tokens = deep(section, "tokens")
    if tokens is not None and isinstance(tokens.content, list):
        section = put(section, replace(tokens, content=listed), "tokens")
    found = filling.settings(CallerSettings, section, "callers")
    if found is None:
        return None
    if not found.tokens and not found.networks:
        filling.complaints.add(section, CALLERS, given="nobody")
    _networks(section, filling.complaints)
    _narrowed(section, upstreams, filling.complaints)
    return found


def _narrowed(section: Node, upstreams: Collection[str], complaints: Complaints) -> None:
    for one in items(deep(section, "tokens")):
        for node in items(deep(one, "upstreams")):
            name = text(node) or ""
            if name not in upstreams:
                allowed = f"the name of an upstream: {', '.join(upstreams) or 'none is configured'}"
                complaints.add(node, allowed, given=_named(node, "an unknown upstream"), meant=near(name, upstreams))


def _networks(section: Node, complaints: Complaints) -> None:
    for one in items(deep(section, "networks")):
        try:
            ip_network(text(one) or "")
        except ValueError:
            complaints.add(one, "a CIDR block such as 10.0.0.0/8, no bits set beyond its prefix")


def secrets_of_callers(section: Node | None) -> Iterator[Node]:
    """The nodes that name callers' secrets."""
    for one in items(deep(section, "tokens")):
        yield one if text(one) is not None else nearest(one, "secret")


def hosts(section: Node | None, complaints: Complaints) -> None:
    """Complains about what can be no name in a Host line."""
    for one in items(section):
        name = text(one) or ""
        if not _NAME.fullmatch(name) or not canonical_host(name):
            complaints.add(one, "names or addresses, without ports")


def listeners(root: Node, listen: ListenSettings, own: Mapping[str, str]) -> list[Bound]:
    """Every address that this configuration binds and that can be read. `own`: upstream -> its `listen`."""
    places: dict[tuple[str, ...], str] = {("listen", key): getattr(listen, key) for key in shape(ListenSettings)}
    places |= {("upstreams", name, "listen"): said for name, said in own.items()}
    needs: dict[tuple[str, ...], str] = {("listen", "webhooks"): "", ("listen", "admin"): "admin.token"}
    found = []
    for path, said in places.items():
        try:
            found.append(Bound(nearest(root, *path), address(said), needs.get(path, "callers")))
        except ValueError:
            continue  # complained about by `addresses`, or by the upstream's own checks
    return found


def addresses(root: Node, complaints: Complaints) -> None:
    """Complains about addresses in `listen` that cannot be read."""
    for node in entries(deep(root, "listen")).values():
        try:
            address(text(node) or "127.0.0.1:0")
        except ValueError:
            complaints.add(node, ADDRESS)


def check(root: Node, bound: list[Bound], said: Collection[str], complaints: Complaints) -> None:
    """Complains about listeners that clash, are open to others, or are called by us. `said`: what protects them."""
    for place, one in enumerate(bound):
        if any(clash(one.address, other.address) for other in bound[:place]):
            given = _named(one.node, "an address that is used twice")
            complaints.add(one.node, "an address of its own, or port 0", given=given)
        if one.needs and one.needs not in said and not one.address.loopback:
            given = _named(one.node, "an address off loopback")
            complaints.add(one.node, f"loopback, or {one.needs} beside it", given=given)
    for url in _urls(root):
        words = text(url)
        if words is not None and url_problem(words) is None and any(leads_to(words, one.address) for one in bound):
            complaints.add(url, "another program's address", given="an address of our own listeners")


def _named(node: Node, what: str) -> str:
    """What is wrong, behind the words that stand here; a default has none."""
    return what if text(node) is None else f"{shown(node, public=True)}, {what}"


def _urls(root: Node) -> Iterator[Node]:
    for upstream in entries(deep(root, "upstreams")).values():
        yield from (node for key, node in entries(upstream).items() if key in {"url", "sandbox_url"})
        tokens = deep(upstream, "auth", "token_url")
        if tokens is not None:
            yield tokens
    for webhook in entries(deep(root, "webhooks")).values():
        found = deep(webhook, "deliver", "url")
        if found is not None:
            yield found


def known_secret(node: Node, known: Collection[str], complaints: Complaints) -> None:
    """Complains about a name that is not under `secrets`, without repeating it: it may be the secret."""
    name = text(node)
    if name is not None and name not in known:
        allowed = f"the name of a secret: {', '.join(sorted(known)) or 'none is configured'}"
        given = "a name that is not under secrets (text that is not shown)"
        complaints.add(node, allowed, given=given, meant=near(name, known))
