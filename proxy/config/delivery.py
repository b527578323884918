"""What must hold between the keys of `deliver:`, beside the type of each.

The one thing a reader would get wrong: a mode that asks the application while the sender waits needs a url, the others
do not.
"""

from __future__ import annotations

from collections.abc import Collection

from proxy.config.complaints import Complaints, near
from proxy.config.tree import Node, deep, text
from proxy.rules.locators import KINDS, parse_locator

_READABLE = tuple(
    kind for kind in KINDS if kind in ("header", "json", "form", "query")
)  # of any request, proven or not


def check(deliver: Node | None, secrets: Collection[str], complaints: Complaints) -> None:
    """Complains about keys that do not go together. `secrets`: the names under `secrets:`."""
    if deliver is None or not isinstance(deliver.content, dict):
        return
    _check_mode(deliver, complaints)
    _check_order(deep(deliver, "order_by"), complaints)
    _check_secret(deliver, secrets, complaints)


def _check_mode(deliver: Node, complaints: Complaints) -> None:
    mode, url = deep(deliver, "mode"), deep(deliver, "url")
    if mode is not None and text(mode) in ("sync", "sync_then_stored") and (url is None or url.empty):
        complaints.add(mode, "a deliver.url to ask, or mode: stored", given=f"{text(mode)} without deliver.url")


def _check_order(order_by: Node | None, complaints: Complaints) -> None:
    locator = text(order_by)
    if order_by is None or locator is None:
        return
    try:
        found = parse_locator(locator)
    except ValueError as error:
        given, _, allowed = str(error).partition("; allowed: ")
        complaints.add(order_by, allowed or "a locator", given=None if order_by.written else given)
        return
    if found.kind not in _READABLE:
        complaints.add(order_by, ", ".join(f"{kind}:…" for kind in _READABLE))
    elif found.every:
        complaints.add(order_by, "a locator of one value", given="*, which stands for many")


def _check_secret(deliver: Node, secrets: Collection[str], complaints: Complaints) -> None:
    sign, secret = deep(deliver, "sign"), deep(deliver, "secret")
    name = text(secret)
    wanted = sign is not None and text(sign) == "outrigger"
    if wanted and name is None:
        complaints.add(deliver, "a deliver.secret, the name of a secret", given="sign: outrigger without it")
    if secret is None or name is None:
        return
    if not wanted:
        complaints.add(secret, "no deliver.secret, or sign: outrigger, which signs by it", given="a secret unused")
    elif name not in secrets:
        allowed = f"names of secrets: {', '.join(sorted(secrets)) or 'none is configured'}"
        given = "a name that is not under secrets (text that is not shown)"
        complaints.add(secret, allowed, given=given, meant=near(name, secrets))
