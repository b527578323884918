"""The scheme of Adyen's standard notifications: eight fields of each element of the body, joined by colons.

The one thing a reader would get wrong: the rest of the body is not signed, so it must not be believed.
https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.rules.claims import Claim, Stop
from proxy.rules.incoming import DuplicateName, Incoming
from proxy.rules.signed_values import signature_bytes

MOST_ITEMS = 100  # a notification in JSON has one
_SIGNED = (
    "pspReference",
    "originalReference",
    "merchantAccountCode",
    "merchantReference",
    "amount/value",
    "amount/currency",
    "eventCode",
    "success",
)
_FREE = "merchantReference"  # what the merchant chose


class AdyenReader:
    """Reads every element; one without a signature that fits spoils the whole."""

    headers: frozenset[bytes] = frozenset()

    def read(self, incoming: Incoming) -> Claim:
        """Raises `Stop`."""
        claims = [_claim(item) for item in _items(incoming)]
        return claims[0]._replace(also=claims[1:])

    def late_time(self, incoming: Incoming) -> None:
        """Always None: eventDate is not signed."""


def _items(incoming: Incoming) -> list[Mapping[str, object]]:
    try:
        found = incoming.unambiguous_document()
    except DuplicateName as error:
        raise Stop("malformed_signature", str(error)) from None
    elements = found.get("notificationItems") if isinstance(found, dict) else None
    if not isinstance(elements, list) or not elements:
        raise Stop("missing_signature", "the body has no notificationItems")
    if len(elements) > MOST_ITEMS:
        raise Stop("malformed_signature", f"more than {MOST_ITEMS} notificationItems")
    items = [_map(element, "NotificationRequestItem") for element in elements]
    if not all(items):
        raise Stop("malformed_signature", "an element of notificationItems has no NotificationRequestItem")
    return items


def _claim(item: Mapping[str, object]) -> Claim:
    value = _map(item, "additionalData").get("hmacSignature")
    if not value:
        raise Stop("missing_signature", "an element has no additionalData.hmacSignature")
    signature = signature_bytes(value.encode("utf-8", "surrogatepass"), "base64") if isinstance(value, str) else None
    if signature is None or len(signature) != 32:
        raise Stop("malformed_signature", "hmacSignature is not the base64 of 32 bytes")
    return Claim([signature], [[b":".join(_field(item, name) for name in _SIGNED)]], "sha256")


def _field(item: Mapping[str, object], name: str) -> bytes:
    owner, _, member = name.rpartition("/")
    value = (_map(item, owner) if owner else item).get(member)
    if isinstance(value, bool):
        value = "true" if value else "false"
    if value is not None and not isinstance(value, str):
        raise Stop("malformed_signature", f"{name} is no text")
    if name != _FREE and ":" in (value or ""):  # else the colons could be moved: `a:b` and `c` for `a` and `b:c`
        raise Stop("malformed_signature", f"{name} holds a colon")
    return (value or "").encode("utf-8", "surrogatepass")


def _map(value: object, name: str) -> Mapping[str, object]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
