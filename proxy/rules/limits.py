"""The provider's rate limits as its answers tell them: what is spent, and for how long (`integrations.md` §2.1).

The one thing a reader would get wrong: a limit that is used up is a wait even on an answer that went well, since the
next request would be refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from proxy.model import Headers
from proxy.rules.retry_after import NOTHING, Told, told_wait


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """Where one limit stands: names of response headers. `used`: `32/40` in one header, which tells no wait."""

    limit: str | None = None
    remaining: str | None = None
    reset: str | None = None
    used: str | None = None
    format: Literal["epoch", "delta", "duration", "rfc3339", "fraction"] | None = None


class Limits:
    """The limits of one preset, looked up once for each answer."""

    def __init__(self, settings: Sequence[LimitSettings]) -> None:
        self._resets = [
            (one.remaining.lower().encode(), one.reset.lower().encode())
            for one in settings
            if one.remaining is not None and one.reset is not None
        ]
        self._read = frozenset(name for pair in self._resets for name in pair) | {b"date"}

    def __bool__(self) -> bool:
        return bool(self._resets)

    def spent(self, headers: Headers, wall: float) -> Told:
        """The longest wait for a limit of which nothing remains. `wall`: Unix seconds at which the answer came."""
        found = {name: value for written, value in headers if (name := written.lower()) in self._read}
        waits = [found[reset] for remaining, reset in self._resets if _is_spent(found, remaining) and reset in found]
        if not waits:
            return NOTHING
        dates = [(b"Date", found[b"date"])] if b"date" in found else []
        return told_wait(429, (*((b"Retry-After", value) for value in waits), *dates), wall)


def _is_spent(found: Mapping[bytes, bytes], remaining: bytes) -> bool:
    value = found.get(remaining, b"").strip(b" \t")
    return value.isdigit() and not value.strip(b"0")


def longest(waits: Iterable[Told]) -> Told:
    """The longest of several waits, and all that could not be read."""
    every = list(waits)
    return Told(
        max((one.seconds for one in every if one.seconds is not None), default=None),
        sum(one.unreadable for one in every),
    )
