"""A form without some of its fields, as it passes: all other bytes and their order stay.

The one thing a reader would get wrong: nothing is parsed into a map and written again. Two spellings of one form are
two forms to whoever signed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from proxy.model import Headers

_ENCODED = 3  # characters at most for a byte of a name: %XX


class FormFilter:
    """Takes the pairs of those names (decoded) out of a form that comes in pieces. Holds no more than a name."""

    def __init__(self, names: Iterable[bytes]) -> None:
        self._names = frozenset(names)
        self._longest = _ENCODED * max(map(len, self._names), default=0)
        self._begun = b""  # of the pair that arrives, while its name is not known
        self._passes: bool | None = None  # None: its name is not known
        self._any = False  # a pair went out: the next one needs a separator

    def feed(self, piece: bytes) -> bytes:
        """What can go on once `piece` is here."""
        first, *others = piece.split(b"&")
        passed = [self._more(first)]
        for part in others:
            passed += [self.end(), self._more(part)]
        return b"".join(passed)

    def end(self) -> bytes:
        """What can go on once the last pair is over."""
        passed = self._decided() if self._passes is None else b""
        self._passes = None
        return passed

    def _more(self, part: bytes) -> bytes:
        if self._passes is None:
            self._begun += part
            known = b"=" in part or len(self._begun) > self._longest
            return self._decided() if known else b""
        return part if self._passes else b""

    def _decided(self) -> bytes:
        begun, self._begun = self._begun, b""
        name = begun.partition(b"=")[0].replace(b"+", b" ")
        self._passes = unquote_to_bytes(name) not in self._names
        if not self._passes:
            return b""
        separator = b"&" if self._any else b""
        self._any = True
        return separator + begun


def is_form(headers: Headers) -> bool:
    """True for the body of a request that is a form and can be read as one."""
    form = False
    for name, value in headers:
        lowered = name.lower()
        if lowered == b"content-type":
            form = value.partition(b";")[0].strip().lower() == b"application/x-www-form-urlencoded"
        elif lowered == b"content-encoding":
            return False
    return form
