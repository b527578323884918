"""Durations, sizes, ratios and rates as people write them, and as the annotated types of settings; times in RFC 3339.

`2s`, `64KiB` and `20%` become plain floats and ints; an error says what would have been right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(ms|s|m|h|d)")
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(B|KiB|MiB|GiB)")
_SIZE_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_RATIO = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)%")
_RATE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)/(s|m|h)")

DURATION = "a duration such as 250ms, 2s, 1m, 1h, or seconds as a number"
SIZE = "a size such as 64KiB, 1MiB, or bytes as a whole number"
RATIO = "a ratio such as 0.2 or 20%"
RATE = "a rate such as 25/s, 100/m or 1000/h"


def duration(value: object) -> float:
    """Seconds. Raises `ValueError` that says what is allowed."""
    number = _number(value)
    if number is None:
        return _spelled(value, _DURATION, _DURATION_UNITS, DURATION)
    if number < 0:
        raise ValueError(DURATION)
    return number


def size(value: object) -> int:
    """Bytes. Raises `ValueError` that says what is allowed."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return int(_spelled(value, _SIZE, _SIZE_UNITS, SIZE))


def ratio(value: object) -> float:
    """A share from 0 to 1. Raises `ValueError` that says what is allowed."""
    share = _number(value)
    if share is None:
        share = _spelled(value, _RATIO, None, RATIO) / 100
    if not 0 <= share <= 1:
        raise ValueError(RATIO)
    return share


def rate(value: object) -> float:
    """Events per second. Raises `ValueError` that says what is allowed."""
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None or float(found[1]) <= 0:
        raise ValueError(RATE)
    return float(found[1]) / _DURATION_UNITS[found[2]]


def rfc3339(wall: float, precision: str = "milliseconds") -> str:
    """Unix seconds as `2026-01-31T12:00:00.000Z`; what is finer than `precision` (or `seconds`) is cut off."""
    return datetime.fromtimestamp(wall, UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _number(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:  # false for NaN
        return float(value)
    return None


def _spelled(value: object, pattern: re.Pattern[str], units: Mapping[str, float] | None, allowed: str) -> float:
    found = pattern.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(allowed)
    return float(found[1]) * (1 if units is None else units[found[2]])


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a setting may be written. A validating library calls `parse` on the raw value; `allowed` is for people."""

    parse: Callable[[object], float]
    allowed: str


Seconds = Annotated[float, Spelling(duration, DURATION)]
Bytes = Annotated[int, Spelling(size, SIZE)]
Ratio = Annotated[float, Spelling(ratio, RATIO)]
Rate = Annotated[float, Spelling(rate, RATE)]
