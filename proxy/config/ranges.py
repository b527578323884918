"""The numbers that make sense, where the type alone would allow more: last two parts of the key -> least, most.

Zero is let through where it means something: a queue of 0 refuses at once, `idle` 0 is no limit.
"""

from __future__ import annotations

import math
import re

_ANY = (0.0, math.inf)
_SOME = (0.001, math.inf)  # seconds: a time of 0 would refuse everything
_COUNT = (1, math.inf)

RANGES: dict[str, tuple[float, float]] = {
    "retry.attempts": (1, 100),
    "retry.statuses": (400, 599),
    "budget.min_per_second": _ANY,
    "backoff.base": _ANY,
    "backoff.max": _SOME,
    "breaker.failure_threshold": _COUNT,
    "breaker.recovery_timeout": _SOME,
    "breaker.probes": _COUNT,
    "breaker.failure_rate": (0.001, 1),
    "breaker.min_requests": _COUNT,
    "breaker.window": _SOME,
    "breaker.slow_after": _SOME,
    "breaker.slow_rate": (0.001, 1),
    "timeout.connect": _SOME,
    "timeout.first_byte": _SOME,
    "timeout.total": _SOME,
    "rate_limit.burst": _COUNT,
    "concurrency.max": _COUNT,
    "deliver.timeout": _SOME,
    "deliver.concurrency": (1, 1_000),
    "retry.waits": (0.001, 365 * 86400.0),
    "answer.status": (200, 299),
    "inbox.max_pending": _COUNT,
    "workers": _COUNT,
}
_PLACE = re.compile(r"\[\d+\]$")


def limits(key: str) -> tuple[float, float]:
    """The least and the most that `key` may be; numbers below 0 mean nothing anywhere."""
    short = _PLACE.sub("", key)
    return RANGES.get(".".join(short.split(".")[-2:])) or RANGES.get(short) or _ANY
