"""Places, and who is next for one."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.units import Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencySettings:
    max: int = 100  # requests in flight
    queue: int = 100  # calls that may wait for a place
    max_wait: Seconds = 1.0
