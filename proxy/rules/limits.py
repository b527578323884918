"""The provider's rate limits as its answers tell them: what is spent, and for how long (`integrations.md` §2.1).

The one thing a reader would get wrong: a limit that is used up is a wait even on an answer that went well, since the
next request would be refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from proxy.model import Headers
from proxy.rules.retry_after import Told, told_wait


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """Where one limit stands: names of response headers. `used`: `32/40` in one header, which tells no wait.

    `format` is for who reads the manifest: the value itself shows which of these it is, as in any wait header.
    """

    limit: str | None = None
    remaining: str | None = None
    reset: str | None = None
    used: str | None = None
    format: Literal["epoch", "delta", "duration", "rfc3339", "fraction"] | None = None


class Standing:
    """What the last answer that spoke of limits said, as it stood there: it is read when somebody asks."""

    __slots__ = ("_fields", "_wall")

    def __init__(self) -> None:
        self._fields: Mapping[bytes, bytes] = {}
        self._wall = 0.0

    def note(self, fields: Mapping[bytes, bytes], wall: float) -> None:
        """Lower-case names of headers to their values. `wall`: Unix seconds at which the answer came."""
        self._fields, self._wall = fields, wall

    def rows(self, settings: Sequence[LimitSettings], wall: float) -> list[dict[str, object]]:
        """For each limit that was told: `header`, `limit`, `remaining`, `resets_in_seconds`, `seconds_ago`."""
        return [row for one in settings if (row := self._row(one, wall)) is not None]

    def _row(self, one: LimitSettings, wall: float) -> dict[str, object] | None:
        header = one.remaining or one.used or one.limit or ""
        if header.lower().encode() not in self._fields:
            return None
        limit, remaining = self._number(one.limit), self._number(one.remaining)
        if one.used is not None:
            used, limit = (_number(part) for part in self._field(one.used).partition(b"/")[::2])
            remaining = None if used is None or limit is None else max(0, limit - used)
        ago = max(0.0, wall - self._wall)
        resets = None if one.reset is None else _reset(self._fields, self._field(one.reset), self._wall).seconds
        left = None if resets is None else max(0.0, resets - ago)
        return {
            "header": header,
            "limit": limit,
            "remaining": remaining,
            "resets_in_seconds": left,
            "seconds_ago": ago,
        }

    def _field(self, name: str | None) -> bytes:
        return b"" if name is None else self._fields.get(name.lower().encode(), b"")

    def _number(self, name: str | None) -> int | None:
        return _number(self._field(name))


class Limits:
    """The limits of one preset, looked up once for each answer. `standing`: keeps what was told last."""

    def __init__(self, settings: Sequence[LimitSettings], standing: Standing | None = None) -> None:
        self._standing = standing or Standing()
        self._resets = [
            (one.remaining.lower().encode(), one.reset.lower().encode())
            for one in settings
            if one.remaining is not None and one.reset is not None
        ]
        names = {name for one in settings for name in (one.limit, one.remaining, one.reset, one.used) if name}
        self._telling = frozenset(name.lower().encode() for name in names)
        self._read = self._telling | {b"date"}

    def __bool__(self) -> bool:
        return bool(self._telling)

    def found(self, headers: Headers, wall: float) -> Mapping[bytes, bytes]:
        """What an answer says of them. `wall`: Unix seconds at which it came."""
        fields = {name: value for written, value in headers if (name := written.lower()) in self._read}
        if not self._telling.isdisjoint(fields):
            self._standing.note(fields, wall)
        return fields

    def spent(self, fields: Mapping[bytes, bytes], wall: float) -> Told:
        """The longest wait for a limit of which nothing remains. `fields`: what was found; `wall`: as there."""
        waits = [reset for remaining, reset in self._resets if _is_spent(fields, remaining) and reset in fields]
        return longest(_reset(fields, fields[reset], wall) for reset in waits)


def _reset(fields: Mapping[bytes, bytes], value: bytes, wall: float) -> Told:
    """In how many seconds a limit is new, by the answer's own clock where it has one."""
    dates = [(b"Date", fields[b"date"])] if b"date" in fields else []
    return told_wait(429, ((b"Retry-After", value), *dates), wall)


def _number(value: bytes) -> int | None:
    """A whole number of at most eighteen digits."""
    digits = value.strip(b" \t")
    return int(digits) if digits.isdigit() and len(digits) < 19 else None


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
