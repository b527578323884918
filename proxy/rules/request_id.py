"""Ids of calls and events: UUID version 7 (RFC 9562, 5.7), so that they sort by time.

The one thing a reader would get wrong: the version and variant digits stand between random ones, so ten random bytes
give 19 hexadecimal digits, and one of the twenty is not used.
"""

from __future__ import annotations

from collections.abc import Callable

_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_BLOCK = 400  # ids from one call for random bytes


class Ids:
    """Makes ids. `wall`: Unix seconds of now. `noise`: as many random bytes as it is asked for.

    Random digits are drawn for 400 ids at a time and the digits of a millisecond are kept for the next id in it: an id
    costs a fifth of what asking the kernel and formatting each number would.
    """

    __slots__ = ("_at", "_digits", "_moment", "_noise", "_stamp", "_wall")

    def __init__(self, wall: Callable[[], float], noise: Callable[[int], bytes]) -> None:
        self._wall = wall
        self._noise = noise
        self._digits = ""
        self._at = 0  # of the first digit that was not used
        self._moment = -1
        self._stamp = ""

    def __call__(self) -> str:
        """A new id."""
        moment, at = int(self._wall() * 1000), self._at
        if moment != self._moment:
            self._moment, self._stamp = moment, _stamp(moment)
        if at == len(self._digits):
            self._digits, at = self._noise(10 * _BLOCK).hex(), 0
        self._at = at + 20
        return _joined(self._stamp, self._digits[at : at + 20])


def uuid7(wall: float, noise: bytes) -> str:
    """The id of the moment `wall` (Unix seconds) from ten random bytes."""
    return _joined(_stamp(int(wall * 1000)), noise.hex())


def _stamp(moment: int) -> str:
    digits = "%012x" % (moment & 0xFFFFFFFFFFFF)
    return f"{digits[:8]}-{digits[8:]}-7"


def _joined(stamp: str, digits: str) -> str:
    return f"{stamp}{digits[:3]}-{_VARIANTS[digits[19]]}{digits[3:6]}-{digits[6:18]}"
