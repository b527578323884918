"""Until when the provider said wait, and for which part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy.units import Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CooldownSettings:
    mode: Literal["wait", "reject", "pass"] = "wait"
    scope: Literal["upstream", "credential", "path"] = "upstream"
    max_wait: Seconds = 60.0
    queue: int = 100  # calls that may wait at a time
