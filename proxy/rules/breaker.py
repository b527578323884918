"""The breaker: closed, open, half-open."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.units import Ratio, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    failure_threshold: int = 5  # failures in a row
    recovery_timeout: Seconds = 60.0  # open before a probe is let through
    probes: int = 1  # attempts at a time while half-open, and successes that close it
    failure_rate: Ratio = 0.5  # of the outcomes in the window
    min_requests: int = 20  # outcomes in the window before a share of them means anything
    window: Seconds = 30.0
    slow_after: Seconds | None = None  # to the response head; None: slowness is no evidence
    slow_rate: Ratio = 0.8
