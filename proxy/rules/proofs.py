"""What proves a webhook request, its signature or token, taken out where people look at the request.

The one thing a reader would get wrong: a signature is as good as a secret for as long as it is young, and a request
that was refused may hold another sender's good one. So headers are hidden by how such headers are called, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from proxy.model import Headers
from proxy.rules.disguises import SHORT, find, known, redacted, replace
from proxy.rules.incoming import Incoming, TooManyPairs
from proxy.rules.locators import Locator, parse_locator
from proxy.rules.signatures import VerifySettings

_CALLED_SO = re.compile(rb"signature|hmac|(?<!idempotency)-token$|-sig$|^verif-hash$")
_SAYS_HOW = re.compile(rb"(timestamp|version|algorithm|settings|input)$")  # about a signature, and none
_OF_SCHEME = {  # where the schemes that need no `signature` have theirs
    "basic": ("header:Authorization",),
    "twilio": ("header:X-Twilio-Signature",),
    "aws_sns": ("json:/Signature",),
    "adyen": ("json:/notificationItems/*/NotificationRequestItem/additionalData/hmacSignature",),
}


def proof_places(verify: VerifySettings) -> tuple[str, ...]:
    """The locators of what proves a request, those included that a scheme has by itself."""
    return verify.signature or _OF_SCHEME.get(verify.scheme, ())


class Proofs:
    """Of the webhooks of a configuration, by name."""

    def __init__(self, webhooks: Mapping[str, VerifySettings]) -> None:
        self._places = {name: [parse_locator(text) for text in proof_places(one)] for name, one in webhooks.items()}
        located = [place for places in self._places.values() for place in places]
        self._headers = {place.name for place in located if place.kind == "header"}

    def headers(self, headers: Headers) -> Headers:
        """The same, less the values of those that hold a proof, of whatever webhook."""
        return tuple((name, redacted(_plain(name)) if self._proves(name) else value) for name, value in headers)

    def query(self, webhook: str, query: bytes) -> bytes:
        """A raw query, less the proof that this webhook has in it."""
        return _without(query, self._found(webhook, Incoming("POST", b"?" + query, (), b""), ("query",)))

    def body(self, webhook: str, body: bytes) -> bytes:
        """A body, less the proof that this webhook has in it."""
        return _without(body, self._found(webhook, Incoming("POST", b"", (), body), ("json", "form")))

    def _proves(self, name: bytes) -> bool:
        lower = name.lower()
        return lower in self._headers or bool(_CALLED_SO.search(lower) and not _SAYS_HOW.search(lower))

    def _found(self, webhook: str, incoming: Incoming, kinds: Sequence[str]) -> list[bytes]:
        return [
            value
            for place in self._places.get(webhook, ())
            if place.kind in kinds
            for value in _values(place, incoming)
            if len(value) >= SHORT  # less is no proof
        ]


def _plain(name: bytes) -> str:
    return name.decode("ascii", "replace").lower()


def _values(place: Locator, incoming: Incoming) -> list[bytes]:
    try:
        return place.find(incoming)
    except TooManyPairs:
        return []


def _without(text: bytes, values: Sequence[bytes]) -> bytes:
    return replace(text, find(text, [known("signature", value) for value in values]))
