"""Secrets made ready to check claims with: keyed hashes, and tokens that must simply be equal.

No comparison ends early: every message, every signature and every byte is looked at, whatever fitted before.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from proxy.rules.claims import Claim, Key


class HmacKey:
    """A secret under each hash that a scheme may use with it; the key's own part of the work is done here, once."""

    __slots__ = ("_macs",)

    def __init__(self, secret: bytes, algorithms: Sequence[str]) -> None:
        self._macs = {name: hmac.new(secret, digestmod=name) for name in algorithms}

    def proves(self, claim: Claim) -> bool:
        """True if one of the signatures is the MAC of one of the messages."""
        fits = False
        for message in claim.messages:
            mac = self._macs[claim.algorithm].copy()
            for piece in message:
                mac.update(piece)
            digest = mac.digest()
            for signature in claim.signatures:
                fits |= hmac.compare_digest(digest, signature)
        return fits


class KeyPerHash:
    """A public key as it serves under each hash that a scheme may use with it."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self._keys = keys

    def proves(self, claim: Claim) -> bool:
        """What the key says that serves under the claim's own hash."""
        return self._keys[claim.algorithm].proves(claim)


class TokenKey:
    """A secret that the sender says as it is. Digests are compared, so that the time does not tell its length."""

    __slots__ = ("_digest",)

    def __init__(self, secret: bytes) -> None:
        self._digest = hashlib.sha256(secret).digest()

    def proves(self, claim: Claim) -> bool:
        """True if one of the tokens is the secret, or with `every` all of them."""
        found = [hmac.compare_digest(hashlib.sha256(token).digest(), self._digest) for token in claim.signatures]
        return all(found) if claim.every else any(found)
