"""What stands over what: an upstream's words over its preset's, and those over `defaults`.

The one thing a reader would get wrong: maps do not simply merge where two words exclude each other. A layer that says
how to authenticate takes away what a lower one said about the same header, or both would be sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from proxy.config.manifest import Manifest, source_of
from proxy.config.tree import Node, deep, entries, items, laid_over, put, text, with_entry
from proxy.rules.auth_settings import NAMES_OF_SECRETS
from proxy.rules.headers import fold

_PLACE = re.compile(r"\{([^{}]+)\}")


def stacked(under: Node | None, over: Node) -> Node:
    """`over` on top of `under`, less what of `under` cannot go with it."""
    under = under or replace(over, content={})
    if over.empty:
        return replace(over, content=under.content, plain=False)
    auth = deep(over, "auth")
    if auth is not None:
        under = _less_auth(under, auth)
        for name in entries(deep(under, "inject", "headers")):
            under = put(under, None, "inject", "headers", name) if _folded(name) in filled_by(auth) else under
    if not filled_by(deep(under, "auth")).isdisjoint(map(_folded, entries(deep(over, "inject", "headers")))):
        under = put(under, None, "auth")
    return laid_over(_repeats(under, over), over)


def _less_auth(under: Node, auth: Node) -> Node:
    """Another type takes all of a lower layer's `auth` away, another grant what only the first one needed."""
    kind, grant = text(deep(auth, "type")), text(deep(auth, "grant"))
    if kind is not None and kind != text(deep(under, "auth", "type")):
        return put(under, None, "auth")
    if grant is not None and grant != text(deep(under, "auth", "grant")):
        for key in ("client_secret", "refresh_token", "private_key", "audience"):
            under = put(under, None, "auth", key)
    return under


def _repeats(under: Node, over: Node) -> Node:
    """A header and a field of the body exclude each other as what makes a repeat safe."""
    said = entries(deep(over, "retry", "idempotency"))
    if "json" in said and "header" not in said:
        return put(under, replace(said["json"], content="none"), "retry", "idempotency", "header")
    return put(under, None, "retry", "idempotency", "json") if "header" in said else under


def filled_by(auth: Node | None) -> set[str]:
    """The folded names of the header fields that `auth` fills."""
    if auth is None or not isinstance(auth.content, dict):
        return set()
    headers = deep(auth, "headers")
    kind = text(deep(auth, "type"))
    if kind in ("hmac", "ws_security", "aws_sigv4"):
        named = [text(deep(auth, key)) for key in ("header", "timestamp")] if kind == "hmac" else []
        signed = ["authorization", "x-amz-date", "x-amz-security-token"] if kind == "aws_sigv4" else []
        return {*signed, *(_folded(name) for name in named if name)}
    if kind != "api_key":
        return {"authorization"}
    return {_folded(name) for name in entries(headers)} | {_folded(text(one) or "") for one in items(headers)}


def preset_layer(name: str, manifest: Manifest) -> Node:
    """What a preset says in the words of an upstream's own keys."""
    nothing = Node({}, "", source_of(name), 1, plain=False)
    layer = manifest.upstream or nothing
    for key, node in (("auth", manifest.auth), ("inject", manifest.inject)):
        layer = layer if node is None else with_entry(layer, key, node)
    if manifest.url is not None:
        layer = with_entry(layer, "url", replace(nothing, content=manifest.url, key="url"))
    if manifest.scope.deny:
        entries_denied = [replace(nothing, content=entry, key="scope.not_used") for entry in manifest.scope.deny]
        layer = put(layer, replace(nothing, content=entries_denied, key="scope.not_used"), "scope", "deny")
    return layer


def with_names(tree: Node, names: Mapping[str, str]) -> Node:
    """The tree with secrets called by other names, wherever credentials are made of them."""
    for path in (("auth",), ("inject",)):
        found = deep(tree, *path)
        tree = tree if found is None or not names else put(tree, _renamed(found, names, path[-1]), *path)
    return tree


def _renamed(node: Node, names: Mapping[str, str], key: str) -> Node:
    if isinstance(node.content, dict):
        return replace(node, content={name: _renamed(one, names, name) for name, one in node.content.items()})
    if isinstance(node.content, list):
        return node
    if key in NAMES_OF_SECRETS:
        return replace(node, content=names.get(node.content, node.content))
    return replace(node, content=renamed(node.content, names))


def renamed(template: str, names: Mapping[str, str]) -> str:
    """A template over secrets that are called by other names now."""
    return _PLACE.sub(lambda place: f"{{{names.get(place[1], place[1])}}}", template)


def with_named_headers(tree: Node) -> Node:
    """`auth.headers` as a map of templates, where the file only lists the names."""
    headers, secret = deep(tree, "auth", "headers"), text(deep(tree, "auth", "secret"))
    if headers is None or not isinstance(headers.content, list) or secret is None:
        return tree
    named = {
        one.content: replace(one, content=f"{{{secret}}}") for one in headers.content if isinstance(one.content, str)
    }
    return put(tree, replace(headers, content={**named}), "auth", "headers")


def _folded(name: str) -> str:
    return fold(name.encode()).decode()
