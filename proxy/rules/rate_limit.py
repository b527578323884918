"""GCRA: one number says when the next call may go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy.units import Rate, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitSettings:
    rate: Rate  # calls per second
    burst: int = 25
    mode: Literal["wait", "reject"] = "wait"
    max_wait: Seconds = 5.0
