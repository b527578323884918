"""Addresses as Stripe shows them: whole, with null for each line that was not given."""

from __future__ import annotations

from proxy.integrations.stripe.account import Record
from proxy.integrations.stripe.parameters import Parameters

_LINES = ("city", "country", "line1", "line2", "postal_code", "state")


def address(given: Parameters) -> Record | None:
    """The `address`, None where it is absent or empty."""
    lines = given.inner("address").changes(*_LINES)
    return {**dict.fromkeys(_LINES), **lines} if lines else None


def shipping(given: Parameters) -> Record | None:
    """The `shipping` with its address, None where it is absent or empty."""
    inner = given.inner("shipping")
    to, words = address(inner), inner.changes("name", "phone")
    return {"address": to, "name": None, "phone": None, **words} if to or words else None


def changes(given: Parameters) -> Record:
    """Those of the two that were given."""
    made = {"address": address(given), "shipping": shipping(given)}
    return {name: value for name, value in made.items() if name in given}
