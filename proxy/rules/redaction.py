"""What never reaches a log or the debug store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy.units import Bytes, Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugSettings:
    """Raw capture of one upstream; needs `debug_log.enabled`."""

    raw: bool = False
    sample: Ratio = 1.0
    when: Literal["all", "error", "retry"] = "all"
    max_body: Bytes = 64 << 10
    redact: tuple[str, ...] = ()  # JSON pointers, `form:NAME`, header names
