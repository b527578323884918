"""Reads how long an answer asks to wait: Retry-After and the variants that providers send.

The one thing a reader would get wrong: from 10^9 on a number is a point in Unix time, in whatever header it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from proxy.model import Headers

YEAR = 365 * 86400.0  # no wait is longer: beyond it only "too long" means anything
LONGEST_FIELD = 1024  # bytes; a longer one is no wait, and no work either

ASKING = {  # header -> seconds of its unit
    b"retry-after": 1.0,
    b"x-retry-after": 1.0,
    b"retry-after-ms": 0.001,
}
_READ = (b"retry-after", b"x-retry-after", b"ratelimit", b"x-ratelimit-re", b"x-rate-limit-re", b"date")
_RESETS = (b"ratelimit-reset", b"x-ratelimit-reset", b"x-rate-limit-reset")

_COMMA = re.compile(rb"(?<!day)(?<!sun|mon|tue|wed|thu|fri|sat),", re.IGNORECASE)  # not the one inside a date
_NUMBER = re.compile(rb"\d+(?:\.\d+)?")
_DURATION = re.compile(rb"(?:\d+(?:\.\d+)?(?:ms|h|m|s))+")
_PART = re.compile(rb"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS = {b"ms": 0.001, b"s": 1.0, b"m": 60.0, b"h": 3600.0}
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_PARAMETER = re.compile(rb";[ \t]*([a-z]+)[ \t]*=[ \t]*([^; \t]*)")

_CLOCK = rb"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d):(?P<second>[0-5]\d|60)"
_OFFSET = rb"[+-](?:[01]\d|2[0-3]):?[0-5]\d"
_DATES = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # RFC 9110, 5.6.7: IMF-fixdate and RFC 850; an offset in place of GMT is seen in the wild
        rb"(?:[a-z]{3,9},? +)?(?P<day>\d\d?)[ -](?P<month>[a-z]{3})[ -](?P<year>\d{4}|\d\d) "
        + _CLOCK
        + rb" (?P<zone>GMT|UTC|Z|"
        + _OFFSET
        + rb")",
        rb"[a-z]{3} (?P<month>[a-z]{3}) +(?P<day>\d\d?) " + _CLOCK + rb" (?P<year>\d{4})",  # asctime
        rb"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[T ]"  # RFC 3339, seen in the wild
        + _CLOCK
        + rb"(?P<fraction>\.\d+)?(?P<zone>Z|"
        + _OFFSET
        + rb")",
    )
)
_NAMES = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_MONTHS = {spelling: number for number, name in enumerate(_NAMES, 1) for spelling in (name, b"%02d" % number)}
_EPOCH = date(1970, 1, 1).toordinal()


class Told(NamedTuple):
    """`seconds` that an answer asked to wait, None if it said nothing usable; `unreadable`: what could not be read."""

    seconds: float | None
    unreadable: int


NOTHING = Told(None, 0)


def told_wait(status: int, headers: Headers, wall: float, *, limits_speak: bool = False) -> Told:
    """The longest wait that an answer asks for, from 0 to a year.

    Retry-After and its kin decide; without a usable one, on 429 or where `limits_speak`, the limit headers do. `wall`:
    Unix seconds at which the answer came, for points in time of an answer without a valid Date.
    """
    fields = [(name, value.strip(b" \t")) for written, value in headers if (name := written.lower()).startswith(_READ)]
    if not fields:
        return NOTHING
    received = _received(fields, wall)
    asked = _longest(
        _wait(part, received, ASKING[name]) for name, value in fields if name in ASKING for part in _list(value)
    )
    if asked.seconds is not None or not (limits_speak or status == 429):
        return asked
    limited = _longest([*_resets(fields, received), *_limits(fields, received)])
    return Told(limited.seconds, asked.unreadable + limited.unreadable)


def _received(fields: Sequence[tuple[bytes, bytes]], wall: float) -> float:
    """By the provider's clock, so that a skew of ours or theirs cancels out."""
    dates = [when for name, value in fields if name == b"date" and (when := _point(value, wall)) is not None]
    return dates[0] if dates else wall


def _longest(waits: Iterable[float | None]) -> Told:
    read = list(waits)
    usable = [wait for wait in read if wait is not None]
    return Told(max(usable, default=None), len(read) - len(usable))


def _resets(fields: Sequence[tuple[bytes, bytes]], received: float) -> Iterable[float | None]:
    """Waits of the one-value limit headers whose own `…-Remaining` is 0 or not given."""
    left = [(name, _NUMBER.fullmatch(value)) for name, value in fields]
    open_limits = {name for name, number in left if number is not None and float(number[0]) > 0}
    for name, value in fields:
        if name.startswith(_RESETS) and _remaining(name) not in open_limits:
            yield from (_wait(part, received) for part in _list(value))


def _remaining(reset: bytes) -> bytes:
    return reset.replace(b"reset", b"remaining").removesuffix(b"-after")


def _limits(fields: Sequence[tuple[bytes, bytes]], received: float) -> Iterable[float | None]:
    """Waits of the spent items of `RateLimit`: `"name";r=0;t=20`, and as one dictionary in the drafts up to 07."""
    for value in [value for name, value in fields if name == b"ratelimit"]:
        bare = _QUOTED.sub(b"", value[:LONGEST_FIELD])
        items = [b";" + bare.replace(b",", b";")] if b"reset=" in bare else bare.split(b",")
        for item in items:
            parameters = dict(_PARAMETER.findall(item))
            left = parameters.get(b"r") or parameters.get(b"remaining") or b"0"
            reset = parameters.get(b"t") or parameters.get(b"reset")
            if reset is not None and left.strip(b"0") == b"":
                yield _wait(reset, received)


def _list(value: bytes) -> Iterable[bytes]:
    if len(value) > LONGEST_FIELD:
        return [b""]
    return [part.strip(b" \t") for part in _COMMA.split(value) if part.strip(b" \t")] or [b""]


def _wait(text: bytes, received: float, unit: float = 1.0) -> float | None:
    """Seconds from `received` on, None if this is neither a number nor a duration nor a date."""
    seconds: float | None
    if _NUMBER.fullmatch(text):
        number = float(text)
        seconds = number * unit if number < 1e9 else (number if number < 1e12 else number / 1000) - received
    elif _DURATION.fullmatch(text):
        seconds = sum(float(amount) * _UNITS[name] for amount, name in _PART.findall(text))
    else:
        when = _point(text, received)
        seconds = None if when is None else when - received
    return None if seconds is None else min(max(seconds, 0.0), YEAR)


def _point(text: bytes, now: float) -> float | None:
    """Unix seconds of a date, None if it is none. A wrong weekday is accepted; a day that does not exist is not."""
    for form in _DATES:
        found = form.fullmatch(text)
        if found is not None:
            return _unix(found.groupdict(), now)
    return None


def _unix(parts: dict[str, bytes | None], now: float) -> float | None:
    text = {name: value or b"" for name, value in parts.items()}
    try:
        year = int(text["year"])
        if len(text["year"]) == 2:  # of the years with these two digits, the last that is at most 50 years ahead
            latest = date.fromordinal(_EPOCH + int(now // 86400)).year + 50
            year = latest - (latest - year) % 100
        days = date(year, _MONTHS[text["month"].lower()], int(text["day"])).toordinal() - _EPOCH
    except (KeyError, ValueError, OverflowError):
        return None
    seconds = int(text["hour"]) * 3600 + int(text["minute"]) * 60 + int(text["second"])
    return days * 86400.0 + seconds + float(text.get("fraction") or 0) - _offset(text.get("zone", b""))


def _offset(zone: bytes) -> int:
    if zone[:1] not in {b"+", b"-"}:
        return 0
    digits = zone[1:].replace(b":", b"")
    return int(zone[:1] + b"1") * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)
