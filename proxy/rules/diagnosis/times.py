"""Hypotheses about the time: the signature is good and the clock, the age or the unit is not.

The one thing a reader would get wrong: a refusal for its time means the MAC fitted, so each of these is proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from typing import Literal

from proxy.rules.diagnosis.case import ABOUT_TIME, Asked, Finding, fits, proven, signed_text, signed_time
from proxy.rules.incoming import Incoming
from proxy.rules.signatures import Rejected

_ENOUGH = 3  # refusals before a skew may be called steady
_SPREAD = 30.0  # seconds; or a tenth of the skew
_NEAR = 0.02  # of the factor 1000: some months either way
_UNITS: tuple[Literal["s", "ms", "iso8601"], ...] = ("s", "ms", "iso8601")


def expired_or_future(asked: Asked, incoming: Incoming, found: Rejected) -> Iterator[Finding]:
    """Genuine, and too far from now."""
    if found.outcome not in ABOUT_TIME:
        return
    when = signed_time(asked.settings, asked.public_url, incoming)
    if when is None or _factor(when, asked.wall):
        return
    skew = asked.wall - when
    what = f"the signature is good; it was made {abs(skew):.0f} s {'ago' if skew > 0 else 'in the future'}"
    secret = fits(asked, incoming)
    yield proven(found.outcome, what, _advice(asked, skew), secret, signed_text(asked, incoming))


def time_unit(asked: Asked, incoming: Incoming, found: Rejected) -> Iterator[Finding]:
    """Seconds for milliseconds, the reverse, or a written date."""
    if found.outcome not in ("expired", "future", "malformed_timestamp"):
        return
    for unit in _UNITS:
        settings = replace(asked.settings, timestamp_unit=unit)
        when = signed_time(settings, asked.public_url, incoming)
        if unit == asked.settings.timestamp_unit or when is None or not _same_age(when, asked.wall):
            continue
        secret = fits(asked.under(settings), incoming)
        if secret is not None:
            what = f"the signature is good; its time is written in {unit}, not in {asked.settings.timestamp_unit}"
            yield proven("time_unit", what, f"{asked.key('verify.timestamp_unit')}: {unit}", secret)


def steady_skew(asked: Asked) -> float | None:
    """Seconds by which the last refusals are off, all about the same; None where there is no such pattern."""
    tolerance = asked.settings.tolerance
    if len(asked.skews) < _ENOUGH or tolerance is None:
        return None
    middle = median(asked.skews)
    spread = median(abs(skew - middle) for skew in asked.skews)
    return middle if abs(middle) > tolerance and spread <= max(_SPREAD, abs(middle) / 10) else None


def _advice(asked: Asked, skew: float) -> str:
    steady = steady_skew(asked)
    if steady is not None:
        direction = "ahead of" if steady > 0 else "behind"
        return (
            f"the last {len(asked.skews)} refusals are all about {abs(steady):.0f} s off: this machine's clock is "
            f"{direction} the sender's; set it by NTP (`outrigger doctor` compares it)"
        )
    if skew < 0:
        return (
            f"compare this machine's clock with the sender's; {asked.key('verify.tolerance')} is the distance allowed"
        )
    return (
        "one old request is a replay, or was held in a queue on the way: find that, or raise "
        f"{asked.key('verify.tolerance')}; a saved request is judged as of its own time with --at UNIX"
    )


def _factor(when: float, wall: float) -> bool:
    """True if the time is off by about a factor of 1000."""
    return _same_age(when * 1000, wall) or _same_age(when / 1000, wall)


def _same_age(when: float, wall: float) -> bool:
    return wall > 0 and abs(when / wall - 1) < _NEAR
