"""Which addresses may be connected to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressSettings:
    """`allow`: CIDR blocks beside the public addresses."""

    allow: tuple[str, ...] = ()
