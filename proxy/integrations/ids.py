"""Ids that a fake gives away. Nothing here is random: the same calls in the same order give the same ids."""

from __future__ import annotations

from hashlib import blake2b
from itertools import count

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Ids:
    """Ids that look like a provider's: counter numbers through a fixed hash. `kind` keeps two counters apart."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._numbers = count(1)

    def letters(self, length: int) -> str:
        """The next id, of digits and letters of both cases."""
        number = int.from_bytes(self._digest(), "big")
        taken = []
        for _ in range(length):
            number, place = divmod(number, len(_ALPHABET))
            taken.append(_ALPHABET[place])
        return "".join(taken)

    def hexadecimal(self, length: int) -> str:
        """The next id, of lower-case hexadecimal digits."""
        return self._digest().hex()[:length]

    def _digest(self) -> bytes:
        return blake2b(f"{self._kind} {next(self._numbers)}".encode(), digest_size=64).digest()
