"""What identifies an event: its id for the application, its key against repeats, its key for order.

The one thing a reader would get wrong: a body's digest alone is no key of a request without a body, whose event is all
in the query.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from proxy.rules.incoming import Incoming, TooManyPairs
from proxy.rules.locators import Locator, first
from proxy.rules.signatures import Naming

Dedupe = Literal["id", "body", "id_and_body", "off"]

LONGEST = 200  # characters of a value that may stand in a header as it is


def event_id(incoming: Incoming, naming: Naming) -> str:
    """The sender's id, its digest where it cannot stand in a header, or where there is none the digest of what came."""
    if naming.id is None:
        return _digest_of_all(incoming)
    return _plain(naming.id) or _digest(naming.id)


def event_type(naming: Naming) -> str | None:
    """The sender's word for what happened, None where it cannot stand in a header."""
    return None if naming.type is None else _plain(naming.type)


def dedupe_key(dedupe: Dedupe, incoming: Incoming, id: str) -> str | None:
    """What a repeat has in common with the first; None: there are no repeats. `id`: what `event_id()` said.

    With `body` an id counts for nothing, because a sender's id may stand where no signature covers it.
    """
    if dedupe == "off":
        return None
    if dedupe == "id":
        return id
    digest = _digest(incoming.body) if incoming.body else _digest_of_all(incoming)
    return f"body {digest}" if dedupe == "body" else f"{digest} {id}"


def order_key(order_by: Locator | None, incoming: Incoming) -> str | None:
    """The value whose events go one after the other; None: this event waits for no other."""
    if order_by is None:
        return None
    try:
        found = first((order_by,), incoming)
    except TooManyPairs:
        return None
    if found is None:
        return None
    return _plain(found) or _digest(found)


def body_digest(body: bytes) -> str:
    """What a nonce is remembered with."""
    return hashlib.sha256(body).hexdigest()


def _plain(value: bytes) -> str | None:
    """The value as text, where that is 1 to 200 printable ASCII characters without a blank at either end."""
    if len(value) > LONGEST or not value.isascii():
        return None
    text = value.decode()
    return text if text.isprintable() and text == text.strip() and text else None


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _digest_of_all(incoming: Incoming) -> str:
    digest = hashlib.sha256(b"%b\n%b\n" % (incoming.method.encode(), incoming.query or b""))
    digest.update(incoming.body)
    return "sha256:" + digest.hexdigest()
